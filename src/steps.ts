/** Steps between the shapes of events: from an old one to the next when reading, and back when writing for an older reader. */
import type { z } from 'zod'
import type { EventDefinitions, EventMeta } from './catalogue.js'

/** What a step may know of an event besides its data. */
export interface StepContext {
  /** When it was appended, in milliseconds since 1970. */
  at: number
  meta?: EventMeta
}

/** One version of the shape of one event type. */
export interface Shape {
  type: string
  schema: number
}

/**
 * Pure step from schema `from` of a type to the next, applied on read; the disk does not change.
 * `to` is where it leads: nothing for the next schema of the same type, one shape for a new name, a list for a split.
 */
export interface Upcaster<
  From = never,
  To = unknown,
  T extends string = string,
  N extends number = number,
  L extends Shape | readonly Shape[] | undefined = Shape | readonly Shape[] | undefined,
> {
  readonly type: T
  readonly from: N
  readonly to: L
  up(data: From, context: StepContext): To
}

/** Pure step back from schema `from` of a type to the one before, or to an older type; see `writeFor`. */
export interface Downcaster<From = never, To = unknown> {
  readonly type: string
  readonly from: number
  readonly to: Shape
  down(data: From, context: StepContext): To
}

/** Defines a step that makes one event several, each of one of the shapes named, or none: `to: []` drops the event. */
export function defineUpcaster<
  const T extends string,
  const N extends number,
  const L extends readonly Shape[],
  From,
  P extends { type: L[number]['type']; data: unknown },
>(step: { type: T; from: N; to: L; up: (data: From, context: StepContext) => readonly P[] }): Upcaster<From, readonly P[], T, N, L>
/** Defines a step to a shape of another type: from then on the event goes by that name. */
export function defineUpcaster<const T extends string, const N extends number, const R extends Shape, From, To>(step: {
  type: T
  from: N
  to: R
  up: (data: From, context: StepContext) => To
}): Upcaster<From, To, T, N, R>
/** Defines a step to the next schema of the same type. @throws TypeError if a part is missing. */
export function defineUpcaster<const T extends string, const N extends number, From, To>(step: {
  type: T
  from: N
  up: (data: From, context: StepContext) => To
}): Upcaster<From, To, T, N, undefined>
export function defineUpcaster(step: { type: string; from: number; to?: Shape | readonly Shape[]; up: Upcaster['up'] }): Upcaster {
  const { type, from, to, up } = step
  checkShape('An upcaster', type, from)
  if (typeof up !== 'function') throw new TypeError(`${type}: an upcaster has a function up`)
  for (const shape of to === undefined ? [] : shapesOf(to))
    checkShape(`${type}@${from}: what an upcaster leads to`, shape.type, shape.schema)
  return Object.freeze({ type, from, to, up })
}

/** Defines a step back; without `to` it leads to the schema before. @throws TypeError if a part is missing. */
export function defineDowncaster<From, To>(step: {
  type: string
  from: number
  to?: Shape
  down: (data: From, context: StepContext) => To
}): Downcaster<From, To> {
  const { type, from, to = { type, schema: from - 1 }, down } = step
  checkShape('A downcaster', type, from)
  checkShape(`${type}@${from}: what a downcaster leads to`, to.type, to.schema)
  if (typeof down !== 'function') throw new TypeError(`${type}: a downcaster has a function down`)
  return Object.freeze({ type, from, to, down })
}

/** The shapes that `to` names, as a list. */
export function shapesOf(to: Shape | readonly Shape[]): readonly Shape[] {
  return Array.isArray(to) ? (to as readonly Shape[]) : [to as Shape]
}

function checkShape(what: string, type: unknown, schema: unknown): void {
  if (typeof type !== 'string' || type === '') throw new TypeError(`${what} names an event type`)
  if (!Number.isSafeInteger(schema) || (schema as number) < 1) throw new TypeError(`${what} names a schema, a whole number from 1: ${type}`)
}

