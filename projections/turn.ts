/** The turns of a session: key [session, turnId]. Its items and calls are rows of their own. */
import { z } from 'zod'
import { defineProjection, type RecordedEvent } from '../src/define.js'
import { events, type Usage } from '../src/events.js'
import { activityWith, clipped, NEVER, timeOf, withKnown } from './activity.js'
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
  startedPosition: z.number().optional(),
  endedPosition: z.number().optional(),
  lastActivity: z.number(),
  /** Position of `turn.submitted`, and of the last event. */
  position: z.number(),
  lastPosition: z.number(),
  agent: z.string().optional(),
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
  /** Whether something it streamed was never completed. */
  partial: z.boolean(),
  /** Questions to the person that wait for an answer: `approval:<id>`, `input:<id>`. */
  asks: z.array(z.string()),
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
  lastActivity: NEVER,
  position: 0,
  lastPosition: 0,
  items: 0,
  calls: 0,
  unknownCalls: 0,
  streaming: [],
  partial: false,
  asks: [],
  tokens: noTokens,
})

type Event = Pick<RecordedEvent, 'at' | 'data' | 'meta' | 'position'>
type EndEvent = Event & { data: { usage?: Usage | undefined; model?: string | undefined; provider?: string | undefined } }

/** A copy with activity moved on, for whoever has more to change. It is made more quickly than one with other values in it. */
function on(turn: TurnRow, event: Event): TurnRow {
  const next = { ...turn }
  next.lastActivity = activityWith(turn.lastActivity, event)
  next.lastPosition = event.position
  return next
}

/** An attempt is over, or another begins: what was being streamed stays as far as it came. */
function cut(turn: TurnRow, event: Event): TurnRow {
  const { cause: _, ...rest } = on(turn, event)
  return { ...rest, partial: turn.partial || turn.streaming.length > 0 }
}

function started(turn: TurnRow, event: Event & { data: { attempt?: number | undefined } }): TurnRow {
  const { endedAt: _, endedPosition: __, ...rest } = cut(turn, event)
  const attempts = event.data.attempt ?? turn.attempts + 1
  return { ...rest, status: 'running', attempts, startedAt: timeOf(event), startedPosition: event.position, streaming: [], asks: [] }
}

function ended(turn: TurnRow, event: EndEvent, status: TurnRow['status']): TurnRow {
  const { usage, model, provider } = event.data
  const row = { ...cut(turn, event), status, endedAt: timeOf(event), endedPosition: event.position, tokens: addUsage(turn.tokens, usage) }
  return withKnown(status === 'interrupted' ? row : { ...row, asks: [] }, { model, provider })
}

const without = (ids: readonly string[], gone: string): string[] => ids.filter((id) => id !== gone)
const asked = (turn: TurnRow, event: Event, id: string): TurnRow => ({ ...on(turn, event), asks: [...without(turn.asks, id), id] })
const answered = (turn: TurnRow, event: Event, id: string): TurnRow => ({ ...on(turn, event), asks: without(turn.asks, id) })

export const turn = defineProjection(events, {
  name: 'turn',
  revision: 1,
  state,
  key: (event): TurnKey | undefined => {
    const { turnId } = event.data as { turnId?: string }
    return turnId === undefined ? undefined : [event.stream, turnId]
  },
  initial,
  index: { lastActivity: (s) => [s.session, s.lastActivity], submitted: (s) => [s.session, s.threadId, s.position] },
  on: {
    'turn.submitted': (s, event) => {
      const { threadId, model, provider, agent } = event.data
      return withKnown({ ...on(s, event), threadId, submittedAt: timeOf(event), position: event.position }, { model, provider, agent })
    },
    'turn.started': (s, event) => {
      const { model, provider, agent } = event.data
      return withKnown(started(s, event), { model, provider, agent })
    },
    'turn.steered': on,
    'turn.completed': (s, event) => withKnown(ended(s, event, 'completed'), { stopReason: event.data.stopReason }),
    'turn.failed': (s, event) => ({ ...ended(s, event, 'failed'), error: clipped(event.data.error.message) }),
    'turn.cancelled': (s, event) => withKnown(ended(s, event, 'cancelled'), { cause: event.data.reason }),
    'turn.interrupted': (s, event) => withKnown(ended(s, event, 'interrupted'), { cause: event.data.cause ?? event.data.reason }),
    'item.started': (s, event) => ({
      ...on(s, event),
      streaming: [...without(s.streaming, event.data.itemId), event.data.itemId],
    }),
    'item.completed': (s, event) => {
      const next = on(s, event)
      next.items++
      next.streaming = without(s.streaming, event.data.itemId)
      return next
    },
    'tool.requested': (s, event) => ({ ...on(s, event), calls: s.calls + 1 }),
    'tool.started': on,
    'tool.finished': on,
    'tool.unknown': (s, event) => ({ ...on(s, event), unknownCalls: s.unknownCalls + 1 }),
    'approval.requested': (s, event) => asked(s, event, `approval:${event.data.approvalId}`),
    'approval.resolved': (s, event) => answered(s, event, `approval:${event.data.approvalId}`),
    'input.requested': (s, event) => asked(s, event, `input:${event.data.inputId}`),
    'input.resolved': (s, event) => answered(s, event, `input:${event.data.inputId}`),
  },
})
