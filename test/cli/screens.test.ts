/** Screens as a person reads them, in a terminal of 80 columns, kept as text. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { wide } from '../../src/cli/terminal.js'
import { events, openJournal } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { filesIn } from '../support/files-in.js'
import { hasTerminal, onTerminal } from '../support/terminal.js'

const base = mkdtempSync(join(tmpdir(), 'turnlog-screens-'))
let now = 1_700_000_000_000
const clock = { now: () => (now += 1000), random: (count: number) => new Uint8Array(count).map((_, i) => (now + i * 7) & 255) }
const about = { threadId: 'main', turnId: 't1' }

beforeAll(async () => {
  const journal = await openJournal(join(base, 'whole'), { clock, segmentBytes: 4096 })
  for (let n = 0; n < 12; n++) {
    await journal.append(`session-${n}`, [
      { type: 'session.created', data: { title: `The ${n} th question of a day that had many of them, and few answers` } },
      { type: 'thread.started', data: { threadId: 'main' } },
      { type: 'turn.submitted', data: { ...about, input: [{ type: 'text', text: 'Why is CI red?' }] } },
      { type: 'turn.started', data: { turnId: 't1' } },
      { type: 'turn.completed', data: { turnId: 't1' } },
    ])
  }
  await journal.append('session-3', [{ type: 'turn.submitted', data: { threadId: 'main', turnId: 't2', input: [] } }])
  await journal.close()
  await writeRich(join(base, 'rich'))
  for (const name of ['odd', 'lawless']) {
    const other = await openJournal(join(base, name), { clock, segmentBytes: 4096, events, upcasters, laws: [] })
    for (const id of ['session-1', 'session-2', 'session-3', 'session-4']) {
      await other.append(id, [
        { type: 'session.created', data: { title: `${id} of a day that had many of them` } },
        { type: 'thread.started', data: { threadId: 'main' } },
        { type: 'turn.submitted', data: { ...about, input: [] } },
        { type: 'turn.started', data: { ...about, attempt: 1 } },
      ])
      for (let n = 0; n < 4; n++) await other.append(id, [{ type: 'session.updated', data: { title: `${id} in its ${n} th state` } }])
    }
    for (const turn of name === 'lawless' ? [1, 2] : [1])
      await other.append('session-4', [{ type: 'turn.completed', data: { ...about, attempt: 1, extra: { turn } } }])
    await other.close()
  }
  const odd = join(base, 'odd')
  const [first = '', second = ''] = filesIn(odd).filter((name) => name.endsWith('.seg'))
  const bytes = readFileSync(join(odd, second))
  bytes[bytes.indexOf('th state')]! ^= 1
  writeFileSync(join(odd, second), bytes)
  rmSync(join(odd, first.replace(/seg$/, 'idx')))
  writeFileSync(join(odd, 'journal', '00000009-000000000099.seg.0123456789ab.tmp'), 'half of a seg')
})

/** A session with everything that a person may meet: markdown, calls, approvals, a death in the middle, an attempt that failed, a prompt that waits. */
async function writeRich(directory: string): Promise<void> {
  const call = (callId: string, name: string, given: object) => ({
    type: 'tool.requested' as const,
    data: { turnId: 'turn-1', callId, name, arguments: given },
  })
  const said = (turnId: string, itemId: string, kind: string, text: string) => ({
    type: 'item.completed' as const,
    data: { turnId, itemId, kind, content: [{ type: 'text' as const, text }] },
  })
  const journal = await openJournal(directory, { clock })
  await journal.append('session-quay', [
    {
      type: 'session.created',
      data: { title: 'High water comes an hour early 潮汐', agent: 'harbour-hand', model: 'brackish-2', workspace: '/srv/tidewatch' },
    },
    { type: 'thread.started', data: { threadId: 'main' } },
    {
      type: 'turn.submitted',
      data: {
        threadId: 'main',
        turnId: 'turn-1',
        input: [
          {
            type: 'text',
            text: 'Since Sunday the quay display is an hour early, in every port.\n\n- Holm\n- Sandvik\n\nWhy? See \x1b[31mhttps://example.org/a/very/long/address/that/has/no/space/in/it/and/does/not/fit/on/a/line',
          },
          { type: 'image', path: '/tmp/display.png', mediaType: 'image/png' },
        ],
      },
    },
    { type: 'turn.started', data: { turnId: 'turn-1' } },
  ])
  await journal.append('session-quay', [
    said(
      'turn-1',
      'i1',
      'reasoning',
      Array.from({ length: 6 }, (_, i) => `Thought ${i + 1}: an hour, everywhere, smells of a local time.`).join('\n'),
    ),
    said(
      'turn-1',
      'i2',
      'message',
      '## What I found\n\nThe offset is looked up **once**, in `src/clock.ts`:\n\n```ts\nconst offsets = new Map(zones.map((zone) => [zone, offsetOf(zone)])) // and never again, however long it runs\n```\n\n1. The display started in *winter*.\n2. It still adds the winter offset, which is wrong by an hour since the night in which the clocks went forward.\n\n> A restart would hide it.\n\n| port | hours |\n|---|---|\n| Holm | 1 |\n\n---\n潮汐表是错的，因为时钟在星期天被拨快了一个小时，而显示器仍然使用冬令时的偏移量来计算每一个港口的潮汐时间。',
    ),
    call('c1', 'read_file', { path: 'src/clock.ts', from: 1, to: 40 }),
    { type: 'tool.started', data: { turnId: 'turn-1', callId: 'c1' } },
    {
      type: 'tool.finished',
      data: {
        turnId: 'turn-1',
        callId: 'c1',
        content: [{ type: 'text', text: 'const offsets = new Map(zones.map((zone) => [zone, offsetOf(zone)]))\nmore' }],
      },
    },
    call('c2', 'shell', { command: 'npm test -- clock' }),
    { type: 'approval.requested', data: { turnId: 'turn-1', callId: 'c2', approvalId: 'a1', question: 'Run npm test?' } },
    { type: 'approval.resolved', data: { turnId: 'turn-1', approvalId: 'a1', decision: 'approved' } },
    { type: 'tool.started', data: { turnId: 'turn-1', callId: 'c2' } },
    {
      type: 'tool.finished',
      data: { turnId: 'turn-1', callId: 'c2', status: 'error', content: [{ type: 'text', text: 'FAIL  expected 06:48, got 05:48' }] },
    },
    call('c3', 'edit_file', { path: 'src/clock.ts' }),
    { type: 'tool.started', data: { turnId: 'turn-1', callId: 'c3' } },
    { type: 'item.started', data: { turnId: 'turn-1', itemId: 'i3', kind: 'message' } },
    { type: 'item.delta', data: { turnId: 'turn-1', itemId: 'i3', text: 'Now I change the' } },
  ])
  await journal.append('session-quay', [
    { type: 'turn.submitted', data: { threadId: 'main', turnId: 'turn-2', input: [{ type: 'text', text: 'And the changelog, please.' }] } },
  ])
  await journal.append('session-quay', [
    { type: 'turn.interrupted', data: { turnId: 'turn-1', cause: 'crash' } },
    { type: 'tool.unknown', data: { turnId: 'turn-1', callId: 'c3', cause: 'crash' } },
  ])
  await journal.append('session-quay', [
    { type: 'turn.started', data: { turnId: 'turn-1' } },
    { type: 'turn.failed', data: { turnId: 'turn-1', attempt: 2, error: { message: 'the model is overloaded' } } },
  ])
  await journal.close()
}
afterAll(() => rmSync(base, { recursive: true }))

