/** Runs the contenders in turn, several times, and keeps every figure. */
import { fdatasync, fdatasyncSync, writeSync } from 'node:fs'
import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { seeded } from '../test/support/random.js'
import type { Contender, Reader, Sessions, Store } from './contenders.js'
import { history, item, opening, streams } from './workload.js'

export interface Sizes {
  repeats: number
  sequential: number
  concurrent: number
  replay: number
  small: number
  large: number
}

/** A figure of one contender: seconds it took and how much it did, once for each repeat. */
export interface Figure {
  work: string
  contender: string
  /** Operations or events a second, or milliseconds where the work is opening. */
  unit: 'appends/s' | 'events/s' | 'ms'
  values: number[]
}

/** Appends before the clock starts, so that what is measured is compiled and its files have grown. */
export const WARM_UP = 4000

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number

/** What one append of one event takes in a journal. */
const FRAME_BYTES = 504

/** In the working directory, because a temporary directory may be in memory, where a sync costs nothing. */
export async function inDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(process.cwd(), '.bench-'))
  try {
    return await run(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function withStore<T>(contender: Contender, run: (store: Store) => Promise<T>): Promise<T> {
  return inDirectory(async (directory) => {
    const store = await contender.open(directory)
    try {
      return await run(store)
    } finally {
      await store.close()
    }
  })
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await run()
  return (performance.now() - began) / 1000
}

/** One after another, each awaited. */
export function sequential(contender: Contender, count: number): Promise<number> {
  return withStore(contender, async (store) => {
    const random = seeded(1)
    await store.append(opening('warm'))
    for (let n = 0; n < WARM_UP; n++) await store.append({ stream: 'warm', events: [item(n, random)] })
    await store.append(opening('session-0'))
    const seconds = await timed(async () => {
      for (let n = 0; n < count; n++) await store.append({ stream: 'session-0', events: [item(n, random)] })
    })
    await check(store, 'session-0', count)
    return count / seconds
  })
}

/** What no store can be quicker than: the same number of bytes written and synced, and nothing else. */
export function raw(count: number, blocking: boolean): Promise<number> {
  return inDirectory(async (directory) => {
    const file = await openFile(join(directory, 'raw'), 'w')
    try {
      const bytes = Buffer.alloc(FRAME_BYTES, 1)
      await file.writev([Buffer.alloc(FRAME_BYTES * count)], 0)
      await file.sync()
      const seconds = await timed(async () => {
        for (let n = 0; n < count; n++) {
          writeSync(file.fd, bytes, 0, FRAME_BYTES, n * FRAME_BYTES)
          if (blocking) fdatasyncSync(file.fd)
          else await promisify(fdatasync)(file.fd)
        }
      })
      return count / seconds
    } finally {
      await file.close()
    }
  })
}

/** `width` callers, each with a stream of its own and each awaiting its append before the next. */
export function concurrent(contender: Contender, count: number, width: number): Promise<number> {
  return withStore(contender, async (store) => {
    const random = seeded(2)
    const names = streams(width)
    for (const name of names) await store.append(opening(name))
    const each = Math.floor(count / width)
    await Promise.all(
      names.map(async (stream) => {
        for (let n = 0; n < WARM_UP / 10; n++) await store.append({ stream, events: [item(count + n, random)] })
      }),
    )
    const seconds = await timed(() =>
      Promise.all(
        names.map(async (stream) => {
          for (let n = 0; n < each; n++) await store.append({ stream, events: [item(n, random)] })
        }),
      ),
    )
    await check(store, names[0] as string, each + WARM_UP / 10)
    return (each * width) / seconds
  })
}

/** From a closed store to the sessions that its history makes. */
export async function replay(reader: Reader, directory: string, count: number): Promise<{ rate: number; sessions: string }> {
  let sessions: Sessions = new Map()
  const seconds = await timed(async () => {
    sessions = await reader.replay(directory)
  })
  const told = [...sessions].map(([key, state]) => `${key}:${(state as { items: number }).items}`)
  return { rate: count / seconds, sessions: told.toSorted((a, b) => a.localeCompare(b)).join() }
}

/** A history read from its beginning, every event of it decoded. */
export async function scan(contender: Contender, directory: string, count: number): Promise<number> {
  const store = await contender.open(directory)
  try {
    let read = 0
    const seconds = await timed(() => store.each(() => read++))
    if (read !== count) throw new Error(`${contender.name} read ${read} events, not ${count}`)
    return count / seconds
  } finally {
    await store.close()
  }
}

/** Fills a store with a history; many commits at once, so that loading does not take all day. */
export async function load(contender: Contender, directory: string, count: number, progress: (done: number) => void): Promise<void> {
  const store = await contender.open(directory)
  try {
    let waiting: Promise<void>[] = []
    let done = 0
    for (const commit of history(count, 100, 1000, 3)) {
      waiting.push(store.append(commit))
      done += commit.events.length
      if (waiting.length < 256) continue
      await Promise.all(waiting)
      waiting = []
      progress(done)
    }
    await Promise.all(waiting)
  } finally {
    await store.close()
  }
}

/** Milliseconds from the call to an open store with a view in hand. */
export async function openTime(open: () => Promise<() => Promise<void>>): Promise<number> {
  const began = performance.now()
  const close = await open()
  const elapsed = performance.now() - began
  await close()
  return elapsed
}

/** A figure counts only if what was measured is there. */
async function check(store: Store, stream: string, items: number): Promise<void> {
  let found = 0
  await store.each((event) => {
    if (event.stream === stream && event.type === 'item.completed') found++
  })
  if (found !== items) throw new Error(`${stream} holds ${found} items, not ${items}`)
}
