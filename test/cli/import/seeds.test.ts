/** Files of four systems, whole and broken: what an importer has to conclude of each. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openJournal, session, task, thread, timeline, turn, type RecordedEvent } from '../../../src/index.js'
import { eventsIn, imported, Places, toldBy, transcriptOf, typesOf, type Imported } from '../../support/imports-into.js'
import { describeWithSharedData } from '../../support/shared-data.js'

const places = new Places()
afterAll(() => places.remove())

/** What an import made of one system's files, read once. */
function system(
  data: string,
  name: string,
): { all: () => Imported; events: (stream: string) => RecordedEvent[]; told: (stream: string, thread?: string) => Promise<string[]> } {
  let found: Imported
  let events: Map<string, RecordedEvent[]>
  beforeAll(async () => {
    found = await imported(places.next(), join(data, 'seeds', name))
    events = await eventsIn(found.directory)
  })
  return {
    all: () => found,
    events: (stream) => events.get(stream) ?? [],
    told: async (stream, of) => toldBy(await transcriptOf(found.directory, stream, of)),
  }
}

const reasons = ({ damaged }: { damaged: { reason: string }[] }): string[] => damaged.map(({ reason }) => reason)
const dataOf = (events: RecordedEvent[], type: string): Record<string, unknown>[] =>
  events.filter((event) => event.type === type).map(({ data }) => data as Record<string, unknown>)

describeWithSharedData('hermes-webui', (data) => {
  const { all, events, told } = system(data, 'hermes-webui/corpus-damaged')

  test('two completed turns, the older from a legacy shard with two malformed lines', async () => {
    expect(dataOf(events('session-a11ce0000001'), 'turn.completed').map(({ turnId }) => turnId)).toEqual([
      'legacy-turn',
      '20261121T021417Z-d2659c5e641f',
    ])
    expect(all().file('_turn_journal/a11ce0000001.jsonl').damaged).toEqual([
      { line: 3, reason: 'an array for a record' },
      { line: 4, reason: 'torn last line' },
    ])
    expect(all().file('str-a.jsonl').details.notes.join()).toMatch(/7 records, completed/)
    expect(await told('session-a11ce0000001')).toEqual([
      'person: legacy prompt',
      'person: list the files',
      'tool: terminal {"command":"ls"} ok: README.md\nsrc',
      'model: There are two entries: README.md and src.',
    ])
  })

  test.each([
    [
      'a prompt whose worker died: prompt and partial text',
      'b0b000000002',
      'second question, never answered',
      'model: Partial answer that was jour …',
    ],
    ['a prompt whose worker never started', 'b1b000000012', 'lost before worker start', undefined],
    ['a prompt that repeats an older one', 'b3b000000032', 'continue', undefined],
  ])('%s is an interrupted turn', async (_name, id, prompt, partial) => {
    const lines = await told(`session-${id}`)
    expect(lines.filter((line) => line.split('|')[0] === `person: ${prompt}`).length).toBe(id === 'b3b000000032' ? 2 : 1)
    if (partial !== undefined) expect(lines).toContain(partial)
    expect(dataOf(events(`session-${id}`), 'turn.interrupted')).toHaveLength(1)
    expect(dataOf(events(`session-${id}`), 'turn.completed')).toHaveLength(1)
  })

  test('a collision of two ends is told of, and the first holds', () => {
    const types = typesOf(events('session-c0111de00003'))
    expect(types.filter((type) => /^turn\.(completed|cancelled|interrupted)$/.test(type))).toEqual(['turn.cancelled'])
    expect(all().file('c0111de00003~30072.jsonl').damaged).toEqual([
      { line: 4, reason: 'a second end (completed) of turn 20260511T001122Z-abcdef012345' },
    ])
  })

  test('a session that shrank is taken from its richer backup', async () => {
    expect((await told('session-d00d00000004')).filter((line) => line.startsWith('person'))).toHaveLength(6)
    expect(reasons(all().file('d00d00000004.json'))[0]).toMatch(/shrunken: 1 message\(s\), and 6 in the backup/)
  })

  test('an orphan backup is restored with a row, left to a person without one, and told of where it is malformed', () => {
    expect(events('session-e0e000000005').length).toBeGreaterThan(3)
    expect(events('session-f0f000000006')).toEqual([])
    expect(reasons(all().file('f0f000000006.json.bak'))[0]).toMatch(/a person has to say/)
    expect(reasons(all().file('9ad000000007.json.bak'))).toEqual(['the document is cut off here'])
  })

  test('the database gives the session it alone knows, and none that has no messages or was deleted', async () => {
    expect(await told('session-abcd00000008')).toEqual(['person: from state db', 'model: answer from state db'])
    expect(events('session-abcd00000008')[0]?.data).toMatchObject({
      worktree: { path: '/repo/.worktrees/x', branch: 'hermes/x', repository: '/repo' },
    })
    expect(events('session-abcd00000009')).toEqual([])
    expect(events('session-abcd0000000a')).toEqual([])
    expect(reasons(all().file('state.db'))[0]).toMatch(/abcd00000009 .*a person has to look/)
    expect(all().file('state.db').details.notes.join()).toMatch(/abcd0000000a: deleted by its user/)
  })

  test('the index is held against the files', () => {
    expect(reasons(all().file('_index.json'))).toEqual([
      'session feed0000000b is in the index, and has no file',
      'session c0111de00003 has a file, and is not in the index',
    ])
  })
})

