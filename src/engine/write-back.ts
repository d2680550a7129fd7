/**
 * What the views changed, on its way into the derived store: rows and checkpoints together, in the background, at group ends that
 * are durable, and never while somebody reads there.
 */
import { setImmediate } from 'node:timers/promises'
import type { CommitStore } from '../storage/commit-store.js'
import type { DerivedChange, DerivedStore } from '../storage/derived-store.js'
import type { LawStates } from './laws.js'
import { changesOf, type Capture, type Table } from './table.js'

/**
 * Rows to change before they are written out, and the time after which the first of them is. Many, because a row that changes again before
 * it is written is written once.
 */
const FLUSH_ROWS = 16_000
const FLUSH_MS = 500

/**
 * Rows that events are taken to, or changes that are made of rows, before others have a turn of the event loop: few while commits come in,
 * because each of those waits for several turns, unless somebody waits for the rows as well. A group is folded in one turn, however many
 * rows it concerns. Commits come in while one is on its way to the disk, and for so many turns behind the last one.
 */
const TURN_ROWS = 512
const TURN_ROWS_BESIDE_COMMITS = 32
const COMMITS_TURNS = 16

/**
 * Written bytes after which the derived store rests: an open after a death folds no more than what came since. A fold that is behind, as one
 * from the beginning is for long, goes on for more, because a rest takes time.
 */
const REST_BYTES = 4 << 20
const REST_BEHIND_BYTES = 32 << 20

export interface WriteBackOptions {
  store: CommitStore<LawStates>
  derived: DerivedStore
  tables: readonly Table[]
  /** Rows of each table to keep in memory once they are written. */
  rowsMax: number
  /** Whether somebody waits for what is folded. */
  awaited: () => boolean
  failed: (error: unknown) => void
}

export class WriteBack {
  readonly #options: WriteBackOptions
  #writing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #readers = 0
  /** Those who wait for a write. */
  #waiting = 0
  /** Rows that events were taken to since others had their last turn. */
  #rows = 0
  /** Turns that others had here since the last commit. */
  #turnsSince = COMMITS_TURNS
  /** Nothing more is written: whoever began is gone, or a write failed, and what it held is missing below all that came later. */
  #stopped = false

  constructor(options: WriteBackOptions) {
    this.#options = options
  }

  /** Commits were written. */
  committed(): void {
    this.#turnsSince = 0
  }

  /** Begins to write if there is enough, else sees to it that it happens soon. */
  soon(): void {
    if (this.#writing !== undefined || this.#stopped) return
    const dirty = this.#dirtyRows()
    if (dirty >= FLUSH_ROWS) this.#write()
    // Somebody may read there, or the disk not have it yet.
    if (this.#writing === undefined && dirty > 0) this.#timer ??= setTimeout(() => this.#late(), FLUSH_MS).unref()
  }

  /** Whether nothing more should be folded until what is being written is written. */
  get isFull(): boolean {
    return this.#writing !== undefined && this.#dirtyRows() >= FLUSH_ROWS
  }

  /** Resolves when no write is under way. */
  idle(): Promise<void> {
    return this.#waitFor(() => this.#writing)
  }

  /**
   * Resolves when more may be folded: what is folded runs ahead of what is written, but not without bound. Reading gives a
   * turn of the event loop seldom, and folding none, so whoever else has something to do gets one here now and then.
   * `rows`: that an event was taken to since the last call.
   */
  async room(rows: number): Promise<void> {
    if (this.isFull) await this.#writing
    this.#rows += rows
    if (this.#rows < this.#rowsInTurn) return
    this.#rows = 0
    await this.#giveWay()
  }

  /** Resolves after a step towards writing everything: a write, or a moment for a sync to come through. */
  step(): Promise<void> {
    return this.#waitFor(() => {
      if (this.#writing === undefined) this.#write()
      return this.#writing ?? setImmediate()
    })
  }

  async #waitFor(written: () => Promise<void> | undefined): Promise<void> {
    this.#waiting++
    try {
      await written()
    } finally {
      this.#waiting--
    }
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
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #late(): void {
    this.#timer = undefined
    if (this.#writing === undefined) this.#write()
    this.soon()
  }

  /** Takes what changed where all that is folded is durable, and writes it. */
  #write(): void {
    const { store, derived, tables, rowsMax, failed } = this.#options
    const ready = tables.filter(
      ({ applied, checkpoint }) => applied.position > checkpoint.position && applied.position <= store.synced.position,
    )
    if (this.#stopped || this.#readers > 0 || ready.length === 0) return
    const taken = ready.map((table) => ({ table, capture: table.capture() }))
    this.#writing = derived
      .batch(this.#slicesOf(taken.map(({ capture }) => capture)))
      .then(() => {
        for (const { table, capture } of taken) table.written(capture.head)
        for (const table of tables) table.evict(rowsMax)
        return derived.rest(this.#isBehind ? REST_BEHIND_BYTES : REST_BYTES)
      })
      .catch((error: unknown) => {
        this.stop()
        failed(error)
      })
      .finally(() => {
        this.#writing = undefined
        this.soon()
      })
  }

  /** What captures write, made a slice at a time so that nobody else has to wait. */
  async *#slicesOf(captures: readonly Capture[]): AsyncGenerator<DerivedChange[], void, undefined> {
    let slice: DerivedChange[] = []
    for (const capture of captures) {
      for (const change of changesOf(capture)) {
        if (slice.push(change) < this.#rowsInTurn) continue
        yield slice
        slice = []
        await this.#giveWay()
      }
    }
    yield slice
  }

  get #rowsInTurn(): number {
    const { store, awaited } = this.#options
    const comeIn = store.synced.position < store.head.position || this.#turnsSince < COMMITS_TURNS
    const isAwaited = this.#readers + this.#waiting > 0 || awaited()
    return comeIn && !isAwaited ? TURN_ROWS_BESIDE_COMMITS : TURN_ROWS
  }

  async #giveWay(): Promise<void> {
    this.#turnsSince++
    await setImmediate()
  }

  get #isBehind(): boolean {
    const { store, tables } = this.#options
    return tables.some(({ applied }) => applied.position < store.head.position)
  }

  #dirtyRows(): number {
    return this.#options.tables.reduce((sum, { dirtyRows }) => sum + dirtyRows, 0)
  }
}
