/** Files of checked pages: what is put comes back, from the disk once, and nothing else does. */
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  answer,
  answerAtOnce,
  PAGE_BYTES,
  PAGE_DATA,
  PageCache,
  PageFault,
  Pages,
  pageSeed,
  PageWriter,
  type Search,
} from '../../src/storage/pages.js'

const JOURNAL = Buffer.from(Array.from({ length: 16 }, (_, i) => 200 + i))
const SEGMENT = 0x1_0000_0007

/** Bytes of which no two pages are the same. */
const content = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 31 + Math.floor(i / 251)) & 255))

async function written(puts: readonly Buffer[]): Promise<{ chunks: Buffer[]; image: Buffer }> {
  const chunks: Buffer[] = []
  const length = Buffer.concat(puts).length
  const writer = new PageWriter(pageSeed(JOURNAL, SEGMENT), length, async (pages) => void chunks.push(pages))
  for (const bytes of puts) await writer.put(bytes)
  await writer.end()
  expect(writer.length).toBe(length)
  return { chunks, image: Buffer.concat(chunks) }
}

/** A file in memory whose reads are counted. */
class Source {
  readonly name: string
  readonly image: Buffer
  reads: number[] = []

  constructor(image: Buffer, name = 'a.idx') {
    this.image = image
    this.name = name
  }

  read(into: Buffer, offset: number): number {
    this.reads.push(offset)
    return this.image.copy(into, 0, offset)
  }
}

const pagesOf = (source: Source, { cache = new PageCache(), journal = JOURNAL, segment = SEGMENT } = {}): Pages =>
  new Pages(source, cache, journal, segment)

