/** Runs cases that differ in their seed alone, until it was enough. Time stands still meanwhile. */
import { StandingTime } from '../support/disk/time.js'
import type { Campaign, Outcome } from './layer.js'

const FAILURES_MAX = 5

export type Case = (
  seed: number,
  counts: Record<string, number>,
  time: StandingTime,
) => Promise<{ /** Units. */ done: number; broken: readonly string[] }>

export async function each({ seed, only, part, over, progress }: Campaign, run: Case): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: {}, failures: [] }
  return inStandingTime(only === undefined, async (time) => {
    for (let at = only === undefined ? seed + part.index : Number(only); !over(outcome.done); at += part.of) {
      const { done, broken } = await run(at, outcome.counts, time)
      outcome.done += done
      if (broken.length > 0) outcome.failures.push({ case: String(at), what: broken.join('\n    ') })
      if (only !== undefined || outcome.failures.length >= FAILURES_MAX) break
      progress(outcome.done)
    }
    return outcome
  })
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
