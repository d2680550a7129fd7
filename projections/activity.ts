/** What the views have in common: when something happened, and whether it was activity at all. */
import type { EventMeta } from '../src/define.js'

interface Happened {
  at: number
  data: unknown
  meta?: EventMeta
}

/** When it happened: in the runtime's own time where it says so, else by the journal's clock. Milliseconds since 1970. */
export const timeOf = ({ at, meta }: Happened): number => meta?.occurredAt ?? at

/** Closing what a death left open is not activity. */
const CLOSING = new Set(['crash', 'shutdown'])

/** The last activity with this event; it never goes back. */
export function activityWith(before: number, event: Happened): number {
  const { cause } = event.data as { cause?: unknown }
  return typeof cause === 'string' && CLOSING.has(cause) ? before : Math.max(before, timeOf(event))
}

/** The object with `fields` in it, those that are undefined left out. */
export function withKnown<T extends object>(state: T, fields: { [K in keyof T]?: T[K] | undefined }): T {
  return { ...state, ...(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>) }
}
