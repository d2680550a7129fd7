/** What a journal's life costs beside the journal itself: bytes that the process wrote for derived state and snapshots. */
import { readFileSync } from 'node:fs'
import { events, openJournal, type JournalOptions } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { fromChild } from '../bench.js'
import { atMost, type Measure } from '../measure.js'
import { WHOLE } from '../stores/turnlog.js'
import { history, small } from '../workload.js'
import type { Bench } from '../bench.js'

const JOURNAL = 'the journal itself'
const DERIVED = 'derived state and snapshots'
const TAKEN = 'of these, the snapshots'
/** Callers at once, and snapshots over a life. */
const WIDTH = 64
const SNAPSHOTS = 4

interface Written {
  /** Bytes of the journal's files. */
  journal: number
  /** Bytes that the process handed to the operating system. */
  written: number
  /** Bytes of the snapshots' files. */
  snapshots: number
}

export const written: readonly Measure[] = [
  {
    work: 'bytes written over the life of 1,000,000 events',
    unit: 'MB',
    rounds: 3,
    inOrder: true,
    quick: 0,
    runs: (bench) => {
      let last: Lives
      return [
        { name: JOURNAL, role: 'turnlog', take: async () => (last = await lives(bench)).own.journal / 1e6 },
        // The same life without projections writes the same journal, with its indexes and its head file.
        { name: DERIVED, role: 'turnlog', take: async () => (last.own.written - last.bare.written) / 1e6 },
        { name: TAKEN, role: 'turnlog', take: async () => last.own.snapshots / 1e6 },
      ]
    },
    bars: [atMost(1.5, '× the journal’s own bytes', (m) => m.of(DERIVED) / m.of(JOURNAL))],
  },
]

interface Lives {
  own: Written
  bare: Written
}

async function lives(bench: Bench): Promise<Lives> {
  const one = (whole: boolean): Promise<Written> => bench.inDirectory((path) => fromChild<Written>(import.meta.url, 'live', [path, whole]))
  const [own, bare] = await Promise.all([one(true), one(false)])
  return { own, bare }
}

/** The life of a journal, with all that is derived from it, or nothing. */
export async function live(path: string, whole: boolean): Promise<Written> {
  const count = 1_000_000
  const before = writtenSoFar()
  const options = (whole ? WHOLE : { events, upcasters }) as JournalOptions
  const journal = await openJournal(path, options)
  const commits = history({ mix: small, events: count, streams: 1000, commit: 5 })
  let done = 0
  let snapshots = 0
  const next = async (): Promise<void> => {
    for (let commit = commits.next(); commit.done !== true; commit = commits.next()) {
      const { stream, events: added } = commit.value
      await journal.append(stream, added as never[])
      const from = done
      done += added.length
      if (whole && Math.floor(from / (count / SNAPSHOTS)) !== Math.floor(done / (count / SNAPSHOTS)))
        for (const { bytes } of await journal.snapshot()) snapshots += bytes
    }
  }
  await Promise.all(Array.from({ length: WIDTH }, next))
  const bytes = journal.bytes
  await journal.close()
  return { journal: bytes, written: writtenSoFar() - before, snapshots }
}

function writtenSoFar(): number {
  return Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}
