/** Every format, with a small session of its own: when high water is, looked up in a table. */
import { closeSync, copyFileSync, mkdirSync, openSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importers } from '../../../src/cli/import/importers.js'
import { openJournal, session, type SessionState } from '../../../src/index.js'
import { imported, Places, toldBy, transcriptOf, type Imported } from '../../support/imports-into.js'
import { root } from '../../support/root.js'

const fixtures = join(root, 'test/fixtures/import')
const places = new Places()
afterAll(() => places.remove())

const WHOLE = ['person: When is high water?', 'thinks: Look it up.', 'tool: table {"port":"Ems"} ok: 06:12', 'model: At 06:12.']
const WITHOUT_THOUGHT = WHOLE.filter((line) => !line.startsWith('thinks'))
const SAID_ALONE = ['person: When is high water?', 'model: At 06:12.']
const SIDE = ['person: Find the table.', 'model: In drawer 3.']

/** Kind, stream, what is told there, and fields of the session's view. */
const sessions: [string, string, string[], Partial<SessionState>?][] = [
  [
    'claude-code',
    'session-5e000001-0000-4000-8000-000000000001',
    WHOLE,
    { workspace: '/srv/tide', tokens: tokens({ input: 35, output: 7, cacheRead: 5 }) },
  ],
  ['claude-code', 'session-agent-a1', SIDE, { agent: 'searcher', parent: { stream: 'session-5e000001-0000-4000-8000-000000000001' } }],
  [
    'pi',
    'session-5e000002',
    [...WHOLE, 'person: And low water?', 'model: At 12:30.'],
    { threads: 2, tokens: tokens({ input: 15, output: 3, cacheRead: 5, cost: 0.01 }) },
  ],
  ['openclaw', 'session-5e000003', WHOLE, { agent: 'openclaw' }],
  ['codex', 'session-5e000004', WHOLE, { model: 'brackish-2', tokens: tokens({ input: 15, output: 3, cacheRead: 5 }) }],
  ['codex', 'session-5e000021', WHOLE],
  ['codex', 'session-5e000022', WHOLE],
  ['codex', 'session-5e000024', SIDE, { parent: { stream: 'session-5e000004' } }],
  ['gemini', 'session-5e000005', WHOLE.map((line) => line.replace('Look', 'Plan: Look'))],
  ['gemini', 'session-5e000006', [...SAID_ALONE, 'person: And low water?', 'model: At 12:30.'], { title: 'Tides', turns: 3 }],
  ['qwen', 'session-5e000007-0000-4000-8000-000000000007', WHOLE],
  [
    'opencode',
    'session-ses_5e08',
    WHOLE,
    { title: 'Tides', tokens: tokens({ input: 10, output: 3, cacheRead: 5, reasoning: 1, cost: 0.01 }) },
  ],
  ['dsh', 'session-5e000009', WHOLE],
  ['dsh', 'session-5e000023', SIDE, { parent: { stream: 'session-5e000009' } }],
  ['copilot', 'session-5e000010', WHOLE],
  ['cursor', 'session-cursor-parent', WHOLE],
  ['cursor', 'session-cursor-child', SIDE, { parent: { stream: 'session-cursor-parent' } }],
  ['droid', 'session-5e000012', WHOLE],
  ['droid', 'session-5e000013', WITHOUT_THOUGHT],
  ['grok', 'session-5e000014', WHOLE, { title: 'Tides' }],
  ['kimi', 'session-session_5e15', WHOLE, { title: 'Tides' }],
  ['kimi', 'session-session_5e15-agent-0', SIDE, { parent: { stream: 'session-session_5e15' } }],
  ['hermes', 'session-5e000016', WHOLE],
  ['turnlog', 'session-5e000030', WHOLE, { title: 'Tides', agent: 'harbour-hand', tokens: tokens({ input: 15, output: 3 }) }],
  ['antigravity', 'session-antigravity-steps', WHOLE],
  ['chat', 'session-chat-lines', WITHOUT_THOUGHT],
  ['zeroclaw', 'session-zeroclaw-harbour', SAID_ALONE],
  ['agentmux', 'session-agentmux-output', WHOLE],
  ['codewhale', 'session-5e000019', WHOLE, { title: 'Tides' }],
  ['hermes-webui', 'session-5e0000000020', WHOLE, { title: 'Tides' }],
]

function tokens(known: Partial<SessionState['tokens']>): SessionState['tokens'] {
  return { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0, cost: 0, ...known }
}

