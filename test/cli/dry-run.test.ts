/** Commands that write say what they would do, and change nothing: not a byte, not a name, not a time. */
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allCommands } from '../../src/cli/commands/index.js'
import { openJournal } from '../../src/index.js'
import { programPath } from '../support/compiled.js'
import { filesIn } from '../support/files-in.js'
import { root } from '../support/root.js'
import { turnlog } from '../support/turnlog.js'

const commands = await allCommands()
const base = mkdtempSync(join(tmpdir(), 'turnlog-dry-'))
const at = (name: string): string => join(base, name)
const module = programPath('test/support/theirs.ts')

beforeAll(async () => {
  await using journal = await openJournal(at('journal'), { segmentBytes: 4096 })
  for (let n = 0; n < 30; n++) await journal.append(`session-${n}`, [{ type: 'session.created', data: { title: 'x'.repeat(300) } }])
  await journal.close()
  await turnlog('backup', at('journal'), at('copy'))
  cpSync(at('journal'), at('damaged'), { recursive: true })
  const first = filesIn(at('damaged')).find((name) => name.endsWith('.seg')) ?? ''
  const bytes = readFileSync(join(at('damaged'), first))
  bytes[bytes.indexOf('xxxx')]! ^= 1
  writeFileSync(join(at('damaged'), first), bytes)
  cpSync(join(root, 'test/fixtures/journals/format-1/first-schemas'), at('old'), { recursive: true })
  writeFileSync(at('source.jsonl'), `${JSON.stringify({ type: 'user', sessionId: 's', message: { role: 'user', content: 'Why?' } })}\n`)
  mkdirSync(at('schemas'))
})
afterAll(() => rmSync(base, { recursive: true }))

/** Every name below the directory with its times and bytes. */
function state(directory: string): unknown[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const { mtimeMs, ctimeMs, size, mode } = lstatSync(join(directory, name))
      return [name, mtimeMs, ctimeMs, size, mode]
    })
}

const rows: readonly [words: string[], exit: number, says: RegExp][] = [
  [['import', 'journal', 'source.jsonl'], 0, /would be added; nothing was changed/],
  [['import', 'new', 'source.jsonl'], 0, /would be added; nothing was changed/],
  [['repair', 'damaged'], 3, /lost.*positions/],
  [['salvage', 'damaged', 'rescued'], 0, /\d+ events in \d+ commits, up to position 30, would be carried into/],
  [['snapshot', 'journal'], 0, /would be saved: session, thread/],
  [['backup', 'journal', 'other'], 0, /would be copied to/],
  [['backup', 'journal', 'copy'], 0, /would be copied to/],
  [['restore', 'copy', 'restored'], 0, /would be copied to/],
  [['upgrade', 'old'], 0, /would be rewritten in today's schemas/],
  [['export', 'journal', '--to', 'jsonl', '--out', 'all.jsonl'], 0, /would write \d+ records/],
  [['freeze', 'schemas', module], 1, /is not frozen yet/],
  [['keygen', 'key'], 0, /would lie in/],
  [['demo', '--dir', 'demo'], 0, /killed 7 times/],
]

test('each command that changes something has --dry-run', () => {
  const writing = commands.filter(({ leaves }) => leaves !== undefined).map(({ name }) => name)
  expect(writing.filter((name) => commands.find((one) => one.name === name)?.options['dry-run'] === undefined)).toEqual([])
  expect([...new Set(rows.map(([[name = '']]) => name))].toSorted()).toEqual(writing.toSorted())
})

test.each(rows)('%j --dry-run exits with %i, says what it would do, and changes nothing', async (words, exit, says) => {
  const placed = words.map((word, i) => (i > 0 && !word.startsWith('--') && !['jsonl'].includes(word) && word !== module ? at(word) : word))
  const before = state(base)
  const ran = await turnlog(...placed, '--dry-run')
  expect({ ...ran, all: ran.out + ran.errors }).toMatchObject({ exit, all: expect.stringMatching(says) as string })
  const machines = await turnlog(...placed, '--dry-run', '--json')
  expect(machines.exit).toBe(exit)
  expect(() => JSON.parse(machines.out) as unknown).not.toThrow()
  expect(state(base)).toEqual(before)
})

test('where it would be refused, so is its dry run', async () => {
  expect((await turnlog('salvage', at('damaged'), at('copy'), '--dry-run')).errors).toContain('is not empty')
  expect((await turnlog('export', at('journal'), '--to', 'jsonl', '--out', at('source.jsonl'), '--dry-run')).errors).toContain(
    'is there already',
  )
  await turnlog('keygen', at('key'))
  expect((await turnlog('keygen', at('key'), '--dry-run')).errors).toContain('never overwritten')
  expect(existsSync(at('rescued'))).toBe(false)
})
