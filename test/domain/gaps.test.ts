/** Histories of which a part is lost: everything that folds events folds what is left. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Projection, RecordedEvent } from '../../src/define.js'
import { laws } from '../../src/turns.js'
import { projections, transcript } from '../../projections/index.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { happenings, play } from './histories.js'

const lossy = fc.record({
  list: happenings,
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  share: fc.double({ min: 0, max: 0.5, noNaN: true }),
})

/** A history without a run of its events. */
function withGap(
  events: readonly RecordedEvent[],
  from: number,
  share: number,
): { before: RecordedEvent[]; after: RecordedEvent[]; first: number; last: number } {
  const first = Math.floor(from * events.length)
  const last = Math.min(events.length, first + Math.ceil(share * events.length))
  return { before: events.slice(0, first), after: events.slice(last), first: first + 1, last }
}

describe(withSeed('a history with a gap'), () => {
  test('is folded by every law, projection and transcript as far as it goes', () => {
    fc.assert(
      fc.property(lossy, ({ list, from, share }) => {
        const { events } = play(list)
        const { before, after, first, last } = withGap(events, from, share)
        for (const law of laws) [...before, ...after].reduce<unknown>((state, event) => law.apply(state, event), law.initial())
        for (const projection of projections as unknown as Projection[]) {
          const rows = new Map<string, unknown>()
          for (const event of [...before, ...after].filter(({ type }) => projection.types.includes(type)))
            for (const key of projection.keys(event)) {
              const id = JSON.stringify(key)
              rows.set(id, projection.apply(rows.get(id) ?? projection.initial(key), event, key))
            }
          for (const state of rows.values()) if (state !== undefined) expect(projection.state.safeParse(state).success).toBe(true)
        }
        let state = before.reduce((so, event) => transcript.apply(so, event), transcript.initial())
        const threads = new Set(state.threads.keys())
        state = after.reduce(
          (so, event) => transcript.apply(so, event),
          transcript.gap(state, { firstPosition: first, lastPosition: last }),
        )
        for (const threadId of [...threads, 'main']) {
          const told = transcript.finish(state, threadId)
          if (told.status === 'deleted') continue
          expect(told.gaps).toEqual([{ firstPosition: first, lastPosition: last }])
        }
      }),
      propertyParameters(60),
    )
  })
})
