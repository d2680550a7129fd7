/** Figures as a table, and as the document that is written from all that were kept. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { median, isRate, roundsOf, type Figure, type Measure, type Unit } from './measure.js'
import { notes } from './notes.js'
import type { Origin } from './origin.js'

export interface Row {
  measure: Measure
  figures: readonly Figure[]
  /** Absent where it was not written down. */
  origin?: Origin | undefined
}

/** A row as it is kept. */
interface Kept {
  work: string
  unit: Unit
  origin?: Origin | undefined
  figures: readonly Figure[]
}

const FIGURES = 'bench/figures.json'
const PEERS = ['better-sqlite3', 'lmdb', 'classic-level', '@event-driven-io/emmett-sqlite', 'hypercore']

const number = (value: number): string => (value < 10 ? value.toFixed(value < 1 ? 2 : 1) : Math.round(value).toLocaleString('en'))

/** One figure as it was measured. */
export function line({ name, values }: Figure, unit: Unit): string {
  return `${name}: ${number(median(values))} ${unit} (${range(values)})`
}

const told = (origin: Origin | undefined): string => (origin === undefined ? '' : `${origin.commit}, ${origin.day}`)

const range = (values: readonly number[]): string =>
  values.length === 1 ? 'once' : `${number(Math.min(...values))} – ${number(Math.max(...values))}`

/** Each bar beside what was found. */
export function bars(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ measure: { work, unit, bars: all }, figures, origin }) =>
    all.map((bar) => {
      const { value, held } = bar.judge(roundsOf(figures, unit))
      return [work, bar.text, value.toFixed(2), held ? 'held' : '**missed**', told(origin)]
    }),
  )
  return grid(['work', 'bar', 'found', '', 'measured'], lines)
}

/** Every figure, with its ratio to turnlog's own first one (above 1: turnlog is better). */
export function table(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ measure: { work, unit }, figures, origin }) => {
    const ours = figures.find(({ role }) => role === 'turnlog')
    return figures.map((figure) => {
      const better = ours === undefined || figure === ours ? '' : timesAsGood(ours, figure, unit).toFixed(2)
      return [work, figure.name, `${number(median(figure.values))} ${unit}`, range(figure.values), better, told(origin)]
    })
  })
  return `${bars(rows)}\n\n${grid(['work', 'what', 'median', 'range', 'turnlog is × as good', 'measured'], lines)}`
}

/** As bars are judged: the median of what each round found. */
function timesAsGood(ours: Figure, other: Figure, unit: Unit): number {
  const ratios = roundsOf([ours, other], unit).map((round) => round.of(ours.name) / round.of(other.name))
  return median(isRate(unit) ? ratios : ratios.map((ratio) => 1 / ratio))
}

function grid(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Puts what was measured in the place of what was measured before, and writes the document again. */
export function keep(root: string, measures: readonly Measure[], measured: Row): void {
  const path = join(root, FIGURES)
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept[]) : []
  const rows = measures.flatMap((measure): Row[] => {
    if (measure === measured.measure) return [measured]
    const kept = before.find(({ work }) => work === measure.work)
    return kept === undefined ? [] : [{ measure, figures: kept.figures, origin: kept.origin }]
  })
  const kept = rows.map(({ measure: { work, unit }, figures, origin }): Kept => ({ work, unit, origin, figures }))
  writeFileSync(path, `${JSON.stringify(kept, undefined, 2)}\n`)
  writeFileSync(join(root, 'docs/benchmarks.md'), document(rows))
}

function document(rows: readonly Row[]): string {
  const version = (name: string): string =>
    (JSON.parse(readFileSync(`bench/node_modules/${name}/package.json`, 'utf8')) as { version: string }).version
  return `# Benchmarks

Written by \`npm run bench\`; not edited by hand. What stands in one row was measured in one run, in turn, and the table shows medians; a ratio is the
median of the ratios that each round found. Read the ratios: absolute figures are those of one small machine and its disk. \`measured\` names
the commit of the sources, with a \`+\` where they had been changed since, and the day.

${table(rows)}

${notes}

Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, Node ${process.version}.
Versions: ${PEERS.map((name) => `${name} ${version(name)}`).join(', ')}.
`
}
