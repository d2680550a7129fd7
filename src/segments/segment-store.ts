/** The commit store on segment files: what is common to the writer and to readers beside it. */
import { JournalError, type Damage } from '../errors.js'
import type { ActiveIndex } from './active-index.js'
import type { Carried } from './carried.js'
import type { CommitGroup, CommitStore, Durability, Gap, Head, NewCommit, ReadOptions, Receipt, SnapshotRecord, StoreRecovery, StoreReport, StoredCommit, StreamHead, StreamNotes, TypeSeen } from '../storage/commit-store.js'
import type { Indexes } from './indexes.js'
import type { Looked } from './look.js'
import { readGroups } from './reading.js'
import type { Segments } from './segments.js'
import { segmentName, NO_DIGEST } from './segment.js'
import { verify } from './verify.js'

export type Listener = Parameters<CommitStore<unknown>['subscribe']>[0]

/** What both kinds of store are made of. */
export interface Base<Note> {
  directory: string
  notes: StreamNotes<Note>
  looked: Looked<Note>
  indexes: Indexes<Note>
  recovery: StoreRecovery
}

export abstract class SegmentStore<Note> implements CommitStore<Note> {
  abstract readonly readOnly: boolean
  readonly recovery: StoreRecovery
  readonly directory: string
  protected readonly segments: Segments
  protected readonly indexes: Indexes<Note>
  protected readonly carried: Carried
  protected readonly notes: StreamNotes<Note>
  protected readonly journalId: string
  protected readonly listeners = new Set<Listener>()
  head: Head
  synced: Head

  constructor({ directory, notes, looked, indexes, recovery }: Base<Note>) {
    this.directory = directory
    this.notes = notes
    this.segments = looked.segments
    this.indexes = indexes
    this.carried = looked.carried
    this.journalId = looked.end.journalId
    this.recovery = recovery
    this.head = { position: looked.end.position, digest: looked.end.digest }
    this.synced = this.head
  }

  get lastAt(): number {
    return this.carried.lastAt
  }

  abstract append(commit: NewCommit, note: Note, durability: Durability): Promise<Receipt>
  abstract room(): Promise<void> | undefined
  abstract flush(): Promise<void>
  abstract recordSnapshot(snapshot: SnapshotRecord): Promise<void>
  abstract close(options?: { clean?: boolean }): Promise<void>
  /** Index of the segment that is written now. */
  protected abstract get active(): ActiveIndex<Note> | undefined
  protected abstract get activeNumber(): number

  stream(stream: string): StreamHead<Note> | Promise<StreamHead<Note>> {
    const entry = this.active?.streams.get(stream)
    if (entry !== undefined && this.carried.blind.length === 0) return { version: entry.version, note: entry.note }
    return this.#sealed(stream)
  }

