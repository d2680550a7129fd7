/** The histories that measures of reading share. */
import type { Bench } from '../bench.js'
import { real, small, type Shape } from '../workload.js'

/** A million events in a thousand interleaved streams. */
export const million = (bench: Bench): Shape => ({ mix: small, events: bench.size(1_000_000, 50_000), streams: 1000, commit: 5 })

export const tenThousand: Shape = { mix: small, events: 10_000, streams: 1000, commit: 5 }

export const realMix = (bench: Bench): Shape => ({ mix: real, events: bench.size(60_000, 10_000), streams: 1000, commit: 5 })
