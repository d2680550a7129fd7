/** A journal taken out as JSONL and brought in again: the same events and views, whatever it holds, and told of where it cannot be. */
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromExactJson, toExactJson } from '../../src/cli/exact-json.js'
import { play } from '../../src/cli/demo/runtime.js'
import { sample } from '../../src/cli/demo/sample.js'
import { allViews, type Views } from '../../src/cli/demo/views.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import { openJournal, type RecordedCommit, type RecordedEvent } from '../../src/index.js'
import { imported, Places } from '../support/imports-into.js'
import { all, copyTo } from '../support/journal.js'
import { root } from '../support/root.js'
import { notesBefore } from '../support/theirs.js'
import { turnlog } from '../support/turnlog.js'

const places = new Places()
afterAll(() => places.remove())

interface Whole {
  events: RecordedEvent[]
  commits: RecordedCommit[]
  views: Views
}

async function whole(directory: string): Promise<Whole> {
  await using journal = await openJournal(directory, { readOnly: true })
  return { events: await all(journal.readAll()), commits: await all(journal.commits()), views: await allViews(journal) }
}

/** Exports what the words name into a file. */
async function file(directory: string, ...words: string[]): Promise<string> {
  const path = places.next('export')
  const { exit, errors } = await turnlog('export', directory, ...words, '--to', 'jsonl', '--out', path)
  expect({ exit, errors }).toEqual({ exit: 0, errors: '' })
  return path
}

const rowsIn = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

const said = (text: string): { type: 'text'; text: string }[] => [{ type: 'text', text }]

/** Sessions of every kind that is imported, the sample with its task, a session with all that is hard to carry, and one that was killed. */
async function everything(): Promise<string> {
  const { directory } = await imported(places.next(), join(root, 'test/fixtures/import'))
  await using journal = await openJournal(directory)
  await play(journal, writeScript(sample()))
  await journal.append(
    'session-hard',
    [
      { type: 'session.created', data: { extra: { bytes: new Uint8Array([0, 255]), like: { $bytes: 'AA==' }, more: { $$bytes: [1] } } } },
      { type: 'thread.started', data: { threadId: 'main' }, meta: { actor: 'me', occurredAt: 5 } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: said('one') } },
    ],
    { commitId: 'op-1' },
  )
  // The law adds the end of the turn that waits.
  await journal.append('session-hard', [{ type: 'session.archived', data: {} }], { commitId: 'op-2' })
  await journal.append('session-killed', [
    { type: 'session.created', data: {} },
    { type: 'thread.started', data: { threadId: 'main' } },
    { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: said('one') } },
    { type: 'turn.started', data: { turnId: 't1' } },
    { type: 'tool.requested', data: { turnId: 't1', callId: 'c', name: 'look', arguments: { at: [1.5, null, 'ü\u2028'] } } },
    { type: 'tool.started', data: { turnId: 't1', callId: 'c' } },
  ])
  const killed = places.next('killed')
  copyTo(directory, killed)
  await (await openJournal(killed)).close()
  return killed
}

describe('a whole journal', () => {
  let directory: string
  let before: Whole
  beforeAll(async () => {
    directory = await everything()
    before = await whole(directory)
  })

  test('comes back with equal events, commits and views, and once', async () => {
    expect(before.events.map(({ type }) => type)).toEqual(expect.arrayContaining(['task.completed', 'tool.unknown', 'turn.interrupted']))
    expect(before.commits.filter(({ added, events }) => added.length > 0 && events.length > 0)).not.toEqual([])
    const path = await file(directory)
    const { directory: back, report } = await imported(places.next(), path)
    expect(report).toMatchObject({
      files: [{ kind: 'turnlog', sessions: new Set(before.events.map(({ stream }) => stream)).size, inferred: 0, damaged: [] }],
      added: before.events.length,
    })
    const after = await whole(back)
    expect(after.events).toEqual(before.events)
    expect(after.views).toEqual(before.views)
    const outline = ({ commits }: Whole): object[] =>
      commits.map(({ commitId, position, at, events, added }) => ({ commitId, position, at, of: events.length + added.length }))
    expect(outline(after)).toEqual(outline(before))
    expect((await imported(back, path)).report).toMatchObject({ files: [{ damaged: [] }], added: 0 })
    // A retry of what was appended there is known here.
    const journal = await openJournal(back)
    const again = await journal.append('session-hard', [{ type: 'session.archived', data: {} }], { commitId: 'op-2' })
    expect(again.position).toBe(before.commits.find(({ commitId }) => commitId === 'op-2')!.position + 1)
    await journal.close()
    // An import of what it was made from goes on where that was.
    expect((await imported(back, join(root, 'test/fixtures/import'))).report.added).toBe(0)
  })

  test('of which each session is taken out by itself comes back session by session', async () => {
    const back = places.next()
    for (const { id } of before.views.sessions) await imported(back, await file(directory, id))
    const after = await whole(back)
    const told = (events: RecordedEvent[]): object => {
      const streams: Record<string, object[]> = {}
      for (const { stream, version, type, schema, data } of events) (streams[stream] ??= []).push({ version, type, schema, data })
      return streams
    }
    expect(told(after.events)).toEqual(told(before.events))
    const timeless = ({ sessions, transcripts }: Views): string[] =>
      [...sessions, ...transcripts].map((row) => JSON.stringify(row, (key, value: unknown) => (key === 'position' ? 0 : value))).toSorted()
    expect(timeless(after.views)).toEqual(timeless(before.views))
  })
})

