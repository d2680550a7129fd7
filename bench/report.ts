/** Figures as a table, and as the document that is written from all that were kept. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { mediansOf, median, isRate, type Figure, type Measure, type Unit } from './measure.js'
import { notes } from './notes.js'

export interface Row {
  measure: Measure
  figures: readonly Figure[]
}

const FIGURES = 'bench/figures.json'
const PEERS = ['better-sqlite3', 'lmdb', 'classic-level', '@event-driven-io/emmett-sqlite', 'hypercore']

const number = (value: number): string => (value < 10 ? value.toFixed(value < 1 ? 2 : 1) : Math.round(value).toLocaleString('en'))

/** One figure as it was measured. */
export function line({ name, values }: Figure, unit: Unit): string {
  return `${name}: ${number(median(values))} ${unit} (${range(values)})`
}

const range = (values: readonly number[]): string =>
  values.length === 1 ? 'once' : `${number(Math.min(...values))} – ${number(Math.max(...values))}`

/** Each bar beside what was found. */
export function bars(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ measure: { work, unit, bars: all }, figures }) =>
    all.map((bar) => {
      const { value, held } = bar.judge(mediansOf(figures, unit))
      return [work, bar.text, value.toFixed(2), held ? 'held' : '**missed**']
    }),
  )
  return grid(['work', 'bar', 'found', ''], lines)
}

/** Every figure, with its ratio to turnlog's own first one (above 1: turnlog is better). */
export function table(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ measure: { work, unit }, figures }) => {
    const ours = figures.find(({ role }) => role === 'turnlog')
    return figures.map((figure) => {
      const ratio = ours === undefined || figure === ours ? undefined : median(ours.values) / median(figure.values)
      const better = ratio === undefined ? '' : (isRate(unit) ? ratio : 1 / ratio).toFixed(2)
      return [work, figure.name, `${number(median(figure.values))} ${unit}`, range(figure.values), better]
    })
  })
  return `${bars(rows)}\n\n${grid(['work', 'what', 'median', 'range', 'turnlog is × as good'], lines)}`
}

function grid(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Puts what was measured in the place of what was measured before, and writes the document again. */
export function keep(root: string, measures: readonly Measure[], measured: Measure, found: readonly Figure[]): void {
  const path = join(root, FIGURES)
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { work: string; figures: Figure[] }[]) : []
  const rows = measures.flatMap((measure): Row[] => {
    const figures = measure === measured ? found : before.find(({ work }) => work === measure.work)?.figures
    return figures === undefined ? [] : [{ measure, figures }]
  })
  const kept = rows.map(({ measure: { work, unit }, figures }) => ({ work, unit, figures }))
  writeFileSync(path, `${JSON.stringify(kept, undefined, 2)}\n`)
  writeFileSync(join(root, 'docs/benchmarks.md'), document(rows))
}

function document(rows: readonly Row[]): string {
  const version = (name: string): string =>
    (JSON.parse(readFileSync(`bench/node_modules/${name}/package.json`, 'utf8')) as { version: string }).version
  return `# Benchmarks

Written by \`npm run bench\`; not edited by hand. What stands in one row was measured in one run, in turn, and the table shows medians. Read the
ratios: absolute figures are those of one small machine and its disk.

${table(rows)}

${notes}

Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, Node ${process.version}.
Versions: ${PEERS.map((name) => `${name} ${version(name)}`).join(', ')}.
`
}