describeWithSharedData('hermes-webui, adversarial', (data) => {
  const { all, events, told } = system(data, 'hermes-webui/adversarial')

  test('a run that several threads wrote is whole, by its numbers', () => {
    const raw = dataOf(events('session-ad0001'), 'session.updated')
    expect(raw).toHaveLength(96)
    expect(all().file('out-of-order.jsonl').details.notes).toEqual(['82 adjacent pairs do not follow each other: taken by their numbers'])
  })

  test('a run with the same numbers again and again loses nothing, and says so', () => {
    expect(dataOf(events('session-ad0002'), 'session.updated')).toHaveLength(45)
    expect(reasons(all().file('duplicate-seq.jsonl'))[0]).toMatch(/45 records with 16 numbers/)
  })

  test('a prompt glued to a torn line is found at its byte', async () => {
    expect(await told('session-ad0003')).toEqual(expect.arrayContaining(['person: hello', 'person: prompt accepted after the torn tail']))
    expect(all().file('ad0003~13688.jsonl').damaged).toEqual([
      { line: 2, offset: 0, reason: 'torn, and the next record glued to it at 61' },
    ])
    expect(dataOf(events('session-ad0003'), 'turn.submitted').map(({ turnId }) => turnId)).toEqual(['t1', 't2'])
  })

  test('a clock that stepped back leaves the turn completed', () => {
    expect(typesOf(events('session-ad0004'))).toEqual(['turn.submitted', 'turn.started', 'turn.completed'])
  })
})

describeWithSharedData('hermes-webui, as repaired upstream and its fixtures', (data) => {
  test('every file is accounted for', async () => {
    const all = await imported(
      places.next(),
      join(data, 'seeds/hermes-webui/corpus-repaired'),
      join(data, 'seeds/hermes-webui/fixtures-real'),
    )
    expect(all.report.files.filter(({ kind }) => kind !== 'hermes-webui')).toEqual([])
    expect(all.file('issue6611_regeneration_rows.json').sessions).toBe(1)
    const rows = (await eventsIn(all.directory)).get('session-issue6611_regeneration_rows')
    expect(typesOf(rows)).toEqual(['turn.submitted', 'turn.started', 'turn.failed'])
  })
})

