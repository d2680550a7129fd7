/** A newer program beside an older one: what the older one says of what it does not know, while it is open and when it keeps it. */
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { cli } from '../../src/cli/cli.js'
import { defineEvents, defineLaw, defineProjection, defineUpcaster, openJournal } from '../../src/index.js'
import { all, note, rejection, temporary } from '../support/journal.js'

const text = z.looseObject({ text: z.string() })
const old = defineEvents({ 'note.added': { schema: 1, data: text } })
const today = defineEvents({
  'note.added': { schema: 2, data: text },
  'note.pinned': { schema: 1, data: z.looseObject({}) },
  'note.seen': { schema: 1, data: z.looseObject({}), ignorable: true },
})
const upcasters = [defineUpcaster({ type: 'note.added', from: 1, up: (data: { text: string }) => data })]
const texts = defineProjection(old, {
  name: 'texts',
  revision: 1,
  state: z.object({ texts: z.array(z.string()) }),
  key: (event) => event.stream,
  initial: () => ({ texts: [] as string[] }),
  on: { 'note.added': (state, { data }) => ({ texts: [...state.texts, data.text] }) },
})

/** A reader of the old program, open on a journal with one note to which a newer program then appends. */
async function beside(type: keyof typeof today.definitions, options: { onUnknown?: 'keep' } = {}) {
  const directory = temporary()
  const before = await openJournal(directory, { events: old })
  await before.append('s', [note('a')])
  await before.close()
  const reader = await openJournal(directory, { events: old, projections: [texts], readOnly: true, ...options })
  expect((await reader.view(texts, 's')).state).toEqual({ texts: ['a'] })
  const newer = await openJournal(directory, { events: today, upcasters })
  await newer.append('s', [{ type, data: { text: 'b' } }])
  await newer.append('other', [{ type: 'note.seen', data: {} }])
  await newer.close()
  return reader
}

async function followed(reader: Awaited<ReturnType<typeof beside>>, count: number): Promise<string[]> {
  const seen: string[] = []
  for await (const { type } of reader.follow()) if (seen.push(type) === count) break
  return seen
}

describe('what a newer program appends while an older one reads', () => {
  test.each([
    ['of a newer schema', 'note.added', 'JOURNAL_NEWER_SCHEMA'],
    ['of an unknown type', 'note.pinned', 'JOURNAL_UNKNOWN_EVENT'],
  ] as const)('an event %s is refused wherever it comes, and never passed over', async (_, type, code) => {
    await using reader = await beside(type)
    expect((await rejection(followed(reader, 2), code)).details).toMatchObject({ type, position: 2 })
    await rejection(all(reader.readAll()), code)
    await rejection(all(reader.read('s')), code)
    await rejection(reader.view(texts, 's'), code)
    expect((await all(reader.readAll({ after: 2 }))).map((event) => event.type)).toEqual(['note.seen'])
  })

  test('an event that may be passed over is shown as it is stored, and seen by no view', async () => {
    await using reader = await beside('note.seen')
    expect(await followed(reader, 3)).toEqual(['note.added', 'note.seen', 'note.seen'])
    expect((await reader.view(texts, 's')).state).toEqual({ texts: ['a'] })
  })

  test('an event of an unknown type is shown to who keeps such', async () => {
    await using reader = await beside('note.pinned', { onUnknown: 'keep' })
    expect(await followed(reader, 3)).toEqual(['note.added', 'note.pinned', 'note.seen'])
    expect((await reader.view(texts, 's')).state).toEqual({ texts: ['a'] })
  })
})

describe('kept events', () => {
  test('are listed, counted, read raw and followed, and seen by no law, view or transcript', async () => {
    const directory = temporary()
    const begun = [
      { type: 'session.created', data: { title: 'kept' } },
      { type: 'thread.started', data: { threadId: 'main' } },
    ] as const
    const pinned = { type: 'note.pinned' as const, data: { threadId: 'main', text: 'not for everybody' } }
    const newer = await openJournal(directory, { extend: { events: today, upcasters } })
    await newer.append('s', [...begun, pinned, pinned])
    await newer.close()

    const seen: string[] = []
    const watch = defineLaw({
      name: 'watch',
      revision: 1,
      initial: () => ({}),
      apply: (state, { type }) => (seen.push(type), state),
    })
    const here = await openJournal(directory, { extend: { events: defineEvents({}), laws: [watch] }, onUnknown: 'keep' })
    expect(here.recovery.kept).toEqual([{ type: 'note.pinned', schema: 1 }])
    const raw = await all(here.readAll({ types: ['note.pinned'] }))
    expect(raw).toMatchObject([
      { ...pinned, schema: 1, position: 3 },
      { ...pinned, schema: 1, position: 4 },
    ])
    await here.append('s', [{ type: 'session.updated', data: { title: 'goes on' } }], { expectedVersion: 4 })
    expect(seen).toContain('session.updated')
    expect(seen).not.toContain('note.pinned')
    expect(JSON.stringify(await here.transcript('s', 'main'))).not.toContain('not for everybody')
    await here.close()

    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    expect(await cli(['stats', directory, '--json'])).toBe(0)
    const counted = JSON.parse(out.mock.calls.map(([chunk]) => String(chunk)).join('')) as object
    out.mockRestore()
    expect(counted).toMatchObject({ events: 5, unknown: { 'note.pinned': 2 } })
  })
})
