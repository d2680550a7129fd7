/** B: lives of the storage floor on a lying disk, one after another, each ended anywhere, in the middle of a recovery too. */
import { oneIn, pick, Seeded, type Choice } from '../../support/disk/choice.js'
import type { Fault } from '../../support/disk/faults.js'
import type { StandingTime } from '../../support/disk/time.js'
import { each } from '../each.js'
import { tell, type Elsewhere, type Story } from '../floor/story.js'
import type { Layer } from '../layer.js'

const STEPS = 'aaaaaAtteesspppnfiioouk'.split('')
const FAULTS = ['EIO', 'EIO', 'EIO', 'ENOSPC', 'short', 'EMFILE', 'EROFS'] as const

/** Up to which call of a life something fails: most of the first are those of opening. */
const CALLS = [40, 40, 300]

/** Of the calls of a life that change something, as many are died in. */
const DEATHS_ONE_IN = 4

export const randomLives: Layer = {
  letter: 'B',
  name: 'random lives of the storage floor',
  unit: 'crash states',
  parts: true,
  missing: async () => [],
  run: (campaign) => {
    // Stories begin alike, so much of what is left of them early is the same.
    const met = new Set<string>()
    return each(campaign, async (seed, counts, time) => {
      const choice = new Seeded(seed)
      return look(someStory(choice), choice, time, counts, met)
    })
  },
}

/** Tells a story, and looks at what is left where it could have ended as well. */
async function look(
  story: Story,
  choice: Seeded,
  time: StandingTime,
  counts: Record<string, number>,
  met: Set<string>,
): Promise<{ done: number; broken: string[] }> {
  const add = (what: string, number = 1): void => void (counts[what] = (counts[what] ?? 0) + number)
  const broken: string[] = []
  let reached = 0
  const elsewhere: Elsewhere = {
    picks: () => (oneIn(choice, DEATHS_ONE_IN) ? new Seeded(choice.int(0x1_0000_0000)) : undefined),
    look: async ({ call, world }) => {
      if (oneIn(world.choice, 3)) world.begin()
      else world.powerLoss()
      reached++
      const { image } = world
      if (met.has(image)) return
      met.add(image)
      add('distinct')
      world.disk.capacity = Number.POSITIVE_INFINITY
      world.begin()
      await world.live(pick(world.choice, ['o', 'o', 'o', 'oa']))
      if (world.asks) add('reported garbage')
      broken.push(...world.ledger.broken.map((what) => `dead in call ${call}: ${what}`))
    },
  }
  const { ledger, failed, deaths, asks } = await tell(story, choice, time, elsewhere)
  if (asks) add('reported garbage')
  for (const { end } of story.lives) add(end)
  add('failed calls', failed)
  add('deaths in a call', deaths + reached)
  add('distinct', story.lives.length)
  broken.push(...ledger.broken)
  return { done: story.lives.length + reached, broken: broken.length === 0 ? [] : [...broken, JSON.stringify(story)] }
}

function someStory(choice: Choice): Story {
  const capacity = oneIn(choice, 7) ? { capacity: 20_000 + choice.int(200_000) } : {}
  const sectorBytes = pick(choice, [8, 8, 8, 512, 4096])
  return {
    segmentBytes: pick(choice, [700, 2000, 6000, 6000, 20_000, 20_000, 20_000, 1 << 17]),
    sectorBytes,
    ...(oneIn(choice, 2) && { compress: true }),
    ...(oneIn(choice, 2) && { groupBytes: 100 }),
    disk: {
      sector: pick(choice, [512, 4096]),
      names: pick(choice, ['ordered', 'ordered', 'posix']),
      ...capacity,
      // Frames that share no sector with others bear a disk that leaves anything where it was writing.
      ...(sectorBytes === 4096 && oneIn(choice, 2) && { garbage: true }),
    },
    lives: Array.from({ length: 2 + choice.int(5) }, () => ({
      steps: Array.from({ length: 1 + choice.int(8) }, () => pick(choice, STEPS)).join(''),
      faults: someFaults(choice),
      end: oneIn(choice, 3) ? 'kill' : 'power',
    })),
  }
}

function someFaults(choice: Choice): Fault[] {
  const faults: Fault[] = []
  if (!oneIn(choice, 7)) faults.push({ code: 'death', at: 1 + choice.int(90) })
  if (oneIn(choice, 4)) faults.push({ code: pick(choice, FAULTS), at: 1 + choice.int(pick(choice, CALLS)), forEver: oneIn(choice, 4) })
  return faults
}
