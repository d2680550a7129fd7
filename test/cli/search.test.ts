/** Search: every place that is looked into, and the word at the end on whether that was all. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fitted } from '../../src/cli/search/pattern.js'
import { PLACES } from '../../src/cli/search/places.js'
import { openJournal, type events, type NewEvent } from '../../src/index.js'
import { copyTo, scratch, temporary } from '../support/journal.js'
import { notesBefore } from '../support/theirs.js'
import { turnlog } from '../support/turnlog.js'

const { directory: base, remove } = scratch()
const journal = join(base, 'journal')
afterAll(remove)

const text = (said: string): { type: 'text'; text: string }[] => [{ type: 'text', text: said }]

/** Every place once, each with a word of its own. */
const SESSION: NewEvent<(typeof events)['definitions']>[] = [
  { type: 'session.created', data: { title: 'a provisional name' } },
  { type: 'thread.started', data: { threadId: 'main', title: 'xthread' } },
  {
    type: 'turn.submitted',
    data: { threadId: 'main', turnId: 't1', input: text('Why xprompt?'), attachments: [{ type: 'file', path: 'xfile' }] },
  },
  { type: 'turn.started', data: { turnId: 't1' } },
  { type: 'turn.steered', data: { turnId: 't1', input: text('And xsteer.') } },
  { type: 'item.started', data: { turnId: 't1', itemId: 'i1', kind: 'reasoning' } },
  { type: 'item.delta', data: { turnId: 't1', itemId: 'i1', text: 'xreasoning' } },
  { type: 'item.completed', data: { turnId: 't1', itemId: 'i1', content: text('Hm, xreasoning.') } },
  { type: 'item.completed', data: { turnId: 't1', itemId: 'i2', kind: 'message', content: text('So xmessage, and xmessage.') } },
  {
    type: 'tool.requested',
    data: { turnId: 't1', callId: 'c1', name: 'xtool', arguments: { xkey: ['say "xquoted"', { line: 'two\nxlines' }], n: 8123 } },
  },
  { type: 'tool.started', data: { turnId: 't1', callId: 'c1' } },
  { type: 'approval.requested', data: { turnId: 't1', approvalId: 'a1', callId: 'c1', question: 'xapproval?' } },
  { type: 'approval.resolved', data: { turnId: 't1', approvalId: 'a1', decision: 'denied', reason: 'xdecided' } },
  { type: 'input.requested', data: { turnId: 't1', inputId: 'q1', question: 'xinput?', options: ['xoption'] } },
  { type: 'input.resolved', data: { turnId: 't1', inputId: 'q1', answer: 'xanswer' } },
  {
    type: 'tool.finished',
    data: { turnId: 't1', callId: 'c1', content: [...text('an xresult'), { type: 'json', value: { deep: ['xjson'] } }] },
  },
  { type: 'turn.completed', data: { turnId: 't1' } },
  { type: 'thread.compacted', data: { threadId: 'main', summary: 'xsummary' } },
  { type: 'turn.submitted', data: { threadId: 'main', turnId: 't2', input: text('two') } },
  { type: 'turn.started', data: { turnId: 't2' } },
  { type: 'item.started', data: { turnId: 't2', itemId: 'i3', kind: 'reasoning' } },
  { type: 'item.delta', data: { turnId: 't2', itemId: 'i3', text: 'it was xcut' } },
  { type: 'item.delta', data: { turnId: 't2', itemId: 'i3', text: 'off in the middle, xcut' } },
  { type: 'turn.failed', data: { turnId: 't2', error: { message: 'xfailed' } } },
  { type: 'session.updated', data: { title: 'Today’s name', extra: { raw: 'xraw' } } },
]
const TASK: typeof SESSION = [
  { type: 'task.enqueued', data: { taskId: 'k', title: 'xtask', prompt: 'xtaskprompt' } },
  { type: 'task.started', data: { taskId: 'k' } },
  { type: 'task.progressed', data: { taskId: 'k', summary: 'xprogress' } },
  { type: 'task.completed', data: { taskId: 'k', summary: 'xdone', result: { of: 'xtaskresult' } } },
]

interface Result {
  hits: { session: string; title?: string; thread?: string; turn?: string; position: number; place: string; excerpt: string }[]
  complete: boolean
  incomplete: object[]
  events: number
  position: number
}

async function found(directory: string, ...words: string[]): Promise<Result> {
  const { out } = await turnlog('search', directory, ...words, '--json')
  return JSON.parse(out) as Result
}

