/** The measures, in the order of the table. */
import type { Measure } from '../measure.js'
import { appends } from './appends.js'
import { latency } from './latency.js'
import { memory } from './memory.js'
import { opens } from './open.js'
import { replays } from './replay.js'
import { scans } from './scan.js'
import { sizes } from './size.js'
import { oneStream } from './stream.js'
import { longThread } from './thread.js'
import { upcasting } from './upcasting.js'
import { written } from './written.js'

export const measures: readonly Measure[] = [
  ...appends,
  ...scans,
  ...replays,
  ...oneStream,
  ...opens,
  ...memory,
  ...latency,
  ...longThread,
  ...written,
  ...sizes,
  ...upcasting,
]
