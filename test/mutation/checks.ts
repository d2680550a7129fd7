/** What may find a mutant: the finders of the planted bugs, and the tests of what is mutated. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { finders } from '../planted/finders.js'
import { root } from '../support/root.js'

/** Tests that take long are asked last: by then most mutants have been found. */
export const KINDS = ['test', 'finder', 'long test'] as const

export interface Check {
  kind: (typeof KINDS)[number]
  name: string
}

const TESTS = ['test/storage', 'test/engine', 'test/journal', 'test/domain', 'test/turns']
/** Of the others, those that go deepest into what is mutated. */
const MORE = ['test/cli/ladder.test.ts', 'test/cli/doctor.test.ts', 'test/cli/dump.test.ts', 'test/cli/runtime.test.ts']
const LONG = new Set([
  'test/storage/cuts.test.js',
  'test/storage/flips.test.js',
  'test/journal/derived-rot.test.js',
  'test/journal/kill.test.js',
  'test/journal/upgrade.test.js',
  'test/journal/upgrade-disk.test.js',
])
/**
 * Left out: what needs more than a copy of what was compiled, or a thread that is told what this one is; and what takes so long
 * that it cannot be asked for each mutant.
 */
const LEFT_OUT = new Set([
  'N',
  'test/journal/bypass.test.js',
  'test/journal/apart.test.js',
  'D, cuts',
  'D, files',
  'test/storage/rot.test.js',
  'test/storage/rot-odd.test.js',
])

export function checks(): Check[] {
  const files = TESTS.flatMap((directory) => readdirSync(join(root, directory)).map((file) => `${directory}/${file}`))
  const tests = [...files, ...MORE].filter((file) => file.endsWith('.test.ts')).map((file) => file.replace(/ts$/, 'js'))
  const all: Check[] = [
    ...tests.map((name) => ({ kind: LONG.has(name) ? ('long test' as const) : ('test' as const), name })),
    ...Object.keys(finders).map((name) => ({ kind: 'finder' as const, name })),
  ]
  return all.filter(({ name }) => !LEFT_OUT.has(name))
}

/** The words with which Node runs checks of one kind in a copy of what was compiled, until the first that finds something. */
export function commandOf(kind: Check['kind'], names: readonly string[]): string[] {
  if (kind === 'finder') return ['test/planted/find.js', ...names]
  return ['node_modules/vitest/vitest.mjs', 'run', '--bail', '1', '--config', 'test/mutation/vitest-config.js', ...names]
}

/** Whether a finder says that it found something: see find.ts. */
export function foundIn(out: string): boolean {
  return /^\{"finder":"[^"]*","found":"/m.test(out)
}