describe('the file', () => {
  test('has a line for each event, with its commit, behind one that says what it is, and a last one', async () => {
    const directory = places.next()
    {
      await using journal = await openJournal(directory)
      const created = { type: 'session.created', data: { title: 'T' }, meta: { actor: 'me' } } as const
      await journal.append('session-a', [created, { type: 'thread.started', data: { threadId: 'main' } }], { commitId: 'op' })
      await journal.append('task-of-another', [{ type: 'task.enqueued', data: { taskId: 'x', session: 'session-b' } }])
      await journal.append('session-a', [{ type: 'session.updated', data: { title: 'U' } }])
      await journal.append('task-of-it', [{ type: 'task.enqueued', data: { taskId: 'k', session: 'session-a' } }])
      await journal.append('session-a', [{ type: 'session.updated', data: { title: 'V' } }])
    }
    const at = expect.any(Number) as number
    const [head, ...lines] = rowsIn(await file(directory, 'session-a'))
    expect(head).toEqual({
      turnlog: 'journal',
      export: 1,
      id: expect.any(String) as string,
      position: 6,
      digest: expect.any(String) as string,
      streams: ['session-a', 'task-of-it'],
    })
    const event = { stream: 'session-a', schema: 1, at }
    const first = { position: 1, events: 2, id: 'op' }
    expect(lines).toEqual([
      {
        ...event,
        position: 1,
        version: 1,
        type: 'session.created',
        data: { title: 'T' },
        meta: { actor: 'me' },
        commit: { ...first, index: 0 },
      },
      { ...event, position: 2, version: 2, type: 'thread.started', data: { threadId: 'main' }, commit: { ...first, index: 1 } },
      expect.objectContaining({ position: 4, stream: 'session-a' }),
      expect.objectContaining({ position: 5, stream: 'task-of-it' }),
      { ...event, position: 6, version: 4, type: 'session.updated', data: { title: 'V' }, commit: { position: 6, index: 0, events: 1 } },
      { end: { commits: 4, events: 5, gaps: 0 } },
    ])
  })

  test.each([
    [{ $bytes: 'AA==' }],
    [{ $$$bytes: {} }],
    [new Uint8Array([1, 2, 3])],
    [{ a: [new Uint8Array(0), { $bytes: null }] }],
    [{ b: 'bytes"' }],
  ])('holds %j exactly', (value) => {
    const text = toExactJson({ value })
    expect(fromExactJson(text)).toEqual({ value })
    expect(toExactJson(fromExactJson(text))).toBe(text)
  })
})

