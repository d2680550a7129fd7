/** A whole journal on a simulated machine: a runtime that opens it, works, and dies. */
import { setImmediate } from 'node:timers/promises'
import type { IndexValue, Key, RecordedEvent } from '../../../src/define.js'
import { encodeTuple } from '../../../src/engine/order.js'
import { isJournalError, openJournal } from '../../../src/index.js'
import { projections, session, type turn } from '../../../projections/index.js'
import { all } from '../../support/all.js'
import { Seeded, oneIn, pick, type Choice } from '../../support/disk/choice.js'
import { DerivedDisk } from '../../support/disk/derived.js'
import { Disk, type DiskOptions } from '../../support/disk/disk.js'
import type { Fault } from '../../support/disk/faults.js'
import { Process, type Torn, type Turn } from '../../support/disk/process.js'
import type { StandingTime } from '../../support/disk/time.js'
import { folded, nameOf } from './folded.js'
import { Ledger, type Asked } from './ledger.js'
import { Runtime } from './operations.js'

export const STEPS = {
  a: 'one operation',
  t: 'three operations at once',
  s: 'one that only the operating system gets',
  r: 'again what was not answered before',
  v: 'look at all views: they show what the journal folds to',
  n: 'take snapshots',
  i: 'be idle, so that a mark is written',
  w: 'wait until the views are written out',
  m: 'go on while they are: look at one, and two operations',
  o: 'close and open again',
} as const

export type Step = keyof typeof STEPS

type Open = Awaited<ReturnType<typeof open>>

interface ViewRow {
  key: Key
  state: unknown
}

const DIRECTORY = '/journal'

/** Options that are the same for every process. */
export interface Setting {
  segmentBytes: number
  sectorBytes: number
  cacheRows: number
  compress: boolean
}

/** What is left of a process that dies in a call. */
export interface Death {
  call: number
  world: World
}

export class World {
  readonly disk: Disk
  derived = new DerivedDisk()
  ledger = new Ledger()
  readonly #time: StandingTime
  readonly choice: Choice
  readonly #setting: Setting
  readonly #runtime: Runtime
  #random = new Seeded(1)
  process: Process
  journal: Open | undefined
  refused: unknown
  #power = false
  /** Not answered by a process that died. */
  #unanswered: Asked[] = []

  constructor(disk: DiskOptions | Disk, time: StandingTime, choice: Choice, setting: Setting) {
    this.disk = disk instanceof Disk ? disk : new Disk(disk)
    this.#time = time
    this.choice = choice
    this.#setting = setting
    this.#runtime = new Runtime(choice)
    this.process = new Process(this.disk, { choice })
  }

  begin(faults: readonly Fault[] = [], before?: Turn): void {
    this.process.kill()
    this.#time.forget()
    this.journal = undefined
    this.process = new Process(this.disk, { choice: this.choice, faults, turn: before })
  }

  /** The same; of those of its calls that change something and that `picks` names, by number, it returns what is left if it dies there. */
  beginDying(picks: (call: number) => Choice | undefined, faults: readonly Fault[]): Death[] {
    const deaths: Death[] = []
    let call = 0
    this.begin(faults, (_call, _path, torn) => {
      const choice = torn === undefined ? undefined : picks(++call)
      return torn === undefined || choice === undefined ? undefined : this.#die(call, choice, torn, deaths)
    })
    return deaths
  }

  async #die(call: number, choice: Choice, torn: Torn, deaths: Death[]): Promise<void> {
    const { process } = this
    // First all happens that follows from the calls before: promises count that were made by then.
    await setImmediate()
    if (process.dead) return
    const world = new World(this.disk.clone(), this.#time, choice, this.#setting)
    world.derived = this.derived.clone()
    world.ledger = this.ledger.clone()
    world.#power = this.#power
    world.#random = this.#random.copy()
    torn(world.disk, choice)
    deaths.push({ call, world })
  }

  powerLoss(): void {
    this.begin()
    this.disk.powerLoss(this.choice)
    this.derived.powerLoss(this.choice)
    this.#power = true
  }

  async live(steps: readonly Step[]): Promise<void> {
    await this.#lives(this.#open())
    for (const step of steps) {
      if (this.process.dead || this.journal === undefined) break
      if (step === 'o') await this.#reopen()
      else await this.#lives(this.#step(step, this.journal))
    }
    if (this.process.dead) await setImmediate()
  }

