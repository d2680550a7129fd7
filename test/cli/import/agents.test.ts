/** Real sessions of the agents there are: what comes of each file, and that nothing that stands in one goes missing. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openJournal, session, type RecordedEvent, type SessionState } from '../../../src/index.js'
import { eventsIn, imported, Places, toldBy, transcriptOf, typesOf, type Imported } from '../../support/imports-into.js'
import { describeWithSharedData } from '../../support/shared-data.js'

const places = new Places()
afterAll(() => places.remove())

/** A file of one session: its kind, its turns, the calls in it, how many of those have an outcome, and the lines that are damaged. */
type OneSession = [path: string, kind: string, turns: number, calls: number, finished: number, damaged?: number[]]

const CLAUDE_SUB = 'claude-code/agent-sessions/subagent/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f'
const sessions: OneSession[] = [
  ['antigravity/agent-sessions/cli_schema_drift.jsonl', 'antigravity', 1, 1, 1],
  ['antigravity/agent-sessions/cli_small.jsonl', 'antigravity', 2, 9, 9],
  ['claude-code/agent-sessions/large.jsonl', 'claude-code', 4, 1, 1],
  ['claude-code/agent-sessions/schema_drift.jsonl', 'claude-code', 2, 1, 1],
  ['claude-code/agent-sessions/small.jsonl', 'claude-code', 8, 4, 3],
  [`${CLAUDE_SUB}.jsonl`, 'claude-code', 1, 1, 0],
  [`${CLAUDE_SUB}/subagents/agent-a0ad4f44468bdf20d.jsonl`, 'claude-code', 1, 1, 1],
  ['claude-code/agentsview/valid_session.jsonl', 'claude-code', 2, 1, 0],
  ['claude-code/claude-code-log/edge_cases.jsonl', 'claude-code', 7, 3, 1, [13, 15, 16]],
  ['claude-code/claude-code-log/representative_messages.jsonl', 'claude-code', 4, 2, 2],
  ['claude-code/claude-code-log/session_b.jsonl', 'claude-code', 2, 0, 0],
  ['claude-code/claude-code-log/todowrite_examples.jsonl', 'claude-code', 2, 3, 3],
  ['claude-code/claude-code-transcripts/sample_session.json', 'claude-code', 5, 12, 12],
  ['claude-code/claude-code-transcripts/sample_session.jsonl', 'claude-code', 2, 2, 2],
  ['claude-code/entire-checkpoints/24-3ed775b643-0.jsonl', 'claude-code', 2, 15, 15],
  ['claude-code/entire-checkpoints/89-7eb280e769-15.jsonl', 'claude-code', 6, 43, 43],
  ['codex/agent-sessions/codex_050_legacy.jsonl', 'codex', 0, 0, 0],
  ['codex/agent-sessions/codex_051_usage.jsonl', 'codex', 0, 0, 0],
  ['codex/agent-sessions/codex_052_raw.jsonl', 'codex', 0, 0, 0],
  ['codex/agent-sessions/codex_053_rate_limit.jsonl', 'codex', 0, 0, 0],
  ['codex/agent-sessions/large.jsonl', 'codex', 6, 1, 1],
  ['codex/agent-sessions/schema_drift.jsonl', 'codex', 1, 1, 1],
  ['codex/agent-sessions/small.jsonl', 'codex', 3, 8, 6, [21]],
  ['codex/agentsview/fc_args_1.jsonl', 'codex', 1, 1, 0],
  ['codex/agentsview/fc_args_2.jsonl', 'codex', 1, 1, 0],
  ['codex/agentsview/fc_stdin.jsonl', 'codex', 1, 1, 0],
  ['codex/agentsview/function_calls.jsonl', 'codex', 1, 2, 0],
  ['codex/agentsview/standard_session.jsonl', 'codex', 1, 0, 0],
  ['codex/claude-code-log/malformed.jsonl', 'codex', 1, 0, 0, [3]],
  ['copilot/agent-sessions/large.jsonl', 'copilot', 3, 2, 1],
  ['copilot/agent-sessions/schema_drift.jsonl', 'copilot', 1, 2, 2],
  ['copilot/agent-sessions/small.jsonl', 'copilot', 3, 3, 3, [17]],
  ['copilot/agent-sessions/subdir_v1/aaaabbbb-1111-2222-3333-ccccddddeeee/events.jsonl', 'copilot', 1, 1, 1],
  ['cursor/agent-sessions/large.jsonl', 'cursor', 3, 2, 2],
  ['cursor/agent-sessions/schema_drift.jsonl', 'cursor', 1, 1, 1],
  ['cursor/agent-sessions/small.jsonl', 'cursor', 2, 1, 0],
  ['cursor/agent-sessions/subagent/parent.jsonl', 'cursor', 1, 1, 0],
  ['cursor/agent-sessions/subagent/subagents/child.jsonl', 'cursor', 1, 0, 0],
  ['deepseek-harness/advanced-toolchain/session.1.jsonl', 'dsh', 1, 0, 0],
  ['deepseek-harness/advanced-toolchain/session.2.jsonl', 'dsh', 1, 0, 0],
  ['deepseek-harness/advanced-toolchain/session.jsonl', 'dsh', 1, 7, 7],
  ['deepseek-harness/agent-sessions/malformed_seq_gap.jsonl', 'dsh', 1, 1, 1, [5, 6]],
  ['deepseek-harness/agent-sessions/malformed_torn_tail.jsonl', 'dsh', 1, 1, 1, [12]],
  ['deepseek-harness/agent-sessions/unknown_required_event.jsonl', 'dsh', 1, 1, 1, [13]],
  ['deepseek-harness/approval-composer.jsonl', 'dsh', 1, 3, 3],
  ['deepseek-harness/compaction-recovery.jsonl', 'dsh', 1, 1, 1],
  ['deepseek-harness/goal-multi-turn-actions.jsonl', 'dsh', 2, 11, 11],
  ['deepseek-harness/hook-cc-posttool-block.jsonl', 'dsh', 1, 2, 2],
  ['deepseek-harness/permission-policy-context.jsonl', 'dsh', 4, 3, 3],
  ['deepseek-harness/plan-review.jsonl', 'dsh', 1, 1, 1],
  ['deepseek-harness/subagent-fork-in-process.jsonl', 'dsh', 2, 1, 1],
  ['deepseek-harness/subagent-mixed.jsonl', 'dsh', 2, 2, 2],
  ['droid/agent-sessions/session_store_large.jsonl', 'droid', 2, 1, 1],
  ['droid/agent-sessions/session_store_schema_drift.jsonl', 'droid', 1, 0, 0],
  ['droid/agent-sessions/session_store_small.jsonl', 'droid', 1, 1, 1],
  ['droid/agent-sessions/stream_json_large.jsonl', 'droid', 1, 1, 1],
  ['droid/agent-sessions/stream_json_schema_drift.jsonl', 'droid', 1, 1, 1],
  ['droid/agent-sessions/stream_json_small.jsonl', 'droid', 1, 1, 1],
  ['gemini/agent-sessions/jsonl_v040.jsonl', 'gemini', 1, 1, 1],
  ['gemini/agent-sessions/large.json', 'gemini', 2, 2, 2],
  ['gemini/agent-sessions/schema_drift.json', 'gemini', 1, 0, 0],
  ['gemini/agent-sessions/small.json', 'gemini', 1, 0, 0],
  ['gemini/agentsview/standard_session.json', 'gemini', 2, 0, 0],
  ['gemini/agentsview/system_messages.json', 'gemini', 0, 0, 0],
  ['gemini/agentsview/thinking_only.json', 'gemini', 1, 0, 0],
  ['gemini/agentsview/tool_calls.json', 'gemini', 1, 1, 1],
  ['gemini/gemini-cli/agent-resume-session.json', 'gemini', 1, 0, 0],
  ['grok/agent-sessions/chat_history.jsonl', 'grok', 2, 3, 3],
  ['grok/agent-sessions/subagent/chat_history.jsonl', 'grok', 1, 1, 1],
  ['hermes/agent-sessions/large.json', 'hermes', 1, 1, 1],
  ['hermes/agent-sessions/schema_drift.json', 'hermes', 1, 1, 1],
  ['hermes/agent-sessions/small.json', 'hermes', 1, 0, 0],
  ['kimi/agent-sessions/assistant_tools.jsonl', 'kimi', 8, 19, 19],
  ['kimi/agent-sessions/small.jsonl', 'kimi', 2, 0, 0],
  ['kimi/agent-sessions/subagent_agent-0.jsonl', 'kimi', 1, 2, 2],
  ['misc/agent-sessions/session_branch.jsonl', 'chat', 1, 1, 1],
  ['misc/agent-sessions/session_simple.jsonl', 'chat', 1, 0, 0],
  ['misc/agent-sessions/session_toolcall.jsonl', 'chat', 1, 1, 1],
  ['openclaw/agent-sessions/large.jsonl', 'openclaw', 1, 2, 2],
  ['openclaw/agent-sessions/schema_drift.jsonl', 'openclaw', 1, 1, 1],
  ['openclaw/agent-sessions/small.jsonl', 'openclaw', 1, 1, 1],
  ['opencode/agent-sessions/storage_legacy/session/proj_test/ses_s_stage0_drift.json', 'opencode', 1, 1, 1],
  ['opencode/agent-sessions/storage_v2/session/proj_test/ses_s_stage0_large.json', 'opencode', 2, 1, 1],
  ['opencode/agent-sessions/storage_v2/session/proj_test/ses_s_stage0_small.json', 'opencode', 1, 1, 1],
  ['pi/agent-sessions/small.jsonl', 'pi', 2, 0, 0],
  ['pi/pi-mono/before-compaction.jsonl', 'pi', 55, 454, 448],
  ['pi/pi-mono/large-session.jsonl', 'pi', 89, 391, 373],
  ['qwen/agent-sessions/019f0000-0000-7000-8000-000000000001.jsonl', 'qwen', 2, 1, 1],
  ['qwen/agent-sessions/019f0000-0000-7000-8000-000000000002.jsonl', 'qwen', 1, 0, 0],
  ['qwen/agent-sessions/019f0000-0000-7000-8000-000000000004.jsonl', 'qwen', 3, 1, 0],
  ['qwen/agent-sessions/019f0000-0000-7000-8000-000000000005.jsonl', 'qwen', 1, 0, 0],
  ['qwen/agent-sessions/019f0000000070008000000000000003.jsonl', 'qwen', 1, 0, 0],
  ['qwen/agent-sessions/system_telemetry.jsonl', 'qwen', 1, 1, 1],
]

