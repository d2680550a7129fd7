/**
 * All indexes together: those in memory, newest first, then the files, of which a lookup touches as many as the number of
 * segments has bits. A file that does not check is made again from its segment.
 */
import { ioError } from '../errors.js'
import type { StoredCommit } from './commit-store.js'
import type { Core, Sealed } from './core.js'
import { readFully, placeFile, hasCode } from './io.js'
import { indexImage, tablesBelow, tablesFor, writeIndex, type IndexSource } from './index-build.js'
import { IndexFile, type StreamPart } from './index-file.js'
import { fingerprint, searchAll, type KeyKind, type KeyPlace, type KeyTable } from './key-table.js'
import { claimKey, PLACE, placesIn, type MemoryIndex, type Met, type Unbuilt } from './memory-index.js'
import { answer, answerAtOnce, PageFault, Pages, type PageSource } from './pages.js'
import type { Part } from './part.js'
import { commitsAt, isCommit } from './record-reader.js'

/** Each waits for the disk, so that one after another would take long. */
const OPEN_AT_ONCE = 32

export class Indexes<Note> {
  readonly #core: Core<Note>
  readonly #segments: ReadonlyMap<number, Sealed>
  readonly #rebuild: (segment: Sealed) => Promise<MemoryIndex<Note>>
  readonly #files = new Map<number, IndexFile>()
  /** Oldest first; all of them come after the files. */
  #unbuilt: Unbuilt<Note>[] = []
  #built = 0
  #building: Promise<void> | undefined
  readonly #remaking = new Map<number, Promise<void>>()
  /** Segments whose index was made of what could be read of them. */
  readonly #partial = new Set<number>()
  /** Whether all that were asked for so far were there and could be used. */
  wereWhole = true
  /** Of a reader: segments of which it made the index, because the writer's file was not there yet. */
  readonly #ahead: Sealed[] = []

  constructor(core: Core<Note>, segments: ReadonlyMap<number, Sealed>, rebuild: (segment: Sealed) => Promise<MemoryIndex<Note>>) {
    this.#core = core
    this.#segments = segments
    this.#rebuild = rebuild
  }

