/** B2: lives of a whole journal: index, views, snapshots, rotation, interrupted turns, and commits asked for again by their id. */
import { oneIn, pick, Seeded, type Choice } from '../../support/disk/choice.js'
import type { Fault } from '../../support/disk/faults.js'
import type { StandingTime } from '../../support/disk/time.js'
import { each } from '../each.js'
import { World, type Death, type Step } from '../engine/world.js'
import type { Layer } from '../layer.js'

const STEPS = 'aaaaattsrrvnimmmwo'.split('') as Step[]
/** Of the calls of a life that change something, as many are died in. */
const DEATHS_ONE_IN = 16
const FAULTS = ['EIO', 'EIO', 'ENOSPC', 'short', 'EMFILE'] as const
/** Up to which call of a life something fails: most of the first are those of opening. */
const CALLS = [80, 80, 600]

export const wholeEngine: Layer = {
  letter: 'B2',
  name: 'random lives of the whole engine',
  unit: 'crash states',
  parts: true,
  missing: async () => [],
  run: (campaign) => each(campaign, async (seed, counts, time) => lives(new Seeded(seed), time, counts)),
}

async function lives(choice: Choice, time: StandingTime, counts: Record<string, number>): Promise<{ done: number; broken: string[] }> {
  const world = new World({ sector: pick(choice, [512, 4096]), names: pick(choice, ['ordered', 'posix']) }, time, choice, {
    segmentBytes: pick(choice, [2000, 8192, 30_000]),
    sectorBytes: pick(choice, [8, 8, 4096]),
    cacheRows: pick(choice, [1, 4, 20_000]),
    compress: oneIn(choice, 2),
  })
  const { ledger } = world
  let done = 0
  for (let left = 2 + choice.int(4); left > 0 && ledger.broken.length === 0; left--) {
    const deaths = world.beginDying(
      () => (oneIn(choice, DEATHS_ONE_IN) ? new Seeded(choice.int(0x1_0000_0000)) : undefined),
      someFaults(choice),
    )
    await world.live(['r', ...Array.from({ length: 2 + choice.int(8) }, () => pick(choice, STEPS)), 'v'])
    counts['deaths in a call'] = (counts['deaths in a call'] ?? 0) + (world.process.dead ? 1 : 0)
    counts['failed calls'] = (counts['failed calls'] ?? 0) + world.process.faults.struck
    if (oneIn(choice, 3)) world.begin()
    else world.powerLoss()
    done++
    for (const death of deaths) {
      ledger.broken.push(...(await found(death)))
      done++
    }
  }
  if (ledger.broken.length === 0) {
    world.begin()
    await world.live(['r', 'a', 'o'])
    await world.close()
  }
  counts['commits'] = ledger.recorded.size + (counts['commits'] ?? 0)
  return { done, broken: ledger.broken }
}

/** What is wrong with a journal that is found as a death left it. */
async function found({ call, world }: Death): Promise<string[]> {
  if (oneIn(world.choice, 3)) world.begin()
  else world.powerLoss()
  await world.live(['r'])
  world.begin()
  return world.ledger.broken.map((what) => `dead in call ${call}: ${what}`)
}

function someFaults(choice: Choice): Fault[] {
  const faults: Fault[] = []
  if (!oneIn(choice, 6)) faults.push({ code: 'death', at: 1 + choice.int(200) })
  if (oneIn(choice, 5)) faults.push({ code: pick(choice, FAULTS), at: 1 + choice.int(pick(choice, CALLS)), forEver: oneIn(choice, 4) })
  return faults
}
