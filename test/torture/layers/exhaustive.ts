/** A: every canonical script, dead in every call, with every state that this can leave, and dead again in its recovery. */
import { Everything, Seeded, type Choice } from '../../support/disk/choice.js'
import { Disk } from '../../support/disk/disk.js'
import type { StandingTime } from '../../support/disk/time.js'
import { inStandingTime } from '../each.js'
import { scripts, type Script } from '../floor/scripts.js'
import { World } from '../floor/world.js'
import type { Campaign, Failure, Layer, Outcome } from '../layer.js'

/** Where more states than this are legal, as many are drawn. */
const STATES_MAX = 64
/** Of the calls of a recovery, one in so many is died in as well. */
const AGAIN = 5

export const exhaustive: Layer = {
  letter: 'A',
  name: 'small scripts, dead in every call',
  unit: 'crash states',
  missing: async () => [],
  run: (campaign) => inStandingTime(campaign.only === undefined, (time) => new Exhaustive(campaign, time).run()),
}

class Exhaustive {
  readonly #campaign: Campaign
  readonly #time: StandingTime
  readonly #outcome: Outcome = { done: 0, counts: { scripts: 0, 'deaths in a script': 0, 'deaths in a recovery': 0 }, failures: [] }
  /** Images met in this script, so that none is looked at twice. */
  #met = new Set<string>()

  constructor(campaign: Campaign, time: StandingTime) {
    this.#campaign = campaign
    this.#time = time
  }

  async run(): Promise<Outcome> {
    const { only, seed } = this.#campaign
    // Another seed begins with another script, and draws other states where there are too many.
    for (const [i] of scripts.entries()) {
      const number = (i + seed) % scripts.length
      if (only !== undefined && Number(only.split('.')[0]) !== number) continue
      for (const names of ['ordered', 'posix'] as const) await this.#script(number, scripts[number]!, names)
      this.#count('scripts')
      if (this.#over()) break
    }
    return this.#outcome
  }

  async #script(number: number, script: Script, names: 'ordered' | 'posix'): Promise<void> {
    this.#met = new Set()
    for (let call = 1, ended = false; !ended && !this.#over(); call++) {
      const name = `${number}.${names}.${call}`
      const world = new World(new Disk({ names }), this.#time, new Seeded(call), script)
      world.begin([{ code: 'death', at: call }])
      await world.live(`o${script.steps}`)
      ended = !world.process.dead
      if (ended) world.begin()
      this.#note(name, world)
      this.#count('deaths in a script')
      await this.#after(world, name, true)
    }
  }

  /** Looks at every state that a dead world can be found in. `again`: dies in the recoveries too. */
  async #after(world: World, name: string, again: boolean): Promise<void> {
    await this.#found(world.fork(new Seeded(1)), `${name}.kill`, again)
    const { states } = world.disk
    const all = states <= STATES_MAX
    const everything = new Everything()
    for (let drawn = 0; all || drawn < STATES_MAX; drawn++) {
      const choice: Choice = all ? everything : new Seeded(this.#campaign.seed + drawn)
      const fork = world.fork(choice)
      fork.powerLoss(!all)
      await this.#found(fork, `${name}.power ${drawn}`, again)
      if ((all && !everything.next()) || this.#over()) break
    }
  }

  async #found(world: World, name: string, again: boolean): Promise<void> {
    const image = `${name.includes('kill')} ${world.disk.image()} ${world.ledger.told.map(({ outcome }) => outcome).join()}`
    if (this.#met.has(image)) return
    this.#met.add(image)
    if (again) {
      // Where exactly differs from state to state, so that all places are met.
      for (let call = 1 + (this.#outcome.done % AGAIN), ended = false; !ended && !this.#over(); call += AGAIN) {
        const fork = world.fork(new Seeded(call))
        fork.begin([{ code: 'death', at: call }])
        await fork.live('o')
        ended = !fork.process.dead
        this.#count('deaths in a recovery')
        fork.powerLoss()
        await this.#recovers(fork, `${name}, again in ${call}`)
      }
    }
    await this.#recovers(world, name)
  }

  /** Opens, goes on, and opens once more: twice the same, but for what was appended. */
  async #recovers(world: World, name: string): Promise<void> {
    this.#outcome.done++
    this.#campaign.progress(this.#outcome.done)
    world.begin()
    await world.live(this.#outcome.done % 4 === 0 ? 'oakoc' : 'oko')
    this.#note(name, world)
  }

  #note(name: string, { ledger }: World): void {
    if (ledger.broken.length === 0) return
    const failure: Failure = { case: name.replace(/\..*/, ''), what: `${name}: ${ledger.broken.join('\n    ')}` }
    this.#outcome.failures.push(failure)
  }

  #over(): boolean {
    return this.#outcome.failures.length >= 5 || this.#campaign.over(this.#outcome.done)
  }

  #count(what: string): void {
    this.#outcome.counts[what] = (this.#outcome.counts[what] ?? 0) + 1
  }
}
