/**
 * The seam between the floors: the **commit store**.
 *
 * Below it are bytes, files, locks and checksums and no meaning; above it are events, laws and views and no file
 * names. Segments on disk are its first implementation. One test suite describes it, and every implementation runs it.
 *
 * What a store promises:
 *
 * - An append that resolved with durability `disk` survives power loss: whole, once, in the order of the calls.
 *   An append that rejected left nothing, unless its error says `outcome: 'unknown'`.
 * - A commit is all or nothing. Versions of a stream have no gaps; positions grow in append order.
 * - What was promised is never changed in place and never dropped silently; what no longer checks is reported as
 *   {@link Damage}, and reading around it yields a {@link Gap} exactly where it lies.
 * - One writer. Readers in any process see what is durable, and follow.
 * - After a failed write or sync the store is poisoned: every later append rejects, reads go on.
 */
import type { Damage } from '../errors.js'

/** The journal's end, or a place in it that lies on a group end: position of the last event, and hash of all history up to it. */
export interface Head {
  position: number
  /** SHA-256 in hex; 64 zeros for an empty journal. */
  digest: string
}

export type Durability = 'disk' | 'os'

/**
 * An event as stored: nothing upcast, nothing judged. One that was read may unpack its data when it is first asked for them;
 * {@link unpacked} makes it a plain object for whoever compares, spreads or shows it.
 */
export interface StoredEvent {
  type: string
  schema: number
  data: unknown
  /** {@link IGNORABLE} and {@link ADDED}; other bits are refused. */
  flags: number
  meta?: unknown
}

/** The event as a plain object. */
export function unpacked({ type, schema, data, flags, meta }: StoredEvent): StoredEvent {
  return meta === undefined ? { type, schema, data, flags } : { type, schema, data, flags, meta }
}

/** Bit of {@link StoredEvent.flags}: a reader that does not know the type may pass over the event. */
export const IGNORABLE = 1
/** Bit of {@link StoredEvent.flags}: the engine added the event, the caller did not append it. */
export const ADDED = 2

/** One commit, as handed in. */
export interface NewCommit {
  stream: string
  /** Version of its first event: the stream's version before it, plus one. */
  version: number
  commitId?: string
  /** Milliseconds since 1970; never less than the last commit's. */
  at: number
  meta?: unknown
  events: readonly StoredEvent[]
}

/** One commit, as read back. */
export interface StoredCommit extends NewCommit {
  /** Position of its first event. */
  position: number
}

/** The commits that were written and synced together, and the history digest at their end. */
export interface CommitGroup {
  commits: StoredCommit[]
  /** End of the group. */
  head: Head
}

/** A place where history cannot be read. */
export interface Gap {
  gap: Damage
}

/** A place that is written down as lost, whole: another journal can write it down again. */
export interface Loss {
  first: number
  /** Below `first` where no position is lost. */
  last: number
  /** Where it lay when it was found. */
  segment: string
  offset: number
  bytes: number
  reason: string
  /** Streams that had events there, with the last version each is known to have reached; absent where they are not known. */
  streams?: [stream: string, version: number][]
  /** When it was written down. */
  at: number
}

/** What `append` resolves with. */
export interface Receipt {
  /** Position of the commit's last event. */
  position: number
  /** Version of the stream after it. */
  version: number
  /** History digest at the end of the commit's group. */
  digest: string
  /** What was reached when it resolved. */
  durability: Durability
}

/**
 * What the floor above keeps for each stream: a small state folded from its commits, so that a writer can tell what is
 * open in a stream without reading it all. Opaque here; saved with the index of each sealed segment.
 * `fold` must be pure and must not change the state it is given: older states are kept by reference.
 */
