/** E: inputs that no writer made, given to every decoder: each is what was encoded, or refused in a way that a caller can tell. */
import { setImmediate } from 'node:timers/promises'
import { isJournalError } from '../../../src/errors.js'
import { PageFault } from '../../../src/storage/pages.js'
import { NotPlain } from '../../../src/storage/plain.js'
import { Chance } from '../chance.js'
import { mutated } from '../fuzz/mutate.js'
import { isSound, targets, type Target } from '../fuzz/targets.js'
import type { Campaign, Layer, Outcome } from '../layer.js'

/** Processor time and memory that no input may take. */
const MILLISECONDS_MAX = 1000
const MEMORY_MAX = 512 << 20
const FAILURES_MAX = 5

export const decoders: Layer = {
  letter: 'E',
  name: 'decoders fed with anything',
  unit: 'inputs',
  missing: async () => [],
  run,
}

async function run({ seed, only, over, progress }: Campaign): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: Object.fromEntries(targets.map(({ name }) => [`${name} inputs refused`, 0])), failures: [] }
  const attempt = async (target: Target, name: string, input: Buffer, repaired: boolean): Promise<void> => {
    const what = await fault(target, input, repaired, outcome)
    outcome.done++
    if (what !== undefined)
      outcome.failures.push({ case: caseOf(target, name), what: `${what}\n    input ${input.toString('base64').slice(0, 400)}` })
  }
  for (const target of targets) {
    for (const [i, input] of [...target.inputs, ...(target.corpus ?? [])].entries()) {
      if (only !== undefined && only !== caseOf(target, `kept-${i}`)) continue
      await attempt(target, `kept-${i}`, input, target.repair === undefined)
    }
  }
  const [named, from] = only?.split(':') ?? []
  if (from?.startsWith('kept') === true) return outcome
  for (let next = Number(from ?? seed); !over(outcome.done) && outcome.failures.length < FAILURES_MAX; next++) {
    for (const target of targets) {
      if (named !== undefined && named !== nameOf(target)) continue
      const chance = new Chance(next)
      const input = mutated([...target.inputs, ...(target.corpus ?? [])], chance)
      const repaired = target.repair === undefined || chance.oneIn(2)
      await attempt(target, String(next), repaired ? (target.repair?.(input) ?? input) : input, repaired)
    }
    if (only !== undefined) break
    progress(outcome.done)
    // Nothing above waits, and who wants it to end must be heard.
    if (next % 100 === 0) await setImmediate()
  }
  return outcome
}

/** Without blanks, so that it is one word of a command. */
const nameOf = ({ name }: Target): string => name.replaceAll(' ', '-')
const caseOf = (target: Target, input: string): string => `${nameOf(target)}:${input}`

/** What is wrong with how a decoder took an input. */
async function fault(target: Target, input: Buffer, repaired: boolean, { counts }: Outcome): Promise<string | undefined> {
  const memory = process.memoryUsage.rss()
  const time = process.cpuUsage()
  try {
    const value = await target.decode(input)
    if (value === undefined) counts[`${target.name} inputs refused`]!++
    else if (!(await isSound(target, value, repaired))) return 'was accepted, and is none of what was encoded'
  } catch (error) {
    if (!(error instanceof NotPlain || error instanceof PageFault || isJournalError(error)))
      return `threw ${String((error as Error).stack)}`
    counts[`${target.name} inputs refused`]!++
  }
  const { user, system } = process.cpuUsage(time)
  if ((user + system) / 1000 > MILLISECONDS_MAX) return `took ${Math.round((user + system) / 1000)} ms of the processor`
  const taken = process.memoryUsage.rss() - memory
  return taken > MEMORY_MAX ? `took ${taken >> 20} MiB of memory` : undefined
}
