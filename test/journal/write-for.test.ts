/** Writing for an older reader: two versions of a program share a journal while one is rolled out. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineDowncaster,
  defineEvents,
  defineLaw,
  defineProjection,
  defineUpcaster,
  events,
  levelOf,
  openJournal,
  type Downcaster,
  type JournalOptions,
} from '../../src/index.js'
import { all, image, rejection, temporary } from '../support/journal.js'

const older = defineEvents({
  'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) },
  'note.moved': { schema: 1, data: z.looseObject({ to: z.string() }) },
})
const newer = defineEvents({
  'note.added': { schema: 3, data: z.looseObject({ text: z.string(), tags: z.array(z.string()), by: z.string() }) },
  'note.put': { schema: 1, data: z.looseObject({ place: z.string() }) },
  'note.seen': { schema: 1, data: z.looseObject({}), ignorable: true },
  'note.burned': { schema: 1, data: z.looseObject({}) },
})
interface Note2 {
  text: string
  tags: string[]
}
const upcasters = [
  defineUpcaster({ type: 'note.added', from: 1, up: (data: { text: string }) => ({ ...data, tags: [] as string[] }) }),
  defineUpcaster({ type: 'note.added', from: 2, up: (data: Note2, { meta }) => ({ ...data, by: meta?.actor ?? 'nobody' }) }),
  defineUpcaster({ type: 'note.moved', from: 1, to: { type: 'note.put', schema: 1 }, up: ({ to }: { to: string }) => ({ place: to }) }),
]
const downcasters: Downcaster[] = [
  defineDowncaster({ type: 'note.added', from: 3, down: ({ by: _by, ...data }: Note2 & { by: string }) => data }),
  defineDowncaster({
    type: 'note.added',
    from: 2,
    down: ({ tags: _tags, ...data }: Note2) => {
      if (data.text === 'impossible') throw new Error('schema 1 has no word for it')
      return data
    },
  }),
  defineDowncaster({
    type: 'note.put',
    from: 1,
    to: { type: 'note.moved', schema: 1 },
    down: ({ place }: { place: string }) => ({ to: place }),
  }),
]
const last = defineProjection(newer, {
  name: 'last',
  revision: 1,
  state: z.object({ seen: z.array(z.string()) }),
  key: (event) => event.stream,
  initial: () => ({ seen: [] as string[] }),
  on: {
    'note.added': ({ seen }, { data }) => ({ seen: [...seen, `${data.text} by ${data.by} [${data.tags.join()}]`] }),
    'note.put': ({ seen }, { data }) => ({ seen: [...seen, `put ${data.place}`] }),
  },
})
const openNew = (directory: string, options: JournalOptions = {}) =>
  openJournal(directory, { events: newer, upcasters, projections: [last], writeFor: levelOf(older), downcasters, ...options })
const openOld = (directory: string, options: JournalOptions = {}) => openJournal(directory, { events: older, ...options })
const added = (text: string, tags: string[] = [], by = 'ann') => ({
  type: 'note.added' as const,
  data: { text, tags, by, more: 'kept' },
  meta: { actor: by },
})

describe('a writer that writes for an older reader', () => {
  test('stores what that reader knows, and both read the same', async () => {
    const directory = temporary()
    const writer = await openNew(directory)
    expect(writer.recovery.withheld).toEqual(['note.burned'])
    await writer.append('s', [added('a'), { type: 'note.put', data: { place: 'desk' } }, { type: 'note.seen', data: {} }])
    const beside = await openOld(directory, { readOnly: true })
    expect(await all(beside.readAll())).toMatchObject([
      { type: 'note.added', schema: 1, data: { text: 'a', more: 'kept' } },
      { type: 'note.moved', schema: 1, data: { to: 'desk' } },
      { type: 'note.seen', schema: 1, data: {} },
    ])
    await beside.close()
    expect(await all(writer.readAll())).toMatchObject([
      { type: 'note.added', schema: 3, data: { text: 'a', tags: [], by: 'ann', more: 'kept' } },
      { type: 'note.put', schema: 1, data: { place: 'desk' } },
      { type: 'note.seen', schema: 1, data: {} },
    ])
    await writer.close()
  })

  test('takes turns with it: each reads and goes on with what the other wrote', async () => {
    const directory = temporary()
    for (let turn = 0; turn < 3; turn++) {
      await using one = await openOld(directory)
      await one.append('s', [{ type: 'note.added', data: { text: `old ${turn}` } }], { expectedVersion: turn * 2 })
      await one.close()
      await using other = await openNew(directory)
      await other.append('s', [added(`new ${turn}`)], { expectedVersion: turn * 2 + 1 })
      await other.close()
    }
    await using reader = await openNew(directory, { readOnly: true })
    expect((await reader.view(last, 's')).state?.seen).toEqual(
      [0, 1, 2].flatMap((turn) => [`old ${turn} by nobody []`, `new ${turn} by ann []`]),
    )
  })

  test('shows at once what will be read back: what the older shape has no place for is gone', async () => {
    const directory = temporary()
    const writer = await openNew(directory)
    await writer.append('s', [added('a', ['lost'])], { commitId: 'once' })
    const state = { seen: ['a by ann []'] }
    expect((await writer.view(last, 's')).state).toEqual(state)
    expect(await writer.append('s', [added('a', ['lost'])], { commitId: 'once' })).toMatchObject({ position: 1 })
    await writer.close()
    await using again = await openNew(directory)
    expect((await again.view(last, 's')).state).toEqual(state)
    expect(await again.append('s', [added('a', ['lost'])], { commitId: 'once' })).toMatchObject({ position: 1 })
  })

  test('decides with what will be read back', async () => {
    const tagged = defineLaw({
      name: 'tagged',
      revision: 1,
      initial: () => ({}),
      refuse: (_state, { data }) => ((data as Note2).tags?.length > 0 ? 'tags are not allowed' : undefined),
      apply: (state) => state,
    })
    await using writer = await openJournal(temporary(), { events: newer, upcasters, laws: [tagged], writeFor: levelOf(older), downcasters })
    await writer.append('s', [added('a', ['lost'])])
    await using today = await openJournal(temporary(), { events: newer, upcasters, laws: [tagged] })
    await rejection(today.append('s', [added('a', ['lost'])]), 'JOURNAL_LAW_BROKEN')
  })

  test('refuses by name what it cannot write, and leaves nothing', async () => {
    await using writer = await openNew(temporary())
    const burned = await rejection(writer.append('s', [{ type: 'note.burned', data: {} }]), 'JOURNAL_EVENT_INVALID')
    expect(burned.message).toMatch(/note\.burned cannot be written for the reader that writeFor names: no downcaster/)
    expect(burned.details.outcome).toBe('none')
    const impossible = await rejection(writer.append('s', [added('impossible')]), 'JOURNAL_EVENT_INVALID')
    expect(impossible.cause).toMatchObject({ message: 'schema 1 has no word for it' })
    expect(writer.head.position).toBe(0)
    await writer.append('s', [added('possible')], { expectedVersion: 0 })
  })

  test('writes today’s shapes again once the older reader is gone', async () => {
    const directory = temporary()
    const during = await openNew(directory)
    await during.append('s', [added('a')])
    await during.close()
    const after = await openJournal(directory, { events: newer, upcasters })
    await after.append('s', [added('b', ['kept'])])
    await after.close()
    await rejection(openOld(directory), 'JOURNAL_NEWER_SCHEMA')
  })

  test('needs no step where the older reader knows today’s shape', async () => {
    await using writer = await openJournal(temporary(), { events: newer, upcasters, writeFor: levelOf(newer) })
    expect(writer.recovery.withheld).toEqual([])
    await writer.append('s', [added('a', ['kept'])])
    expect(await all(writer.readAll())).toMatchObject([{ data: { tags: ['kept'] } }])
  })

  test.each([
    ['stands twice', [...downcasters, downcasters[0]!], /stands twice/],
    [
      'leads in a circle',
      [defineDowncaster({ type: 'note.added', from: 3, to: { type: 'note.added', schema: 3 }, down: (data) => data })],
      /in a circle/,
    ],
  ])('is misused with a downcaster that %s', async (_, given, says) => {
    await expect(openNew(temporary(), { downcasters: given })).rejects.toThrow(says)
  })
})

describe('what a crash left running, where the older reader knows no event that closes it', () => {
  /** Two streams with something that runs, as a crash leaves them. */
  async function crashed(): Promise<string> {
    const journal = await openJournal(temporary())
    await journal.append('s', [
      { type: 'session.created', data: {} },
      { type: 'thread.started', data: { threadId: 'main' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't', input: [] } },
      { type: 'turn.started', data: { turnId: 't' } },
    ])
    await journal.append('jobs', [
      { type: 'task.enqueued', data: { taskId: 'k' } },
      { type: 'task.started', data: { taskId: 'k' } },
    ])
    const directory = image(journal.directory)
    await journal.close()
    return directory
  }
  const { 'turn.interrupted': _withheld, ...level } = levelOf(events)
  const turn = { stream: 's', threadId: 'main', turnId: 't', attempt: 1, cause: 'crash', calls: [] }

  test('is left running and said so; other streams are closed, and the next writer that may closes it', async () => {
    const directory = await crashed()
    for (const task of [1, 2]) {
      const rollout = await openJournal(directory, { writeFor: level })
      expect(rollout.recovery).toMatchObject({
        withheld: ['turn.interrupted'],
        interrupted: [turn],
        tasks: [{ stream: 'jobs', taskId: 'k' }],
      })
      const [unclosed, ...others] = rollout.recovery.unclosed
      expect(others).toEqual([])
      expect(unclosed).toMatchObject({ stream: 's', error: { code: 'JOURNAL_EVENT_INVALID' } })
      expect(unclosed?.error.message).toMatch(/turn\.interrupted cannot be written.*leave writeFor out once that reader is gone/)
      await rollout.append('jobs', [{ type: 'task.enqueued', data: { taskId: `new ${task}` } }])
      await rollout.close()
    }
    await using after = await openJournal(directory)
    expect(after.recovery).toMatchObject({ unclosed: [], interrupted: [turn] })
    expect((await all(after.read('s'))).at(-1)).toMatchObject({ type: 'turn.interrupted', data: { turnId: 't', cause: 'crash' } })
  })

  test('can be ended by the runtime in the meantime', async () => {
    const directory = await crashed()
    await using rollout = await openJournal(directory, { writeFor: level })
    await rollout.append('s', [{ type: 'turn.failed', data: { turnId: 't', error: { message: 'it died' } } }])
    await rollout.close()
    await using after = await openJournal(directory)
    expect(after.recovery).toMatchObject({ unclosed: [], interrupted: [] })
  })
})