beforeAll(async () => {
  await using writing = await openJournal(journal)
  await writing.append('session-1', SESSION)
  await writing.append('task-1', TASK)
})

describe('a search', () => {
  const inT1 = { session: 'session-1', title: 'Today’s name', thread: 'main', turn: 't1' }
  const inT2 = { ...inT1, turn: 't2' }
  test.each([
    ['provisional', { session: 'session-1', place: 'title', position: 1 }],
    ['Today’s', { session: 'session-1', place: 'title', position: 25 }],
    ['xthread', { session: 'session-1', thread: 'main', place: 'title', position: 2 }],
    ['xprompt', { ...inT1, place: 'prompt', position: 3, excerpt: 'Why xprompt? xfile' }],
    ['xfile', { ...inT1, place: 'prompt' }],
    ['xsteer', { ...inT1, place: 'prompt', position: 5 }],
    ['xreasoning', { ...inT1, place: 'reasoning', position: 8, excerpt: 'Hm, xreasoning.' }],
    ['xmessage', { ...inT1, place: 'message', position: 9 }],
    ['xtool', { ...inT1, place: 'tool', position: 10, excerpt: 'xtool' }],
    ['xkey', { ...inT1, place: 'arguments', position: 10 }],
    ['say "xquoted"', { ...inT1, place: 'arguments' }],
    ['two xlines', { ...inT1, place: 'arguments' }],
    ['8123', { ...inT1, place: 'arguments' }],
    ['xapproval', { ...inT1, place: 'question', position: 12 }],
    ['xdecided', { ...inT1, place: 'answer', position: 13 }],
    ['xoption', { ...inT1, place: 'question', position: 14 }],
    ['xanswer', { ...inT1, place: 'answer', position: 15 }],
    ['xresult', { ...inT1, place: 'result', position: 16 }],
    ['xjson', { ...inT1, place: 'result' }],
    ['xsummary', { session: 'session-1', thread: 'main', place: 'summary', position: 18 }],
    ['xcutoff', { ...inT2, place: 'reasoning', position: 22, excerpt: 'it was xcutoff in the middle, xcut' }],
    ['xfailed', { ...inT2, place: 'end', position: 24 }],
    ['xtaskprompt', { session: 'task-1', title: 'xtask', place: 'prompt', position: 26 }],
    ['xprogress', { session: 'task-1', place: 'message', position: 28 }],
    ['xtaskresult', { session: 'task-1', place: 'result', position: 29 }],
  ])('for %s finds it once, and says where', async (wanted, hit) => {
    expect(await found(journal, wanted)).toMatchObject({ hits: [hit], complete: true, incomplete: [], events: 29, position: 29 })
  })

  test('looks into every kind of place that its help names', async () => {
    const { hits } = await found(journal, 'x')
    expect(new Set(hits.map(({ place }) => place))).toEqual(new Set(PLACES))
    const { out } = await turnlog('search', '--help')
    for (const place of PLACES) expect(out).toContain(place)
  })

  test('tells the newest first, a place once, and takes upper case, lower case and white space as the same', async () => {
    const positions = (await found(journal, 'X')).hits.map(({ position }) => position)
    expect(positions).toEqual(positions.toSorted((a, b) => b - a))
    expect((await found(journal, 'WHY\n XPROMPT')).hits).toHaveLength(1)
    expect((await found(journal, 'xcut')).hits).toHaveLength(1)
  })

  test('takes what is looked for as it is, and finds nothing where nothing is', async () => {
    for (const nothing of ['x.rompt', '[a-z]', 'xraw', '(', '\\'])
      expect(await found(journal, nothing)).toMatchObject({ hits: [], complete: true })
    expect((await found(journal, 'prompt? x')).hits).toHaveLength(1)
  })

  test('of one session looks at nothing else', async () => {
    expect(await found(journal, 'x', '--session', 'task-1')).toMatchObject({ complete: true, events: 4 })
    expect(await turnlog('search', journal, 'x', '--session', 'nobody')).toMatchObject({
      exit: 1,
      errors: expect.stringContaining('no session or task "nobody"') as string,
    })
  })
})

