/** The index of one segment: what was in memory, read from a file; and files that are none, or another's. */
import { describe, expect, test } from 'vitest'
import type { StoredCommit } from '../../src/storage/commit-store.js'
import { indexImage, type IndexSource } from '../../src/storage/index-build.js'
import { IndexFile } from '../../src/storage/index-file.js'
import { fingerprint, KeyTable, type KeyPlace } from '../../src/storage/key-table.js'
import { claimKey, MemoryIndex, placesIn, seek } from '../../src/storage/memory-index.js'
import { answer, PAGE_BYTES, PAGE_DATA, PageCache, PageFault, Pages, pageSeed, PageWriter } from '../../src/storage/pages.js'
import { event, notes, type Sum } from './support/notes.js'

const JOURNAL = Buffer.alloc(16, 7)
const DIGEST = Buffer.alloc(32, 9)
const SEGMENT = 6
const SEALED = { number: SEGMENT, end: 2 ** 33 + 5, position: 2 ** 34 + 7, digest: DIGEST }

const commitOf = (stream: string, version: number, position: number, events = 1, commitId?: string): StoredCommit => ({
  stream,
  version,
  at: 1,
  events: Array.from({ length: events }, (_, n) => event(n)),
  position,
  ...(commitId === undefined ? {} : { commitId }),
})

const noteOf = (n: number): Sum => ({ events: n, sum: -n })

/** Three streams: one with thousands of commits, one that began in another segment, and one with a name longer than what is read at first. */
const LONG = 'x'.repeat(3000)
function memory(): MemoryIndex<Sum> {
  const index = new MemoryIndex<Sum>({ number: SEGMENT, first: 100, name: 'six' })
  let position = 100
  for (let n = 1; n <= 2000; n++) {
    index.addFrame(position, n * 1000)
    index.add(commitOf('many', n * 2 - 1, position, 2, `c${n}`), n * 1000, n * 1000 + 96, 300 + n, noteOf(n), [])
    position += 2
    if (n === 1200) index.add(commitOf('old', 41, position++), n * 1000, n * 1000 + 700, 77, noteOf(1), ['name', 'other'])
    if (n === 1300) index.add(commitOf(LONG, 1, position++), n * 1000, n * 1000 + 700, 78, noteOf(2), [])
  }
  return index
}

function source(index: MemoryIndex<Sum>, more: Partial<IndexSource<Sum>> = {}): IndexSource<Sum> {
  const { end, position, digest } = SEALED
  const previous = async (): Promise<KeyPlace> => ({ segment: 4, location: 300 })
  return { index, notes, journal: JOURNAL, end, position, digest, previous, without: [2, 3], tables: [], ...more }
}

function pagesOf(image: Buffer, segment = SEGMENT): Pages {
  return new Pages({ name: 'six.idx', read: (into, offset) => image.copy(into, 0, offset) }, new PageCache(), JOURNAL, segment)
}

const open = (image: Buffer, size = image.length): Promise<IndexFile> => IndexFile.open(pagesOf(image), size)

/** The same pages with other data, which check: whoever wrote them did not keep to the format. */
async function forged(image: Buffer, change: (data: Buffer) => void, segment = SEGMENT): Promise<Buffer> {
  const data = Buffer.concat(
    Array.from({ length: image.length / PAGE_BYTES }, (_, i) => image.subarray(i * PAGE_BYTES, i * PAGE_BYTES + PAGE_DATA)),
  )
  change(data)
  const chunks: Buffer[] = []
  const writer = new PageWriter(pageSeed(JOURNAL, segment), data.length, async (pages) => void chunks.push(pages))
  await writer.put(data)
  await writer.end()
  return Buffer.concat(chunks)
}

