/** Opening a journal in a fresh process: after a clean close, after a death, and without anything that was derived. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { session } from '../../projections/index.js'
import { events, openJournal } from '../../src/index.js'
import { seeded } from '../../test/support/random.js'
import { upcasters } from '../../upcasters/index.js'
import { fromChild, inChild, type Bench } from '../bench.js'
import { atLeast, atMost, median, type Bar, type Measure, type Run } from '../measure.js'
import { peers } from '../stores/all.js'
import type { Contender } from '../stores/store.js'
import { turnlogWhole, WHOLE } from '../stores/turnlog.js'
import { item, small } from '../workload.js'
import { agreement, fold, sessionsTold } from './fold.js'
import { million, tenThousand } from './shapes.js'

const FEW = '10,000 events'
const MANY = '1,000,000 events'
const VIEW = '1,000,000 events, to the first view'
const SCAN = 'scan of 16 MiB'
const SEGMENT_BYTES = 16 << 20
/** Appended before the death: half a segment. */
const BEFORE_DEATH = 25_000

const flat: Bar = {
  text: '≤ 1.3 × that of 10,000 events, or 30 ms more',
  judge(rounds) {
    const value = median(rounds.map((m) => m.of(MANY) / m.of(FEW)))
    const more = median(rounds.map((m) => m.of(MANY) - m.of(FEW)))
    return { value, held: value <= 1.3 || more <= 30 }
  },
}

export const opens: readonly Measure[] = [
  {
    work: 'open after a clean close, to the first view and durable append',
    unit: 'ms',
    rounds: 5,
    quick: 2,
    bars: [flat],
    runs: (bench) => [
      { name: FEW, role: 'turnlog', take: async () => (await opened(await bench.history(turnlogWhole, tenThousand))).view },
      { name: MANY, role: 'turnlog', take: async () => (await opened(await bench.history(turnlogWhole, million(bench)))).view },
    ],
  },
  {
    work: 'open after SIGKILL',
    unit: 'ms',
    rounds: 3,
    quick: 0,
    bars: [atMost(1, '× the time to scan 16 MiB', (m) => m.of(MANY) / m.of(SCAN))],
    inOrder: true,
    runs: (bench) => [
      { name: FEW, role: 'turnlog', take: async () => (await openedDead(bench, await bench.history(turnlogWhole, tenThousand))).append },
      ...bothOf(async () => openedDead(bench, await bench.history(turnlogWhole, million(bench)))),
      {
        name: SCAN,
        role: 'reference',
        take: async () => fromChild<number>(import.meta.url, 'scan', [await bench.history(turnlogWhole, million(bench))]),
      },
    ],
  },
  {
    work: 'open with all derived state deleted, to the first complete list',
    unit: 'ms',
    rounds: 3,
    quick: 0,
    bars: [atLeast(2, '× fastest peer’s scan and fold', (m) => m.fastest / m.of(turnlogWhole.name))],
    runs: derivedDeleted,
  },
]

function derivedDeleted(bench: Bench): Run[] {
  const agree = agreement()
  return [turnlogWhole, ...peers].map((contender) => ({
    name: contender.name,
    role: contender.role,
    async take() {
      const path = await bench.history(contender, million(bench))
      const { elapsed, told } = await fromChild<Listed>(import.meta.url, 'list', [contender.name, path])
      agree(contender.name, told)
      return elapsed
    },
  }))
}

/** Milliseconds from the call. */
interface Opened {
  /** To an append on the disk. */
  append: number
  /** To that, and a view in hand. */
  view: number
}

function opened(path: string): Promise<Opened> {
  return fromChild<Opened>(import.meta.url, 'open', [path])
}

/** Of a copy whose writer was killed while it appended. */
function openedDead(bench: Bench, path: string): Promise<Opened> {
  return bench.copyOf(path, async (copy) => {
    // Copies are other files than those that were vouched for, and would be read whole.
    await opened(copy)
    await inChild(import.meta.url, 'die', [copy])
    return opened(copy)
  })
}

/** One opening tells both. */
function bothOf(take: () => Promise<Opened>): Run[] {
  let last: Opened | undefined
  return [
    { name: MANY, role: 'turnlog', take: async () => (last = await take()).append },
    { name: VIEW, role: 'turnlog', take: async () => (last as Opened).view },
  ]
}

export async function open(path: string): Promise<Opened> {
  const began = performance.now()
  const journal = await openJournal(path, WHOLE)
  // The title that it has: what other rows make of this history is compared.
  await journal.append('session-0001', [{ type: 'session.updated', data: { title: 'Session session-0001' } }])
  const append = performance.now() - began
  const { state } = await journal.view(session, 'session-0001')
  if (state === undefined || state.items === 0) throw new Error('no view')
  const view = performance.now() - began
  await journal.close()
  return { append, view }
}

/** Appends from 64 callers at once, none of which ever stops, and is killed in the middle of it. */
export async function die(path: string): Promise<void> {
  const journal = await openJournal(path, WHOLE)
  const random = seeded(5)
  let onDisk = 0
  const call = async (caller: number): Promise<void> => {
    const stream = `session-${String(caller * 10).padStart(4, '0')}`
    for (let n = 0; ; n++) {
      const added = Array.from({ length: 5 }, (_, i) => item(`dead-${caller}-${n}-${i}`, small, random))
      await journal.append(stream, added as never[])
      onDisk += added.length
      // A moment later, wherever all the others are by then.
      if (onDisk === BEFORE_DEATH) setTimeout(() => process.kill(process.pid, 'SIGKILL'), random() * 10)
    }
  }
  await Promise.all(Array.from({ length: 64 }, (_, caller) => call(caller)))
}

/** Milliseconds to read and decode as many events as a segment holds. */
export async function scan(path: string): Promise<number> {
  const journal = await openJournal(path, { events, upcasters, readOnly: true })
  const perEvent = journal.bytes / journal.head.position
  let left = Math.floor(SEGMENT_BYTES / perEvent)
  const began = performance.now()
  for await (const { data } of journal.readAll({ after: 1000 })) if (data === undefined || --left === 0) break
  const elapsed = performance.now() - began
  await journal.close()
  return elapsed
}

/** Milliseconds from the call to all sessions in hand, and these as one text. */
interface Listed {
  elapsed: number
  told: string
}

/** From nothing but the journal; or as much by a peer, which scans its events and folds them, by the same projection, in memory. */
export async function list(name: string, path: string): Promise<Listed> {
  const peer = peers.find((one) => one.name === name)
  if (peer === undefined) await rm(join(path, 'derived'), { recursive: true, force: true })
  const sessions = new Map<string, unknown>()
  const began = performance.now()
  const store = peer === undefined ? await listed(path, sessions) : await folded(peer, path, sessions)
  const elapsed = performance.now() - began
  await store.close()
  if (sessions.size !== 1000) throw new Error(`${sessions.size} sessions are listed`)
  return { elapsed, told: sessionsTold(sessions) }
}

async function listed(path: string, sessions: Map<string, unknown>): Promise<{ close(): Promise<void> }> {
  const journal = await openJournal(path, WHOLE)
  for await (const { state } of journal.list(session)) sessions.set(state.id, state)
  return journal
}

async function folded(peer: Contender, path: string, sessions: Map<string, unknown>): Promise<{ close(): Promise<void> }> {
  const store = await peer.open(path)
  await store.each((event) => fold(session, sessions, event))
  return store
}
