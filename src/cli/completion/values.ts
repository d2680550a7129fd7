/** What a shell can complete: words of a list, names of files or directories, or nothing. */
import type { Command, Option } from '../command.js'

export type Values = readonly string[] | 'file' | 'directory' | undefined

const FILES = new Set(['FILE', 'KEY', 'NOTE', 'MODULE', 'file', 'module', 'source', 'transcript'])
const DIRECTORIES = new Set(['DIR', 'dir', 'new-dir', 'dest', 'backup'])

/** What can stand as the value of an option. */
export function valuesOf({ value = '', choices }: Option): Values {
  return choices ?? named(value)
}

/** What can stand in each place behind a command; the last may stand again and again. */
export function argumentsOf({ takes, choices }: Command): { name: string; values: Values; repeats: boolean }[] {
  return takes.map((word, i) => {
    const name = word.replaceAll(/[<>[\]…]/g, '')
    return { name, values: i === 0 && choices !== undefined ? choices : named(name), repeats: word.includes('…') }
  })
}

/** The first line of a help text, without the full stop. */
export const brief = (says: string): string => (says.split('\n')[0] as string).replace(/\.$/, '')

function named(name: string): Values {
  return DIRECTORIES.has(name) ? 'directory' : FILES.has(name) ? 'file' : undefined
}
