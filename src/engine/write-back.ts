/**
 * What the views changed, on its way into the derived store: rows and checkpoints together, in the background, at group ends that
 * are durable, and never while somebody reads there.
 */
import type { CommitStore, Head } from '../storage/commit-store.js'
import type { DerivedChange, DerivedStore } from '../storage/derived-store.js'
import type { LawStates } from './laws.js'
import type { Table } from './table.js'

/** Rows to fold before they are written out, and the time after which the first of them is. */
const FLUSH_ROWS = 4000
const FLUSH_MS = 500

/** Written bytes after which the derived store rests: an open after a death folds no more than what came since. */
const REST_BYTES = 4 << 20

export interface WriteBackOptions {
  store: CommitStore<LawStates>
  derived: DerivedStore
  tables: readonly Table[]
  /** Rows of each table to keep in memory once they are written. */
  rowsMax: number
  /** Up to where everything is folded. */
  applied: () => Head
  failed: (error: unknown) => void
}

export class WriteBack {
  readonly #options: WriteBackOptions
  #writing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #readers = 0
  #sinceRest = 0

  constructor(options: WriteBackOptions) {
    this.#options = options
  }

  /** Up to where the derived store has everything. */
  get checkpoint(): Head {
    return (
      this.#options.tables.reduce<Head | undefined>(
        (least, { checkpoint }) => (least === undefined || checkpoint.position < least.position ? checkpoint : least),
        undefined,
      ) ?? this.#options.applied()
    )
  }

  /** Begins to write if there is enough, else sees to it that it happens soon. */
  soon(): void {
    if (this.#writing !== undefined) return
    const dirty = this.#options.tables.reduce((sum, { dirtyRows }) => sum + dirtyRows, 0)
    if (dirty >= FLUSH_ROWS) this.#write()
    else if (dirty > 0) this.#timer ??= setTimeout(() => this.#late(), FLUSH_MS).unref()
  }

  /** Resolves when no write is under way. */
  async idle(): Promise<void> {
    await this.#writing
  }

  /** Resolves after a step towards writing everything: a write, or a moment for a sync to come through. */
  async step(): Promise<void> {
    if (this.#writing === undefined) this.#write()
    await (this.#writing ?? new Promise((resolve) => setImmediate(resolve)))
  }

  /** Reads the derived store while nothing is written there. */
  async still<T>(read: () => Promise<T>): Promise<T> {
    this.#readers++
    try {
      await this.#writing
      return await read()
    } finally {
      this.#readers--
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #late(): void {
    this.#timer = undefined
    if (this.#writing === undefined) this.#write()
    if (this.#writing === undefined) this.soon()
  }

  /** Takes what changed up to the applied head, if that is durable, and writes it. */
  #write(): void {
    const { store, derived, tables, rowsMax, failed } = this.#options
    const applied = this.#options.applied()
    if (this.#readers > 0 || applied.position > store.synced.position) return
    const changes: DerivedChange[] = []
    for (const table of tables) if (applied.position > table.checkpoint.position) changes.push(...table.capture(applied))
    this.#writing = derived
      .batch(changes)
      .then(() => tables.forEach((table) => table.evict(rowsMax)))
      .then(() => this.#rest(changes))
      .catch(failed)
      .finally(() => {
        this.#writing = undefined
      })
  }

  async #rest(changes: readonly DerivedChange[]): Promise<void> {
    for (const change of changes) this.#sinceRest += change.key.length + (change.type === 'put' ? change.value.length : 0)
    if (this.#sinceRest < REST_BYTES) return
    this.#sinceRest = 0
    await this.#options.derived.rest()
  }
}
