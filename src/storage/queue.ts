/** What waits to be written: commits, frames of the engine's own, and who waits for them. */
import type { Durability, NewCommit, Receipt } from './commit-store.js'

export interface QueuedCommit<Note> {
  commit: NewCommit
  note: Note
  claims: readonly string[]
  bytes: Buffer
  durability: Durability
  resolve(receipt: Receipt): void
  reject(error: unknown): void
}

export interface QueuedFrame {
  kind: number
  payload: Uint8Array
  /** How many positions it passes over. */
  passes?: number
  /** Called once the frame is written, before it is durable. */
  written(): void
  resolve(): void
  reject(error: unknown): void
}

export type Queued<Note> = QueuedCommit<Note> | QueuedFrame

export class Queue<Note> {
  readonly #room: number
  readonly #groupBytes: number
  #entries: Queued<Note>[] = []
  #first = 0
  #outside: (() => void)[] = []
  /** Those outside with a large commit. */
  #laden: (() => void)[] = []
  /** Of all commits that are not done with. */
  bytes = 0
  /** Of these, the bytes of those that were not taken yet. */
  waiting = 0

  constructor(roomBytes: number, groupBytes: number) {
    this.#room = roomBytes
    this.#groupBytes = groupBytes
  }

  get length(): number {
    return this.#entries.length - this.#first
  }

  push(entry: Queued<Note>): void {
    this.#entries.push(entry)
    if (!('bytes' in entry)) return
    this.bytes += entry.bytes.length
    this.waiting += entry.bytes.length
  }

  /** The next frame of the engine's own, or the commits that go together next. */
  take(): QueuedFrame | QueuedCommit<Note>[] {
    const group: QueuedCommit<Note>[] = []
    let size = 0
    while (this.#first < this.#entries.length) {
      const entry = this.#entries[this.#first] as Queued<Note>
      if (!('bytes' in entry)) {
        if (group.length > 0) break
        this.#first++
        this.#drop()
        return entry
      }
      if (group.length > 0 && size + entry.bytes.length > this.#groupBytes) break
      group.push(entry)
      size += entry.bytes.length
      this.#first++
    }
    this.#drop()
    this.waiting -= size
    this.#laden = admitted(this.#laden)
    return group
  }

  /** Lets go of what was taken: there may always be something that waits. */
  #drop(): void {
    if (this.#first * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }

  /** Counts commits out that are done with, and lets in who waits for room. */
  release(bytes: number): void {
    this.bytes -= bytes
    if (this.bytes <= this.#room) this.#outside = admitted(this.#outside)
  }

  /**
   * Resolves when there is room; undefined if there is now. Where a group waits already a large commit waits until one is taken, so that
   * whoever appends little beside it has not many of its kind before him.
   */
  room(large: boolean): Promise<void> | undefined {
    if (large && this.waiting >= this.#groupBytes) return new Promise((resolve) => this.#laden.push(resolve))
    return this.bytes <= this.#room ? undefined : new Promise((resolve) => this.#outside.push(resolve))
  }

  /** Empties the queue and lets everybody in, to be told why there is nothing more to wait for. */
  drain(): Queued<Note>[] {
    const left = this.#entries.slice(this.#first)
    this.#entries = []
    this.#first = 0
    this.bytes = 0
    this.waiting = 0
    this.#outside = admitted(this.#outside)
    this.#laden = admitted(this.#laden)
    return left
  }
}

/** Lets them in; none of them is outside then. */
function admitted(outside: readonly (() => void)[]): [] {
  for (const enter of outside) enter()
  return []
}
