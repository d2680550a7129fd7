/** Runs campaigns: `npm run torture -- --layer A..P --minutes N --seed S`. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { seed as pinned } from '../support/seed.js'
import { campaign, type Layer, type Outcome } from './layer.js'
import { layers } from './layers.js'
import { inParts } from './parts.js'

/** How long one interrupt may take to come twice. */
const AGAIN_MS = 1000

const USAGE = `npm run torture -- [--layer A|A,B|A..P] [--minutes N] [--limit N] [--seed S] [--workers N] [--case NAME] [--json]

  --layer    which layers, by letter (all)
  --minutes  how long each runs (1, and a case as long as it takes)
  --limit    how many units each does, instead of a time
  --seed     what is drawn is drawn from it (${pinned})
  --workers  in how many processes a layer runs that can be parted (${availableParallelism()})
  --case     the one case that a failure named
  --json     the report as JSON

${layers.map(({ letter, name, unit }) => `  ${letter.padEnd(8)} ${name} (${unit})`).join('\n')}
`

interface Report {
  layer: string
  name: string
  unit: string
  seed: number
  missing: string[]
  seconds: number
  done: number
  counts: Record<string, number>
  failures: { what: string; replay: string }[]
}

const { values } = parseArgs({
  options: {
    layer: { type: 'string' },
    minutes: { type: 'string' },
    limit: { type: 'string' },
    seed: { type: 'string' },
    workers: { type: 'string' },
    case: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else await main()

async function main(): Promise<void> {
  const seed = number(values.seed, 'seed') ?? pinned
  const limit = number(values.limit, 'limit')
  const minutes = number(values.minutes, 'minutes') ?? (limit === undefined && values.case === undefined ? 1 : undefined)
  const signal = interrupted()
  const reports: Report[] = []
  for (const layer of chosen(values.layer)) {
    if (signal.aborted) break
    const report = await run(layer, seed, minutes, limit, signal)
    reports.push(report)
    for (const { what, replay } of report.failures) process.stderr.write(`${what}\n    ${replay}\n`)
  }
  process.stdout.write(values.json ? `${JSON.stringify(reports, undefined, 2)}\n` : table(reports))
  if (reports.some(({ failures }) => failures.length > 0)) process.exitCode = 1
}

/** Aborted by an interrupt: a layer ends with what it has found until then. It may come from the terminal and from npm, so only a later one ends all. */
function interrupted(): AbortSignal {
  const stop = new AbortController()
  let first = 0
  process.on('SIGINT', () => {
    if (stop.signal.aborted && performance.now() - first > AGAIN_MS) process.exit(130)
    if (!stop.signal.aborted) first = performance.now()
    stop.abort()
  })
  return stop.signal
}

async function run(
  layer: Layer,
  seed: number,
  minutes: number | undefined,
  limit: number | undefined,
  signal: AbortSignal,
): Promise<Report> {
  const { letter, name, unit } = layer
  const missing = await layer.missing()
  const begin = performance.now()
  const seconds = (): number => (performance.now() - begin) / 1000
  const tty = process.stderr.isTTY
  let told = tty ? 0 : begin
  const progress = (done: number): void => {
    if (performance.now() - told < (tty ? 250 : 60_000)) return
    told = performance.now()
    const line = `${letter}  ${done.toLocaleString('en')} ${unit}, ${rate(done, seconds())}/s`
    process.stderr.write(tty ? `\r\u001B[K${line}` : `${line}\n`)
  }
  const nothing: Outcome = { done: 0, counts: {}, failures: [] }
  const extent = { seed, only: values.case, minutes, limit, progress, signal }
  const workers = layer.parts === true && values.case === undefined ? (number(values.workers, 'workers') ?? availableParallelism()) : 1
  const outcome = missing.length > 0 ? nothing : await (workers > 1 ? inParts(layer, workers, extent) : layer.run(campaign(extent)))
  if (tty) process.stderr.write('\r\u001B[K')
  const failures = outcome.failures.map((failure) => ({
    what: `${letter}, case ${failure.case}: ${failure.what}`,
    replay: `npm run torture -- --layer ${letter} --seed ${seed} --case ${failure.case}`,
  }))
  return { layer: letter, name, unit, seed, missing, seconds: seconds(), ...outcome, failures }
}

/** Layers by letter: one, a list, or a range from one to another. */
function chosen(asked: string | undefined): readonly Layer[] {
  if (asked === undefined) return layers
  const [from, to] = asked.split('..')
  const found =
    to === undefined
      ? asked.split(',').map((letter) => layers.find((layer) => layer.letter === letter))
      : layers.filter(({ letter }) => letter >= from! && letter[0]! <= to)
  if (found.length === 0 || found.includes(undefined)) throw new TypeError(`There is no layer ${asked}.\n\n${USAGE}`)
  return found as Layer[]
}

function number(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!(value >= 0)) throw new TypeError(`--${name} is a number, not ${JSON.stringify(text)}`)
  return value
}

function table(reports: readonly Report[]): string {
  const rows = reports.map(({ layer, name, unit, seconds, done, missing, failures }) => [
    layer,
    name,
    missing.length > 0 ? `skipped, without ${missing.join(', ')}` : `${done.toLocaleString('en')} ${unit}`,
    `${seconds.toFixed(1)} s`,
    `${rate(done, seconds)}/s`,
    `${failures.length} failed`,
  ])
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '))
  const counts = reports.map(
    ({ layer, counts: more }) =>
      `${layer}  ${Object.entries(more)
        .map(([what, count]) => `${count.toLocaleString('en')} ${what}`)
        .join(', ')}`,
  )
  return `${[...lines, '', ...counts].join('\n')}\n`
}

function rate(done: number, seconds: number): string {
  return seconds === 0 ? '0' : Math.round(done / seconds).toLocaleString('en')
}
