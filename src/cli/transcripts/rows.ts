/** Rows of a JSONL file, one line at a time. Whatever is no object is said to be so, never thrown. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

export type Fields = Record<string, unknown>

export interface Row {
  line: number
  /** The row's object, or why there is none. */
  fields: Fields | undefined
  reason: string
}

export async function* readRows(path: string): AsyncGenerator<Row, void, undefined> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
  let line = 0
  let held: Row | undefined
  for await (const content of lines) {
    line += 1
    if (held !== undefined) yield held
    held = undefined
    if (content.trim() === '') continue
    const row = parse(content, line)
    if (row.reason === NOT_JSON) held = row
    else yield row
  }
  // Only the last line may be one that its writer did not finish.
  if (held !== undefined) yield { ...held, reason: held.line === line ? 'torn last line' : NOT_JSON }
}

const NOT_JSON = 'not JSON'

function parse(content: string, line: number): Row {
  try {
    const value = clean(JSON.parse(content))
    if (isFields(value)) return { line, fields: value, reason: '' }
    return { line, fields: undefined, reason: `${Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value} for a row` }
  } catch {
    return { line, fields: undefined, reason: NOT_JSON }
  }
}

/** How deep a row's values may nest before the rest is kept as text. */
const DEPTH_MAX = 64

/** The value as a journal can hold it: JSON allows halves of surrogate pairs, -0, any depth and a key `__proto__`, which would not be read back as they are. */
function clean(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return wellFormed(value)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  if (depth === DEPTH_MAX) return wellFormed(JSON.stringify(value))
  if (Array.isArray(value)) return value.map((inner) => clean(inner, depth + 1))
  const kept = Object.entries(value).filter(([key]) => key !== '__proto__')
  return Object.fromEntries(kept.map(([key, inner]) => [wellFormed(key), clean(inner, depth + 1)]))
}

function wellFormed(string: string): string {
  return string.replaceAll(/\p{Surrogate}/gu, '\u{FFFD}')
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A field's text; undefined where it is absent, empty or something else. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A row's time in milliseconds since 1970, from ISO text or a number. */
export function time(value: unknown): { at?: number } {
  const at = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isSafeInteger(at) && at > 0 ? { at } : {}
}

/** A count of tokens; 0 where it is absent or something else. */
export function whole(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}
