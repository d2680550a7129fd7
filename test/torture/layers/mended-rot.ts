/** D-mended: mixed harm to a small journal, as in D, that is repaired, and salvaged. */
import { setImmediate } from 'node:timers/promises'
import type { Campaign, Layer, Outcome } from '../layer.js'
import { Harm } from '../rot/harm.js'

const FAILURES_MAX = 5

export const mendedRot: Layer = {
  letter: 'D-mended',
  name: 'bytes that rot, and are mended',
  unit: 'hurt journals mended',
  parts: true,
  missing: async () => [],
  run,
}

async function run({ seed, only, part, over, progress }: Campaign): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: {}, failures: [] }
  const harm = await Harm.toSmall()
  for (let next = only === undefined ? seed + part.index : Number(only); !over(outcome.done); next += part.of) {
    const { what, problems } = await harm.mended(next)
    outcome.done++
    if (problems.length > 0) outcome.failures.push({ case: String(next), what: `${what}\n    ${problems.join('\n    ')}` })
    if (only !== undefined || outcome.failures.length >= FAILURES_MAX) break
    progress(outcome.done)
    // Nothing here waits, and who interrupts it wants to be heard.
    await setImmediate()
  }
  return outcome
}
