/** The turns of a session: key [session, turnId]. Its items and calls are rows of their own. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events } from '../src/events.js'
import { activityWith, timeOf, withKnown } from './activity.js'
import { addUsage, noTokens, tokens } from './usage.js'

const state = z.object({
  session: z.string(),
  turnId: z.string(),
  threadId: z.string(),
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled', 'interrupted']),
  attempts: z.number(),
  /** Milliseconds since 1970; the times of the last attempt. */
  submittedAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  lastActivity: z.number(),
  /** Position of `turn.submitted`, and of the last event. */
  position: z.number(),
  lastPosition: z.number(),
  model: z.string().optional(),
  provider: z.string().optional(),
  stopReason: z.string().optional(),
  error: z.string().optional(),
  /** Why it was interrupted or cancelled. */
  cause: z.string().optional(),
  items: z.number(),
  calls: z.number(),
  /** Calls of which nobody knows whether they ran to their end. */
  unknownCalls: z.number(),
  /** Items that are streamed now, or were when it was cut off. */
  streaming: z.array(z.string()),
  tokens,
})
export type TurnRow = z.infer<typeof state>
type TurnKey = readonly [session: string, turnId: string]

const initial = ([session, turnId]: TurnKey): TurnRow => ({
  session,
  turnId,
  threadId: '',
  status: 'queued',
  attempts: 0,
  submittedAt: 0,
  lastActivity: Number.MIN_SAFE_INTEGER,
  position: 0,
  lastPosition: 0,
  items: 0,
  calls: 0,
  unknownCalls: 0,
  streaming: [],
  tokens: noTokens,
})

type Event = Pick<RecordedEvent, 'at' | 'data' | 'meta' | 'position'>

const on = (turn: TurnRow, event: Event): TurnRow => ({ ...turn, lastActivity: activityWith(turn.lastActivity, event), lastPosition: event.position })
const ended = (turn: TurnRow, event: Event, status: TurnRow['status']): TurnRow => ({ ...on(turn, event), status, endedAt: timeOf(event) })

export const turn = defineProjection(events, {
  name: 'turn',
  revision: 1,
  state,
  key: (event): TurnKey | undefined => {
    const { turnId } = event.data as { turnId?: string }
    return turnId === undefined ? undefined : [event.stream, turnId]
  },
  initial,
  index: { lastActivity: (s) => s.lastActivity, submitted: (s) => [s.session, s.threadId, s.position] },
  on: {
    'turn.submitted': (s, event) => withKnown({ ...on(s, event), threadId: event.data.threadId, submittedAt: timeOf(event), position: event.position }, { model: event.data.model }),
    'turn.started': (s, event) => {
      const { endedAt: _, cause: __, ...rest } = on(s, event)
      return withKnown({ ...rest, status: 'running', attempts: event.data.attempt ?? s.attempts + 1, startedAt: timeOf(event), streaming: [] } as TurnRow, { model: event.data.model, provider: event.data.provider })
    },
    'turn.steered': on,
    'turn.completed': (s, event) => {
      const { usage, model, provider, stopReason } = event.data
      return withKnown({ ...ended(s, event, 'completed'), tokens: addUsage(s.tokens, usage) }, { model, provider, stopReason })
    },
    'turn.failed': (s, event) => ({ ...ended(s, event, 'failed'), error: event.data.error.message, tokens: addUsage(s.tokens, event.data.usage) }),
    'turn.cancelled': (s, event) => withKnown({ ...ended(s, event, 'cancelled'), tokens: addUsage(s.tokens, event.data.usage) }, { cause: event.data.reason }),
    'turn.interrupted': (s, event) => withKnown(ended(s, event, 'interrupted'), { cause: event.data.cause ?? event.data.reason }),
    'item.started': (s, event) => ({ ...on(s, event), streaming: [...s.streaming, event.data.itemId] }),
    'item.completed': (s, event) => ({ ...on(s, event), items: s.items + 1, streaming: s.streaming.filter((id) => id !== event.data.itemId) }),
    'tool.requested': (s, event) => ({ ...on(s, event), calls: s.calls + 1 }),
    'tool.started': on,
    'tool.finished': on,
    'tool.unknown': (s, event) => ({ ...on(s, event), unknownCalls: s.unknownCalls + 1 }),
    'approval.requested': on,
    'approval.resolved': on,
    'input.requested': on,
    'input.resolved': on,
  },
})
