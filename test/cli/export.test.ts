/** Sessions taken out again: what comes back of them, what the other program asks of a file, and what is said to be lost. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { cli } from '../../src/cli/cli.js'
import { exporters } from '../../src/cli/export/exporters.js'
import { openJournal, session, type SessionState } from '../../src/index.js'
import { imported, Places, toldBy, transcriptOf } from '../support/imports-into.js'
import { root } from '../support/root.js'
import { describeWithSharedData } from '../support/shared-data.js'

const places = new Places()
afterAll(() => places.remove())

type Row = Record<string, unknown> & { message?: Record<string, unknown> & { content?: unknown } }
interface File {
  name: string
  text: string
  /** Its lines, or the entries of its tree where it is one document. */
  rows: Row[]
  lost: Record<string, number>
}

async function taken(directory: string, stream: string, to: string, thread = 'main'): Promise<File> {
  await using journal = await openJournal(directory, { readOnly: true })
  const exporter = exporters.find(({ kind }) => kind === to)!
  const found = await exporter.open(journal, { stream, thread })
  if (typeof found === 'string') throw new Error(found)
  const lines: string[] = []
  for await (const line of found.lines) lines.push(line)
  const text = lines.map((line) => `${line}\n`).join('')
  const rows = found.name.endsWith('.json') ? entriesIn(text) : lines.map((line) => JSON.parse(line) as Row)
  return { name: found.name, text, rows, lost: Object.fromEntries(found.losses.list().map(({ what, count }) => [what, count])) }
}

const entriesIn = (text: string): Row[] => (JSON.parse(text) as { journal?: { entries: Row[] } }).journal?.entries ?? []

/** What another journal holds once the file was imported. */
async function back({ name, text }: File): Promise<{ told: string[]; state: SessionState; kind: string | undefined }> {
  const folder = places.next('back')
  mkdirSync(folder)
  writeFileSync(join(folder, name), text)
  const { directory, report } = await imported(places.next(), folder)
  expect(report).toMatchObject({ sessions: 1, files: [{ damaged: [] }] })
  const [state] = await statesOf(directory)
  return { told: toldBy(await transcriptOf(directory, state!.id)), state: state!, kind: report.files[0]?.kind }
}

