/**
 * The way in: from what a caller wants to append to a commit in the store's queue. Each stream has a lane, so that
 * its commits are decided one after another, in the order of the calls, each on top of the one before even while
 * that one is still on its way to the disk.
 */
import { setImmediate } from 'node:timers/promises'
import type { EventMeta, LawEvent, NewEvent } from '../define.js'
import { withOutcome } from '../errors.js'
import { ADDED, type CommitStore, type Durability, type NewCommit, type Receipt } from '../storage/commit-store.js'
import { newLane, type Lane } from './lane.js'
import type { Decision, Laws, LawStates } from './laws.js'
import { checkArguments, checkMeta, type AppendOptions } from './append-arguments.js'
import { alreadyTaken, checkVersion, reused, tooLarge } from './refusals.js'
import { sameBody } from './same-body.js'
import type { Schemas } from './schemas.js'
import { checkValue, type ValueLimits } from './values.js'

interface InFlight {
  stream: string
  events: readonly LawEvent[]
  receipt: Promise<Receipt>
}

/** What was decided before it turned out that something has to be waited for: still right if the stream has not moved on by then. */
interface Early {
  decision: Decision
  /** Resolves if no name that it takes was taken before. */
  free: Promise<void>
}

/** Events of a commit that takes long to decide: others have a turn of the event loop, and of the disk, before the next such one. */
const LARGE_EVENTS = 32

export class Appender {
  readonly #store: CommitStore<LawStates>
  readonly #schemas: Schemas
  readonly #laws: Laws
  readonly #limits: ValueLimits
  readonly #now: () => number
  readonly #lanes = new Map<string, Lane>()
  readonly #inFlight = new Map<string, InFlight>()
  #lastAt: number
  /** The last commit that was carried over; the next is decided behind it. */
  #carried: Promise<unknown> = Promise.resolve()
  /** When the next large commit is decided. */
  #turn: Promise<void> = Promise.resolve()