  /** Opens the indexes of sealed segments, which are in order, many at a time; makes those that cannot be used. */
  async load(segments: readonly Sealed[]): Promise<void> {
    for (let i = 0; i < segments.length; i += OPEN_AT_ONCE) {
      const some = segments.slice(i, i + OPEN_AT_ONCE)
      const faults = await Promise.all(some.map((segment) => this.#open(segment).catch((fault: unknown) => fault)))
      for (const [n, segment] of some.entries()) {
        if (faults[n] !== undefined) await this.#remake(segment, true)
        this.#built = segment.number
      }
    }
  }

  /** Takes over the index of a segment that was sealed now; its file is written in the background. */
  seal(unbuilt: Unbuilt<Note>): void {
    this.#unbuilt.push(unbuilt)
    this.#building ??= this.#build()
  }

  /** Resolves when no index is being written. What went wrong is made good by the next open. */
  async settle(): Promise<void> {
    await this.#building
  }

  /** The newest part of a stream in segments below one. */
  async stream(stream: string, below = Number.POSITIVE_INFINITY): Promise<Part<Note> | undefined> {
    for (const { segment, index } of this.#unbuilt.toReversed()) {
      const found = segment.number < below ? this.memoryPart(index, stream) : undefined
      if (found !== undefined) return found
    }
    return (await this.#newest(stream, below))?.part
  }

  memoryPart(index: MemoryIndex<Note>, stream: string): Part<Note> | undefined {
    const found = index.streams.get(stream)
    if (found === undefined) return undefined
    const { firstVersion, places, ...rest } = found
    const segment = index.segment.number
    return {
      segment,
      firstVersion,
      ...rest,
      places: () => places,
      previous: async () => (firstVersion === 1 ? undefined : this.stream(stream, segment)),
    }
  }

  /** Frames in which a commit id may stand, newest first. */
  async commit(commitId: string): Promise<KeyPlace[]> {
    return (await this.#met('commit', [commitId], ({ ids }) => ids))[0] ?? []
  }

  /** For each of some names, frames in which a stream may have taken it; at once where all that it takes to know is in memory. */
  claims(stream: string, claims: readonly string[]): KeyPlace[][] | Promise<KeyPlace[][]> {
    const keys = claims.map((claim) => claimKey(stream, claim))
    return this.#met('claim', keys, (index) => index.claims)
  }

  /** The note of a stream at the end of the segments below one; undefined if they do not have it. */
  async noteBelow(stream: string, below: number): Promise<Note | undefined> {
    const part = await this.stream(stream, below)
    return part && this.noteOf(stream, part)
  }

  /** A part's note, folded from the stream's first commit if it must be. */
  async noteOf(stream: string, part: Part<Note>): Promise<Note> {
    if (part.note !== undefined) return part.note
    const parts: Part<Note>[] = []
    for (let at: Part<Note> | undefined = part; at !== undefined; at = await at.previous()) parts.unshift(at)
    let note = this.#core.notes.initial()
    for (const one of parts) for await (const commit of this.#commits(stream, one)) note = this.#core.notes.fold(note, commit)
    return note
  }

  /** Position and offset of frames of a segment; see `MemoryIndex.seeks`. */
  async seeks(segment: number): Promise<readonly number[]> {
    const unbuilt = this.#unbuilt.find((one) => one.segment.number === segment)
    return unbuilt?.index.seeks ?? this.#sure(async () => (await this.#files.get(segment)?.seeks()) ?? [])
  }

  async *#commits(stream: string, part: Part<Note>): AsyncGenerator<StoredCommit> {
    const places = await part.places()
    const { file, release } = await this.#core.handles.acquire(this.#core.paths.segment(this.#segments.get(part.segment) as Sealed))
    try {
      for await (const batch of commitsAt(file, stream, places, 0, places.length / PLACE)) yield* batch.filter(isCommit)
    } finally {
      await release()
    }
  }

  #met(kind: KeyKind, keys: readonly string[], met: Met<Note>): KeyPlace[][] | Promise<KeyPlace[][]> {
    const unbuilt = this.#unbuilt.toReversed()
    const wanted = keys.map((key) => fingerprint(kind, key))
    const all = (inFiles: readonly KeyPlace[][]): KeyPlace[][] =>
      keys.map((key, i) => [...placesIn(unbuilt, met, key), ...(inFiles[i] as KeyPlace[])])
    const inFiles = answerAtOnce(searchAll(this.#tables(), wanted))
    return inFiles === undefined ? this.#sure(() => answer(searchAll(this.#tables(), wanted))).then(all) : all(inFiles)
  }

  /** The newest part of a stream that files of segments below one have, and where. */
  #newest(stream: string, below: number): Promise<{ place: KeyPlace; part: Part<Note> } | undefined> {
    return this.#sure(async () => {
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

  /** The tables that between them have every key of the segments below one. */
  #tables(below = Number.POSITIVE_INFINITY): KeyTable[] {
    return tablesFor(Math.min(this.#built, below - 1)).flatMap((number) => this.#files.get(number)?.table ?? [])
  }

  /** The part that a table named, if it is the stream's. */
  async #partAt({ segment, location }: KeyPlace, stream: string): Promise<Part<Note> | undefined> {
    const file = this.#files.get(segment)
    let found = await file?.part(location)
    // An index that was made from a damaged segment counts its streams otherwise; who named the part may have seen that one, or the one before.
    for (let i = 0; file !== undefined && found?.stream !== stream && i < file.header.streams; i++) found = await file.part(i)
    return found?.stream === stream ? this.#filePart(found) : undefined
  }

  /** The index of a sealed segment, if it names all that the segment held. */
  whole(segment: number): IndexFile | undefined {
    return this.#partial.has(segment) ? undefined : this.#files.get(segment)
  }

  #filePart({ stream, segment, firstVersion, lastVersion, lastPosition, note, places, previous }: StreamPart): Part<Note> {
    return {
      segment,
      firstVersion,
      lastVersion,
      lastPosition,
      note: this.#core.notes.decode(note),
      places: () => this.#sure(places),
      // Where that one is lost, those before it are not.
      previous: async () => previous && ((await this.#sure(() => this.#partAt(previous, stream))) ?? this.stream(stream, previous.segment)),
    }
  }

  /** Runs a lookup, and again each time that an index in its way had to be made afresh. */
  async #sure<T>(look: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await look()
      } catch (error) {
        if (!(error instanceof PageFault)) throw error
        await this.#remake(this.#segments.get(error.segment) as Sealed, false)
      }
    }
  }

  /** @throws PageFault */
  async #open(segment: Sealed): Promise<void> {
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

  async #build(): Promise<void> {
    try {
      for (let next = this.#unbuilt[0]; next !== undefined; next = this.#unbuilt[0]) {
        await this.#make(next, !this.#core.readOnly)
        this.#built = next.segment.number
        this.#unbuilt = this.#unbuilt.slice(1)
        if (!this.#core.readOnly) continue
        this.#ahead.push(next.segment)
        await this.#takeWritten()
      }
    } catch {
      // The index stays in memory, where it serves as well; the next segment, or the next open, tries again.
    } finally {
      this.#building = undefined
    }
  }

  /** Makes an index that was not there, or could not be used; whoever meets the same one meanwhile waits with the first. */
  async #remake(segment: Sealed, place: boolean): Promise<void> {
    const { number, end } = segment
    if (end > 0) this.wereWhole = false // of one that is not there none was ever made
    const making = this.#remaking.get(number) ?? this.#rebuild(segment).then((index) => this.#make({ segment, index }, place))
    this.#remaking.set(number, making)
    await making.finally(() => this.#remaking.delete(number))
  }

  /** A reader takes the writer's files once they are there: else it would hold the index of everything that it ever followed. */
  async #takeWritten(): Promise<void> {
    // Where there is none yet, or none that can be used, what was made here serves as well.
    for (const segment of this.#ahead.splice(0)) await this.#open(segment).catch(() => this.#ahead.push(segment))
  }

  /** Makes an index, and before it those whose tables it takes over and that turn out not to check. */
  async #make(unbuilt: Unbuilt<Note>, place: boolean): Promise<void> {
    await this.#sure(() => this.#makeOnce(unbuilt, place))
  }

  /** As a file if it may and the index is whole, else in memory. */
  async #makeOnce({ segment, index }: Unbuilt<Note>, place: boolean): Promise<void> {
    const source = this.#source(segment, index)
    if (index.complete) this.#partial.delete(segment.number)
    else this.#partial.add(segment.number)
    if (place && index.complete && !this.#core.readOnly && (await this.#place(segment, source))) return
    const image = await indexImage(source)
    const name = `memory:${this.#core.paths.index(segment)}`
    this.#core.cache.forget(name)
    const read: PageSource['read'] = async (into, offset) => image.copy(into, 0, offset)
    const pages = new Pages({ name, read }, this.#core.cache, this.#core.journal, segment.number)
    this.#files.set(segment.number, await IndexFile.open(pages, image.length))
  }

  /** Writes the file, in place of a bad one; false if the disk would not take it: an index is never worth an error. */
  async #place(segment: Sealed, source: IndexSource<Note>): Promise<boolean> {
    const { files, clock, handles, cache, paths } = this.#core
    const path = paths.index(segment)
    try {
      await handles.forget(path)
      cache.forget(path)
      if (files.exists(path)) await files.unlink(path)
      await placeFile(files, clock, path, (file, temporary) => writeIndex(source, file, temporary))
      await this.#open(segment)
      return true
    } catch (error) {
      const { code } = ioError(error, 'Writing the index', path)
      if (error instanceof PageFault || code === 'JOURNAL_DISK_FULL' || hasCode(error, 'EEXIST') || code === 'JOURNAL_IO') return false
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
      previous: async (stream) => (await this.#newest(stream, segment.number))?.place,
      tables,
    }
  }
}
