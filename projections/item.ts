/** What a model streamed in a turn: key [session, turnId, itemId]. The content is in the journal, from `position` on. */
import { z } from 'zod'
import { defineProjection } from '../src/define.js'
import { events } from '../src/events.js'
import { withKnown } from './activity.js'

const state = z.object({
  session: z.string(),
  turnId: z.string(),
  itemId: z.string(),
  kind: z.string().optional(),
  role: z.string().optional(),
  attempt: z.number().optional(),
  /** `partial`: it was not completed, and stays as far as it came. */
  status: z.enum(['partial', 'completed']),
  /** Positions of its first and its last event. */
  position: z.number(),
  lastPosition: z.number(),
  deltas: z.number(),
})
export type ItemRow = z.infer<typeof state>
type ItemKey = readonly [session: string, turnId: string, itemId: string]

export const item = defineProjection(events, {
  name: 'item',
  revision: 1,
  state,
  key: (event): ItemKey | undefined => {
    const { turnId, itemId } = event.data as { turnId?: string; itemId?: string }
    return turnId === undefined || itemId === undefined ? undefined : [event.stream, turnId, itemId]
  },
  initial: ([session, turnId, itemId]: ItemKey): ItemRow => ({
    session,
    turnId,
    itemId,
    status: 'partial',
    position: 0,
    lastPosition: 0,
    deltas: 0,
  }),
  index: { position: (s) => [s.session, s.turnId, s.position] },
  on: {
    // Begun again, in another attempt, it counts from there; what was completed stays so.
    'item.started': (s, { data, position }) => {
      if (s.status === 'completed') return s
      const { kind, role, attempt } = data
      return withKnown({ ...s, position, lastPosition: position, deltas: 0 }, { kind, role, attempt })
    },
    'item.delta': (s, { position }) => (s.status === 'completed' ? s : { ...s, deltas: s.deltas + 1, lastPosition: position }),
    'item.completed': (s, { data, position }) => {
      const { kind, role, attempt } = data
      const first = s.position === 0 ? position : s.position
      return withKnown({ ...s, status: 'completed' as const, position: first, lastPosition: position }, { kind, role, attempt })
    },
  },
})