describe('a search says whether it was complete', () => {
  test('no longer when it stopped at the limit; when nothing was left, it was', async () => {
    const { hits } = await found(journal, 'x')
    expect(await found(journal, 'x', '--limit', `${hits.length}`)).toMatchObject({ complete: true, events: 29 })
    const less = await found(journal, 'x', '--limit', '3')
    expect(less).toMatchObject({ hits: hits.slice(0, 3), complete: false, incomplete: [{ reason: 'limit', limit: 3 }] })
    expect(less.events).toBeLessThan(29)
    expect((await turnlog('search', journal, 'x', '--limit', '3')).out).toMatch(
      /incomplete {2}3 hits .*\n.*--limit takes a higher number\n$/,
    )
  })

  test('what is damaged could not be searched, nor what was written down as lost', async () => {
    const directory = join(temporary(), 'journal')
    {
      await using writing = await openJournal(directory)
      for (const title of ['first', 'second', 'third'])
        await writing.append(`session-${title}`, [{ type: 'session.created', data: { title } }])
    }
    const name = readdirSync(join(directory, 'journal')).find((file) => file.endsWith('.seg'))!
    const bytes = readFileSync(join(directory, 'journal', name))
    bytes[bytes.indexOf('second')]! ^= 1
    writeFileSync(join(directory, 'journal', name), bytes)
    const damaged = await turnlog('search', directory, 'second', '--json')
    expect(damaged.exit).toBe(3)
    expect(JSON.parse(damaged.out)).toMatchObject({ hits: [], complete: false, incomplete: [{ reason: 'damaged', places: 1 }], events: 2 })
    expect((await turnlog('repair', directory)).exit).toBe(0)
    const lost = await turnlog('search', directory, 'second', '--json')
    expect(lost.exit).toBe(0)
    expect(JSON.parse(lost.out)).toMatchObject({ hits: [], complete: false, incomplete: [{ reason: 'lost', places: 1 }] })
    expect((await turnlog('search', directory, 'third')).out).toMatch(/incomplete .*\n.*on record as lost/)
  })

  test('events that this program does not know are kept, counted and not searched', async () => {
    const directory = join(temporary(), 'journal')
    {
      await using writing = await openJournal(directory, { extend: { events: notesBefore } })
      await writing.append('s', [{ type: 'note.added', data: { text: 'xnote' } }])
    }
    expect(await found(directory, 'xnote')).toMatchObject({
      hits: [],
      complete: false,
      incomplete: [{ reason: 'unknown', events: 1, types: ['note.added'] }],
    })
  })

  test('what no writer proved was not searched', async () => {
    const directory = join(temporary(), 'journal')
    const writing = await openJournal(directory)
    await writing.append('s', [{ type: 'session.created', data: { title: 'proven' } }])
    await writing.append('s', [{ type: 'session.updated', data: { title: 'unproven' } }])
    const copy = join(temporary(), 'copy')
    copyTo(directory, copy)
    await writing.close()
    rmSync(join(copy, 'head'))
    expect(await found(copy, 'proven')).toMatchObject({ hits: [{ position: 1 }], incomplete: [{ reason: 'unproven' }] })
  })
})

describe('what a person sees', () => {
  test('hits stand below their session and turn, one line each', async () => {
    const { exit, out } = await turnlog('search', journal, 'xmessage')
    expect(exit).toBe(0)
    expect(out).toBe(
      'session-1  Today’s name\n  main, t1\n    message         9  So xmessage, and xmessage.\n\ncomplete  1 hit in 29 events, up to position 29\n',
    )
  })

  test.each([
    [{ before: 'b'.repeat(100), match: 'M', after: 'a'.repeat(100) }, 21, `…bbbbbMaaaaaaaaaaaaa…`],
    [{ before: 'b'.repeat(100), match: 'M', after: 'a' }, 21, `…${'b'.repeat(18)}Ma`],
    [{ before: '', match: 'M', after: 'a'.repeat(100) }, 21, `M${'a'.repeat(19)}…`],
    [{ before: 'b', match: 'M'.repeat(30), after: 'a' }, 21, `${'M'.repeat(20)}…`],
  ])('an excerpt %# takes the room there is, and shows the match', (excerpt, room, shown) => {
    const { before, match, after } = fitted(excerpt, room)
    expect(`${before}${match}${after}`).toBe(shown)
    expect(Array.from(shown)).toHaveLength(room)
  })

  test('nothing to look for is misuse', async () => {
    expect((await turnlog('search', journal, ' ')).exit).toBe(2)
    expect((await turnlog('search', journal)).exit).toBe(2)
  })
})
