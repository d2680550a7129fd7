/**
 * Whether a value fits a schema, without the copy of it that zod makes. Says yes only where zod would; whatever it is not sure of,
 * a kind or a check that it does not know, is left to zod.
 */
import { z } from 'zod'

type Test = (value: unknown) => boolean

/** What zod keeps inside a schema, as far as it is looked at here. */
interface Def {
  type: string
  checks?: { _zod: { def: { check?: string; format?: string; minimum?: number; value?: number; inclusive?: boolean } } }[]
  shape?: Record<string, z.ZodType>
  catchall?: z.ZodType
  element?: z.ZodType
  innerType?: z.ZodType
  options?: z.ZodType[]
  values?: unknown[]
  entries?: Record<string, unknown>
  keyType?: z.ZodType
  valueType?: z.ZodType
  inclusive?: boolean
  discriminator?: string
}

const compiled = new WeakMap<z.ZodType, Test>()
/** Schemas on the way down to the one that is looked at: one that holds itself is left to zod. */
const around = new Set<z.ZodType>()

/** Why a value does not fit a schema; undefined where it does. */
export function refusalOf(schema: z.ZodType, value: unknown): z.ZodError | undefined {
  return fits(schema)(value) ? undefined : schema.safeParse(value).error
}

/** A quick test of a schema; false means that zod has to be asked. */
export function fits(schema: z.ZodType): Test {
  let test = compiled.get(schema)
  if (test === undefined) {
    test = compile(schema) ?? never
    compiled.set(schema, test)
  }
  return test
}

const never: Test = () => false

/** Undefined for what is not known here. */
function compile(schema: z.ZodType): Test | undefined {
  if (around.has(schema)) return undefined
  const def = defOf(schema)
  around.add(schema)
  const kind = KINDS[def.type]?.(def, schema)
  around.delete(schema)
  if (kind === undefined) return undefined
  const checks = (def.checks ?? []).map(compileCheck)
  if (checks.includes(undefined)) return undefined
  return checks.length === 0 ? kind : (value) => kind(value) && (checks as Test[]).every((check) => check(value))
}

function defOf(schema: z.ZodType): Def {
  return (schema as unknown as { _zod: { def: Def } })._zod.def
}

const KINDS: Record<string, (def: Def, schema: z.ZodType) => Test | undefined> = {
  unknown: () => () => true,
  string: (def) => ('format' in def || 'pattern' in def ? undefined : (value) => typeof value === 'string'),
  number: (def) => ('format' in def ? undefined : (value) => Number.isFinite(value)),
  boolean: () => (value) => typeof value === 'boolean',
  null: () => (value) => value === null,
  literal: ({ values = [] }) => (values.some((value) => typeof value === 'number') ? undefined : (value) => values.includes(value)),
  enum: ({ entries = {} }) => {
    const values = new Set(Object.values(entries))
    return [...values].every((value) => typeof value === 'string') ? (value) => values.has(value) : undefined
  },
  optional: ({ innerType }, schema) =>
    schema instanceof z.ZodExactOptional ? undefined : orElse(innerType, (value) => value === undefined),
  nullable: ({ innerType }) => orElse(innerType, (value) => value === null),
  array: ({ element }) => {
    const item = element === undefined ? undefined : compile(element)
    return item === undefined ? undefined : (value) => Array.isArray(value) && everyItem(value, item)
  },
  union: ({ options = [], inclusive, discriminator }) => {
    const tests = options.map(compile)
    return tests.includes(undefined) || (inclusive === false && discriminator === undefined)
      ? undefined
      : (value) => (tests as Test[]).some((test) => test(value))
  },
  record: ({ keyType, valueType }) => {
    if (keyType === undefined || valueType === undefined) return undefined
    const key = defOf(keyType)
    const item = compile(valueType)
    if (key.type !== 'string' || key.checks !== undefined || 'format' in key || item === undefined) return undefined
    return (value) => isPlain(value) && Object.getOwnPropertySymbols(value).length === 0 && everyItem(Object.values(value), item)
  },
  object: ({ shape = {}, catchall }) => {
    if (catchall !== undefined && defOf(catchall).type !== 'unknown') return undefined
    const fields = Object.entries(shape).map(([name, field]) => ({ name, test: compile(field), mayMiss: defOf(field).type === 'optional' }))
    if (fields.some(({ test }) => test === undefined) || Object.getOwnPropertySymbols(shape).length > 0) return undefined
    return (value) => isPlain(value) && fields.every(({ name, test, mayMiss }) => (name in value ? (test as Test)(value[name]) : mayMiss))
  },
}

function compileCheck({ _zod: { def } }: NonNullable<Def['checks']>[number]): Test | undefined {
  const { check, format, minimum = 0, value: bound = 0, inclusive } = def
  switch (check) {
    case 'min_length':
      return (value) => (value as string | unknown[]).length >= minimum
    case 'greater_than':
      return typeof bound !== 'number' ? undefined : (value) => (value as number) > bound || (inclusive === true && value === bound)
    case 'number_format':
      return format === 'safeint' ? (value) => Number.isSafeInteger(value) : undefined
    default:
      return undefined
  }
}

function orElse(inner: z.ZodType | undefined, other: Test): Test | undefined {
  const test = inner === undefined ? undefined : compile(inner)
  return test === undefined ? undefined : (value) => other(value) || test(value)
}

/** Every item, those that are holes as undefined. */
function everyItem(items: readonly unknown[], test: Test): boolean {
  for (let i = 0; i < items.length; i++) if (!test(items[i])) return false
  return true
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
