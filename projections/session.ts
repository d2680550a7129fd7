/** The sessions: one row for each stream that began with `session.created`. */
import { z } from 'zod'
import { defineProjection } from '../src/define.js'
import { events, type Usage } from '../src/events.js'
import { activityWith, NEVER, timeOf, withKnown, type Happened as Event } from './activity.js'
import { addUsage, noTokens, tokens } from './usage.js'

const state = z.object({
  id: z.string(),
  /** `active`: nothing runs. A deleted session keeps nothing but its id and times. */
  status: z.enum(['active', 'running', 'archived', 'deleted']),
  title: z.string().optional(),
  agent: z.string().optional(),
  workspace: z.string().optional(),
  model: z.string().optional(),
  provider: z.string().optional(),
  parent: z.looseObject({ stream: z.string() }).optional(),
  /** Milliseconds since 1970. */
  createdAt: z.number(),
  lastActivity: z.number(),
  threads: z.number(),
  turns: z.number(),
  /** Turns without an end. */
  open: z.array(z.object({ turnId: z.string(), status: z.enum(['queued', 'running', 'interrupted']) })),
  items: z.number(),
  calls: z.number(),
  tasks: z.number(),
  tokens,
})
export type SessionState = z.infer<typeof state>

const initial = (id: string): SessionState => ({
  id,
  status: 'active',
  createdAt: NEVER,
  lastActivity: NEVER,
  threads: 0,
  turns: 0,
  open: [],
  items: 0,
  calls: 0,
  tasks: 0,
  tokens: noTokens,
})

type Count = 'threads' | 'turns' | 'items' | 'calls' | 'tasks'
type Open = SessionState['open']

/** The state with activity and a count moved on; none where the stream has no session. */
function on(session: SessionState, event: Event, count?: Count): SessionState | undefined {
  if (session.createdAt === NEVER) return undefined
  // A copy that is changed afterwards is made more quickly than one with other values in it.
  const next = { ...session }
  next.lastActivity = activityWith(session.lastActivity, event)
  if (count !== undefined) next[count]++
  return next
}

/** The same, with a turn's status moved on; `undefined` is its end. */
function onTurn(session: SessionState, event: Event, status: Open[number]['status'] | undefined): SessionState | undefined {
  const { turnId } = event.data as { turnId: string }
  const open = session.open.filter((turn) => turn.turnId !== turnId)
  if (status !== undefined) open.push({ turnId, status })
  const running = open.some((turn) => turn.status === 'running')
  const idle = session.status === 'active' || session.status === 'running'
  return on(
    { ...session, open, status: idle ? (running ? 'running' : 'active') : session.status },
    event,
    status === 'queued' ? 'turns' : undefined,
  )
}

const used = (session: SessionState, event: { data: { usage?: Usage | undefined } }): SessionState => ({
  ...session,
  tokens: addUsage(session.tokens, event.data.usage),
})

export const session = defineProjection(events, {
  name: 'session',
  revision: 1,
  state,
  key: (event) => event.stream,
  initial,
  index: { lastActivity: (s) => s.lastActivity, createdAt: (s) => s.createdAt },
  on: {
    'session.created': (s, event) =>
      s.createdAt === NEVER ? withKnown({ ...s, createdAt: timeOf(event), lastActivity: timeOf(event) }, known(event.data)) : s,
    'session.updated': (s, event) => on(withKnown(s, known(event.data)), event),
    'session.archived': (s, event) => on({ ...s, status: 'archived' }, event),
    'session.restored': (s, event) => on({ ...s, status: 'active' }, event),
    'session.deleted': (s, event) =>
      on({ ...initial(s.id), createdAt: s.createdAt, lastActivity: s.lastActivity, status: 'deleted' }, event),
    'thread.started': (s, event) => on(s, event, 'threads'),
    'thread.forked': (s, event) => on(s, event, 'threads'),
    'thread.compacted': (s, event) => on(s, event),
    'thread.truncated': (s, event) => on(s, event),
    'thread.closed': (s, event) => on(s, event),
    'turn.submitted': (s, event) => onTurn(s, event, 'queued'),
    'turn.started': (s, event) => onTurn(s, event, 'running'),
    'turn.steered': (s, event) => on(s, event),
    'turn.completed': (s, event) => onTurn(used(s, event), event, undefined),
    'turn.failed': (s, event) => onTurn(used(s, event), event, undefined),
    'turn.cancelled': (s, event) => onTurn(used(s, event), event, undefined),
    'turn.interrupted': (s, event) => onTurn(used(s, event), event, 'interrupted'),
    // Not what is streamed: a row that moved with every piece would be written with every piece.
    'item.started': (s, event) => on(s, event),
    'item.completed': (s, event) => on(s, event, 'items'),
    'tool.requested': (s, event) => on(s, event, 'calls'),
    'tool.started': (s, event) => on(s, event),
    'tool.finished': (s, event) => on(s, event),
    'tool.unknown': (s, event) => on(s, event),
    'approval.requested': (s, event) => on(s, event),
    'approval.resolved': (s, event) => on(s, event),
    'input.requested': (s, event) => on(s, event),
    'input.resolved': (s, event) => on(s, event),
    'task.enqueued': (s, event) => on(s, event, 'tasks'),
    'task.started': (s, event) => on(s, event),
    'task.progressed': (s, event) => on(s, event),
    'task.completed': (s, event) => on(s, event),
    'task.failed': (s, event) => on(s, event),
    'task.cancelled': (s, event) => on(s, event),
    'task.interrupted': (s, event) => on(s, event),
    'task.retried': (s, event) => on(s, event),
  },
})

function known({ title, agent, workspace, model, provider, parent }: z.infer<(typeof events)['definitions']['session.created']['data']>): {
  [K in keyof SessionState]?: SessionState[K] | undefined
} {
  return { title, agent, workspace, model, provider, parent }
}