describe('what cannot be taken over is told of', () => {
  let path: string
  let count: number
  beforeAll(async () => {
    const directory = places.next()
    await using journal = await openJournal(directory)
    await play(journal, writeScript(sample()))
    path = await file(directory)
    count = rowsIn(path).length
  })

  /** The file with its lines changed. */
  function changed(change: (lines: string[]) => string[]): string {
    const other = places.next('changed')
    writeFileSync(other, `${change(readFileSync(path, 'utf8').trimEnd().split('\n')).join('\n')}\n`)
    return other
  }
  const on = (line: number, change: (row: Record<string, unknown>) => object) => (lines: string[]) =>
    lines.with(line, JSON.stringify(change(JSON.parse(lines[line]!) as Record<string, unknown>)))

  const ofTwo = (line: string, index: number): string => {
    const row = JSON.parse(line) as { commit: object }
    return JSON.stringify({ ...row, commit: { ...row.commit, index, events: 2 } })
  }

  test.each<[string, (lines: string[]) => string[], RegExp]>([
    ['a line that is missing', (lines) => lines.toSpliced(20, 1), /versions \d+ to \d+ are missing/],
    ['a line that is no JSON', (lines) => lines.with(20, '{'), /not JSON/],
    ['a line of something else', (lines) => lines.with(20, '{"a":1}'), /no event of a journal/],
    ['half a commit', (lines) => lines.toSpliced(2, 1), /a commit that is not whole/],
    ['the end of a commit alone', (lines) => lines.toSpliced(1, 1), /an event of a commit that is not whole/],
    ['an event of another catalogue', on(20, (row) => ({ ...row, type: 'note.added' })), /does not know note\.added/],
    ['an event of another schema', on(20, (row) => ({ ...row, schema: 9 })), /is not what this program writes/],
    [
      'an event that no law lets in',
      on(20, (row) => ({ ...row, type: 'session.created', schema: 1 })),
      /from here on nothing of session-tidewatch is taken/,
    ],
    [
      'a commit that begins with what is there',
      (lines) => lines.toSpliced(20, 0, ...[0, 1].map((index) => ofTwo(lines[19]!, index))),
      /is there already up to/,
    ],
    [
      'a gap',
      (lines) => lines.toSpliced(20, 0, '{"gap":{"firstPosition":7,"lastPosition":9,"reason":"rot"}}'),
      /positions 7 to 9 were lost where it was exported: rot/,
    ],
    [
      'an event that the laws do not add',
      on(2, (row) => ({ ...row, added: true })),
      /the laws of this program add 0 event\(s\) where 1 stood/,
    ],
    ['no end', (lines) => lines.slice(0, -1), /ends before its last line/],
    ['a newer export', on(0, (row) => ({ ...row, export: 2 })), /written by a newer turnlog: export 2/],
  ])('%s', async (_, change, says) => {
    const { directory, report } = await imported(places.next(), changed(change))
    expect(report.files[0]!.damaged.map(({ reason }) => reason).join('\n')).toMatch(says)
    await using journal = await openJournal(directory, { readOnly: true })
    expect(await journal.verify()).toMatchObject({ ok: true })
  })

  test('a file that was cut off gives what is whole, and the rest once it is there', async () => {
    const cut = places.next('cut')
    const bytes = readFileSync(path)
    writeFileSync(cut, bytes)
    truncateSync(cut, Math.floor(bytes.length / 2))
    const { directory, report } = await imported(places.next(), cut)
    expect(report.files[0]!.damaged.map(({ reason }) => reason)).toContain('torn last line')
    appendFileSync(cut, bytes.subarray(Math.floor(bytes.length / 2)))
    const rest = await imported(directory, cut)
    expect(rest.report).toMatchObject({ files: [{ damaged: [] }], added: count - 2 - report.added })
  })

  test('another history under the same name', async () => {
    const { directory } = await imported(places.next(), path)
    const { report } = await imported(directory, changed(on(10, (row) => ({ ...row, meta: { actor: 'somebody else' } }))))
    expect(report).toMatchObject({ files: [{ damaged: [{ reason: expect.stringMatching(/with another history/) as string }] }], added: 0 })
  })

  test('a time that the journal is beyond: events keep it as their own, and views are as they were', async () => {
    const directory = places.next()
    {
      await using journal = await openJournal(directory)
      await journal.append('session-later', [{ type: 'session.created', data: {} }])
    }
    const { report } = await imported(directory, path)
    expect(report).toMatchObject({ files: [{ damaged: [] }], added: count - 2 })
    expect((await imported(directory, path)).report).toMatchObject({ files: [{ damaged: [] }], added: 0 })
    const timed = rowsIn(path).filter(({ type }) => type !== undefined) as unknown as RecordedEvent[]
    const { events } = await whole(directory)
    expect(events.slice(1).map(({ at, meta }) => meta?.occurredAt ?? at)).toEqual(timed.map(({ at, meta }) => meta?.occurredAt ?? at))
  })

  test('events of somebody’s own are exported as they are stored, and not taken by a journal that does not know them', async () => {
    const directory = places.next()
    {
      await using writing = await openJournal(directory, { extend: { events: notesBefore } })
      await writing.append('s', [{ type: 'note.added', data: { text: 'n' } }])
    }
    const { report } = await imported(places.next(), await file(directory))
    expect(report).toMatchObject({
      files: [{ damaged: [{ reason: expect.stringMatching(/does not know note\.added/) as string }] }],
      added: 0,
    })
  })

  test('a part of the journal that is damaged stands as a gap in the file, and is counted as lost', async () => {
    const directory = places.next()
    {
      await using writing = await openJournal(directory)
      for (const title of ['first', 'second', 'third'])
        await writing.append(`session-${title}`, [{ type: 'session.created', data: { title } }])
    }
    const name = readdirSync(join(directory, 'journal')).find((segment) => segment.endsWith('.seg'))!
    const bytes = readFileSync(join(directory, 'journal', name))
    bytes[bytes.indexOf('second')]! ^= 1
    writeFileSync(join(directory, 'journal', name), bytes)
    const { exit, out, errors } = await turnlog('export', directory, '--to', 'jsonl')
    expect(exit).toBe(3)
    expect(
      out
        .split('\n')
        .slice(1, -1)
        .map((line) => Object.keys(JSON.parse(line) as object)[0]),
    ).toEqual(['position', 'gap', 'position', 'end'])
    expect(errors).toContain('1 × a part of the history that is damaged or lost')
  })
})