async function statesOf(directory: string): Promise<SessionState[]> {
  await using journal = await openJournal(directory, { readOnly: true })
  const states: SessionState[] = []
  for await (const { state } of journal.list(session, { by: 'lastActivity' })) states.push(state)
  return states
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

/** Blocks of one kind in the order of a file. */
function blocks(rows: readonly Row[], type: string): Record<string, unknown>[] {
  return rows.flatMap(({ message }) =>
    Array.isArray(message?.content) ? (message.content as Row[]).filter((block) => block['type'] === type) : [],
  )
}

/** What the programs ask of their files. */
const checks: Record<string, (file: File) => void> = {
  'claude-code': ({ name, rows }) => {
    expect(name.replace('.jsonl', '')).toMatch(UUID)
    const seen = new Set<unknown>()
    for (const row of rows) {
      if (row['type'] === 'user' || row['type'] === 'assistant') {
        expect(row).toMatchObject({
          uuid: expect.any(String) as string,
          sessionId: name.replace('.jsonl', ''),
          version: expect.any(String) as string,
        })
        expect(row['parentUuid'] === null || seen.has(row['parentUuid'])).toBe(true)
        expect(row.message).toMatchObject({ role: row['type'] })
        expect(Date.parse(String(row['timestamp']))).toBeGreaterThan(0)
      }
      if (row['uuid'] !== undefined) expect(seen.has(row['uuid'])).toBe(false)
      seen.add(row['uuid'])
    }
    const calls = blocks(rows, 'tool_use').map(({ id }) => id)
    expect(new Set(calls).size).toBe(calls.length)
    for (const { tool_use_id: id } of blocks(rows, 'tool_result')) expect(calls).toContain(id)
  },
  codewhale: ({ name, text, rows }) => {
    const { schema_version: schema, metadata, messages, leaf_id: leaf, journal } = JSON.parse(text) as Row
    expect(schema).toBe(1)
    const id = name.replace('.json', '')
    const string = expect.any(String) as string
    expect(metadata).toMatchObject({ id, title: string, model: string, workspace: string, total_tokens: expect.any(Number) as number })
    for (const field of ['created_at', 'updated_at']) expect(Date.parse(String((metadata as Row)[field]))).toBeGreaterThan(0)
    expect(metadata).toMatchObject({ message_count: (messages as unknown[]).length })
    if (rows.length > 0) expect(journal).toMatchObject({ leaf_id: leaf, schema_version: 1, spawn_depth: 0 })
    // The messages are what is told on the way from the root of the tree to its leaf.
    const seen = new Map<unknown, Row>()
    for (const entry of rows) {
      expect(seen.has(entry['id'])).toBe(false)
      expect(entry['parent_id'] === undefined || seen.has(entry['parent_id'])).toBe(true)
      expect([Date.parse(String(entry['created_at'])), entry['spawn_depth']]).toEqual([expect.any(Number), 0])
      seen.set(entry['id'], entry)
    }
    const told: unknown[] = []
    for (let at = seen.get(leaf); at !== undefined; at = seen.get(at['parent_id'])) if (at['kind'] === 'message') told.unshift(at.message)
    expect(messages).toEqual(told)
    const calls = blocks(rows, 'tool_use').map((block) => block['id'])
    for (const { tool_use_id: call, content } of blocks(rows, 'tool_result')) {
      expect(calls).toContain(call)
      expect(typeof content).toBe('string')
    }
  },
  pi: ({ rows }) => {
    const [header, ...entries] = rows
    expect(header).toMatchObject({ type: 'session', version: 3, id: expect.any(String) as string, cwd: expect.any(String) as string })
    const seen = new Set<unknown>([null])
    for (const { id, parentId, type, message } of entries) {
      expect(seen.has(parentId)).toBe(true)
      expect(seen.has(id)).toBe(false)
      seen.add(id)
      if (type !== 'message' || message?.['role'] !== 'assistant') continue
      expect(message['usage']).toMatchObject({ input: expect.any(Number) as number, cost: { total: expect.any(Number) as number } })
      expect(['stop', 'length', 'toolUse', 'error', 'aborted']).toContain(message['stopReason'])
    }
    const calls = blocks(entries, 'toolCall').map(({ id }) => id)
    for (const { message } of entries) if (message?.['role'] === 'toolResult') expect(calls).toContain(message['toolCallId'])
  },
}

const SUM_OF_USAGE = 'what a turn took, of which the sum is told'

const formats = exporters.flatMap(({ kind, takes }) => (takes === 'a thread' ? [kind] : []))

describe.each(formats)('a session of any kind, as a file of %s', (to) => {
  let directory: string
  let states: SessionState[]
  beforeAll(async () => {
    directory = (await imported(places.next(), join(root, 'test/fixtures/import'))).directory
    states = await statesOf(directory)
  })

  test('is what its program reads, and tells the same when it is imported again', async () => {
    expect(states.length).toBeGreaterThan(20)
    for (const { id, tokens, turns } of states) {
      const file = await taken(directory, id, to)
      checks[to]?.(file)
      const { told, state, kind } = await back(file)
      expect([id, kind, ...told]).toEqual([id, to, ...toldBy(await transcriptOf(directory, id))])
      const { input, output, cacheRead, cacheWrite } = tokens
      if (SUM_OF_USAGE in file.lost) expect(file.text).toContain(`"total_tokens":${input + output},`)
      else expect(state.tokens, id).toMatchObject({ input, output, cacheRead, cacheWrite })
      expect(
        state.turns + (file.lost['a turn of another thread'] ?? 0) + (file.lost['a turn that was hidden by going back'] ?? 0),
        id,
      ).toBe(turns)
    }
  })

  test('that has several threads gives the one that is asked for', async () => {
    const file = await taken(directory, 'session-5e000002', to, 'branch-1')
    checks[to]?.(file)
    expect((await back(file)).told).toEqual(toldBy(await transcriptOf(directory, 'session-5e000002', 'branch-1')))
    expect(file.lost['a turn of another thread']).toBe(1)
  })
})

describeWithSharedData('a real session', (data) => {
  test.each([
    ['pi', 'pi/pi-mono/large-session.jsonl'],
    ['pi', 'pi/pi-mono/before-compaction.jsonl'],
    ['pi', 'pi/agent-sessions/small.jsonl'],
    ['claude-code', 'claude-code/entire-checkpoints/24-3ed775b643-0.jsonl'],
    ['claude-code', 'claude-code/entire-checkpoints/89-7eb280e769-15.jsonl'],
    ['claude-code', 'claude-code/agent-sessions/small.jsonl'],
    ['claude-code', 'claude-code/claude-code-log/edge_cases.jsonl'],
  ])('of %s, %s, goes back to where it came from', async (to, path) => {
    const { directory } = await imported(places.next(), join(data, 'agents', path))
    const [state] = await statesOf(directory)
    const file = await taken(directory, state!.id, to)
    checks[to]?.(file)
    const again = await back(file)
    expect(again.told).toEqual(toldBy(await transcriptOf(directory, state!.id)))
    expect(again.state.tokens).toEqual(state!.tokens)
  })
})

describeWithSharedData('a saved session of CodeWhale', (data) => {
  const folder = join(data, 'seeds/codewhale')
  const linear = ['00000001', '00000002', '00000005', '00000006'].map(
    (name) => `constructed/sessions/${name}-0000-4000-8000-000000000000.json`,
  )
  const empty = readdirSync(join(folder, 'real')).map((name) => `real/${name}`)

  test.each([...linear, ...empty])('%s goes back as it was', async (path) => {
    const original = JSON.parse(readFileSync(join(folder, path), 'utf8')) as Row & { metadata: Row }
    const { directory } = await imported(places.next(), join(folder, path))
    const [state] = await statesOf(directory)
    const file = await taken(directory, state!.id, 'codewhale')
    checks['codewhale']?.(file)
    const { journal: _, leaf_id: __, metadata, ...rest } = JSON.parse(file.text) as Row & { metadata: Row }
    const { metadata: before, ...others } = original
    expect(rest).toEqual(others)
    const at = ({ created_at: created }: Row): number => Date.parse(String(created))
    expect({ ...metadata, created_at: at(metadata) }).toEqual({ ...before, created_at: at(before) })
    expect((await back(file)).told).toEqual(toldBy(await transcriptOf(directory, state!.id)))
    expect(Object.keys(file.lost)).toEqual(path.includes('00000002') ? ['a call whose outcome nobody knows, left without one'] : [])
  })

  test('that is a tree goes back with its entries, a branch at a time', async () => {
    const path = join(folder, 'constructed/sessions/00000003-0000-4000-8000-000000000000.json')
    const { entries } = (JSON.parse(readFileSync(path, 'utf8')) as { journal: { entries: Row[] } }).journal
    const { directory } = await imported(places.next(), path)
    const [state] = await statesOf(directory)
    const ids = new Set<unknown>()
    for (const thread of ['main', 'branch-1']) {
      const file = await taken(directory, state!.id, 'codewhale', thread)
      checks['codewhale']?.(file)
      expect((await back(file)).told).toEqual(toldBy(await transcriptOf(directory, state!.id, thread)))
      for (const { id } of file.rows) ids.add(id)
    }
    expect(ids).toEqual(new Set(entries.map(({ id }) => id)))
  })
})

describe('what another format has no place for', () => {
  let directory: string
  beforeAll(async () => {
    directory = places.next()
    await using journal = await openJournal(directory)
    const said = (text: string): { type: 'text'; text: string }[] => [{ type: 'text', text }]
    await journal.append('session-s', [
      { type: 'session.created', data: { workspace: '/srv', parent: { stream: 'session-p' }, extra: { a: 1 } } },
      { type: 'thread.started', data: { threadId: 'main' } },
      {
        type: 'turn.submitted',
        data: { threadId: 'main', turnId: 't1', input: said('One'), attachments: [{ type: 'file', path: '/a.txt' }] },
      },
      { type: 'turn.started', data: { turnId: 't1' } },
      { type: 'turn.steered', data: { turnId: 't1', input: said('More') } },
      { type: 'tool.requested', data: { turnId: 't1', callId: 'c1', name: 'look', arguments: 'up' } },
      { type: 'approval.requested', data: { turnId: 't1', approvalId: 'a1', callId: 'c1' } },
      { type: 'approval.resolved', data: { turnId: 't1', approvalId: 'a1', decision: 'denied' } },
      { type: 'tool.finished', data: { turnId: 't1', callId: 'c1', status: 'denied' } },
      { type: 'item.started', data: { turnId: 't1', itemId: 'i1', kind: 'message' } },
      { type: 'item.delta', data: { turnId: 't1', itemId: 'i1', text: 'Half a' } },
      { type: 'turn.interrupted', data: { turnId: 't1', attempt: 1, cause: 'crash' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't2', input: said('Two') } },
      { type: 'turn.started', data: { turnId: 't2' } },
      { type: 'turn.failed', data: { turnId: 't2', error: { message: 'no network' } } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't3', input: said('Three') } },
      { type: 'session.archived', data: {} },
    ])
  })

  /** CodeWhale has a place for these. */
  const FOREIGN = ['arguments that are no object, told as one', 'an event session.archived', 'the session that this one works for']

  test.each([
    [
      'claude-code',
      [
        'the name of the session, for which another had to be made',
        'input while a turn ran, told as said by the program',
        'a turn that failed, whose error is told as what the model said',
        ...FOREIGN,
      ],
    ],
    ['pi', ['the name of the session, for which its stream stands', 'input while a turn ran, told as a prompt', ...FOREIGN]],
    [
      'codewhale',
      [
        'the name of the session, for which another had to be made',
        'input while a turn ran, told as a prompt',
        'a turn that failed, whose error is told as what the model said',
        'that a turn was cancelled',
      ],
    ],
  ])('is counted by the exporter of %s', async (to, own) => {
    const file = await taken(directory, 'session-s', to)
    checks[to]?.(file)
    expect(Object.keys(file.lost).toSorted()).toEqual(
      [
        ...own,
        'a reference to a file, told as text',
        'an event approval.requested',
        'an event approval.resolved',
        'output that was cut off, told as if it were whole',
        'that a call was denied, told as an error',
        'that a turn was interrupted',
        'a prompt that was never taken up',
        'what stands beside the session',
      ].toSorted(),
    )
    expect(JSON.stringify(file.rows)).toContain('Half a')
  })
})

