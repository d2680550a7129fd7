/**
 * The one writer: whoever waits while a sync runs goes together in the next frame, which may be made meanwhile. One frame, one
 * write, one sync in flight, so that each frame proves that the one before it was durable.
 */
import { ioError, JournalError, withOutcome } from '../errors.js'
import type { Durability, NewCommit, Receipt, StoredCommit } from './commit-store.js'
import { frameBytes, Kind, makeFrame, movesDigest, nextDigest } from './frame.js'
import { bytesOf, makeGroup, type MadeGroup, type ReadGroup } from './group.js'
import { quiet } from './quiet.js'
import { Queue, type Queued, type QueuedCommit, type QueuedFrame } from './queue.js'
import { encodeCommit, lastPosition, lastVersion, mustFit } from './record.js'
import type { Roll } from './roll.js'
import type { State } from './state.js'

const IDLE_MS = 50

export interface WriterOptions {
  commitBytesMax: number
  queueBytes: number
  groupBytes: number
  /** Whether a sync leaves this thread free. */
  syncsElsewhere: boolean
}

/** What is written next, with its frame where that is made already. */
interface Taken<Note> {
  next: QueuedFrame | QueuedCommit<Note>[]
  made?: MadeGroup
}

export class Writer<Note> {
  readonly #state: State<Note>
  readonly #roll: Roll<Note>
  readonly #options: WriterOptions
  readonly #queue: Queue<Note>
  #running: Promise<void> | undefined
  #idle: NodeJS.Timeout | undefined
  #lastKind: number = Kind.segment
  /** What comes next, taken while the group before it syncs. */
  #ahead: Taken<Note> | undefined
  #failed = false
  /** Why nothing more is written. */
  #stopped: ((outcome: 'none') => JournalError) | undefined

  constructor(state: State<Note>, roll: Roll<Note>, options: WriterOptions) {
    this.#state = state
    this.#roll = roll
    this.#options = options
    this.#queue = new Queue(options.queueBytes, options.groupBytes)
  }

