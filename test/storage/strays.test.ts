/** Files among the segments that are none of them: they hide nothing, end nothing, and nobody takes what is theirs for the journal's. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { parseSegment, segmentName } from '../../src/storage/paths.js'
import { salvageInto } from '../../src/storage/salvage-journal.js'
import { MISSING_MAX, SEGMENT_POSITIONS, sortOut, type Candidate } from '../../src/storage/strays.js'
import { bytesOf, change, DIRECTORY, frameAt, namesOf } from './support/damage.js'
import { Appending, contents, event, isGap, list, notes, numbers, openStore, type Options } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const SMALL = { segmentBytes: 700 }
const LARGE = { segmentBytes: 1 << 20 }
const TEXT = 'x'.repeat(30)

const segment = (name: string): string => join(DIRECTORY, 'journal', name)
const put = (files: MemoryFiles, name: string, bytes: Buffer = Buffer.alloc(0)): unknown =>
  files.inodes.set(segment(name), { bytes: Buffer.from(bytes), lock: undefined })
const flip = (files: MemoryFiles, path: string, at: number): void => change(files, path, (bytes) => void (bytes[at]! ^= 1))
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Appends events to a journal, one by one, and closes it; returns it as it was before that. */
async function written(files: MemoryFiles, options: Options, ns: readonly number[], text = '', idleMs = 0): Promise<MemoryFiles> {
  const journal = new Appending(await openStore(DIRECTORY, { files, ...options }))
  for (const n of ns) {
    await journal.append('s', [event(n, 'added', text)])
    if (idleMs > 0) await sleep(idleMs)
  }
  const crashed = files.copy()
  await journal.store.close()
  return crashed
}

async function seen(files: MemoryFiles, directory = DIRECTORY): Promise<{ shown: number[]; gaps: number; damage: string[] }> {
  const store = await openStore(directory, { files, readOnly: true })
  const { commits, gaps } = await contents(store)
  const damage = store.recovery.damage.map(({ reason }) => reason)
  await store.close()
  return { shown: numbers(commits), gaps: gaps.length, damage }
}

async function salvaged(files: MemoryFiles): Promise<{ shown: number[]; gaps: number }> {
  await salvageInto(DIRECTORY, '/new', { files, notes, ...SMALL })
  const { shown, gaps } = await seen(files, '/new')
  return { shown, gaps }
}

