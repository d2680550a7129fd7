/** What stands behind the last frame that checks: nothing, an incomplete write that nobody was promised, or damage. */
import { describe, expect, test } from 'vitest'
import { frameBytes, HEADER_BYTES, Kind, makeFrame, parseHeader, TRAILER_BYTES, type FrameHeader } from '../../src/storage/frame.js'
import { contentEnd } from '../../src/storage/segments.js'
import { judgeTail, type Tail } from '../../src/storage/tail.js'
import { MemoryFiles } from './support/memory-files.js'

const SPARE = 4096
const PATH = '/segment'

/** A frame whose payload has no zeros, so long that it lies in several sectors. */
function frameOf(length: number, align = 3): { header: FrameHeader; bytes: Buffer } {
  const header = {
    kind: Kind.data,
    align,
    flags: 0,
    count: 1,
    group: 1,
    first: 1,
    aux: 1,
    journal: Buffer.alloc(16, 1),
    digest: Buffer.alloc(32, 2),
  }
  const bytes = makeFrame(header, Buffer.alloc(length, 'x'))
  return { header: parseHeader(bytes, 0) as FrameHeader, bytes }
}

interface Given {
  /** What stands before it in the file. */
  at?: number
  content: Buffer
  /** Zeros that were written ahead of it. */
  spare?: number
  header?: FrameHeader
  promised?: number
  sealed?: boolean
}

async function tail({ at = 0, content, spare = SPARE, header, promised = 0, sealed }: Given): Promise<Tail> {
  const files = new MemoryFiles()
  files.inodes.set(PATH, { bytes: Buffer.concat([Buffer.alloc(at, 'b'), content, Buffer.alloc(spare)]), lock: undefined })
  const file = await files.open(PATH, 'r')
  return judgeTail(file, at, at + content.length + spare, header, promised, sealed)
}

/** The bytes with some of them zero. */
function without(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.from(bytes).fill(0, from, to)
}

const groupDamaged = 'the last group does not check, and not as an incomplete write would look'

describe('behind the last frame that checks', () => {
  test('stands nothing where all is zero, or the file ends', async () => {
    for (const spare of [0, 8, SPARE]) expect(await tail({ at: 64, content: Buffer.alloc(0), spare })).toEqual({ kind: 'end' })
  })

  test('is damage what the head file vouches for and is not there, however it looks', async () => {
    const reason = 'the head file vouches for more than is there'
    for (const sealed of [false, true]) {
      expect(await tail({ content: Buffer.alloc(0), promised: 300, sealed })).toEqual({ kind: 'damaged', end: 300, reason })
      expect(await tail({ at: 64, content: Buffer.from('torn'), promised: 65, sealed })).toEqual({ kind: 'damaged', end: 68, reason })
    }
    expect(await tail({ at: 64, content: Buffer.from('torn'), promised: 64 })).toEqual({ kind: 'torn', end: 68 })
  })

  test('is damage whatever stands there where a later segment is known of: this one was synced before that began', async () => {
    const reason = 'something knows of a later segment'
    expect(await tail({ at: 64, content: Buffer.from('torn'), sealed: true })).toEqual({ kind: 'damaged', end: 68, reason })
    expect(await tail({ at: 64, content: Buffer.alloc(0), sealed: true })).toEqual({ kind: 'end' })
  })
})

