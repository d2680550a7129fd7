/** A storage floor on a simulated disk: processes that open it, do what a script says, and die. */
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { isJournalError, type Damage } from '../../../src/errors.js'
import type { CommitStore, Durability, NewCommit, StoredCommit } from '../../../src/storage/commit-store.js'
import type { Clock } from '../../../src/storage/files.js'
import { openCommitStore } from '../../../src/storage/open.js'
import { event, notes, type Sum } from '../../storage/support/notes.js'
import { Seeded, type Choice } from '../../support/disk/choice.js'
import type { Disk } from '../../support/disk/disk.js'
import type { Fault } from '../../support/disk/faults.js'
import { Process, type Torn, type Turn } from '../../support/disk/process.js'
import { BEGINNING, type StandingTime } from '../../support/disk/time.js'
import { Ledger } from './ledger.js'
import type { Script, Step } from './scripts.js'

const DIRECTORY = '/journal'
const STREAMS = ['s0', 's1', 's2']

/** What is left of a process that dies in a call. */
export interface Death {
  call: number
  world: World
}

export class World {
  readonly disk: Disk
  readonly time: StandingTime
  readonly choice: Choice
  readonly script: Omit<Script, 'steps'>
  ledger = new Ledger()
  process: Process
  /** The open store of the process. */
  store: CommitStore<Sum> | undefined
  /** The disk left garbage where it was writing, and the journal reports damage: somebody has to decide, and the story is over. */
  asks = false
  /** Why the last open failed. */
  refused: unknown
  /** Calls of all its processes that were made to fail, and processes that died in a call. */
  failed = 0
  deaths = 0
  #counted: Process | undefined
  /** The power failed since the last time that the journal was open. */
  #power = false
  #versions = new Map<string, { version: number; note: Sum }>()
  /** Numbers what is appended. */
  #count = 0
  /** Its own time: what is looked at in between, elsewhere, takes none of it. */
  #now = BEGINNING
  /** Names of temporary files and the like decide nothing. */
  #random = new Seeded(1)

  constructor(disk: Disk, time: StandingTime, choice: Choice, script: Omit<Script, 'steps'>) {
    this.disk = disk
    this.time = time
    this.choice = choice
    this.script = script
    this.process = new Process(disk, { choice })
  }

  /** A new process. The one before is dead, or left in order. */
  begin(faults: readonly Fault[] = []): void {
    this.#begin(faults, undefined)
  }