  async #sealed(stream: string): Promise<StreamHead<Note>> {
    const entry = this.active?.streams.get(stream)
    const last = entry?.refs.at(-1)
    const found = entry !== undefined && last !== undefined ? { version: entry.version, note: entry.note, position: last.position } : await this.indexes.head(this.segments, stream, this.activeNumber)
    this.#mustSee(found?.position ?? 0, `where ${JSON.stringify(stream)} ends`)
    return found === undefined ? { version: 0, note: this.notes.initial() } : { version: found.version, note: found.note }
  }

  async findCommit(commitId: string): Promise<{ commit: StoredCommit; head: Head } | undefined> {
    for await (const { segment, at } of this.indexes.frames(this.segments, commitId)) {
      const group = await this.segments.group(segment, at)
      const commit = group?.commits.find((one) => one.commitId === commitId)
      if (group !== undefined && commit !== undefined) return { commit, head: group.head }
      if (group === undefined) throw this.#unseen(`whether the commit id ${JSON.stringify(commitId)} was used`)
    }
    this.#mustSee(0, `whether the commit id ${JSON.stringify(commitId)} was used`)
    return undefined
  }

  async claimed(stream: string, claim: string): Promise<boolean> {
    if (await this.indexes.claimed(this.segments, stream, claim)) return true
    this.#mustSee(0, `whether ${JSON.stringify(claim)} was used in ${JSON.stringify(stream)}`)
    return false
  }

  openStreams(): Iterable<string> {
    return [...this.carried.open]
  }

  types(): ReadonlyMap<string, TypeSeen> {
    return this.carried.types
  }

  read({ after = 0, upTo, signal }: ReadOptions = {}): AsyncIterable<CommitGroup | Gap> {
    const range = { after, upTo: Math.min(upTo ?? this.head.position, this.head.position), journalId: this.journalId, digests: false }
    return readGroups(this.segments, signal === undefined ? range : { ...range, signal })
  }

  /** Segment by segment from the end; each is read forward and turned round. */
  async *readReverse({ before = Number.POSITIVE_INFINITY, signal }: { before?: number; signal?: AbortSignal } = {}): AsyncGenerator<CommitGroup | Gap, void, undefined> {
    let upTo = this.head.position
    for (const segment of this.segments.all.toReversed()) {
      if (segment.firstPosition >= before || segment.firstPosition > upTo) continue
      const items: (CommitGroup | Gap)[] = []
      for await (const item of this.read({ after: segment.firstPosition - 1, upTo, ...(signal === undefined ? {} : { signal }) })) {
        if (('gap' in item ? item.gap.firstPosition : (item.commits[0]?.position ?? 0)) < before) items.push(item)
      }
      yield* items.toReversed()
      upTo = segment.firstPosition - 1
    }
  }

  async *readStream(stream: string, options: { after?: number; before?: number; reverse?: boolean; signal?: AbortSignal } = {}): AsyncGenerator<StoredCommit | Gap, void, undefined> {
    const { after = 0, before = Number.POSITIVE_INFINITY, reverse = false, signal } = options
    const last = this.head.position
    let version = 0
    for await (const { segment, entry } of this.indexes.entries(this.segments, stream, reverse)) {
      const refs = entry.refs.filter((ref) => ref.version + ref.events - 1 > after && ref.version < before && ref.position <= last)
      for (const ref of reverse ? refs.toReversed() : refs) {
        signal?.throwIfAborted()
        // Versions that no index knows lie in damage.
        if (!reverse && ref.version > Math.max(version, after) + 1) yield { gap: this.#missing(segmentName(segment), stream, ref.position) }
        version = ref.version + ref.events - 1
        yield await this.segments.commit(segment, ref, stream)
      }
    }
    const blind = this.carried.blind.at(-1)
    if (blind !== undefined && !reverse && (await this.#lastOf(stream)) < blind.firstPosition) yield { gap: blind }
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async holds({ position, digest }: Head): Promise<boolean> {
    if (position === 0) return digest === NO_DIGEST
    if (position > this.head.position) return false
    if (position === this.head.position) return digest === this.head.digest
    const place = this.segments.placeBehind(position)
    if (place !== undefined) return place.expected.digest === digest
    const segment = this.segments.holding(position)
    const next = segment === undefined ? undefined : this.segments.name(segment.number + 1)
    if (next !== undefined && next.firstPosition === position + 1) return (await this.segments.beginning(next))?.header.digest === digest
    for await (const item of this.read({ after: (segment?.firstPosition ?? 1) - 1, upTo: position })) if (!('gap' in item) && item.head.position === position) return item.head.digest === digest
    return false
  }

  snapshots(): readonly SnapshotRecord[] {
    return this.carried.snapshots
  }

  verify(options: Parameters<CommitStore<Note>['verify']>[0] = {}): Promise<StoreReport> {
    return verify(this.segments, { head: this.head, journalId: this.journalId, known: this.recovery.damage }, options)
  }

  abstract bytes(): number

  async #lastOf(stream: string): Promise<number> {
    for await (const { entry } of this.indexes.entries(this.segments, stream, true)) return entry.refs.at(-1)?.position ?? 0
    return 0
  }

  #missing(segment: string, stream: string, before: number): Damage {
    const known = this.carried.blind.findLast(({ firstPosition }) => firstPosition < before)
    return { segment, offset: 0, bytes: 0, firstPosition: known?.firstPosition ?? 1, lastPosition: before - 1, reason: 'events of the stream are missing here', ...known, streams: [stream] }
  }

  /** What is asked about must lie behind all damage of which no index knows what it held. */
  #mustSee(position: number, what: string): void {
    if (this.carried.blind.some(({ lastPosition, firstPosition }) => (lastPosition ?? firstPosition) > position)) throw this.#unseen(what)
  }

  #unseen(what: string): JournalError {
    return new JournalError('JOURNAL_DAMAGED', `The journal in ${this.directory} is damaged, so that it cannot be known ${what}. Nothing was written. Repair the journal.`, {
      directory: this.directory,
      damage: [...this.carried.blind],
    })
  }
}
