/**
 * The catalogue at work: judges new events, brings stored ones to today's shape, and says at open whether this program
 * can read what a journal holds.
 */
import type {
  Catalogue,
  Downcaster,
  EventDefinition,
  EventMeta,
  LawEvent,
  NewEvent,
  RecordedEvent,
  SchemaLevel,
  Shape,
  Upcaster,
} from '../define.js'
import { JournalError } from '../errors.js'
import { IGNORABLE, type StoredCommit, type StoredEvent, type TypeSeen } from '../storage/commit-store.js'
import { Chains, StepFault, type Grown } from './chains.js'
import { Downcasts } from './downcasts.js'
import { refusalOf } from './fits.js'
import { asStored, grownTo, metaOf } from './recorded.js'
import { checkValue, defaultLimits } from './values.js'

/** What becomes of events whose type is not in the catalogue and whose writer did not say that they may be passed over. */
export type OnUnknown = 'refuse' | 'keep'

/** The event that an upgrade leaves behind all others, for whoever asks where the journal came from. Any reader may pass over it. */
export const UPGRADED = 'journal.upgraded'

export interface SchemasOptions {
  onUnknown?: OnUnknown | undefined
  writeFor?: SchemaLevel | undefined
  downcasters?: readonly Downcaster[] | undefined
}

export class Schemas {
  readonly #definitions: ReadonlyMap<string, EventDefinition>
  /** The schema of each known type whose events are read as they are; 0 for types that went out of use. */
  readonly #today: ReadonlyMap<string, number>
  readonly #chains: Chains
  readonly #onUnknown: OnUnknown
  readonly #downcasts: Downcasts | undefined
  /** How many events were brought to a newer shape so far. */
  upcast = 0

  /** @throws JournalError JOURNAL_UPCASTER_MISSING for a gap or a duplicate; TypeError for a step that leads nowhere. */
  constructor(
    catalogue: Catalogue,
    upcasters: readonly Upcaster[],
    { onUnknown = 'refuse', writeFor, downcasters = [] }: SchemasOptions = {},
  ) {
    this.#definitions = new Map(Object.entries(catalogue.definitions))
    this.#chains = new Chains(this.#definitions, upcasters)
    const past = upcasters.map(({ type }): [string, number] => [type, 0])
    this.#today = new Map([...past, ...Array.from(this.#definitions, ([type, { schema }]): [string, number] => [type, schema])])
    this.#onUnknown = onUnknown
    if (writeFor !== undefined) this.#downcasts = new Downcasts(this.#definitions, downcasters, writeFor)
  }