describe.each([
  { at: 0, align: 3 },
  { at: 1000, align: 3 },
  { at: 1024, align: 9 },
])('a write at $at in sectors of 2^$align', ({ at, align }) => {
  const { header, bytes } = frameOf(1500, align)

  test('that was cut at any length is one that nobody was promised', async () => {
    for (const cut of [1, 7, HEADER_BYTES, HEADER_BYTES + 1, 512, 1024, bytes.length - 9, bytes.length - 1]) {
      const content = bytes.subarray(0, cut)
      expect(await tail({ at, content, header }), `${cut}, then zeros`).toMatchObject({ kind: 'torn' })
      expect(await tail({ at, content, header, spare: 0 }), `${cut}, then nothing`).toMatchObject({ kind: 'torn' })
    }
  })

  test('that is whole and does not check is damage', async () => {
    const changed = Buffer.from(bytes)
    changed[HEADER_BYTES + 700]! ^= 1
    const damaged = { kind: 'damaged', end: at + bytes.length, reason: groupDamaged }
    for (const spare of [0, SPARE]) expect(await tail({ at, content: changed, header, spare })).toEqual(damaged)
    // More may stand behind it.
    const more = Buffer.concat([changed, Buffer.alloc(8, 'm')])
    expect(await tail({ at, content: more, header })).toEqual({ ...damaged, end: at + more.length })
  })

  test('of which a sector is all zero is one that nobody was promised; of which less is, is damage', async () => {
    // Counted from the file’s start, and from the frame’s own first byte.
    for (const shift of new Set([0, at % 512])) {
      const first = 512 - shift
      for (let start = first; start + 512 < bytes.length; start += 512) {
        expect(await tail({ at, content: without(bytes, start, start + 512), header }), `${start}`).toMatchObject({ kind: 'torn' })
        expect(await tail({ at, content: without(bytes, start, start + 511), header }), `${start}`).toMatchObject({ kind: 'damaged' })
        expect(await tail({ at, content: without(bytes, start + 1, start + 512), header }), `${start}`).toMatchObject({ kind: 'damaged' })
      }
      expect(await tail({ at, content: without(bytes, 0, first), header })).toMatchObject({ kind: 'torn' })
      expect(await tail({ at, content: without(bytes, 0, 16), header })).toMatchObject({ kind: 'damaged' })
    }
  })
})

test('a write without a header is judged by the bytes that a header and a trailer take', async () => {
  const least = HEADER_BYTES + TRAILER_BYTES
  expect(frameBytes(0, 3)).toBe(least)
  for (const at of [0, 1000]) {
    for (const [content, spare, kind] of [
      [Buffer.alloc(least - 1, 'x'), SPARE, 'torn'],
      [Buffer.alloc(least - 1, 'x'), 0, 'torn'],
      [Buffer.alloc(least, 'x'), 0, 'damaged'],
      [Buffer.alloc(least + 600, 'x'), SPARE, 'damaged'],
      [without(Buffer.alloc(least, 'x'), 0, HEADER_BYTES), SPARE, 'torn'],
      // The frame’s first 24 bytes are all that lies of it in the sector where it begins, at 1000.
      [without(Buffer.alloc(least, 'x'), 0, HEADER_BYTES - 1), SPARE, at === 0 ? 'damaged' : 'torn'],
      [without(Buffer.alloc(least, 'x'), 0, 24), SPARE, at === 0 ? 'damaged' : 'torn'],
      [without(Buffer.alloc(least, 'x'), 0, 23), SPARE, 'damaged'],
    ] as const)
      expect(await tail({ at, content, spare }), `${content.length} at ${at}`).toMatchObject({ kind })
  }
})

test('content ends behind the last byte that is not zero', async () => {
  const files = new MemoryFiles()
  const bytes = Buffer.alloc((2 << 20) + 100)
  files.inodes.set(PATH, { bytes, lock: undefined })
  const file = await files.open(PATH, 'r')
  const end = (from: number, size = bytes.length): Promise<number> => contentEnd(file, from, size)
  expect([await end(0), await end(50), await end(bytes.length), await end(bytes.length + 5)]).toEqual([
    0,
    50,
    bytes.length,
    bytes.length + 5,
  ])
  for (const at of [0, 10, (1 << 20) - 1, 1 << 20, (1 << 20) + 99, (1 << 20) + 100, bytes.length - 1]) {
    bytes[at] = 1
    expect([await end(0), await end(at), await end(at + 1), await end(at, at + 1), await end(0, at)]).toEqual([
      at + 1,
      at + 1,
      at + 1,
      at + 1,
      0,
    ])
    bytes[at] = 0
  }
})