describe('an index file', () => {
  const index = memory()

  test('holds of each stream what was known in memory, in the order in which they appeared', async () => {
    const file = await open(await indexImage(source(index)))
    for (const [ordinal, [stream, known]] of [...index.streams].entries()) {
      const part = await file.part(ordinal)
      const { firstVersion, lastVersion, lastPosition } = known
      const previous = stream === 'old' ? { segment: 4, location: 300 } : undefined
      expect(part).toMatchObject({ stream, segment: SEGMENT, firstVersion, lastVersion, lastPosition })
      expect(part?.previous).toEqual(previous)
      expect(notes.decode(part?.note as Uint8Array)).toEqual(known.note)
      expect(await part?.places()).toEqual(known.places)
    }
    expect([...index.streams.keys()]).toEqual(['many', 'old', LONG])
    expect(index.streams.get('many')).toMatchObject({ firstVersion: 1, lastVersion: 4000, lastPosition: 4101, note: noteOf(2000) })
    expect(await file.part(3)).toBeUndefined()
  })

  test('knows where its streams, ids and claims were met', async () => {
    const { table, header } = await open(await indexImage(source(index)))
    expect(header).toMatchObject({ segment: SEGMENT, streams: 3, keys: 3 + 2000 + 2, seeks: index.seeks.length / 2, without: 2 })
    expect(await answer(table.search(fingerprint('stream', 'old')))).toEqual([{ segment: SEGMENT, location: 1 }])
    expect(await answer(table.search(fingerprint('commit', 'c1999')))).toEqual([{ segment: SEGMENT, location: 1_999_000 }])
    expect(await answer(table.search(fingerprint('claim', claimKey('old', 'other'))))).toEqual([{ segment: SEGMENT, location: 1_200_000 }])
    for (const [kind, key] of [
      ['commit', 'old'],
      ['stream', 'c1'],
      ['claim', 'other'],
      ['commit', 'c2001'],
    ] as const)
      expect(await answer(table.search(fingerprint(kind, key)))).toEqual([])
  })

  test('knows where frames begin, and which segments before it were not all there', async () => {
    const file = await open(await indexImage(source(index)))
    expect(await file.seeks()).toEqual(index.seeks)
    expect(await file.without()).toEqual([2, 3])
    const none = await open(await indexImage(source(new MemoryIndex<Sum>({ number: SEGMENT, first: 100, name: 'six' }), { without: [] })))
    expect([await none.seeks(), await none.without(), await none.part(0)]).toEqual([[], [], undefined])
  })

  test('is one of the history that it was made of', async () => {
    const file = await open(await indexImage(source(index)))
    file.mustBeOf(SEALED)
    file.mustBeOf({ ...SEALED, digest: undefined })
    for (const other of [{ end: SEALED.end - 1 }, { position: SEALED.position + 1 }, { digest: Buffer.alloc(32) }])
      expect(() => file.mustBeOf({ ...SEALED, ...other })).toThrow(PageFault)
  })

  test('takes over tables before it, and is refused where one of them changed meanwhile', async () => {
    const before = await indexImage(source(new MemoryIndex<Sum>({ number: SEGMENT - 1, first: 1, name: 'five' }), { without: [] }))
    const older = new MemoryIndex<Sum>({ number: SEGMENT - 1, first: 1, name: 'five' })
    for (let n = 0; n < 300; n++) older.add(commitOf('old', n + 1, n + 1, 1, `o${n}`), n, n, 1, noteOf(n), [])
    const five = await indexImage(source(older, { without: [] }))
    const { table } = await IndexFile.open(pagesOf(five, SEGMENT - 1), five.length)
    const both = await open(await indexImage(source(index, { tables: [table] })))
    expect(both.table.count).toBe(2005 + 301)
    expect(await answer(both.table.search(fingerprint('commit', 'o299')))).toEqual([{ segment: SEGMENT - 1, location: 299 }])
    expect(await answer(both.table.search(fingerprint('stream', 'old')))).toEqual([
      { segment: SEGMENT, location: 1 },
      { segment: SEGMENT - 1, location: 0 },
    ])
    const changed = { count: 301, chunks: () => new KeyTable(pagesOf(before, SEGMENT - 1), 0, 0).chunks() } as KeyTable
    await expect(indexImage(source(index, { tables: [changed] }))).rejects.toThrow(/changed while they were read/)
  })

  test.each<[string, (data: Buffer) => void, number?]>([
    ['does not begin as one', (data) => void data.write('TLX2', 0)],
    ['says that it is of another segment', (data) => data.writeUInt32LE(SEGMENT + 1, 4)],
    ['is longer than it says', (data) => data.writeDoubleLE(data.readDoubleLE(40) - 255, 40)],
    ['is shorter than it says', (data) => data.writeDoubleLE(data.readDoubleLE(40) + 255, 40)],
  ])('that %s is none', async (_, change) => {
    const image = await forged(await indexImage(source(index)), change)
    await expect(open(image)).rejects.toBeInstanceOf(PageFault)
  })

  test.each([-PAGE_BYTES, -1, 1, PAGE_BYTES])('that is %i bytes off its length is none', async (more) => {
    const image = await indexImage(source(index))
    await expect(open(image, image.length + more)).rejects.toMatchObject({ message: 'the index does not have its size', segment: SEGMENT })
  })

  describe('whose pages check and do not make sense is made again:', () => {
    /** Where a stream's part lies, by the directory. */
    const partAt = (data: Buffer, ordinal: number): number => data.readUInt32LE(data.readUInt32LE(80) + ordinal * 4)

    test.each<[string, (data: Buffer) => void]>([
      ['a part that lies in no page', (data) => data.writeUInt32LE(data.readUInt32LE(80), data.readUInt32LE(80) + 4)],
      ['a part that ends within its name', (data) => data.fill(0x80, partAt(data, 1) + 8, partAt(data, 2))],
      ['a part that goes on in a segment that is not older', (data) => data.writeUInt8(SEGMENT, partAt(data, 1) + 8 + 1 + 3)],
    ])('%s', async (_, change) => {
      const file = await open(await forged(await indexImage(source(index)), change))
      expect((await file.part(0))?.stream).toBe('many')
      const fault = await file.part(1).catch((error: unknown) => error)
      expect(fault).toBeInstanceOf(PageFault)
      expect(fault).toMatchObject({ segment: SEGMENT, cause: expect.any(RangeError) })
    })

    test('places that end early', async () => {
      const short = (data: Buffer): void => {
        const at = partAt(data, 1)
        data.writeUInt32LE(data.readUInt32LE(at + 4) - 1, at + 4)
      }
      const part = await (await open(await forged(await indexImage(source(index)), short))).part(1)
      await expect(part?.places()).rejects.toBeInstanceOf(PageFault)
    })
  })
})

