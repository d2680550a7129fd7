/**
 * A commit store in memory: the second implementation of the seam, against which the engine can be tried without a disk.
 * Everything is durable at once; nothing survives.
 */
import { createHash } from 'node:crypto'
import { JournalError } from '../../src/errors.js'
import type {
  CommitGroup,
  CommitStore,
  Durability,
  Head,
  NewCommit,
  Receipt,
  SnapshotRecord,
  StoreRecovery,
  StoreReport,
  StoredCommit,
  StreamNotes,
  TypeSeen,
} from '../../src/storage/commit-store.js'
import { IGNORABLE } from '../../src/storage/commit-store.js'

type Listener = Parameters<CommitStore<unknown>['subscribe']>[0]

export class MemoryStore<Note> implements CommitStore<Note> {
  readonly id = '0'.repeat(32)
  readonly readOnly = false
  head: Head = { position: 0, digest: '0'.repeat(64) }
  lastAt = 0
  readonly recovery: StoreRecovery = {
    format: 1,
    packed: false,
    epoch: 1,
    tornBytes: 0,
    unproven: 0,
    damage: [],
    clean: true,
    liveWriter: false,
    warnings: [],
  }
  readonly #notes: StreamNotes<Note>
  readonly #groups: CommitGroup[] = []
  readonly #streams = new Map<string, { commits: StoredCommit[]; note: Note; claims: Set<string> }>()
  readonly #ids = new Map<string, CommitGroup>()
  readonly #listeners = new Set<Listener>()
  readonly #snapshots: SnapshotRecord[] = []
  #closed = false

  constructor(notes: StreamNotes<Note>) {
    this.#notes = notes
  }

  get synced(): Head {
    return this.head
  }

  async append(commit: NewCommit, note: Note, claims: readonly string[], durability: Durability): Promise<Receipt> {
    if (this.#closed) throw new JournalError('JOURNAL_CLOSED', 'closed', { directory: '', outcome: 'none' })
    const stored: StoredCommit = { ...commit, position: this.head.position + 1 }
    const position = this.head.position + commit.events.length
    const digest = createHash('sha256').update(this.head.digest).update(JSON.stringify(stored)).digest('hex')
    this.head = { position, digest }
    this.lastAt = commit.at
    const group = { commits: [stored], head: this.head }
    this.#groups.push(group)
    const stream = this.#streams.get(commit.stream) ?? { commits: [], note, claims: new Set<string>() }
    stream.commits.push(stored)
    stream.note = note
    for (const claim of claims) stream.claims.add(claim)
    this.#streams.set(commit.stream, stream)
    if (commit.commitId !== undefined) this.#ids.set(commit.commitId, group)
    for (const listener of this.#listeners) listener.written?.(group)
    for (const listener of this.#listeners) listener.synced?.(this.head)
    return { position, version: commit.version + commit.events.length - 1, digest, durability }
  }

  room(): undefined {}
  async flush(): Promise<void> {}

  stream(stream: string): { version: number; note: Note } {
    const known = this.#streams.get(stream)
    const last = known?.commits.at(-1)
    return known === undefined || last === undefined
      ? { version: 0, note: this.#notes.initial() }
      : { version: last.version + last.events.length - 1, note: known.note }
  }

  findCommit(commitId: string): { commit: StoredCommit; head: Head } | undefined {
    const group = this.#ids.get(commitId)
    return group === undefined ? undefined : { commit: group.commits[0] as StoredCommit, head: group.head }
  }

  claimed(stream: string, claims: readonly string[]): string | undefined {
    return claims.find((claim) => this.#streams.get(stream)?.claims.has(claim))
  }

  *openStreams(): Iterable<string> {
    for (const [stream, { note }] of this.#streams) if (this.#notes.isOpen(note)) yield stream
  }

  types(): ReadonlyMap<string, TypeSeen> {
    const types = new Map<string, TypeSeen>()
    for (const { commits } of this.#groups) {
      for (const { type, schema, flags } of commits.flatMap(({ events }) => events)) {
        const seen = types.get(type)
        const ignorable = (flags & IGNORABLE) !== 0
        types.set(type, { schema: Math.max(schema, seen?.schema ?? 0), ignorable: ignorable && (seen?.ignorable ?? true) })
      }
    }
    return types
  }

  async *read({
    after = 0,
    upTo = Number.POSITIVE_INFINITY,
    signal,
  }: { after?: number; upTo?: number; signal?: AbortSignal } = {}): AsyncGenerator<CommitGroup> {
    signal?.throwIfAborted()
    for (const group of [...this.#groups]) if (group.head.position > after && group.head.position <= upTo) yield group
  }

  async *readReverse({ before = Number.POSITIVE_INFINITY }: { before?: number } = {}): AsyncGenerator<CommitGroup> {
    for (const group of this.#groups.toReversed()) if ((group.commits[0]?.position ?? 0) < before) yield group
  }

  async *readStream(
    stream: string,
    { after = 0, before = Number.POSITIVE_INFINITY, reverse = false }: { after?: number; before?: number; reverse?: boolean } = {},
  ): AsyncGenerator<StoredCommit[]> {
    const commits = this.#streams.get(stream)?.commits ?? []
    yield reverse
      ? commits.filter(({ version }) => version < before).toReversed()
      : commits.filter(({ version, events }) => version + events.length - 1 > after)
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async holds({ position, digest }: Head): Promise<boolean> {
    return position === 0 || this.#groups.some(({ head }) => head.position === position && head.digest === digest)
  }

  foldsTo(head: Head): Promise<boolean> {
    return this.holds(head)
  }

  async recordSnapshot(snapshot: SnapshotRecord): Promise<void> {
    this.#snapshots.unshift(snapshot)
  }

  snapshots(): readonly SnapshotRecord[] {
    return this.#snapshots
  }

  async verify(): Promise<StoreReport> {
    return { ok: true, head: this.head, commits: this.#groups.length, events: this.head.position, damage: [], gaps: [] }
  }

  async repair(): Promise<[]> {
    return []
  }

  gaps(): [] {
    return []
  }

  losses(): [] {
    return []
  }

  carryLoss(): Promise<never> {
    return Promise.reject(new Error('nothing is lost in memory'))
  }

  async gapsOf(): Promise<[]> {
    return []
  }

  bytes(): number {
    return 0
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const listener of this.#listeners) listener.failed?.(new JournalError('JOURNAL_CLOSED', 'closed', { directory: '' }))
  }
}
