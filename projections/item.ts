/** What a model streamed in a turn: key [session, turnId, itemId]. The content is in the journal, from `position` on. */
import { z } from 'zod'
import { defineProjection } from '../src/define.js'
import { events } from '../src/events.js'

const state = z.object({
  session: z.string(),
  turnId: z.string(),
  itemId: z.string(),
  kind: z.string().optional(),
  role: z.string().optional(),
  attempt: z.number().optional(),
  /** `partial`: it was not completed, and stays as far as it came. */
  status: z.enum(['partial', 'completed']),
  position: z.number(),
  lastPosition: z.number(),
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
  initial: ([session, turnId, itemId]: ItemKey): ItemRow => ({ session, turnId, itemId, status: 'partial', position: 0, lastPosition: 0 }),
  index: { position: (s) => [s.session, s.turnId, s.position] },
  on: {
    'item.started': (s, { data, position }) => ({
      ...s,
      kind: data.kind,
      ...(data.role === undefined ? {} : { role: data.role }),
      ...(data.attempt === undefined ? {} : { attempt: data.attempt }),
      position,
      lastPosition: position,
    }),
    'item.completed': (s, { data, position }) => ({
      ...s,
      ...(data.kind === undefined ? {} : { kind: data.kind }),
      ...(data.role === undefined ? {} : { role: data.role }),
      ...(data.attempt === undefined ? {} : { attempt: data.attempt }),
      status: 'completed' as const,
      position: s.position === 0 ? position : s.position,
      lastPosition: position,
    }),
  },
})
