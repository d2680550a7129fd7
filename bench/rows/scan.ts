/** A history read from its beginning, every event of it decoded. */
import { timed, type Bench } from '../bench.js'
import { atLeast, type Measure, type Run } from '../measure.js'
import { peers } from '../stores/all.js'
import { turnlog } from '../stores/turnlog.js'
import { million, realMix } from './shapes.js'
import { plainFile } from '../stores/plain-file.js'
import type { Shape } from '../workload.js'

const ours = turnlog.name

export const scans: readonly Measure[] = [
  {
    work: 'full scan, every event checked and decoded',
    unit: 'events/s',
    rounds: 3,
    quick: 3,
    runs: (bench) => runs(bench, million(bench)),
    bars: [atLeast(2, '× fastest peer', (m) => m.of(ours) / m.fastest)],
  },
  {
    work: 'full scan, every event checked and decoded, real mix',
    unit: 'events/s',
    rounds: 3,
    quick: 3,
    runs: (bench) => runs(bench, realMix(bench)),
    bars: [atLeast(1.4, '× fastest peer', (m) => m.of(ours) / m.fastest)],
  },
]

function runs(bench: Bench, shape: Shape): Run[] {
  return [plainFile, turnlog, ...peers].map((contender) => ({
    name: contender.name,
    role: contender.role,
    async take() {
      const store = await contender.open(await bench.history(contender, shape))
      try {
        let read = 0
        const seconds = await timed(() => store.each(() => read++))
        if (read !== shape.events) throw new Error(`${contender.name} read ${read} events, not ${shape.events}`)
        return read / seconds
      } finally {
        await store.close()
      }
    },
  }))
}
