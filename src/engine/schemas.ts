/**
 * The catalogue at work: judges new events, brings stored ones to today's shape, and says at open whether this program
 * can read what a journal holds.
 */
import type { Catalogue, EventDefinition, EventMeta, NewEvent, RecordedEvent, Upcaster } from '../define.js'
import { JournalError } from '../errors.js'
import { IGNORABLE, type StoredCommit, type StoredEvent, type TypeSeen } from '../storage/commit-store.js'

export class Schemas {
  readonly #definitions: ReadonlyMap<string, EventDefinition>
  /** For each type the steps from schema 1 on, in order. */
  readonly #steps: ReadonlyMap<string, readonly Upcaster[]>
  /** How many events were brought to a newer shape so far. */
  upcast = 0

  /** @throws JournalError JOURNAL_UPCASTER_MISSING for a gap or a duplicate; TypeError for a step that leads nowhere. */
  constructor(catalogue: Catalogue, upcasters: readonly Upcaster[]) {
    this.#definitions = new Map(Object.entries(catalogue.definitions))
    this.#steps = chains(this.#definitions, upcasters)
  }

  /** Refuses a journal that holds what this program cannot read. Touches nothing. */
  admit(types: ReadonlyMap<string, TypeSeen>): void {
    for (const [type, seen] of types) {
      const definition = this.#definitions.get(type)
      if (definition === undefined) {
        if (seen.ignorable) continue
        throw new JournalError(
          'JOURNAL_UNKNOWN_EVENT',
          `The journal holds ${type}@${seen.schema}, which is not in this program's catalogue. Open it with the program that wrote it, or add the type to the catalogue.`,
          { type, schema: seen.schema },
        )
      }
      if (seen.schema > definition.schema) throw newerSchema(type, seen.schema, definition.schema)
    }
  }

  /** Whether the type is in the catalogue. */
  knows(type: string): boolean {
    return this.#definitions.has(type)
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
    const result = definition.data.safeParse(event.data)
    if (result.success) return
    const issue = result.error.issues[0]
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

  /** A commit's events in today's shape, from the one with version `from` on. Unknown ignorable ones come as they were stored. */
  events(commit: StoredCommit, from = commit.version): RecordedEvent[] {
    const events: RecordedEvent[] = []
    for (let i = Math.max(0, from - commit.version); i < commit.events.length; i++) events.push(this.event(commit, i))
    return events
  }

  /** One event of a commit in today's shape. */
  event(commit: StoredCommit, index: number): RecordedEvent {
    const stored = commit.events[index] as StoredEvent
    const position = commit.position + index
    const definition = this.#definitions.get(stored.type)
    const current = definition === undefined || stored.schema === definition.schema
    const event: RecordedEvent = {
      position,
      stream: commit.stream,
      version: commit.version + index,
      type: stored.type,
      schema: definition?.schema ?? stored.schema,
      at: commit.at,
      data: current ? stored.data : this.#today(stored, definition, { stream: commit.stream, position }),
    }
    const meta = (stored.meta ?? commit.meta) as EventMeta | undefined
    if (meta !== undefined) event.meta = meta
    return event
  }

  #today(stored: StoredEvent, definition: EventDefinition, place: { stream: string; position: number }): unknown {
    if (stored.schema > definition.schema) throw newerSchema(stored.type, stored.schema, definition.schema, place.position)
    const fail = (why: string, cause: unknown): never => {
      throw new JournalError(
        'JOURNAL_UPCASTER_FAILED',
        `${stored.type}@${stored.schema} at position ${place.position} in ${JSON.stringify(place.stream)}: ${why}. The stored event is untouched; \`turnlog dump\` shows it.`,
        { type: stored.type, schema: stored.schema, position: place.position, stream: place.stream },
        { cause },
      )
    }
    let data = stored.data
    for (const step of (this.#steps.get(stored.type) ?? []).slice(stored.schema - 1)) {
      try {
        data = step.up(data as never)
      } catch (error) {
        fail(`the step from schema ${step.from} threw`, error)
      }
    }
    const result = definition.data.safeParse(data)
    if (!result.success) fail(`what the steps made of it does not fit schema ${definition.schema}`, result.error)
    this.upcast++
    return data
  }
}

function newerSchema(type: string, found: number, supported: number, position?: number): JournalError {
  return new JournalError(
    'JOURNAL_NEWER_SCHEMA',
    `The journal holds ${type}@${found}; this program reads ${type} up to @${supported}. Open it with a program whose catalogue has ${type}@${found}. Nothing was changed.`,
    { type, found, supported, ...(position === undefined ? {} : { position }) },
  )
}

function chains(definitions: ReadonlyMap<string, EventDefinition>, upcasters: readonly Upcaster[]): Map<string, readonly Upcaster[]> {
  const steps = new Map<string, Upcaster[]>()
  for (const step of upcasters) {
    const definition = definitions.get(step.type)
    if (definition === undefined || step.from >= definition.schema) {
      throw new TypeError(
        `The upcaster ${step.type}@${step.from} leads nowhere: the catalogue has ${definition === undefined ? 'no such type' : `@${definition.schema}`}`,
      )
    }
    const chain = steps.get(step.type) ?? []
    if (chain[step.from - 1] !== undefined) throw missing(step.type, step.from, 'stands twice')
    chain[step.from - 1] = step
    steps.set(step.type, chain)
  }
  for (const [type, { schema }] of definitions) {
    for (let from = 1; from < schema; from++) {
      if (steps.get(type)?.[from - 1] === undefined) throw missing(type, from, 'is missing')
    }
  }
  return steps
}

function missing(type: string, from: number, what: string): JournalError {
  return new JournalError('JOURNAL_UPCASTER_MISSING', `The upcaster of ${type} from schema ${from} to ${from + 1} ${what}.`, {
    type,
    from,
    to: from + 1,
  })
}
