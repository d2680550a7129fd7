/** The indexes of all segments: in memory for the newest, in files for the sealed ones, made again where they are missing or do not check. */
import { dirname } from 'node:path'
import { ioError, JournalError, type Damage } from '../errors.js'
import { ActiveIndex, claimKey } from './active-index.js'
import type { StreamHead, StreamNotes } from '../storage/commit-store.js'
import type { Clock, FileHandle, Files } from '../storage/files.js'
import { Kind } from './frame.js'
import { placed, salvaged } from './group.js'
import { encodeIndex, IndexDamaged, IndexFile, type SealedEntry } from './index-file.js'
import { segmentName, type SegmentName } from './segment.js'
import type { Segments } from './segments.js'
import { walk } from './walk.js'

export class Indexes<Note> {
  readonly #files: Files
  readonly #clock: Clock
  readonly #notes: StreamNotes<Note>
  readonly #writes: boolean
  /** Newest segments, whose indexes are not in files yet. */
  readonly #memory = new Map<number, ActiveIndex<Note>>()
  readonly #open = new Map<number, Promise<IndexFile>>()
  readonly #handles: FileHandle[] = []
  #saving: Promise<void> = Promise.resolve()

  /** `writes`: whether index files may be created; a reader keeps what it had to make in memory. */
  constructor(files: Files, clock: Clock, notes: StreamNotes<Note>, writes: boolean) {
    this.#files = files
    this.#clock = clock
    this.#notes = notes
    this.#writes = writes
  }

  hold(segment: number, index: ActiveIndex<Note>): void {
    this.#memory.set(segment, index)
  }

