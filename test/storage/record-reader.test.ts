/** Commits that are read where an index says that they lie: how much is read at once, and what is said of those that do not check. */
import { describe, expect, test } from 'vitest'
import type { StoredCommit } from '../../src/storage/commit-store.js'
import { encodeCommit, putRecord, RECORD_HEAD_BYTES } from '../../src/storage/record.js'
import { commitsAt, isCommit, Window, type BadRecord } from '../../src/storage/record-reader.js'
import { MemoryFiles } from './support/memory-files.js'

const PATH = '/segment'

/** A segment, and what an index knows of its commits. */
interface Made {
  bytes: Buffer
  places: number[]
}

/** One commit for each size, of so many bytes or a little more, so far behind the one before; each of `events` events. */
function segment(records: readonly { size?: number; apart?: number; events?: number; stream?: string }[]): Made {
  const pieces: Buffer[] = []
  const places: number[] = []
  let [at, version, position] = [0, 1, 11]
  for (const { size = 0, apart = 0, events = 1, stream = 's' } of records) {
    const all = Array.from({ length: events }, () => ({ type: 't', schema: 1, data: 'x'.repeat(size), flags: 0 }))
    const body = encodeCommit({ stream, version, at: 0, events: all })
    const record = Buffer.alloc(RECORD_HEAD_BYTES + body.length)
    putRecord(record, 0, body)
    pieces.push(Buffer.alloc(apart, 0xee), record)
    places.push(version, position, at + apart, record.length)
    at += apart + record.length
    version += events
    position += events
  }
  return { bytes: Buffer.concat(pieces), places }
}

interface Read {
  /** Versions of what was handed out, together or one after the other. */
  batches: number[][]
  bad: BadRecord['bad'][]
  /** Where each read began, and how long it was. */
  reads: [offset: number, length: number][]
}

async function read({ bytes, places }: Made, from = 0, to = places.length / 4, window?: Window): Promise<Read> {
  const files = new MemoryFiles()
  files.inodes.set(PATH, { bytes, lock: undefined })
  const reads: [number, number][] = []
  files.watched = (_, offset, length) => void reads.push([offset, length])
  const batches: number[][] = []
  const bad: BadRecord['bad'][] = []
  for await (const batch of commitsAt(await files.open(PATH, 'r'), 's', places, from, to, window)) {
    bad.push(...batch.filter((one): one is BadRecord => !isCommit(one)).map((one) => one.bad))
    batches.push(batch.map((one) => versionOf(one, places)))
  }
  return { batches, bad, reads }
}

function versionOf(found: StoredCommit | BadRecord, places: readonly number[]): number {
  if (!isCommit(found)) return -found.bad.version
  const at = places.findIndex((value, i) => i % 4 === 0 && value === found.version)
  expect(found.position).toBe(places[at + 1])
  return found.version
}

const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, i) => i + from)
const many = (count: number, record: { size?: number; apart?: number } = {}): Made => segment(Array.from({ length: count }, () => record))

describe('commits', () => {
  test('come in order, few at first and then more at once', async () => {
    const { batches } = await read(many(200))
    expect(batches.map(({ length }) => length)).toEqual([4, 8, 16, 32, 64, 64, 12])
    expect(batches.flat()).toEqual(upTo(200))
  })

  test('come from one place to another, and no others are read', async () => {
    const made = many(20)
    const { batches, reads } = await read(made, 3, 9)
    expect(batches).toEqual([upTo(4, 4), upTo(2, 8)])
    const [first, end] = [made.places[3 * 4 + 2] as number, made.places[9 * 4 + 2] as number]
    expect(reads[0]?.[0]).toBe(first)
    expect(reads.reduce((sum, [, length]) => sum + length, 0)).toBe(end - first)
    expect(await read(made, 5, 5)).toEqual({ batches: [], bad: [], reads: [] })
  })

  test.each([
    [4096, [1]],
    [4097, [1, 1]],
  ])('that lie %i bytes apart are read %j', async (apart, reads) => {
    expect((await read(many(2, { apart }))).reads).toHaveLength(reads.length)
  })

  test('are read together up to a window, and a longer one for itself', async () => {
    const head = segment([{ size: 1 << 16 }]).bytes.length - (1 << 16)
    const half = (1 << 17) - head
    const exact = segment([{ size: half }, { size: half }])
    expect(exact.bytes.length).toBe(1 << 18)
    expect((await read(exact)).reads).toEqual([[0, 1 << 18]])
    const more = segment([{ size: half }, { size: half + 1 }])
    expect((await read(more)).reads).toEqual([
      [0, 1 << 17],
      [1 << 17, (1 << 17) + 1],
    ])
    const long = segment([{}, { size: 300_000 }, {}])
    expect((await read(long)).reads.map(([offset]) => offset)).toEqual([0, long.places[6], long.places[10]])
  })

  test('that are long are handed out before there are many of them', async () => {
    const { batches } = await read(many(12, { size: 100_000 }))
    // A batch goes on until it holds a window.
    expect(batches.map(({ length }) => length)).toEqual([4, 4, 4])
    expect(batches.flat()).toEqual(upTo(12))
    const half = await read(many(6, { size: 1 << 17 }))
    expect(half.batches.flat()).toEqual(upTo(6))
    expect(Math.max(...half.batches.map(({ length }) => length))).toBeLessThan(4)
  })

  test('keep what they hold when the window is used again', async () => {
    const files = new MemoryFiles()
    const { bytes, places } = many(9, { size: 10 })
    files.inodes.set(PATH, { bytes, lock: undefined })
    const window = new Window()
    const found: StoredCommit[] = []
    for await (const batch of commitsAt(await files.open(PATH, 'r'), 's', places, 0, 9, window)) found.push(...batch.filter(isCommit))
    window.of(1).fill(0)
    expect(found.map(({ events }) => events[0]?.data)).toEqual(Array.from({ length: 9 }, () => 'x'.repeat(10)))
  })
})

