/** Soaks a journal: `npm run soak -- --minutes N`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seed as pinned } from '../support/seed.js'
import { SESSIONS, type Counts } from './load.js'
import type { Growth } from './memory.js'
import { soak, type Report } from './soak.js'

const USAGE = `npm run soak -- [--minutes N] [--seed S] [--json]

  --minutes  how long it goes on (10)
  --seed     what the sessions do is drawn from it (${pinned})
  --json     the report as JSON

Lets ${SESSIONS} sessions go on in one journal, with views that are read all the time, snapshots, rotation and a follower in another
process. Ends with 1 if a view, an event or a byte is not what it must be, or if memory grows after warm-up, which is asked of a minute or more.
`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(pinned) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else await main()

async function main(): Promise<void> {
  const minutes = number(values.minutes, 'minutes')
  const seed = number(values.seed, 'seed')
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const directory = await mkdtemp(join(tmpdir(), 'turnlog-soak-'))
  try {
    const report = await soak({ directory, seconds: minutes * 60, seed, progress, signal: stop.signal })
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K')
    process.stdout.write(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : table(report))
    for (const what of report.wrong) process.stderr.write(`${what}\n`)
    if (report.wrong.length > 0) process.exitCode = 1
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function progress(seconds: number, { commits, reads }: Counts): void {
  if (!process.stderr.isTTY) return
  process.stderr.write(`\r\u001B[K${seconds.toFixed(0)} s, ${commits.toLocaleString('en')} commits, ${reads.toLocaleString('en')} reads`)
}

function table({ seed, seconds, counts, memory, wrong }: Report): string {
  const { bytes, ...rest } = counts
  const counted = Object.entries({ ...rest, 'MB of journal': bytes / 1e6 }).map(
    ([what, count]) => `${Math.round(count).toLocaleString('en')} ${what}`,
  )
  const told = ([process, { heap, anonymous }]: [string, Record<'heap' | 'anonymous', Growth>]): string =>
    `${process.padEnd(8)}  heap ${span(heap)}, resident ${span(anonymous)}`
  const verdict = wrong.length === 0 ? 'held' : 'did not hold'
  return `${seconds.toFixed(0)} s, seed ${seed}: ${verdict}\n${counted.join(', ')}\n${Object.entries(memory).map(told).join('\n')}\n`
}

function span({ from, to, most }: Growth): string {
  const [before, after, bar] = [from, to, most].map((bytes) => (bytes / 1e6).toFixed(1))
  return `${before} to ${after} MB (at most ${bar})`
}

function number(text: string, name: string): number {
  const value = Number(text)
  if (!(value >= 0)) throw new TypeError(`--${name} is a number, not ${JSON.stringify(text)}`)
  return value
}
