/** `turnlog <command> <dir> [arguments]`: finds the command, reads its words, and turns errors into a line and an exit code. */
import { createRequire } from 'node:module'
import { isJournalError } from '../index.js'
import { EXIT, helpFor, readWords, UsageError, type Command } from './command.js'
import { allCommands, commandNamed } from './commands/index.js'
import { Problem } from './problem.js'
import { bad, bold, dim, hanging, print, printJson } from './terminal.js'

/** Resolves with the exit code. @throws what is a fault of this program. */
export async function cli([name = '', ...words]: string[]): Promise<number> {
  if (name === 'help' && words.length > 0) return cli([...words, '--help'])
  if (['', '--help', '-h', 'help'].includes(name)) {
    print(overview(await allCommands()))
    return name === '' ? EXIT.usage : EXIT.fine
  }
  if (['--version', '-V'].includes(name)) {
    print(version())
    return EXIT.fine
  }
  const command = await commandNamed(name)
  if (command === undefined) return usage(`there is no command ${JSON.stringify(name)}`, 'turnlog --help')
  try {
    const given = readWords(command, words)
    if (!given.help) return await command.run(given)
    print(helpFor(command))
    return EXIT.fine
  } catch (error) {
    return failed(error, command, words.includes('--json'))
  }
}

/** One line for what a person can act on; everything else is a fault of ours and keeps its stack. */
function failed(error: unknown, command: Command, json: boolean): number {
  if (error instanceof UsageError) return usage(error.message, `turnlog ${command.name} --help`)
  if (isJournalError(error)) {
    const { code, message, details } = error
    if (json) printJson({ error: { code, message, details } })
    process.stderr.write(`${bad(code)} ${message}\n`)
    return code === 'JOURNAL_DAMAGED' ? EXIT.damage : EXIT.failed
  }
  if (error instanceof Problem || isSystemError(error)) {
    process.stderr.write(`${bad('turnlog:')} ${error.message}\n`)
    return EXIT.failed
  }
  throw error
}

function usage(message: string, see: string): number {
  process.stderr.write(`${bad('turnlog:')} ${message}\nSee: ${see}\n`)
  return EXIT.usage
}

function overview(commands: readonly Command[]): string {
  const names = commands.map(({ name, takes }) => [name, ...takes].join(' '))
  const width = Math.max(...names.map((name) => name.length))
  return [
    `${bold('turnlog')} ${dim('a crash-safe journal for AI-agent runtimes')}`,
    '',
    ...commands.flatMap(({ says }, i) => hanging(`  ${names[i]}`, (says.split('\n')[0] as string).replace(/\.$/, ''), width + 4)),
    '',
    ...hanging(
      ' ',
      'Every command has --help and --json; turnlog --version says which this is. Exit: 0 fine, 1 failed, 2 usage, 3 damage found in the journal, 130 interrupted.',
      2,
    ),
  ].join('\n')
}

/** As the package says it, which knows itself by its name. */
function version(): string {
  return (createRequire(import.meta.url)('turnlog/package.json') as { version: string }).version
}

/** What the operating system says of a file that somebody named. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
