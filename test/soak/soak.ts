/**
 * A long life under everything at once: sessions that go on, views that are read all the time, snapshots, rotation, and a follower in
 * another process. In the end all views are equal to those of the journal alone, everything checks, and memory stands.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { openJournal, type JournalOptions } from '../../src/index.js'
import { beginFollower, type Followed } from './follower-process.js'
import { run, type Counts } from './load.js'
import { growthOf, sample, type Growth, type Sample } from './memory.js'
import { lineOf, printsOf, type Soaked } from './views.js'

export interface Extent {
  /** Empty, and left behind with the journal in it. */
  directory: string
  seconds: number
  seed: number
  /** Told now and then after how many seconds how much was done. */
  progress?: (seconds: number, counts: Counts) => void
  /** Ends it early. */
  signal?: AbortSignal
}

export interface Report {
  seed: number
  seconds: number
  counts: Counts & { events: number; segments: number; bytes: number }
  /** Of the process that writes, reads and takes snapshots, and of the one that follows. */
  memory: Record<'writer' | 'follower', Record<keyof Sample, Growth>>
  /** Why it did not hold; empty if it did. */
  wrong: string[]
}

/** Small, so that segments end and rows leave the cache as they do in a journal that is many times as large. */
const OPTIONS: JournalOptions = { segmentBytes: 512 << 10, cacheRows: 500 }
/** Over the whole life, but not so many that collecting garbage is most of it. */
const SAMPLES = 120
const SAMPLE_MS_MIN = 500
/** A life that is shorter is all warm-up, and grows. */
const WARM_SECONDS = 60

export async function soak({ directory, seconds, seed, progress = () => undefined, signal }: Extent): Promise<Report> {
  await using journal = await openJournal(directory, OPTIONS)
  const sampleMs = Math.max(SAMPLE_MS_MIN, (seconds * 1000) / SAMPLES)
  using follower = await beginFollower(directory, sampleMs)
  const wrong: string[] = []
  const counts: Counts = { sessions: 0, commits: 0, reads: 0, refolds: 0, snapshots: 0 }
  const samples: Sample[] = []
  const began = performance.now()
  const lived = (): number => (performance.now() - began) / 1000
  const timer = setInterval(() => {
    samples.push(sample())
    progress(lived(), counts)
  }, sampleMs)
  const over = (): boolean => wrong.length > 0 || lived() >= seconds || signal?.aborted === true
  await run({ journal, seed, over, counts, wrong }).finally(() => clearInterval(timer))
  const isWarm = lived() >= WARM_SECONDS
  const followed = await follower.upTo(journal.head.position)
  const memory = { writer: growthsOf(samples), follower: growthsOf(followed.samples) }
  const prints = await printsOf(journal)
  wrong.push(...(await misfollowed(followed, journal, prints)), ...(await unverified(journal)), ...(isWarm ? grown(memory) : []))
  const segments = (await readdir(join(directory, 'journal'))).filter((name) => name.endsWith('.seg')).length
  const report = {
    seed,
    seconds: lived(),
    counts: { ...counts, events: journal.head.position, segments, bytes: journal.bytes },
    memory,
    wrong,
  }
  await journal.close()
  wrong.push(...(await underivable(directory, prints)), ...idle(report))
  return report
}

/** Whether the follower saw every event once, in order, as it was written, and shows what the writer does. */
async function misfollowed(followed: Followed, journal: Soaked, prints: Prints): Promise<string[]> {
  const hash = createHash('sha256')
  for await (const event of journal.readAll()) hash.update(lineOf(event))
  const { position, misplaced, digest } = followed
  const wrong: string[] = []
  if (position !== journal.head.position || misplaced > 0)
    wrong.push(`the follower came to event ${position} of ${journal.head.position}, and ${misplaced} were not the next`)
  if (digest !== hash.digest('hex')) wrong.push('the follower saw other events than were written')
  return [...wrong, ...differing(followed.prints, prints).map((view) => `the follower shows another ${view}`)]
}

async function unverified(journal: Soaked): Promise<string[]> {
  const { ok, damage, snapshots } = await journal.verify({ snapshots: true })
  const bad = snapshots.filter((one) => !one.ok).map(({ file, reason }) => `${file}: ${reason}`)
  return [...(ok ? [] : [`it does not verify: ${JSON.stringify(damage)}`]), ...bad]
}

function grown(memory: Report['memory']): string[] {
  return Object.entries(memory).flatMap(([process, sorts]) =>
    Object.entries(sorts)
      .filter(([, { to, most }]) => !(to <= most))
      .map(([sort, { from, to }]) => `the ${process}'s memory (${sort}) grew from ${from} to ${to} bytes after warm-up`),
  )
}

const growthsOf = (samples: readonly Sample[]): Record<keyof Sample, Growth> => ({
  heap: growthOf(samples, 'heap'),
  anonymous: growthOf(samples, 'anonymous'),
})

type Prints = Record<string, string>

/** Views that do not come back equal when everything but the journal is gone. */
async function underivable(directory: string, prints: Prints): Promise<string[]> {
  for (const derived of ['derived', 'snapshots']) await rm(join(directory, derived), { recursive: true })
  await using journal = await openJournal(directory, OPTIONS)
  return differing(await printsOf(journal), prints).map((view) => `${view} is not what the journal alone folds to`)
}

const differing = (some: Prints, others: Prints): string[] => Object.keys(others).filter((view) => some[view] !== others[view])

/** What did not happen at all, and so was not tried. */
function idle({ counts, memory }: Report): string[] {
  const missing = Object.entries(counts).filter(([what, count]) => count < (what === 'segments' ? 2 : 1))
  if (Number.isNaN(memory.writer.heap.from) || Number.isNaN(memory.follower.heap.from)) missing.push(['samples of memory', 0])
  return missing.map(([what]) => `too short: no ${what}`)
}