describe('turnlog export', () => {
  async function turnlog(...words: string[]): Promise<{ exit: number; out: string; err: string }> {
    const kept = { out: '', err: '' }
    const spies = (['stdout', 'stderr'] as const).map((name) =>
      vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
        kept[name === 'stdout' ? 'out' : 'err'] += String(chunk)
        return true
      }),
    )
    try {
      return { exit: await cli(words), ...kept }
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
  }

  let directory: string
  beforeAll(async () => {
    directory = (await imported(places.next(), join(root, 'test/fixtures/import/pi/session.jsonl'))).directory
  })

  test('writes to standard output, and says on standard error what is lost', async () => {
    const { exit, out, err } = await turnlog('export', directory, 'session-5e000002', '--to', 'pi')
    expect(exit).toBe(0)
    expect(out.split('\n').map((line) => line.slice(0, 8))).toEqual(['{"type":', ...Array.from({ length: 6 }, () => '{"type":'), ''])
    expect(err).toBe('lost  1 × a turn of another thread\n')
  })

  test('writes a new file and never over another', async () => {
    const path = places.next('out')
    const first = await turnlog('export', directory, 'session-5e000002', '--to', 'pi', '--out', path, '--json')
    expect(JSON.parse(first.out)).toMatchObject({ to: 'pi', thread: 'main', records: 7, out: path, bytes: readFileSync(path).length })
    expect(await turnlog('export', directory, 'session-5e000002', '--to', 'pi', '--out', path)).toMatchObject({
      exit: 1,
      err: expect.stringMatching(/EEXIST/) as string,
    })
  })

  test('writes nothing with --dry-run', async () => {
    const path = places.next('out')
    const { out, err } = await turnlog('export', directory, 'session-5e000002', '--to', 'pi', '--out', path, '--dry-run')
    expect([out, err]).toEqual(['', expect.stringMatching(/^would write 7 records, .*\nlost {2}1 × a turn of another thread\n$/)])
    expect(existsSync(path)).toBe(false)
  })

  test.each([
    [['nobody', '--to', 'pi'], 1, /no session "nobody"/],
    [['session-5e000002', '--to', 'pi', '--thread', 'x'], 1, /no thread x; it has main, branch-1/],
    [['session-5e000002', '--to', 'paper'], 2, /--to takes one of jsonl, markdown, claude-code, codewhale, pi, not "paper"/],
    [['session-5e000002', '--to', 'markdown', '--thread', 'x'], 1, /no thread x; it has main, branch-1/],
    [['nobody', '--to', 'markdown'], 1, /no session "nobody"/],
    [['nobody', '--to', 'jsonl'], 1, /no session "nobody"/],
    [['session-5e000002', '--to', 'jsonl', '--thread', 'main'], 2, /takes no --thread/],
    [['--to', 'pi'], 2, /export --to pi needs <session>/],
    [['session-5e000002'], 2, /needs --to, which takes one of jsonl, markdown, claude-code, codewhale, pi/],
  ])('%j is answered with what is wrong', async (words, exit, says) => {
    expect(await turnlog('export', directory, ...words)).toMatchObject({ exit, err: expect.stringMatching(says) as string })
  })
})
