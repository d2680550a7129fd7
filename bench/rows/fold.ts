/** Folding by hand: what is done with a store that has no projections. */
import type { SessionState } from '../../projections/index.js'
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

/** What is of the moment of an append, which each store has made at its own. */
const TIMES = new Set(['createdAt', 'lastActivity'])

/** Whole sessions as one text, but for their times. */
export function sessionsTold(sessions: ReadonlyMap<string, unknown>): string {
  const lines = [...sessions].map(([key, state]) => {
    const told = Object.entries(state as SessionState).filter(([name]) => !TIMES.has(name))
    return `${key} ${JSON.stringify(Object.fromEntries(told.toSorted(([a], [b]) => (a < b ? -1 : 1))))}`
  })
  return lines.toSorted().join('\n')
}

/** What all make of one history has to be the same: throws where it is not what the first of them told. */
export function agreement(): (name: string, told: string) => void {
  let agreed: string | undefined
  return (name, told) => {
    agreed ??= told
    if (told !== agreed) throw new Error(`${name} does not agree on the sessions`)
  }
}
