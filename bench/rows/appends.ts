/** Durable appends: so many callers, each with a stream of its own and each awaiting its append before the next. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seeded } from '../../test/support/random.js'
import { fromChild, timed, type Bench } from '../bench.js'
import { atLeast, type Bar, type Measure, type Run } from '../measure.js'
import { peers, shown, slowPeers } from '../stores/all.js'
import { rawGroups, rawLoop } from '../stores/raw.js'
import type { Contender, Sink, Store } from '../stores/store.js'
import { turnlog, turnlogBlocking, turnlogWhole } from '../stores/turnlog.js'
import { item, mixNamed, opening, real, small, streams, type Event, type Mix } from '../workload.js'

interface Work {
  mix: Mix
  /** Callers at once. */
  width: number
  /** Events of each commit. */
  commit: number
  /** Commits in all, before the clock starts and while it runs. */
  warmUp: number
  commits: number
}

/** What one append of one event takes in a journal, in bytes of its frame. */
const FRAME_BYTES = { [small.name]: 504, [real.name]: 3600 }

/** Rounds of the rows that are measured where nobody has much time. */
const QUICK = 2

const ours = 'turnlog'
const blocking = turnlogBlocking.name
const raw = rawGroups.name
const loop = rawLoop(false, 0).name

export const appends: readonly Measure[] = [
  row(
    'durable appends, one after another',
    alone(small),
    [
      atLeast(0.85, '× fastest peer', (m) => m.of(ours) / m.fastest),
      atLeast(0.85, '× no store, write + fdatasync', (m) => m.of(ours) / m.of(loop)),
      atLeast(1, '× fastest peer, blocking', (m) => m.of(blocking) / m.fastest),
      atLeast(1, '× no store, write + fdatasync, blocking', (m) => m.of(blocking) / m.of(rawLoop(true, 0).name)),
    ],
    QUICK,
  ),
  row('durable appends, one after another, real mix', alone(real), [
    atLeast(0.85, '× fastest peer', (m) => m.of(ours) / m.fastest),
    atLeast(1, '× fastest peer, blocking', (m) => m.of(blocking) / m.fastest),
  ]),
  row(
    'durable appends, 64 at once',
    { mix: small, width: 64, commit: 1, warmUp: 25_600, commits: 51_200 },
    [
      atLeast(1.5, '× fastest peer', (m) => m.of(ours) / m.fastest),
      atLeast(12, '× better-sqlite3', (m) => m.of(ours) / m.of('better-sqlite3')),
    ],
    QUICK,
  ),
  row('durable appends, 64 at once, real mix', { mix: real, width: 64, commit: 1, warmUp: 6400, commits: 12_800 }, [
    atLeast(1, '× fastest peer', (m) => m.of(ours) / m.fastest),
  ]),
  row('durable appends, 1,024 at once', { mix: small, width: 1024, commit: 1, warmUp: 40_960, commits: 81_920 }, [
    atLeast(1.6, '× fastest peer', (m) => m.of(ours) / m.fastest),
  ]),
  row('durable appends, 1,024 at once, real mix', { mix: real, width: 1024, commit: 1, warmUp: 6144, commits: 16_384 }, [
    atLeast(1, '× fastest peer', (m) => m.of(ours) / m.fastest),
  ]),
  row('commits of 100 events, one after another', { mix: small, width: 1, commit: 100, warmUp: 200, commits: 600 }, [
    atLeast(1.1, '× fastest peer', (m) => m.of(ours) / m.fastest),
    atLeast(0.9, '× no store that encodes', (m) => m.of(ours) / m.of(raw)),
  ]),
  row('commits of 100 events, 8 at once', { mix: small, width: 8, commit: 100, warmUp: 200, commits: 1600 }, [
    atLeast(1.1, '× fastest peer', (m) => m.of(ours) / m.fastest),
    atLeast(0.9, '× no store that encodes', (m) => m.of(ours) / m.of(raw)),
  ]),
  row('commits of 100 events, 8 at once, real mix', { mix: real, width: 8, commit: 100, warmUp: 40, commits: 200 }, [
    atLeast(0.6, '× no store that encodes', (m) => m.of(ours) / m.of(raw)),
  ]),
]

function alone(mix: Mix): Work {
  return { mix, width: 1, commit: 1, warmUp: 4000, commits: 4000 }
}

