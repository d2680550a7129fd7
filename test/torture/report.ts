/**
 * The figures of docs/reliability.md: `tsx test/torture/report.ts <arguments of npm run torture>` runs campaigns, keeps what
 * each layer found with this seed in a file of its own below docs/reliability/, and writes the table from all files that are
 * there: runs of one layer with other seeds add up. Cases are numbered from the seed on, so seeds must lie far apart.
 * Without arguments it writes the table alone.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { root } from '../support/root.js'

/** What `npm run torture -- --json` says of a layer. */
const report = z.object({
  layer: z.string(),
  name: z.string(),
  unit: z.string(),
  seed: z.number(),
  missing: z.array(z.string()),
  seconds: z.number(),
  done: z.number(),
  counts: z.record(z.string(), z.number()),
  failures: z.array(z.object({ what: z.string(), replay: z.string() })),
})

const kept = report.extend({
  /** The commit that was tried; `+` behind it where the sources had changed. */
  commit: z.string(),
  machine: z.string(),
  day: z.string(),
})
export type Kept = z.infer<typeof kept>

export const RESULTS = join(root, 'docs/reliability')
const DOCUMENT = join(root, 'docs/reliability.md')
const BEGIN = '<!-- figures -->\n'
const END = '<!-- end of figures -->'

/** The results that are kept, in the order of their layers. */
export function results(directory = RESULTS): Kept[] {
  if (!existsSync(directory)) return []
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'))
  return names.toSorted().map((name) => kept.parse(JSON.parse(readFileSync(join(directory, name), 'utf8'))))
}

/** The document with the table of these results in place of the one that it has. */
export function withTable(document: string, all: readonly Kept[]): string {
  const [before, rest] = document.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`docs/reliability.md has no place for figures: ${BEGIN.trim()} … ${END}`)
  return `${before}${BEGIN}\n${table(all)}\n${END}${after}`
}

function table(all: readonly Kept[]): string {
  const rows = [...new Set(all.map(({ layer }) => layer))].map((layer) => {
    const runs = all.filter((run) => run.layer === layer)
    const { name, unit } = runs[0] as Kept
    const counts: Kept['counts'] = {}
    for (const run of runs) for (const [what, number] of Object.entries(run.counts)) counts[what] = (counts[what] ?? 0) + number
    const sum = (of: (run: Kept) => number): number => runs.reduce((total, run) => total + of(run), 0)
    return [
      layer,
      name,
      `${count(sum(({ done }) => done))} ${unit}`,
      Object.entries(counts)
        .map(([what, number]) => `${count(number)} ${what}`)
        .join(', '),
      count(sum(({ failures }) => failures.length)),
      duration(sum(({ seconds }) => seconds)),
      runs.map(({ done, commit, seed, day }) => `${count(done)} of ${commit}, seed ${seed}, ${day}`).join('<br>'),
    ]
  })
  const head = ['layer', 'what', 'done', 'counted', 'promises broken', 'took', 'commit'].join(' | ')
  return [`| ${head} |`, '|---|---|---|---|---|---|---|', ...rows.map((row) => `| ${row.join(' | ')} |`), ''].join('\n')
}

const count = (number: number): string => number.toLocaleString('en')

function duration(seconds: number): string {
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`
}

/** Runs campaigns and keeps their results. */
function record(words: readonly string[]): void {
  const tried = { commit: headCommit(), machine: machine(), day: new Date().toISOString().slice(0, 10) }
  const run = [join(root, 'node_modules/tsx/dist/cli.mjs'), join(root, 'test/torture/run.ts'), ...words, '--json']
  const { stdout, error } = spawnSync(process.execPath, run, { encoding: 'utf8', stdio: ['inherit', 'pipe', 'inherit'], cwd: root })
  if (error !== undefined) throw error
  if (stdout === '') throw new Error('the campaign ended without a result')
  mkdirSync(RESULTS, { recursive: true })
  for (const found of z.array(report).parse(JSON.parse(stdout))) {
    if (found.missing.length > 0) process.stderr.write(`${found.layer} is left out, without ${found.missing.join(', ')}\n`)
    else writeFileSync(join(RESULTS, `${found.layer}.${found.seed}.json`), `${JSON.stringify({ ...found, ...tried }, undefined, 2)}\n`)
  }
}

function headCommit(): string {
  const git = (...words: string[]): string => spawnSync('git', words, { cwd: root, encoding: 'utf8' }).stdout.trim()
  return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', '--', 'src', 'projections', 'upcasters') === '' ? '' : '+')
}

function machine(): string {
  return `${type()} ${release()}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2)
  if (words.length > 0) record(words)
  writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, 'utf8'), results()))
}
