/** Every view of a history, folded here and now: what the views of a journal must be equal to. */
import type { RecordedEvent } from '../../../src/define.js'
import { projections } from '../../../projections/index.js'

interface View {
  name: string
  types: readonly string[]
  keys(event: RecordedEvent): readonly unknown[]
  initial(key: unknown): unknown
  apply(state: unknown, event: RecordedEvent, key: unknown): unknown
}

/** Rows by projection and key, as JSON. */
export function folded(events: readonly RecordedEvent[]): Map<string, string> {
  const rows = new Map<string, unknown>()
  for (const view of projections as readonly unknown[] as readonly View[]) {
    for (const event of events) {
      if (!view.types.includes(event.type)) continue
      for (const key of view.keys(event)) {
        const name = nameOf(view.name, key)
        const state = view.apply(rows.get(name) ?? view.initial(key), event, key)
        if (state === undefined) rows.delete(name)
        else rows.set(name, state)
      }
    }
  }
  return new Map(Array.from(rows, ([name, state]) => [name, JSON.stringify(state)]))
}

export function nameOf(projection: string, key: unknown): string {
  return `${projection} ${JSON.stringify([key].flat())}`
}
