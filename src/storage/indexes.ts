/** All indexes together: those in memory, newest first, then the files. */
import type { StoredCommit } from './commit-store.js'
import type { Core, Sealed } from './core.js'
import { IndexFiles } from './index-files.js'
import type { IndexFile, StreamPart } from './index-file.js'
import { fingerprint, type KeyKind, type KeyPlace } from './key-table.js'
import { claimKey, PLACE, placesIn, type MemoryIndex, type Met, type Unbuilt } from './memory-index.js'
import type { Part } from './part.js'
import { commitsAt, isCommit } from './record-reader.js'

export class Indexes<Note> {
  readonly #core: Core<Note>
  readonly #segments: ReadonlyMap<number, Sealed>
  readonly #files: IndexFiles<Note>
  /** Oldest first; all of them come after the files. */
  #unbuilt: Unbuilt<Note>[] = []
  #building: Promise<void> | undefined
  /** Of a reader: segments of which it made the index, because the writer's file was not there yet. */
  readonly #ahead: Sealed[] = []

  constructor(core: Core<Note>, segments: ReadonlyMap<number, Sealed>, rebuild: (segment: Sealed) => Promise<MemoryIndex<Note>>) {
    this.#core = core
    this.#segments = segments
    this.#files = new IndexFiles(core, segments, rebuild)
  }

  /** Whether all that were asked for so far were there and could be used. */
  get wereWhole(): boolean {
    return this.#files.wereWhole
  }

  /** Opens the indexes of sealed segments, which are in order; makes those that cannot be used. */
  load(segments: readonly Sealed[]): Promise<void> {
    return this.#files.load(segments)
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
    const found = await this.#files.newest(stream, below)
    return found && this.#filePart(found.part)
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
    return unbuilt?.index.seeks ?? this.#files.seeks(segment)
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
    const inFiles = this.#files.search(wanted)
    return inFiles instanceof Promise ? inFiles.then(all) : all(inFiles)
  }

  /** The index of a sealed segment, if it names all that the segment held. */
  whole(segment: number): IndexFile | undefined {
    return this.#files.whole(segment)
  }

  #filePart({ stream, segment, firstVersion, lastVersion, lastPosition, note, places, previous }: StreamPart): Part<Note> {
    return {
      segment,
      firstVersion,
      lastVersion,
      lastPosition,
      note: this.#core.notes.decode(note),
      places: () => this.#files.sure(places),
      // Where that one is lost, those before it are not.
      previous: async () => {
        const found = previous && (await this.#files.part(previous, stream))
        return found === undefined ? previous && this.stream(stream, previous.segment) : this.#filePart(found)
      },
    }
  }

  async #build(): Promise<void> {
    try {
      for (let next = this.#unbuilt[0]; next !== undefined; next = this.#unbuilt[0]) {
        await this.#files.add(next)
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

  /** A reader takes the writer's files once they are there: else it would hold the index of everything that it ever followed. */
  async #takeWritten(): Promise<void> {
    // Where there is none yet, or none that can be used, what was made here serves as well.
    for (const segment of this.#ahead.splice(0)) await this.#files.open(segment).catch(() => this.#ahead.push(segment))
  }
}
