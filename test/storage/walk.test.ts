/** A walk over the frames of a segment: what follows what, what lies between, and with which frame history goes on behind a hole. */
import { describe, expect, test } from 'vitest'
import { HEADER_BYTES, Kind, makeFrame, nextDigest, parseHeader, type FrameHeader } from '../../src/storage/frame.js'
import { beginning, isHole, Walk, type Chain, type Hole } from '../../src/storage/walk.js'
import { MemoryFiles } from './support/memory-files.js'

const PATH = '/segment'
const JOURNAL = Buffer.alloc(16, 1)
const ZERO = Buffer.alloc(32, 7)

interface Piece {
  kind?: number
  events?: number
  group?: number
  first?: number
  digest?: Buffer
  /** Positions that a gap frame passes over. */
  over?: number
  length?: number
}

/** Frames of 136 bytes each, one behind the other, of two events unless something else is said; from group 10 and position 5. */
function framesOf(pieces: readonly Piece[]): Buffer[] {
  let [group, position] = [9, 4]
  let digest: Buffer = ZERO
  return pieces.map(({ kind = Kind.data, events = 2, over = 0, length = 32, ...more }) => {
    const first = more.first ?? position + 1 + over
    const payload = Buffer.alloc(length, 0x30 + ((group + 1) % 10))
    group = more.group ?? group + 1
    if (kind === Kind.data || kind === Kind.gap) digest = nextDigest(digest, first, payload)
    digest = more.digest ?? digest
    const aux = kind === Kind.data ? events : over
    position = kind === Kind.data ? first + events - 1 : first - 1
    return makeFrame({ kind, align: 3, flags: 0, count: 1, group, first, aux, journal: JOURNAL, digest }, payload)
  })
}

const SIZE = 136
const HEAD: Piece = { kind: Kind.segment }
/** A segment header, group 10, and four groups: positions 5-6, 7-8, 9-10 and 11-12. */
const FIVE: Piece[] = [HEAD, {}, {}, {}, {}]
const START: Chain = { group: 9, position: 4, digest: ZERO }

interface Options {
  from?: number
  to?: number
  chain?: Chain
  digests?: boolean
  vouches?: boolean
  upTo?: number
}

type Told = string | Partial<Hole>

/** Groups of the frames that come, and what is known of each hole. */
async function told(bytes: Buffer, { from = 0, to = bytes.length, chain = START, ...more }: Options = {}): Promise<Told[]> {
  const files = new MemoryFiles()
  files.inodes.set(PATH, { bytes, lock: undefined })
  const walk = new Walk(await files.open(PATH, 'r'), JOURNAL, from, to, chain, more)
  const all: Told[] = []
  for (let item = await walk.next(); item !== undefined; item = await walk.next()) {
    if (!isHole(item)) {
      all.push(`${item.header.group}`)
      expect(walk.chain).toMatchObject({ group: item.header.group, digest: item.header.digest })
    } else all.push(item)
  }
  return all
}

function spoilt(frames: readonly Buffer[], hurt: Record<number, number>): Buffer {
  const bytes = Buffer.concat(frames)
  for (const [n, at] of Object.entries(hurt)) bytes[Number(n) * SIZE + at] = (bytes[Number(n) * SIZE + at] as number) ^ 1
  return bytes
}

const NO_HEADER = 'no frame header that checks'
const NO_PAYLOAD = 'payload checksum of a frame does not check'
const IN_PAYLOAD = HEADER_BYTES + 3
const IN_HEADER = 20
const header = (group: number): unknown => expect.objectContaining({ group })

