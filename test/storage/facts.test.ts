/** What a segment's header says of all before it: read as it was written, and nothing else. */
import { describe, expect, test } from 'vitest'
import { IGNORABLE, type SnapshotRecord } from '../../src/storage/commit-store.js'
import { Facts, numbersOf, packSnapshot, unpackSnapshot } from '../../src/storage/facts.js'
import { NotPlain } from '../../src/storage/plain.js'
import { pack, unpack } from '../../src/storage/record.js'

const head = { position: 7, digest: 'ab'.repeat(32) }
const snapshot: SnapshotRecord = {
  projection: 'tally',
  revision: 2,
  head,
  file: 'snapshots/tally/000000000007.snap',
  bytes: 4711,
  sha256: 'cd'.repeat(32),
}
const gap = { first: 3, last: 5, segment: '1.seg', offset: 160, bytes: 700, reason: 'it does not check', at: 6, head }
const header = {
  segment: 5,
  before: 3,
  at: 9,
  types: [['turn.started', 2, false]],
  open: ['s'],
  snapshots: [snapshot],
  gaps: [gap],
}

describe('a snapshot record', () => {
  test('is read as it was written', () => expect(unpackSnapshot(packSnapshot(snapshot))).toEqual(snapshot))

  test.each<[string, object]>([
    ['projection', { projection: 1 }],
    ['revision', { revision: -2 }],
    ['head', { head: null }],
    ['position', { head: { ...head, position: '7' } }],
    ['digest', { head: { position: 7 } }],
    ['bytes', { bytes: 1.5 }],
    ['sha256', { sha256: null }],
    ['file', { file: null }],
    ['file, which is a list that reads like one,', { file: [snapshot.file] }],
    ['file, which lies elsewhere,', { file: '../../etc/passwd' }],
    ['file, which leads elsewhere,', { file: 'snapshots/../x/1.snap' }],
    ['file, which stands in no projection,', { file: 'snapshots/1.snap' }],
    ['file, which only begins like one,', { file: `${snapshot.file}.old` }],
    ['file, which only ends like one,', { file: `./${snapshot.file}` }],
  ])('whose %s is none vouches for nothing', (_, wrong) => {
    expect(() => unpackSnapshot(pack({ ...snapshot, ...wrong }))).toThrow(NotPlain)
  })

  test('that says nothing vouches for nothing', () => expect(() => unpackSnapshot(pack(null))).toThrow(NotPlain))
})

describe('a segment header', () => {
  test('is read as it was written, with the number before it, which it says where that is not one less', () => {
    const facts = Facts.decode(pack(header))
    expect(facts).toMatchObject({ lastAt: 9, snapshots: [snapshot], gaps: [gap] })
    expect([[...facts.types], [...facts.open]]).toEqual([[['turn.started', { schema: 2, ignorable: false }]], ['s']])
    expect(unpack(facts.encode(5, 3))).toEqual(header)
    expect(numbersOf(facts.encode(5, 3))).toEqual({ segment: 5, before: 3 })
    expect(unpack(new Facts().encode(5, 4))).toEqual({ segment: 5, at: 0, types: [], open: [], snapshots: [] })
    expect(numbersOf(new Facts().encode(5, 4))).toEqual({ segment: 5, before: 4 })
  })

  test.each<[string, object]>([
    ['number', { segment: '5' }],
    ['number before', { before: -1 }],
    ['time', { at: '9' }],
    ['list of types', { types: 'turn.started' }],
    ['type', { types: ['turn.started'] }],
    ['name of a type', { types: [[1, 2, false]] }],
    ['schema of a type', { types: [['turn.started', -1, false]] }],
    ['mark of a type', { types: [['turn.started', 2, 0]] }],
    ['list of open streams', { open: 's' }],
    ['open stream', { open: [1] }],
    ['list of snapshots', { snapshots: null }],
    ['snapshot', { snapshots: [snapshot, { ...snapshot, bytes: -1 }] }],
    ['list of gaps', { gaps: 'none' }],
    ['gap', { gaps: [{ ...gap, first: -1 }] }],
    ['time of a gap', { gaps: [{ ...gap, at: null }] }],
    ['head of a gap', { gaps: [gap, { ...gap, head: null }] }],
  ])('whose %s is none says nothing', (_, wrong) => {
    expect(() => Facts.decode(pack({ ...header, ...wrong }))).toThrow(NotPlain)
  })

  test('that holds nothing says nothing', () => expect(() => Facts.decode(pack(null))).toThrow(NotPlain))
})

