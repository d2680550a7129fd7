/** Examples of a shape, made from its JSON Schema: one in which every field is there, and others that each differ from it in one choice. */
import { isDeepStrictEqual } from 'node:util'

/** As much of JSON Schema as zod writes. */
export interface JsonSchema {
  $ref?: string
  $defs?: Record<string, JsonSchema>
  type?: string
  const?: unknown
  enum?: unknown[]
  examples?: unknown[]
  format?: string
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
  propertyNames?: JsonSchema
  items?: JsonSchema
  prefixItems?: JsonSchema[]
  minLength?: number
  minItems?: number
  minimum?: number
  exclusiveMinimum?: number
}

/** Nesting behind which what may be left out is left out, so that shapes that hold themselves come to an end. */
const DEPTH_MAX = 6

/** Nesting down to which examples differ: the fields of an event, and those of what stands in them. */
const VARIED_DEPTH = 2

const FORMATS: Record<string, string | Uint8Array> = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05',
  duration: 'P1D',
  email: 'ann@example.org',
  uuid: '01890a5d-ac96-774b-bcce-b302099a8057',
  uri: 'https://example.org/',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  bytes: new Uint8Array([1, 2, 3]),
}

/** An example as good as the schema tells; whether it fits is for whoever asks to check. An example in the schema is taken first. */
export function exampleOf(schema: JsonSchema, root: JsonSchema = schema, depth = 0): unknown {
  if (schema.examples?.[0] !== undefined) return schema.examples[0]
  if (schema.$ref !== undefined) return exampleOf(resolved(schema.$ref, root), root, depth + 1)
  if ('const' in schema) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  const choice = schema.anyOf ?? schema.oneOf
  if (choice !== undefined) return exampleOf(choice[depth > DEPTH_MAX ? choice.length - 1 : 0] ?? {}, root, depth + 1)
  if (schema.allOf !== undefined) return Object.assign({}, ...schema.allOf.map((part) => exampleOf(part, root, depth + 1)))
  switch (schema.type) {
    case 'object':
      return objectOf(schema, root, depth)
    case 'array':
      return arrayOf(schema, root, depth)
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1, (schema.exclusiveMinimum ?? 0) + 1)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return FORMATS[schema.format ?? ''] ?? 'text'.padEnd(schema.minLength ?? 0, '.')
  }
}

/**
 * Others: without all that may be left out, and the first one with one thing changed in each: a field left out, another alternative of a
 * choice, an empty list or text, a zero. Combinations are not among them.
 */
export function otherExamplesOf(schema: JsonSchema): unknown[] {
  const others: unknown[] = []
  for (const other of [leastOf(schema, schema, 0), ...variantsOf(schema, schema, 0)])
    if (![exampleOf(schema), ...others].some((one) => isDeepStrictEqual(one, other))) others.push(other)
  return others
}

/** The example without whatever may be left out. */
function leastOf(schema: JsonSchema, root: JsonSchema, depth: number): unknown {
  const { properties, required = [], $ref } = schema
  if ($ref !== undefined && depth < VARIED_DEPTH) return leastOf(resolved($ref, root), root, depth + 1)
  if (properties === undefined || schema.examples !== undefined) return exampleOf(schema, root, depth)
  return Object.fromEntries(required.map((name) => [name, leastOf(properties[name] ?? {}, root, depth + 1)]))
}

/** What may stand in the place of the example, which may be among them. */
function variantsOf(schema: JsonSchema, root: JsonSchema, depth: number): unknown[] {
  if (schema.examples !== undefined) return schema.examples
  if (schema.$ref !== undefined) return depth < VARIED_DEPTH ? variantsOf(resolved(schema.$ref, root), root, depth + 1) : []
  if ('const' in schema) return []
  if (schema.enum !== undefined) return schema.enum
  const choice = schema.anyOf ?? schema.oneOf
  if (choice !== undefined) return choice.map((one) => exampleOf(one, root, depth + 1))
  switch (schema.type) {
    case 'object':
      return variedObjects(schema, root, depth)
    case 'array':
      return (schema.minItems ?? 0) > 0 || (schema.prefixItems ?? []).length > 0 ? [] : [[]]
    case 'integer':
    case 'number':
      return (schema.minimum ?? 0) <= 0 && (schema.exclusiveMinimum ?? -1) < 0 ? [0] : []
    case 'boolean':
      return [false]
    case 'string':
      return (schema.minLength ?? 0) === 0 && schema.format === undefined ? [''] : []
    default:
      return []
  }
}

function variedObjects(schema: JsonSchema, root: JsonSchema, depth: number): object[] {
  if (depth >= VARIED_DEPTH) return []
  const whole = objectOf(schema, root, depth)
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const { [name as never]: _left, ...without } = whole
    const variants = variantsOf(field, root, depth + 1).map((value) => ({ ...whole, [name]: value }))
    return schema.required?.includes(name) === true ? variants : [without, ...variants]
  })
}

function objectOf(
  { properties = {}, required = [], additionalProperties, propertyNames }: JsonSchema,
  root: JsonSchema,
  depth: number,
): object {
  const fields = Object.entries(properties).filter(([name]) => depth <= DEPTH_MAX || required.includes(name))
  const named = fields.map(([name, field]): [string, unknown] => [name, exampleOf(field, root, depth + 1)])
  const isRecord = fields.length === 0 && typeof additionalProperties === 'object' && depth <= DEPTH_MAX
  const rest = isRecord ? [[String(exampleOf(propertyNames ?? {}, root, depth + 1)), exampleOf(additionalProperties, root, depth + 1)]] : []
  return Object.fromEntries([...named, ...rest]) as object
}

function arrayOf({ items, prefixItems = [], minItems = 0 }: JsonSchema, root: JsonSchema, depth: number): unknown[] {
  const first = prefixItems.map((item) => exampleOf(item, root, depth + 1))
  const more = items === undefined ? 0 : Math.max(minItems - first.length, depth <= DEPTH_MAX ? 1 : 0)
  return [...first, ...Array.from({ length: more }, () => exampleOf(items ?? {}, root, depth + 1))]
}

function resolved(ref: string, root: JsonSchema): JsonSchema {
  return ref === '#' ? root : (root.$defs?.[ref.replace('#/$defs/', '')] ?? {})
}
