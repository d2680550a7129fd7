/**
 * The rows of one projection: those in memory, which are the newest, over those in the derived store. A row that was
 * changed stays in memory until it was written out; others leave when room is needed.
 */
import type { Key, Projection, RecordedEvent } from '../define.js'
import { JournalError } from '../errors.js'
import type { Head } from '../storage/commit-store.js'
import type { DerivedChange, DerivedStore } from '../storage/derived-store.js'
import { checkpointChange, DerivedDoubt, ordersOf, readRow, rowChanges, rowKey, savedOrders, type Orders, type RowChange } from './rows.js'

/** Where a fold begins. */
export const NOTHING: Head = { position: 0, digest: '0'.repeat(64) }

export interface Row {
  readonly key: Key
  state: unknown
  orders: Orders
  /** Of the state that the derived store holds. */
  saved: Orders
  dirty: boolean
  failed?: JournalError
}

/** A row that is to be in memory. */
export interface Wanted {
  key: Key
  id: string
}

/** Work of one event on one row. */
export interface Step extends Wanted {
  table: Table
  event: RecordedEvent
}

/** One that is not, and its key in the derived store. */
interface Absent extends Wanted {
  at: Uint8Array
}

/** What changed of a projection up to a head. */
export interface Capture {
  projection: Projection
  head: Head
  rows: readonly RowChange[]
  checkpoint: DerivedChange
}

/** What a capture writes, made one by one. */
export function* changesOf({ projection, rows, checkpoint }: Capture): Generator<DerivedChange, void, undefined> {
  yield* rowChanges(projection, rows)
  yield checkpoint
}

export class Table {
  readonly projection: Projection
  readonly types: ReadonlySet<string>
  /** Up to where the derived store has this projection's rows. */
  checkpoint: Head
  /** Up to where the rows are folded. */
  applied: Head
  /** Whether every row there is lies in memory, so that a row that does not is known not to exist. */
  complete: boolean
  /** How often everything was forgotten: what was read before that is of another fold. */
  generation = 0
  /** The first fold that failed; what it left out can only come back by folding again. */
  failed: JournalError | undefined
  readonly #rows = new Map<string, Row>()
  #dirty: Row[] = []
  /** What the derived store will be at once it has what was captured, or has nothing because all was forgotten; until then memory alone has it. */
  #onItsWay: Head | undefined

  /** `checkpoint` is the derived store's; a table without saved rows is complete. */
  constructor(projection: Projection, checkpoint: Head, complete: boolean) {
    this.projection = projection
    this.types = new Set(projection.types)
    this.checkpoint = checkpoint
    this.applied = checkpoint
    this.complete = complete
  }

  get rows(): number {
    return this.#rows.size
  }

  get dirtyRows(): number {
    return this.#dirty.length
  }

  /** A key as one text. One that is a text already is taken as it is, because most are, and its hash is known. */
  static id(key: Key): string {
    if (typeof key === 'string') return key
    let id = ''
    for (const part of key) id += `${part.length}:${part}`
    return id
  }

  /** The rows that an event concerns. A projection that throws here fails as a whole. */
  steps(event: RecordedEvent, into: Step[]): void {
    if (!this.types.has(event.type)) return
    try {
      for (const key of this.projection.keys(event)) into.push({ table: this, event, key, id: Table.id(key) })
    } catch (error) {
      this.failed ??= projectionFailed(this.projection.name, undefined, event, error)
    }
  }

  /** The row if it is in memory, or a new one if it is known not to exist; undefined if it has to be loaded. */
  row(key: Key, id: string): Row | undefined {
    const row = this.#rows.get(id)
    if (row !== undefined || !this.complete) return row
    return this.#insert(id, absentRow(key))
  }

  /** Loads rows that are not in memory. @throws DerivedDoubt */
  async load(wanted: readonly Wanted[], derived: DerivedStore): Promise<void> {
    const absent = this.#absent(wanted)
    if (absent.length === 0) return
    const { generation } = this
    const values = await derived.getMany(absent.map(({ at }) => at))
    if (generation === this.generation) this.#take(absent, values)
  }

  /** The same without waiting; false where something would have to be waited for. @throws DerivedDoubt */
  loadAtOnce(wanted: readonly Wanted[], derived: DerivedStore): boolean {
    const absent = this.#absent(wanted)
    const values = derived.getAtOnce(absent.map(({ at }) => at))
    if (values !== undefined) this.#take(absent, values)
    return values !== undefined
  }

  /** Those that are not in memory, each once, and where the derived store has them. None where all that is there is: what the store has is to go. */
  #absent(wanted: readonly Wanted[]): Absent[] {
    if (this.complete) return []
    const absent = new Map<string, Absent>()
    for (const { key, id } of wanted)
      if (!this.#rows.has(id) && !absent.has(id)) absent.set(id, { key, id, at: rowKey(this.projection.name, key) })
    return [...absent.values()]
  }