function row(work: string, asked: Work, bars: readonly Bar[], quick = 0): Measure {
  const unit = asked.commit === 1 ? 'appends/s' : 'commits/s'
  return { work, unit, rounds: 5, quick, bars, runs: (bench) => contenders(asked, bench.quick).map((one) => runOf(bench, one, asked)) }
}

function contenders({ mix, width, commit }: Work, quick: boolean): Contender<Sink>[] {
  const blocks = width === 1 && commit === 1
  const loops = blocks ? [rawLoop(false, FRAME_BYTES[mix.name] ?? 0), rawLoop(true, FRAME_BYTES[mix.name] ?? 0)] : []
  const whole = width <= 64 && commit === 1 ? [turnlogWhole] : []
  return [
    ...loops,
    rawGroups,
    turnlog,
    ...(blocks ? [turnlogBlocking] : []),
    ...whole,
    ...peers,
    // With more callers it may end its process however often it is begun again.
    ...(quick || width > 8 ? [] : slowPeers),
    ...(quick ? [] : shown),
  ]
}

/** Stores that would take minutes for what others do in a second do less of it. */
function shareOf(contender: Contender<Sink>, bench: Bench): number {
  const { name, role } = contender
  const slow = isSlow(contender) ? 20 : role === 'shown' || name === 'better-sqlite3' ? 4 : 1
  return 1 / (slow * (bench.quick ? 4 : 1))
}

const isSlow = ({ name }: Contender<Sink>): boolean => slowPeers.some((other) => other.name === name)

function runOf(bench: Bench, contender: Contender<Sink>, work: Work): Run {
  const share = shareOf(contender, bench)
  const each = (commits: number): number => Math.max(1, Math.ceil((commits * share) / work.width))
  // All of them warm up alike, but for the one that would take minutes.
  const warmUp = isSlow(contender) || bench.quick ? each(work.warmUp) : Math.ceil(work.warmUp / work.width)
  const told = { ...work, mix: work.mix.name, warmUp, commits: each(work.commits) }
  return {
    name: contender.name,
    role: contender.role,
    take: () => bench.inDirectory((directory) => begun(directory, contender, told)),
  }
}

/** How often one that ends its process is begun again: one of the peers now and then throws where nobody can catch it. */
const ATTEMPTS = 5

async function begun(directory: string, contender: Contender<Sink>, work: Told): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fromChild<number>(import.meta.url, 'appended', [join(directory, String(attempt)), contender.name, work])
    } catch (error) {
      if (!isSlow(contender) || attempt === ATTEMPTS) throw error
    }
  }
}

/** Work as another process is told of it. The commits are those of each caller. */
type Told = Omit<Work, 'mix'> & { mix: string }

/** Commits a second. */
export async function appended(directory: string, name: string, told: Told): Promise<number> {
  const work = { ...told, mix: mixNamed(told.mix) }
  const contender = contenders(work, false).find((one) => one.name === name) as Contender<Sink>
  await mkdir(directory)
  const store = await contender.open(directory)
  try {
    return await measured(store, work)
  } finally {
    await store.close()
  }
}

/** Commits a second. What is appended was made before the clock starts. */
async function measured(store: Sink, { mix, width, commit, warmUp, commits }: Work): Promise<number> {
  const random = seeded(2)
  const names = streams(width)
  const rounds = names.map((_, at) =>
    Array.from({ length: warmUp + commits }, (__, n) => Array.from({ length: commit }, (___, i) => item(`${at}-${n}-${i}`, mix, random))),
  )
  for (const stream of names) await store.append(opening(stream))
  const run = (from: number, to: number): Promise<unknown> =>
    Promise.all(
      names.map(async (stream, at) => {
        for (let n = from; n < to; n++) await store.append({ stream, events: rounds[at]![n] as Event[] })
      }),
    )
  await run(0, warmUp)
  const seconds = await timed(() => run(warmUp, warmUp + commits))
  if ('each' in store) await check(store as Store, names.at(-1)!, (warmUp + commits) * commit)
  return (commits * width) / seconds
}

/** A figure counts only if what was measured is there. */
async function check(store: Store, stream: string, items: number): Promise<void> {
  let found = 0
  await store.eachOf(stream, ({ type }) => {
    if (type === 'item.completed') found++
  })
  if (found !== items) throw new Error(`${stream} holds ${found} items, not ${items}`)
}
