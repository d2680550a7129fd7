/**
 * The laws at work: one law state for each law and stream, folded from the stream's events, and the decision whether
 * new events may follow. Law states are what the store keeps as a stream's note.
 */
import type { EventMeta, Law, LawEvent, OpenWork, RecordedEvent } from '../define.js'
import { JournalError } from '../errors.js'
import { ADDED, type NewCommit, type StoredCommit, type StreamNotes } from '../storage/commit-store.js'
import { forFold } from './recorded.js'
import { packr } from './rows.js'
import type { Schemas } from './schemas.js'

/**
 * States of all laws for one stream, in the order of the laws; or the error that stood in the way of folding it, so that
 * one stream that cannot be read does not keep the others from opening. Never changed in place.
 */
export type LawStates = readonly unknown[] | JournalError

/** New events with everything decided: completed by the laws, what the engine adds behind, and the states after all of it. */
export interface Decision {
  /** The states on which it was decided. */
  before: LawStates
  events: LawEvent[]
  /** How many of `events` are the caller's; the others were added. */
  given: number
  states: LawStates
  claims: string[]
}

/** An event that no law would have let in, or one that a law adds and that is not there. */
export interface LawBreak {
  stream: string
  /** Of the event, or of the one behind which it is missing. */
  position: number
  type: string
  law: string
  reason: string
}

export class Laws implements StreamNotes<LawStates> {
  readonly #laws: readonly Law[]
  readonly #schemas: Schemas
  readonly #initial: LawStates
  #read: { commit: NewCommit; events: readonly RecordedEvent[] } | undefined

  constructor(laws: readonly Law[], schemas: Schemas) {
    this.#laws = laws
    this.#schemas = schemas
    this.#initial = Object.freeze(laws.map((law) => law.initial()))
  }