describe('a record that does not check', () => {
  const three = segment([{ events: 2 }, { events: 3 }, { events: 1 }])
  const [, , , , , , second = 0, length = 0, , , third = 0] = three.places
  const said = { version: 3, position: 13, offset: second, bytes: length }

  test.each([
    ['a bit of its checksum', 0],
    ['a bit of its body', 20],
  ])('for %s is told with where it lay, and how far it went as the one behind it says', async (_, at) => {
    const bytes = Buffer.from(three.bytes)
    bytes[second + at] = (bytes[second + at] as number) ^ 1
    const { batches, bad } = await read({ ...three, bytes })
    expect(batches).toEqual([[1, -3, 6]])
    expect(bad).toEqual([{ ...said, reason: 'a record does not check', last: { version: 5, position: 15 } }])
  })

  test('behind which nothing comes is told without how far it went', async () => {
    const bytes = Buffer.from(three.bytes)
    bytes[third + 20] = (bytes[third + 20] as number) ^ 1
    const last = { version: 6, position: 16, offset: third, bytes: three.bytes.length - third }
    expect((await read({ ...three, bytes })).bad).toEqual([{ ...last, reason: 'a record does not check', last: undefined }])
    expect((await read({ ...three, bytes: three.bytes.subarray(0, -1) })).bad).toEqual([
      { ...last, reason: 'the file ends inside a record', last: undefined },
    ])
  })

  test('went no further than to the next of its stream, though others stand between', async () => {
    const places = [...three.places]
    places[8] = 9
    const bytes = Buffer.from(three.bytes)
    bytes[second + 20] = (bytes[second + 20] as number) ^ 1
    // Versions 6 to 8 are missing, too; positions say that they cannot all have stood there.
    expect((await read({ bytes, places })).bad[0]?.last).toEqual({ version: 8, position: 15 })
    places[9] = 100
    expect((await read({ bytes, places })).bad[0]?.last).toEqual({ version: 8, position: 18 })
  })

  test.each<[string, (places: number[]) => void]>([
    ['of another version', (places) => (places[4] = 4)],
    ['that is shorter than the index says', (places) => (places[7] = length + 1)],
    ['that is longer', (places) => (places[7] = length - 1)],
  ])('is one %s', async (_, change) => {
    const places = [...three.places]
    change(places)
    expect((await read({ ...three, places })).bad).toHaveLength(1)
  })

  test('is one of another stream, and one that is no commit', async () => {
    const other = segment([{}, { stream: 't' }])
    expect((await read(other)).bad).toMatchObject([{ version: 2, reason: 'another commit stands where the index expects one' }])
    const none = Buffer.alloc(RECORD_HEAD_BYTES + 1)
    putRecord(none, 0, Buffer.from([0x90]))
    expect((await read({ bytes: none, places: [1, 1, 0, none.length] })).bad).toMatchObject([
      { reason: 'a record that checks is no commit' },
    ])
  })
})

describe('a window', () => {
  test('is made anew only where it is too small', () => {
    const window = new Window()
    const first = window.of(10)
    expect(first.length).toBeGreaterThanOrEqual(10)
    expect(window.of(first.length)).toBe(first)
    const larger = window.of(first.length + 1)
    expect(larger.length).toBeGreaterThan(first.length)
    expect(window.of(1)).toBe(larger)
  })

  test('lets others have a turn after so many commits, or so many bytes, and counts from there', () => {
    for (const [commits, bytes] of [
      [128, 0],
      [0, 1 << 18],
    ] as const) {
      const window = new Window()
      const turns = Array.from({ length: 8 }, () => window.turn(commits, bytes) !== undefined)
      expect(turns).toEqual([false, false, false, true, false, false, false, true])
    }
    const window = new Window()
    expect([window.turn(511, (1 << 20) - 1), window.turn(1, 0), window.turn(511, 1 << 19)].map(Boolean)).toEqual([false, true, false])
  })
})