  /** Waits until something is done, or whoever does it is dead. */
  #lives(done: Promise<void>): Promise<void> {
    return Promise.race([done, this.process.died])
  }

  async #reopen(): Promise<void> {
    await this.#lives(this.close())
    if (this.process.dead) return
    this.process = this.process.successor()
    await this.#lives(this.#open())
  }

  async close(): Promise<void> {
    const { journal, process } = this
    this.journal = undefined
    await this.#typed('closing', journal?.close())
    // One that died in it may hear of its end later, when another lives.
    if (!process.dead && process.opened > 0) this.ledger.broken.push(`closing left ${process.opened} files open`)
  }

  async #open(): Promise<void> {
    const { process, ledger } = this
    this.refused = undefined
    let journal: Open | undefined
    try {
      // Somebody may have set the clock back meanwhile.
      const behind = pick(this.choice, [0, 0, 3_600_000])
      const clock = {
        now: () => this.#time.now - behind,
        random: (bytes: number) => Buffer.from(Array.from({ length: bytes }, () => this.#random.int(256))),
      }
      journal = await open({ ...this.#setting, files: process, derived: this.derived.for(process), clock })
      await this.#judge(journal)
      this.journal = journal
    } catch (error) {
      if (process.dead) return
      this.refused = error
      if (!isJournalError(error))
        ledger.broken.push(`opening failed without a code: ${error instanceof Error ? error.stack : String(error)}`)
      if (process.faults.struck === 0 && this.disk.capacity === Number.POSITIVE_INFINITY)
        ledger.broken.push(`opening failed without a reason: ${String(error)}`)
      if (journal !== undefined) await this.#typed('closing', journal.close())
      if (process.opened > 0) ledger.broken.push(`opening failed and left ${process.opened} files open`)
    }
  }

  async #step(step: Exclude<Step, 'o'>, journal: Open): Promise<void> {
    const ask = (asked = this.#runtime.next(), durability: 'disk' | 'os' = 'disk'): Promise<void> =>
      this.ledger.ask(asked, ({ commitId, stream, events }) => journal.append(stream, events, { commitId, durability }))
    switch (step) {
      case 'a':
        return ask()
      case 't':
        await Promise.all([ask(), ask(), ask()])
        return
      case 's':
        return ask(undefined, 'os')
      case 'r':
        await Promise.all(this.#unanswered.splice(0).map(({ operation }) => ask(operation)))
        return
      case 'v':
        return this.#typed('looking at views', this.#sameViews(journal, all(journal.readAll())))
      case 'n':
        return this.#typed('a snapshot', journal.snapshot())
      case 'i':
        return this.#time.pass(60)
      case 'w':
        return this.#time.pass(600)
      case 'm':
        await Promise.all([this.#time.pass(600), this.#typed('a view', journal.view(session, 'session-1')), ask(), ask()])
        return
    }
  }

  async #typed(what: string, done: Promise<unknown> | undefined): Promise<void> {
    try {
      await done
    } catch (error) {
      if (!isJournalError(error))
        this.ledger.broken.push(`${what} failed without a code: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }

  async #judge(journal: Open): Promise<void> {
    const { broken } = this.ledger
    const events = await all(journal.readAll())
    const { damage, snapshots } = journal.recovery
    if (damage.length > 0) broken.push(`false alarm: ${JSON.stringify(damage)}`)
    if (snapshots.refused.length > 0 && this.process.faults.struck === 0) broken.push(`refused: ${JSON.stringify(snapshots.refused)}`)
    if (journal.head.position !== events.length) broken.push(`the head is ${journal.head.position}, the last event ${events.length}`)
    for (const running of await this.#sameViews(journal, events)) broken.push(`${running} runs, and nobody runs it`)
    const { asked } = this.ledger
    this.ledger.judge(events, this.#power)
    this.#power = false
    this.#unanswered = asked.filter(({ outcome }) => outcome === 'waiting' || outcome === 'unknown' || oneIn(this.choice, 4))
    this.#runtime.boots(new Set(events.filter(({ type }) => type === 'session.created').map(({ stream }) => stream)))
  }

  /** Returns the names of the rows that are running. */
  async #sameViews(journal: Open, events: readonly RecordedEvent[] | Promise<readonly RecordedEvent[]>): Promise<string[]> {
    const { broken } = this.ledger
    const running: string[] = []
    const wanted = folded(await events)
    for (const one of projections) {
      const projection = one as unknown as typeof turn
      const rows = await all(journal.list(projection))
      await Promise.all(rows.map((row) => this.#sameView(journal, projection, row)))
      for (const { key, state } of rows) {
        const name = nameOf(projection.name, key)
        if (wanted.get(name) !== JSON.stringify(state)) broken.push(`${name} is ${JSON.stringify(state)}, folded ${wanted.get(name)}`)
        wanted.delete(name)
        if (state.status === 'running') running.push(name)
      }
      for (const [by, order] of Object.entries(projection.index)) {
        const placed = namesOf(inOrder(rows, order as (state: unknown) => IndexValue))
        const listed = namesOf(await all(journal.list(projection, { by })))
        if (listed !== placed) broken.push(`${projection.name} by ${by} has ${listed}, and should have ${placed}`)
      }
    }
    if (wanted.size > 0) broken.push(`missing: ${[...wanted.keys()].join(', ')}`)
    return running
  }

  /** All that are listed are looked at at once, so that they get into each other's way. */
  async #sameView(journal: Open, projection: typeof turn, { key, state }: ViewRow): Promise<void> {
    const view = await journal.view(projection, key as never)
    if (JSON.stringify(view.state) !== JSON.stringify(state))
      this.ledger.broken.push(`${nameOf(projection.name, key)} is viewed as ${JSON.stringify(view.state)}, listed ${JSON.stringify(state)}`)
  }
}

const namesOf = (rows: readonly { key: unknown }[]): string => rows.map(({ key }) => nameOf('', key)).join(', ')

function inOrder(rows: readonly ViewRow[], order: (state: unknown) => IndexValue): ViewRow[] {
  const placed = rows.flatMap((row) => {
    const by = order(row.state)
    return by === undefined ? [] : [{ ...row, at: encodeTuple([by, row.key].flat()) }]
  })
  return placed.toSorted((a, b) => a.at.compare(b.at))
}

function open(options: Setting & NonNullable<Parameters<typeof openJournal>[1]>) {
  return openJournal(DIRECTORY, options)
}