describe('salvage', () => {
  test('takes nothing of a copy that went on by itself', async () => {
    const files = new MemoryFiles()
    await written(files, LARGE, [0, 1, 2])
    const fork = files.copy()
    await written(files, LARGE, [3, 4, 5, 6, 7, 8])
    await written(fork, SMALL, [103, 104, 105, 106, 107, 108])
    const theirs = namesOf(fork, '.seg').find((name) => name.includes('00000002-')) as string
    put(files, '00000009-000000000500.seg', bytesOf(fork, theirs))
    expect(await salvaged(files)).toEqual({ shown: upTo(9), gaps: 0 })
  })

  test.each([
    ['a group that is lost', false, upTo(12).filter((n) => n !== 5)],
    ['a segment that is lost, of which the beginning is its own too', true, [0, 1, 2, 3, 7, 8, 9, 10, 11]],
  ])('takes nothing of such a copy in the place of %s, where what stands behind that says otherwise', async (_, isGone, left) => {
    const files = new MemoryFiles()
    await written(files, SMALL, [0, 1, 2, 3, 4])
    const fork = files.copy()
    await written(files, SMALL, [5, 6, 7, 8, 9, 10, 11])
    await written(fork, SMALL, [105, 106, 107, 108, 109, 110, 111])
    const [, second] = namesOf(files, '.seg') as [string, string]
    put(files, '00000050-000000000001.seg', bytesOf(fork, second))
    if (isGone) files.inodes.delete(second)
    else flip(files, second, frameAt(bytesOf(files, second), 3) + 110)
    expect(await salvaged(files)).toEqual({ shown: left, gaps: 1 })
  })

  test('gives what a segment and a copy of it hold between them, also where the one has lost its header', async () => {
    const files = new MemoryFiles()
    await written(files, SMALL, upTo(9), TEXT)
    const second = namesOf(files, '.seg')[1] as string
    const payloadOf = (n: number): number => frameAt(bytesOf(files, second), n) + 130
    const [first, next] = [payloadOf(1), payloadOf(2)]
    const copy = '00000009-000000000500.seg'
    put(files, copy, bytesOf(files, second))
    flip(files, segment(copy), first)
    flip(files, second, 20)
    expect(await salvaged(files.copy())).toEqual({ shown: upTo(9), gaps: 0 })
    flip(files, second, next)
    expect(await salvaged(files)).toEqual({ shown: upTo(9), gaps: 0 })
  })

  test.each([
    ['under another name', true],
    ['in its place', false],
  ])('gives no position again behind a newest segment %s of which only the header is left', async (_, isRenamed) => {
    const files = new MemoryFiles()
    await written(files, SMALL, upTo(10), TEXT)
    const newest = namesOf(files, '.seg').at(-1) as string
    const bytes = bytesOf(files, newest)
    const header = bytes.subarray(0, frameAt(bytes, 1))
    files.inodes.delete(join(DIRECTORY, 'head'))
    files.inodes.delete(newest)
    for (const name of namesOf(files, '.idx')) files.inodes.delete(name)
    if (isRenamed) put(files, '00000009-000000000500.seg', header)
    else files.inodes.set(newest, { bytes: Buffer.concat([header, Buffer.alloc(bytes.length - header.length, 7)]), lock: undefined })
    const { position } = await salvageInto(DIRECTORY, '/new', { files, notes, ...SMALL })
    expect(position).toBeGreaterThanOrEqual(10)
  })

  test('finds the first group behind a header that does not check, where the segment before ends with a mark', async () => {
    const files = new MemoryFiles()
    await written(files, SMALL, upTo(9), TEXT, 80)
    for (const name of namesOf(files, '.seg').slice(1)) {
      const hurt = files.copy()
      flip(hurt, name, 20)
      expect(await salvaged(hurt)).toEqual({ shown: upTo(9), gaps: 0 })
    }
  })
})

test.each([
  ['left in order', true, true],
  ['left in order, without its head file', true, false],
  ['that a crash left', false, true],
  ['that a crash left, without its head file', false, false],
])('an empty file named as a segment that begins behind a group hides nothing of a journal %s', async (_, clean, head) => {
  const closed = new MemoryFiles()
  const crashed = await written(closed, LARGE, upTo(10))
  const files = clean ? closed : crashed
  put(files, '00000002-000000000005.seg')
  if (!head) files.inodes.delete(join(DIRECTORY, 'head'))
  expect(await salvaged(files.copy())).toEqual({ shown: upTo(10), gaps: 0 })
  const store = await openStore(DIRECTORY, { files })
  expect(store.recovery.damage.map(({ reason }) => reason)).toEqual(['it holds nothing, and the segment before it goes on'])
  await store.repair()
  expect(await new Appending(store).append('t', [event(10)])).toMatchObject({ position: 11 })
  await store.close()
  expect(await seen(files)).toEqual({ shown: upTo(11), gaps: 0, damage: [] })
})

test.each(['00000001-000000000001.idx', '00000002-000000000001.idx'])(
  'an empty index (%s) behind a clean end is told of once, and one repair is enough',
  async (name) => {
    const files = new MemoryFiles()
    await written(files, LARGE, upTo(3))
    put(files, name)
    const damage = []
    for (let round = 0; round < 3; round++) {
      const store = await openStore(DIRECTORY, { files, ...LARGE })
      damage.push(store.recovery.damage.length)
      await store.repair()
      await new Appending(store).append(`t${round}`, [event(3 + round)])
      expect((await store.verify()).damage).toEqual([])
      await store.close()
    }
    expect(damage).toEqual([1, 0, 0])
    expect(await seen(files)).toMatchObject({ shown: upTo(6), damage: [] })
  },
)

