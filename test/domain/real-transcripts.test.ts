/** Sessions that really happened, cut at every event: what a model would be given next holds together. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { describeWithSharedData, sharedData } from '../support/shared-data.js'
import { transcript } from '../../projections/index.js'
import { eventsOf } from './told.js'
import { Stream } from './stream.js'

describeWithSharedData('sessions of other programs, as events', () => {
  const seen = { calls: 0, refused: 0 }
  const files = ['claude-code', 'codex', 'pi'].flatMap((agent) => jsonlBelow(join(sharedData, 'agents', agent)))

  test('are there', () => {
    expect(files.length).toBeGreaterThan(10)
  })

  test.each(files.map((file) => ({ name: relative(sharedData, file), file })))(
    '$name leaves no call unpaired, wherever it breaks off',
    ({ file }) => {
      const stream = new Stream()
      let state = transcript.initial()
      const requested = new Set<string>()
      for (const event of eventsOf(readFileSync(file, 'utf8'))) {
        const before = stream.events.length
        // Outcomes of calls that were never made, and ids that were used before, are in these files; the laws keep them out.
        if (!stream.takes(event)) {
          seen.refused++
          continue
        }
        for (const recorded of stream.events.slice(before)) {
          state = transcript.apply(state, recorded)
          const { callId = '', turnId = '' } = recorded.data as { callId?: string; turnId?: string }
          if (recorded.type === 'tool.requested') requested.add(JSON.stringify([turnId, callId]))
          const calls = transcript.finish(state, 'main').items.filter((item) => item.type === 'call')
          expect(calls.map((item) => JSON.stringify([item.turnId, item.callId])).join()).toBe([...requested].join())
          expect(calls.every(({ outcome }) => typeof outcome.status === 'string')).toBe(true)
        }
      }
      seen.calls += requested.size
      stream.crash()
      expect(stream.crash()).toEqual([])
      expect(stream.report(true)).toEqual(stream.report())
    },
  )

  test('hold calls enough to mean something, and few events that no law lets in', () => {
    expect(seen.calls).toBeGreaterThan(500)
    expect(seen.refused).toBeLessThan(seen.calls / 4)
  })
})

function jsonlBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return entries
    .filter((name) => name.endsWith('.jsonl'))
    .toSorted()
    .map((name) => join(folder, name))
}
