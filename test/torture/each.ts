/** Runs cases that differ in their seed alone, until it was enough. Time stands still meanwhile. */
import { setImmediate } from 'node:timers/promises'
import { BEGINNING, StandingTime } from '../support/disk/time.js'
import type { Campaign, Outcome } from './layer.js'

const FAILURES_MAX = 5

export type Case = (
  seed: number,
  counts: Record<string, number>,
  time: StandingTime,
) => Promise<{ /** Units. */ done: number; broken: readonly string[] }>

export async function each({ seed, only, part, over, progress }: Campaign, run: Case): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: {}, failures: [] }
  /** Errors that nobody waits for: they would end a process. */
  const unhandled: string[] = []
  const hear = (error: unknown): void => void unhandled.push(`nobody handles ${String(error)}`)
  process.on('unhandledRejection', hear)
  return inStandingTime(only === undefined, async (time) => {
    for (let at = only === undefined ? seed + part.index : Number(only); !over(outcome.done); at += part.of) {
      // A case is the same whatever ran before it.
      time.now = BEGINNING
      const { done, broken } = await run(at, outcome.counts, time)
      outcome.done += done
      // Node tells of them once nothing else is ready.
      await setImmediate()
      const all = [...broken, ...unhandled.splice(0)]
      if (all.length > 0) outcome.failures.push({ case: String(at), what: all.join('\n    ') })
      if (only !== undefined || outcome.failures.length >= FAILURES_MAX) break
      progress(outcome.done)
    }
    return outcome
  }).finally(() => process.off('unhandledRejection', hear))
}

/** `many`: so many errors will be made that where each came from is not worth its time. */
export async function inStandingTime<T>(many: boolean, run: (time: StandingTime) => Promise<T>): Promise<T> {
  const time = new StandingTime()
  const { stackTraceLimit } = Error
  time.enter()
  if (many) Error.stackTraceLimit = 0
  try {
    return await run(time)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    time.leave()
  }
}
