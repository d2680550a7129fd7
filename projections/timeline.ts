/** What happened to a task, entry by entry: key [taskId, position]; read it in pages with `prefix: [taskId]`. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events } from '../src/events.js'
import { timeOf } from './activity.js'

const state = z.object({
  taskId: z.string(),
  what: z.string(),
  attempt: z.number().optional(),
  summary: z.string().optional(),
  at: z.number(),
  position: z.number(),
})
export type TimelineEntry = z.infer<typeof state>
type EntryKey = readonly [taskId: string, position: string]

function entry(_: TimelineEntry, event: Pick<RecordedEvent, 'type' | 'position' | 'at' | 'data' | 'meta'>): TimelineEntry {
  const { taskId, attempt, summary } = event.data as { taskId: string; attempt?: number; summary?: string }
  return {
    taskId,
    what: event.type.slice('task.'.length),
    ...(attempt === undefined ? {} : { attempt }),
    ...(summary === undefined ? {} : { summary }),
    at: timeOf(event),
    position: event.position,
  }
}

export const timeline = defineProjection(events, {
  name: 'timeline',
  revision: 1,
  state,
  key: (event): EntryKey | undefined => {
    const { taskId } = event.data as { taskId?: string }
    return taskId === undefined ? undefined : [taskId, String(event.position).padStart(16, '0')]
  },
  initial: ([taskId]: EntryKey): TimelineEntry => ({ taskId, what: '', at: 0, position: 0 }),
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
