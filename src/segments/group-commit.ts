/**
 * Group commit: whoever waits while a sync runs goes together in the next frame. One loop, one frame in flight, and the first
 * failure ends it for good.
 */
import { ioError, JournalError } from '../errors.js'
import type { CommitGroup, Durability, Head, NewCommit, Receipt, SnapshotRecord, StoredCommit } from '../storage/commit-store.js'
import { Kind, HEADER_BYTES } from './frame.js'
import type { PlacedCommit } from './group.js'
import { encodeRecord } from './record.js'
import type { SegmentWriter } from './segment-writer.js'
import { encodeSnapshot } from './snapshot-frame.js'

/** A group is not made larger than this by adding to it; one commit may be. */
const GROUP_BYTES = 512 << 10
/** Idle time after which a mark proves the last group. */
const MARK_AFTER_MS = 50

interface Waiting<Note> {
  commit: NewCommit
  note: Note
  record: Buffer
  durability: Durability
  resolve(receipt: Receipt): void
  reject(error: unknown): void
}

/** What the loop tells the store. */
export interface Sink<Note> {
  /** A frame is written: its commits count from now on in this process. */
  written(frame: number, commits: readonly PlacedCommit[], notes: readonly Note[], group: CommitGroup): void
  snapshot(record: SnapshotRecord): void
  /** Everything up to `head` is durable. May throw, which ends writing. */
  durable(head: Head): Promise<void>
  /** Whether the next frame belongs into a new segment, and making it. */
  isFull(): boolean
  rotate(): Promise<void>
}

export class GroupCommit<Note> {
  readonly #writer: SegmentWriter
  readonly #sink: Sink<Note>
  readonly #directory: string
  readonly #queueBytes: number
  #queue: Waiting<Note>[] = []
  #snapshots: { record: SnapshotRecord; resolve(): void; reject(error: unknown): void }[] = []
  #queued = 0
  #running: Promise<void> | undefined
  #roomMakers: (() => void)[] = []
  #mark: NodeJS.Timeout | undefined
  #failure: JournalError | undefined
  #closed = false

  constructor(writer: SegmentWriter, sink: Sink<Note>, directory: string, queueBytes: number) {
    this.#writer = writer
    this.#sink = sink
    this.#directory = directory
    this.#queueBytes = queueBytes
  }

  append(commit: NewCommit, note: Note, durability: Durability): Promise<Receipt> {
    const refused = this.#refusal()
    if (refused !== undefined) return Promise.reject(refused)
    const record = encodeRecord(commit)
    this.#queued += record.length
    return new Promise((resolve, reject) => {
      this.#queue.push({ commit, note, record, durability, resolve, reject })
      this.#start()
    })
  }

  snapshot(record: SnapshotRecord): Promise<void> {
    const refused = this.#refusal()
    if (refused !== undefined) return Promise.reject(refused)
    return new Promise((resolve, reject) => {
      this.#snapshots.push({ record, resolve, reject })
      this.#start()
    })
  }

