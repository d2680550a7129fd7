/** O: a long life with faults every now and then, in which neither open files nor memory may grow. */
import { oneIn, pick, Seeded } from '../../support/disk/choice.js'
import { Disk } from '../../support/disk/disk.js'
import type { StandingTime } from '../../support/disk/time.js'
import { heapUsed } from '../../support/heap.js'
import { inStandingTime } from '../each.js'
import { World } from '../floor/world.js'
import type { Campaign, Layer, Outcome } from '../layer.js'

/** Commits of one journal, after which the next begins: its history is held against the ledger at every open. */
const JOURNAL_COMMITS = 2000
const STEPS = 'aaaaattspnife'.split('')
const LIFE_STEPS = 150
const WARM_UP = 2
/** What a heap may grow by between the first journals and the last: noise, not a leak of what a journal holds. */
const GROWTH_BYTES = 8 << 20

export const longLife: Layer = {
  letter: 'O',
  name: 'a long life with faults',
  unit: 'commits',
  missing: async () => [],
  run: (campaign) => inStandingTime(true, (time) => run(campaign, time)),
}

async function run({ seed, over, progress, only }: Campaign, time: StandingTime): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: { journals: 0, 'failed calls': 0, opens: 0 }, failures: [] }
  const heaps: number[] = []
  // What a heap has grown by is the work of several journals, so such a case names the first and the last of them.
  const [first = seed, last = only === undefined ? Number.POSITIVE_INFINITY : first] = only?.split('-').map(Number) ?? []
  for (let at = first; at <= last && !over(outcome.done) && outcome.failures.length === 0; at++) {
    const before = outcome.done
    const broken = await journal(at, time, outcome, (done) => progress(before + done))
    if (broken.length > 0) outcome.failures.push({ case: String(at), what: broken.join('\n    ') })
    heaps.push(heapUsed())
    const growth = heaps.at(-1)! - (heaps[WARM_UP] ?? heaps.at(-1)!)
    if (growth > GROWTH_BYTES)
      outcome.failures.push({
        case: `${first}-${at}`,
        what: `the heap has grown by ${growth} bytes over ${heaps.length - WARM_UP} journals`,
      })
    outcome.counts['journals'] = heaps.length
    outcome.counts['heap growth in KiB'] = Math.round(growth / 1024)
  }
  return outcome
}

async function journal(seed: number, time: StandingTime, outcome: Outcome, progress: (done: number) => void): Promise<string[]> {
  const choice = new Seeded(seed)
  const world = new World(new Disk(), time, choice, { segmentBytes: 20_000, sectorBytes: 8 })
  const { ledger } = world
  let done = 0
  while (done < JOURNAL_COMMITS && ledger.broken.length === 0) {
    world.begin(oneIn(choice, 2) ? [{ code: pick(choice, ['EIO', 'ENOSPC', 'EMFILE', 'short', 'death']), at: 1 + choice.int(200) }] : [])
    await world.live(`o${Array.from({ length: LIFE_STEPS }, () => pick(choice, STEPS)).join('')}`)
    outcome.counts['failed calls']! += world.process.faults.struck
    outcome.counts['opens']!++
    if (!world.process.dead) await world.live('c')
    done += ledger.told.length
    progress(done)
  }
  world.begin()
  await world.live('oc')
  outcome.done += done
  return ledger.broken
}
