/**
 * The catalogue at work: judges new events, brings stored ones to today's shape, and says at open whether this program
 * can read what a journal holds.
 */
import type { Catalogue, EventDefinition, EventMeta, NewEvent, RecordedEvent, Shape, Upcaster } from '../define.js'
import { JournalError } from '../errors.js'
import { IGNORABLE, type StoredCommit, type StoredEvent, type TypeSeen } from '../storage/commit-store.js'
import { Chains, StepFault, type Grown } from './chains.js'
import { refusalOf } from './fits.js'

/** What becomes of events whose type is not in the catalogue and whose writer did not say that they may be passed over. */
export type OnUnknown = 'refuse' | 'keep'

/** The event that an upgrade leaves behind all others, for whoever asks where the journal came from. Any reader may pass over it. */
export const UPGRADED = 'journal.upgraded'

export class Schemas {
  readonly #definitions: ReadonlyMap<string, EventDefinition>
  /** The schema of each known type whose events are read as they are; 0 for types that went out of use. */
  readonly #today: ReadonlyMap<string, number>
  readonly #chains: Chains
  readonly #onUnknown: OnUnknown
  /** How many events were brought to a newer shape so far. */
  upcast = 0

  /** @throws JournalError JOURNAL_UPCASTER_MISSING for a gap or a duplicate; TypeError for a step that leads nowhere. */
  constructor(catalogue: Catalogue, upcasters: readonly Upcaster[], onUnknown: OnUnknown = 'refuse') {
    this.#definitions = new Map(Object.entries(catalogue.definitions))
    this.#chains = new Chains(this.#definitions, upcasters)
    const past = upcasters.map(({ type }): [string, number] => [type, 0])
    this.#today = new Map([...past, ...Array.from(this.#definitions, ([type, { schema }]): [string, number] => [type, schema])])
    this.#onUnknown = onUnknown
  }

