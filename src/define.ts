/**
 * The contract: what a catalogue of events, an upcaster, a projection and a law are. No I/O and no state: everything
 * here is a value that says what it is, checked when it is defined.
 */
import type { z } from 'zod'
import type { Catalogue, EventDefinitions, EventMeta, RecordedEvent, RecordedEventOf } from './catalogue.js'

export * from './catalogue.js'
export * from './steps.js'

/** Key of a projection's row: one id, or several from the outer to the inner. */
export type Key = string | readonly string[]

/** What a row can be ordered by. Absent (undefined) leaves the row out of that order. Arrays order by their first part first. */
export type IndexValue = string | number | readonly (string | number)[] | undefined

type Handlers<S, D extends EventDefinitions, K extends Key> = {
  [T in keyof D & string]?: (state: S, event: RecordedEventOf<D, T>, key: K) => S | undefined
}

/** A pure keyed fold. */
export interface Projection<S = unknown, K extends Key = Key> {
  readonly name: string
  /** Version of its logic and of the shape of its state: a new one makes saved state unfit. */
  readonly revision: number
  readonly state: z.ZodType<S>
  /** Event types it listens to. */
  readonly types: readonly string[]
  readonly index: Readonly<Record<string, (state: S) => IndexValue>>
  /** Rows that an event concerns. */
  keys(event: RecordedEvent): readonly K[]
  initial(key: K): S
  /** The row after the event; undefined deletes it. Must not change the state it is given. */
  apply(state: S, event: RecordedEvent, key: K): S | undefined
}

/**
 * Defines a projection over a catalogue. `key` names the row an event concerns (undefined: none), or `keys` several.
 * A handler returns the row's next state; undefined deletes the row. `index` names orders for `list`.
 * @throws TypeError if a part is missing or a handler's event is not in the catalogue.
 */
export function defineProjection<D extends EventDefinitions, S, const K extends Key = string>(
  catalogue: Catalogue<D>,
  definition: {
    name: string
    revision: number
    state: z.ZodType<S>
    initial: (key: K) => NoInfer<S>
    on: Handlers<NoInfer<S>, D, K>
    index?: Record<string, (state: NoInfer<S>) => IndexValue>
  } & ({ key: (event: RecordedEvent<D>) => K | undefined } | { keys: (event: RecordedEvent<D>) => readonly K[] }),
): Projection<S, K> {
  const { name, revision, on } = definition
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name))
    throw new TypeError(`A projection's name has letters, digits, - and _, 64 at most: ${JSON.stringify(name)}`)
  if (!Number.isSafeInteger(revision) || revision < 1) throw new TypeError(`${name}: revision is a whole number from 1`)
  for (const type of Object.keys(on)) {
    if (!Object.hasOwn(catalogue.definitions, type)) throw new TypeError(`${name}: handles ${type}, which is not in the catalogue`)
  }
  const keys =
    'keys' in definition
      ? definition.keys
      : (event: RecordedEvent<D>) => {
          const key = definition.key(event)
          return key === undefined ? [] : [key]
        }
  const handlers = new Map(Object.entries(on)) as Map<string, (state: S, event: never, key: K) => S | undefined>
  return Object.freeze({
    name,
    revision,
    state: definition.state,
    types: [...handlers.keys()],
    index: Object.freeze({ ...definition.index }),
    keys,
    initial: definition.initial,
    apply(state: S, event: RecordedEvent, key: K): S | undefined {
      const handler = handlers.get(event.type)
      return handler === undefined ? state : handler(state, event as never, key)
    },
  })
}

/** An event as a law sees it: in today's shape, before or after it got its place. */
export interface LawEvent {
  type: string
  data: unknown
  meta?: EventMeta
}

/** What a law reports of a stream's unfinished work; `journal.recovery` lists it. */
export interface OpenWork {
  /** Turns that were interrupted and not started again. */
  interrupted: { threadId: string; turnId: string; attempt: number; cause: string; calls: string[] }[]
  /** Turns submitted and not started. */
  pending: { threadId: string; turnId: string }[]
  /** Tasks that were interrupted and not retried. */
  tasks: { taskId: string; attempt: number; cause: string }[]
}

/**
 * A law: what may follow what within a stream, as pure functions over a small state of what is open.
 * The state is plain JSON, never changed in place, and bounded by what is open, not by how long the stream is:
 * what must stay unique for ever is claimed instead.
 */
export interface Law<S = unknown> {
  readonly name: string
  /** A new one makes saved law states unfit; they are folded again from the stream. */
  readonly revision: number
  initial(): S
  /** The event's data with what the caller left out filled in from the state; the same data where nothing is missing. */
  complete(state: S, event: LawEvent): unknown
  /** Why the event may not follow, in words for the person who appended it; undefined if it may. */
  refuse(state: S, event: LawEvent): string | undefined
  /** Names that the event takes for ever within its stream; one that is taken already is refused. */
  claims(event: LawEvent): readonly string[]
  /** The state after the event. Never throws, also for events that the law would refuse. */
  apply(state: S, event: LawEvent): S
  /** Events that must follow these in the same commit (state: after them), in order. */
  consequences(state: S, events: readonly LawEvent[]): LawEvent[]
  /** Events that close what was running when the process died; none where nothing ran. */
  close(state: S, cause: 'crash' | 'shutdown'): LawEvent[]
  /** Whether a boot has to look at the stream: something runs, is queued, or was interrupted. */
  isOpen(state: S): boolean
  /** What is open. `orphaned`: nobody runs what runs here any more, so that it counts as interrupted by a crash. */
  report(state: S, orphaned: boolean): OpenWork
}

/** Defines a law; the parts that are left out do nothing. @throws TypeError if a part is missing. */
export function defineLaw<S>(law: Pick<Law<S>, 'name' | 'revision' | 'initial' | 'apply'> & Partial<Law<S>>): Law<S> {
  if (typeof law.name !== 'string' || law.name === '') throw new TypeError('A law has a name')
  if (!Number.isSafeInteger(law.revision) || law.revision < 1) throw new TypeError(`${law.name}: revision is a whole number from 1`)
  return Object.freeze({
    complete: (_state: S, event: LawEvent) => event.data,
    refuse: () => undefined,
    claims: () => [],
    consequences: () => [],
    close: () => [],
    isOpen: () => false,
    report: () => ({ interrupted: [], pending: [], tasks: [] }),
    ...law,
  })
}
