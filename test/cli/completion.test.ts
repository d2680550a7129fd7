/** Completion: what a shell is taught follows from the commands, and each shell does with it what a person expects. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { optionsOf } from '../../src/cli/command.js'
import { allCommands } from '../../src/cli/commands/index.js'
import { importers } from '../../src/cli/import/importers.js'
import { temporary } from '../support/journal.js'
import { has, offeredIn, SHELLS } from '../support/shells.js'
import { turnlog } from '../support/turnlog.js'

const commands = await allCommands()

async function scriptFor(shell: string): Promise<string> {
  const { exit, out } = await turnlog('completion', shell)
  expect(exit).toBe(0)
  return out
}

describe.each(SHELLS)('for %s', (shell) => {
  test('has every command, every option and every choice there is', async () => {
    const script = await scriptFor(shell)
    for (const command of commands) {
      expect(script).toMatch(new RegExp(String.raw`\b${command.name}\b`))
      const own = script
        .split('\n')
        .filter((line) => new RegExp(String.raw`\b${command.name}\b`).test(line))
        .join('\n')
      for (const [name, { choices = [] }] of Object.entries(optionsOf(command))) {
        expect(own).toContain(shell === 'fish' ? `-l ${name} ` : `--${name}`)
        for (const choice of choices) expect(own).toContain(choice)
      }
    }
    expect(JSON.parse((await turnlog('completion', shell, '--json')).out)).toEqual({ shell, script })
  })

  test.skipIf(!has(shell))('is a script that the shell takes', async () => {
    const file = join(temporary(), 'script')
    writeFileSync(file, await scriptFor(shell))
    execFileSync(shell, ['-n', file])
  })
})

describe.each(SHELLS)('in %s', (shell) => {
  let script: string
  beforeAll(async () => {
    script = await scriptFor(shell)
  })

  const offered = (words: string[], cwd?: string): string[] => offeredIn(shell, script, words, cwd)

  test.skipIf(!has(shell)).each<[string[], string[]]>([
    [['se'], ['sessions', 'search']],
    [['sh'], ['show']],
    [[''], [...commands.map(({ name }) => name), ...(shell === 'bash' ? ['--help'] : [])]],
    [['search', 'dir', '--l'], ['--limit']],
    [
      ['search', 'dir', '--'],
      ['--session', '--limit', '--json', '--help'],
    ],
    [
      ['export', 'dir', 's', '--to', ''],
      ['jsonl', 'markdown', 'claude-code', 'codewhale', 'pi'],
    ],
    [['export', 'dir', 's', '--to', 'm'], ['markdown']],
    [['import', 'dir', '--from', ''], importers.map(({ kind }) => kind)],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['search', 'dir', '--limit', ''], []],
    [['show', 'dir', ''], []],
    [['show', 'import', ''], []],
  ])('%j offers %j', (words, expected) => expect(offered(words)).toEqual(expected.toSorted()))

  test.skipIf(!has(shell))('names of directories and files are offered where they fit, with their blanks', { timeout: 60_000 }, () => {
    const directory = temporary()
    mkdirSync(join(directory, 'a journal'))
    writeFileSync(join(directory, 'a source.jsonl'), '')
    expect(offered(['show', ''], directory)).toEqual(['a journal'])
    expect(offered(['import', 'a'], directory)).toEqual(['a journal'])
    for (const words of [
      ['import', 'a journal', ''],
      ['import', 'a journal', 'x', 'a'],
      ['import', '--from', 'pi', '--json', 'a journal', 'a'],
    ])
      expect(offered(words, directory)).toEqual(['a journal', 'a source.jsonl'])
    expect(offered(['import', '--from', 'pi', 'a'], directory)).toEqual(['a journal'])
    // Of a value some shells offer directories too, through which a file can be reached.
    expect(offered(['verify', 'a journal', '--since', 'a s'], directory)).toContain('a source.jsonl')
  })
})

test('a shell that is not known is misuse', async () => {
  expect(await turnlog('completion', 'tcsh')).toMatchObject({
    exit: 2,
    errors: expect.stringContaining('completion takes one of bash, zsh, fish, not "tcsh"') as string,
  })
})