describe('a small session', () => {
  let all: Imported
  beforeAll(async () => {
    all = await imported(places.next(), fixtures)
  })

  test.each(sessions)('of %s, %s, comes in whole', async (_kind, stream, told, view = {}) => {
    expect(toldBy(await transcriptOf(all.directory, stream))).toEqual(told)
    await using journal = await openJournal(all.directory, { readOnly: true })
    const { state } = await journal.view(session, stream)
    expect(state).toMatchObject(view)
    expect(state?.open).toEqual([])
  })

  test('stands here for every kind there is', () => {
    expect(new Set(sessions.map(([kind]) => kind))).toEqual(new Set(importers.map(({ kind }) => kind)))
    expect(new Set(readdirSync(fixtures))).toEqual(new Set(importers.map(({ kind }) => kind)))
  })

  test('is told from others by what stands in its file', () => {
    expect(
      all.report.files
        .map(({ path, kind }) => [path.slice(fixtures.length + 1).split('/')[0], kind])
        .filter(([folder, kind]) => folder !== kind),
    ).toEqual([])
    expect(all.report.sessions).toBe(sessions.length)
    expect(all.report.files.flatMap(({ damaged }) => damaged)).toEqual([])
  })

  test('comes in once: a second import adds nothing', async () => {
    const again = await imported(all.directory, fixtures)
    expect(again.report).toMatchObject({ added: 0, sessions: all.report.sessions, events: all.report.events })
  })
})

describe('a compaction', () => {
  async function toldIn(name: string, ...rows: object[]): Promise<string[]> {
    const path = places.next(name)
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const { directory } = await imported(places.next(), path)
    await using journal = await openJournal(directory, { readOnly: true })
    for await (const { key } of journal.list(session, { by: 'lastActivity' })) return toldBy(await transcriptOf(directory, String(key)))
    return []
  }

  test('of pi leaves the turns from the first entry on that it keeps', async () => {
    const message = (id: string, parentId: string | null, role: string, text: string): object => ({
      ...{ type: 'message', id, parentId, timestamp: '2026-03-01T08:00:00Z' },
      message: { role, content: [{ type: 'text', text }], ...(role === 'assistant' ? { stopReason: 'stop' } : {}) },
    })
    expect(
      await toldIn(
        'pi.jsonl',
        { type: 'session', version: 3, id: 'p', timestamp: '2026-03-01T08:00:00Z', cwd: '/srv' },
        ...[message('e1', null, 'user', 'One?'), message('e2', 'e1', 'assistant', 'One.')],
        ...[message('e3', 'e2', 'user', 'Two?'), message('e4', 'e3', 'assistant', 'Two.')],
        { type: 'compaction', id: 'e5', parentId: 'e4', timestamp: '2026-03-01T08:00:00Z', summary: 'One was.', firstKeptEntryId: 'e3' },
      ),
    ).toEqual(['summary: One was.', 'person: Two?', 'model: Two.'])
  })

  test('of Claude Code tells its summary once', async () => {
    const row = (uuid: string, content: string, more: object = {}): object => ({
      type: 'user',
      uuid,
      message: { role: 'user', content },
      ...more,
    })
    expect(await toldIn('claude.jsonl', row('u1', 'One?'), row('u2', 'One was.', { isCompactSummary: true }))).toContain(
      'summary: One was.',
    )
  })
})

