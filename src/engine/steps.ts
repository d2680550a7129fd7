/** From a group of commits to the work on rows that it means: each of its events in today's shape, for each row that it concerns. */
import type { RecordedEvent } from '../define.js'
import { JournalError } from '../errors.js'
import type { CommitGroup, StoredCommit } from '../storage/commit-store.js'
import type { asStored } from './recorded.js'
import type { Schemas } from './schemas.js'
import type { Step, Table } from './table.js'

export class Steps {
  readonly #schemas: Schemas
  readonly #tables: readonly Table[]
  /** Streams with an event that could not be brought to today's shape, and the commit it is in; what follows is not folded. */
  readonly #unread = new Map<string, { position: number; error: JournalError }>()
  readonly #wanted = new Map<string, boolean>()

  /** `tables`: all there are. */
  constructor(schemas: Schemas, tables: readonly Table[]) {
    this.#schemas = schemas
    this.#tables = tables
  }

  /** What a group has to do with which rows of some tables, those that have it already left out. */
  of(group: CommitGroup, tables: Iterable<Table>, make: typeof asStored): Step[] {
    const steps: Step[] = []
    const events: RecordedEvent[] = []
    for (const commit of group.commits) {
      if (commit.position > (this.#unread.get(commit.stream)?.position ?? Infinity)) continue
      for (const [i, stored] of commit.events.entries()) {
        if (!this.#isWanted(stored.type)) continue
        events.length = 0
        if (!this.#read(commit, i, events, make)) break
        for (const event of events) for (const table of tables) if (event.position > table.applied.position) table.steps(event, steps)
      }
    }
    return steps
  }

  /** Why no row of a stream is true; undefined where rows are. */
  refusal(stream: string): JournalError | undefined {
    return this.#unread.get(stream)?.error
  }

  /** For a fold from the beginning. */
  forget(): void {
    this.#unread.clear()
  }

  /** Whether events stored under a type may concern a view, be it only because they are refused; asked once for each type. */
  #isWanted(type: string): boolean {
    let wanted = this.#wanted.get(type)
    if (wanted === undefined) {
      const today = this.#schemas.knows(type) ? [...this.#schemas.leadsTo(type)] : []
      wanted = this.#schemas.isRefused(type) || this.#tables.some((table) => today.some((one) => table.types.has(one)))
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
      this.#unread.set(commit.stream, { position: commit.position, error })
      for (const table of this.#tables) table.failed ??= error
      return false
    }
  }
}
