/** The tool calls of a turn: key [session, turnId, callId]. */
import { z } from 'zod'
import { defineProjection } from '../src/define.js'
import { events } from '../src/events.js'
import { timeOf, withKnown } from './activity.js'

const state = z.object({
  session: z.string(),
  turnId: z.string(),
  callId: z.string(),
  name: z.string(),
  status: z.enum(['requested', 'started', 'finished', 'unknown']),
  /** How it ended, where it did: `ok`, `error`, `denied`, `cancelled`, `timed-out`, `not-run`. */
  outcome: z.string().optional(),
  attempt: z.number().optional(),
  requestedAt: z.number(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
  /** Positions of its first and its last event. */
  position: z.number(),
  lastPosition: z.number(),
})
export type CallRow = z.infer<typeof state>
type CallKey = readonly [session: string, turnId: string, callId: string]

export const call = defineProjection(events, {
  name: 'call',
  revision: 1,
  state,
  key: (event): CallKey | undefined => {
    const { turnId, callId } = event.data as { turnId?: string; callId?: string }
    return turnId === undefined || callId === undefined ? undefined : [event.stream, turnId, callId]
  },
  initial: ([session, turnId, callId]: CallKey): CallRow => ({
    session,
    turnId,
    callId,
    name: '',
    status: 'requested',
    requestedAt: 0,
    position: 0,
    lastPosition: 0,
  }),
  index: { position: (s) => [s.session, s.turnId, s.position] },
  on: {
    'tool.requested': (s, event) =>
      withKnown(
        { ...s, name: event.data.name, requestedAt: timeOf(event), position: event.position, lastPosition: event.position },
        { attempt: event.data.attempt },
      ),
    'tool.started': (s, event) => ({ ...s, status: 'started' as const, startedAt: timeOf(event), lastPosition: event.position }),
    'tool.finished': (s, event) => ({
      ...s,
      status: 'finished' as const,
      outcome: event.data.status ?? 'ok',
      endedAt: timeOf(event),
      lastPosition: event.position,
    }),
    'tool.unknown': (s, event) => ({ ...s, status: 'unknown' as const, endedAt: timeOf(event), lastPosition: event.position }),
  },
})
