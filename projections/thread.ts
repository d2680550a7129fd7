/** The threads of a session: key [session, threadId]. Its turns are rows of the turn projection. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events } from '../src/events.js'
import { activityWith, timeOf, withKnown } from './activity.js'

const state = z.object({
  session: z.string(),
  threadId: z.string(),
  status: z.enum(['open', 'closed']),
  title: z.string().optional(),
  /** Milliseconds since 1970. */
  startedAt: z.number(),
  lastActivity: z.number(),
  /** Position of its first event. */
  position: z.number(),
  turns: z.number(),
  /** The turn that ended last. */
  head: z.string().optional(),
  running: z.string().optional(),
  /** Turns that wait, in order. */
  queue: z.array(z.string()),
  compactions: z.number(),
  truncations: z.number(),
  forks: z.number(),
  /** The thread and turn that this one began from. */
  forkedFrom: z.object({ threadId: z.string(), throughTurnId: z.string().optional() }).optional(),
})
export type ThreadState = z.infer<typeof state>
type ThreadKey = readonly [session: string, threadId: string]

const initial = ([session, threadId]: ThreadKey): ThreadState => ({
  session,
  threadId,
  status: 'open',
  startedAt: 0,
  lastActivity: Number.MIN_SAFE_INTEGER,
  position: 0,
  turns: 0,
  queue: [],
  compactions: 0,
  truncations: 0,
  forks: 0,
})

type Event = Pick<RecordedEvent, 'at' | 'data' | 'meta' | 'position'>

const on = (thread: ThreadState, event: Event): ThreadState => ({ ...thread, lastActivity: activityWith(thread.lastActivity, event) })
const begun = (thread: ThreadState, event: Event, title: string | undefined): ThreadState =>
  withKnown({ ...on(thread, event), startedAt: timeOf(event), position: event.position }, { title })

function without(thread: ThreadState, turnId: string): ThreadState {
  const { running, ...rest } = thread
  const next: ThreadState = { ...rest, queue: thread.queue.filter((id) => id !== turnId) }
  return running === undefined || running === turnId ? next : { ...next, running }
}

const ended = (thread: ThreadState, event: Event & { data: { turnId: string } }): ThreadState => ({ ...on(without(thread, event.data.turnId), event), head: event.data.turnId })

export const thread = defineProjection(events, {
  name: 'thread',
  revision: 1,
  state,
  keys: (event): readonly ThreadKey[] => {
    const { threadId, from } = event.data as { threadId?: string; from?: string }
    if (threadId === undefined) return []
    return event.type === 'thread.forked' && from !== undefined && from !== threadId ? [[event.stream, threadId], [event.stream, from]] : [[event.stream, threadId]]
  },
  initial,
  index: { lastActivity: (s) => s.lastActivity, started: (s) => [s.session, s.position] },
  on: {
    'thread.started': (s, event) => begun(s, event, event.data.title),
    'thread.forked': (s, event) => {
      const { threadId, from, throughTurnId, title } = event.data
      if (s.threadId !== threadId) return { ...on(s, event), forks: s.forks + 1 }
      return { ...begun(s, event, title), forkedFrom: throughTurnId === undefined ? { threadId: from } : { threadId: from, throughTurnId } }
    },
    'thread.compacted': (s, event) => ({ ...on(s, event), compactions: s.compactions + 1 }),
    'thread.truncated': (s, event) => ({ ...on(s, event), truncations: s.truncations + 1 }),
    'thread.closed': (s, event) => ({ ...on(s, event), status: 'closed' as const }),
    'turn.submitted': (s, event) => ({ ...on(s, event), turns: s.turns + 1, queue: [...s.queue, event.data.turnId] }),
    'turn.started': (s, event) => ({ ...on(without(s, event.data.turnId), event), running: event.data.turnId }),
    'turn.steered': on,
    'turn.completed': ended,
    'turn.failed': ended,
    'turn.cancelled': ended,
    'turn.interrupted': (s, event) => on(without(s, event.data.turnId), event),
    'item.completed': on,
    'tool.requested': on,
    'tool.finished': on,
  },
})
