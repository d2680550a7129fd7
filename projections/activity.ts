/** What the views have in common: when something happened, and whether it was activity at all. */
import type { EventMeta } from '../src/define.js'

export interface Happened {
  at: number
  data: unknown
  meta?: EventMeta
}

/** Before every time there is. */
export const NEVER = -8.64e15

/** When it happened: in the runtime's own time where it says so, else by the journal's clock. Milliseconds since 1970. */
export const timeOf = ({ at, meta }: Happened): number => meta?.occurredAt ?? at

/** The last activity with this event; it never goes back. What the engine adds by itself, such as closing what a death left open, is nobody's activity. */
export function activityWith(before: number, event: Happened): number {
  return event.meta?.actor === 'turnlog' ? before : Math.max(before, timeOf(event))
}

/** The object with `fields` in it, those that are undefined left out. */
export function withKnown<T extends object>(state: T, fields: { [K in keyof T]?: T[K] | undefined }): T {
  const next = { ...state }
  for (const name in fields) if (fields[name] !== undefined) next[name] = fields[name]
  return next
}

/** Characters of a text that a row keeps; the whole is in the journal. */
const CLIP = 2000

/** The beginning of a text, cut behind a whole character. */
export const clipped = (text: string): string => (text.length > CLIP ? `${text.slice(0, CLIP - 1).replace(/[\uD800-\uDBFF]$/, '')}…` : text)