describe('a database', () => {
  function make(path: string, statements: string[]): void {
    const database = new sqlite.Database(path)
    for (const statement of statements) database.exec(statement)
    database.close()
  }

  test('of zeroclaw gives a session for each key, and a call without an outcome is unknown', async () => {
    const source = places.next('acp')
    make(source, [
      'CREATE TABLE acp_sessions (id INTEGER PRIMARY KEY, session_uuid TEXT, agent_alias TEXT, workspace_dir TEXT, killed_at TEXT, created_at TEXT)',
      'CREATE TABLE acp_messages (id INTEGER PRIMARY KEY, session_id INTEGER, role TEXT, content TEXT, reasoning_content TEXT, created_at TEXT)',
      'CREATE TABLE acp_tool_calls (id INTEGER PRIMARY KEY, message_id INTEGER, tool_call_id TEXT, tool_name TEXT, event_kind TEXT, payload TEXT, outcome TEXT, created_at TEXT)',
      `INSERT INTO acp_sessions VALUES (1, 'u1', 'alpha', '/srv', NULL, '2026-03-01T08:00:00Z'), (2, 'u2', 'alpha', '/srv', '2026-03-02T08:00:00Z', '2026-03-01T08:00:00Z')`,
      `INSERT INTO acp_messages VALUES (1, 1, 'user', 'When?', NULL, '2026-03-01T08:00:01Z'), (2, 1, 'assistant', 'Wait.', 'Look it up.', '2026-03-01T08:00:02Z'), (3, 2, 'user', 'gone', NULL, '2026-03-01T08:00:01Z')`,
      `INSERT INTO acp_tool_calls VALUES (1, 2, 'c1', 'table', 'in', '{"port":"Ems"}', NULL, '2026-03-01T08:00:03Z'), (2, 2, 'c1', 'table', 'out', '06:12', 'ok', '2026-03-01T08:00:04Z'), (3, 2, 'c2', 'table', 'in', '{}', NULL, '2026-03-01T08:00:05Z')`,
    ])
    const { directory, report } = await imported(places.next(), source)
    expect(report.sessions).toBe(2)
    expect(toldBy(await transcriptOf(directory, 'session-u1')).slice(0, 5)).toEqual([
      'person: When?',
      'thinks: Look it up.',
      'model: Wait.',
      'tool: table {"port":"Ems"} ok: 06:12',
      'tool: table {} unknown: ',
    ])
    await using journal = await openJournal(directory, { readOnly: true })
    expect((await journal.view(session, 'session-u2')).state?.status).toBe('deleted')
  })

  test('whose newest rows are in its log alone is read whole, and nothing appears beside it', async () => {
    const folder = places.next('wal')
    mkdirSync(folder)
    const live = join(folder, 'live.db')
    const database = new sqlite.Database(live)
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA wal_autocheckpoint = 0')
    database.exec('CREATE TABLE sessions (id INTEGER PRIMARY KEY, session_key TEXT, role TEXT, content TEXT, created_at TEXT)')
    database.exec('CREATE TABLE session_metadata (session_key TEXT PRIMARY KEY, created_at TEXT, name TEXT, state TEXT)')
    database.exec(`INSERT INTO session_metadata VALUES ('k', '2026-03-01T08:00:00Z', 'Tides', 'idle')`)
    database.exec(
      `INSERT INTO sessions VALUES (1, 'k', 'user', 'When is high water?', '2026-03-01T08:00:01Z'), (2, 'k', 'assistant', 'At 06:12.', '2026-03-01T08:00:02Z')`,
    )
    const copy = places.next('copied')
    mkdirSync(copy)
    for (const name of ['live.db', 'live.db-wal']) copyFileSync(join(folder, name), join(copy, name))
    database.close()
    const before = readdirSync(copy)
    const { directory } = await imported(places.next(), join(copy, 'live.db'))
    expect(toldBy(await transcriptOf(directory, 'session-zeroclaw-k'))).toEqual(SAID_ALONE)
    expect(readdirSync(copy)).toEqual(before)
  })

  describe('that is not as it should be is an item of the report', () => {
    const said = (n: number): string => `INSERT INTO sessions (session_key, role, content) VALUES ('k', 'user', '${'x'.repeat(500)} ${n}')`
    const statements = [
      'CREATE TABLE sessions (id INTEGER PRIMARY KEY, session_key TEXT, role TEXT, content TEXT, created_at TEXT)',
      'CREATE TABLE session_metadata (session_key TEXT PRIMARY KEY, created_at TEXT, name TEXT, state TEXT)',
      ...Array.from({ length: 50 }, (_, n) => said(n)),
    ]
    const whole = (): string => {
      const path = places.next('database')
      make(path, statements)
      return path
    }

    test.each([
      ['cut off', 0.5],
      ['cut off in its first page', 0.05],
    ])('%s', async (_how, part) => {
      const path = whole()
      truncateSync(path, Math.floor(statSync(path).size * part))
      const { report } = await imported(places.next(), path)
      expect(report.files).toMatchObject([{ damaged: [{ reason: expect.stringMatching(/malformed|not a database|disk I/) as string }] }])
    })

    test('without the log that it was written with, and what it has is taken, also where nothing is known of its session', async () => {
      const path = whole()
      const file = openSync(path, 'r+')
      // What says in the header that the database is written with a log.
      writeSync(file, Buffer.from([2, 2]), 0, 2, 18)
      closeSync(file)
      const { report } = await imported(places.next(), path)
      expect(report.files).toMatchObject([
        { sessions: 1, damaged: [], details: { notes: [expect.stringMatching(/no log lies beside it/)] } },
      ])
      expect(report.events).toBeGreaterThan(100)
    })

    test('while somebody changes it, and is read once nobody does', async () => {
      const folder = places.next('locked')
      mkdirSync(folder)
      const path = join(folder, 'locked.db')
      make(path, statements)
      const database = new sqlite.Database(path)
      database.exec('PRAGMA cache_size = 1')
      database.exec('BEGIN EXCLUSIVE')
      for (let n = 0; n < 500; n += 1) database.exec(said(n))
      const directory = places.next()
      const first = await imported(directory, path, `${path}-journal`)
      expect(first.file('locked.db').damaged).toEqual([
        { reason: expect.stringMatching(/^a change of the database is under way/) as string },
      ])
      expect(first.file('locked.db-journal')).toMatchObject({
        damaged: [],
        details: { notes: [expect.stringMatching(/^read with locked.db/)] },
      })
      expect(first.report.added).toBe(0)
      database.exec('ROLLBACK')
      database.close()
      expect((await imported(directory, folder)).file('locked.db')).toMatchObject({ kind: 'zeroclaw', sessions: 1, damaged: [] })
      const prompts = (await transcriptOf(directory, 'session-zeroclaw-k')).items.filter(({ type }) => type === 'input')
      expect(prompts).toHaveLength(50)
    })
  })
})
