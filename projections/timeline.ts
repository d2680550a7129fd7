/** What happened to a task, entry by entry: key [taskId, position]; read it in pages with `prefix: [taskId]`. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events } from '../src/events.js'
import { clipped, timeOf, withKnown } from './activity.js'

const state = z.object({
  taskId: z.string(),
  stream: z.string(),
  /** `enqueued`, `started` and so on. */
  what: z.string(),
  attempt: z.number().optional(),
  /** What was said of it: a summary, a reason, an error's message. */
  summary: z.string().optional(),
  percent: z.number().optional(),
  /** Milliseconds since 1970. */
  at: z.number(),
  position: z.number(),
})
export type TimelineEntry = z.infer<typeof state>
type EntryKey = readonly [taskId: string, position: string]

interface Told {
  attempt?: number
  summary?: string
  percent?: number
  reason?: string
  cause?: string
  error?: { message: string }
}

function entry(before: TimelineEntry, event: RecordedEvent): TimelineEntry {
  const { attempt, percent, summary, reason, cause, error } = event.data as Told
  const said = summary ?? error?.message ?? reason ?? cause
  return withKnown<TimelineEntry>(
    { ...before, stream: event.stream, what: event.type.slice('task.'.length), at: timeOf(event), position: event.position },
    { attempt, percent, summary: said === undefined ? undefined : clipped(said) },
  )
}

export const timeline = defineProjection(events, {
  name: 'timeline',
  revision: 1,
  state,
  key: (event): EntryKey | undefined => {
    const { taskId } = event.data as { taskId?: string }
    return taskId === undefined ? undefined : [taskId, String(event.position).padStart(16, '0')]
  },
  initial: ([taskId]: EntryKey): TimelineEntry => ({ taskId, stream: '', what: '', at: 0, position: 0 }),
  on: {
    'task.enqueued': entry,
    'task.started': entry,
    'task.progressed': entry,
    'task.completed': entry,
    'task.failed': entry,
    'task.cancelled': entry,
    'task.interrupted': entry,
    'task.retried': entry,
  },
})
