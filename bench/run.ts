/** Measures turnlog beside its peers in one run and writes docs/benchmarks.md. `--quick` for a look, `--json` for machines, `--upcasting` for one measure alone. */
import { execSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Contender } from './contenders.js'
import type { Figure, Sizes } from './measure.js'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    upcasting: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(
    'npm run bench -- [--quick] [--json]\n\nMeasures turnlog, better-sqlite3 and lmdb in turn and writes docs/benchmarks.md (not with --quick).\n--upcasting measures only what reading old events costs, which needs no other store.',
  )
  process.exit(0)
}

if (values.upcasting) {
  const { cost, COST_MAX, reading } = await import('./upcasting.js')
  const figures = await reading(values.quick ? 50_000 : 500_000, 5)
  for (const { contender, value } of figures) console.log(`${contender}: ${Math.round(value).toLocaleString('en')} events/s`)
  console.log(`three steps cost ${cost(figures).toFixed(2)} times, of ${COST_MAX} allowed`)
  process.exit(cost(figures) <= COST_MAX ? 0 : 1)
}

// npm runs its scripts where package.json is.
const root = process.cwd()
if (!existsSync(join(root, 'bench/node_modules'))) {
  console.error('installing the peers into bench/node_modules …')
  execSync('npm ci --no-audit --no-fund', { cwd: join(root, 'bench'), stdio: ['ignore', 'inherit', 'inherit'] })
}
// Loaded only now, because the peers may just have been installed.
const { contenders, readers, turnlogWhole } = await import('./contenders.js')
const { concurrent, inDirectory, load, openTime, raw, replay, scan, sequential } = await import('./measure.js')
const { document, table } = await import('./report.js')
const { reading } = await import('./upcasting.js')

const sizes: Sizes = values.quick
  ? { repeats: 3, sequential: 500, concurrent: 6400, replay: 50_000, small: 10_000, large: 50_000 }
  : { repeats: 5, sequential: 4000, concurrent: 32_000, replay: 500_000, small: 10_000, large: 500_000 }

const figures: Figure[] = []
const note = (work: string, contender: string, unit: Figure['unit'], value: number): void => {
  const figure = figures.find((other) => other.work === work && other.contender === contender)
  if (figure === undefined) figures.push({ work, contender, unit, values: [value] })
  else figure.values.push(value)
  console.error(`  ${work} · ${contender}: ${Math.round(value).toLocaleString('en')} ${unit}`)
}

for (let repeat = 1; repeat <= sizes.repeats; repeat++) {
  console.error(`round ${repeat} of ${sizes.repeats}`)
  for (const blocking of [false, true])
    note(
      'durable appends, one after another',
      `no store: write + fdatasync${blocking ? ', blocking' : ''}`,
      'appends/s',
      await raw(sizes.sequential, blocking),
    )
  for (const contender of turned(contenders, repeat))
    note('durable appends, one after another', contender.name, 'appends/s', await sequential(contender, sizes.sequential))
  for (const contender of turned(contenders, repeat))
    note('durable appends, 64 at once', contender.name, 'appends/s', await concurrent(contender, sizes.concurrent, 64))
}

await inDirectory(async (directory) => {
  const place = async (contender: Contender, name: string): Promise<string> => {
    const path = join(directory, `${contender.name}-${name}`)
    await mkdir(path, { recursive: true })
    return path
  }
  const filled = async (contender: Contender, name: string, count: number): Promise<string> => {
    const path = await place(contender, name)
    await load(
      contender,
      path,
      count,
      (done) => process.stderr.isTTY && process.stderr.write(`\r  loading ${contender.name}: ${done.toLocaleString('en')}`),
    )
    return path
  }
  const large = new Map<string, string>()
  for (const contender of [...readers, turnlogWhole]) large.set(contender.name, await filled(contender, 'large', sizes.replay))
  const small = await filled(turnlogWhole, 'small', sizes.small)
  for (let repeat = 1; repeat <= sizes.repeats; repeat++) {
    console.error(`\nround ${repeat} of ${sizes.repeats}`)
    const results = new Set<string>()
    for (const contender of turned(readers, repeat))
      note(
        'full scan, every event decoded',
        contender.name,
        'events/s',
        await scan(contender, large.get(contender.name) as string, sizes.replay),
      )
    for (const contender of turned(readers, repeat)) {
      const { rate, sessions } = await replay(contender, large.get(contender.name) as string, sizes.replay)
      results.add(sessions)
      note('replay through the session projection', contender.name, 'events/s', rate)
    }
    if (results.size !== 1) throw new Error('the contenders do not agree on the sessions')
    const { openJournal } = await import('../src/index.js')
    const { session } = await import('../projections/index.js')
    for (const [work, path] of [
      [`open after a clean close, ${sizes.small.toLocaleString('en')} events`, small],
      [`open after a clean close, ${sizes.large.toLocaleString('en')} events`, large.get(turnlogWhole.name) as string],
    ] as const) {
      const elapsed = await openTime(async () => {
        const journal = await openJournal(path, { onInterrupted: 'leave' })
        if ((await journal.view(session, 'session-0001')).state === undefined) throw new Error('no view')
        return () => journal.close()
      })
      note(work, 'turnlog', 'ms', elapsed)
    }
  }
})

for (const { contender, value } of await reading(sizes.replay, sizes.repeats)) {
  note(`reading ${sizes.replay.toLocaleString('en')} events`, contender, 'events/s', value)
}

if (values.json) console.log(JSON.stringify({ sizes, figures }, undefined, 2))
else console.log(`\n${table(figures)}`)
if (!values.quick) {
  await writeFile(join(root, 'docs/benchmarks.md'), document(figures, sizes))
  console.error('wrote docs/benchmarks.md')
}

/** Another one begins each time, so that none has always the warm disk. */
function turned<T>(list: readonly T[], by: number): T[] {
  return [...list.slice(by % list.length), ...list.slice(0, by % list.length)]
}
