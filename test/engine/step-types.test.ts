/**
 * Steps that are missing or do not fit are errors of the compiler where both shapes are known, and errors at open wherever.
 * `npm run check:types` holds the first half: a `@ts-expect-error` above a line that compiles is an error itself.
 */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineUpcaster, events, openJournal, type Upcaster } from '../../src/index.js'
import { upcasters as builtIn } from '../../upcasters/index.js'
import { rejection, temporary } from '../support/journal.js'

const notes = defineEvents({
  'note.added': { schema: 3, data: z.object({ text: z.string(), tags: z.array(z.string()) }) },
  'note.removed': { schema: 1, data: z.object({ id: z.string() }) },
})
interface Note1 {
  text: string
}
const one = defineUpcaster({ type: 'note.added', from: 1, up: ({ text }: Note1) => ({ text, tag: '' }) })
const two = defineUpcaster({
  type: 'note.added',
  from: 2,
  up: ({ text, tag }: { text: string; tag: string }) => ({ text, tags: tag === '' ? [] : [tag] }),
})
const takesNumbers = defineUpcaster({ type: 'note.added', from: 2, up: ({ tag }: { tag: number }) => ({ text: '', tags: [String(tag)] }) })
const makesNumbers = defineUpcaster({ type: 'note.added', from: 2, up: ({ text }: Note1) => ({ text, tags: [1] }) })
const renamed = defineUpcaster({
  type: 'memo',
  from: 1,
  to: { type: 'note.added', schema: 2 },
  up: ({ text }: Note1) => ({ text, tag: 'memo' }),
})
const renamedWrong = defineUpcaster({
  type: 'memo',
  from: 1,
  to: { type: 'note.added', schema: 2 },
  up: ({ text }: Note1) => ({ body: text }),
})
const moved = [
  { type: 'note.removed', schema: 1 },
  { type: 'note.added', schema: 3 },
] as const
const split = defineUpcaster({
  type: 'note.moved',
  from: 1,
  to: moved,
  up: ({ text }: Note1) => [
    { type: 'note.removed', data: { id: text } },
    { type: 'note.added', data: { text, tags: [] as string[] } },
  ],
})
const splitWrong = defineUpcaster({ type: 'note.moved', from: 1, to: moved, up: () => [{ type: 'note.removed', data: { id: 5 } }] })
const dropped = defineUpcaster({ type: 'note.seen', from: 1, to: [], up: () => [] })

const open = (upcasters: unknown): Promise<unknown> => openJournal(temporary(), { events: notes, upcasters: upcasters as Upcaster[] })

describe('a list of steps', () => {
  test('that is whole compiles and opens', async () => {
    const whole = await openJournal(temporary(), { events: notes, upcasters: [one, two, renamed, split, dropped] })
    await whole.close()
    const beside = await openJournal(temporary(), { extend: { events: notes, upcasters: [two, one] } })
    await beside.close()
    const own = await openJournal(temporary(), { events, upcasters: builtIn })
    await own.close()
  })

  test('in which one is missing does neither', async () => {
    // @ts-expect-error both are missing
    await rejection(openJournal(temporary(), { events: notes }), 'JOURNAL_UPCASTER_MISSING')
    // @ts-expect-error the step from 2 is missing
    await rejection(openJournal(temporary(), { events: notes, upcasters: [one] }), 'JOURNAL_UPCASTER_MISSING')
    // @ts-expect-error the step from 1 is missing
    await rejection(openJournal(temporary(), { extend: { events: notes, upcasters: [two] } }), 'JOURNAL_UPCASTER_MISSING')
    // @ts-expect-error both are missing
    await rejection(openJournal(temporary(), { extend: { events: notes } }), 'JOURNAL_UPCASTER_MISSING')
  })

  test('in which one does not fit does not compile', async () => {
    // @ts-expect-error `tag` is a text in what the step before makes
    const first = await openJournal(temporary(), { events: notes, upcasters: [one, takesNumbers] })
    // @ts-expect-error today's tags are texts
    const second = await openJournal(temporary(), { events: notes, upcasters: [one, makesNumbers] })
    // @ts-expect-error what is renamed has to be a note of schema 2
    const third = await openJournal(temporary(), { events: notes, upcasters: [one, two, renamedWrong] })
    // @ts-expect-error a part of the split has a number where a text belongs
    const fourth = await openJournal(temporary(), { events: notes, upcasters: [one, two, splitWrong] })
    for (const journal of [first, second, third, fourth]) await journal.close()
  })

  test('that leads nowhere, in a circle, or to one type twice is refused at open', async () => {
    const nowhere = defineUpcaster({ type: 'memo', from: 1, to: { type: 'letter', schema: 1 }, up: (data) => data })
    const there = defineUpcaster({ type: 'memo', from: 1, to: { type: 'card', schema: 1 }, up: (data) => data })
    const back = defineUpcaster({ type: 'card', from: 1, to: { type: 'memo', schema: 1 }, up: (data) => data })
    const twice = defineUpcaster({ type: 'memo', from: 1, to: [...moved, { type: 'note.removed', schema: 1 }], up: () => [] })
    await expect(open([one, two, nowhere])).rejects.toThrow(/memo@1 leads nowhere: there is no letter@1/)
    await expect(open([one, two, there, back])).rejects.toThrow(/circle/)
    await expect(open([one, two, twice])).rejects.toThrow(/one type twice/)
    const into2 = defineUpcaster({ type: 'old', from: 1, up: () => 1 })
    // @ts-expect-error a type that went out of use is known at schema 1 only, and the step leads to its schema 2
    await expect(openJournal(temporary(), { events: notes, upcasters: [one, two, into2] })).rejects.toThrow(/leads nowhere/)
  })

  test('of which the first of a retired type is missing is refused at open', async () => {
    const late = defineUpcaster({ type: 'memo', from: 2, to: [], up: () => [] })
    await rejection(open([one, two, late]), 'JOURNAL_UPCASTER_MISSING')
  })
})