describeWithSharedData('codewhale', (data) => {
  const { all, events, told } = system(data, 'codewhale')
  const id = (n: number): string => `session-0000000${n}-0000-4000-8000-000000000000`

  test('saved sessions that were never used come in empty', async () => {
    const empty = all().report.files.filter(({ path }) => path.includes('real/session_2026'))
    expect(empty.map(({ sessions, events: count, damaged }) => [sessions, count, damaged.length])).toEqual(
      Array.from({ length: 10 }, () => [1, 1, 0]),
    )
    await using journal = await openJournal(all().directory, { readOnly: true })
    expect((await journal.view(session, 'session-9f574f3d-c6f6-436e-9967-aaaba56148a2')).state).toMatchObject({
      model: 'deepseek-v3.2',
      turns: 0,
    })
    expect(events('session-11111111-2222-4333-8444-555555555555')[0]?.data).toMatchObject({
      extra: { work_state: { graph: { schema: 1 } } },
    })
  })

  test('a linear session with a call and a thought', async () => {
    expect(await told(id(1))).toEqual([
      'person: list files',
      'model: Looking.',
      'tool: exec_shell {"command":"ls"} ok: a.txt\nb.txt',
      'thinks: two files',
      'model: There are two files.',
    ])
  })

  test('a dangling call, a newer checkpoint, a queue and an approval that nobody decided', async () => {
    expect(await told(id(2))).toEqual([
      'person: build it',
      'model: Building.',
      'tool: exec_shell {"command":"make"} ok: ok',
      'asks: May this run? approved_once',
      'tool: read_file {"path":"x"} unknown: ',
      'asks: May this run? ?',
      'model: partial in-flight answ',
      'note: The turn was interrupted: unfinished',
      'person: run the tests',
    ])
    const own = events(id(2))
    expect(dataOf(own, 'approval.requested').map(({ approvalId }) => approvalId)).toEqual(['call_a', 'call_b'])
    expect(dataOf(own, 'approval.resolved')).toMatchObject([{ approvalId: 'call_a', decision: 'approved_once' }])
    expect(dataOf(own, 'session.updated')).toMatchObject([{ extra: { draft: 'half typed mess' } }])
    expect(dataOf(own, 'turn.interrupted')).toHaveLength(1)
    await using journal = await openJournal(all().directory, { readOnly: true })
    expect((await journal.view(session, id(2))).state?.open.map(({ status }) => status)).toEqual(['queued', 'queued', 'interrupted'])
  })

  test('a tree keeps both of its branches', async () => {
    await using journal = await openJournal(all().directory, { readOnly: true })
    const threads = []
    for await (const { state } of journal.list(thread, { by: 'started', prefix: [id(3)] })) threads.push(state.threadId)
    expect(threads).toEqual(['main', 'branch-1'])
    expect(await told(id(3))).toEqual(['person: plan A', 'model: A1', 'person: more A', 'model: A2'])
    expect(await told(id(3), 'branch-1')).toEqual([
      'summary: user wants B',
      'person: continue B',
      'note: The turn was interrupted: unfinished',
    ])
    expect(events(id(3))[0]?.data).toMatchObject({
      extra: { leaf_id: 'e0000010-0000-4000-8000-000000000000', goal: { objective: 'ship B' } },
    })
    expect(JSON.stringify(events(id(3)))).toContain('abandoned branch A2')
  })

  test('an entry that follows nothing is told of, and the others stay', () => {
    expect(reasons(all().file('00000004-0000-4000-8000-000000000000.json'))).toEqual([
      expect.stringMatching(/e0000007.* follows e9999999.*not there/),
    ])
    expect(dataOf(events(id(4)), 'turn.submitted')).toHaveLength(4)
  })

  test('a fork names its parent, an archived session is archived', async () => {
    await using journal = await openJournal(all().directory, { readOnly: true })
    expect((await journal.view(session, id(5))).state?.parent).toEqual({ stream: id(1) })
    expect((await journal.view(session, id(6))).state?.status).toBe('archived')
  })

  test('newer than known is refused, cut off is told of, a leaked temporary file is left', () => {
    expect(events(id(7))).toEqual([])
    expect(reasons(all().file('00000007-0000-4000-8000-000000000000.json'))).toEqual([expect.stringMatching(/schema 99 is newer/)])
    expect(reasons(all().file('00000008-0000-4000-8000-000000000000.json'))).toEqual(['the document is cut off here'])
    expect(all().file('.tmpA1b2C3').details.notes).toEqual([expect.stringMatching(/temporary/)])
  })

  test('a runtime thread whose numbers have gaps, as numbers of several threads do', async () => {
    expect(await told('session-thr_aaaaaaaa')).toEqual([
      'person: list files',
      'tool: exec_shell {} ok: a.txt\nb.txt',
      'asks: run ls allow',
      'model: There are two files.',
    ])
    expect(dataOf(events('session-thr_aaaaaaaa'), 'turn.completed')).toMatchObject([
      { durationMs: 8000, usage: { inputTokens: 30, outputTokens: 15 } },
    ])
  })

  test('a last line without a newline was never committed, and its turn is interrupted', async () => {
    expect(all().file('thr_bbbbbbbb.jsonl').damaged).toEqual([{ line: 4, reason: expect.stringMatching(/never committed/) }])
    expect((await told('session-thr_bbbbbbbb')).slice(0, 2)).toEqual(['person: write essay', 'model: Once upon a ti …'])
    expect(typesOf(events('session-thr_bbbbbbbb')).at(-1)).toBe('turn.interrupted')
  })

  test('an end that the log lacks comes from the record, once, and the call that was never resolved is cancelled', () => {
    expect(typesOf(events('session-thr_cccccccc'))).toEqual([
      'turn.submitted',
      'turn.started',
      'tool.requested',
      'tool.finished',
      'turn.failed',
    ])
    expect(dataOf(events('session-thr_cccccccc'), 'tool.finished')).toMatchObject([{ callId: 'dyn_1', status: 'cancelled' }])
    expect(dataOf(events('session-thr_cccccccc'), 'turn.failed')).toMatchObject([{ error: { message: 'provider 500' } }])
  })

  test('a malformed line in the middle is told of, and what follows is read', () => {
    expect(all().file('thr_dddddddd.jsonl').damaged).toEqual([{ line: 2, reason: 'not JSON' }])
    expect(typesOf(events('session-thr_dddddddd'))).toContain('turn.submitted')
  })

  test('an orphan log of an older schema comes in, and a counter behind its logs is told of', () => {
    expect(events('session-thr_eeeeeeee').length).toBeGreaterThan(0)
    expect(reasons(all().file('runtime/state.json'))).toEqual(['next_seq 16 is behind the logs, whose highest is 50'])
  })

  test('a task that ran is failed as recovered, a completed one stays as it is', async () => {
    await using journal = await openJournal(all().directory, { readOnly: true })
    expect((await journal.view(task, 'task_0123456789abcdef')).state).toMatchObject({ status: 'failed' })
    expect((await journal.view(task, 'task_fedcba9876543210')).state).toMatchObject({ status: 'completed' })
    expect(dataOf(events('task-0123456789abcdef'), 'task.failed')).toMatchObject([{ error: { kind: 'recovered' } }])
    const entries = []
    for await (const { state } of journal.list(timeline, { prefix: ['task_0123456789abcdef'] })) entries.push(state)
    expect(entries).toHaveLength(3)
  })
})

