/** Folding by hand: what is done with a store that has no projections. */
import type { Key, Projection, RecordedEvent } from '../../src/index.js'

/** Folds an event into the rows of a projection, which are in memory. */
export function fold<S, K extends Key>(projection: Projection<S, K>, rows: Map<string, unknown>, event: RecordedEvent): void {
  for (const key of projection.keys(event)) {
    const id = typeof key === 'string' ? key : JSON.stringify(key)
    const state = projection.apply((rows.get(id) as S | undefined) ?? projection.initial(key), event, key)
    if (state === undefined) rows.delete(id)
    else rows.set(id, state)
  }
}

/** How many items each session has, as one text. Times are those of a store's appends, and differ. */
export function sessionsTold(sessions: ReadonlyMap<string, unknown>): string {
  const lines = [...sessions].map(([key, state]) => `${key}:${(state as { items: number }).items}`)
  return lines.toSorted((a, b) => a.localeCompare(b)).join()
}
