/** Files of a frozen directory: what each is called, what it holds, and how it is read and written. */
import { z } from 'zod'

/** The shape of a type at one of its schemas. */
export interface FrozenShape {
  type: string
  schema: number
  /** One example, with all fields. */
  data: unknown
  /** Others, each with something left out or chosen otherwise; absent where they were frozen before there were any. */
  others?: unknown[]
  /** JSON Schema. */
  shape: unknown
}
/** What the step from a shape made of its examples. */
export interface FrozenStep {
  type: string
  schema: number
  becomes: Answer
  /** Of the others, in their order, which have no meta. */
  others?: Answer[]
}
export type Answer = { type: string; schema: number; data: unknown }[]

export function shapeFile({ type, schema }: { type: string; schema: number }): string {
  return `${encodeURIComponent(type)}@${schema}.json`
}

export function stepFile({ type, schema }: { type: string; schema: number }): string {
  return `${encodeURIComponent(type)}@${schema}.up.json`
}

export function nameOf(content: FrozenShape | FrozenStep): string {
  return 'shape' in content ? shapeFile(content) : stepFile(content)
}

/** What a file holds; undefined where that is nothing that is ever frozen. */
export function contentOf(text: string): FrozenShape | FrozenStep | undefined {
  try {
    const { success, data } = content.safeParse(fromText(text))
    return success ? data : undefined
  } catch {
    return undefined
  }
}

const place = { type: z.string(), schema: z.number() }
const answer = z.array(z.looseObject({ ...place, data: z.unknown() }))
const content = z.union([
  z
    .looseObject({ ...place, shape: z.unknown(), data: z.unknown(), others: z.array(z.unknown()).exactOptional() })
    .refine((file) => 'shape' in file),
  z.looseObject({ ...place, becomes: answer, others: z.array(answer).exactOptional() }),
])

/** A file's text: JSON in which each of the other examples has a line. */
export function toText(file: FrozenShape | FrozenStep): string {
  const fields = Object.entries(file).map(([name, value]: [string, unknown]) => {
    const json = name === 'others' ? linesOf(value as unknown[]) : toJson(value, 2)
    return `${JSON.stringify(name)}: ${json}`.replaceAll('\n', '\n  ')
  })
  return `{\n  ${fields.join(',\n  ')}\n}\n`
}

function linesOf(values: readonly unknown[]): string {
  return values.length === 0 ? '[]' : `[\n${values.map((value) => `  ${toJson(value)}`).join(',\n')}\n]`
}

/** JSON with bytes as `{ "$bytes": base64 }`. */
export function toJson(value: unknown, indent = 0): string {
  const replace = function (this: Record<string, unknown>, key: string, given: unknown): unknown {
    const own = this[key]
    return own instanceof Uint8Array ? { $bytes: Buffer.from(own).toString('base64') } : given
  }
  return JSON.stringify(value, replace, indent)
}

export function fromText(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    const bytes = (value as { $bytes?: unknown } | null)?.$bytes
    return typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'base64')) : value
  })
}
