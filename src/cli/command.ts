/** What a command is, and how its words are read. */
import { parseArgs } from 'node:util'
import { openJournal } from '../index.js'
import { waitedFor } from './progress.js'
import { bad, hanging, wrapped } from './terminal.js'

export interface Option {
  type: 'boolean' | 'string'
  /** What stands for the value in the help: `--limit N`. */
  value?: string
  /** All that the value can be. */
  choices?: readonly string[]
  says: string
}

export interface Command {
  name: string
  /** Its arguments as the help shows them: `<dir>` is needed, `[transcript…]` is not. */
  takes: readonly string[]
  /** All that its first argument can be. */
  choices?: readonly string[]
  says: string
  options: Readonly<Record<string, Option>>
  examples: readonly string[]
  /** What Ctrl-C leaves behind, of a command that changes something. */
  leaves?: string
  /** Resolves with the exit code. */
  run(given: Given): Promise<number>
}

export interface Given {
  arguments: string[]
  options: Record<string, string | boolean | undefined>
  json: boolean
}

/** Exit codes, the same for every command. */
export const EXIT = { fine: 0, failed: 1, usage: 2, damage: 3, interrupted: 130 } as const

/** The words do not say what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const COMMON: Record<string, Option> = {
  json: { type: 'boolean', says: 'for machines: JSON on standard output' },
  help: { type: 'boolean', says: 'this text' },
}

/** Every option of a command, those that all have among them. */
export function optionsOf({ options }: Command): Record<string, Option> {
  return { ...options, ...COMMON }
}

/** @throws UsageError naming the word that does not fit. */
export function readWords(command: Command, words: readonly string[]): Given & { help: boolean } {
  const options = optionsOf(command)
  const shapes = Object.entries(options).map(([name, { type }]) => [name, name === 'help' ? { type, short: 'h' } : { type }])
  const parsed = parsedBy(() =>
    parseArgs({
      args: [...words],
      options: Object.fromEntries(shapes) as Record<string, { type: 'boolean' | 'string' }>,
      allowPositionals: true,
    }),
  )
  const { help = false, json = false, ...rest } = parsed.values
  for (const [name, value] of Object.entries(rest)) mustBeOneOf(`--${name}`, options[name]?.choices, value)
  const needed = command.takes.filter((name) => name.startsWith('<'))
  const most = command.takes.some((name) => name.includes('…')) ? Number.POSITIVE_INFINITY : command.takes.length
  const missing = needed[parsed.positionals.length]
  if (help === false && missing !== undefined) throw new UsageError(`${command.name} needs ${missing}`)
  if (parsed.positionals.length > most) throw new UsageError(`${command.name} takes nothing behind ${command.takes.join(' ')}`)
  if (help === false) mustBeOneOf(command.name, command.choices, parsed.positionals[0])
  return { arguments: parsed.positionals, options: rest, json: json === true, help: help === true }
}

function mustBeOneOf(what: string, choices: readonly string[] | undefined, value: unknown): void {
  if (choices === undefined || value === undefined || choices.includes(value as string)) return
  throw new UsageError(`${what} takes one of ${choices.join(', ')}, not ${JSON.stringify(value)}`)
}

/** A whole number from 0 that an option gives; undefined where it was left out. */
export function number({ options }: Given, name: string): number | undefined {
  const value = options[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) throw new UsageError(`--${name} takes a whole number, not ${String(value)}`)
  return Number(value)
}

export function helpFor(command: Command): string {
  const options = Object.entries(optionsOf(command)).map(
    ([name, { value, says }]) => [`--${name}${value === undefined ? '' : ` ${value}`}`, says] as const,
  )
  const width = Math.max(...options.map(([name]) => name.length)) + 4
  return [
    `turnlog ${[command.name, ...command.takes].join(' ')}`,
    '',
    ...said(command.says),
    '',
    ...options.flatMap(([name, says]) => hanging(`  ${name}`, says, width)),
    '',
    ...command.examples.map((example) => `  $ turnlog ${example}`),
  ].join('\n')
}

/** An item of a list: its first line stands before the others. */
function listed(item: string): string[] {
  return wrapped(item, 4).map((line, i) => `${i === 0 ? '  ' : '    '}${line}`)
}

/** A line that says it, a paragraph that says more, and what is listed below. */
function said(says: string): string[] {
  const [first = '', ...more] = says.split('\n')
  const text = more.filter((line) => !line.startsWith('  ')).join(' ')
  const list = more.filter((line) => line.startsWith('  '))
  return [...wrapped(first, 0), ...(text === '' ? [] : wrapped(text, 0)), ...list.flatMap((line) => listed(line.trim()))]
}

export type OpenedJournal = Awaited<ReturnType<typeof openJournal>>

/** Opens the journal that the first argument names, for reading, and says if it is damaged. Events of other programs are in nobody's way. */
export async function withJournal({ arguments: [directory] }: Given, use: (journal: OpenedJournal) => Promise<number>): Promise<number> {
  await using journal = await waitedFor('opening', openJournal(directory as string, { readOnly: true, onUnknown: 'keep' }))
  const code = await use(journal)
  const { damage } = journal.recovery
  if (damage.length === 0) return code
  const parts = damage.length === 1 ? 'a part of the journal no longer checks' : `${damage.length} parts of the journal no longer check`
  process.stderr.write(`${bad('damaged')}  ${parts}\nSee: turnlog verify ${directory}\nThen: turnlog repair ${directory} --dry-run\n`)
  return EXIT.damage
}

function parsedBy<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) throw new UsageError(error.message.split('. ')[0])
    throw error
  }
}
