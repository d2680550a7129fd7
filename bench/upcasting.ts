/** What it costs to read events that were stored three schemas ago, beside the same events in today's shape. */
import { join } from 'node:path'
import { z } from 'zod'
import { defineEvents, defineUpcaster, openJournal, type Upcaster } from '../src/index.js'
import { seeded } from '../test/support/random.js'
import { inDirectory } from './measure.js'

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

/** How many times longer old events may take to read than those of today. */
export const COST_MAX = 2

/** How many times longer they took, median against median. */
export function cost(figures: readonly { contender: string; value: number }[]): number {
  const median = (of: string): number => {
    const values = figures.filter(({ contender }) => contender === of).map(({ value }) => value)
    return values.toSorted((a, b) => a - b)[values.length >> 1] as number
  }
  return median(TODAY) / median(OLD)
}

/** Events a second, of each kind of journal in turn, several times. Throws if a journal does not hold what it should. */
export async function reading(count: number, repeats: number): Promise<{ contender: string; value: number }[]> {
  return inDirectory(async (directory) => {
    const now = join(directory, 'today')
    const old = join(directory, 'old')
    await fill(now, count, { events: today, upcasters }, (at, text) => {
      return { turnId: 't1', itemId: at, role: 'assistant', content: [{ type: 'text', text }], kind: 'message' }
    })
    await fill(old, count, { events: first, upcasters: [] }, (at, text) => ({ turnId: 't1', itemId: at, speaker: 'assistant', text }))
    const figures: { contender: string; value: number }[] = []
    for (let repeat = 0; repeat < repeats; repeat++) {
      figures.push({ contender: TODAY, value: await read(now, count) })
      figures.push({ contender: OLD, value: await read(old, count) })
    }
    return figures
  })
}

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
        let text = ''
        while (text.length < 190) text += `${Math.floor(random() * 1e9).toString(36)} `
        return { type: 'said' as const, data: data(`m${n + i}`, text) as never }
      })
      n += events.length
      return events
    })
    await Promise.all(commits.filter((events) => events.length > 0).map((events, i) => journal.append(`s${i}`, events)))
  }
  await journal.close()
}

async function read(directory: string, count: number): Promise<number> {
  await using journal = await openJournal(directory, { events: today, upcasters, readOnly: true })
  let seen = 0
  const began = performance.now()
  for await (const { data } of journal.readAll()) seen += data.content.length
  const seconds = (performance.now() - began) / 1000
  if (seen !== count) throw new Error(`${directory} holds ${seen} events, not ${count}`)
  return count / seconds
}