  get #directory(): string {
    return this.#state.core.paths.root
  }

  append(commit: NewCommit, note: Note, claims: readonly string[], durability: Durability): Promise<Receipt> {
    if (this.#stopped !== undefined) throw this.#stopped('none')
    const bytes = encodeCommit(commit)
    mustFit(bytes, this.#options.commitBytesMax)
    return new Promise((resolve, reject) => {
      this.#queue.push({ commit, note, claims, bytes, durability, resolve, reject })
      this.#wake()
    })
  }

  room(large: boolean): Promise<void> | undefined {
    return this.#queue.room(large)
  }

  /** Resolves once everything queued so far is durable: an entry of nothing goes the same way. */
  async flush(): Promise<void> {
    if (this.#stopped !== undefined) throw this.#stopped('none')
    if (this.#running === undefined && this.#queue.length === 0) return
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ kind: 0, payload: Buffer.alloc(0), written() {}, resolve, reject })
      this.#wake()
    })
  }

  /** Writes what is queued, then takes no more; a clean end is left if everything went well. */
  async close(clean: boolean): Promise<void> {
    clearTimeout(this.#idle)
    const already = this.#stopped
    this.#stopped ??= (outcome) =>
      new JournalError('JOURNAL_CLOSED', `The journal in ${this.#directory} is closed.`, { directory: this.#directory, outcome })
    await this.#running
    clearTimeout(this.#idle)
    const proves = clean && already === undefined && !this.#failed
    try {
      if (proves) await this.#end()
    } finally {
      await this.#roll.close()
    }
  }

  async #end(): Promise<void> {
    await this.#roll.sealIfLarge()
    await this.#engineFrame({ kind: Kind.clean, payload: Buffer.alloc(0), written() {}, resolve() {}, reject() {} })
    await this.#roll.mark(true)
  }

  /** A frame of the engine's own, which may pass over positions. `written` runs once it is in the file, before it is durable. */
  frame(kind: number, payload: Uint8Array, written: () => void, passes = 0): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped('none'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind, payload, passes, written, resolve, reject })
      this.#wake()
    })
  }

  #wake(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    do {
      if (this.#ahead === undefined) await quiet()
      const { next, made } = this.#ahead ?? { next: this.#queue.take() }
      this.#ahead = undefined
      try {
        if (Array.isArray(next)) await this.#group(next, made)
        else await this.#engineFrame(next)
      } catch (error) {
        this.#poison(error, listOf(next))
      }
    } while (this.#queue.length > 0 || this.#ahead !== undefined)
    this.#running = undefined
    if (this.#stopped === undefined) this.#markLater()
  }

  /** After a while without work a mark proves the last group. */
  #markLater(): void {
    if (this.#idle !== undefined) this.#idle.refresh()
    else this.#idle = setTimeout(() => this.#markNow(), IDLE_MS).unref()
  }

  #markNow(): void {
    if (this.#lastKind !== Kind.data || this.#running !== undefined) return
    this.frame(Kind.mark, Buffer.alloc(0), () => {}).catch(() => {
      // The failure has stopped the writer; whoever appends next is told.
    })
  }

  async #engineFrame(entry: QueuedFrame): Promise<void> {
    if (entry.kind !== 0) {
      const state = this.#state
      const { journal } = state.core
      const { passes = 0 } = entry
      const position = state.head.position + passes
      await this.#room(frameBytes(entry.payload.length, this.#roll.align))
      const digest = movesDigest(entry) ? nextDigest(state.digest, position + 1, entry.payload) : state.digest
      const frame = makeFrame(
        {
          kind: entry.kind,
          align: this.#roll.align,
          flags: 0,
          count: 0,
          group: state.group + 1,
          first: position + 1,
          journal,
          aux: passes,
          digest,
        },
        entry.payload,
      )
      await this.#roll.write(frame)
      this.#roll.count()
      state.group++
      state.digest = digest
      state.head = { position, digest: digest.toString('hex') }
      this.#lastKind = entry.kind
      entry.written()
      await this.#roll.sync()
      await this.#synced()
    }
    entry.resolve()
  }

  async #group(group: QueuedCommit<Note>[], ahead: MadeGroup | undefined): Promise<void> {
    if (ahead === undefined) await this.#room(bytesOf(group, this.#roll.align))
    const made = ahead ?? this.#make(group)
    await this.#roll.write(made.frame)
    const synced = this.#roll.sync()
    try {
      // The sync is under way in another thread while the group is made known here, and the next is made.
      this.#publish(group, made)
      this.#goAhead()
    } finally {
      await synced
    }
    await this.#synced()
    this.#resolve(group, made, 'disk')
    let bytes = 0
    for (const entry of group) bytes += entry.bytes.length
    this.#queue.release(bytes)
    await this.#roll.prepare()
  }

  /** Takes what comes next where a whole group waits, which nobody can join any more, and makes its frame if that goes into this segment. */
  #goAhead(): void {
    const { groupBytes, syncsElsewhere } = this.#options
    if (!syncsElsewhere || this.#queue.waiting < groupBytes) return
    const next = this.#queue.take()
    const ahead: Taken<Note> = (this.#ahead = { next })
    // Who waits for this sync does not wait for a large commit to be made ready.
    if (!Array.isArray(next) || next.some(({ bytes }) => bytes.length > 2 * groupBytes)) return
    if (!this.#roll.fits(bytesOf(next, this.#roll.align))) return
    try {
      ahead.made = this.#make(next)
    } catch {
      // It is made again when its turn comes, and fails in its own name.
    }
  }

  /** Makes room for a frame. What fails here left nothing of the frame. */
  async #room(bytes: number): Promise<void> {
    try {
      await this.#roll.room(bytes)
    } catch (error) {
      throw withOutcome(error, 'none')
    }
  }

  #make(group: readonly QueuedCommit<Note>[]): MadeGroup {
    const { core, end: offset, group: before, head, digest } = this.#state
    const { align } = this.#roll
    return makeGroup(group, { journal: core.journal, align, offset, group: before + 1, first: head.position + 1, digest })
  }

  /** Makes a group that is written known to everything that reads, and to those who do not wait for the disk. */
  #publish(group: QueuedCommit<Note>[], made: MadeGroup): void {
    const state = this.#state
    const { index, facts, core } = state
    const { commits, records, offset, digest, head } = made
    this.#roll.count()
    state.group++
    state.digest = digest
    state.head = head
    this.#lastKind = Kind.data
    index.addFrame((commits[0] as StoredCommit).position, offset)
    for (let i = 0; i < group.length; i++) {
      const { note, claims } = group[i] as QueuedCommit<Note>
      const commit = commits[i] as StoredCommit
      index.add(commit, offset, records[i * 2] as number, records[i * 2 + 1] as number, note, claims)
      facts.addCommit(commit, core.notes.isOpen(note))
    }
    state.tellWritten(made)
    this.#resolve(group, made, 'os')
  }

  async #synced(): Promise<void> {
    this.#state.synced = this.#state.head
    await this.#roll.mark(false)
    this.#state.tellSynced()
  }

  /** Tells those who wait for this much. */
  #resolve(group: readonly QueuedCommit<Note>[], { commits, head }: ReadGroup, durability: Durability): void {
    for (let i = 0; i < group.length; i++) {
      const entry = group[i] as QueuedCommit<Note>
      if (entry.durability !== durability) continue
      const commit = commits[i] as StoredCommit
      entry.resolve({ position: lastPosition(commit), version: lastVersion(commit), digest: head.digest, durability })
    }
  }

  /** Nothing more is written: not what failed, whose bytes may or may not be there, and nothing behind it. */
  #poison(error: unknown, failed: readonly Queued<Note>[]): void {
    this.#failed = true
    const directory = this.#directory
    const cause = ioError(error, 'Writing to', directory)
    const fenced = cause.code === 'JOURNAL_FENCED'
    this.#stopped ??= (outcome) =>
      fenced
        ? (withOutcome(
            new JournalError('JOURNAL_FENCED', cause.message, cause.details as { directory: string; epoch: number }, { cause }),
            outcome,
          ) as JournalError)
        : new JournalError(
            'JOURNAL_POISONED',
            `A write to ${directory} failed before; open the journal again to go on.`,
            { directory, outcome },
            { cause },
          )
    const stopped = this.#stopped
    for (const entry of failed) entry.reject(withOutcome(cause, 'unknown'))
    for (const entry of [...listOf(this.#ahead?.next ?? []), ...this.#queue.drain()]) entry.reject(stopped('none'))
    this.#ahead = undefined
    this.#state.tellFailed(cause)
  }
}

function listOf<Note>(next: QueuedFrame | QueuedCommit<Note>[]): Queued<Note>[] {
  return Array.isArray(next) ? next : [next]
}
