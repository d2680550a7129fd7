/** Screens as a person reads them, in a terminal of 80 columns, kept as text. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { events, openJournal } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { filesIn } from '../support/journal.js'
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
afterAll(() => rmSync(base, { recursive: true }))

test.skipIf(!hasTerminal).each([
  ['whole', 0],
  ['odd', 3],
  ['lawless', 0],
])('doctor of a journal that is %s reads well at 80 columns', async (name, exit) => {
  const screen = await onTerminal(base, 'doctor', name)
  expect(screen.exit).toBe(exit)
  expect(screen.raw).toContain('\x1b[')
  expect(Math.max(...screen.text.split('\n').map((line) => Array.from(line).length))).toBeLessThanOrEqual(80)
  await expect(screen.text).toMatchFileSnapshot(`../fixtures/screens/doctor-${name}.txt`)
})
