/** The commit store on segments: puts the parts behind the seam. */
import { JournalError, type Damage } from '../errors.js'
import type {
  CommitGroup,
  CommitStore,
  Durability,
  Gap,
  Head,
  Loss,
  NewCommit,
  ReadOptions,
  Receipt,
  SnapshotRecord,
  StoreRecovery,
  StoreReport,
  StoredCommit,
  StreamHead,
  TypeSeen,
} from './commit-store.js'
import { packSnapshot } from './facts.js'
import type { Follow } from './follow.js'
import { Kind } from './frame.js'
import { damageOf, lossOf } from './gap-record.js'
import { closeAll, coded } from './io.js'
import { Lookup } from './lookup.js'
import type { Packer } from './packer.js'
import { Groups } from './reading.js'
import { carryLoss, repair } from './repair.js'
import type { Listener, State } from './state.js'
import { StreamReading, type StreamOptions } from './stream-reading.js'
import type { SurveyOptions } from './survey.js'
import { verify, type VerifyOptions } from './verify.js'
import type { Writer } from './writer.js'

/** Where changes come from: this process's writer, or another's that is followed. */
export type Source<Note> = { writer: Writer<Note>; packer: Packer<Note> | undefined } | { follow: Follow<Note> }

export class SegmentStore<Note> implements CommitStore<Note> {
  readonly recovery: StoreRecovery
  readonly #state: State<Note>
  readonly #lookup: Lookup<Note>
  readonly #groups: Groups<Note>
  readonly #streams: StreamReading<Note>
  readonly #writer: Writer<Note> | undefined
  readonly #packer: Packer<Note> | undefined
  readonly #follow: Follow<Note> | undefined
  #closing: Promise<void> | undefined

  constructor(state: State<Note>, source: Source<Note>, recovery: StoreRecovery) {
    this.#state = state
    this.#groups = new Groups(state)
    this.#streams = new StreamReading(state)
    this.#lookup = new Lookup(state, this.#streams)
    this.#writer = 'writer' in source ? source.writer : undefined
    this.#packer = 'writer' in source ? source.packer : undefined
    this.#follow = 'follow' in source ? source.follow : undefined
    this.recovery = recovery
  }

  get id(): string {
    return this.#state.core.journal.toString('hex')
  }

  get readOnly(): boolean {
    return this.#writer === undefined
  }

  get head(): Head {
    return this.#state.head
  }

  get synced(): Head {
    return this.#state.synced
  }

  get lastAt(): number {
    return this.#state.facts.lastAt
  }

  append(commit: NewCommit, note: Note, claims: readonly string[], durability: Durability): Promise<Receipt> {
    if (this.#writer === undefined) throw this.#readOnly()
    return this.#writer.append(commit, note, claims, durability)
  }

  room(large = false): Promise<void> | undefined {
    return this.#writer?.room(large)
  }

  async flush(): Promise<void> {
    await this.#writer?.flush()
  }

  stream(stream: string): StreamHead<Note> | Promise<StreamHead<Note>> {
    return this.#lookup.stream(stream)
  }

  findCommit(commitId: string): Promise<{ commit: StoredCommit; head: Head } | undefined> {
    return this.#lookup.findCommit(commitId)
  }

  claimed(stream: string, claims: readonly string[]): string | undefined | Promise<string | undefined> {
    return this.#lookup.claimed(stream, claims)
  }

  openStreams(): Iterable<string> {
    return [...this.#state.facts.open]
  }

  types(): ReadonlyMap<string, TypeSeen> {
    return this.#state.facts.types
  }

  read(options?: ReadOptions): AsyncIterable<CommitGroup | Gap> {
    return this.#groups.read(options)
  }

  readReverse(options?: { before?: number | undefined; signal?: AbortSignal | undefined }): AsyncIterable<CommitGroup | Gap> {
    return this.#groups.readReverse(options)
  }

  readStream(stream: string, options?: StreamOptions): AsyncIterable<readonly (StoredCommit | Gap)[]> {
    return this.#streams.read(stream, options)
  }

  subscribe(listener: Listener): () => void {
    return this.#state.subscribe(listener)
  }

  async holds(head: Head): Promise<boolean> {
    const found = await this.#groups.holds(head)
    if (typeof found === 'object') throw this.#damaged(head.position, [found.gap])
    return found
  }

  async foldsTo(head: Head): Promise<boolean> {
    const { recorded } = this.#state
    const seen = recorded.findLastIndex((gap) => gap.head.position < head.position || gap.head.digest === head.digest)
    return recorded.every((gap, i) => i <= seen || gap.last < gap.first || gap.first > head.position) && (await this.holds(head))
  }

  async recordSnapshot(snapshot: SnapshotRecord): Promise<void> {
    if (this.#writer === undefined) throw this.#readOnly()
    await this.#writer.frame(Kind.snapshot, packSnapshot(snapshot), () => this.#state.facts.addSnapshot(snapshot))
  }

  snapshots(): readonly SnapshotRecord[] {
    return this.#state.facts.snapshots
  }

  verify(options?: VerifyOptions): Promise<StoreReport> {
    return verify(this.#state, options)
  }

  repair(options?: SurveyOptions): Promise<Damage[]> {
    return this.#writer === undefined ? Promise.reject(this.#readOnly()) : repair(this.#state, this.#writer, options)
  }

  gaps(): readonly Damage[] {
    return this.#state.recorded.map(damageOf)
  }

  losses(): readonly Loss[] {
    return this.#state.recorded.map(lossOf)
  }

  carryLoss(loss: Loss): Promise<void> {
    return this.#writer === undefined ? Promise.reject(this.#readOnly()) : carryLoss(this.#state, this.#writer, loss)
  }

  gapsOf(stream: string): Promise<Damage[]> {
    return this.#streams.gapsOf(stream)
  }

  bytes(): number {
    let bytes = this.#state.end
    for (const { end } of this.#state.segments.values()) bytes += end
    return bytes
  }

  close(options: { clean?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#end(options.clean !== false)
    return this.#closing
  }

  async #end(clean: boolean): Promise<void> {
    const state = this.#state
    const { root } = state.core.paths
    const end = async (): Promise<void> => {
      await this.#follow?.stop()
      // While the writer's lock is still held.
      await this.#packer?.close()
      await this.#writer?.close(clean)
    }
    try {
      await closeAll([{ close: end }, { close: () => state.indexes.settle() }, state.core.handles])
    } catch (error) {
      throw coded(error, 'Closing', root)
    } finally {
      state.tellFailed(new JournalError('JOURNAL_CLOSED', `The journal in ${root} is closed.`, { directory: root }))
    }
  }

  #readOnly(): JournalError {
    const { root } = this.#state.core.paths
    return new JournalError('JOURNAL_READ_ONLY', `${root} was opened for reading. Open it without readOnly to append.`, {
      directory: root,
      outcome: 'none',
    })
  }

  #damaged(position: number, damage: Damage[]): JournalError {
    return new JournalError('JOURNAL_DAMAGED', `Whether position ${position} ended a group cannot be known: ${damage[0]?.reason}.`, {
      damage,
    })
  }
}
