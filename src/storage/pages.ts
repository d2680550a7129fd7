/**
 * Files of checked pages, for indexes: a stream of bytes cut into pages, each with a checksum that also binds it to its
 * place and to its file. A page that does not check is never used; it says so by {@link PageFault}.
 */
import { crc32 } from 'node:zlib'
import { writeU64 } from './frame.js'
import { Recent } from './recent.js'

export const PAGE_BYTES = 4096
/** A multiple of the size of a table entry, so that none lies across two pages. */
export const PAGE_DATA = 4080
const CACHED_PAGES = 2048
/** What is handed on at once, at most. */
const CHUNK_BYTES = 16 * PAGE_BYTES
const NONE = Buffer.alloc(0)
/** A page's number has 32 bits. */
const FILE_PAGES = 2 ** 32

/** An index can not be relied on; it must be made again from its segment. */
export class PageFault extends Error {
  readonly segment: number

  constructor(segment: number, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.segment = segment
  }
}

/** What a page's checksum starts from: the journal, the segment and the page's number. */
export function pageSeed(journal: Buffer, segment: number): Buffer {
  const seed = Buffer.alloc(24)
  journal.copy(seed)
  writeU64(seed, segment, 16)
  return seed
}

function pageCrc(page: Buffer, seed: Buffer, number: number): number {
  const place = Buffer.allocUnsafe(4)
  place.writeUInt32LE(number, 0)
  return crc32(page.subarray(0, PAGE_DATA), crc32(place, crc32(seed)))
}

/** Completes a page whose data stands in it. */
export function sealPage(page: Buffer, seed: Buffer, number: number): void {
  page.writeUInt32LE(number, PAGE_DATA)
  page.fill(0, PAGE_DATA + 4, PAGE_BYTES - 4)
  page.writeUInt32LE(pageCrc(page, seed, number), PAGE_BYTES - 4)
}

/** Collects bytes and hands them on in pages. */
export class PageWriter {
  readonly #seed: Buffer
  readonly #emit: (pages: Buffer) => Promise<void>
  readonly #chunkBytes: number
  /** Taken when something is put. */
  #chunk = NONE
  #page = 0
  #used = 0
  #first = 0
  /** Bytes put so far. */
  length = 0

  /** `total`: how many bytes will be put. */
  constructor(seed: Buffer, total: number, emit: (pages: Buffer) => Promise<void>) {
    this.#seed = seed
    this.#emit = emit
    this.#chunkBytes = Math.min(CHUNK_BYTES, Math.ceil(total / PAGE_DATA) * PAGE_BYTES)
  }