  /** @throws JournalError JOURNAL_LAW_BROKEN naming law, event and reason. */
  decide(stream: string, before: LawStates, given: readonly LawEvent[]): Decision {
    let states = known(before)
    const events: LawEvent[] = []
    given.forEach((event, index) => {
      const completed = this.#complete(states, event)
      this.#refuse(stream, states, completed, index)
      states = this.#apply(states, completed)
      events.push(completed)
    })
    for (const [i, law] of this.#laws.entries()) {
      for (const added of law.consequences(states[i], events.slice(0, given.length))) {
        const completed = this.#complete(states, added)
        states = this.#apply(states, completed)
        events.push(completed)
      }
    }
    return { before, events, given: given.length, states, claims: events.flatMap((event) => this.#claims(event)) }
  }

  /** What of a stored commit no law would have let in, and what a law would have added to it. The states are those behind it all the same. */
  judge(before: LawStates, commit: StoredCommit): { states: LawStates; breaks: LawBreak[] } {
    if (before instanceof JournalError) return { states: before, breaks: [] }
    const breaks: LawBreak[] = []
    const given: LawEvent[] = []
    let states: readonly unknown[] = before
    try {
      for (const { event, added } of this.#judged(commit)) {
        if (!added) {
          given.push(event)
          for (const [i, law] of this.#laws.entries()) {
            const reason = law.refuse(states[i], event)
            if (reason !== undefined)
              breaks.push({ stream: commit.stream, position: event.position, type: event.type, law: law.name, reason })
          }
        }
        states = this.#apply(states, event)
      }
    } catch (error) {
      if (error instanceof JournalError) return { states: error, breaks }
      throw error
    }
    const position = commit.position + commit.events.length - 1
    for (const [i, law] of this.#laws.entries())
      for (const { type, data } of law.consequences(states[i], given))
        breaks.push({ stream: commit.stream, position, type, law: law.name, reason: `${type} is missing: ${JSON.stringify(data)}` })
    return { states, breaks }
  }

  /** Events that close what a death left open in a stream, completed; none where nothing ran. */
  close(before: LawStates, cause: 'crash' | 'shutdown'): Decision {
    const events: LawEvent[] = []
    let after = known(before)
    for (const [i, law] of this.#laws.entries()) {
      for (const event of law.close(after[i], cause)) {
        const completed = this.#complete(after, event)
        after = this.#apply(after, completed)
        events.push(completed)
      }
    }
    return { before, events, given: 0, states: after, claims: events.flatMap((event) => this.#claims(event)) }
  }

  report(before: LawStates, orphaned: boolean): OpenWork[] {
    const states = known(before)
    return this.#laws.map((law, i) => law.report(states[i], orphaned))
  }

  initial(): LawStates {
    return this.#initial
  }

  fold(before: LawStates, commit: StoredCommit): LawStates {
    if (this.#laws.length === 0 || before instanceof JournalError) return before
    let states: readonly unknown[] = before
    try {
      for (const event of this.#known(commit)) states = this.#apply(states, event)
      return states
    } catch (error) {
      if (error instanceof JournalError) return error
      throw error
    }
  }

  isOpen(states: LawStates): boolean {
    return states instanceof JournalError || this.#laws.some((law, i) => law.isOpen(states[i]))
  }

  claims(commit: NewCommit): readonly string[] {
    if (this.#laws.length === 0) return []
    try {
      const claims = this.#known(commit).flatMap((event) => this.#claims(event))
      this.#read = undefined
      return claims
    } catch (error) {
      // The stream's states say what is wrong with it, and nothing is appended to it until that is mended.
      if (error instanceof JournalError) return []
      throw error
    }
  }

  encode(states: LawStates): Uint8Array {
    if (states instanceof JournalError) return packr.pack([])
    return packr.pack(this.#laws.map((law, i) => [law.name, law.revision, states[i]]))
  }

  decode(bytes: Uint8Array): LawStates | undefined {
    const saved = packr.unpack(bytes) as [string, number, unknown][]
    const fits =
      saved.length === this.#laws.length && this.#laws.every((law, i) => saved[i]?.[0] === law.name && saved[i]?.[1] === law.revision)
    return fits ? saved.map(([, , state]) => state) : undefined
  }

  #complete(states: readonly unknown[], event: LawEvent): LawEvent {
    return this.#laws.reduce<LawEvent>((seen, law, i) => {
      const data = law.complete(states[i], seen)
      return data === seen.data ? seen : withData(seen, data)
    }, event)
  }

  #refuse(stream: string, states: readonly unknown[], event: LawEvent, index: number): void {
    for (const [i, law] of this.#laws.entries()) {
      const reason = law.refuse(states[i], event)
      if (reason === undefined) continue
      throw new JournalError('JOURNAL_LAW_BROKEN', `${event.type} may not follow in ${JSON.stringify(stream)}: ${reason}`, {
        stream,
        law: law.name,
        type: event.type,
        index,
        reason,
      })
    }
  }

  /** A commit's events in today's shape, without those whose types are not known. Kept between folding a commit and asking for its claims. */
  #known(commit: NewCommit): readonly RecordedEvent[] {
    if (this.#read?.commit === commit) return this.#read.events
    const stored = { position: 0, ...commit }
    const events: RecordedEvent[] = []
    for (const [i, { type }] of commit.events.entries()) if (this.#schemas.knows(type)) this.#schemas.read(stored, i, events, forFold)
    this.#read = { commit, events }
    return events
  }

  *#judged(commit: StoredCommit): Generator<{ event: RecordedEvent; added: boolean }> {
    for (const [i, { type, flags }] of commit.events.entries()) {
      if (!this.#schemas.knows(type)) continue
      const events: RecordedEvent[] = []
      this.#schemas.read(commit, i, events)
      for (const event of events) yield { event, added: (flags & ADDED) !== 0 }
    }
  }

  #apply(states: readonly unknown[], event: LawEvent): readonly unknown[] {
    return this.#laws.map((law, i) => law.apply(states[i], event))
  }

  #claims(event: LawEvent): string[] {
    return this.#laws.flatMap((law) => law.claims(event).map((claim) => `${law.name}/${claim}`))
  }
}

function known(states: LawStates): readonly unknown[] {
  if (states instanceof JournalError) throw states
  return states
}

function withData(event: LawEvent, data: unknown): LawEvent {
  const meta: EventMeta | undefined = event.meta
  return meta === undefined ? { type: event.type, data } : { type: event.type, data, meta }
}