describe('a file of pages', () => {
  test.each([0, 1, PAGE_DATA - 1, PAGE_DATA, PAGE_DATA + 1, 15 * PAGE_DATA + 7, 16 * PAGE_DATA, 16 * PAGE_DATA + 1, 33 * PAGE_DATA])(
    'has whole pages, each with its number and a checksum over its journal, segment and place (%i bytes)',
    async (length) => {
      const bytes = content(length)
      const seed = Buffer.alloc(24)
      JOURNAL.copy(seed)
      seed.writeBigUInt64LE(BigInt(SEGMENT), 16)
      for (const puts of [[bytes], [bytes.subarray(0, 100), bytes.subarray(100, 5000), Buffer.alloc(0), bytes.subarray(5000)]]) {
        const { chunks, image } = await written(puts)
        expect(image.length).toBe(Math.ceil(length / PAGE_DATA) * PAGE_BYTES)
        // Handed on in large pieces, and none larger than it must be.
        expect(chunks.map((chunk) => chunk.length / PAGE_BYTES)).toEqual(
          Array.from({ length: Math.ceil(image.length / PAGE_BYTES / 16) }, (_, i) => Math.min(16, image.length / PAGE_BYTES - i * 16)),
        )
        expect(new Set(chunks.map(({ buffer, byteOffset }) => [buffer, byteOffset])).size).toBe(chunks.length)
        for (let page = 0; page * PAGE_BYTES < image.length; page++) {
          const one = image.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
          const data = Buffer.alloc(PAGE_DATA)
          bytes.copy(data, 0, page * PAGE_DATA)
          const place = Buffer.alloc(4)
          place.writeUInt32LE(page)
          const end = Buffer.alloc(16)
          end.writeUInt32LE(page)
          end.writeUInt32LE(crc32(Buffer.concat([seed, place, data])), 12)
          expect(one.equals(Buffer.concat([data, end])), `page ${page}`).toBe(true)
        }
      }
    },
  )

  test('takes no more memory at once than what will be put needs', async () => {
    const { chunks } = await written([content(100)])
    expect(chunks[0]?.buffer.byteLength).toBeLessThanOrEqual(2 * PAGE_BYTES)
  })

  test('gives any part of what was put', async () => {
    const bytes = content(4 * PAGE_DATA)
    const source = new Source((await written([bytes])).image)
    const edges = [0, 1, 100, PAGE_DATA - 1, PAGE_DATA, PAGE_DATA + 1, 2 * PAGE_DATA, 3 * PAGE_DATA + 5]
    for (const from of edges)
      for (const length of edges.filter((some) => from + some <= bytes.length)) {
        const pages = pagesOf(source)
        source.reads = []
        expect((await pages.read(from, length)).equals(bytes.subarray(from, from + length)), `${length} from ${from}`).toBe(true)
        // Of the pages it lies in, and of no other.
        const first = Math.floor(from / PAGE_DATA)
        const last = Math.max(first, Math.ceil((from + length) / PAGE_DATA) - 1)
        if (length > 0) expect(source.reads).toEqual(Array.from({ length: last + 1 - first }, (_, i) => (first + i) * PAGE_BYTES))
      }
  })

  test('is read once, as long as its pages are kept', async () => {
    const source = new Source((await written([content(3 * PAGE_DATA)])).image)
    const other = new Source((await written([content(PAGE_DATA)])).image, 'b.idx')
    const cache = new PageCache()
    const pages = pagesOf(source, { cache })
    const others = pagesOf(other, { cache })
    expect(pages.cached(1)).toBeUndefined()
    const page = await pages.page(1)
    expect(page.equals(content(3 * PAGE_DATA).subarray(PAGE_DATA, 2 * PAGE_DATA))).toBe(true)
    expect(pages.cached(1)).toBe(page)
    expect([pages.cached(0), others.cached(1)]).toEqual([undefined, undefined])
    expect(await pages.page(1)).toBe(page)
    expect(source.reads).toEqual([PAGE_BYTES])
    // Whoever opens it anew has the same.
    expect(await pagesOf(source, { cache }).page(1)).toBe(page)
    await others.page(0)
    expect([source.reads.length, other.reads.length]).toEqual([1, 1])
  })

  test.each<[string, (image: Buffer) => Buffer, Parameters<typeof pagesOf>[1]]>([
    ['a bit of its data is wrong', (image) => flipped(image, PAGE_BYTES + 5), {}],
    ['a bit of its last data is wrong', (image) => flipped(image, PAGE_BYTES + PAGE_DATA - 1), {}],
    ['its number is wrong', (image) => flipped(image, PAGE_BYTES + PAGE_DATA), {}],
    ['its checksum is wrong', (image) => flipped(image, 2 * PAGE_BYTES - 1), {}],
    ['it is another page', (image) => Buffer.concat([image.subarray(0, PAGE_BYTES), image.subarray(0, PAGE_BYTES)]), {}],
    ['it is cut short', (image) => image.subarray(0, 2 * PAGE_BYTES - 1), {}],
    ['it is not there', (image) => image.subarray(0, PAGE_BYTES), {}],
    ['it is of another segment', (image) => image, { segment: 7 }],
    ['it is of another journal', (image) => image, { journal: Buffer.alloc(16, 1) }],
  ])('never gives a page where %s', async (_, hurt, more) => {
    const pages = pagesOf(new Source(hurt((await written([content(2 * PAGE_DATA)])).image)), more)
    for (let i = 0; i < 2; i++) {
      const fault = await pages.page(1).catch((error: unknown) => error)
      expect(fault).toBeInstanceOf(PageFault)
      expect(fault).toMatchObject({ segment: more?.segment ?? SEGMENT, message: 'page 1 of a.idx does not check' })
    }
    expect(pages.cached(1)).toBeUndefined()
    await expect(pages.read(PAGE_DATA - 1, 2)).rejects.toBeInstanceOf(PageFault)
  })

  test('is searched at once where all that it takes is in memory, else while pages come in', async () => {
    const source = new Source((await written([content(3 * PAGE_DATA)])).image)
    const pages = pagesOf(source)
    function* search(numbers: readonly number[]): Search<number[]> {
      const firsts: number[] = []
      for (const number of numbers) firsts.push((yield { pages, number })[0] as number)
      return firsts
    }
    const wanted = [0, 2].map((page) => content(3 * PAGE_DATA)[page * PAGE_DATA])
    expect(answerAtOnce(search([]))).toEqual([])
    await pages.page(0)
    expect(answerAtOnce(search([0, 2]))).toBeUndefined()
    expect(await answer(search([0, 2]))).toEqual(wanted)
    expect(answerAtOnce(search([0, 2]))).toEqual(wanted)
    expect(source.reads).toHaveLength(2)
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}
