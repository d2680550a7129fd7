/** Durable appends: so many callers, each with a stream of its own and each awaiting its append before the next. */
import { join } from 'node:path'
import { fromChild, type Bench } from '../bench.js'
import { atLeast, type Bar, type Measure, type Run } from '../measure.js'
import { appendingPeers, shown, slowPeers } from '../stores/all.js'
import { rawGroups, rawLoop } from '../stores/raw.js'
import type { Contender, Sink } from '../stores/store.js'
import { turnlog, turnlogAgain, turnlogBlocking, turnlogWhole } from '../stores/turnlog.js'
import { real, small, type Mix } from '../workload.js'
import type { Appending } from './appending.js'

interface Work {
  mix: Mix
  /** Callers at once. */
  width: number
  /** Events of each commit. */
  commit: number
  /** Commits in all, before the clock starts and while it runs: for the fastest about a second's. */
  warmUp: number
  commits: number
}

const APPENDING = new URL('appending.js', import.meta.url).href

/** Rounds of the rows that are measured where nobody has much time. */
const QUICK = 2

const ours = 'turnlog'
const blocking = turnlogBlocking.name
const raw = rawGroups.name
const loop = rawLoop(false, 0).name
const loopBlocking = rawLoop(true, 0).name

/** What a lone caller waits for: a peer, or nothing but the disk. */
const aloneBars: readonly Bar[] = [
  atLeast(0.85, '× fastest peer', (m) => m.of(ours) / m.fastest),
  atLeast(0.85, '× no store, write + fdatasync', (m) => m.of(ours) / m.of(loop)),
  atLeast(1, '× fastest peer, blocking', (m) => m.of(blocking) / m.fastest),
  atLeast(1, '× no store, write + fdatasync, blocking', (m) => m.of(blocking) / m.of(loopBlocking)),
]

export const appends: readonly Measure[] = [
  row('durable appends, one after another', alone(small), aloneBars, QUICK),
  row('durable appends, one after another, real mix', alone(real), aloneBars),
  row(
    'durable appends, 64 at once',
    { mix: small, width: 64, commit: 1, warmUp: 25_600, commits: 51_200 },
    [
      atLeast(1.5, '× fastest peer', (m) => m.of(ours) / m.fastest),
      atLeast(12, '× better-sqlite3', (m) => m.of(ours) / m.of('better-sqlite3')),
    ],
    QUICK,
  ),
  row('durable appends, 64 at once, real mix', { mix: real, width: 64, commit: 1, warmUp: 6400, commits: 25_600 }, [
    atLeast(1, '× fastest peer', (m) => m.of(ours) / m.fastest),
  ]),
  row('durable appends, 1,024 at once', { mix: small, width: 1024, commit: 1, warmUp: 40_960, commits: 81_920 }, [
    atLeast(1.6, '× fastest peer', (m) => m.of(ours) / m.fastest),
  ]),
  row('durable appends, 1,024 at once, real mix', { mix: real, width: 1024, commit: 1, warmUp: 6144, commits: 32_768 }, [
    atLeast(1, '× fastest peer', (m) => m.of(ours) / m.fastest),
  ]),
  row('commits of 100 events, one after another', { mix: small, width: 1, commit: 100, warmUp: 200, commits: 1000 }, [
    atLeast(1.1, '× fastest peer', (m) => m.of(ours) / m.fastest),
    atLeast(0.9, '× no store that encodes', (m) => m.of(ours) / m.of(raw)),
  ]),
  row('commits of 100 events, 8 at once', { mix: small, width: 8, commit: 100, warmUp: 200, commits: 1600 }, [
    atLeast(1.1, '× fastest peer', (m) => m.of(ours) / m.fastest),
    atLeast(0.9, '× no store that encodes', (m) => m.of(ours) / m.of(raw)),
  ]),
  row('commits of 100 events, 8 at once, real mix', { mix: real, width: 8, commit: 100, warmUp: 40, commits: 320 }, [
    atLeast(0.6, '× no store that encodes', (m) => m.of(ours) / m.of(raw)),
  ]),
]

function alone(mix: Mix): Work {
  return { mix, width: 1, commit: 1, warmUp: 4000, commits: 12_000 }
}

function row(work: string, asked: Work, bars: readonly Bar[], quick = 0): Measure {
  const unit = asked.commit === 1 ? 'appends/s' : 'commits/s'
  return { work, unit, rounds: 5, quick, bars, runs: (bench) => runsOf(bench, asked) }
}

function runsOf(bench: Bench, work: Work): Run[] {
  let frame: Promise<number> | undefined
  return contenders(work, bench.quick).map((contender) => ({
    name: contender.name,
    role: contender.role,
    async take() {
      const told = toldTo(contender, bench, work)
      const frameBytes = isLoop(contender) ? await (frame ??= frameBytesOf(bench, told)) : 0
      return bench.inDirectory((directory) => begun(directory, contender, { ...told, frameBytes }))
    },
  }))
}

const isAlone = ({ width, commit }: Work): boolean => width === 1 && commit === 1
const isLoop = ({ name }: Contender<Sink>): boolean => name === loop || name === loopBlocking
const isSlow = ({ name }: Contender<Sink>): boolean => slowPeers.some((other) => other.name === name)

function contenders(work: Work, quick: boolean): Contender<Sink>[] {
  const { width, commit } = work
  return [
    ...(isAlone(work) ? [rawLoop(false, 0), rawLoop(true, 0)] : []),
    rawGroups,
    turnlog,
    ...(isAlone(work) ? [turnlogBlocking] : []),
    ...(width <= 64 && commit === 1 ? [turnlogWhole, turnlogAgain] : []),
    ...appendingPeers,
    // With more callers it may end its process however often it is begun again.
    ...(quick || width > 8 ? [] : slowPeers),
    ...(quick ? [] : shown),
  ]
}

/** All do the same work, but for two that would take minutes for it and are never the fastest: they do less, for about as long. */
function toldTo(contender: Contender<Sink>, bench: Bench, { mix, width, commit, warmUp, commits }: Work): Appending {
  const slower = isSlow(contender) ? 10 : contender.role === 'shown' ? 4 : 1
  const each = (count: number): number => Math.ceil(count / width / slower / (bench.quick ? 4 : 1))
  return { mix: mix.name, width, commit, warmUp: each(warmUp), commits: each(commits), frameBytes: 0 }
}

/** What one of these commits takes in a journal, once it was written there. */
function frameBytesOf(bench: Bench, told: Appending): Promise<number> {
  return bench.inDirectory((directory) => fromChild<number>(APPENDING, 'bytesOfEach', [directory, told]))
}

/** How often one that ends its process is begun again: one of the peers now and then throws where nobody can catch it. */
const ATTEMPTS = 5

async function begun(directory: string, contender: Contender<Sink>, told: Appending): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fromChild<number>(APPENDING, 'appended', [join(directory, String(attempt)), contender.name, told])
    } catch (error) {
      if (!isSlow(contender) || attempt === ATTEMPTS) throw error
    }
  }
}
