/** A: every canonical script, dead in every call, with every state that this can leave, and dead again in its recovery. */
import { Everything, Seeded } from '../../support/disk/choice.js'
import { Disk } from '../../support/disk/disk.js'
import type { StandingTime } from '../../support/disk/time.js'
import { inStandingTime } from '../each.js'
import { scripts } from '../floor/scripts.js'
import { World, type Death } from '../floor/world.js'
import type { Campaign, Layer, Outcome } from '../layer.js'

/** Where more states than this are legal, as many are drawn. */
const STATES_MAX = 64
/** About as many calls of a recovery change something. */
const CALLS = 32
const NAMES = ['ordered', 'posix'] as const

export const exhaustive: Layer = {
  letter: 'A',
  name: 'small scripts, dead in every call',
  unit: 'crash states',
  parts: true,
  missing: async () => [],
  run: (campaign) => inStandingTime(campaign.only === undefined, (time) => run(campaign, time)),
}

async function run(campaign: Campaign, time: StandingTime): Promise<Outcome> {
  const tour = new Tour(campaign, time)
  const { only, seed, part } = campaign
  const [number, first = 0] = only?.split('.').map(Number) ?? []
  // Another seed begins with another script, and draws other states where there are too many.
  const order = number === undefined ? scripts.map((_, i) => (i + seed) % scripts.length) : [number]
  const mine = order.filter((_, i) => i % part.of === part.index)
  const all = mine.flatMap((script) => NAMES.map((names) => new Exhaustive(script, names, tour)))
  const { outcome } = tour
  // Until a whole round shows nothing that was not met before.
  for (let round = first, before = -1; tour.distinct > before && !tour.over; round++) {
    before = tour.distinct
    tour.seen.clear()
    for (const one of all) if (!tour.over) await one.round(round)
    tour.count('rounds')
    if (only !== undefined) break
  }
  return outcome
}

/** What all scripts share. */
class Tour {
  readonly campaign: Campaign
  readonly time: StandingTime
  readonly outcome: Outcome = { done: 0, counts: {}, failures: [] }
  /** What was looked at, so that nothing is twice: scripts that begin alike leave the same for a while. */
  readonly met = new Set<string>()
  /** The same of one round. */
  readonly seen = new Set<string>()

  constructor(campaign: Campaign, time: StandingTime) {
    this.campaign = campaign
    this.time = time
  }

  get over(): boolean {
    return this.outcome.failures.length >= 5 || this.campaign.over(this.outcome.done)
  }

  /** A case that is run alone passes over nothing that it meets: what had been met before it is not known. */
  passesOver(image: string): boolean {
    return this.campaign.only === undefined && this.met.has(image)
  }

  get distinct(): number {
    return this.outcome.counts['distinct'] ?? 0
  }

  count(what: string, number = 1): void {
    this.outcome.counts[what] = (this.outcome.counts[what] ?? 0) + number
  }

  /** `distinct`: nobody has judged such a state before. Of the others it is known how they are recovered. */
  reached(states: number, distinct: boolean): void {
    if (distinct) this.count('distinct', states)
    this.done(states)
  }

  done(states: number): void {
    this.outcome.done += states
    this.campaign.progress(this.outcome.done)
  }
}

/** One script on one kind of disk. */
class Exhaustive {
  readonly #number: number
  readonly #names: (typeof NAMES)[number]
  readonly #tour: Tour
  #round = 0

  constructor(number: number, names: (typeof NAMES)[number], tour: Tour) {
    this.#number = number
    this.#names = names
    this.#tour = tour
  }

  /** The first dies in one call of each recovery, the others in every call; where there are too many states each draws others. */
  async round(round: number): Promise<void> {
    this.#round = round
    const script = scripts[this.#number]!
    const world = new World(new Disk({ names: this.#names }), this.#tour.time, new Seeded(1), script)
    const deaths = world.beginDying((call) => this.#drawn(call))
    await world.live(`o${script.steps}`)
    this.#note('until its end', world)
    // A sync may still be under way, and must not come to its end while one state after the other is looked at.
    world.process.kill()
    if (round === 0 && this.#names === NAMES[0]) this.#tour.count('scripts')
    for (const { call, world: dead } of [...deaths, { call: 'none', world }]) {
      if (this.#tour.over) break
      this.#tour.count('deaths in a script')
      await this.#after(dead, `dead in call ${call}`)
    }
  }

  /** Looks at every state that a dead world can be found in. */
  async #after(dead: World, name: string): Promise<void> {
    await this.#found(dead.fork(new Seeded(1)), `${name}, killed`)
    const all = dead.disk.states <= STATES_MAX
    const everything = new Everything()
    for (let drawn = 0; all || drawn < STATES_MAX; drawn++) {
      const fork = dead.fork(all ? everything : this.#drawn(drawn))
      fork.powerLoss(!all)
      await this.#found(fork, `${name}, without power ${drawn}`)
      if ((all && !everything.next()) || this.#tour.over) break
    }
  }

  /** Looks at a state, and at what is left of a recovery of it that is died in. */
  async #found(world: World, name: string): Promise<void> {
    const { image } = world
    if (this.#tour.seen.has(image)) return this.#tour.reached(1, false)
    this.#tour.seen.add(image)
    const one = 1 + ((numberOf(image) + this.#tour.campaign.seed) % CALLS)
    const deaths = await this.#recovers(world, image, name, (call) => this.#round > 0 || call === one)
    for (const { call, world: dead } of deaths) {
      if (this.#tour.over) break
      this.#tour.count('deaths in a recovery')
      dead.powerLoss()
      const left = dead.image
      if (this.#tour.passesOver(left)) this.#tour.reached(1, false)
      else await this.#recovers(dead, left, `${name}, dead again in call ${call}`, () => false)
    }
  }

  /** Opens, and goes on in a way in which nobody went on from here. Returns what is left where it dies. */
  async #recovers(world: World, image: string, name: string, dies: (call: number) => boolean): Promise<Death[]> {
    const deaths = world.beginDying((call) => (dies(call) ? this.#drawn(call) : undefined))
    await world.live('o')
    if (!this.#isNew(image)) return deaths
    this.#tour.reached(1, true)
    const opened = world.image
    if (this.#isNew(`opened ${opened}`)) {
      // Twice the same, but for what is appended.
      const steps = numberOf(opened) % 4 === 0 ? 'kao' : 'kak'
      await world.live(steps)
      this.#tour.reached(steps.split('k').length - 1, true)
    }
    this.#note(name, world)
    return deaths
  }

  #isNew(image: string): boolean {
    if (this.#tour.passesOver(image)) return false
    this.#tour.met.add(image)
    return true
  }

  #drawn(number: number): Seeded {
    return new Seeded(this.#tour.campaign.seed + this.#round * 1_000_003 + number)
  }

  #note(name: string, { ledger }: World): void {
    if (ledger.broken.length === 0) return
    const what = `${scripts[this.#number]!.steps}, ${this.#names} names, ${name}: ${ledger.broken.join('\n    ')}`
    this.#tour.outcome.failures.push({ case: `${this.#number}.${this.#round}`, what })
  }
}

/** The same for the same image, whoever meets it, and when. */
function numberOf(image: string): number {
  return Buffer.from(image, 'base64').readUInt32LE(0)
}
