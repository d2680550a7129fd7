/** One stream of a thousand events out of a thousand that were written in turn. */
import { fromChild, type Bench } from '../bench.js'
import { atLeast, type Measure, type Run } from '../measure.js'
import { peers } from '../stores/all.js'
import { turnlog } from '../stores/turnlog.js'
import type { Store } from '../stores/store.js'
import { million } from './shapes.js'

const ours = turnlog.name
const contenders = [turnlog, ...peers]

/** Streams read in a fresh process, and then until all is warm, and then with the clock on. */
const FRESH = 5
const WARM = 20

export const oneStream: readonly Measure[] = [
  {
    work: 'one stream out of 1,000 interleaved ones, fresh process',
    unit: 'ms',
    rounds: 5,
    quick: 0,
    runs: (bench) => runs(bench, 'fresh'),
    bars: [atLeast(1, '× fastest peer', (m) => m.fastest / m.of(ours))],
  },
  {
    work: 'one stream out of 1,000 interleaved ones, warm',
    unit: 'ms',
    rounds: 5,
    quick: 0,
    runs: (bench) => runs(bench, 'warm'),
    bars: [atLeast(1.2, '× fastest peer', (m) => m.fastest / m.of(ours))],
  },
]

function runs(bench: Bench, state: 'fresh' | 'warm'): Run[] {
  const shape = million(bench)
  return contenders.map(({ name, role }, at) => ({
    name,
    role,
    async take() {
      const path = await bench.history(contenders[at]!, shape)
      return fromChild<number>(import.meta.url, 'readStreams', [name, path, state, shape.events / shape.streams])
    },
  }))
}

/** Milliseconds that one stream takes, with the store open. */
export async function readStreams(name: string, path: string, state: 'fresh' | 'warm', events: number): Promise<number> {
  const store = await contenders.find((one) => one.name === name)!.open(path)
  try {
    if (state === 'fresh') return await read(store, 500, FRESH, events)
    await read(store, 0, WARM * 3, events)
    return await read(store, WARM * 4, WARM, events)
  } finally {
    await store.close()
  }
}

async function read(store: Store, first: number, count: number, events: number): Promise<number> {
  const began = performance.now()
  for (let n = first; n < first + count; n++) {
    let found = 0
    await store.eachOf(`session-${String(n).padStart(4, '0')}`, ({ data }) => {
      if (data !== undefined) found++
    })
    if (found < events - 5 || found > events + 5) throw new Error(`stream ${n} has ${found} events, not about ${events}`)
  }
  return (performance.now() - began) / count
}
