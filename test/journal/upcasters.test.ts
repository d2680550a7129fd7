/** What upcasters can make of an old event, and what readers, followers, views, laws and retries see of it. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineEvents,
  defineLaw,
  defineProjection,
  defineUpcaster,
  openJournal,
  type RecordedEvent,
  type Upcaster,
} from '../../src/index.js'
import { all, hashOf, image, rejection, temporary } from '../support/journal.js'
import { noteSteps } from '../support/memos.js'

/** As it was: notes are added, moved and seen; a bell rings. */
const before = defineEvents({
  'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) },
  'note.moved': { schema: 1, data: z.looseObject({ from: z.string(), to: z.string() }) },
  'note.seen': { schema: 1, data: z.looseObject({}) },
  'bell.rung': { schema: 1, data: z.looseObject({}) },
})
/** As it is: notes are memos, with a time and an author; a move is a removal and a new memo; nobody writes down who saw one. */
const today = defineEvents({
  'memo.added': { schema: 2, data: z.looseObject({ text: z.string(), at: z.number(), by: z.string() }) },
  'memo.removed': { schema: 1, data: z.looseObject({ text: z.string() }) },
  'bell.rung': { schema: 1, data: z.looseObject({}) },
})
const upcasters = [
  ...noteSteps,
  defineUpcaster({
    type: 'memo.added',
    from: 1,
    up: (data: { text: string }, { at, meta }) => {
      if (data.text === 'bad') throw new Error('cannot be brought up')
      return { ...data, at, by: meta?.actor ?? 'nobody' }
    },
  }),
]
const memos = defineProjection(today, {
  name: 'memos',
  revision: 1,
  state: z.object({ texts: z.array(z.string()) }),
  key: (event) => event.stream,
  initial: () => ({ texts: [] as string[] }),
  on: {
    'memo.added': ({ texts }, { data }) => ({ texts: [...texts, data.text] }),
    'memo.removed': ({ texts }, { data }) => ({ texts: texts.filter((text) => text !== data.text) }),
  },
})
/** A memo is removed only while it is there. */
const order = defineLaw<{ there: string[] }>({
  name: 'order',
  revision: 1,
  initial: () => ({ there: [] }),
  refuse: ({ there }, { type, data }) =>
    type === 'memo.removed' && !there.includes((data as { text: string }).text) ? 'it is not there' : undefined,
  apply: ({ there }, { type, data }) => {
    const { text } = data as { text: string }
    if (type === 'memo.added') return { there: [...there, text] }
    return type === 'memo.removed' ? { there: there.filter((one) => one !== text) } : { there }
  },
})

const at = 1_700_000_000_000
const clock = { now: () => at, random: (bytes: number) => new Uint8Array(bytes).fill(7) }

/** Seven stored events: 1 added, 2 moved, 3 seen, 4 bell, 5 added by ann, 6 moved twice over in one commit with 7. */
async function written(): Promise<string> {
  const directory = temporary()
  const journal = await openJournal(directory, { events: before, clock })
  await journal.append('s', [
    { type: 'note.added', data: { text: 'a' } },
    { type: 'note.moved', data: { from: 'a', to: 'b' } },
    { type: 'note.seen', data: {} },
    { type: 'bell.rung', data: { later: 'kept' } },
  ])
  await journal.append('t', [{ type: 'note.added', data: { text: 'x' }, meta: { actor: 'ann' } }], { commitId: 'first' })
  await journal.append(
    's',
    [
      { type: 'note.moved', data: { from: 'b', to: 'c' } },
      { type: 'note.added', data: { text: 'd' } },
    ],
    { commitId: 'both' },
  )
  await journal.close()
  return directory
}
const open = (directory: string, options: object = {}) =>
  openJournal(directory, { events: today, upcasters, projections: [memos], laws: [order], clock, ...options })
const memo = (text: string, by = 'nobody') => ({ text, at, by })
/** Every event that readers see, by position. */
const seen = [
  { position: 1, version: 1, stream: 's', type: 'memo.added', schema: 2, data: memo('a') },
  { position: 2, version: 2, stream: 's', type: 'memo.removed', schema: 1, data: { text: 'a' }, part: { index: 0, of: 2 } },
  { position: 2, version: 2, stream: 's', type: 'memo.added', schema: 2, data: memo('b'), part: { index: 1, of: 2 } },
  { position: 4, version: 4, stream: 's', type: 'bell.rung', schema: 1, data: { later: 'kept' } },
  { position: 5, version: 1, stream: 't', type: 'memo.added', schema: 2, data: memo('x', 'ann'), meta: { actor: 'ann' } },
  { position: 6, version: 5, stream: 's', type: 'memo.removed', schema: 1, data: { text: 'b' }, part: { index: 0, of: 2 } },
  { position: 6, version: 5, stream: 's', type: 'memo.added', schema: 2, data: memo('c'), part: { index: 1, of: 2 } },
  { position: 7, version: 6, stream: 's', type: 'memo.added', schema: 2, data: memo('d') },
].map((event) => ({ ...event, at }))

