/** A thread that is grown to a hundred thousand items: what its end costs beside its beginning. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { openJournal } from '../../src/index.js'
import { seeded } from '../../test/support/random.js'
import { fromChild, inChild, timed, type Bench } from '../bench.js'
import { atMost, median, type Measure, type Run } from '../measure.js'
import { WHOLE } from '../stores/turnlog.js'
import { item, opening, small, type Event } from '../workload.js'

const FIRST = 'first 1,000'
const LAST = 'last 1,000 of 100,000'
const SHORT = 'a thread of 1,000'
const LONG = 'a thread of 100,000'
const STREAM = 'session-long'
const SOME = 1000
const ITEMS = 100_000
/** Items of a turn. */
const TURN = 100
/** Entries of a page, and how often it is read. */
const PAGE = 50
const PAGES = 200

type Opened = Awaited<ReturnType<typeof openJournal>>

/** Microseconds. */
interface End {
  /** Mean of the next appends, so that what comes due only now and then counts. */
  append: number
  /** Median of the last page of its transcript. */
  page: number
}

export const longThread: readonly Measure[] = [
  {
    work: 'an append to a thread of 100,000 items',
    unit: 'µs',
    rounds: 5,
    quick: 0,
    runs: (bench) => ends(bench, 'append', [FIRST, LAST]),
    bars: [atMost(1.2, '× the first 1,000', (m) => m.of(LAST) / m.of(FIRST))],
  },
  {
    work: 'the last 50 entries of a transcript of a thread of 100,000 items',
    unit: 'µs',
    rounds: 3,
    quick: 0,
    runs: (bench) => ends(bench, 'page', [SHORT, LONG]),
    bars: [atMost(1.2, '× a thread of 1,000', (m) => m.of(LONG) / m.of(SHORT))],
  },
]

/** Each in a process of its own, which has done nothing else: a thread that is short, and one that is long. */
function ends(bench: Bench, what: keyof End, [young, old]: readonly [young: string, old: string]): Run[] {
  const runOf = (name: string, items: number): Run => ({
    name,
    role: 'turnlog',
    take: () =>
      bench.inDirectory(async (path) => {
        await inChild(import.meta.url, 'grow', [path, items])
        // What a load leaves to be written would be written beside the appends that count.
        await promisify(execFile)('sync')
        return (await fromChild<End>(import.meta.url, 'end', [path, items]))[what]
      }),
  })
  return [runOf(young, 0), runOf(old, ITEMS - SOME)]
}

/** A thread with so many items. */
export async function grow(path: string, count: number): Promise<void> {
  await using journal = await openJournal(path, WHOLE)
  await journal.append(STREAM, opening(STREAM).events as never[])
  const thread = itemsFrom(0)
  for (let n = 0; n < count; n += TURN) await journal.append(STREAM, take(thread, TURN) as never[])
}

/** What its next appends cost, and then its last page. */
export async function end(path: string, count: number): Promise<End> {
  await using journal = await openJournal(path, WHOLE)
  const random = seeded(12)
  // What is compiled while it runs is slower at first.
  await journal.append('warm', opening('warm').events as never[])
  for (let n = 0; n < SOME * 3; n++) await journal.append('warm', [item(n, small, random) as never])
  return { append: await appends(journal, itemsFrom(count)), page: await pages(journal) }
}

/** Items, and every so many the end of a turn and the beginning of the next. */
function* itemsFrom(first: number): Generator<Event[]> {
  const random = seeded(13)
  for (let n = first, turn = first / TURN + 1; ; n++) {
    const added = [item(n, small, random, `t${turn}`)]
    if ((n + 1) % TURN === 0) {
      added.push({ type: 'turn.completed', data: { turnId: `t${turn}`, attempt: 1 } })
      turn++
      added.push({ type: 'turn.submitted', data: { threadId: 'main', turnId: `t${turn}`, input: [{ type: 'text', text: 'go on' }] } })
      added.push({ type: 'turn.started', data: { turnId: `t${turn}`, threadId: 'main', attempt: 1 } })
    }
    yield added
  }
}

function take(thread: Generator<Event[]>, count: number): Event[] {
  return Array.from({ length: count }, () => thread.next().value as Event[]).flat()
}

async function appends(journal: Opened, thread: Generator<Event[]>): Promise<number> {
  const next = Array.from({ length: SOME }, () => take(thread, 1) as never[])
  const seconds = await timed(async () => {
    for (const added of next) await journal.append(STREAM, added)
  })
  return (seconds * 1e6) / SOME
}

/** Median of what the last page takes, again and again. */
async function pages(journal: Opened): Promise<number> {
  const took: number[] = []
  for (let n = 0; n < PAGES * 2; n++) {
    const began = performance.now()
    const { items: page, more } = await journal.transcript(STREAM, 'main', { last: PAGE })
    took.push((performance.now() - began) * 1000)
    if (page.length !== PAGE || !more) throw new Error(`a page of ${page.length} entries`)
  }
  // What is compiled while it runs is slower at first.
  return median(took.slice(PAGES))
}
