/** What a process does that appends with the clock on. */
import { mkdir } from 'node:fs/promises'
import { events, openJournal } from '../../src/index.js'
import { seeded } from '../../test/support/random.js'
import { upcasters } from '../../upcasters/index.js'
import { timed } from '../bench.js'
import { appendingPeers, shown, slowPeers } from '../stores/all.js'
import { rawGroups, rawLoop } from '../stores/raw.js'
import type { Contender, Sink, Store } from '../stores/store.js'
import { turnlog, turnlogAgain, turnlogBlocking, turnlogWhole } from '../stores/turnlog.js'
import { item, mixNamed, opening, OPENING_EVENTS, streams, type Commit } from '../workload.js'

/** As another process can be told of it. */
export interface Appending {
  mix: string
  /** Callers at once. */
  width: number
  /** Events of each commit. */
  commit: number
  /** Commits of each caller, before the clock starts and while it runs. */
  warmUp: number
  commits: number
  /** What a commit takes in a journal, where somebody writes as many bytes. */
  frameBytes: number
}

function contenderNamed(name: string, { frameBytes }: Appending): Contender<Sink> {
  const loops = [rawLoop(false, frameBytes), rawLoop(true, frameBytes)]
  const all = [...loops, rawGroups, turnlog, turnlogBlocking, turnlogWhole, turnlogAgain, ...appendingPeers, ...slowPeers, ...shown]
  return all.find((one) => one.name === name) as Contender<Sink>
}

/** Commits a second. */
export async function appended(directory: string, name: string, asked: Appending): Promise<number> {
  await mkdir(directory)
  const contender = contenderNamed(name, asked)
  let store = await contender.open(directory)
  try {
    const calls = callsOf(asked)
    for (const stream of streams(asked.width)) await store.append(opening(stream))
    await appendAll(store, calls, 0, asked.warmUp)
    if (contender.opensAgain) {
      await store.close()
      store = await contender.open(directory)
    }
    const seconds = await timed(() => appendAll(store, calls, asked.warmUp, asked.warmUp + asked.commits))
    if ('each' in store) await check(store as Store, calls)
    return (asked.commits * asked.width) / seconds
  } finally {
    await store.close()
  }
}

/** Bytes that a journal grows by with each of the same commits, one after another. */
export async function bytesOfEach(directory: string, asked: Appending): Promise<number> {
  await using journal = await openJournal(directory, { events, upcasters })
  const [calls = []] = callsOf(asked)
  for (const stream of streams(1)) await journal.append(stream, opening(stream).events as never[])
  const before = journal.bytes
  for (const { stream, events: added } of calls) await journal.append(stream, added as never[])
  return Math.round((journal.bytes - before) / calls.length)
}

/** What each caller appends. Made before the clock starts. */
function callsOf({ mix: name, width, commit, warmUp, commits }: Appending): Commit[][] {
  const random = seeded(2)
  const mix = mixNamed(name)
  return streams(width).map((stream, at) =>
    Array.from({ length: warmUp + commits }, (_, n) => {
      const added = Array.from({ length: commit }, (__, i) => item(`${at}-${n}-${i}`, mix, random))
      return { stream, expected: OPENING_EVENTS + n * commit, events: added }
    }),
  )
}

/** Everyone's commits from one number to another, each awaited before the caller's next. */
function appendAll(store: Sink, calls: readonly Commit[][], from: number, to: number): Promise<unknown> {
  return Promise.all(
    calls.map(async (own) => {
      for (let n = from; n < to; n++) await store.append(own[n] as Commit)
    }),
  )
}

/** A figure counts only if all that was measured is there, and if the store would have refused what comes too late. */
async function check(store: Store, calls: readonly Commit[][]): Promise<void> {
  const found = new Map<string, number>()
  await store.each(({ stream, type }) => {
    if (type === 'item.completed') found.set(stream, (found.get(stream) ?? 0) + 1)
  })
  for (const own of calls) {
    const { stream } = own[0] as Commit
    const items = own.reduce((sum, { events: added }) => sum + added.length, 0)
    if (found.get(stream) !== items) throw new Error(`${stream} holds ${found.get(stream)} items, not ${items}`)
  }
  const late = calls[0]![0] as Commit
  const refused = await store.append(late).then(
    () => false,
    () => true,
  )
  if (!refused) throw new Error(`${late.stream} takes a commit that expects it at ${late.expected}`)
}