describe('an old event', () => {
  test('is read under its new name, in its parts, or not at all, at the position and version it was stored with', async () => {
    const directory = await written()
    const truth = hashOf(directory, (file) => file.startsWith('journal/'))
    await using journal = await open(directory, { readOnly: true })
    expect(await all(journal.readAll())).toEqual(seen)
    expect(await all(journal.readAll({ reverse: true }))).toEqual(seen.toReversed())
    expect(await all(journal.read('s'))).toEqual(seen.filter(({ stream }) => stream === 's'))
    expect(await all(journal.read('s', { reverse: true }))).toEqual(seen.filter(({ stream }) => stream === 's').toReversed())
    expect(await all(journal.read('s', { after: 2 }))).toEqual(seen.filter(({ stream, version }) => stream === 's' && version > 2))
    expect(hashOf(directory, (file) => file.startsWith('journal/'))).toBe(truth)
  })

  test.each([1, 2, 3, 4, 5])('is never torn apart by pages of %i', async (limit) => {
    await using journal = await open(await written(), { readOnly: true })
    const paged: unknown[] = []
    for (let after = 0; ;) {
      const page = await all(journal.readAll({ after, limit }))
      paged.push(...page)
      expect(new Set(page.map(({ position }) => position)).size).toBeLessThanOrEqual(limit)
      if (page.length === 0) break
      after = page.at(-1)!.position
    }
    expect(paged).toEqual(seen)
  })

  test('is found by the name it has today, and not by the one it had', async () => {
    await using journal = await open(await written(), { readOnly: true })
    for (const types of [['memo.added'], ['memo.removed'], ['bell.rung', 'memo.removed'], ['note.added'], ['note.seen']]) {
      expect(await all(journal.readAll({ types }))).toEqual(seen.filter(({ type }) => types.includes(type)))
    }
  })

  test('reaches followers with all its parts again where one stopped between them', async () => {
    await using journal = await open(await written(), { readOnly: true })
    const handled: string[] = []
    let checkpoint = 0
    for (let lives = 0; lives < 20 && checkpoint < 7; lives++) {
      let left = 1 + (lives % 3)
      for await (const event of journal.follow({ after: checkpoint })) {
        if (left-- === 0) break
        handled.push(`${event.position}.${event.part?.index ?? 0}`)
        if (event.part === undefined || event.part.index + 1 === event.part.of) checkpoint = event.position
        if (checkpoint === 7) break
      }
    }
    expect(checkpoint).toBe(7)
    expect([...new Set(handled)].toSorted()).toEqual(seen.map(({ position, part }) => `${position}.${part?.index ?? 0}`))
    for (const id of ['2', '6'])
      expect(handled.filter((one) => one === `${id}.0`).length).toBeGreaterThanOrEqual(handled.filter((one) => one === `${id}.1`).length)
  })

  test('is folded into views and law states as what it is today', async () => {
    const directory = await written()
    await using journal = await open(directory)
    expect((await journal.view(memos, 's')).state).toEqual({ texts: ['c', 'd'] })
    expect((await journal.view(memos, 't')).state).toEqual({ texts: ['x'] })
    await rejection(journal.append('s', [{ type: 'memo.removed', data: { text: 'b' } }]), 'JOURNAL_LAW_BROKEN')
    await journal.append('s', [{ type: 'memo.removed', data: { text: 'c' } }])
    expect((await journal.view(memos, 's')).state).toEqual({ texts: ['d'] })
  })

  test('is what a retry is compared with', async () => {
    await using journal = await open(await written())
    const add = (text: string, by: string) => ({ type: 'memo.added' as const, data: memo(text, by) })
    const retried = await journal.append('t', [{ ...add('x', 'ann'), meta: { actor: 'ann' } }], { commitId: 'first' })
    expect(retried).toMatchObject({ position: 5, version: 1 })
    const both = [{ type: 'memo.removed' as const, data: { text: 'b' } }, add('c', 'nobody'), add('d', 'nobody')]
    expect(await journal.append('s', both, { commitId: 'both' })).toMatchObject({ position: 7, version: 6 })
    await rejection(journal.append('s', both.slice(0, 2), { commitId: 'both' }), 'JOURNAL_COMMIT_ID_REUSED')
  })
})

