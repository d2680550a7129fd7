/** Losses that no bytes show: what is said of segments that are not there, and how far the end of history moves for them. */
import { describe, expect, test } from 'vitest'
import type { Damage } from '../../src/errors.js'
import type { SegmentFile } from '../../src/storage/core.js'
import { Kind } from '../../src/storage/frame.js'
import { passOverLostEnd, reportBetween, reportStrays } from '../../src/storage/losses.js'
import { missing } from '../../src/storage/segments.js'
import { segmentName } from '../../src/storage/paths.js'
import { SEGMENT_POSITIONS } from '../../src/storage/strays.js'

interface FileSaid {
  number: number
  first: number
  /** Of which segment before it its header speaks; without one where that is undefined. */
  before?: number
  size?: number
}

const fileOf = ({ number, first, before, size = 700 }: FileSaid): SegmentFile =>
  ({ ...segmentName(number, first), size, head: before === undefined ? undefined : { before }, misnamed: undefined }) as never

/** What was seen of a journal, as far as losses are told by it. */
function sightOf({ files = [], position = 0, ...more }: { files?: FileSaid[]; position?: number; [key: string]: unknown }) {
  const chain = { group: 5, position, digest: Buffer.alloc(32, 1) }
  const sight = {
    mark: undefined,
    chain,
    known: 0,
    unproven: undefined,
    newest: files.length === 0 ? undefined : fileOf(files.at(-1) as FileSaid),
    index: { complete: true },
    end: 444,
    clean: true,
    damage: [] as Damage[],
    segments: new Map(),
    ...more,
  }
  return { sight, list: { files: files.map(fileOf), strays: [], indexed: 0, elsewhere: { number: 0, position: 0 } } }
}

function told(how: (report: (damage: Damage) => void) => void): Damage[] {
  const all: Damage[] = []
  how((one) => all.push(one))
  return all
}

const nothing = { offset: 0, bytes: 0 }

describe('what cannot be a segment', () => {
  const { sight, list } = sightOf({ position: 9 })
  const at = { offset: 0, firstPosition: 10, lastPosition: 9 }

  test('is told with its size, and costs no position', () => {
    const strays = [
      { file: fileOf({ number: 7, first: 50, size: 33 }), reason: 'why' },
      { file: fileOf({ number: 8, first: 60, size: 0 }), reason: 'because' },
    ]
    expect(told((report) => reportStrays(sight as never, { ...list, strays }, undefined, report))).toEqual([
      { segment: '00000007-000000000050.seg', bytes: 33, ...at, reason: 'why' },
      { segment: '00000008-000000000060.seg', bytes: 0, ...at, reason: 'because' },
    ])
    expect(told((report) => reportStrays(sight as never, list, undefined, report))).toEqual([])
  })

  test('is told of the head file, where it names one that is out of reach', () => {
    const found = { segment: 99_999 } as never
    expect(told((report) => reportStrays(sight as never, list, found, report))).toEqual([
      { segment: 'head', bytes: 0, ...at, reason: 'it names segment 99999, which cannot be' },
    ])
    expect(told((report) => reportStrays({ ...sight, mark: found } as never, list, found, report))).toEqual([])
  })
})

describe('segments that are missing before one that is there', () => {
  test.each<[string, FileSaid[], object[]]>([
    [
      'none',
      [
        { number: 1, first: 1, before: 0 },
        { number: 2, first: 5, before: 1 },
      ],
      [],
    ],
    [
      'none, where a header says which was before it',
      [
        { number: 1, first: 1, before: 0 },
        { number: 4, first: 5, before: 1 },
      ],
      [],
    ],
    [
      'none, where nothing but a name follows',
      [
        { number: 1, first: 1, before: 0 },
        { number: 2, first: 5 },
      ],
      [],
    ],
    [
      'the first',
      [{ number: 2, first: 5, before: 1 }],
      [{ segment: '00000001-000000000001.seg', firstPosition: 1, lastPosition: 4, reason: 'segments 1 to 1 are missing' }],
    ],
    [
      'two, behind a name',
      [
        { number: 1, first: 1, before: 0 },
        { number: 4, first: 50 },
      ],
      [{ segment: '00000002-000000000008.seg', firstPosition: 8, lastPosition: 49, reason: 'segments 2 to 3 are missing' }],
    ],
    [
      'one, of which a header says that it was there',
      [
        { number: 1, first: 1, before: 0 },
        { number: 3, first: 50, before: 2 },
      ],
      [{ segment: '00000002-000000000008.seg', firstPosition: 8, lastPosition: 49, reason: 'segments 2 to 2 are missing' }],
    ],
  ])('%s', (_, files, damage) => {
    const { sight, list } = sightOf({ files })
    // As far as is known the first goes to position 7.
    sight.segments.set(1, { ...segmentName(1, 1), end: 600, position: 7, digest: undefined })
    expect(told((report) => reportBetween(sight as never, list, report))).toEqual(damage.map((one) => ({ ...nothing, ...one })))
  })

  test.each([
    [0, 7, 1],
    [1, 7, 0],
    [0, 1, 1],
    [0, 0, 0],
  ])('one that is there and holds nothing, to byte %i and position %i, is told of %i times', (end, position, times) => {
    const { sight, list } = sightOf({
      files: [
        { number: 1, first: 1, before: 0 },
        { number: 2, first: position + 1 },
      ],
    })
    sight.segments.set(1, { ...missing(1, 1, position), end })
    const damage = { segment: '00000001-000000000001.seg', ...nothing, firstPosition: 1, lastPosition: position }
    expect(told((report) => reportBetween(sight as never, list, report))).toEqual(
      Array.from({ length: times }, () => ({ ...damage, reason: 'the segment holds nothing' })),
    )
  })
})