/** Files that are told of with the session they belong to. */
const besides: [path: string, kind: string][] = [
  [`${CLAUDE_SUB}/subagents/agent-a0ad4f44468bdf20d.meta.json`, 'claude-code'],
  ['claude-code/entire-checkpoints/24-3ed775b643-0.metadata.json', 'claude-code'],
  ['claude-code/entire-checkpoints/89-7eb280e769-15.metadata.json', 'claude-code'],
  ['grok/agent-sessions/subagent/summary.json', 'grok'],
  ['grok/agent-sessions/summary.json', 'grok'],
  ['kimi/agent-sessions/assistant_tools.state.json', 'kimi'],
  ['kimi/agent-sessions/state.json', 'kimi'],
  ['opencode/agent-sessions/storage_legacy/message/s_stage0_drift/msg_0001.json', 'opencode'],
  ['opencode/agent-sessions/storage_legacy/message/s_stage0_drift/msg_0002.json', 'opencode'],
  ['opencode/agent-sessions/storage_legacy/part/prt_0001.json', 'opencode'],
  ['opencode/agent-sessions/storage_legacy/part/prt_0002.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/message/s_stage0_large/msg_0001.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/message/s_stage0_large/msg_0002.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/message/s_stage0_large/msg_0003.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/message/s_stage0_large/msg_0004.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/message/s_stage0_small/msg_0001.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/message/s_stage0_small/msg_0002.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/001.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/002.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/003.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/004.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/005.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/006.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/007.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_1/008.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_large_2/001.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_small/001.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_assistant_small/002.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_user_large_1/001.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_user_large_2/001.json', 'opencode'],
  ['opencode/agent-sessions/storage_v2/part/m_user_small/001.json', 'opencode'],
]