describeWithSharedData('zeroclaw', (data) => {
  const { all, events, told } = system(data, 'zeroclaw')
  const alone = async (name: string): Promise<{ report: Imported; told: string[] }> => {
    const copy = places.next('alone')
    cpSync(join(data, 'seeds/zeroclaw/constructed/sessions', name), join(copy, name), { recursive: true })
    const report = await imported(places.next(), join(copy, name))
    const [stream] = (await eventsIn(report.directory)).keys()
    return { report, told: stream === undefined ? [] : toldBy(await transcriptOf(report.directory, stream)) }
  }

  test('a chat keeps every character', async () => {
    const expected = ['person: hello', 'model: Hi! How can I help?', 'person: 日本語 🦀 "quoted" \\ back\nline2', 'model: 了解']
    expect((await alone('telegram_user123.jsonl')).told).toEqual(expected)
    expect(await told('session-zeroclaw-telegram_user123')).toEqual(expected)
  })

  test('bad lines are told of one by one, a torn tail apart; a file without a message is refused, an empty one is a session', async () => {
    expect(all().file('corrupt_middle.jsonl').damaged).toEqual([{ line: 2, reason: 'not JSON' }])
    expect(all().file('torn_tail.jsonl').damaged).toEqual([{ line: 3, reason: 'torn last line' }])
    expect(all().file('all_invalid.jsonl')).toMatchObject({ sessions: 0, events: 0 })
    expect(reasons(all().file('all_invalid.jsonl')).at(-1)).toMatch(/not taken in/)
    expect(all().file('empty.jsonl')).toMatchObject({ sessions: 1, events: 1, damaged: [] })
    expect((await alone('torn_tail.jsonl')).told).toEqual(['person: hello', 'model: Hi! How can I help?'])
  })

  test('a name that two keys may share is one session', async () => {
    expect(await told('session-zeroclaw-slack_C123_1_2_user_one')).toHaveLength(2)
  })

  test('what was moved is taken from the database, what is staged from where it stands, and what is both from neither', () => {
    expect(all().file('migr_done.jsonl.migrated').details.notes).toEqual([
      expect.stringMatching(/the same as session migr_done in the database/),
    ])
    expect(all().file('migr_staged_crash.jsonl.importing')).toMatchObject({ sessions: 1, damaged: [] })
    expect(dataOf(events('session-zeroclaw-migr_staged_crash'), 'turn.submitted')).toHaveLength(2)
    for (const end of ['migr_ambiguous.jsonl', 'migr_ambiguous.jsonl.importing'])
      expect(reasons(all().file(end))).toEqual([expect.stringMatching(/neither is taken/)])
    expect(events('session-zeroclaw-migr_ambiguous')).toEqual([])
  })

  test('the database says what ran and what failed', () => {
    expect(typesOf(events('session-zeroclaw-gw_running')).at(-1)).toBe('turn.interrupted')
    expect(typesOf(events('session-zeroclaw-gw_error')).at(-1)).toBe('turn.failed')
  })

  test('a call that went in and never came out is unknown, and a killed session stays gone', async () => {
    const own = events('session-11111111-1111-4111-8111-111111111111')
    expect(dataOf(own, 'tool.unknown')).toMatchObject([{ callId: 'tc-2' }])
    await using journal = await openJournal(all().directory, { readOnly: true })
    expect((await journal.view(session, 'session-22222222-2222-4222-8222-222222222222')).state?.status).toBe('deleted')
  })

  test('agents that started and were not heard of again are failed tasks', () => {
    const tasks = ['a414ce8', 'a2f8cd0', 'a36c3dc', 'af90f6e'].map((agent) => typesOf(events(`task-${agent}`)).at(-1))
    expect(tasks).toEqual(['task.failed', 'task.failed', 'task.completed', 'task.failed'])
    expect(typesOf(events('task-af90f6ee4f6a5ea9b')).at(-1)).toBe('task.failed')
  })

  test('traces are turns, and the ends of sessions are kept', async () => {
    expect(await told('session-zeroclaw-smoke_greeting')).toHaveLength(2)
    expect(dataOf(events('session-zeroclaw-multi_tool_chain'), 'tool.requested')).toHaveLength(3)
    expect(events('session-0084b130-f97e-4f51-8549-357d1226523e')[0]?.data).toMatchObject({ extra: { reason: 'other' } })
  })
})

