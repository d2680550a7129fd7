/** What it costs to read events that were stored three schemas ago, beside the same events in today's shape. */
import { z } from 'zod'
import { defineEvents, defineUpcaster, openJournal, type Upcaster } from '../../src/index.js'
import { seeded } from '../../test/support/random.js'
import { fromChild, timed } from '../bench.js'
import { atMost, type Measure } from '../measure.js'
import { small, textOf } from '../workload.js'

interface Said1 {
  turnId: string
  itemId: string
  speaker: string
  text: string
}
interface Said2 {
  turnId: string
  itemId: string
  role: string
  text: string
}
interface Said3 {
  turnId: string
  itemId: string
  role: string
  content: { type: 'text'; text: string }[]
}

const first = defineEvents({
  said: { schema: 1, data: z.object({ turnId: z.string(), itemId: z.string(), speaker: z.string(), text: z.string() }) },
})
const today = defineEvents({
  said: {
    schema: 4,
    data: z.object({
      turnId: z.string(),
      itemId: z.string(),
      role: z.string(),
      content: z.array(z.object({ type: z.literal('text'), text: z.string() })),
      kind: z.string(),
    }),
  },
})
const upcasters = [
  defineUpcaster({ type: 'said', from: 1, up: ({ turnId, itemId, speaker, text }: Said1) => ({ turnId, itemId, role: speaker, text }) }),
  defineUpcaster({
    type: 'said',
    from: 2,
    up: ({ turnId, itemId, role, text }: Said2) => ({ turnId, itemId, role, content: [{ type: 'text' as const, text }] }),
  }),
  defineUpcaster({
    type: 'said',
    from: 3,
    up: ({ turnId, itemId, role, content }: Said3) => ({ turnId, itemId, role, content, kind: 'message' }),
  }),
]

const COMMIT_EVENTS = 100

const TODAY = 'turnlog'
const OLD = 'turnlog, three steps on each event'

export const upcasting: readonly Measure[] = [
  {
    work: 'reading events that were stored three schemas ago',
    unit: 'events/s',
    rounds: 3,
    quick: 0,
    runs: (bench) => {
      const count = 300_000
      const made = new Map<string, Promise<string>>()
      return [TODAY, OLD].map((name) => ({
        name,
        role: 'turnlog',
        async take() {
          if (!made.has(name))
            made.set(
              name,
              bench.make((path) => (name === OLD ? fillOld(path, count) : fillNew(path, count))),
            )
          return fromChild<number>(import.meta.url, 'read', [await made.get(name), count])
        },
      }))
    },
    bars: [atMost(2, '× the time of today’s events', (m) => m.of(TODAY) / m.of(OLD))],
  },
]

const fillNew = (path: string, count: number): Promise<void> =>
  fill(path, count, { events: today, upcasters }, (at, text) => {
    return { turnId: 't1', itemId: at, role: 'assistant', content: [{ type: 'text', text }], kind: 'message' }
  })

const fillOld = (path: string, count: number): Promise<void> =>
  fill(path, count, { events: first, upcasters: [] }, (at, text) => ({ turnId: 't1', itemId: at, speaker: 'assistant', text }))

async function fill(
  directory: string,
  count: number,
  parts: { events: typeof first | typeof today; upcasters: readonly Upcaster[] },
  data: (at: string, text: string) => object,
): Promise<void> {
  const journal = await openJournal(directory, parts as { events: typeof today; upcasters: readonly Upcaster[] })
  const random = seeded(7)
  for (let n = 0; n < count;) {
    const commits = Array.from({ length: 64 }, () => {
      const events = Array.from({ length: Math.max(0, Math.min(COMMIT_EVENTS, count - n)) }, (_, i) => {
        return { type: 'said' as const, data: data(`m${n + i}`, textOf(small.length(random), random)) as never }
      })
      n += events.length
      return events
    })
    await Promise.all(commits.filter((events) => events.length > 0).map((events, i) => journal.append(`s${i}`, events)))
  }
  await journal.close()
}

/** Events a second of the second reading. */
export async function read(directory: string, count: number): Promise<number> {
  await using journal = await openJournal(directory, { events: today, upcasters, readOnly: true })
  const all = async (): Promise<void> => {
    let seen = 0
    for await (const { data } of journal.readAll()) seen += data.content.length
    if (seen !== count) throw new Error(`${directory} holds ${seen} events, not ${count}`)
  }
  await all()
  return count / (await timed(all))
}