describe('frames that follow each other', () => {
  test('are handed out, in any range of them', async () => {
    const frames = framesOf(FIVE)
    const bytes = Buffer.concat(frames)
    expect(bytes.length).toBe(5 * SIZE)
    expect(await told(bytes)).toEqual(['10', '11', '12', '13', '14'])
    expect(await told(bytes, { to: 3 * SIZE })).toEqual(['10', '11', '12'])
    const { digest } = parseHeader(bytes, SIZE) as FrameHeader
    const chain = { group: 11, position: 6, digest }
    expect(await told(bytes, { from: 2 * SIZE, chain })).toEqual(['12', '13', '14'])
    // What is not known of what came before is not asked.
    expect(await told(bytes, { from: 2 * SIZE, chain: { group: -1, position: 6, digest: undefined } })).toEqual(['12', '13', '14'])
  })

  test('may be of any kind, of which only groups and gaps move the history', async () => {
    const pieces: Piece[] = [HEAD, {}, { kind: Kind.mark }, { kind: Kind.gap, over: 3 }, {}, { kind: Kind.snapshot }, { kind: Kind.clean }]
    expect(await told(Buffer.concat(framesOf(pieces)))).toEqual(['10', '11', '12', '13', '14', '15', '16'])
  })

  test.each<[string, number, Piece, string]>([
    ['of a group number before', 2, { group: 11 }, 'frame 11 where 12 should stand'],
    ['of a group number behind', 2, { group: 13 }, 'frame 13 where 12 should stand'],
    ['at a position before', 2, { first: 6 }, 'position 6 where 7 should stand'],
    ['at a position behind', 2, { first: 8 }, 'position 8 where 7 should stand'],
    ['that is a gap of fewer positions', 2, { kind: Kind.gap, over: 3, first: 9 }, 'position 9 where 7 should stand'],
    ['that begins a segment', 2, { kind: Kind.segment }, 'a frame of the wrong kind'],
    ['of another history', 2, { digest: Buffer.alloc(32, 3) }, 'the history digest does not continue'],
    ['that is a mark of another history', 2, { kind: Kind.mark, digest: Buffer.alloc(32, 3) }, 'the history digest does not continue'],
  ])('are none where the next is one %s', async (_, n, piece, reason) => {
    const frames = framesOf(FIVE.map((one, i) => (i === n ? piece : one)).slice(0, n + 1))
    const hole = { offset: n * SIZE, end: (n + 1) * SIZE, first: 7, final: true, reason }
    expect(await told(Buffer.concat(frames))).toMatchObject(['10', '11', hole])
  })

  test('begin with a segment’s header, and with no other', async () => {
    const [, ...others] = framesOf(FIVE)
    expect(await told(Buffer.concat(others), { chain: { group: -1, position: 4, digest: undefined } })).toMatchObject([
      { offset: 0, end: SIZE, reason: 'a frame of the wrong kind' },
      '12',
      '13',
      '14',
    ])
  })

  test('are held against their digests only where that is asked, but for those that have none of their own', async () => {
    const other = Buffer.alloc(32, 3)
    const groups = Buffer.concat(framesOf([HEAD, {}, { digest: other }, {}]))
    expect(await told(groups, { digests: false })).toEqual(['10', '11', '12', '13'])
    const marks = Buffer.concat(framesOf([HEAD, {}, { kind: Kind.mark, digest: other }, { kind: Kind.mark }]))
    expect(await told(marks, { digests: false })).toMatchObject(['10', '11', { reason: 'the history digest does not continue' }, '13'])
  })
})