  constructor(store: CommitStore<LawStates>, schemas: Schemas, laws: Laws, limits: ValueLimits, now: () => number) {
    this.#store = store
    this.#schemas = schemas
    this.#laws = laws
    this.#limits = limits
    this.#now = now
    this.#lastAt = store.lastAt
    store.subscribe({ written: (group) => group.commits.forEach(({ stream }) => this.#leave(stream)) })
  }

  /** Rejects with an error that says its outcome, and with a TypeError for misuse. */
  append(stream: string, given: readonly NewEvent[], options: AppendOptions, durability: Durability): Promise<Receipt> {
    try {
      checkArguments(stream, given, options, durability)
      const events = this.#judge(stream, given, options.commitId)
      if (options.commitId !== undefined) return this.#once(stream, events, options, options.commitId, durability)
      if (options.at !== undefined || events.length >= LARGE_EVENTS) return this.#decided(stream, events, options, durability)
      const tried = this.#atOnce(stream, events, options, durability)
      return tried instanceof Promise ? tried : this.#decided(stream, events, options, durability, tried)
    } catch (error) {
      return Promise.reject(withOutcome(error, 'none'))
    }
  }

  /** Appends what the engine itself has to say of a stream, such as that a turn was interrupted. */
  close(stream: string, cause: 'crash' | 'shutdown', durability: Durability): Promise<Receipt | undefined> {
    return this.#inLane(stream, (lane) => {
      const decision = this.#laws.close(lane.states as LawStates, cause)
      return decision.events.length === 0 ? undefined : this.#enqueue(stream, lane, decision, {}, durability)
    })
  }

  /** Resolves once every append that was called is decided and queued. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#carried, ...Array.from(this.#lanes.values(), (lane) => lane.tail)])
  }

  /** Copies and checks what was given; nothing the caller does to its objects later can change the commit. */
  #judge(stream: string, given: readonly NewEvent[], commitId: string | undefined): LawEvent[] {
    let bytes = 64 + stream.length * 3 + (commitId?.length ?? 0) * 3
    return given.map((event, index): LawEvent => {
      if (typeof event !== 'object' || event === null || typeof event.type !== 'string')
        throw new TypeError(`Event ${index} is not { type, data }`)
      const data = checkValue(event.data, 'data', event.type, this.#limits)
      const meta = event.meta === undefined ? undefined : checkValue(checkMeta(event.meta), 'meta', event.type, this.#limits)
      bytes += data.bytes + (meta?.bytes ?? 0) + event.type.length * 3 + 16
      if (bytes > this.#limits.commitBytesMax) throw tooLarge(bytes, this.#limits.commitBytesMax)
      const copy = { type: event.type, data: data.value, ...(meta === undefined ? {} : { meta: meta.value as EventMeta }) }
      return this.#schemas.judge(copy, index, this.#now)
    })
  }

  /** A commit id is one commit: recorded means the first receipt again, in flight means the same promise. */
  #once(stream: string, events: LawEvent[], options: AppendOptions, commitId: string, durability: Durability): Promise<Receipt> {
    const other = this.#inFlight.get(commitId)
    if (other !== undefined) {
      if (other.stream !== stream || !sameBody(other.events, events)) throw reused(commitId, {})
      return this.#atLeast(other.receipt, durability)
    }
    const receipt = this.#decided(stream, events, options, durability)
    this.#inFlight.set(commitId, { stream, events, receipt })
    const done = (): void => void this.#inFlight.delete(commitId)
    receipt.then(done, done)
    return receipt
  }

  async #atLeast(receipt: Promise<Receipt>, durability: Durability): Promise<Receipt> {
    const first = await receipt
    if (first.durability === 'disk' || durability === 'os') return first
    await this.#store.flush()
    return { ...first, durability: 'disk' }
  }

  /** Decides and queues behind whatever has to be waited for. `early`: what was decided before it turned out that something has. */
  async #decided(stream: string, events: LawEvent[], options: AppendOptions, durability: Durability, early?: Early): Promise<Receipt> {
    try {
      const queued = await this.#inOrder(stream, options, async (lane) => {
        if (events.length >= LARGE_EVENTS) await this.#ownTurn()
        const recorded = options.commitId === undefined ? undefined : await this.#recorded(stream, options.commitId, events, durability)
        if (recorded !== undefined) return { receipt: Promise.resolve(recorded) }
        checkVersion(stream, options, lane.version)
        const states = lane.states as LawStates
        const known = early?.decision.before === states ? early : undefined
        const decision = known?.decision ?? this.#laws.decide(stream, states, events)
        await (known?.free ?? this.#checkClaims(stream, lane, decision))
        return { receipt: this.#enqueue(stream, lane, decision, options, durability) }
      })
      return await queued.receipt
    } catch (error) {
      throw withOutcome(error, 'none')
    }
  }

  /** Decides and queues without waiting, where nothing has to be waited for; where something has, no more than what it decided until then. */
  #atOnce(stream: string, events: LawEvent[], options: AppendOptions, durability: Durability): Promise<Receipt> | Early | undefined {
    const lane = this.#lanes.get(stream) ?? newLane()
    if (lane.deciding > 0 || this.#store.room() !== undefined) return undefined
    if (lane.states === undefined) {
      const head = this.#store.stream(stream)
      if (head instanceof Promise) {
        // The way that waits asks again, and tells what went wrong.
        head.catch(() => undefined)
        return undefined
      }
      lane.version = head.version
      lane.states = head.note
    }
    checkVersion(stream, options, lane.version)
    const decision = this.#laws.decide(stream, lane.states, events)
    const free = this.#checkClaims(stream, lane, decision)
    if (free !== undefined) {
      // Should the stream move on meanwhile nobody waits for this.
      free.catch(() => undefined)
      return { decision, free }
    }
    this.#lanes.set(stream, lane)
    return this.#enqueue(stream, lane, decision, options, durability)
  }

