/** K: a disk that is full again and again, wherever that happens to be, and space that comes back. */
import { oneIn, pick, Seeded, type Choice } from '../../support/disk/choice.js'
import { Disk } from '../../support/disk/disk.js'
import type { StandingTime } from '../../support/disk/time.js'
import { each } from '../each.js'
import { World } from '../floor/world.js'
import type { Layer } from '../layer.js'

const CYCLES = 6

export const diskFull: Layer = {
  letter: 'K',
  name: 'a full disk, again and again',
  unit: 'times full',
  missing: async () => [],
  run: (campaign) => each(campaign, async (seed, counts, time) => fill(new Seeded(seed), time, counts)),
}

async function fill(choice: Choice, time: StandingTime, counts: Record<string, number>): Promise<{ done: number; broken: string[] }> {
  const disk = new Disk({ names: pick(choice, ['ordered', 'posix']) })
  const world = new World(disk, time, choice, {
    segmentBytes: pick(choice, [2000, 8192, 1 << 17]),
    sectorBytes: pick(choice, [8, 4096]),
    ...(oneIn(choice, 2) && { compress: true }),
  })
  const { ledger } = world
  let done = 0
  for (; done < CYCLES && ledger.broken.length === 0; done++) {
    disk.capacity = disk.used + choice.int(pick(choice, [200, 3000, 30_000]))
    world.begin()
    await world.live('o')
    if (world.refused !== undefined) counts['opens refused'] = (counts['opens refused'] ?? 0) + 1
    for (let left = 40; left > 0 && world.store !== undefined && !world.stopped; left--)
      await world.live(pick(choice, ['a', 'A', 't', 's', 'p', 'n']))
    // Recovery with no byte free may refuse, and must not do harm.
    if (oneIn(choice, 2)) {
      disk.capacity = disk.used
      await world.live('ko')
    }
    disk.capacity = Number.POSITIVE_INFINITY
    if (oneIn(choice, 3)) world.powerLoss()
    world.begin()
    await world.live('oac')
    counts['commits'] = ledger.certain.length + (counts['commits'] ?? 0)
  }
  return { done, broken: ledger.broken }
}