test.each([MISSING_MAX - 1, MISSING_MAX])('an index named %i segments behind makes no stray of what is written next', async (far) => {
  const files = await written(new MemoryFiles(), LARGE, upTo(2), '', 80)
  put(files, `${String(1 + far).padStart(8, '0')}-000000000001.idx`)
  const store = await openStore(DIRECTORY, { files })
  await store.repair()
  await new Appending(store).append('t', [event(2)])
  await store.close()
  expect(await seen(files)).toMatchObject({ shown: upTo(3), damage: [] })
})

test('a segment whose header rotted is read, beside a file of another journal with its number', async () => {
  const [files, foreign] = [new MemoryFiles(), new MemoryFiles()]
  await written(files, SMALL, upTo(9), TEXT)
  await written(foreign, SMALL, upTo(9), TEXT.repeat(2))
  flip(files, namesOf(files, '.seg')[1] as string, 20)
  const theirs = namesOf(foreign, '.seg')[1] as string
  expect(files.inodes.has(theirs)).toBe(false)
  files.inodes.set(theirs, foreign.inodes.get(theirs)!)
  const { shown, gaps } = await seen(files)
  expect({ shown, gaps }).toEqual({ shown: upTo(9), gaps: 0 })
  expect(await salvaged(files)).toEqual({ shown: upTo(9), gaps: 0 })
})

test('of two files with one number and headers that check, the one whose history continues is the segment', async () => {
  const files = new MemoryFiles()
  await written(files, SMALL, upTo(3), TEXT)
  const fork = files.copy()
  await written(files, SMALL, [3, 4, 5, 6, 7, 8], TEXT)
  await written(fork, SMALL, [103, 104, 105, 106, 107, 108, 109, 110], TEXT.repeat(5))
  const last = namesOf(files, '.seg').length
  const theirs = namesOf(fork, '.seg').filter((name, i) => i < last && !files.inodes.has(name))
  expect(theirs.length).toBeGreaterThan(0)
  for (const name of theirs) {
    const both = files.copy()
    both.inodes.set(name, fork.inodes.get(name)!)
    expect(await seen(both)).toMatchObject({ shown: upTo(9), gaps: 0 })
    expect(await salvaged(both)).toEqual({ shown: upTo(9), gaps: 0 })
  }
})

test('where nothing is left but a segment with another name, no new journal is begun in its place, and no position given again', async () => {
  const files = new MemoryFiles()
  await written(files, LARGE, upTo(2))
  const [only] = namesOf(files, '.seg') as [string]
  put(files, '00000003-000000000007.seg', bytesOf(files, only))
  for (const path of [only, join(DIRECTORY, 'head')]) files.inodes.delete(path)
  expect(await salvaged(files.copy())).toEqual({ shown: upTo(2), gaps: 0 })
  const store = await openStore(DIRECTORY, { files })
  expect(store.recovery.damage.map(({ reason }) => reason)).toContain('there was a segment 1, and what followed is missing')
  expect(store.head.position).toBeGreaterThan(2)
  await store.close()
  expect((await salvaged(files)).shown).toEqual(upTo(2))
})

