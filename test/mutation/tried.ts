/** What mutation testing found so far, as docs/mutants.json keeps it and docs/mutants.md shows it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../support/root.js'

const RESULT = join(root, 'docs/mutants.json')
const DOCUMENT = join(root, 'docs/mutants.md')
const BEGIN = '<!-- mutants -->\n'
const END = '<!-- end of mutants -->'

const left = z.object({
  file: z.string(),
  line: z.number(),
  column: z.number(),
  mutator: z.string(),
  original: z.string(),
  replacement: z.string(),
  /** Whether any check comes by it. */
  met: z.boolean(),
  /** Why nothing finds it: written by whoever looked. */
  why: z.string().optional(),
})

const tried = z.object({
  /** The last commit that was tried. */
  commit: z.string(),
  day: z.string(),
  seconds: z.number(),
  seed: z.number(),
  /** SHA-256 of the sources: those of others are other mutants. */
  sources: z.string(),
  /** How many mutants there are, and how many of the drawn order were tried. */
  mutants: z.number(),
  tried: z.number(),
  /** How many were found by what when they were first tried; `later`: by a test that was written since. */
  found: z.object({ test: z.number(), finder: z.number(), silence: z.number(), later: z.number() }),
  left: z.array(left),
})

export type Left = z.infer<typeof left>
export type Tried = z.infer<typeof tried>

/** Undefined if nothing was ever tried. */
export function readTried(): Tried | undefined {
  return existsSync(RESULT) ? tried.parse(JSON.parse(readFileSync(RESULT, 'utf8'))) : undefined
}

export function writeTried(all: Tried): void {
  writeFileSync(RESULT, `${JSON.stringify(all, undefined, 2)}\n`)
  writeFileSync(DOCUMENT, withTried(readDocument(), all))
}

export function readDocument(): string {
  return readFileSync(DOCUMENT, 'utf8')
}

/** The document with these figures in place of those that it has. */
export function withTried(document: string, all: Tried): string {
  const [before, rest] = document.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`docs/mutants.md has no place for figures: ${BEGIN.trim()} … ${END}`)
  return `${before}${BEGIN}\n${figures(all)}\n\n${table(all.left)}\n${END}${after}`
}

/** Of so many that chance drew, with how far the share of all can well be from theirs: two standard errors, after Wilson. */
export function interval(found: number, of: number): [number, number] {
  const z2 = 1.96 ** 2
  const share = found / of
  const middle = (share + z2 / (2 * of)) / (1 + z2 / of)
  const half = (1.96 * Math.sqrt((share * (1 - share)) / of + z2 / (4 * of * of))) / (1 + z2 / of)
  return [middle - half, middle + half]
}

function figures({ tried: of, mutants, left: missed, found, commit, day, seed, seconds }: Tried): string {
  const all = of - missed.length - found.later
  const [from, to] = interval(all, of).map((share) => (100 * share).toFixed(1))
  const range = of < mutants ? `; of all, between ${from} and ${to} % in nineteen of twenty draws` : ''
  return [
    `${count(of)} of ${count(mutants)} mutants were tried, drawn by seed ${seed}. ${count(all)} of them were found when they were first tried (${((100 * all) / of).toFixed(1)} %${range}):`,
    `${count(found.test)} by a test, ${count(found.finder)} by a finder where no test found anything, ${count(found.silence)} because something waited for ever.`,
    `Tests that were written since find ${count(found.later)} more. ${count(missed.length)} are left, ${count(missed.filter(({ met }) => !met).length)} of which nothing comes by. Commit ${commit}, ${day}, ${Math.round(seconds / 60)} min.`,
  ].join('\n')
}

function table(missed: readonly Left[]): string {
  const rows = missed.map(({ file, line, original, replacement, met, why }) =>
    [`${file}:${line}`, code(original), code(replacement), `${met ? '' : 'Not come by. '}${why ?? ''}`].join(' | '),
  )
  return [
    '| where | what stands there | mutant | why nothing finds it |',
    '|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n')
}

/** On one line of a table, and no longer than it takes to find it. */
function code(text: string): string {
  const short = text.replaceAll(/\s+/g, ' ').replaceAll('`', "'").replaceAll('|', '\\|')
  return `\`${short.length > 90 ? `${short.slice(0, 89)}…` : short}\``
}

const count = (number: number): string => number.toLocaleString('en')
