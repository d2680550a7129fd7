/**
 * Projections at work: commits are folded into the rows they concern, and what changed goes to the derived store in the
 * background, rows and checkpoint together, at group ends that are durable.
 *
 * A group is folded as soon as it is written where no view is behind and its rows are in memory, or few to load; else the fold falls behind
 * and catches up by reading the journal, so that nothing piles up in memory however fast commits come in. It catches up in passes, each
 * for the tables that somebody waits for, those that lack least first.
 */
import type { Key, Projection } from '../define.js'
import { JournalError, ioError } from '../errors.js'
import type { CommitGroup, CommitStore, Head } from '../storage/commit-store.js'
import type { DerivedStore } from '../storage/derived-store.js'
import type { LawStates } from './laws.js'
import { asStored, forFold } from './recorded.js'
import { clearProjection, DerivedDoubt } from './rows.js'
import type { Schemas } from './schemas.js'
import { Steps } from './steps.js'
import { absentOf, absentRow, areAtHand, byTable, NOTHING, Table, type Row, type Step } from './table.js'
import { Watchers } from './watchers.js'
import { WriteBack } from './write-back.js'

/** Somebody who waits until some tables have all up to a position. */
interface Waiter {
  tables: readonly Table[]
  position: number
  done: () => void
  fail: (error: unknown) => void
}

export class Views {
  readonly tables: ReadonlyMap<string, Table>
  readonly derived: DerivedStore
  readonly watchers = new Watchers()
  readonly #all: readonly Table[]
  readonly #store: CommitStore<LawStates>
  readonly #steps: Steps
  readonly #back: WriteBack
  readonly #rowsMax: number
  readonly #waiting: Waiter[] = []
  readonly #unsubscribe: () => void
  #pumping: Promise<void> | undefined
  #broken: JournalError | undefined
  /** Whether the derived store returned what was never put there, so that all of it must go. */
  #doubted = false
  /** Whether the derived store failed, so that nobody should go by what it holds. */
  #unsound = false
  #closed = false

