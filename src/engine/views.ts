/**
 * Projections at work: every commit is folded into the rows it concerns as soon as it is written, and what changed goes
 * to the derived store in the background, rows and checkpoint together, at group ends that are durable.
 *
 * A group is folded at once where all its rows are in memory; else the fold falls behind and catches up by reading
 * the journal, so that nothing piles up in memory however fast commits come in.
 */
import type { Key, Projection, RecordedEvent } from '../define.js'
import { JournalError, ioError } from '../errors.js'
import type { CommitGroup, CommitStore, Gap, Head, StoredCommit } from '../storage/commit-store.js'
import type { DerivedStore } from '../storage/derived-store.js'
import type { LawStates } from './laws.js'
import { asStored, forFold } from './recorded.js'
import { DerivedDoubt, projectionRanges } from './rows.js'
import type { Schemas } from './schemas.js'
import { absentOf, byTable, NOTHING, Table, type Row, type Step } from './table.js'
import { WriteBack } from './write-back.js'

/** Somebody who wants to hear of rows as they change. */
export interface Watcher {
  /** After the group that changed the row. */
  changed(row: Row, table: Table): void
  /** No more changes will come. */
  ended(): void
}

export class Views {
  readonly tables: ReadonlyMap<string, Table>
  readonly derived: DerivedStore
  readonly #store: CommitStore<LawStates>
  readonly #schemas: Schemas
  readonly #back: WriteBack
  readonly #watchers = new Set<Watcher>()
  readonly #waiting: { position: number; done: () => void; fail: (error: unknown) => void }[] = []
  readonly #unsubscribe: () => void
  /** Streams with an event that could not be brought to today's shape; what follows it is not folded. */
  readonly #unread = new Map<string, JournalError>()
  readonly #wanted = new Map<string, boolean>()
  #applied: Head
  #pumping: Promise<void> | undefined
  #broken: JournalError | undefined
  /** Whether the derived store returned what was never put there, so that all of it must go. */
  #doubted = false
  /** Whether the derived store failed, so that nobody should go by what it holds. */
  #unsound = false
  #closed = false