  /** One after another, each when there is room for such a one. */
  #ownTurn(): Promise<void> {
    const mine = this.#turn.then(() => this.#store.room(true))
    this.#turn = mine.then(() => setImmediate())
    return mine
  }

  /** Runs `decide` in the stream's lane, for a commit that is carried over behind the one before it. */
  #inOrder<T>(stream: string, { at }: AppendOptions, decide: (lane: Lane) => Promise<T>): Promise<T> {
    if (at === undefined) return this.#inLane(stream, decide)
    const result = this.#carried.then(() => this.#inLane(stream, decide))
    this.#carried = result.catch(() => undefined)
    return result
  }

  /** Runs `decide` when the stream's earlier commits are decided and the queue has room, on the stream's head with them in it. */
  async #inLane<T>(stream: string, decide: (lane: Lane) => T | Promise<T>): Promise<T> {
    const lane = this.#lanes.get(stream) ?? newLane()
    this.#lanes.set(stream, lane)
    lane.commits++
    lane.deciding++
    const before = lane.tail
    const run = async (): Promise<T> => {
      await before
      await this.#store.room()
      if (lane.states === undefined) {
        const head = await this.#store.stream(stream)
        lane.version = head.version
        lane.states = head.note
      }
      return decide(lane)
    }
    const result = run()
    lane.tail = result.catch(() => undefined)
    try {
      return await result
    } finally {
      lane.deciding--
      this.#leave(stream)
    }
  }

  /** One commit less; without any, the store knows all that the lane knew. */
  #leave(stream: string): void {
    const lane = this.#lanes.get(stream)
    if (lane !== undefined && --lane.commits === 0) this.#lanes.delete(stream)
  }

  async #recorded(stream: string, commitId: string, events: LawEvent[], durability: Durability): Promise<Receipt | undefined> {
    const found = await this.#store.findCommit(commitId)
    if (found === undefined) return undefined
    const { commit, head } = found
    const given = commit.events.filter((event) => (event.flags & ADDED) === 0).length
    if (commit.stream !== stream || !sameBody(this.#schemas.events(commit, given), events))
      throw reused(commitId, { stream: commit.stream, position: commit.position })
    if (durability === 'disk' && this.#store.synced.position < head.position) await this.#store.flush()
    return {
      position: commit.position + commit.events.length - 1,
      version: commit.version + commit.events.length - 1,
      digest: head.digest,
      durability: this.#store.synced.position < head.position ? 'os' : 'disk',
    }
  }

  /** Undefined where it is known at once that no name was taken before. */
  #checkClaims(stream: string, lane: Lane, decision: Decision): Promise<void> | undefined {
    const { claims } = decision
    const seen = new Set<string>()
    for (const claim of claims) {
      if (seen.has(claim) || lane.claims.has(claim)) throw alreadyTaken(stream, claim, decision)
      seen.add(claim)
    }
    const mustBeFree = (taken: string | undefined): void => {
      if (taken !== undefined) throw alreadyTaken(stream, taken, decision)
    }
    const taken = this.#store.claimed(stream, claims)
    if (taken instanceof Promise) return taken.then(mustBeFree)
    mustBeFree(taken)
    return undefined
  }

  #enqueue(stream: string, lane: Lane, decision: Decision, options: AppendOptions, durability: Durability): Promise<Receipt> {
    const now = this.#now()
    this.#lastAt = Math.max(this.#lastAt, Math.min(options.at ?? now, now))
    const commit: NewCommit = {
      stream,
      version: lane.version + 1,
      at: this.#lastAt,
      events: decision.events.map((event, i) =>
        this.#schemas.stored(event.type, event.data, event.meta, i < decision.given ? 0 : ADDED, this.#lastAt),
      ),
      ...(options.commitId === undefined ? {} : { commitId: options.commitId }),
    }
    lane.commits++
    let receipt: Promise<Receipt>
    try {
      receipt = this.#store.append(commit, decision.states, decision.claims, durability)
    } catch (error) {
      this.#leave(stream)
      throw error
    }
    lane.version += commit.events.length
    lane.states = decision.states
    for (const claim of decision.claims) lane.claims.add(claim)
    return receipt
  }
}
