/** The histories that measures of reading share, and the rows of what goes through all of one. */
import type { Bench } from '../bench.js'
import { atLeast, type Measure, type Run } from '../measure.js'
import { turnlog } from '../stores/turnlog.js'
import { real, small, type Shape } from '../workload.js'

const shared = { streams: 1000, commit: 5 }

/** A million events in a thousand interleaved streams. */
export const million = (bench: Bench): Shape => ({ ...shared, mix: small, events: bench.size(1_000_000, 50_000) })

export const tenThousand: Shape = { ...shared, mix: small, events: 10_000 }

export const realMix = (): Shape => ({ ...shared, mix: real, events: 60_000 })

/** A row for each mix, in events a second, and how many times the fastest peer's turnlog is to reach. */
export function throughAll(work: string, runs: (bench: Bench, shape: Shape) => Run[], least: { small: number; real: number }): Measure[] {
  const row = (name: string, shape: (bench: Bench) => Shape, bar: number, quick: number): Measure => ({
    work: name,
    unit: 'events/s',
    rounds: 3,
    quick,
    runs: (bench) => runs(bench, shape(bench)),
    bars: [atLeast(bar, '× fastest peer', (m) => m.of(turnlog.name) / m.fastest)],
  })
  return [row(work, million, least.small, 2), row(`${work}, real mix`, realMix, least.real, 0)]
}
