/** What a lone append waits while another stream is loaded in bulk. */
import { setTimeout } from 'node:timers/promises'
import { openJournal } from '../../src/index.js'
import { seeded } from '../../test/support/random.js'
import { fromChild } from '../bench.js'
import { atMost, type Measure, type Run } from '../measure.js'
import { WHOLE } from '../stores/turnlog.js'
import { item, mixNamed, opening, real, small, type Mix } from '../workload.js'
import type { Bench } from '../bench.js'

const IDLE = 'idle'
const LOADED = 'beside a bulk load'

/** Appends of the one that waits: fewer where the load would else fill the disk. */
const APPENDS = { [small.name]: 1500, [real.name]: 400 }
/** Time between them, and commits of the bulk load that are on their way. */
const PAUSE_MS = 2
const LOADING = 8
const LOADED_EVENTS = 100

type Opened = Awaited<ReturnType<typeof openJournal>>

export const latency: readonly Measure[] = [small, real].map((mix) => ({
  work: `p99 of an append${mix === small ? '' : ', real mix'}`,
  unit: 'ms',
  rounds: 3,
  quick: 0,
  runs: (bench: Bench): Run[] => [runOf(bench, IDLE, mix, 0), runOf(bench, LOADED, mix, LOADING)],
  bars: [atMost(5, '× that of an idle journal', (m) => m.of(LOADED) / m.of(IDLE))],
}))

function runOf(bench: Bench, name: string, mix: Mix, loading: number): Run {
  return {
    name,
    role: 'turnlog',
    take: () => bench.inDirectory((path) => fromChild<number>(import.meta.url, 'wait', [path, mix.name, loading, APPENDS[mix.name]])),
  }
}

/** Milliseconds that 99 of 100 appends do not exceed. */
export async function wait(path: string, mixName: string, loading: number, count: number): Promise<number> {
  const mix = mixNamed(mixName)
  await using journal = await openJournal(path, WHOLE)
  for (const name of ['bulk', 'lone']) await journal.append(name, opening(name).events as never[])
  const random = seeded(8)
  const took: number[] = []
  let over = false
  const load = loading === 0 ? undefined : bulk(journal, mix, loading, () => over)
  const warmUp = Math.floor(count / 3)
  for (let n = -warmUp; n < count; n++) {
    await setTimeout(PAUSE_MS)
    const event = item(n, small, random)
    const began = performance.now()
    await journal.append('lone', [event as never])
    if (n >= 0) took.push(performance.now() - began)
  }
  over = true
  await load
  return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] as number
}

async function bulk(journal: Opened, mix: Mix, loading: number, over: () => boolean): Promise<void> {
  const random = seeded(9)
  let n = 0
  const some = (): never[] => Array.from({ length: LOADED_EVENTS }, () => item(`b${n++}`, mix, random) as never)
  await Promise.all(
    Array.from({ length: loading }, async () => {
      while (!over()) await journal.append('bulk', some())
    }),
  )
}
