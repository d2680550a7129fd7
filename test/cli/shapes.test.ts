/** Every command: what it prints with --json is what docs/commands.md says, and in a terminal it fits. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { helpFor } from '../../src/cli/command.js'
import { allCommands } from '../../src/cli/commands/index.js'
import { play } from '../../src/cli/demo/runtime.js'
import { sample } from '../../src/cli/demo/sample.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import { wide } from '../../src/cli/terminal.js'
import { openJournal } from '../../src/index.js'
import { programPath } from '../support/compiled.js'
import { tableRows } from '../support/markdown.js'
import { root } from '../support/root.js'
import { hasTerminal, onTerminal } from '../support/terminal.js'
import { turnlog } from '../support/turnlog.js'

const commands = await allCommands()
const base = mkdtempSync(join(tmpdir(), 'turnlog-shapes-'))
const text = readFileSync(join(root, 'docs/commands.md'), 'utf8')

const home = process.cwd()

beforeAll(async () => {
  process.chdir(base)
  await using journal = await openJournal(join(base, 'journal'))
  await play(journal, writeScript(sample()))
  await journal.close()
  for (const name of ['to-save', 'to-repair']) cpSync(join(base, 'journal'), join(base, name), { recursive: true })
  cpSync(join(root, 'test/fixtures/journals/format-1/first-schemas'), join(base, 'old'), { recursive: true })
  writeFileSync(
    join(base, 'source.jsonl'),
    `${JSON.stringify({ type: 'user', sessionId: 's', message: { role: 'user', content: 'Why?' } })}\n`,
  )
  await turnlog('keygen', 'key')
})
afterAll(() => {
  process.chdir(home)
  rmSync(base, { recursive: true })
})

const calls: readonly string[][] = [
  ['demo', '--dir', 'played', '--dry-run'],
  ['import', 'new', 'source.jsonl'],
  ['sessions', 'journal'],
  ['show', 'journal', 'session-tidewatch'],
  ['search', 'journal', 'offset'],
  ['export', 'journal', 'session-tidewatch', '--to', 'pi', '--out', 'pi.jsonl'],
  ['tasks', 'journal'],
  ['tail', 'journal', '--session', 'session-tidewatch'],
  ['stats', 'journal'],
  ['doctor', 'journal'],
  ['verify', 'journal'],
  ['repair', 'to-repair'],
  ['salvage', 'journal', 'rescued'],
  ['backup', 'journal', 'copy'],
  ['restore', 'copy', 'restored'],
  ['dump', 'journal'],
  ['sign', 'journal', '--key', 'key'],
  ['keygen', 'another'],
  ['snapshot', 'to-save'],
  ['upgrade', 'old'],
  ['freeze', 'schemas', programPath('test/support/theirs.ts')],
  ['completion', 'bash'],
]

/** What the page names of a command, with what it says of it elsewhere. */
function named(command: string): Set<string> {
  const [, says = ''] = tableRows(text).find(([first = '']) => first.includes(`\`${command}\``)) ?? []
  return new Set(Array.from(says.matchAll(/`(\w+)\??[`:]/g), ([, key = '']) => key))
}

/** Lines of one of these pages say what their keys are in docs/looking.md. */
const ELSEWHERE = new Set(['dump'])

describe('docs/commands.md', () => {
  test('names every command, and the calls here make each of them', () => {
    const rows = tableRows(text).flatMap(([first = '']) => Array.from(first.matchAll(/`(\w+)`/g), ([, name = '']) => name))
    expect(rows.filter((name) => commands.some((one) => one.name === name)).toSorted()).toEqual(commands.map(({ name }) => name).toSorted())
    expect(calls.map(([name = '']) => name).toSorted()).toEqual(commands.map(({ name }) => name).toSorted())
  })

  test.each(calls.map((words) => [words[0]!, words]))('says what %s prints with --json', { timeout: 60_000 }, async (name, words) => {
    const { exit, out } = await turnlog(...words, '--json')
    expect(exit).toBe(0)
    const lines = out.trimEnd().split('\n')
    const keys = new Set(lines.flatMap((line) => Object.keys(JSON.parse(line) as object)))
    if (!ELSEWHERE.has(name)) expect([...keys].filter((key) => !named(name).has(key))).toEqual([])
    expect(keys.size).toBeGreaterThan(0)
  })
})

// Keys, scripts and names of files stay on one line, however long.
const LONG = new Set(['demo', 'completion', 'sign', 'keygen', 'freeze'])

describe.skipIf(!hasTerminal)('in a terminal of 80 columns', () => {
  const again = calls.map((words) =>
    words.map((word, i) =>
      i > 0 && ['played', 'new', 'rescued', 'copy', 'restored', 'another', 'pi.jsonl'].includes(word) && words[0] !== 'restore'
        ? `${word}-2`
        : word,
    ),
  )
  const terminal = again.map((words) => (words[0] === 'restore' ? ['restore', 'copy', 'restored-2'] : words))

  test.each(terminal.map((words) => [words[0]!, words]))('%s speaks to a person, and fits', { timeout: 60_000 }, async (name, words) => {
    const { exit, text: screen } = await onTerminal(base, ...words)
    expect(exit).toBe(0)
    expect(screen.trim()).not.toBe('')
    if (!LONG.has(name)) expect(screen.split('\n').filter((line) => wide(line) > 80)).toEqual([])
  })
})

test.each(commands.map((command) => [command.name, command] as const))(
  'the help of %s fits in 80 columns, and has examples',
  (name, command) => {
    const { columns } = process.stdout
    process.stdout.columns = 80
    try {
      const help = helpFor(command)
      expect(help).toContain(`$ turnlog ${name}`)
      expect(help.split('\n').filter((line) => wide(line) > 80)).toEqual([])
    } finally {
      process.stdout.columns = columns
    }
  },
)
