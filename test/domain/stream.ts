/** One stream under the built-in laws, without a journal: what `append` decides, and the events as they would be read back. */
import { isDeepStrictEqual } from 'node:util'
import type { EventMeta, LawEvent, RecordedEvent } from '../../src/define.js'
import { Laws, type Decision, type LawStates } from '../../src/engine/laws.js'
import { Schemas } from '../../src/engine/schemas.js'
import { JournalError } from '../../src/errors.js'
import { events as catalogue } from '../../src/events.js'
import { laws } from '../../src/turns.js'
import { upcasters } from '../../upcasters/index.js'

export const schemas = new Schemas(catalogue, upcasters)
export const engine = new Laws(laws, schemas)

export type Given = readonly [type: string, data?: object, meta?: EventMeta]

export class Stream {
  readonly id: string
  readonly events: RecordedEvent[] = []
  readonly claims = new Set<string>()
  states: LawStates = engine.initial()
  #at = 1000

  constructor(id = 's') {
    this.id = id
  }

  /** Appends one commit. @throws JournalError as `append` would */
  append(...given: Given[]): RecordedEvent[] {
    const before = given.map(([type, data = {}, meta]): LawEvent => (meta === undefined ? { type, data } : { type, data, meta }))
    before.forEach((event, i) => schemas.judge(event, i))
    const decision = engine.decide(this.id, this.states, before)
    const taken = decision.claims.find((claim, i) => this.claims.has(claim) || decision.claims.indexOf(claim) !== i)
    if (taken !== undefined)
      throw new JournalError('JOURNAL_LAW_BROKEN', `${taken} is taken`, { stream: this.id, law: '', type: '', index: 0, reason: 'taken' })
    return this.#record(decision)
  }

  /** Whether the commit is let in; it is appended if it is. */
  takes(...given: Given[]): boolean {
    try {
      this.append(...given)
      return true
    } catch (error) {
      if (error instanceof JournalError && error.code === 'JOURNAL_LAW_BROKEN') return false
      throw error
    }
  }

  /** Why the commit is refused; undefined if it is let in. */
  refuses(...given: Given[]): string | undefined {
    try {
      this.append(...given)
      return undefined
    } catch (error) {
      if (error instanceof JournalError && error.code === 'JOURNAL_LAW_BROKEN') return error.details['reason' as never] as string
      throw error
    }
  }

  /** A process dies and another opens. */
  crash(cause: 'crash' | 'shutdown' = 'crash'): RecordedEvent[] {
    return this.#record(engine.close(this.states, cause))
  }

  get isOpen(): boolean {
    return engine.isOpen(this.states)
  }

  report(orphaned = false) {
    const parts = engine.report(this.states, orphaned)
    return {
      interrupted: parts.flatMap(({ interrupted }) => interrupted),
      pending: parts.flatMap(({ pending }) => pending),
      tasks: parts.flatMap(({ tasks }) => tasks),
    }
  }

  #record({ events, states, claims }: Decision): RecordedEvent[] {
    this.states = states
    for (const claim of claims) this.claims.add(claim)
    const at = ++this.#at
    const recorded = events.map((event, i): RecordedEvent => {
      const place = this.events.length + 1 + i
      schemas.judge(event, i)
      return { ...event, position: place, stream: this.id, version: place, schema: 1, at }
    })
    this.events.push(...recorded)
    return recorded
  }
}

/** A session with a thread `main`. */
export function session(id = 's'): Stream {
  const stream = new Stream(id)
  stream.append(['session.created'], ['thread.started', { threadId: 'main' }])
  return stream
}

/** The same with a turn `t1` that runs. */
export function running(id = 's'): Stream {
  const stream = session(id)
  stream.append(submitted('t1'), ['turn.started', { turnId: 't1' }])
  return stream
}

export const submitted = (turnId: string, threadId = 'main'): Given => [
  'turn.submitted',
  { threadId, turnId, input: [{ type: 'text', text: `ask ${turnId}` }] },
]

/** Events as type and what matters of their data. */
export const told = (events: readonly { type: string; data: unknown }[]): [string, unknown][] =>
  events.map(({ type, data }) => [type, data])

export const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
export const isPlain = (value: unknown): boolean => isDeepStrictEqual(plain(value), value)

/** Events as cases of a test, by their type. */
export const byType = (list: readonly Given[]): { type: string; event: Given }[] => list.map((event) => ({ type: event[0], event }))