  async put(bytes: Buffer): Promise<void> {
    this.length += bytes.length
    for (let from = 0; from < bytes.length;) {
      const count = Math.min(PAGE_DATA - this.#used, bytes.length - from)
      if (this.#chunk === NONE) this.#chunk = Buffer.allocUnsafe(this.#chunkBytes)
      bytes.copy(this.#chunk, this.#page * PAGE_BYTES + this.#used, from, from + count)
      this.#used += count
      from += count
      if (this.#used === PAGE_DATA) await this.#next()
    }
  }

  async end(): Promise<void> {
    if (this.#used > 0) {
      this.#chunk.fill(0, this.#page * PAGE_BYTES + this.#used, (this.#page + 1) * PAGE_BYTES)
      await this.#next()
    }
    if (this.#page > 0) await this.#flush()
  }

  async #next(): Promise<void> {
    const page = this.#chunk.subarray(this.#page * PAGE_BYTES, (this.#page + 1) * PAGE_BYTES)
    const number = this.#first + this.#page
    sealPage(page, this.#seed, number)
    this.#page++
    this.#used = 0
    if (this.#page * PAGE_BYTES === this.#chunk.length) await this.#flush()
  }

  async #flush(): Promise<void> {
    await this.#emit(this.#chunk.subarray(0, this.#page * PAGE_BYTES))
    // What was handed on may be kept.
    this.#chunk = NONE
    this.#first += this.#page
    this.#page = 0
  }
}

/** Pages in memory, of all files, the least used forgotten first. They are looked up by one number: that is much quicker than by a text. */
export class PageCache {
  readonly #pages = new Recent<number, Buffer>(CACHED_PAGES)
  readonly #files = new Map<string, number>()

  /** Where a file's pages are kept: the number of its first one. */
  base(file: string): number {
    let base = this.#files.get(file)
    if (base === undefined) this.#files.set(file, (base = this.#files.size * FILE_PAGES))
    return base
  }

  get(key: number): Buffer | undefined {
    return this.#pages.get(key)
  }

  set(key: number, page: Buffer): void {
    this.#pages.set(key, page)
  }

  /** Forgets the pages of one file. */
  forget(file: string): void {
    const base = this.base(file)
    this.#pages.forget((key) => key >= base && key < base + FILE_PAGES)
  }
}

/** Where pages come from. */
export interface PageSource {
  /** Names the source in the cache. */
  name: string
  read(into: Buffer, offset: number): number | Promise<number>
}

/** Checked reads from a file of pages. */
export class Pages {
  readonly #source: PageSource
  readonly #cache: PageCache
  /** Of its pages in the cache. */
  readonly #base: number
  readonly #seed: Buffer
  readonly segment: number

  constructor(source: PageSource, cache: PageCache, journal: Buffer, segment: number) {
    this.#source = source
    this.#cache = cache
    this.#base = cache.base(source.name)
    this.#seed = pageSeed(journal, segment)
    this.segment = segment
  }

  /** The data of one page, if it is in memory. */
  cached(number: number): Buffer | undefined {
    return this.#cache.get(this.#base + number)
  }

  /** The data of one page. */
  async page(number: number): Promise<Buffer> {
    const known = this.cached(number)
    if (known !== undefined) return known
    const page = Buffer.allocUnsafe(PAGE_BYTES)
    const got = await this.#source.read(page, number * PAGE_BYTES)
    if (
      got < PAGE_BYTES ||
      page.readUInt32LE(PAGE_DATA) !== number ||
      page.readUInt32LE(PAGE_BYTES - 4) !== pageCrc(page, this.#seed, number)
    ) {
      throw new PageFault(this.segment, `page ${number} of ${this.#source.name} does not check`)
    }
    const data = page.subarray(0, PAGE_DATA)
    this.#cache.set(this.#base + number, data)
    return data
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const first = Math.floor(offset / PAGE_DATA)
    const start = offset - first * PAGE_DATA
    if (start + length <= PAGE_DATA) return (await this.page(first)).subarray(start, start + length)
    const parts: Buffer[] = []
    for (let at = offset; at < offset + length;) {
      const number = Math.floor(at / PAGE_DATA)
      const from = at - number * PAGE_DATA
      const count = Math.min(PAGE_DATA - from, offset + length - at)
      parts.push((await this.page(number)).subarray(from, from + count))
      at += count
    }
    return Buffer.concat(parts)
  }
}

/** A page that is looked at next. */
export interface WantedPage {
  pages: Pages
  number: number
}

/** Asks for one page after another, until it knows what is looked for. */
export type Search<T> = Generator<WantedPage, T, Buffer>

/** What a search finds. @throws PageFault */
export async function answer<T>(search: Search<T>): Promise<T> {
  let step = search.next()
  while (step.done !== true) step = search.next(await step.value.pages.page(step.value.number))
  return step.value
}

/** The same without waiting; undefined where a page is not in memory. */
export function answerAtOnce<T>(search: Search<T>): T | undefined {
  let step = search.next()
  while (step.done !== true) {
    const page = step.value.pages.cached(step.value.number)
    if (page === undefined) return undefined
    step = search.next(page)
  }
  return step.value
}