  /** Refuses a journal that holds what this program cannot read. Touches nothing. */
  admit(types: ReadonlyMap<string, TypeSeen>): void {
    for (const [type, { schema, ignorable }] of types) {
      const newest = this.#chains.newest(type)
      if (!ignorable && this.isRefused(type)) throw unknownEvent(type, schema)
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

  /** Whether events stored under this type are refused, unless their writer said that they may be passed over. */
  isRefused(type: string): boolean {
    return this.#onUnknown === 'refuse' && !this.knows(type)
  }

  /** Types of today that an event stored under this type may have; one that is not known is read as it is. */
  leadsTo(type: string): ReadonlySet<string> {
    return this.knows(type) ? this.#chains.leadsTo(type) : new Set([type])
  }

  /** Types that cannot be written for the reader that `writeFor` names. */
  get withheld(): string[] {
    return this.#downcasts?.withheld ?? []
  }

  /**
   * Checks a new event against the catalogue; returns it as it will be read back, which is another only where it is written for an
   * older reader. @throws JournalError JOURNAL_EVENT_INVALID.
   */
  judge<E extends NewEvent>(event: E, index: number, now: () => number = () => 0): E {
    const definition = this.#definitions.get(event.type)
    if (definition === undefined) {
      throw new JournalError('JOURNAL_EVENT_INVALID', `There is no event type ${JSON.stringify(event.type)} in the catalogue.`, {
        type: event.type,
        index,
        reason: 'unknown type',
      })
    }
    const refusal = refusalOf(definition.data, event.data)
    if (refusal === undefined) return this.#downcasts === undefined ? event : this.#readBack(event, index, now())
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
  stored(type: string, data: unknown, meta: EventMeta | undefined, added: number, at = 0): StoredEvent {
    const definition = this.#definitions.get(type) as EventDefinition
    const flags = (definition.ignorable === true ? IGNORABLE : 0) | added
    const older = this.#downcasts === undefined ? undefined : this.#down({ type, data, ...(meta === undefined ? {} : { meta }) }, 0, at)
    if (older !== undefined) return meta === undefined ? { ...older, flags } : { ...older, flags, meta }
    return meta === undefined ? { type, schema: definition.schema, data, flags } : { type, schema: definition.schema, data, flags, meta }
  }

  /** What an event is stored as for an older reader; undefined where that is what it is today. */
  #down({ type, data, meta }: LawEvent, index: number, at: number): (Shape & { data: unknown }) | undefined {
    const refuse = (reason: string, cause?: unknown): JournalError =>
      new JournalError(
        'JOURNAL_EVENT_INVALID',
        `${type} cannot be written for the reader that writeFor names: ${reason}.`,
        { type, index, reason },
        { cause },
      )
    const downcasts = this.#downcasts as Downcasts
    if (downcasts.isWithheld(type))
      throw refuse('no downcaster leads to a shape that it knows. Declare one, or leave writeFor out once that reader is gone')
    let older: (Shape & { data: unknown }) | undefined
    try {
      older = downcasts.down(type, data, meta === undefined ? { at } : { at, meta })
    } catch (error) {
      throw refuse('a downcaster threw', error)
    }
    return older === undefined ? undefined : { ...older, data: checkValue(older.data, 'data', type, defaultLimits).value }
  }

  /** The event as today's readers will see what is stored of it for an older one, which may have no place for all of it. */
  #readBack<E extends NewEvent>(event: E, index: number, at: number): E {
    const older = this.#down(event, index, at)
    if (older === undefined) return event
    const commit: StoredCommit = { stream: '', version: 1, position: 0, at, events: [{ ...older, flags: 0, meta: event.meta }] }
    const events: RecordedEvent[] = []
    this.read(commit, 0, events)
    const reason = `what its downcasters make of it is read back as ${events.map(({ type }) => type).join(', ') || 'nothing'}`
    if (events.length !== 1 || events[0]?.type !== event.type)
      throw new JournalError('JOURNAL_EVENT_INVALID', `${event.type}: ${reason}.`, { type: event.type, index, reason })
    return { ...event, data: events[0].data }
  }

  /** A commit's events in today's shape; the first `count` stored ones where a number is given. */
  events(commit: StoredCommit, count = commit.events.length): RecordedEvent[] {
    const events: RecordedEvent[] = []
    for (let i = 0; i < count; i++) this.read(commit, i, events)
    return events
  }

  /**
   * Adds one stored event of a commit in today's shape: one event, the parts of a split, or nothing. What is not known and may be
   * passed over or is kept comes as it was stored. What is in today's shape already costs one look-up; `make` makes that one.
   * @throws JournalError JOURNAL_UPCASTER_FAILED; JOURNAL_NEWER_SCHEMA and JOURNAL_UNKNOWN_EVENT where another program wrote since
   * the journal was opened
   */
  read(commit: StoredCommit, index: number, into: RecordedEvent[], make: typeof asStored = asStored): void {
    const stored = commit.events[index] as StoredEvent
    const schema = this.#today.get(stored.type)
    if (schema === undefined && this.isRefused(stored.type) && (stored.flags & IGNORABLE) === 0)
      throw unknownEvent(stored.type, stored.schema, commit.position + index)
    if (schema === undefined || schema === stored.schema) {
      into.push(make(commit, index))
      return
    }
    const grown = this.#grown(commit, index)
    for (const [part, { type, definition, data }] of grown.entries()) {
      const event = grownTo(commit, index, type, definition.schema, data)
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

function unknownEvent(type: string, schema: number, position?: number): JournalError {
  return new JournalError(
    'JOURNAL_UNKNOWN_EVENT',
    `The journal holds ${type}@${schema}, which is not in this program's catalogue. Open it with the program that wrote it, add the type to the catalogue, or pass { onUnknown: 'keep' } to carry such events along unread. Nothing was changed.`,
    { type, schema, ...(position === undefined ? {} : { position }) },
  )
}

function newerSchema(type: string, found: number, supported: number, position?: number): JournalError {
  return new JournalError(
    'JOURNAL_NEWER_SCHEMA',
    `The journal holds ${type}@${found}; this program reads ${type} up to @${supported}. Open it with a program whose catalogue has ${type}@${found}. Nothing was changed.`,
    { type, found, supported, ...(position === undefined ? {} : { position }) },
  )
}