describe('a hole', () => {
  test('in a group whose header checks holds what is left of it, and ends where it would', async () => {
    const bytes = spoilt(framesOf(FIVE), { 2: IN_PAYLOAD })
    const payload = bytes.subarray(2 * SIZE + HEADER_BYTES, 2 * SIZE + HEADER_BYTES + 32)
    const hole = { offset: 2 * SIZE, end: 3 * SIZE, reason: NO_PAYLOAD, first: 7, last: 8, final: false, header: header(12), payload }
    expect(await told(bytes)).toEqual(['10', '11', hole, '13', '14'])
    // Whatever the frame before it was called.
    const chain = { group: -1, position: 4, digest: undefined }
    expect(await told(bytes, { chain })).toEqual(['10', '11', hole, '13', '14'])
  })

  test('in a header says nothing of what it held, but how many positions', async () => {
    const bytes = spoilt(framesOf(FIVE), { 2: IN_HEADER })
    const hole = { offset: 2 * SIZE, end: 3 * SIZE, reason: NO_HEADER, first: 7, last: 8, final: false }
    expect(await told(bytes)).toEqual(['10', '11', hole, '13', '14'])
  })

  test('over two groups is one', async () => {
    const both = { offset: 2 * SIZE, end: 4 * SIZE, first: 7, last: 10, final: false }
    expect(await told(spoilt(framesOf(FIVE), { 2: IN_PAYLOAD, 3: IN_HEADER }))).toMatchObject(['10', '11', both, '14'])
    expect(await told(spoilt(framesOf(FIVE), { 2: IN_HEADER, 3: IN_PAYLOAD }))).toMatchObject(['10', '11', both, '14'])
  })

  test('behind which nothing comes is final, and its header says how far it went', async () => {
    const frames = framesOf(FIVE).slice(0, 3)
    const hole = { offset: 2 * SIZE, end: 3 * SIZE, first: 7, final: true }
    expect(await told(spoilt(frames, { 2: IN_PAYLOAD }))).toMatchObject(['10', '11', { ...hole, last: 8, header: header(12) }])
    const [, , nameless] = await told(spoilt(frames, { 2: IN_HEADER }))
    expect(nameless).toEqual({ ...hole, reason: NO_HEADER, last: undefined })
    const cut = Buffer.concat(frames).subarray(0, 3 * SIZE - 30)
    const left = cut.subarray(2 * SIZE + HEADER_BYTES)
    expect((await told(cut)).at(-1)).toMatchObject({ end: cut.length, last: 8, header: header(12), payload: left, final: true })
    const headless = Buffer.concat(frames).subarray(0, 2 * SIZE + 50)
    expect((await told(headless)).at(-1)).toEqual({
      offset: 2 * SIZE,
      end: 2 * SIZE + 50,
      reason: 'the file ends inside a frame',
      first: 7,
      last: undefined,
      final: true,
    })
  })

  test('before a gap record goes as far as that passes over nothing', async () => {
    const frames = framesOf([HEAD, {}, {}, { kind: Kind.gap, over: 3 }, {}])
    const hole = { first: 7, last: 8, end: 3 * SIZE }
    expect(await told(spoilt(frames, { 2: IN_PAYLOAD }))).toMatchObject(['10', '11', hole, '13', '14'])
    expect(await told(spoilt(frames, { 3: IN_PAYLOAD }))).toMatchObject([
      '10',
      '11',
      '12',
      { first: 9, last: 11, header: header(13) },
      '14',
    ])
    expect(await told(spoilt(frames, { 3: IN_HEADER }))).toMatchObject(['10', '11', '12', { first: 9, last: 11 }, '14'])
  })

  test('in a frame that costs no position ends below where it begins', async () => {
    const frames = framesOf([HEAD, {}, { kind: Kind.mark }, {}])
    expect(await told(spoilt(frames, { 2: IN_PAYLOAD }))).toMatchObject(['10', '11', { first: 7, last: 6 }, '13'])
  })
})