export interface StreamNotes<Note> {
  initial(): Note
  fold(note: Note, commit: StoredCommit): Note
  /** Whether something in the stream is unfinished, so that the next boot must look at it. */
  isOpen(note: Note): boolean
  /** Names that this commit takes for ever within its stream (a turn's id, a call's id). */
  claims(commit: NewCommit): readonly string[]
  encode(note: Note): Uint8Array
  /** Undefined if the note was made by another revision and must be folded afresh. */
  decode(bytes: Uint8Array): Note | undefined
}

/** What is known of an event type over the whole journal. */
export interface TypeSeen {
  schema: number
  /** Whether every event of the type was marked ignorable. */
  ignorable: boolean
}

/** What opening saw before it touched anything. Throwing from {@link OpenStore.admit} refuses the journal untouched. */
export interface Look {
  format: number
  types: ReadonlyMap<string, TypeSeen>
  head: Head
  damage: readonly Damage[]
}

/** A snapshot file that the journal vouches for. */
export interface SnapshotRecord {
  projection: string
  revision: number
  /** The group end it was taken at. */
  head: Head
  /** Path relative to the journal's directory, with `/`. */
  file: string
  bytes: number
  /** SHA-256 of the file in hex. */
  sha256: string
}

/** What opening did. */
export interface StoreRecovery {
  format: number
  /** Whether sealed segments may lie packed. */
  packed: boolean
  epoch: number
  /** Bytes of an incomplete last write that were set aside. */
  tornBytes: number
  /** Bytes after the last proven group that a read-only open left out because no writer vouches for them. */
  unproven: number
  damage: Damage[]
  /** Whether the last writer ended with a clean, proven end. True for a new journal. */
  clean: boolean
  /** Whether another process writes to the journal now; false for the writer itself. */
  liveWriter: boolean
  /** What is doubtful about the place where the journal lies: a file system that forgets, or that is somebody else's. */
  warnings: string[]
}

export interface StreamHead<Note> {
  /** 0: no such stream. */
  version: number
  note: Note
}

export interface StoreReport {
  ok: boolean
  head: Head
  commits: number
  events: number
  damage: Damage[]
  /** What was written down as lost; no damage any more. */
  gaps: Damage[]
  /** Whether today's history goes on from a head of before, where that was asked. */
  since?: SinceReport
}

/** What can be proven of a head of before. */
export interface SinceReport extends Head {
  /** Whether everything up to that head is what it was, byte for byte of meaning. */
  ok: boolean
  /** What of it cannot be read and was not known to be lost when the head was taken. */
  lost: Damage[]
  /** Where only an end of it can be proven: its first position. */
  provenFrom?: number
  reason?: string
}

export interface ReadOptions {
  /** Position; exclusive. */
  after?: number | undefined
  /** Position of the last group end to read; the head where left out. */
  upTo?: number
  /** Whoever will look at the data of all events has them taken out of the bytes at once; else each is when it is looked at. */
  unpacked?: boolean
  signal?: AbortSignal | undefined
}

export interface CommitStore<Note> {
  /** Names the journal for ever, in hex. */
  readonly id: string
  readonly readOnly: boolean
  /** End of what is written (readers: of what they may show). A view in the writing process includes this. */
  readonly head: Head
  /** End of what is durable. Followers, snapshots and derived rows see no further. */
  readonly synced: Head
  readonly recovery: StoreRecovery
  /** Time of the last commit in the journal, 0 where there is none. */
  readonly lastAt: number

  /**
   * Queues a commit. Positions follow the order of the calls, so call it in the order that was decided.
   * `note` is the stream's note with this commit in it, `claims` the names that it takes. The commit is the store's from then on.
   * Throws LIMIT, READ_ONLY, CLOSED or POISONED where nothing was queued; what was queued rejects with POISONED, FENCED, DISK_FULL
   * or IO. Each says its outcome.
   */
  append(commit: NewCommit, note: Note, claims: readonly string[], durability: Durability): Promise<Receipt>
  /** Resolves when the queue has room again; at once where it has. Await it before deciding a commit. A `large` one waits also while a whole group waits. */
  room(large?: boolean): Promise<void> | undefined
  /** Resolves once everything queued so far is durable. */
  flush(): Promise<void>