  constructor(store: CommitStore<LawStates>, schemas: Schemas, tables: readonly Table[], derived: DerivedStore, rowsMax: number) {
    this.#store = store
    this.#schemas = schemas
    this.tables = new Map(tables.map((table) => [table.projection.name, table]))
    this.derived = derived
    this.#applied = tables.reduce(
      (least, { checkpoint }) => (checkpoint.position < least.position ? checkpoint : least),
      tables[0]?.checkpoint ?? NOTHING,
    )
    this.#back = new WriteBack({
      store,
      derived,
      tables,
      rowsMax,
      applied: () => this.#applied,
      failed: (error) => this.#fail(ioError(error, 'Writing derived state')),
    })
    this.#unsubscribe = store.subscribe({
      written: (group) => this.#written(group),
      synced: () => this.#back.soon(),
      failed: (error) => this.#fail(error),
    })
  }

  /** Up to where everything is folded. */
  get applied(): Head {
    return this.#applied
  }

  /** Resolves once everything that was written when it was called is folded. */
  async settle(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken
    const { position, digest } = this.#store.head
    const reached = this.#applied.position > position || (this.#applied.position === position && this.#applied.digest === digest)
    if (reached && !this.#doubted) return
    this.#pump()
    await new Promise<void>((done, fail) => this.#waiting.push({ position, done, fail }))
  }

  /** The row of a key as of `applied`. @throws JournalError JOURNAL_PROJECTION_FAILED, JOURNAL_UPCASTER_FAILED */
  async row(projection: Projection, key: Key): Promise<{ state: unknown; position: number }> {
    const table = this.table(projection)
    await this.settle()
    const unread = this.#unread.get(typeof key === 'string' ? key : (key[0] ?? ''))
    if (unread !== undefined) throw unread
    const row = await this.#rowOf(table, key)
    if (row.failed !== undefined) throw row.failed
    return { state: row.state, position: this.#applied.position }
  }

  /** The table of a projection. @throws TypeError for one that the journal was not opened with. */
  table(projection: Projection): Table {
    const table = this.tables.get(projection.name)
    if (table === undefined || table.projection !== projection) {
      throw new TypeError(`The projection ${projection.name} is not one that this journal was opened with; pass it to openJournal`)
    }
    return table
  }

  /** Calls back until the returned function is called. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Writes out all that is folded, up to at least what was written when it was called. Resolves with the checkpoint. */
  async flush(): Promise<Head> {
    const { position } = this.#store.head
    await this.#store.flush()
    await this.settle()
    while (this.#back.checkpoint.position < position) {
      await this.#back.step()
      if (this.#broken !== undefined) throw this.#broken
    }
    await this.#back.idle()
    return this.#back.checkpoint
  }

  /** Writes out what is folded, stops, and closes the derived store. */
  async close(): Promise<void> {
    if (this.#closed) return
    if (this.#broken === undefined) await this.flush().catch((error: unknown) => this.#fail(error))
    this.#closed = true
    this.#unsubscribe()
    this.#back.stop()
    await this.#pumping
    await this.#back.idle()
    const sound = this.#broken === undefined && !this.#doubted && !this.#unsound
    this.#fail(new JournalError('JOURNAL_CLOSED', 'The journal is closed.', { directory: '' }))
    for (const watcher of this.#watchers) watcher.ended()
    await this.derived.close(sound)
  }

  #written(group: CommitGroup): void {
    if (this.#pumping !== undefined || this.#broken !== undefined) return
    if (this.#doubted) return this.#pump()
    const first = group.commits[0]
    const steps = first === undefined || first.position !== this.#applied.position + 1 ? undefined : this.#steps(group, asStored)
    if (steps === undefined || absentOf(steps).length > 0) this.#pump()
    else this.#apply(steps, group.head)
  }

  /** Catches up by reading the journal. */
  #pump(): void {
    this.#pumping ??= this.#catchUp()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#pumping = undefined
        if (this.#broken === undefined && !this.#closed && (this.#doubted || this.#applied.position < this.#store.head.position))
          this.#pump()
      })
  }

  async #catchUp(): Promise<void> {
    if (this.#doubted) await this.#startOver()
    const goal = this.#store.head
    try {
      for await (const item of this.#store.read({ after: this.#applied.position })) {
        if (this.#closed) return
        await this.#fold(item)
        await this.#back.room()
      }
      // What was not read behind the last group lies in damage at the end, and is not waited for; or was written down as lost.
      if (this.#applied.position < goal.position || (this.#applied.position === goal.position && this.#applied.digest !== goal.digest))
        this.#apply([], goal)
    } catch (error) {
      if (!(error instanceof DerivedDoubt)) throw error
      this.#doubted = true
    }
  }

  /** Throws away all derived state, to fold the journal from the beginning. */
  async #startOver(): Promise<void> {
    await this.#back.idle()
    for (const table of this.tables.values()) {
      for (const range of projectionRanges(table.projection.name)) await this.derived.clear(range)
      table.reset()
    }
    this.#unread.clear()
    this.#applied = NOTHING
    this.#doubted = false
  }

  async #fold(item: CommitGroup | Gap): Promise<void> {
    if ('gap' in item) return
    const steps = this.#steps(item, forFold)
    // A write that ends meanwhile lets go of rows, also of those that were there; all have to be there at once.
    for (let absent = absentOf(steps); absent.length > 0; absent = absentOf(steps))
      for (const [table, wanted] of byTable(absent)) await table.load(wanted, this.derived)
    this.#apply(steps, item.head)
  }

  /** What a group has to do with which rows. */
  #steps(group: CommitGroup, make: typeof asStored): Step[] {
    const steps: Step[] = []
    const events: RecordedEvent[] = []
    for (const commit of group.commits) {
      if (this.#unread.has(commit.stream)) continue
      for (const [i, stored] of commit.events.entries()) {
        if (!this.#isWanted(stored.type)) continue
        events.length = 0
        if (!this.#read(commit, i, events, make)) break
        for (const event of events) {
          for (const table of this.tables.values()) if (event.position > table.checkpoint.position) table.steps(event, steps)
        }
      }
    }
    return steps
  }

  /** Whether events stored under a type may concern a view, be it only because they are refused; asked once for each type. */
  #isWanted(type: string): boolean {
    let wanted = this.#wanted.get(type)
    if (wanted === undefined) {
      const today = this.#schemas.knows(type) ? [...this.#schemas.leadsTo(type)] : []
      wanted = this.#schemas.isRefused(type) || [...this.tables.values()].some((table) => today.some((one) => table.types.has(one)))
      this.#wanted.set(type, wanted)
    }
    return wanted
  }

  /** One stream that cannot be read does not stop the others. */
  #read(commit: StoredCommit, index: number, into: RecordedEvent[], make: typeof asStored): boolean {
    try {
      this.#schemas.read(commit, index, into, make)
      return true
    } catch (error) {
      if (!(error instanceof JournalError)) throw error
      this.#unread.set(commit.stream, error)
      for (const table of this.tables.values()) table.failed ??= error
      return false
    }
  }

  #apply(steps: readonly Step[], head: Head): void {
    for (const step of steps) step.table.apply(step)
    this.#applied = head
    if (this.#watchers.size > 0) this.#tell(steps)
    this.#wake()
    this.#back.soon()
  }

  #tell(steps: readonly Step[]): void {
    const told = new Set<Row>()
    for (const { table, key, id } of steps) {
      const row = table.row(key, id)
      if (row === undefined || told.has(row)) continue
      told.add(row)
      for (const watcher of this.#watchers) watcher.changed(row, table)
    }
  }

  #wake(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const waiter = this.#waiting[i]
      if (waiter === undefined || waiter.position > this.#applied.position) continue
      this.#waiting.splice(i, 1)
      waiter.done()
    }
  }

  async #rowOf(table: Table, key: Key): Promise<Row> {
    const id = Table.id(key)
    if (table.row(key, id) === undefined) await this.sure(() => table.load([{ key, id }], this.derived))
    return table.row(key, id) ?? { key, state: undefined, saved: undefined, dirty: false }
  }

  /** Reads derived state while nothing is written there; where it is in doubt, folds it again and reads once more. */
  async sure<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await this.#back.still(read)
    } catch (error) {
      if (error instanceof TypeError) throw error
      if (!(error instanceof DerivedDoubt)) {
        this.#unsound = true
        throw ioError(error, 'Reading derived state')
      }
      this.#doubted = true
      await this.flush()
      return this.#back.still(read)
    }
  }

  #fail(error: unknown): void {
    this.#broken ??= error instanceof JournalError ? error : ioError(error, 'Folding the journal')
    for (const waiter of this.#waiting.splice(0)) waiter.fail(this.#broken)
  }
}