describe('a step that fails', () => {
  const bad = async (): Promise<string> => {
    const directory = temporary()
    const journal = await openJournal(directory, { events: before, clock })
    await journal.append('bad', [{ type: 'note.moved', data: { from: 'a', to: 'bad' } }])
    await journal.append('good', [{ type: 'note.added', data: { text: 'fine' } }])
    const frozen = image(directory)
    await journal.close()
    return frozen
  }

  test('names the event, its place, the step and the way to look at it; other streams go on', async () => {
    await using journal = await open(await bad())
    const error = await rejection(all(journal.read('bad')), 'JOURNAL_UPCASTER_FAILED')
    expect(error.details).toEqual({ type: 'note.moved', schema: 1, position: 1, stream: 'bad' })
    expect(error.message).toMatch(/note\.moved@1 at position 1 in "bad": the step from memo\.added@1 threw.*turnlog dump/)
    expect(error.cause).toMatchObject({ message: 'cannot be brought up' })
    await rejection(journal.view(memos, 'bad'), 'JOURNAL_UPCASTER_FAILED')
    await rejection(journal.append('bad', [{ type: 'bell.rung', data: {} }]), 'JOURNAL_UPCASTER_FAILED')
    await journal.append('good', [{ type: 'memo.removed', data: { text: 'fine' } }])
    expect((await journal.view(memos, 'good')).state).toEqual({ texts: [] })
    expect((await all(journal.read('good'))).length).toBe(2)
    expect(await all(journal.readAll({ after: 1 }))).toHaveLength(2)
  })

  const wrong: [string, Upcaster['up'], RegExp][] = [
    ['returns no list where it splits', () => ({ type: 'memo.removed' }), /did not return a list/],
    [
      'returns a part it does not lead to',
      () => [{ type: 'bell.rung', data: {} }],
      /a part of type "bell\.rung", which it does not lead to/,
    ],
    ['returns what today refuses', () => [{ type: 'memo.removed', data: { text: 5 } }], /does not fit memo\.removed@1/],
    ['returns nothing at all', () => undefined, /did not return a list/],
    ['is not synchronous', () => Promise.resolve([]), /the step from note\.moved@1 returned a promise; steps are synchronous/],
  ]
  test.each(wrong)('because it %s', async (_, up, says) => {
    const [rename, , drop, grow] = upcasters as unknown as [Upcaster, Upcaster, Upcaster, Upcaster]
    const to = [{ type: 'memo.removed', schema: 1 }]
    const split = defineUpcaster({ type: 'note.moved', from: 1, to, up: up as () => [] })
    const steps: Upcaster[] = [rename, grow, split, drop]
    await using journal = await openJournal(await bad(), { events: today, upcasters: steps, readOnly: true })
    const error = await rejection(all(journal.read('bad')), 'JOURNAL_UPCASTER_FAILED')
    expect(error.message).toMatch(says)
    expect((await all(journal.read('good'))).length).toBe(1)
  })

  test('is mended by mending the step: nothing was lost, and every view has it', async () => {
    const directory = await bad()
    await (await open(directory)).close()
    const [rename, split, drop] = upcasters as unknown as [Upcaster, Upcaster, Upcaster]
    const grow = defineUpcaster({ type: 'memo.added', from: 1, up: (data: { text: string }) => ({ ...data, at: 0, by: '' }) })
    await using journal = await open(directory, { upcasters: [rename, grow as Upcaster, split, drop] })
    expect((await journal.view(memos, 'bad')).state).toEqual({ texts: ['bad'] })
    expect(((await all(journal.read('bad'))) as RecordedEvent[]).map(({ type }) => type)).toEqual(['memo.removed', 'memo.added'])
  })
})

test('a newer schema of a type that went out of use here is refused', async () => {
  const directory = temporary()
  const later = defineEvents({ 'note.seen': { schema: 2, data: z.looseObject({}) } })
  const journal = await openJournal(directory, {
    events: later,
    upcasters: [defineUpcaster({ type: 'note.seen', from: 1, up: (data: object) => data })],
  })
  await journal.append('s', [{ type: 'note.seen', data: {} }])
  await journal.close()
  const error = await rejection(open(directory), 'JOURNAL_NEWER_SCHEMA')
  expect(error.details).toMatchObject({ type: 'note.seen', found: 2, supported: 1 })
})