describeWithSharedData('agentmux', (data) => {
  const { all, events, told } = system(data, 'agentmux')

  test('each zone is a session: the current one, its archives, one before there were anchors', async () => {
    expect(await told('session-agent:writer-1:current')).toEqual([
      'person: fix the bug',
      'model: Fixed.',
      'person: add a test',
      'model: Added.',
    ])
    await using journal = await openJournal(all().directory, { readOnly: true })
    for (const archive of ['session-agent:writer-1:archive:1780000000000', 'session-agent:writer-1:archive:1780000000001']) {
      expect((await journal.view(session, archive)).state?.status).toBe('archived')
    }
    expect(events('session-blk-legacy-7').length).toBeGreaterThan(3)
    expect(JSON.stringify(events('session-agent:writer-1:current')[0])).toContain('Goal: fix bug')
  })

  test('a torn tail is told of, a zone of many parts is whole', () => {
    expect(all().file('filestore.db').damaged).toEqual([{ line: 9, reason: 'agent:torn:current/output: torn last line' }])
    expect(dataOf(events('session-agent:big:current'), 'item.completed')).toHaveLength(600)
  })

  test('the stream by itself is the same conversation', async () => {
    expect(await told('session-agentmux-output-current')).toEqual([
      'person: fix the bug',
      'model: Fixed.',
      'person: add a test',
      'model: Added.',
    ])
    expect(JSON.stringify(events('session-agentmux-output-current'))).toContain('"outcome":"resumed"')
  })
})

describeWithSharedData('everything at once', (data) => {
  let all: Imported
  beforeAll(async () => {
    all = await imported(places.next(), data)
  })

  test('every file is accounted for, and the second import adds nothing', async () => {
    const { readdirSync } = await import('node:fs')
    const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(all.report.files).toHaveLength(files.length)
    for (const file of all.report.files) {
      const says = file.events + file.damaged.length + file.details.notes.length + file.sessions
      if (!file.path.includes('/part/') && !file.path.endsWith('approval_receipts.jsonl')) expect(says, file.path).toBeGreaterThan(0)
    }
    expect((await imported(all.directory, data)).report.added).toBe(0)
  })

  test('what is no session of a known kind is named as that', () => {
    const unknown = all.report.files.filter(({ kind }) => kind === 'unknown').map(({ path }) => path.slice(data.length + 1))
    expect(
      unknown.filter((path) => !/^(agents\/(SOURCES\.md|ag-ui|temporal)|seeds\/README\.md|seeds\/hermes-webui\/[\w-]+\.json$)/.test(path)),
    ).toEqual([])
  })

  test('no turn is left running, and the sources are as they were', async () => {
    await using journal = await openJournal(all.directory, { readOnly: true })
    const running: string[] = []
    for await (const { state } of journal.list(turn, { by: 'submitted' })) if (state.status === 'running') running.push(state.turnId)
    expect(running).toEqual([])
    expect(readFileSync(join(data, 'seeds/codewhale/constructed/runtime/state.json'), 'utf8')).toContain('"next_seq": 16')
  })
})