  /** Writes the index of a sealed segment in the background. Failing to is no harm: it is made again when it is wanted. */
  seal(segments: Segments, segment: SegmentName): void {
    const index = this.#memory.get(segment.number)
    if (index === undefined) return
    this.#saving = this.#saving.then(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      try {
        await this.#save(segments, segment, encodeIndex(segment.number, index, this.#notes))
        this.#memory.delete(segment.number)
      } catch (error) {
        // Kept in memory instead, and made again from the segment at the next open.
        if (!(error instanceof JournalError)) throw error
      }
    })
  }

  /** The stream's head as of the end of the segments before `before`. */
  async head(segments: Segments, stream: string, before: number): Promise<(StreamHead<Note> & { position: number }) | undefined> {
    for (const segment of segments.all.toReversed()) {
      if (segment.number >= before) continue
      const active = this.#memory.get(segment.number)?.streams.get(stream)
      if (active !== undefined) return { version: active.version, note: active.note, position: active.refs.at(-1)?.position ?? 0 }
      if (this.#memory.has(segment.number)) continue
      const entry = await this.#ask(segments, segment, (file) => file.stream(stream))
      if (entry === undefined) continue
      const note = this.#notes.decode(entry.note) ?? (await this.#refold(segments, stream, segment, entry))
      return { version: entry.version, note, position: entry.refs.at(-1)?.position ?? 0 }
    }
    return undefined
  }

  /** What each segment that has the stream has of it, oldest first. */
  async *entries(segments: Segments, stream: string, reverse: boolean): AsyncGenerator<{ segment: SegmentName; entry: Pick<SealedEntry, 'refs' | 'version'> }, void, undefined> {
    for (const segment of reverse ? segments.all.toReversed() : [...segments.all]) {
      const entry = await this.#entry(segments, segment, stream)
      if (entry !== undefined) yield { segment, entry }
    }
  }

  /** Segments and frames that may hold the commit with an id, newest first. */
  async *frames(segments: Segments, commitId: string): AsyncGenerator<{ segment: SegmentName; at: number }, void, undefined> {
    for (const segment of segments.all.toReversed()) {
      const active = this.#memory.get(segment.number)
      if (active !== undefined) {
        const at = active.commitIds.get(commitId)
        if (at !== undefined) yield { segment, at }
      } else for (const at of await this.#ask(segments, segment, (file) => file.frames(commitId))) yield { segment, at }
    }
  }

  /** Whether a stream took a name. */
  async claimed(segments: Segments, stream: string, claim: string): Promise<boolean> {
    const key = claimKey(stream, claim)
    for (const segment of segments.all.toReversed()) {
      const active = this.#memory.get(segment.number)
      if (active !== undefined) {
        if (active.claims.has(key)) return true
      } else if ((await this.#ask(segments, segment, (file) => file.mayClaim(key))) && (await this.#claims(segments, segment, stream, claim))) return true
    }
    return false
  }

  async settle(): Promise<void> {
    await this.#saving
  }

  async close(): Promise<void> {
    await this.settle()
    for (const handle of this.#handles.splice(0)) await handle.close()
    this.#open.clear()
  }

  async #entry(segments: Segments, segment: SegmentName, stream: string): Promise<Pick<SealedEntry, 'refs' | 'version'> | undefined> {
    const active = this.#memory.get(segment.number)
    return active === undefined ? this.#ask(segments, segment, (file) => file.stream(stream)) : active.streams.get(stream)
  }

  /** Asks a segment's index file; one that does not check is made again and asked once more. */
  async #ask<T>(segments: Segments, segment: SegmentName, question: (file: IndexFile) => Promise<T>): Promise<T> {
    try {
      return await question(await this.#file(segments, segment))
    } catch (error) {
      if (!(error instanceof IndexDamaged)) throw error
      this.#open.set(segment.number, this.#make(segments, segment))
      return question(await this.#file(segments, segment))
    }
  }

  #file(segments: Segments, segment: SegmentName): Promise<IndexFile> {
    const known = this.#open.get(segment.number) ?? this.#load(segments, segment)
    this.#open.set(segment.number, known)
    return known
  }

  async #load(segments: Segments, segment: SegmentName): Promise<IndexFile> {
    const path = segments.path(segment, 'idx')
    let handle: FileHandle
    try {
      handle = await this.#files.open(path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.#make(segments, segment)
      throw ioError(error, 'Opening', path)
    }
    try {
      const file = await IndexFile.open(handle, segment.number)
      this.#handles.push(handle)
      return file
    } catch (error) {
      await handle.close()
      if (error instanceof IndexDamaged) return this.#make(segments, segment)
      throw ioError(error, 'Reading', path)
    }
  }

  /** Makes the index of a segment from the segment itself. */
  async #make(segments: Segments, segment: SegmentName): Promise<IndexFile> {
    const index = new ActiveIndex(this.#notes)
    const blind: Damage[] = []
    const beginning = await segments.beginning(segment)
    const end = {
      journalId: beginning?.frame.journalId ?? '',
      group: beginning?.header.group ?? 0,
      position: beginning?.header.position ?? segment.firstPosition - 1,
      digest: beginning?.header.digest ?? '',
    }
    const handle = await segments.open(segment)
    const options = { path: segments.path(segment), from: 0, limit: await segments.limit(segment), digests: false }
    for await (const step of walk(handle, end, options)) {
      if ('frame' in step) {
        const { at, header, payload } = step.frame
        if (header.kind === Kind.data) for (const one of placed(at, header, payload)) await this.#add(segments, segment, index, one, at)
        continue
      }
      const { bad } = step
      const items = bad.header?.kind === Kind.data && bad.frame !== undefined ? salvaged(segmentName(segment), bad.at, bad.header, bad.frame, bad.reason) : []
      for (const item of items) if (!('gap' in item)) await this.#add(segments, segment, index, item, bad.at)
      blind.push({ segment: segmentName(segment), offset: bad.at, bytes: bad.end - bad.at, firstPosition: end.position + 1, reason: bad.reason })
    }
    if (blind.length > 0) {
      throw new JournalError('JOURNAL_DAMAGED', `The index of ${segmentName(segment)} is gone and the segment is damaged, so that what it held cannot be known. Repair the journal.`, { damage: blind })
    }
    const bytes = encodeIndex(segment.number, index, this.#notes)
    if (this.#writes) await this.#save(segments, segment, bytes)
    return IndexFile.open(bytes, segment.number)
  }

  async #add(segments: Segments, segment: SegmentName, index: ActiveIndex<Note>, one: Parameters<ActiveIndex<Note>['add']>[0], at: number): Promise<void> {
    const { stream } = one.commit
    const before = index.streams.get(stream)?.note ?? (await this.head(segments, stream, segment.number))?.note ?? this.#notes.initial()
    index.add(one, this.#notes.fold(before, one.commit), at)
  }

  /** A note made by another revision of the floor above: folded again from the stream's first commit. */
  async #refold(segments: Segments, stream: string, last: SegmentName, { version }: SealedEntry): Promise<Note> {
    let note = this.#notes.initial()
    for await (const { segment, entry } of this.entries(segments, stream, false)) {
      if (segment.number > last.number) break
      for (const ref of entry.refs) {
        const commit = await segments.commit(segment, ref, stream)
        if (!('gap' in commit) && commit.version <= version) note = this.#notes.fold(note, commit)
      }
    }
    return note
  }

  async #claims(segments: Segments, segment: SegmentName, stream: string, claim: string): Promise<boolean> {
    for (const ref of (await this.#entry(segments, segment, stream))?.refs ?? []) {
      const commit = await segments.commit(segment, ref, stream)
      if (!('gap' in commit) && this.#notes.claims(commit).includes(claim)) return true
    }
    return false
  }

  async #save(segments: Segments, segment: SegmentName, bytes: Buffer): Promise<void> {
    const path = segments.path(segment, 'idx')
    const temporary = `${path}.${Buffer.from(this.#clock.random(6)).toString('hex')}.tmp`
    try {
      const handle = await this.#files.open(temporary, 'wx')
      try {
        if ((await handle.write(bytes, 0)) !== bytes.length) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
        await handle.datasync()
      } finally {
        await handle.close()
      }
      await this.#files.rename(temporary, path)
      await this.#files.syncDir(dirname(path))
    } catch (error) {
      throw ioError(error, 'Writing', path)
    }
  }
}
