/** The task queue: key taskId. What happened to a task is rows of the timeline. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events } from '../src/events.js'
import { activityWith, timeOf, withKnown } from './activity.js'

const state = z.object({
  taskId: z.string(),
  /** The stream it lives in. */
  stream: z.string(),
  session: z.string().optional(),
  title: z.string().optional(),
  agent: z.string().optional(),
  workspace: z.string().optional(),
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled', 'interrupted']),
  attempts: z.number(),
  priority: z.number().optional(),
  dependencies: z.array(z.string()).optional(),
  /** The last that was said of it, and how far it is in percent. */
  summary: z.string().optional(),
  percent: z.number().optional(),
  error: z.string().optional(),
  cause: z.string().optional(),
  /** Milliseconds since 1970. */
  enqueuedAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  lastActivity: z.number(),
  /** Entries of its timeline. */
  entries: z.number(),
  position: z.number(),
})
export type TaskRow = z.infer<typeof state>

const initial = (taskId: string): TaskRow => ({
  taskId,
  stream: '',
  status: 'queued',
  attempts: 0,
  enqueuedAt: 0,
  lastActivity: Number.MIN_SAFE_INTEGER,
  entries: 0,
  position: 0,
})

type Event = Pick<RecordedEvent, 'at' | 'data' | 'meta'>

const on = (task: TaskRow, event: Event): TaskRow => ({
  ...task,
  lastActivity: activityWith(task.lastActivity, event),
  entries: task.entries + 1,
})
const ended = (task: TaskRow, event: Event, status: TaskRow['status']): TaskRow => ({ ...on(task, event), status, endedAt: timeOf(event) })

export const task = defineProjection(events, {
  name: 'task',
  revision: 1,
  state,
  key: (event): string | undefined => (event.data as { taskId?: string }).taskId,
  initial,
  index: { lastActivity: (s) => s.lastActivity, enqueued: (s) => s.position },
  on: {
    'task.enqueued': (s, event) => {
      const { title, agent, workspace, session, priority, dependencies } = event.data
      return withKnown(
        { ...on(s, event), stream: event.stream, enqueuedAt: timeOf(event), position: event.position },
        { title, agent, workspace, session, priority, dependencies },
      )
    },
    'task.started': (s, event) => {
      const { endedAt: _, cause: __, error: ___, ...rest } = on(s, event)
      return { ...rest, status: 'running' as const, attempts: event.data.attempt ?? s.attempts + 1, startedAt: timeOf(event) }
    },
    'task.progressed': (s, event) => withKnown(on(s, event), { summary: event.data.summary, percent: event.data.percent }),
    'task.completed': (s, event) => withKnown(ended(s, event, 'completed'), { summary: event.data.summary }),
    'task.failed': (s, event) => withKnown(ended(s, event, 'failed'), { error: event.data.error?.message }),
    'task.cancelled': (s, event) => withKnown(ended(s, event, 'cancelled'), { cause: event.data.reason }),
    'task.interrupted': (s, event) => withKnown(ended(s, event, 'interrupted'), { cause: event.data.cause ?? event.data.reason }),
    'task.retried': (s, event) => ({ ...on(s, event), status: 'queued' as const }),
  },
})