describe('the end of history', () => {
  const files = [
    { number: 1, first: 1, before: 0 },
    { number: 2, first: 5, before: 1 },
  ]
  const newest = '00000002-000000000005.seg'
  const mark = (segment: number, position: number) => ({ segment, position, digest: Buffer.alloc(32, 2) })

  function passed(more: object, elsewhere = { number: 0, position: 0 }) {
    const { sight, list } = sightOf({ files, position: 9, ...more })
    const damage = told((report) => passOverLostEnd(sight as never, { ...list, elsewhere }, report))
    const { chain, index, clean } = sight
    return { damage, position: chain.position, digest: chain.digest[0], complete: index.complete, clean }
  }

  const stays = { damage: [], position: 9, digest: 1, complete: true, clean: true }

  test('stays where it is if nothing knows of more', () => {
    expect(passed({})).toEqual(stays)
    expect(passed({ mark: mark(2, 9) })).toEqual(stays)
    expect(passed({ mark: mark(1, 4) })).toEqual(stays)
    // A last group that nothing proves is what the head file knows.
    const unproven = { header: { kind: Kind.data, first: 10, aux: 2 } }
    expect(passed({ mark: mark(2, 11), unproven })).toEqual(stays)
    expect(passed({ known: 0 })).toEqual(stays)
  })

  test('moves behind what the head file knows of the newest segment', () => {
    const reason = 'the head file knows segment 2 and position 12'
    const damage = [{ segment: newest, offset: 444, bytes: 0, firstPosition: 10, lastPosition: 12, reason }]
    expect(passed({ mark: mark(2, 12) })).toEqual({ damage, position: 12, digest: 2, complete: false, clean: true })
    const unproven = { header: { kind: Kind.data, first: 10, aux: 1 } }
    expect(passed({ mark: mark(2, 12), unproven }).damage).toMatchObject([{ firstPosition: 11, lastPosition: 12 }])
  })

  test('is not told of twice where the bytes show it', () => {
    const moved = { position: 12, digest: 2, complete: false, clean: true }
    const shown = (lastPosition?: number) => ({ mark: mark(2, 12), damage: [{ lastPosition }] })
    expect(passed(shown(12))).toEqual({ damage: [], ...moved })
    expect(passed(shown(13))).toEqual({ damage: [], ...moved })
    expect(passed(shown(11)).damage).toHaveLength(1)
    expect(passed(shown()).damage).toHaveLength(1)
  })

  test('moves behind a segment that the head file knows, and is named as that will be', () => {
    const reason = 'the head file knows segment 3 and position 12'
    const damage = { segment: '00000003-000000000013.seg', ...nothing, firstPosition: 10, lastPosition: 12, reason }
    const moved = { position: 12, digest: 2, complete: false, clean: true }
    expect(passed({ mark: mark(3, 12) })).toEqual({ damage: [damage], ...moved })
    // Whatever the bytes show of the newest that is there, that one is missing.
    expect(passed({ mark: mark(3, 12), damage: [{ lastPosition: 12 }] }).damage).toEqual([damage])
    expect(passed({ mark: mark(3, 9) })).toMatchObject({
      damage: [{ segment: '00000003-000000000010.seg', firstPosition: 10, lastPosition: 9 }],
      position: 9,
      digest: 1,
      complete: true,
    })
  })

  test('moves behind all that a segment may have held where nothing says how much that was', () => {
    const reason = (number: number): string => `there was a segment ${number}, and what followed is missing`
    const passedOver = (known: number, position: number) => ({
      damage: [{ segment: newest, offset: 444, bytes: 0, firstPosition: 10, lastPosition: position, reason: reason(known) }],
      position,
      digest: 1,
      complete: false,
      clean: false,
    })
    for (const known of [2, 3]) expect(passed({ known })).toEqual(passedOver(known, 9 + SEGMENT_POSITIONS))
    expect(passed({ known: 1 })).toEqual(stays)
    expect(passed({ known: 3 }, { number: 3, position: 100 })).toEqual(passedOver(3, 100 + SEGMENT_POSITIONS))
    // A last group that nothing proves is there all the same.
    const unproven = { header: { kind: Kind.data, first: 10, aux: 5 } }
    expect(passed({ known: 3, unproven })).toMatchObject({ damage: [{ firstPosition: 15 }], position: 14 + SEGMENT_POSITIONS })
  })

  test('is named as the journal where no segment is left', () => {
    const lost = passed({ files: [], newest: undefined, known: 1, position: 0 })
    expect(lost.damage).toMatchObject([{ segment: 'journal', offset: 444, firstPosition: 1, lastPosition: SEGMENT_POSITIONS }])
    expect(passed({ files: [], newest: undefined, known: 0, position: 0 }).damage).toEqual([])
    expect(passed({ files: [], newest: undefined, mark: mark(1, 0), position: 0 }).damage).toMatchObject([
      { segment: '00000001-000000000001.seg', firstPosition: 1, lastPosition: 0 },
    ])
  })
})