  /** The stream's head as of what is written. Rejects with DAMAGED where the end of the stream cannot be known. */
  stream(stream: string): StreamHead<Note> | Promise<StreamHead<Note>>
  /** The commit with this id, in any stream. Rejects with DAMAGED where its absence cannot be proven. */
  findCommit(commitId: string): { commit: StoredCommit; head: Head } | undefined | Promise<{ commit: StoredCommit; head: Head } | undefined>
  /** One of these names that a commit of the stream took, if one did; see {@link StreamNotes.claims}. */
  claimed(stream: string, claims: readonly string[]): string | undefined | Promise<string | undefined>
  /** Streams with unfinished work, as of what is written. */
  openStreams(): Iterable<string>
  /** Event types over the whole journal, as of what is written. */
  types(): ReadonlyMap<string, TypeSeen>

  /** Groups after a position up to `head`, oldest first; each commit's checksum is checked again. Gaps stand where they lie. */
  read(options?: ReadOptions): AsyncIterable<CommitGroup | Gap>
  /** The group that holds a position, and the groups before it, newest first. */
  readReverse(options?: { before?: number | undefined; signal?: AbortSignal | undefined }): AsyncIterable<CommitGroup | Gap>
  /** Commits of one stream whose last event's version is above `after` (or, in reverse, whose first is below `before`), some at a time. */
  readStream(
    stream: string,
    options?: { after?: number | undefined; before?: number | undefined; reverse?: boolean; signal?: AbortSignal | undefined },
  ): AsyncIterable<readonly (StoredCommit | Gap)[]>
  /**
   * Calls `written` for each group in order, from the next on: in the writing process at once when it is written, `synced`
   * once it is durable; in a reader both when it becomes visible. Both are called before the appends they hold resolve.
   */
  subscribe(listener: { written?(group: CommitGroup): void; synced?(head: Head): void; failed?(error: unknown): void }): () => void
  /** Whether this was a group end of this history. False for another digest; rejects with DAMAGED where it cannot be known. */
  holds(head: Head): Promise<boolean>
  /** Whether what was folded up to a group end would be the same today: nothing that it took in was written down as lost since. */
  foldsTo(head: Head): Promise<boolean>

  /** Vouches for a snapshot file in the journal. Resolves once durable. */
  recordSnapshot(snapshot: SnapshotRecord): Promise<void>
  /** The snapshots vouched for and not superseded (two for each projection), newest first. */
  snapshots(): readonly SnapshotRecord[]

  /** Reads everything and changes nothing. */
  verify(options?: {
    signal?: AbortSignal | undefined
    progress?: (done: number, total: number) => void
    since?: Head
  }): Promise<StoreReport>
  /**
   * Keeps a copy of what cannot be read and writes down that it is lost, all of it in one group. Resolves with what was
   * written down now, once that is durable: it is no damage any more, and what it kept from being known is taken as absent.
   */
  repair(options?: { signal?: AbortSignal | undefined; progress?: (done: number, total: number) => void }): Promise<Damage[]>
  /** What was written down as lost, oldest record first. */
  gaps(): readonly Damage[]
  /** The same places, as another journal writes them down. */
  losses(): readonly Loss[]
  /** Writes down in a journal that is made of another one that the next positions, up to the last of these, are lost. Resolves once that is durable. */
  carryLoss(loss: Loss): Promise<void>
  /** These and damage known so far, where they hold events of a stream, or may: unless its versions go on unbroken around them. */
  gapsOf(stream: string): Promise<Damage[]>
  /** Bytes of the journal itself on disk. */
  bytes(): number
  /**
   * Drains the queue, proves the end, releases the lock. A second call returns the first's promise.
   * `clean: false` leaves the end as a crash would, for a writer that left a crash's open work to the next one.
   */
  close(options?: { clean?: boolean }): Promise<void>
}
