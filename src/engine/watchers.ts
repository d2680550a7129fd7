/** Who wants to hear of rows as they change, and is told. */
import type { Row, Step, Table } from './table.js'

export interface Watcher {
  /** After the group that changed the row. */
  changed(row: Row, table: Table): void
  /** No more changes will come. */
  ended(): void
}

export class Watchers {
  readonly #all = new Set<Watcher>()

  /** Calls back until the returned function is called. */
  add(watcher: Watcher): () => void {
    this.#all.add(watcher)
    return () => this.#all.delete(watcher)
  }

  /** Tells of the rows of some steps, each once. */
  tell(steps: readonly Step[]): void {
    if (this.#all.size === 0) return
    const told = new Set<Row>()
    for (const { table, key, id } of steps) {
      const row = table.row(key, id)
      if (row === undefined || told.has(row)) continue
      told.add(row)
      for (const watcher of this.#all) watcher.changed(row, table)
    }
  }

  end(): void {
    for (const watcher of this.#all) watcher.ended()
  }
}
