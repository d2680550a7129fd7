/** Measures turnlog beside its peers: `npm run bench -- [--quick] [--only words] [--json]`. A whole run writes docs/benchmarks.md. */
import { execSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bench } from './bench.js'
import type { Figure, Measure } from './measure.js'

const USAGE = `npm run bench -- [--quick] [--only words] [--list] [--json]

Measures turnlog beside other stores, in turn, and holds it to its bars. What was measured takes its place in bench/figures.json,
from which docs/benchmarks.md is written.

  --quick   some minutes: smaller histories, the quick rows only; writes nothing
  --only    only rows that have one of these words, separated by commas, in their name
  --list    the rows, by name
  --json    the figures as JSON`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

// npm runs its scripts where package.json is.
const root = process.cwd()
if (values.help) console.log(USAGE)
else {
  if (!existsSync(join(root, 'bench/node_modules'))) {
    console.error('installing the peers into bench/node_modules …')
    execSync('npm ci --no-audit --no-fund', { cwd: join(root, 'bench'), stdio: ['ignore', 'inherit', 'inherit'] })
  }
  await main()
}

/** Loads what needs the peers only now, because they may just have been installed. */
async function main(): Promise<void> {
  const { measures } = await import('./rows/all.js')
  const { Bench: Place } = await import('./bench.js')
  const { keep, table } = await import('./report.js')
  const { originOf } = await import('./origin.js')
  const origin = values.quick ? undefined : originOf(root)
  const chosen = measures.filter(
    ({ work }) => values.only === undefined || values.only.split(',').some((word) => work.includes(word.trim())),
  )
  if (values.list) return console.log(chosen.map(({ work }) => work).join('\n'))
  const found = new Map<Measure, Figure[]>()
  const rounds = ({ quick, rounds: all }: Measure): number => (values.quick ? quick : all)
  await Place.run(values.quick, progress, async (bench) => {
    for (const measure of chosen) {
      if (rounds(measure) === 0) continue
      const figures = await measured(measure, bench, rounds(measure))
      found.set(measure, figures)
      if (!values.quick) keep(root, measures, { measure, figures, origin })
    }
  })
  progress('')
  if (values.json)
    console.log(
      JSON.stringify(
        [...found].map(([{ work, unit }, figures]) => ({ work, unit, figures })),
        undefined,
        2,
      ),
    )
  else console.log(table([...found].map(([measure, figures]) => ({ measure, figures }))))
  if (!values.quick) console.error('wrote docs/benchmarks.md')
}

/** All runs of a measure in turn, round by round. */
async function measured(measure: Measure, bench: Bench, rounds: number): Promise<Figure[]> {
  const runs = measure.runs(bench)
  const figures = runs.map(({ name, role }): Figure => ({ name, role, values: [] }))
  for (let round = 1; round <= rounds; round++) {
    // Another one begins each time, so that none has always the warm disk.
    for (let n = 0; n < runs.length; n++) {
      const at = measure.inOrder === true ? n : (n + round) % runs.length
      progress(`${measure.work} · round ${round} of ${rounds} · ${runs[at]!.name}`)
      figures[at]!.values.push(await runs[at]!.take())
    }
  }
  progress('')
  const { line } = await import('./report.js')
  for (const figure of figures) console.error(`${measure.work} · ${line(figure, measure.unit)}`)
  return figures
}

/** On a terminal, one line that says what is done now. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`)
}
