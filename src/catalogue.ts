/** Catalogues: what every event is today, and what an event looks like before and after it was appended. */
import type { z } from 'zod'

/** Who, when and why; all optional, kept as given. */
export interface EventMeta {
  /** Who caused the event: a person, an agent, a program. */
  actor?: string
  /** When it happened in the runtime's own time, in milliseconds since 1970; imports use it, and last activity does too. */
  occurredAt?: number
  /** Id of what caused this event. */
  causation?: string
  /** Id that joins events of one piece of work. */
  correlation?: string
  /** Trace context. */
  trace?: string
  [key: string]: unknown
}

/** One event type: its schema number now, the shape of its data now, and whether readers that do not know it may pass over it. */
export interface EventDefinition<T extends z.ZodType = z.ZodType> {
  /** 1, 2, 3 …: the version of the shape. */
  schema: number
  data: T
  ignorable?: boolean
}

export type EventDefinitions = Record<string, EventDefinition>

/** A catalogue: every event type by name. The value carries the types of everything that is built on it. */
export interface Catalogue<D extends EventDefinitions = EventDefinitions> {
  readonly definitions: Readonly<D>
}

/** The newest schema of each type that a program reads; types that it does not know are left out. */
export type SchemaLevel = Readonly<Record<string, number>>

/** The level of a catalogue. */
export function levelOf(catalogue: Catalogue): Record<string, number> {
  return Object.fromEntries(Object.entries(catalogue.definitions).map(([type, { schema }]) => [type, schema]))
}

/** An event before it is appended. */
export type NewEvent<D extends EventDefinitions = EventDefinitions> = {
  [K in keyof D & string]: { type: K; data: z.input<D[K]['data']>; meta?: EventMeta }
}[keyof D & string]

/** An event as read back, in today's shape. */
export type RecordedEvent<D extends EventDefinitions = EventDefinitions> = {
  [K in keyof D & string]: RecordedEventOf<D, K>
}[keyof D & string]

export interface RecordedEventOf<D extends EventDefinitions, K extends keyof D & string> {
  /** Journal-wide number: 1, 2, 3 … */
  position: number
  stream: string
  /** The stream's version with this event in it. */
  version: number
  type: K
  /** Today's schema of the type; what was stored may have been older. */
  schema: number
  /** Milliseconds since 1970, from the journal's clock. */
  at: number
  data: z.output<D[K]['data']>
  meta?: EventMeta
  /**
   * Of a stored event that is several events today: which of them this is, from 0. All of them have the position and version of
   * the stored one, so whoever remembers how far they read moves on behind the last: `part.index + 1 === part.of`.
   */
  part?: { index: number; of: number }
}

/** The type names of a catalogue's events, to use where the event itself is generic. */
export type TypesOf<D extends EventDefinitions> = keyof D & string

/**
 * Defines a catalogue. Schemas judge and do not rewrite: one with a transform, default, catch or coercion is refused.
 * @throws TypeError naming the event type and the place in its schema.
 */
export function defineEvents<const D extends EventDefinitions>(definitions: D): Catalogue<D> {
  for (const [type, definition] of Object.entries(definitions)) {
    if (type.length === 0 || type.length > 200) throw new TypeError(`An event type's name has 1 to 200 characters: ${JSON.stringify(type)}`)
    if (!Number.isSafeInteger(definition.schema) || definition.schema < 1)
      throw new TypeError(`${type}: schema is a whole number from 1, not ${String(definition.schema)}`)
    const rewriting = findRewriting(definition.data, [])
    if (rewriting)
      throw new TypeError(
        `${type}: its schema rewrites values (${rewriting.kind} at ${rewriting.path.join('.') || 'the top'}). Schemas judge; put the rewriting into an upcaster or before append.`,
      )
  }
  return Object.freeze({ definitions: Object.freeze({ ...definitions }) })
}

/** Where a schema would change the value it is given: its kind and path. */
function findRewriting(schema: z.ZodType, path: string[], seen = new Set<unknown>()): { kind: string; path: string[] } | undefined {
  if (seen.has(schema)) return undefined
  seen.add(schema)
  const def = (schema as unknown as { _zod: { def: Record<string, unknown> } })._zod.def
  const kind = String(def['type'])
  if (REWRITING.has(kind)) return { kind, path }
  if (def['coerce'] === true) return { kind: 'coerce', path }
  for (const check of (def['checks'] as { _zod: { def: { check?: string } } }[] | undefined) ?? []) {
    if (check._zod.def.check === 'overwrite') return { kind: 'overwrite', path }
  }
  for (const [name, inner] of innerSchemas(def)) {
    const found = findRewriting(inner, name === '' ? path : [...path, name], seen)
    if (found) return found
  }
  return undefined
}

const REWRITING = new Set(['transform', 'pipe', 'default', 'prefault', 'catch', 'success', 'promise', 'template'])

function innerSchemas(def: Record<string, unknown>): [string, z.ZodType][] {
  const isSchema = (value: unknown): value is z.ZodType => typeof value === 'object' && value !== null && '_zod' in value
  return Object.entries(def).flatMap(([name, value]): [string, z.ZodType][] => {
    if (name === 'getter' || name === 'checks') return typeof value === 'function' ? [['', (value as () => z.ZodType)()]] : []
    if (isSchema(value)) return [[name === 'innerType' || name === 'element' ? '' : name, value]]
    if (Array.isArray(value)) return value.filter(isSchema).map((inner): [string, z.ZodType] => ['', inner])
    if (name === 'shape' && typeof value === 'object' && value !== null)
      return Object.entries(value).filter(([, inner]) => isSchema(inner)) as [string, z.ZodType][]
    return []
  })
}
