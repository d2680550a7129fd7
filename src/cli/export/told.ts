/** What every exporter asks of an event. */
import type { RecordedEvent } from '../../index.js'
import { isFields, type ContentPart, type Fields } from './content.js'
import type { Losses } from './losses.js'

/** When it happened, in milliseconds since 1970. */
export const timeOf = ({ at, meta }: RecordedEvent): number => meta?.occurredAt ?? at

/** What a person said, and what was handed over with it. */
export function inputOf({ input, attachments }: Fields): ContentPart[] {
  return [...((input ?? []) as ContentPart[]), ...((attachments ?? []) as ContentPart[])]
}

/** Whether a turn, or an attempt of it, is over. */
export const isEnd = ({ type }: RecordedEvent): boolean => /^turn\.(completed|failed|cancelled|interrupted)$/.test(type)

/** How a turn ended, where other programs only see that it went on. */
export function endThatIsLost({ type, data }: RecordedEvent): string | undefined {
  if (type === 'turn.interrupted') return 'that a turn was interrupted'
  return type === 'turn.cancelled' && isFields(data) && data['reason'] === 'the next prompt came'
    ? 'that a turn was left for the next prompt'
    : undefined
}

/** Needs no telling: what it says follows from the others. */
export const isQuiet = ({ type }: RecordedEvent): boolean => QUIET.has(type)

const QUIET = new Set([
  'session.created',
  'thread.started',
  'thread.forked',
  'thread.truncated',
  'turn.started',
  'item.started',
  'item.delta',
  'tool.started',
])

/** Whether a call is told as one that failed. */
export function isFailure({ status }: Fields, losses: Losses): boolean {
  if (status === undefined || status === 'ok') return false
  if (typeof status === 'string' && status !== 'error') losses.add(`that a call was ${status}, told as an error`)
  return true
}