  #take(absent: readonly Absent[], values: readonly (Uint8Array | undefined)[]): void {
    absent.forEach(({ key, id, at }, i) => {
      const value = values[i]
      const state = value === undefined ? undefined : this.#checked(readRow(at, value).state)
      const orders = savedOrders(this.projection, key, state)
      if (!this.#rows.has(id)) this.#insert(id, { key, state, orders, saved: orders, dirty: false })
    })
  }

  /** Folds an event into its row, which is in memory. */
  apply({ event, key, id }: Step): void {
    const row = this.#rows.get(id)
    if (row === undefined) throw new Error(`row ${id} of ${this.projection.name} is not in memory`)
    if (row.failed !== undefined) return
    try {
      const next = this.projection.apply(row.state === undefined ? this.projection.initial(key) : row.state, event, key)
      if (next === row.state) return
      row.orders = ordersOf(this.projection, next)
      row.state = next
    } catch (error) {
      row.failed = projectionFailed(this.projection.name, key, event, error)
      row.state = undefined
      row.orders = []
      this.failed ??= row.failed
    }
    if (!row.dirty) {
      row.dirty = true
      this.#dirty.push(row)
    }
  }

  /** What has to be written so that the derived store has all that is folded. It is on its way until `written` is called. */
  capture(): Capture {
    const { projection, applied: head } = this
    this.#onItsWay = head
    const rows = this.#dirty.map((row): RowChange => {
      const { key, state, saved: before, orders: after } = row
      row.saved = after
      row.dirty = false
      return { key, state, before, after }
    })
    this.#dirty = []
    const { name, revision } = projection
    return { projection, head, rows, checkpoint: checkpointChange(name, { revision, head, failed: this.failed !== undefined }) }
  }

  /** The derived store has what was captured up to a head; or nothing, which is where a fold from the beginning begins. */
  written(head: Head): void {
    // Everything may have been forgotten meanwhile.
    if (head !== this.#onItsWay) return
    this.#onItsWay = undefined
    this.checkpoint = head
  }

  /** Lets go of written rows, oldest first, until `most` are left; of none while some are on their way. */
  evict(most: number): void {
    if (this.#onItsWay !== undefined || this.#rows.size <= most) return
    this.complete = false
    for (const [id, row] of this.#rows) {
      if (this.#rows.size <= most) return
      if (!row.dirty && row.failed === undefined) this.#rows.delete(id)
    }
  }

  /** Forgets everything, for a fold from the beginning. The derived store still has rows until it was told of nothing as `written`. */
  reset(): void {
    this.generation++
    this.#onItsWay = NOTHING
    this.#rows.clear()
    this.#dirty = []
    this.failed = undefined
    this.checkpoint = NOTHING
    this.applied = NOTHING
    this.complete = true
  }

  #insert(id: string, row: Row): Row {
    this.#rows.set(id, row)
    return row
  }

  #checked(state: unknown): unknown {
    const result = this.projection.state.safeParse(state)
    if (!result.success) throw new DerivedDoubt(`a row of ${this.projection.name} does not have its shape`, { cause: result.error })
    return state
  }
}

/** A row that is not there, or not yet. */
export function absentRow(key: Key): Row {
  return { key, state: undefined, orders: [], saved: [], dirty: false }
}

/** Steps whose rows have to be loaded before they are taken. */
export function absentOf(steps: readonly Step[]): Step[] {
  return steps.filter(({ table, key, id }) => table.row(key, id) === undefined)
}

/** Whether the rows of these steps are all in memory, once those were loaded that nobody has to wait for. */
export function areAtHand(steps: readonly Step[], derived: DerivedStore): boolean {
  try {
    for (const [table, wanted] of byTable(absentOf(steps))) if (!table.loadAtOnce(wanted, derived)) return false
    return true
  } catch {
    // The way that waits asks again, and tells what went wrong.
    return false
  }
}

export function byTable(steps: readonly Step[]): Map<Table, Step[]> {
  const tables = new Map<Table, Step[]>()
  for (const step of steps) {
    const own = tables.get(step.table)
    if (own === undefined) tables.set(step.table, [step])
    else own.push(step)
  }
  return tables
}

function projectionFailed(projection: string, key: Key | undefined, event: RecordedEvent, cause: unknown): JournalError {
  const where = key === undefined ? '' : ` for ${JSON.stringify(key)}`
  return new JournalError(
    'JOURNAL_PROJECTION_FAILED',
    `The projection ${projection} threw${where} at position ${event.position} (${event.type}): ${cause instanceof Error ? cause.message : String(cause)}. Mend it and open the journal again; the events are safe.`,
    { projection, position: event.position, ...(key === undefined ? {} : { key }) },
    { cause },
  )
}
