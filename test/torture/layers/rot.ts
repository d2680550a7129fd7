/** D and D-mended: bytes that rot, files that go astray. A small journal is hurt in several ways at once, and read, written to, or mended. */
import { setImmediate } from 'node:timers/promises'
import type { Campaign, Layer, Outcome } from '../layer.js'
import { Harm } from '../rot/harm.js'

const FAILURES_MAX = 5
/** Journals that are hurt between two turns of the event loop. */
const TURN_EVERY = 16

export const rot: Layer = {
  letter: 'D',
  name: 'bytes that rot',
  unit: 'hurt journals',
  parts: true,
  missing: async () => [],
  run: (campaign) => eachHurt(campaign, read),
}

export const mendedRot: Layer = {
  letter: 'D-mended',
  name: 'bytes that rot, and are mended',
  unit: 'hurt journals mended',
  parts: true,
  missing: async () => [],
  run: (campaign) => eachHurt(campaign, (harm, seed) => harm.mended(seed)),
}

type Judge = (harm: Harm, seed: number, counts: Outcome['counts']) => Promise<{ what: string; problems: readonly string[] }>

async function read(harm: Harm, seed: number, counts: Outcome['counts']): ReturnType<Judge> {
  const verdict = await harm.judged(seed)
  const name = 'ends that no witness was left of'
  counts[name] = (counts[name] ?? 0) + (verdict.silentEnd > 0 ? 1 : 0)
  return verdict
}

async function eachHurt({ seed, only, part, over, progress }: Campaign, judge: Judge): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: {}, failures: [] }
  const harm = await Harm.toSmall()
  for (let next = only === undefined ? seed + part.index : Number(only); !over(outcome.done); next += part.of) {
    const { what, problems } = await judge(harm, next, outcome.counts)
    outcome.done++
    if (problems.length > 0) outcome.failures.push({ case: String(next), what: `${what}\n    ${problems.join('\n    ')}` })
    if (only !== undefined || outcome.failures.length >= FAILURES_MAX) break
    progress(outcome.done)
    // Nothing here waits, and who interrupts it wants to be heard.
    if (outcome.done % TURN_EVERY === 0) await setImmediate()
  }
  return outcome
}