test('a reader follows over a number that was passed over, which is no loss once the file that had it is gone', async () => {
  const files = await written(new MemoryFiles(), SMALL, upTo(4), TEXT, 80)
  const names = namesOf(files, '.seg')
  const stray = `${String(names.length + 1).padStart(8, '0')}-000000000005.seg`
  put(files, stray, bytesOf(files, names[0] as string))
  const reader = await openStore(DIRECTORY, { files, readOnly: true })
  const shown: number[] = []
  const failed: unknown[] = []
  reader.subscribe({ written: ({ commits }) => shown.push(...numbers(commits)), failed: (error) => failed.push(error) })
  const store = await openStore(DIRECTORY, { files, ...SMALL })
  await store.repair()
  await new Appending(store).append('t', [event(4)])
  for (let waited = 0; shown.length === 0 && failed.length === 0 && waited < 100; waited++) await sleep(20)
  expect({ shown, failed }).toEqual({ shown: [4], failed: [] })
  expect((await list(reader.read())).filter(isGap)).toEqual([])
  await reader.close()
  await store.close()
  files.inodes.delete(segment(stray))
  expect(await seen(files)).toEqual({ shown: upTo(5), gaps: 0, damage: [] })
  await (await openStore(DIRECTORY, { files, onDamage: 'refuse' })).close()
})

test.each([
  ['empty', Buffer.alloc(0)],
  ['garbage', Buffer.from('garbage'.repeat(9))],
])('a file (%s) named as if positions without end lay before it moves no position', async (_, bytes) => {
  const files = new MemoryFiles()
  await written(files, SMALL, upTo(9), TEXT)
  const number = namesOf(files, '.seg').length + 1
  put(files, `${String(number).padStart(8, '0')}-999999999999999.seg`, bytes)
  expect(await seen(files)).toEqual({ shown: upTo(9), gaps: 0, damage: ['its first position lies too far behind the segments before it'] })
  expect((await salvaged(files.copy())).shown).toEqual(upTo(9))
  const store = await openStore(DIRECTORY, { files, ...SMALL })
  expect(await new Appending(store).append('s', [event(9)])).toMatchObject({ position: 10 })
  await store.close()
  expect((await seen(files)).shown).toEqual(upTo(10))
})

test('a name takes as many digits as a position can have', () => {
  const { name } = segmentName(7, Number.MAX_SAFE_INTEGER)
  expect(parseSegment(name)).toMatchObject({ number: 7, first: Number.MAX_SAFE_INTEGER })
  expect(parseSegment('00000007-9007199254740992.seg')).toBeUndefined()
})