  /** Refuses a journal that holds what this program cannot read. Touches nothing. */
  admit(types: ReadonlyMap<string, TypeSeen>): void {
    for (const [type, { schema, ignorable }] of types) {
      const newest = this.#chains.newest(type)
      if (newest === 0 && !ignorable && this.#onUnknown === 'refuse') throw unknownEvent(type, schema)
      if (newest > 0 && schema > newest) throw newerSchema(type, schema, newest)
    }
  }

  /** Of the types that a journal holds those that are not known. */
  unknown(types: ReadonlyMap<string, TypeSeen>): { type: string; schema: number }[] {
    return Array.from(types, ([type, { schema }]) => ({ type, schema })).filter(({ type }) => !this.knows(type) && type !== UPGRADED)
  }

  /** Whether a stored event is read as it is. */
  isToday({ type, schema }: Shape): boolean {
    return this.#today.get(type) === schema
  }

  /** Whether events stored under this type are understood, also where the type went out of use. */
  knows(type: string): boolean {
    return this.#today.has(type)
  }

  /** Types of today that an event stored under this type may have; one that is not known is read as it is. */
  leadsTo(type: string): ReadonlySet<string> {
    return this.knows(type) ? this.#chains.leadsTo(type) : new Set([type])
  }

  /** Checks a new event against the catalogue. @throws JournalError JOURNAL_EVENT_INVALID. */
  judge(event: NewEvent, index: number): void {
    const definition = this.#definitions.get(event.type)
    if (definition === undefined) {
      throw new JournalError('JOURNAL_EVENT_INVALID', `There is no event type ${JSON.stringify(event.type)} in the catalogue.`, {
        type: event.type,
        index,
        reason: 'unknown type',
      })
    }
    const refusal = refusalOf(definition.data, event.data)
    if (refusal === undefined) return
    const issue = refusal.issues[0]
    const path = ['data', ...(issue?.path ?? []).map((step) => (typeof step === 'number' ? step : String(step)))]
    const reason = issue?.message ?? 'does not fit'
    throw new JournalError('JOURNAL_EVENT_INVALID', `${event.type}: ${path.join('.')}: ${reason}.`, {
      type: event.type,
      schema: definition.schema,
      index,
      path,
      reason,
    })
  }

  /** A judged event as it is stored. */
  stored(type: string, data: unknown, meta: EventMeta | undefined, added: number): StoredEvent {
    const definition = this.#definitions.get(type) as EventDefinition
    const flags = (definition.ignorable === true ? IGNORABLE : 0) | added
    return meta === undefined ? { type, schema: definition.schema, data, flags } : { type, schema: definition.schema, data, flags, meta }
  }

  /** A commit's events in today's shape; the first `count` stored ones where a number is given. */
  events(commit: StoredCommit, count = commit.events.length): RecordedEvent[] {
    const events: RecordedEvent[] = []
    for (let i = 0; i < count; i++) this.read(commit, i, events)
    return events
  }

  /**
   * Adds one stored event of a commit in today's shape: one event, the parts of a split, or nothing. What is not known comes as
   * it was stored. What is in today's shape already costs one look-up.
   * @throws JournalError JOURNAL_UPCASTER_FAILED, JOURNAL_NEWER_SCHEMA
   */
  read(commit: StoredCommit, index: number, into: RecordedEvent[]): void {
    const stored = commit.events[index] as StoredEvent
    const schema = this.#today.get(stored.type)
    if (schema === undefined || schema === stored.schema) {
      into.push(recorded(commit, index, stored.type, stored.schema, stored.data))
      return
    }
    const grown = this.#grown(commit, index)
    for (const [part, { type, definition, data }] of grown.entries()) {
      const event = recorded(commit, index, type, definition.schema, data)
      if (grown.length > 1) event.part = { index: part, of: grown.length }
      into.push(event)
    }
    this.upcast++
  }

  #grown(commit: StoredCommit, index: number): Grown[] {
    const { type, schema, data } = commit.events[index] as StoredEvent
    const position = commit.position + index
    const newest = this.#chains.newest(type)
    if (schema > newest) throw newerSchema(type, schema, newest, position)
    const meta = metaOf(commit, index)
    try {
      const stage = this.#chains.stage({ type, schema })
      if (stage === undefined) throw new StepFault('there is no such schema')
      return this.#chains.up(stage, data, meta === undefined ? { at: commit.at } : { at: commit.at, meta })
    } catch (error) {
      if (!(error instanceof StepFault)) throw error
      throw new JournalError(
        'JOURNAL_UPCASTER_FAILED',
        `${type}@${schema} at position ${position} in ${JSON.stringify(commit.stream)}: ${error.message}. The stored event is untouched: \`turnlog dump\` shows it as it is. Mend the step and open the journal again; other streams go on.`,
        { type, schema, position, stream: commit.stream },
        { cause: error.cause },
      )
    }
  }
}

function recorded(commit: StoredCommit, index: number, type: string, schema: number, data: unknown): RecordedEvent {
  const event: RecordedEvent = {
    position: commit.position + index,
    stream: commit.stream,
    version: commit.version + index,
    type,
    schema,
    at: commit.at,
    data,
  }
  const meta = metaOf(commit, index)
  if (meta !== undefined) event.meta = meta
  return event
}

function metaOf(commit: StoredCommit, index: number): EventMeta | undefined {
  return (commit.events[index]?.meta ?? commit.meta) as EventMeta | undefined
}

function unknownEvent(type: string, schema: number): JournalError {
  return new JournalError(
    'JOURNAL_UNKNOWN_EVENT',
    `The journal holds ${type}@${schema}, which is not in this program's catalogue. Open it with the program that wrote it, add the type to the catalogue, or pass { onUnknown: 'keep' } to carry such events along unread. Nothing was changed.`,
    { type, schema },
  )
}

function newerSchema(type: string, found: number, supported: number, position?: number): JournalError {
  return new JournalError(
    'JOURNAL_NEWER_SCHEMA',
    `The journal holds ${type}@${found}; this program reads ${type} up to @${supported}. Open it with a program whose catalogue has ${type}@${found}. Nothing was changed.`,
    { type, found, supported, ...(position === undefined ? {} : { position }) },
  )
}
