/** B: lives of the storage floor on a lying disk, one after another, each ended anywhere, in the middle of a recovery too. */
import { oneIn, pick, Seeded, type Choice } from '../../support/disk/choice.js'
import type { Fault } from '../../support/disk/faults.js'
import type { StandingTime } from '../../support/disk/time.js'
import { each } from '../each.js'
import { tell, type Story } from '../floor/story.js'
import type { Layer } from '../layer.js'

const STEPS = 'aaaaaAtteesspppnfiioouk'.split('')
const FAULTS = ['EIO', 'EIO', 'EIO', 'ENOSPC', 'short', 'EMFILE', 'EROFS'] as const

export const randomLives: Layer = {
  letter: 'B',
  name: 'random lives of the storage floor',
  unit: 'crash states',
  missing: async () => [],
  run: (campaign) =>
    each(campaign, async (seed, counts, time) => {
      const choice = new Seeded(seed)
      return look(someStory(choice), choice, time, counts)
    }),
}

async function look(
  story: Story,
  choice: Choice,
  time: StandingTime,
  counts: Record<string, number>,
): Promise<{ done: number; broken: string[] }> {
  const { ledger, failed, deaths } = await tell(story, choice, time)
  for (const { end } of story.lives) counts[end] = (counts[end] ?? 0) + 1
  counts['failed calls'] = (counts['failed calls'] ?? 0) + failed
  counts['deaths in a call'] = (counts['deaths in a call'] ?? 0) + deaths
  const { broken } = ledger
  return { done: story.lives.length, broken: broken.length === 0 ? [] : [...broken, JSON.stringify(story)] }
}

function someStory(choice: Choice): Story {
  const capacity = oneIn(choice, 7) ? { capacity: 20_000 + choice.int(200_000) } : {}
  return {
    segmentBytes: pick(choice, [700, 2000, 6000, 6000, 20_000, 20_000, 20_000, 1 << 17]),
    sectorBytes: pick(choice, [8, 8, 8, 512, 4096]),
    disk: { sector: pick(choice, [512, 4096]), names: pick(choice, ['ordered', 'ordered', 'posix']), ...capacity },
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
  if (oneIn(choice, 4)) faults.push({ code: pick(choice, FAULTS), at: 1 + choice.int(40), forEver: oneIn(choice, 4) })
  return faults
}
