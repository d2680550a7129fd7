/** A journal opened without derived state, replayed, folded and verified with a small heap. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { session } from '../../projections/index.js'
import { openJournal } from '../../src/index.js'
import { inChild, type Bench } from '../bench.js'
import { atMost, type Measure, type Run } from '../measure.js'
import { turnlogWhole, WHOLE } from '../stores/turnlog.js'
import { real } from '../workload.js'

const HEAP_MB = 128
const SMALL = 'journal of 200 MB'
const LARGE = 'journal of 2 GB'
/** What an event of the real mix takes in a journal, roughly. */
const EVENT_BYTES = 3500

export const memory: readonly Measure[] = [
  {
    work: 'anonymous memory: open, fold, read, verify with a heap of 128 MB',
    unit: 'MB',
    rounds: 3,
    quick: 0,
    runs: (bench) => [runOf(bench, SMALL, 200e6), runOf(bench, LARGE, 2e9)],
    bars: [atMost(300, 'MB', (m) => m.of(LARGE)), atMost(1.2, '× that of 200 MB', (m) => m.of(LARGE) / m.of(SMALL))],
  },
]

function runOf(bench: Bench, name: string, bytes: number): Run {
  return {
    name,
    role: 'turnlog',
    async take() {
      const events = Math.round(bytes / EVENT_BYTES)
      const path = await bench.history(turnlogWhole, { mix: real, events, streams: 1000, commit: 5 })
      const { result, anonymousBytes } = await inChild<number>(import.meta.url, 'goThrough', [path, events], { heapMb: HEAP_MB })
      if ((result as number) < bytes * 0.8) throw new Error(`the journal has only ${result} bytes`)
      return anonymousBytes / 1e6
    },
  }
}

/** Bytes of the journal, once everything was done with it. */
export async function goThrough(path: string, events: number): Promise<number> {
  await rm(join(path, 'derived'), { recursive: true, force: true })
  await using journal = await openJournal(path, WHOLE)
  let listed = 0
  for await (const { state } of journal.list(session)) listed += state.items
  let read = 0
  for await (const { data } of journal.readAll()) if (data !== undefined) read++
  const { ok } = await journal.verify()
  if (!ok || read !== events || listed !== events - 4000) throw new Error(`${ok}, ${read} events, ${listed} items`)
  return journal.bytes
}