  /** The same; of those of its calls that change something and that `picks` names, by number, it returns what is left if it dies there. */
  beginDying(picks: (call: number) => Choice | undefined, faults: readonly Fault[] = []): Death[] {
    const deaths: Death[] = []
    let call = 0
    this.#begin(faults, (_call, _path, torn) => {
      const choice = torn === undefined ? undefined : picks(++call)
      if (torn === undefined || choice === undefined) return undefined
      return this.#die(call, choice, torn, deaths)
    })
    return deaths
  }

  async #die(call: number, choice: Choice, torn: Torn, deaths: Death[]): Promise<void> {
    const { process } = this
    // First all happens that follows from the calls before: promises count that were made by then.
    await setImmediate()
    if (process.dead) return
    const world = this.fork(choice)
    world.#now = this.time.now
    torn(world.disk, choice)
    deaths.push({ call, world })
  }

  #begin(faults: readonly Fault[], turn: Turn | undefined): void {
    this.#end()
    this.process = new Process(this.disk, { choice: this.choice, faults, turn })
  }

  /** The same world on a copy of the disk, where something else may happen. Nobody is alive there. */
  fork(choice: Choice): World {
    const fork = new World(this.disk.clone(), this.time, choice, this.script)
    fork.ledger = this.ledger.clone()
    if (this.store !== undefined) fork.ledger.synced = this.store.synced
    fork.#power = this.#power
    fork.#count = this.#count
    fork.#now = this.#now
    fork.#random = this.#random.copy()
    return fork
  }

  /** Two worlds that say the same will be recovered in the same way, and judged in the same way. */
  get image(): string {
    const { segmentBytes, sectorBytes, groupBytes, compress } = this.script
    const { sector, names } = this.disk
    const kind = `${segmentBytes} ${sectorBytes} ${groupBytes} ${compress} ${sector} ${names} ${this.#power ? 'power' : this.disk.states}`
    return createHash('sha1').update(`${kind} ${this.disk.image()} ${this.ledger.summary}`).digest('base64')
  }

  powerLoss(mixed = true): void {
    this.#end()
    this.disk.powerLoss(this.choice, mixed)
    this.#power = true
  }

  /** Does what a script says, until the process dies. */
  async live(steps: string): Promise<void> {
    this.time.now = this.#now
    for (const step of steps) {
      if (this.asks) break
      if (step === 'o') await this.#unlessDead(this.close(true))
      if (this.process.dead) break
      if (step === 'o' || step === 'k') {
        this.#forget()
        this.process = this.process.successor()
        await this.#unlessDead(this.open())
      } else await this.#unlessDead(this.#step(step as Step))
    }
    // What was under way when it died still comes to its end: promises count that were made before.
    if (this.process.dead) await setImmediate()
    this.#now = this.time.now
  }

  #unlessDead(done: Promise<void>): Promise<void> {
    return Promise.race([done, this.process.died])
  }

  #end(): void {
    if (this.process !== this.#counted) {
      if (this.process.dead) this.deaths++
      this.failed += this.process.faults.struck
    }
    this.#counted = this.process
    this.process.kill()
    this.#forget()
  }

  #forget(): void {
    this.time.forget()
    if (this.store !== undefined) this.ledger.synced = this.store.synced
    this.store = undefined
  }

  async open(): Promise<void> {
    const { process, time } = this
    const clock: Clock = {
      now: () => time.now,
      random: (bytes) => this.#random.bytes(bytes),
    }
    this.refused = undefined
    let store: CommitStore<Sum> | undefined
    try {
      const opened = await openCommitStore<Sum>(DIRECTORY, { ...this.script, notes, admit: () => {}, files: process, clock })
      store = opened.store
      await this.#judge(store)
      if (this.asks) await this.#leave(store, false)
      else this.store = store
    } catch (error) {
      if (process.dead) return
      this.refused = error
      const { broken } = this.ledger
      if (!isJournalError(error)) broken.push(`opening failed without a code: ${stackOf(error)}`)
      if (process.faults.struck === 0 && this.disk.capacity === Number.POSITIVE_INFINITY)
        broken.push(`opening failed without a reason: ${stackOf(error)}`)
      if (store !== undefined) await this.#leave(store, false)
      else if (process.opened > 0) broken.push(`opening failed and left ${process.opened} files open`)
    }
  }

  async close(clean: boolean): Promise<void> {
    const { store } = this
    this.store = undefined
    if (store !== undefined) await this.#leave(store, clean)
  }

  async #leave(store: CommitStore<Sum>, clean: boolean): Promise<void> {
    try {
      await store.close({ clean })
    } catch (error) {
      if (!isJournalError(error)) this.ledger.broken.push(`closing failed without a code: ${stackOf(error)}`)
    }
    if (!this.process.dead && this.process.opened > 0) this.ledger.broken.push(`closing left ${this.process.opened} files open`)
  }

  /** Whether the store has told somebody that it takes no more. */
  get stopped(): boolean {
    return this.ledger.told.some(({ outcome }) => outcome === 'none' || outcome === 'unknown')
  }

  append(events: number, size: number, durability: Durability = 'disk'): Promise<void> {
    if (this.store === undefined) return Promise.resolve()
    const { store } = this
    const n = this.#count++
    const stream = STREAMS[n % STREAMS.length]!
    const head = this.#versions.get(stream) ?? { version: 0, note: notes.initial() }
    const text = size === 0 ? '' : String(n).padEnd(size, '.')
    const commit: NewCommit = {
      stream,
      version: head.version + 1,
      commitId: `c${n}`,
      at: this.time.now,
      events: Array.from({ length: events }, (_, i) => event(n * 10 + i, 'added', text)),
    }
    const note = notes.fold(head.note, { ...commit, position: 0 })
    this.#versions.set(stream, { version: head.version + events, note })
    return this.ledger.submit(commit, async (one) => store.append(one, note, notes.claims(one), durability))
  }

  async #step(step: Step): Promise<void> {
    switch (step) {
      case 'a':
        return this.append(1, 0)
      case 'A':
        return this.append(1, 3000)
      case 'B':
        return this.append(1, 70_000)
      case 't':
        await Promise.all([this.append(1, 0), this.append(1, 300), this.append(2, 0)])
        return
      case 'e':
        return this.append(5, 50)
      case 's':
        return this.append(1, 0, 'os')
      case 'p':
        void this.append(1, 20)
        return
      case 'n':
        return this.#try(this.#snapshot())
      case 'f':
        return this.#try(this.store?.flush())
      case 'i':
        return this.time.pass(60)
      case 'c':
        return this.close(true)
      case 'u':
        return this.close(false)
      case 'k':
      case 'o':
        return undefined
    }
  }

  /** What rejects here has rejected for a reason that every append is told as well. */
  async #try(promise: Promise<void> | undefined): Promise<void> {
    try {
      await promise
    } catch (error) {
      if (!isJournalError(error)) this.ledger.broken.push(`failed without a code: ${stackOf(error)}`)
    }
  }

  async #snapshot(): Promise<void> {
    const { store } = this
    if (store === undefined) return
    const n = this.#count++
    const file = `snapshots/p/${String(n).padStart(6, '0')}.snap`
    await store.recordSnapshot({ projection: 'p', revision: 1, head: store.synced, file, bytes: n, sha256: '0'.repeat(64) })
    this.ledger.vouched = file
  }

  /** Whether the journal, opened now, says what it must. */
  async #judge(store: CommitStore<Sum>): Promise<void> {
    const { ledger } = this
    const found: StoredCommit[] = []
    const gaps: Damage[] = []
    for await (const item of store.read()) {
      if ('gap' in item) gaps.push(item.gap)
      else found.push(...item.commits)
    }
    const { told } = ledger
    ledger.judge(found, this.#power)
    this.#power = false
    const [damage] = store.recovery.damage
    this.asks = this.disk.garbage && damage !== undefined
    if (this.asks) return
    for (const gap of gaps) ledger.broken.push(`a gap: ${JSON.stringify(gap)}`)
    if (damage !== undefined) ledger.broken.push(`false alarm: ${JSON.stringify(damage)}`)
    const { position } = store.head
    const last = found.at(-1)
    const expected = last === undefined ? 0 : last.position + last.events.length - 1
    if (position !== expected) ledger.broken.push(`the head is ${position}, the last event ${expected}`)
    if (!(await store.holds(ledger.synced))) ledger.broken.push(`position ${ledger.synced.position} has another history than before`)
    const snapshots = store.snapshots().map(({ file }) => file)
    if (ledger.vouched !== undefined && !snapshots.some((file) => file >= ledger.vouched!))
      ledger.broken.push(`${ledger.vouched} is forgotten`)
    await this.#streams(store)
    const there = new Set(found.slice(-20).map(({ commitId }) => commitId))
    for (const { commit } of told.slice(-3)) {
      const met = await store.findCommit(commit.commitId!)
      if ((met !== undefined) !== there.has(commit.commitId))
        ledger.broken.push(`${commit.commitId} is found ${met === undefined ? 'not' : 'but not read'}`)
    }
  }

  async #streams(store: CommitStore<Sum>): Promise<void> {
    this.#versions.clear()
    for (const { stream, version, events } of this.ledger.certain) {
      const { note } = this.#versions.get(stream) ?? { note: notes.initial() }
      const sum = events.reduce((total, { data }) => total + (data as { n: number }).n, note.sum)
      this.#versions.set(stream, { version: version + events.length - 1, note: { events: note.events + events.length, sum } })
    }
    for (const [stream, { version, note }] of this.#versions) {
      const head = await store.stream(stream)
      if (head.version !== version || head.note.sum !== note.sum)
        this.ledger.broken.push(`${stream} is at ${JSON.stringify(head)}, not ${version} with ${JSON.stringify(note)}`)
    }
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ') : String(error)
}
