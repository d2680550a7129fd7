/** The threads of a session: key [session, threadId]. Its turns are rows of the turn projection. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events } from '../src/events.js'
import { activityWith, NEVER, timeOf, withKnown } from './activity.js'

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
  /** Turns that were cut off and have no end yet. */
  interrupted: z.array(z.string()),
  compactions: z.number(),
  truncations: z.number(),
  forks: z.number(),
  /** Position of the last compaction: what the next prompt holds in full came after the turn it goes through, or after it. */
  compactedAt: z.number().optional(),
  /** The thread and turn that this one began from, and their session where it is another. */
  forkedFrom: z.object({ threadId: z.string(), throughTurnId: z.string().optional(), session: z.string().optional() }).optional(),
})
export type ThreadState = z.infer<typeof state>
type ThreadKey = readonly [session: string, threadId: string]

const initial = ([session, threadId]: ThreadKey): ThreadState => ({
  session,
  threadId,
  status: 'open',
  startedAt: 0,
  lastActivity: NEVER,
  position: 0,
  turns: 0,
  queue: [],
  interrupted: [],
  compactions: 0,
  truncations: 0,
  forks: 0,
})

type Event = Pick<RecordedEvent, 'at' | 'data' | 'meta' | 'position'>

const on = (thread: ThreadState, event: Event): ThreadState => ({ ...thread, lastActivity: activityWith(thread.lastActivity, event) })
const begun = (thread: ThreadState, event: Event, title: string | undefined): ThreadState =>
  withKnown({ ...on(thread, event), startedAt: timeOf(event), position: event.position }, { title })

/** The thread with a turn nowhere in it: neither waiting, nor running, nor interrupted. */
function without(thread: ThreadState, turnId: string): ThreadState {
  const { running, ...rest } = thread
  const others = (ids: readonly string[]): string[] => ids.filter((id) => id !== turnId)
  const next: ThreadState = { ...rest, queue: others(thread.queue), interrupted: others(thread.interrupted) }
  return running === undefined || running === turnId ? next : { ...next, running }
}

type TurnEvent = Event & { data: { turnId: string } }

const ended = (thread: ThreadState, event: TurnEvent): ThreadState => ({
  ...on(without(thread, event.data.turnId), event),
  head: event.data.turnId,
})

function interrupted(thread: ThreadState, event: TurnEvent): ThreadState {
  const { turnId } = event.data
  const next = on(without(thread, turnId), event)
  return { ...next, interrupted: [...next.interrupted, turnId] }
}

export const thread = defineProjection(events, {
  name: 'thread',
  revision: 1,
  state,
  keys: (event): readonly ThreadKey[] => {
    const { threadId, from, fromSession } = event.data as { threadId?: string; from?: string; fromSession?: string }
    if (threadId === undefined) return []
    return event.type === 'thread.forked' && from !== undefined && from !== threadId && fromSession === undefined
      ? [
          [event.stream, threadId],
          [event.stream, from],
        ]
      : [[event.stream, threadId]]
  },
  initial,
  index: { lastActivity: (s) => [s.session, s.lastActivity], started: (s) => [s.session, s.position] },
  on: {
    'thread.started': (s, event) => begun(s, event, event.data.title),
    'thread.forked': (s, event) => {
      const { threadId, from, fromSession: session, throughTurnId, title } = event.data
      if (s.threadId !== threadId) return { ...on(s, event), forks: s.forks + 1 }
      const row = begun(s, event, title)
      return from === undefined
        ? row
        : { ...row, forkedFrom: withKnown<NonNullable<ThreadState['forkedFrom']>>({ threadId: from }, { throughTurnId, session }) }
    },
    'thread.compacted': (s, event) => ({ ...on(s, event), compactions: s.compactions + 1, compactedAt: event.position }),
    'thread.truncated': (s, event) => ({ ...on(s, event), truncations: s.truncations + 1 }),
    'thread.closed': (s, event) => ({ ...on(s, event), status: 'closed' as const }),
    'turn.submitted': (s, event) => ({ ...on(s, event), turns: s.turns + 1, queue: [...s.queue, event.data.turnId] }),
    'turn.started': (s, event) => ({ ...on(without(s, event.data.turnId), event), running: event.data.turnId }),
    'turn.steered': on,
    'turn.completed': ended,
    'turn.failed': ended,
    'turn.cancelled': ended,
    'turn.interrupted': interrupted,
    'item.started': on,
    'item.completed': on,
    'tool.requested': on,
    'tool.started': on,
    'tool.finished': on,
    'tool.unknown': on,
    'approval.requested': on,
    'approval.resolved': on,
    'input.requested': on,
    'input.resolved': on,
  },
})