const nobodys = [
  'SOURCES.md',
  'ag-ui/events.json',
  'temporal/cancel_fake_progress_history.json',
  'temporal/complete_update_after_workflow_returns_pre1488.json',
  'temporal/lang_flags_replay_correctly_1_11_2.json',
  'temporal/random-replay-1.17.2.json',
]

/** Copies of one session, one longer than the other. */
const SAME: [path: string, other: string][] = [
  ['deepseek-harness/agent-sessions/unknown_ignorable_event.jsonl', 'deepseek-harness/agent-sessions/malformed_torn_tail.jsonl'],
  ['deepseek-harness/agent-sessions/v3_base.jsonl', 'deepseek-harness/agent-sessions/malformed_torn_tail.jsonl'],
]
const TOO_NEW = 'deepseek-harness/agent-sessions/future_v5_header.jsonl'

describeWithSharedData('files of real agents', (shared) => {
  const data = join(shared, 'agents')
  let all: Imported
  const byPath = new Map<string, { stream: string; events: RecordedEvent[] }>()
  const views = new Map<string, SessionState>()
  const byStream = new Map<string, string>()

  beforeAll(async () => {
    all = await imported(places.next(), data)
    for (const [stream, events] of await eventsIn(all.directory)) {
      const { source } = (events[0]?.data ?? {}) as { source?: { path: string } }
      const path = source?.path.slice(data.length + 1) ?? ''
      byPath.set(path, { stream, events })
      byStream.set(stream, path)
    }
    await using journal = await openJournal(all.directory, { readOnly: true })
    for await (const { key, state } of journal.list(session, { by: 'lastActivity' })) views.set(String(key), state)
  })
  const stream = (path: string): string => byPath.get(path)?.stream ?? ''

  test.each(sessions)('%s is a session of %s with %i turns and %i calls', (path, kind, turns, calls, finished, damaged = []) => {
    const item = all.file(path)
    expect(item).toMatchObject({ kind, sessions: 1 })
    expect(item.damaged.map(({ line }) => line)).toEqual(damaged)
    const types = typesOf(byPath.get(path)?.events)
    const count = (type: string): number => types.filter((one) => one === type).length
    expect([count('turn.submitted'), count('tool.requested'), count('tool.finished')]).toEqual([turns, calls, finished])
  })

  test.each(besides)('%s is read with its session of %s', (path, kind) => {
    expect(all.file(path)).toMatchObject({ kind, sessions: 0, damaged: [] })
  })

  test.each(nobodys)('%s is of nobody that is known, and says so', (path) => {
    expect(all.file(path)).toMatchObject({ kind: 'unknown', damaged: [{ reason: expect.stringMatching(/--from/) as string }] })
  })

  test('no file is left out of this list', () => {
    expect(all.report.files.map(({ path }) => path.slice(data.length + 1)).toSorted()).toEqual(
      [...sessions, ...besides]
        .map(([path]) => path)
        .concat(
          nobodys,
          SAME.map(([path]) => path),
          TOO_NEW,
        )
        .toSorted(),
    )
  })

  test.each(SAME)('%s goes on with the session of %s', (path, other) => {
    expect(all.file(path)).toMatchObject({ kind: 'dsh', sessions: 1, damaged: [] })
    expect(all.file(path).details.notes.join()).toContain(stream(other))
  })

  test('a version from the future is left where it is', () => {
    expect(all.file(TOO_NEW)).toMatchObject({
      sessions: 0,
      damaged: [{ line: 1, reason: expect.stringMatching(/newer than 3/) as string }],
    })
  })

  test.each([
    [`${CLAUDE_SUB}/subagents/agent-a0ad4f44468bdf20d.jsonl`, `${CLAUDE_SUB}.jsonl`],
    ['cursor/agent-sessions/subagent/subagents/child.jsonl', 'cursor/agent-sessions/subagent/parent.jsonl'],
    ['deepseek-harness/advanced-toolchain/session.1.jsonl', 'deepseek-harness/advanced-toolchain/session.jsonl'],
    ['deepseek-harness/advanced-toolchain/session.2.jsonl', 'deepseek-harness/advanced-toolchain/session.jsonl'],
  ])('%s names its parent, %s', (child, parent) => {
    expect(views.get(stream(child))?.parent).toEqual({ stream: stream(parent) })
  })

  describe('everything that is said', () => {
    let kept: Set<string>
    let text: string
    beforeAll(() => {
      const events = [...byPath.values()].flatMap((one) => one.events)
      kept = new Set(events.flatMap(({ data: of, meta }) => textsIn([of, meta]).map(([, said]) => said)))
      text = JSON.stringify(events.map(({ data: of }) => of))
    })

    /** As it is, inside another text, or as what a text of JSON says. */
    function isKept(said: string): boolean {
      if (kept.has(said) || text.includes(JSON.stringify(said).slice(1, -1))) return true
      const inner = valueOf(said)
      return inner !== undefined && textsIn(inner).every(([, one]) => one === '' || kept.has(one))
    }

    const readable = [...sessions, ...besides].map(([path]) => path)
    test.each(readable)('in %s is in the journal', (path) => {
      const missing = valuesIn(join(data, path))
        .flatMap((value) => textsIn(value))
        .filter(([key, said]) => !NAMES_A_KIND.test(key) && said.trim() !== '' && !IS_A_TIME.test(said) && !isKept(said))
      expect(missing).toEqual([])
    })
  })

  test('what was done before the first prompt makes no branch', async () => {
    expect(toldBy(await transcriptOf(all.directory, stream('openclaw/agent-sessions/large.jsonl')))).toHaveLength(7)
  })

  test('again adds nothing', async () => {
    expect((await imported(all.directory, data)).report.added).toBe(0)
  })
})

/** Fields that say what a record is: the event that it became says it now. */
const NAMES_A_KIND = /^(type|subtype|method|source)$/
const IS_A_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/

function textsIn(value: unknown, key = ''): [key: string, said: string][] {
  if (typeof value === 'string') return [[key, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => textsIn(inner, Array.isArray(value) ? key : name))
}

function valuesIn(path: string): unknown[] {
  const whole = readFileSync(path, 'utf8')
  const document = valueOf(whole)
  return document === undefined ? whole.split('\n').map(valueOf) : [document]
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