const LOST = ['session-2', 'session-3']

test.skipIf(!hasTerminal).each([
  ['doctor', ['whole'], 'doctor-whole', 0],
  ['doctor', ['odd'], 'doctor-odd', 3],
  ['doctor', ['lawless'], 'doctor-lawless', 0],
  ['sessions', ['whole'], 'sessions', 0],
  ['sessions', ['odd'], 'sessions-damaged', 3],
  ['stats', ['whole'], 'stats', 0],
  ['show', ['rich', 'session-quay'], 'show', 0],
  ['show', ['rich', 'session-quay', '--full'], 'show-full', 0],
  ['show', ['rich', 'session-quay', '--brief'], 'show-brief', 0],
  ['show', ['odd', LOST[0]!], 'show-damaged', 3],
  ['tail', ['rich', '--limit', '5'], 'tail', 0],
  ['search', ['rich', 'offset'], 'search', 0],
])('%s of %j reads well at 80 columns: %s', async (command, words, name, exit) => {
  const screen = await onTerminal(base, command, ...words)
  expect(screen.exit).toBe(exit)
  expect(screen.raw).toContain('\x1b[')
  expect(screen.raw).not.toContain('\x1b[31mhttps')
  expect(screen.text.split('\n').filter((line) => wide(line) > 80)).toEqual([])
  // What is derived takes as much room as LevelDB likes, and the size of the journal is not the same in each run.
  await expect(
    screen.text.replace(/derived [\d.]+ KiB/, 'derived 18.4 KiB').replace(/streams, [\d.]+ KiB/, 'streams, 6.0 KiB'),
  ).toMatchFileSnapshot(`../fixtures/screens/${name}.txt`)
})

/** What is asked for and made: their words are not those of a journal, and only have to fit. */
test
  .skipIf(!hasTerminal)
  .each([[[['--help'], ['verify', '--help']]], [[['keygen', '--dry-run', '/a/directory/with/a/long/name/that/somebody/has/for/keys']]]])(
  '%j fits in 80 columns',
  { timeout: 120_000 },
  async (all) => {
    for (const words of all) {
      const { exit, text } = await onTerminal(base, ...words)
      expect({ words, exit }).toEqual({ words, exit: 0 })
      expect(text.split('\n').filter((line) => wide(line) > 80)).toEqual([])
    }
  },
)

test.skipIf(!hasTerminal)('demo tells a person the story, and fits in 80 columns', { timeout: 120_000 }, async () => {
  const { exit, text } = await onTerminal(base, 'demo', '--dir', join(base, 'told'))
  expect(exit).toBe(0)
  for (const said of ['boot 8', 'KILL', 'kept', 'closed', 'queued', 'refused', 'verify: ok', 'All is as promised.', join(base, 'told')])
    expect(text).toContain(said)
  expect(text.split('\n').filter((line) => wide(line) > 80)).toEqual([])
})
