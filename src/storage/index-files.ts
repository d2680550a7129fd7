/**
 * The index files of sealed segments, of which a lookup touches as many as the number of segments has bits. One that cannot be used is made
 * again from its segment: as a file if it may be written and names all that the segment held, else in memory.
 */
import { ioError } from '../errors.js'
import type { Core, Sealed } from './core.js'
import { placeFile, readFully } from './io.js'
import { indexImage, tablesBelow, tablesFor, writeIndex, type IndexSource } from './index-build.js'
import { IndexFile, type StreamPart } from './index-file.js'
import { fingerprint, searchAll, type Fingerprint, type KeyPlace, type KeyTable } from './key-table.js'
import type { MemoryIndex, Unbuilt } from './memory-index.js'
import { answer, answerAtOnce, PageFault, Pages, type PageSource } from './pages.js'

/** Each waits for the disk, so that one after another would take long. */
const OPEN_AT_ONCE = 32

export class IndexFiles<Note> {
  readonly #core: Core<Note>
  readonly #segments: ReadonlyMap<number, Sealed>
  readonly #rebuild: (segment: Sealed) => Promise<MemoryIndex<Note>>
  readonly #files = new Map<number, IndexFile>()
  #built = 0
  readonly #remaking = new Map<number, Promise<void>>()
  /** Segments whose index was made of what could be read of them. */
  readonly #partial = new Set<number>()
  /** While nobody else looks anything up, files may be put in the place of others: once each, lest a disk that spoils them keeps all waiting. */
  #isLoading = false
  readonly #placed = new Set<number>()
  /** Whether all that were asked for so far were there and could be used. */
  wereWhole = true

  constructor(core: Core<Note>, segments: ReadonlyMap<number, Sealed>, rebuild: (segment: Sealed) => Promise<MemoryIndex<Note>>) {
    this.#core = core
    this.#segments = segments
    this.#rebuild = rebuild
  }