describe('sorting out', () => {
  const far = MISSING_MAX * SEGMENT_POSITIONS
  const named = (number: number, first: number, head?: object): Candidate => ({
    number,
    first,
    name: `${number}-${first}`,
    head,
    misnamed: undefined,
  })

  test('does not go from one name without a header to the next, however far', () => {
    const all = [named(1, 1, {}), ...Array.from({ length: 9 }, (_, n) => named((n + 1) * MISSING_MAX, 2))]
    const { files, strays } = sortOut(all)
    expect(files.map(({ number }) => number)).toEqual([1, MISSING_MAX])
    expect(strays).toHaveLength(8)
  })

  test('takes none for the first that does not begin with the first position, whatever its header says', () => {
    expect(sortOut([named(1, 5, {}), named(2, 9, {})]).strays.map(({ file }) => file.number)).toEqual([1])
  })

  test('goes further where a header says so, and on behind a name that is too far', () => {
    const all = [named(1, 1, {}), named(2 * MISSING_MAX, 2), named(5 * MISSING_MAX, 3, {}), named(99 * MISSING_MAX, 4, {})]
    const { files, strays } = sortOut(all)
    expect(files.map(({ number }) => number)).toEqual([1, 5 * MISSING_MAX])
    expect(strays.map(({ file }) => file.number)).toEqual([2 * MISSING_MAX, 99 * MISSING_MAX])
  })

  test('believes no name that says that more lies before it than segments can hold', () => {
    const all = [
      named(4, 50, {}),
      named(5, 50 + far),
      named(6, 50 + 2 * far + 1),
      named(7, 50 + 3 * far),
      named(9, far * far, {}),
      named(10, far * far),
    ]
    expect(sortOut(all).strays.map(({ file }) => file.number)).toEqual([6])
    expect(sortOut([named(3, 3 * far), named(4, 4 * far + 1)]).strays.map(({ file }) => file.number)).toEqual([4])
  })

  const apart = 'its first position does not lie between those of its neighbours'
  const same = 'another file is the segment of its number'
  const behind = 'its number lies too far behind the segments before it'
  const misnamed = { number: 7, header: { first: 70 } }

  test.each([
    { what: 'one that begins the journal', all: [named(1, 1)], out: [] },
    { what: 'one that begins it elsewhere', all: [named(1, 2)], out: ['1-2: the first segment begins with position 1'] },
    {
      what: 'one that is another',
      all: [{ ...named(3, 30), misnamed }],
      out: ['3-30: its header is that of 00000007-000000000070.seg'],
    },
    { what: 'two of one number, of which one has its header', all: [named(2, 20), named(2, 21, {})], out: [`2-20: ${same}`] },
    { what: 'two of one number without headers', all: [named(2, 20), named(2, 21)], out: [] },
    {
      what: 'those between neighbours, and at their places',
      all: [named(2, 20, {}), named(3, 20), named(4, 25), named(5, 30), named(6, 30, {})],
      out: [],
    },
    { what: 'one before its neighbour', all: [named(2, 20, {}), named(3, 19)], out: [`3-19: ${apart}`] },
    { what: 'one behind its neighbour', all: [named(3, 31), named(4, 30, {})], out: [`3-31: ${apart}`] },
    {
      what: 'one between two whose first positions descend',
      all: [named(2, 20, {}), named(3, 10, {}), named(4, 15), named(5, 20), named(6, 5, {}), named(8, 21)],
      out: [`4-15: ${apart}`, `5-20: ${apart}`],
    },
    { what: 'names that are as far behind as can be', all: [named(4, 50, {}), named(5, 50 + far), named(6, 50 + 2 * far)], out: [] },
    {
      what: 'numbers that are as far behind as can be',
      all: [named(1, 1, {}), named(2 + MISSING_MAX, 2), named(3 + MISSING_MAX, 3)],
      out: [],
    },
    {
      what: 'a number one further',
      all: [named(1, 1, {}), named(3 + MISSING_MAX, 2)],
      out: [`${3 + MISSING_MAX}-2: ${behind}`],
    },
    {
      what: 'numbers that are too far behind together',
      all: [named(1, 1, {}), named(2 + MISSING_MAX / 2, 2), named(4 + MISSING_MAX, 3), named(5 + MISSING_MAX, 4, {})],
      out: [`${4 + MISSING_MAX}-3: ${behind}`],
    },
    {
      what: 'numbers as far as headers say',
      all: [named(1, 1, {}), named(2 + 10 * MISSING_MAX, 2, {}), named(4 + 20 * MISSING_MAX, 3, {})],
      out: [`${4 + 20 * MISSING_MAX}-3: ${behind}`],
    },
  ])('of $what leaves out $out.length', ({ all, out }) => {
    for (const given of [all, all.toReversed()]) {
      const { files, strays } = sortOut(given)
      const told = strays.map(({ file, reason }) => `${file.name}: ${reason}`)
      expect(told.toSorted()).toEqual(out.toSorted())
      const left = all.filter(({ name }) => !out.some((line) => line.startsWith(`${name}:`)))
      expect(files.map(({ number }) => number)).toEqual(left.map(({ number }) => number))
    }
  })

  test('counts how far a number lies behind from the one that is given', () => {
    expect(sortOut([named(12 + MISSING_MAX, 2)], 10).strays).toHaveLength(1)
    expect(sortOut([named(11 + MISSING_MAX, 2)], 10).strays).toHaveLength(0)
    expect(sortOut([named(5, 2)], 10).strays).toHaveLength(0)
  })

  test('of 200,000 names takes no time that grows with their square', () => {
    const all = Array.from({ length: 200_000 }, (_, n) => named(n + 1, n + 1, n % 2 === 0 ? {} : undefined))
    expect(sortOut(all).files).toHaveLength(200_000)
  })
})