/**
 * What to demand of the options that name upcasters: nothing where every step from schema 1 of each type in `D` to today is
 * there and fits the next, else what is wrong, as a type that no list of steps has. `All` are the types that steps may lead to.
 * Steps whose types were widened are not judged here; opening judges them all.
 */
export type Complete<D extends EventDefinitions, S extends Upcaster, All extends EventDefinitions = D> = string extends S['type']
  ? unknown
  : [Faults<D, S, All>] extends [never]
    ? unknown
    : { upcasters: Fault<D, S, All> }

/** What is wrong with a list of steps as the name of a property that nothing has, so that the compiler says it. */
export type Fault<D extends EventDefinitions, S extends Upcaster, All extends EventDefinitions = D> = {
  [K in [Faults<D, S, All>] extends [never] ? 'an option beside these events does not fit them' : Faults<D, S, All>]: never
}

type Faults<D extends EventDefinitions, S extends Upcaster, All extends EventDefinitions> = Missing<D, S> | Misfits<S, S, All>

type Missing<D extends EventDefinitions, S extends Upcaster> = {
  [K in keyof D & string]: number extends D[K]['schema'] ? never : MissingFrom<K, Below<D[K]['schema']>, S>
}[keyof D & string]

type MissingFrom<K extends string, N extends number, S extends Upcaster> = N extends number
  ? [Extract<S, { type: K; from: N }>] extends [never]
    ? `the upcaster of ${K} from schema ${N} is missing`
    : never
  : never

/** Steps whose result is not what the shape they lead to takes. */
type Misfits<S extends Upcaster, Every extends Upcaster, All extends EventDefinitions> =
  S extends Upcaster<infer _From, infer To, infer T, infer N, infer L>
    ? L extends undefined
      ? Misfit<T, N, To, { type: T; schema: Next<N> }, Every, All>
      : L extends readonly Shape[]
        ? MisfitParts<T, N, To, L[number], Every, All>
        : L extends Shape
          ? Misfit<T, N, To, L, Every, All>
          : never
    : never

type MisfitParts<
  T extends string,
  N extends number,
  To,
  L extends Shape,
  Every extends Upcaster,
  All extends EventDefinitions,
> = L extends Shape
  ? To extends readonly (infer P)[]
    ? P extends { type: L['type']; data: infer Data }
      ? Misfit<T, N, Data, L, Every, All>
      : never
    : never
  : never

type Misfit<T extends string, N extends number, To, L extends Shape, Every extends Upcaster, All extends EventDefinitions> = [
  Known<To>,
] extends [Taken<L['type'], L['schema'], Every, All>]
  ? never
  : `the upcaster of ${T} from schema ${N} does not make what ${L['type']}@${L['schema']} is`

/** What a shape takes: today's data, or what the step from there takes. */
type Taken<T extends string, N extends number, Every extends Upcaster, All extends EventDefinitions> = T extends keyof All
  ? number extends All[T]['schema']
    ? unknown
    : All[T]['schema'] extends N
      ? Known<z.input<All[T]['data']>>
      : TakenByStep<Extract<Every, { type: T; from: N }>, unknown>
  : TakenByStep<Extract<Every, { type: T; from: N }>, never>

type TakenByStep<S extends Upcaster, Else> = [S] extends [never] ? Else : S extends Upcaster<infer From, infer _To> ? Known<From> : never

/** The fields that a type names; what an open shape may hold besides is not known and cannot be judged. */
type Known<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T as string extends K ? never : K]: T[K] } : T

/** 1 to one less than N. */
type Below<N extends number, Counted extends number[] = [1]> = N extends 1
  ? never
  : Counted['length'] extends N
    ? never
    : Counted['length'] | Below<N, [...Counted, 1]>

type Next<N extends number, Counted extends 1[] = []> = Counted['length'] extends N ? [...Counted, 1]['length'] : Next<N, [...Counted, 1]>
