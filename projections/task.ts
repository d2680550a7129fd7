/** The task queue: key taskId. What happened to a task is rows of the timeline. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events } from '../src/events.js'
import { activityWith, clipped, NEVER, timeOf, withKnown } from './activity.js'
import { addUsage, noTokens, tokens } from './usage.js'

const state = z.object({
  taskId: z.string(),
  /** The stream it lives in. */
  stream: z.string(),
  session: z.string().optional(),
  title: z.string().optional(),
  agent: z.string().optional(),
  model: z.string().optional(),
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
  /** Events of other streams that use its id for a task of their own. */
  foreign: z.number(),
  /** Position of `task.enqueued`. */
  position: z.number(),
  tokens,
})
export type TaskRow = z.infer<typeof state>

const initial = (taskId: string): TaskRow => ({
  taskId,
  stream: '',
  status: 'queued',
  attempts: 0,
  enqueuedAt: 0,
  lastActivity: NEVER,
  entries: 0,
  foreign: 0,
  position: 0,
  tokens: noTokens,
})

type Event = Pick<RecordedEvent, 'at' | 'data' | 'meta'>

const on = (task: TaskRow, event: Event): TaskRow => ({
  ...task,
  lastActivity: activityWith(task.lastActivity, event),
  entries: task.entries + 1,
})

/** The handler for the task of the stream that was first to use its id; what others say under it is only counted. */
const own =
  <E extends Event & { stream: string }>(handler: (task: TaskRow, event: E) => TaskRow) =>
  (task: TaskRow, event: E): TaskRow =>
    task.stream === '' || task.stream === event.stream
      ? handler({ ...task, stream: event.stream }, event)
      : { ...task, foreign: task.foreign + 1 }

function ended(task: TaskRow, event: Event, status: TaskRow['status'], more: { [K in keyof TaskRow]?: TaskRow[K] | undefined }): TaskRow {
  const { summary, error, cause } = more
  const texts = { summary: clip(summary), error: clip(error), cause: clip(cause) }
  return withKnown({ ...on(task, event), status, endedAt: timeOf(event) }, { ...more, ...texts })
}

const clip = (text: string | undefined): string | undefined => (text === undefined ? undefined : clipped(text))

export const task = defineProjection(events, {
  name: 'task',
  revision: 1,
  state,
  key: (event): string | undefined => (event.data as { taskId?: string }).taskId,
  initial,
  index: { lastActivity: (s) => s.lastActivity, enqueued: (s) => s.position },
  on: {
    'task.enqueued': own((s, event) => {
      const { title, agent, model, workspace, session, priority, dependencies } = event.data
      return withKnown(
        { ...on(s, event), enqueuedAt: timeOf(event), position: event.position },
        { title, agent, model, workspace, session, priority, dependencies },
      )
    }),
    'task.started': own((s, event) => {
      const { endedAt: _, cause: __, error: ___, ...rest } = on(s, event)
      return { ...rest, status: 'running' as const, attempts: event.data.attempt ?? s.attempts + 1, startedAt: timeOf(event) }
    }),
    'task.progressed': own((s, event) => withKnown(on(s, event), { summary: clip(event.data.summary), percent: event.data.percent })),
    'task.completed': own((s, event) =>
      ended(s, event, 'completed', { summary: event.data.summary, tokens: addUsage(s.tokens, event.data.usage) }),
    ),
    'task.failed': own((s, event) =>
      ended(s, event, 'failed', { error: event.data.error?.message, tokens: addUsage(s.tokens, event.data.usage) }),
    ),
    'task.cancelled': own((s, event) => ended(s, event, 'cancelled', { cause: event.data.reason })),
    'task.interrupted': own((s, event) => ended(s, event, 'interrupted', { cause: event.data.cause ?? event.data.reason })),
    'task.retried': own((s, event) => ({ ...on(s, event), status: 'queued' as const })),
  },
})
