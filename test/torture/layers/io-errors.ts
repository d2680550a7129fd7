/** C: every call of twenty scripts fails, once and for ever, in each way that it can. */
import { Seeded } from '../../support/disk/choice.js'
import type { Fault, FaultCode } from '../../support/disk/faults.js'
import type { StandingTime } from '../../support/disk/time.js'
import { inStandingTime } from '../each.js'
import { scripts } from '../floor/scripts.js'
import { tell } from '../floor/story.js'
import type { Campaign, Layer, Outcome } from '../layer.js'

const CODES: readonly FaultCode[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE', 'EROFS', 'short']

/** Twenty of the canonical scripts: between them every step, and every way in and out. */
const CHOSEN = [
  'ac',
  'ttc',
  'A',
  'B',
  't',
  'sa',
  'ppc',
  'pu',
  'aia',
  'anac',
  'sf',
  'acoac',
  'akoa',
  'auoa',
  'sko',
  'aaaaac',
  'nananc',
  'AAAco',
  'aAa',
  'aaakoa',
]

export const ioErrors: Layer = {
  letter: 'C',
  name: 'an error in every call of 20 scripts',
  unit: 'runs with an error',
  parts: true,
  missing: async () => [],
  run: (campaign) => inStandingTime(campaign.only === undefined, (time) => run(campaign, time)),
}

/** One round of all scripts. */
async function round(seed: number, campaign: Campaign, time: StandingTime, outcome: Outcome): Promise<void> {
  for (const steps of CHOSEN) {
    for (const code of CODES) {
      for (const forEver of [false, true]) {
        // Until the script ends before the error comes.
        for (let at = 1, struck = true; struck; at++) {
          if (outcome.failures.length >= 5 || campaign.over(outcome.done)) return
          struck = await fails(seed, steps, { code, at, forEver }, campaign, time, outcome)
        }
      }
    }
  }
}

async function run(campaign: Campaign, time: StandingTime): Promise<Outcome> {
  const { part } = campaign
  const outcome: Outcome = { done: 0, counts: { rounds: 0 }, failures: [] }
  for (let seed = campaign.seed + part.index; outcome.failures.length < 5 && !campaign.over(outcome.done); seed += part.of) {
    await round(campaign.only === undefined ? seed : Number(campaign.only), campaign, time, outcome)
    outcome.counts['rounds'] = (outcome.counts['rounds'] ?? 0) + 1
    if (campaign.only !== undefined) break
  }
  return outcome
}

async function fails(
  seed: number,
  steps: string,
  fault: Fault,
  { progress }: Campaign,
  time: StandingTime,
  outcome: Outcome,
): Promise<boolean> {
  const script = scripts.find((one) => one.steps === steps)!
  const end = (seed + fault.at) % 2 === 0 ? 'kill' : 'power'
  const story = { ...script, lives: [{ steps, faults: [fault], end } as const] }
  const { ledger, failed } = await tell(story, new Seeded(seed * 1000 + fault.at), time)
  if (failed === 0) return false
  outcome.done++
  outcome.counts[fault.code] = (outcome.counts[fault.code] ?? 0) + 1
  if (ledger.broken.length > 0)
    outcome.failures.push({ case: String(seed), what: [...ledger.broken, JSON.stringify(story)].join('\n    ') })
  progress(outcome.done)
  return true
}