describe('an index in memory', () => {
  test('knows a frame about every 64 KiB, by which a position is found', () => {
    const index = new MemoryIndex<Sum>({ number: 1, first: 1, name: 'one' })
    for (const [position, offset] of [
      [1, 0],
      [5, 65_535],
      [7, 65_536],
      [8, 65_540],
      [9, 131_071],
      [11, 200_000],
    ] as const)
      index.addFrame(position, offset)
    expect(index.seeks).toEqual([1, 0, 7, 65_536, 11, 200_000])
    const found = [0, 1, 6, 7, 10, 11, 99].map((position) => seek(index.seeks, position))
    expect(found.map((one) => one && [one.first, one.offset])).toEqual([
      undefined,
      [1, 0],
      [1, 0],
      [7, 65_536],
      [7, 65_536],
      [11, 200_000],
      [11, 200_000],
    ])
    expect(seek([], 1)).toBeUndefined()
  })

  test('tells a claim of one stream from that of another whose names read the same together', () => {
    expect(claimKey('ab', 'c')).not.toBe(claimKey('a', 'bc'))
    const index = new MemoryIndex<Sum>({ number: 3, first: 1, name: 'three' })
    index.add(commitOf('ab', 1, 1), 0, 96, 10, noteOf(1), ['c'])
    index.add(commitOf('z', 1, 2, 1, 'id'), 500, 596, 10, noteOf(1), [])
    const unbuilt = [{ index, segment: { ...SEALED, ...index.segment } }]
    expect(placesIn(unbuilt, ({ claims }) => claims, claimKey('ab', 'c'))).toEqual([{ segment: 3, location: 0 }])
    expect(placesIn(unbuilt, ({ claims }) => claims, claimKey('a', 'bc'))).toEqual([])
    expect(placesIn(unbuilt, ({ ids }) => ids, 'id')).toEqual([{ segment: 3, location: 500 }])
    expect(index.ids.size).toBe(1)
  })
})