  room(): Promise<void> | undefined {
    if (this.#queued < this.#queueBytes || this.#failure !== undefined) return undefined
    return new Promise((resolve) => this.#roomMakers.push(resolve))
  }

  /** Resolves once nothing waits and no sync runs; rejects if writing failed. */
  async flush(): Promise<void> {
    await this.#running
    if (this.#failure !== undefined) throw this.#poisoned()
  }

  /** Drains, and with `clean` proves the end with a last frame. */
  async close(clean: boolean): Promise<void> {
    await this.#running
    clearTimeout(this.#mark)
    this.#closed = true
    if (!clean || this.#failure !== undefined) return
    await this.#writer.write(Kind.clean, [], 0, 0)
    await this.#writer.sync()
  }

  get failed(): boolean {
    return this.#failure !== undefined
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    clearTimeout(this.#mark)
    // One turn of the event loop, so that all who append now go together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#failure === undefined && (this.#queue.length > 0 || this.#snapshots.length > 0)) {
      if (this.#snapshots.length > 0) await this.#guard([], () => this.#writeSnapshots())
      else {
        const group = this.#take()
        await this.#guard(group, () => this.#writeGroup(group))
      }
    }
    if (this.#failure === undefined) this.#mark = setTimeout(() => void this.#writeMark(), MARK_AFTER_MS).unref()
  }

  #take(): Waiting<Note>[] {
    let bytes = 0
    let count = 0
    for (const { record } of this.#queue) {
      if (count > 0 && bytes + record.length > GROUP_BYTES) break
      bytes += record.length
      count++
    }
    const group = this.#queue.slice(0, count)
    this.#queue = count === this.#queue.length ? [] : this.#queue.slice(count)
    this.#queued -= bytes
    if (this.#queued < this.#queueBytes) for (const make of this.#roomMakers.splice(0)) make()
    return group
  }

  async #writeGroup(group: readonly Waiting<Note>[]): Promise<void> {
    if (this.#sink.isFull()) await this.#sink.rotate()
    const events = group.reduce((sum, { commit }) => sum + commit.events.length, 0)
    let position = this.#writer.end.position
    const { at, digest } = await this.#writer.write(Kind.data, group.map(({ record }) => record), group.length, events)
    let offset = at + HEADER_BYTES
    const commits = group.map(({ commit, record }): PlacedCommit => {
      const one = { commit: { ...commit, position: position + 1 }, offset, bytes: record.length }
      position += commit.events.length
      offset += record.length
      return one
    })
    const head = { position, digest }
    this.#sink.written(at, commits, group.map(({ note }) => note), { commits: commits.map(({ commit }) => commit), head })
    const settle = (wanted: Durability): void => {
      group.forEach(({ durability, resolve }, i) => {
        if (durability === wanted) resolve(receiptOf((commits[i] as PlacedCommit).commit, digest, durability))
      })
    }
    settle('os')
    await this.#writer.sync()
    await this.#sink.durable(head)
    settle('disk')
  }

  async #writeSnapshots(): Promise<void> {
    for (const one of this.#snapshots.slice()) {
      await this.#writer.write(Kind.snapshot, [encodeSnapshot(one.record)], 0, 0)
      await this.#writer.sync()
      this.#sink.snapshot(one.record)
      this.#snapshots.shift()
      one.resolve()
    }
  }

  /** Proves the last group while nobody waits. */
  async #writeMark(): Promise<void> {
    if (this.#running !== undefined || this.#closed || this.#failure !== undefined) return
    this.#running = this.#guard([], async () => {
      await this.#writer.write(Kind.mark, [], 0, 0)
      await this.#writer.sync()
    }).finally(() => {
      this.#running = undefined
      if (this.#queue.length > 0 || this.#snapshots.length > 0) this.#start()
    })
    await this.#running
  }

  /** Runs a write; if it fails, nothing more is ever written, and everybody who waits is told what may have become of his commit. */
  async #guard(group: readonly Waiting<Note>[], write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      const cause = ioError(error, 'Writing the journal in', this.#directory)
      this.#failure = cause
      for (const { reject } of group) reject(outcome(cause, 'unknown'))
      for (const { reject } of this.#queue.splice(0)) reject(this.#poisoned('none'))
      for (const { reject } of this.#snapshots.splice(0)) reject(this.#poisoned('none'))
      for (const make of this.#roomMakers.splice(0)) make()
    }
  }

  #refusal(): JournalError | undefined {
    if (this.#closed) return new JournalError('JOURNAL_CLOSED', `The journal in ${this.#directory} is closed.`, { directory: this.#directory, outcome: 'none' })
    return this.#failure === undefined ? undefined : this.#poisoned('none')
  }

  #poisoned(known?: 'none'): JournalError {
    return new JournalError(
      'JOURNAL_POISONED',
      `A write to ${this.#directory} failed, and nothing more is written until the journal is opened again: ${this.#failure?.message ?? ''}`,
      { directory: this.#directory, ...(known === undefined ? {} : { outcome: known }) },
      { cause: this.#failure },
    )
  }
}

function outcome(error: JournalError, what: 'unknown'): JournalError {
  return new JournalError(error.code, error.message, { ...error.details, outcome: what } as never, { cause: error.cause ?? error })
}

function receiptOf(commit: StoredCommit, digest: string, durability: Durability): Receipt {
  const more = commit.events.length - 1
  return { position: commit.position + more, version: commit.version + more, digest, durability }
}