describe('behind a hole history goes on', () => {
  /** A lost group, and what stands behind it. */
  async function behind(frames: readonly Buffer[], options: Options = {}): Promise<Told[]> {
    return (await told(spoilt(frames, { 2: IN_HEADER }), options)).slice(2)
  }

  test('with no frame that was there before it, or begins a segment', async () => {
    const all = framesOf(FIVE)
    const [first, second, third, fourth] = all as [Buffer, Buffer, Buffer, Buffer, Buffer]
    const hole = (end: number): unknown => ({ offset: 2 * SIZE, end: end * SIZE, first: 7, last: 8, final: false, reason: NO_HEADER })
    expect(await behind([first, second, third, second, fourth])).toEqual([hole(4), '13'])
    expect(await behind([first, second, third, first, fourth])).toEqual([hole(4), '13'])
    const later = framesOf([{ kind: Kind.segment, group: 13, first: 9 }])
    expect(await behind([first, second, third, ...later, fourth])).toEqual([hole(4), '13'])
  })

  test('with none of a group so far behind that the hole has no room for those between', async () => {
    const [first, second, third] = framesOf(FIVE) as [Buffer, Buffer, Buffer]
    // One frame fits into it, and not two.
    const next = (group: number, position: number): Buffer[] => framesOf([{ group, first: position }])
    expect(await behind([first, second, third, ...next(13, 9)])).toMatchObject([{ last: 8 }, '13'])
    expect(await behind([first, second, third, ...next(14, 9)])).toMatchObject([{ final: true }])
    // Where no numbers are known, none is too high.
    const chain = { group: -1, position: 4, digest: undefined }
    expect(await behind([first, second, third, ...next(12, 9)], { chain })).toMatchObject([{ last: 8 }, '12'])
    const least = framesOf([HEAD, {}, { length: 0 }, {}, { group: 14, first: 9 }])
    const [head, one, small, , late] = least as [Buffer, Buffer, Buffer, Buffer, Buffer]
    // Two of the least size do.
    expect(await behind([head, one, small, small, late])).toMatchObject([{ last: 8, end: 2 * SIZE + 208 }, '14'])
  })

  test('with none of a position that came before, or behind the segment’s last', async () => {
    const [first, second, third] = framesOf(FIVE) as [Buffer, Buffer, Buffer]
    const next = (position: number): Buffer[] => framesOf([{ group: 13, first: position }])
    expect(await behind([first, second, third, ...next(7)])).toMatchObject([{ first: 7, last: 6, final: false }, '13'])
    expect(await behind([first, second, third, ...next(6)])).toMatchObject([{ final: true }])
    expect(await behind([first, second, third, ...next(9)], { upTo: 10 })).toMatchObject([{ last: 8 }, '13'])
    expect(await behind([first, second, third, ...next(9)], { upTo: 9 })).toMatchObject([{ final: true }])
  })

  test('with none that is followed by another than its own successor, lest it is a copy in a wrong place', async () => {
    const [first, second, third, fourth, fifth] = framesOf(FIVE) as [Buffer, Buffer, Buffer, Buffer, Buffer]
    expect(await behind([first, second, third, fourth, fourth, fifth])).toMatchObject([{ end: 4 * SIZE, last: 8 }, '13', '14'])
    expect(await behind([first, second, third, fourth, Buffer.alloc(SIZE), fifth])).toMatchObject([
      { end: 3 * SIZE, last: 8 },
      '13',
      { offset: 4 * SIZE, end: 5 * SIZE, last: 10 },
      '14',
    ])
  })

  test('with the frame itself, where it stands once more behind its copy, of which nothing is told then', async () => {
    const [first, second, third, fourth] = framesOf(FIVE) as [Buffer, Buffer, Buffer, Buffer]
    const [hole, ...rest] = (await told(spoilt([first, second, third, third, fourth], { 2: IN_PAYLOAD }))).slice(2)
    expect(hole).toEqual({ offset: 2 * SIZE, end: 3 * SIZE, reason: NO_PAYLOAD, first: 7, last: 6, final: false })
    expect(rest).toEqual(['12', '13'])
  })

  test('with one that stands where no whole frame would end', async () => {
    const [first, second, third, fourth, fifth] = framesOf(FIVE) as [Buffer, Buffer, Buffer, Buffer, Buffer]
    const moved = [first, second, third.subarray(0, 104), fourth, fifth]
    expect((await told(Buffer.concat(moved))).slice(2)).toMatchObject([{ end: 2 * SIZE + 104, last: 8, header: header(12) }, '13', '14'])
  })

  test('and is held against the digest of the first that is there, from there on', async () => {
    const frames = framesOf([HEAD, {}, {}, { digest: ZERO }, { digest: Buffer.alloc(32, 3) }])
    expect(await behind(frames)).toMatchObject([{ last: 8 }, '13', { reason: 'the history digest does not continue' }])
  })
})

describe('a group whose header does not check', () => {
  const bytes = spoilt(framesOf(FIVE), { 2: IN_HEADER })
  const payload = bytes.subarray(2 * SIZE + HEADER_BYTES, 2 * SIZE + HEADER_BYTES + 32)

  test('is proven by the digest that stands in it, for whoever asks', async () => {
    const [, , hole] = await told(bytes, { vouches: true })
    expect(hole).toEqual({ offset: 2 * SIZE, end: 3 * SIZE, reason: NO_HEADER, first: 7, last: 8, final: false, payload })
  })

  test('is not where that is another, or the history before is not known, or the length says more than is there', async () => {
    const hurt = Buffer.from(bytes)
    hurt[2 * SIZE + IN_PAYLOAD] = 0
    expect((await told(hurt, { vouches: true }))[2]).not.toHaveProperty('payload')
    // From its own place on nothing says what came before.
    const chain = { group: 11, position: 6, digest: undefined }
    expect((await told(bytes, { from: 2 * SIZE, vouches: true, chain }))[0]).not.toHaveProperty('payload')
    const longer = Buffer.from(bytes)
    longer.writeUInt32LE(33, 2 * SIZE + 32)
    expect((await told(longer, { vouches: true }))[2]).not.toHaveProperty('payload')
  })
})

test('the beginning of a segment is what is known of the end before it', () => {
  expect(beginning(undefined, { first: 5 })).toEqual({ group: -1, digest: undefined, position: 4 })
  expect(beginning({ group: 9, digest: ZERO }, { first: 5 })).toEqual(START)
})