test('of a projection the two newest snapshots stay vouched for, and of one file the last word', () => {
  const facts = new Facts()
  const at = (position: number, projection = 'tally'): SnapshotRecord => ({
    ...snapshot,
    projection,
    head: { ...head, position },
    file: `${position}`,
  })
  for (const one of [at(1), at(2, 'other'), at(3), at(4), { ...at(4), bytes: 1 }]) facts.addSnapshot(one)
  expect(facts.snapshots).toEqual([{ ...at(4), bytes: 1 }, at(3), at(2, 'other')])
})

describe('facts', () => {
  const commit = (at: number, ...events: [type: string, schema: number, flags?: number][]) => ({
    stream: 's',
    version: 1,
    at,
    events: events.map(([type, schema, flags = 0]) => ({ type, schema, flags, data: {} })),
  })
  const typesOf = ({ types }: Facts): unknown => Object.fromEntries(types)

  test('have the newest schema of each type, and whether all of it may be passed over', () => {
    const facts = new Facts()
    facts.addCommit(commit(1, ['a', 1], ['b', 2, IGNORABLE], ['c', 1, IGNORABLE]), false)
    expect(typesOf(facts)).toEqual({
      a: { schema: 1, ignorable: false },
      b: { schema: 2, ignorable: true },
      c: { schema: 1, ignorable: true },
    })
    facts.addCommit(commit(1, ['a', 3, IGNORABLE], ['b', 1, IGNORABLE], ['c', 1]), false)
    expect(typesOf(facts)).toEqual({
      a: { schema: 3, ignorable: false },
      b: { schema: 2, ignorable: true },
      c: { schema: 1, ignorable: false },
    })
    facts.addCommit(commit(1, ['a', 2], ['b', 1], ['c', 4, IGNORABLE]), false)
    expect(typesOf(facts)).toEqual({
      a: { schema: 3, ignorable: false },
      b: { schema: 2, ignorable: false },
      c: { schema: 4, ignorable: false },
    })
  })

  test('have the latest time that a commit had, and the streams that are open', () => {
    const facts = new Facts()
    for (const [at, last] of [
      [5, 5],
      [3, 5],
      [5, 5],
      [6, 6],
    ] as const) {
      facts.addCommit(commit(at, ['a', 1]), at !== 3)
      expect(facts.lastAt).toBe(last)
      expect([...facts.open]).toEqual(at === 3 ? [] : ['s'])
    }
  })

  test('have the two newest snapshots of each projection, each once', () => {
    const facts = new Facts()
    const of = (projection: string, position: number): SnapshotRecord => ({
      ...snapshot,
      projection,
      head: { ...head, position },
      file: `snapshots/${projection}/${position}.snap`,
    })
    for (const [projection, position] of [
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['a', 3],
      ['b', 2],
      ['a', 3],
    ] as const)
      facts.addSnapshot(of(projection, position))
    expect(facts.snapshots).toEqual([of('a', 3), of('b', 2), of('a', 2), of('b', 1)])
  })

  test('that are copied go on by themselves', () => {
    const facts = Facts.decode(pack(header))
    const copy = facts.copy()
    expect(copy.encode(5, 3)).toEqual(facts.encode(5, 3))
    const before = facts.encode(5, 3)
    copy.addCommit(commit(99, ['new', 1]), true)
    copy.addCommit({ ...commit(99, ['new', 1]), stream: 't' }, true)
    copy.addSnapshot({ ...snapshot, file: 'snapshots/tally/8.snap' })
    copy.addGaps([gap])
    expect(facts.encode(5, 3)).toEqual(before)
    expect(copy.gaps).toEqual([gap, gap])
    expect(Facts.decode(copy.encode(6, 5))).toEqual(copy)
  })
})