  constructor(store: CommitStore<LawStates>, schemas: Schemas, tables: readonly Table[], derived: DerivedStore, rowsMax: number) {
    this.#store = store
    this.#steps = new Steps(schemas, tables)
    this.#all = tables
    this.tables = new Map(tables.map((table) => [table.projection.name, table]))
    this.derived = derived
    this.#rowsMax = rowsMax
    this.#back = new WriteBack({
      store,
      derived,
      tables,
      rowsMax,
      awaited: () => this.#waiting.length > 0,
      failed: (error) => this.#fail(ioError(error, 'Writing derived state')),
    })
    this.#unsubscribe = store.subscribe({
      written: (group) => this.#written(group),
      synced: () => this.#back.soon(),
      failed: (error) => this.#fail(error),
    })
  }

  /** Resolves once everything that was written when it was called is folded into all tables, or some. They are the next to be folded. */
  async settle(tables: readonly Table[] = this.#all): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    if (!this.#doubted && !tables.some((table) => this.#isBehind(table))) return
    const { position } = this.#store.head
    const settled = new Promise<void>((done, fail) => this.#waiting.push({ tables, position, done, fail }))
    this.#pump()
    await settled
  }

  /** The row of a key, and up to where it is folded. @throws JournalError JOURNAL_PROJECTION_FAILED, JOURNAL_UPCASTER_FAILED */
  async row(projection: Projection, key: Key): Promise<{ state: unknown; position: number }> {
    const table = this.table(projection)
    for (;;) {
      const { generation } = table
      await this.settle([table])
      const refusal = this.#steps.refusal(typeof key === 'string' ? key : (key[0] ?? ''))
      if (refusal !== undefined) throw refusal
      const row = await this.#rowOf(table, key)
      if (generation !== table.generation) continue
      if (row.failed !== undefined) throw row.failed
      return { state: row.state, position: table.applied.position }
    }
  }

  /** The table of a projection. @throws TypeError for one that the journal was not opened with. */
  table(projection: Projection): Table {
    const table = this.tables.get(projection.name)
    if (table === undefined || table.projection !== projection) {
      throw new TypeError(`The projection ${projection.name} is not one that this journal was opened with; pass it to openJournal`)
    }
    return table
  }

  /** Writes out all that was written when it was called, and folded since, of all tables or some. */
  async flush(tables: readonly Table[] = this.#all): Promise<void> {
    const { position } = this.#store.head
    await this.#store.flush()
    await this.settle(tables)
    while (tables.some(({ checkpoint }) => checkpoint.position < position)) {
      await this.#back.step()
      if (this.#broken !== undefined) throw this.#broken
    }
    await this.#back.idle()
  }

  /** Stops, and closes the derived store; what is to be found there again is folded and written out before. */
  async close(keep: boolean): Promise<void> {
    if (this.#closed) return
    if (keep && this.#broken === undefined) await this.flush().catch((error: unknown) => this.#fail(error))
    this.#closed = true
    this.#unsubscribe()
    this.#back.stop()
    await this.#pumping
    await this.#back.idle()
    const sound = keep && this.#broken === undefined && !this.#doubted && !this.#unsound
    this.#fail(new JournalError('JOURNAL_CLOSED', 'The journal is closed.', { directory: '' }))
    this.watchers.end()
    await this.derived.close(sound)
  }

  /** Begins to fold what is lacking, if anything is. */
  catchUp(): void {
    if (this.#doubted || this.#all.some((table) => this.#isBehind(table))) this.#pump()
  }

  #isBehind({ applied }: Table): boolean {
    const { position, digest } = this.#store.head
    return applied.position < position || (applied.position === position && applied.digest !== digest)
  }

  #written(group: CommitGroup): void {
    this.#back.committed()
    if (this.#pumping !== undefined || this.#broken !== undefined) return
    if (this.#doubted) return this.#pump()
    const [first] = group.commits
    const tables = this.#all
    const isNext = first !== undefined && tables.every(({ applied }) => applied.position === first.position - 1)
    const steps = isNext && !this.#back.isFull ? this.#steps.of(group, tables, asStored) : undefined
    if (steps === undefined || !areAtHand(steps, this.derived)) this.#pump()
    else this.#apply(steps, tables, group.head)
  }

  /** Catches up by reading the journal. */
  #pump(): void {
    if (this.#closed) return
    this.#pumping ??= this.#catchUp()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#pumping = undefined
        if (this.#broken === undefined) this.catchUp()
      })
  }

  /** Folds what some tables lack, as far as nobody waits for others. */
  async #catchUp(): Promise<void> {
    if (this.#doubted) await this.#startOver()
    const tables = this.#next()
    const goal = this.#store.head
    // All of them have as much.
    const { position: after } = tables[0]?.applied ?? goal
    try {
      for await (const item of this.#store.read({ after })) {
        if (this.#closed || this.#doubted || this.#broken !== undefined) return
        if ('gap' in item) continue
        await this.#back.room(await this.#fold(item, tables))
        if (this.#waiting.length > 0 && !isSame(this.#next(), tables)) return
      }
      // What was not read behind the last group lies in damage at the end, and is not waited for; or was written down as lost.
      this.#apply([], tables, goal)
    } catch (error) {
      if (!(error instanceof DerivedDoubt)) throw error
      this.#doubted = true
    }
  }

  /** The tables to fold next: those that somebody waits for before those that nobody does, and of these the ones that lack least. */
  #next(): Table[] {
    const behind = this.#all.filter((table) => this.#isBehind(table))
    const waitedFor = behind.filter((table) => this.#isWaitedFor(table))
    const some = waitedFor.length > 0 ? waitedFor : behind
    const nearest = Math.max(...some.map(({ applied }) => applied.position))
    return some.filter(({ applied }) => applied.position === nearest)
  }

  #isWaitedFor(table: Table): boolean {
    return this.#waiting.some(({ tables }) => tables.includes(table))
  }

  /** Throws away all derived state, to fold the journal from the beginning. */
  async #startOver(): Promise<void> {
    // First of all nothing is left that could be written out meanwhile.
    for (const table of this.#all) table.reset()
    this.#steps.forget()
    await this.#back.idle()
    for (const { projection } of this.#all) await clearProjection(this.derived, projection.name)
    for (const table of this.#all) table.written(NOTHING)
    this.#doubted = false
  }

  /** Returns how many rows its events were taken to. */
  async #fold(group: CommitGroup, tables: readonly Table[]): Promise<number> {
    const steps = this.#steps.of(group, tables, forFold)
    // A write that ends meanwhile lets go of rows, also of those that were there; all have to be there at once.
    for (let absent = absentOf(steps); absent.length > 0; absent = absentOf(steps))
      for (const [table, wanted] of byTable(absent)) await table.load(wanted, this.derived)
    this.#apply(steps, tables, group.head)
    return steps.length
  }

  #apply(steps: readonly Step[], tables: readonly Table[], head: Head): void {
    for (const step of steps) step.table.apply(step)
    for (const table of tables) if (table.applied.position <= head.position) table.applied = head
    this.watchers.tell(steps)
    this.#wake()
    this.#back.soon()
  }

  #wake(): void {
    if (this.#doubted) return
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const waiter = this.#waiting[i]
      if (waiter === undefined || waiter.tables.some(({ applied }) => applied.position < waiter.position)) continue
      this.#waiting.splice(i, 1)
      waiter.done()
    }
  }

  async #rowOf(table: Table, key: Key): Promise<Row> {
    const id = Table.id(key)
    const { generation } = table
    // Another reader may let go of what was loaded before this one goes on.
    while (table.row(key, id) === undefined && generation === table.generation)
      await this.sure(table, () => table.load([{ key, id }], this.derived))
    const row = table.row(key, id) ?? absentRow(key)
    // Whoever only reads lets go of rows as well.
    table.evict(this.#rowsMax)
    return row
  }

  /** Reads what the derived store has of a table while nothing is written there; where it is in doubt, folds it again and reads once more. */
  async sure<T>(table: Table, read: () => Promise<T>): Promise<T> {
    const { generation } = table
    try {
      return await this.#still(read)
    } catch (error) {
      if (!(error instanceof DerivedDoubt)) throw this.#notRead(error)
    }
    if (generation === table.generation) this.#doubted = true
    await this.flush([table])
    try {
      return await this.#still(read)
    } catch (error) {
      throw this.#notRead(error)
    }
  }

  /** A write that was waited for may have failed, and what it held is missing there; or all of it turned out to be in doubt. */
  #still<T>(read: () => Promise<T>): Promise<T> {
    return this.#back.still(() => {
      if (this.#broken !== undefined) throw this.#broken
      if (this.#doubted) throw new DerivedDoubt('all of it is about to go')
      return read()
    })
  }

  #notRead(error: unknown): unknown {
    if (error instanceof TypeError) return error
    this.#unsound = true
    return ioError(error, 'Reading derived state')
  }

  #fail(error: unknown): void {
    this.#broken ??= error instanceof JournalError ? error : ioError(error, 'Folding the journal')
    for (const waiter of this.#waiting.splice(0)) waiter.fail(this.#broken)
  }
}

const isSame = (some: readonly Table[], others: readonly Table[]): boolean =>
  some.length === others.length && some.every((one) => others.includes(one))
