/** What happens to a journal, as data: lives on one disk, one after another. Small enough to read, to keep and to shrink. */
import type { Choice } from '../../support/disk/choice.js'
import { Disk, type DiskOptions } from '../../support/disk/disk.js'
import type { Fault } from '../../support/disk/faults.js'
import type { StandingTime } from '../../support/disk/time.js'
import type { Script } from './scripts.js'
import { World, type Death } from './world.js'

export interface Life {
  /** See {@link STEPS}. The journal is opened first. */
  steps: string
  faults?: readonly Fault[]
  /** How it ends if the process does not die before: with the process, or with the power. */
  end: 'kill' | 'power'
}

export interface Story extends Partial<Omit<Script, 'steps'>> {
  disk?: DiskOptions
  lives: readonly Life[]
}

/** Told of every death that could have been: which of the calls of a life to die in, by number, and what is left then. */
export interface Elsewhere {
  picks(call: number): Choice | undefined
  look(death: Death): Promise<void>
}

/** Tells the story; behind it stands one more life, without faults and with space, that must find all in order. */
export async function tell(story: Story, choice: Choice, time: StandingTime, elsewhere?: Elsewhere): Promise<World> {
  const { segmentBytes = 8192, sectorBytes = 8, compress, groupBytes, disk, lives } = story
  const world = new World(new Disk(disk), time, choice, {
    segmentBytes,
    sectorBytes,
    ...(compress && { compress }),
    ...(groupBytes !== undefined && { groupBytes }),
  })
  for (const { steps, faults, end } of lives) {
    const deaths = elsewhere === undefined ? [] : world.beginDying((call) => elsewhere.picks(call), faults)
    if (elsewhere === undefined) world.begin(faults)
    await world.live(`o${steps}`)
    if (end === 'kill') world.begin()
    else world.powerLoss()
    for (const death of deaths) await elsewhere?.look(death)
    if (world.ledger.broken.length > 0 || world.asks) return world
  }
  world.disk.capacity = Number.POSITIVE_INFINITY
  world.begin()
  await world.live('oa')
  return world
}