  /** Opens the indexes of sealed segments, which are in order, many at a time; makes those that cannot be used. */
  async load(segments: readonly Sealed[]): Promise<void> {
    this.#isLoading = true
    for (let i = 0; i < segments.length; i += OPEN_AT_ONCE) {
      const some = segments.slice(i, i + OPEN_AT_ONCE)
      const faults = await Promise.all(some.map((segment) => this.open(segment).catch((fault: unknown) => fault)))
      for (const [n, segment] of some.entries()) {
        if (faults[n] !== undefined || (await this.#isOutdated(segment))) await this.#remake(segment)
        this.#built = segment.number
      }
    }
    this.#isLoading = false
  }

  /** Makes the index of the segment behind those that have one. */
  async add(unbuilt: Unbuilt<Note>): Promise<void> {
    await this.#make(unbuilt, true)
    this.#built = unbuilt.segment.number
  }

  /** The index of a sealed segment, if it names all that the segment held. */
  whole(segment: number): IndexFile | undefined {
    return this.#partial.has(segment) ? undefined : this.#files.get(segment)
  }

  seeks(segment: number): Promise<readonly number[]> {
    return this.sure(async () => (await this.#files.get(segment)?.seeks()) ?? [])
  }

  /** The newest part of a stream that segments below one have, and where that is named. */
  newest(stream: string, below: number): Promise<{ place: KeyPlace; part: StreamPart } | undefined> {
    return this.sure(async () => {
      const wanted = fingerprint('stream', stream)
      for (const table of this.#tables(below)) {
        for (const place of await answer(table.search(wanted))) {
          const part = place.segment < below ? await this.#partAt(place, stream) : undefined
          if (part !== undefined) return { place, part }
        }
      }
      return undefined
    })
  }

  /** The part that another index names, if it is the stream's. */
  part(place: KeyPlace, stream: string): Promise<StreamPart | undefined> {
    return this.sure(() => this.#partAt(place, stream))
  }

  /** Everything met under each of some fingerprints; at once where all that it takes to know is in memory. */
  search(wanted: readonly Fingerprint[]): KeyPlace[][] | Promise<KeyPlace[][]> {
    return answerAtOnce(searchAll(this.#tables(), wanted)) ?? this.sure(() => answer(searchAll(this.#tables(), wanted)))
  }

  /** Runs a lookup, and again each time that an index in its way had to be made afresh. */
  async sure<T>(look: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await look()
      } catch (error) {
        if (!(error instanceof PageFault)) throw error
        await this.#remake(this.#segments.get(error.segment) as Sealed)
      }
    }
  }

  /** @throws PageFault */
  async open(segment: Sealed): Promise<void> {
    const { handles, cache, journal, paths } = this.#core
    const path = paths.index(segment)
    const source: PageSource = { name: path, read: (into, offset) => handles.with(path, (file) => readFully(file, into, offset)) }
    try {
      const size = await handles.with(path, (file) => file.size())
      const index = await IndexFile.open(new Pages(source, cache, journal, segment.number), size)
      index.mustBeOf(segment)
      this.#files.set(segment.number, index)
      this.#partial.delete(segment.number)
    } catch (error) {
      if (error instanceof PageFault) throw error
      throw new PageFault(segment.number, `the index cannot be read: ${String(error)}`, { cause: error })
    }
  }

  /** The tables that between them have every key of the segments below one. */
  #tables(below = Number.POSITIVE_INFINITY): KeyTable[] {
    return tablesFor(Math.min(this.#built, below - 1)).flatMap((number) => this.#files.get(number)?.table ?? [])
  }

  async #partAt({ segment, location }: KeyPlace, stream: string): Promise<StreamPart | undefined> {
    const file = this.#files.get(segment)
    let found = await file?.part(location)
    // An index that was made from a damaged segment counts its streams otherwise; who named the part may have seen that one, or the one before.
    for (let i = 0; file !== undefined && found?.stream !== stream && i < file.header.streams; i++) found = await file.part(i)
    return found?.stream === stream ? found : undefined
  }

  /** Whether an index was made when less was there of a segment before it than there is now. */
  async #isOutdated({ number }: Sealed): Promise<boolean> {
    const without = await this.sure(async () => (await this.#files.get(number)?.without()) ?? [])
    return without.some((other) => (this.#segments.get(other)?.end ?? 0) > 0 && !this.#partial.has(other))
  }

  /** Makes an index that was not there, or could not be used; whoever meets the same one meanwhile waits with the first. */
  async #remake(segment: Sealed): Promise<void> {
    const { number, end } = segment
    if (end > 0) this.wereWhole = false // of one that is not there none was ever made
    const making = this.#remaking.get(number) ?? this.#rebuild(segment).then((index) => this.#make({ segment, index }, this.#isLoading))
    this.#remaking.set(number, making)
    await making.finally(() => this.#remaking.delete(number))
  }

  /** Makes an index, and before it those whose tables it takes over and that turn out not to check. */
  async #make(unbuilt: Unbuilt<Note>, place: boolean): Promise<void> {
    await this.sure(() => this.#makeOnce(unbuilt, place))
  }

  async #makeOnce({ segment, index }: Unbuilt<Note>, place: boolean): Promise<void> {
    const wasUsed = this.#files.has(segment.number)
    if (index.complete) this.#partial.delete(segment.number)
    else this.#partial.add(segment.number)
    const source = this.#source(segment, index)
    if (place && !this.#core.readOnly && !this.#placed.has(segment.number)) {
      if (index.complete && (await this.#write(segment, (path) => this.#put(path, segment, source)))) return
      // One that opens and does not check further on would be believed again to have all of the segment.
      if (!index.complete && wasUsed) await this.#write(segment)
    }
    const image = await indexImage(source)
    const name = `memory:${this.#core.paths.index(segment)}`
    this.#core.cache.forget(name)
    const read: PageSource['read'] = async (into, offset) => image.copy(into, 0, offset)
    const pages = new Pages({ name, read }, this.#core.cache, this.#core.journal, segment.number)
    this.#files.set(segment.number, await IndexFile.open(pages, image.length))
  }

  async #put(path: string, segment: Sealed, source: IndexSource<Note>): Promise<void> {
    const { files, clock } = this.#core
    await placeFile(files, clock, path, (file, temporary) => writeIndex(source, file, temporary))
    await this.open(segment)
  }

  /** Writes in place of a bad file, or nothing; false if the disk would not take it: an index is never worth an error. */
  async #write(segment: Sealed, put?: (path: string) => Promise<void>): Promise<boolean> {
    const { files, handles, cache, paths } = this.#core
    const path = paths.index(segment)
    try {
      await handles.forget(path)
      cache.forget(path)
      if (files.exists(path)) await files.unlink(path)
      await put?.(path)
      this.#placed.add(segment.number)
      return true
    } catch (error) {
      const { code } = ioError(error, 'Writing the index', path)
      if (code === 'JOURNAL_DISK_FULL' || code === 'JOURNAL_IO') return false
      throw error
    }
  }

  #source(segment: Sealed, index: MemoryIndex<Note>): IndexSource<Note> {
    const { notes, journal } = this.#core
    const tables = tablesBelow(segment.number).map((number) => (this.#files.get(number) as IndexFile).table)
    return {
      index,
      notes,
      journal,
      end: segment.end,
      position: segment.position,
      digest: segment.digest ?? Buffer.alloc(32),
      previous: async (stream) => (await this.newest(stream, segment.number))?.place,
      without: [...this.#partial].filter((number) => number < segment.number),
      tables,
    }
  }
}
