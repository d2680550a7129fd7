/** A place in a segment from which frames are read: whatever the chunks, and where the file ends. */
import { describe, expect, test } from 'vitest'
import { FrameCursor, type Fault } from '../../src/storage/cursor.js'
import { HEADER_BYTES, Kind, makeFrame, payloadOf, TRAILER_BYTES, type Frame } from '../../src/storage/frame.js'
import { MemoryFiles } from './support/memory-files.js'

const PATH = '/segment'
const JOURNAL = Buffer.alloc(16, 1)
const LEAST = HEADER_BYTES + TRAILER_BYTES

function frameOf(group: number, length: number, journal = JOURNAL): Buffer {
  const header = { kind: Kind.data, align: 3, flags: 0, count: 1, group, first: group, aux: 1, journal, digest: Buffer.alloc(32) }
  return makeFrame(header, Buffer.alloc(length, group))
}

interface Opened {
  cursor: FrameCursor
  /** Lengths of the reads so far. */
  reads: number[]
}

async function open(
  bytes: Buffer,
  { from = 0, to = bytes.length, chunk, journal = JOURNAL }: { from?: number; to?: number; chunk?: number; journal?: Buffer | null } = {},
): Promise<Opened> {
  const files = new MemoryFiles()
  files.inodes.set(PATH, { bytes, lock: undefined })
  const reads: number[] = []
  files.watched = (_, __, length) => void reads.push(length)
  return { cursor: new FrameCursor(await files.open(PATH, 'r'), journal ?? undefined, from, to, chunk), reads }
}

async function step(cursor: FrameCursor): Promise<Frame | Fault> {
  for (;;) {
    const found = cursor.step()
    if (found !== undefined) return found
    await cursor.fill()
  }
}

/** Groups of all frames from a place on, with where each ends, and the fault behind them. */
async function walked({ cursor }: Opened): Promise<[string[], Fault | undefined]> {
  const frames: string[] = []
  while (!cursor.done) {
    const found = await step(cursor)
    if ('fault' in found) return [frames, found]
    expect(payloadOf(found).every((byte) => byte === found.header.group)).toBe(true)
    expect(found.offset).toBe(cursor.offset)
    frames.push(`${found.header.group} to ${found.end}`)
    cursor.offset = found.end
  }
  return [frames, undefined]
}

const bytes = Buffer.concat([frameOf(1, 0), frameOf(2, 300), frameOf(3, 5), frameOf(4, 0)])
const all = ['1 to 104', '2 to 512', '3 to 624', '4 to 728']

describe('frames', () => {
  test.each([1, HEADER_BYTES - 1, LEAST, 120, 200, 407, 408, 512, 727, 728, 1000, undefined])('are read in chunks of %s', async (chunk) => {
    const more = chunk === undefined ? {} : { chunk }
    expect(await walked(await open(bytes, more))).toEqual([all, undefined])
    expect(await walked(await open(bytes, { ...more, from: 512 }))).toEqual([all.slice(2), undefined])
    expect(await walked(await open(bytes, { ...more, to: 624 }))).toEqual([all.slice(0, 3), undefined])
  })

  test('that lie in one chunk are read at once, and a larger one for itself', async () => {
    const opened = await open(bytes, { chunk: 728 })
    await walked(opened)
    expect(opened.reads).toEqual([728])
    const small = await open(bytes, { chunk: 150 })
    await walked(small)
    expect(small.reads).toEqual([150, 150, 408, 150, 104])
  })

  test('end with the range, and with the file, whatever was said of its length', async () => {
    const cut = (fault: Partial<Fault>): unknown => expect.objectContaining({ fault: 'the file ends inside a frame', cut: true, ...fault })
    for (const chunk of [100, 200, 1 << 20]) {
      expect(await walked(await open(bytes, { chunk, to: 624 + LEAST - 1 }))).toEqual([all.slice(0, 3), cut({})])
      const [frames, fault] = await walked(await open(bytes, { chunk, to: 511 }))
      expect([frames, fault]).toEqual([all.slice(0, 1), cut({})])
      expect(fault?.header).toMatchObject({ group: 2, length: 300 })
    }
    const short = bytes.subarray(0, 511)
    expect(await walked(await open(short, { chunk: 200, to: 1 << 30 }))).toEqual([all.slice(0, 1), cut({})])
    expect(await walked(await open(bytes, { chunk: 200, to: 900 }))).toEqual([all, { fault: 'no frame header that checks', cut: false }])
  })

  test('that say that they are long take no memory for what is not there', async () => {
    const long = frameOf(1, 4 << 20).subarray(0, 3000)
    const opened = await open(long, { chunk: 1000, to: 1 << 30 })
    const [, fault] = await walked(opened)
    expect(fault).toMatchObject({ fault: 'the file ends inside a frame', cut: true, header: { group: 1, length: 4 << 20 } })
    expect(Math.max(...opened.reads)).toBeLessThanOrEqual(1000)
  })

  test('of another journal are none, unless any will do', async () => {
    const mixed = Buffer.concat([frameOf(1, 0), frameOf(2, 0, Buffer.alloc(16, 2))])
    expect(await walked(await open(mixed))).toEqual([['1 to 104'], { fault: 'a frame of another journal', cut: false }])
    expect(await walked(await open(mixed, { journal: null }))).toEqual([['1 to 104', '2 to 208'], undefined])
  })

  test.each([
    ['its header', 20, { fault: 'no frame header that checks', cut: false }],
    ['its payload', 150, { fault: 'payload checksum of a frame does not check', cut: false }],
    ['its padding', 398, { fault: 'padding of a frame does not check', cut: false }],
    ['its trailer', 406, { fault: 'trailer of a frame does not check', cut: false }],
  ])('with a bit of %s turned over are none', async (_, at, fault) => {
    const hurt = Buffer.from(bytes)
    hurt[104 + at] = (hurt[104 + at] as number) ^ 1
    for (const chunk of [100, 1 << 20]) {
      const [frames, found] = await walked(await open(hurt, { chunk }))
      expect([frames, found]).toMatchObject([all.slice(0, 1), fault])
      expect(found?.header?.group).toBe(at < HEADER_BYTES ? undefined : 2)
    }
  })
})

describe('the next place where a frame could begin', () => {
  /** All such places from one on. */
  async function places(content: Buffer, options: { from?: number; to?: number; chunk?: number }): Promise<number[]> {
    const { cursor } = await open(content, options)
    const found: number[] = []
    for (let from = options.from ?? 0; await cursor.seekMagic(from); from = cursor.offset + 8) found.push(cursor.offset)
    return found
  }
  const frame = frameOf(1, 0)
  const content = Buffer.alloc(1000 + frame.length)
  for (const at of [0, 304, 1000]) frame.copy(content, at)
  // Four bytes are enough for a look, but not where none may begin.
  for (const at of [516, 600]) content.write('TLF1', at)

  test.each([104, 112, 250, 1000, 1 << 20])('is found in chunks of %i', async (chunk) => {
    expect(await places(content, { chunk })).toEqual([0, 304, 600, 1000])
    expect(await places(content, { chunk, from: 8 })).toEqual([304, 600, 1000])
    expect(await places(content, { chunk, from: 1000 })).toEqual([1000])
    expect(await places(content, { chunk, from: 1008 })).toEqual([])
    expect(await places(content, { chunk, to: 1 << 30 })).toEqual([0, 304, 600, 1000])
  })
})
