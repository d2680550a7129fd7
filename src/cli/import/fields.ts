/** Values that somebody else wrote: every field may be absent, or anything. */

export type Fields = Record<string, unknown>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text; undefined where it is absent, empty or something else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A count; undefined where it is absent or no whole number from 0. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** An amount; undefined where it is absent or no number from 0. */
export function amountOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

/** Times before this, as numbers, are in seconds. */
const SECONDS = 100_000_000_000

/** A time in milliseconds since 1970, from ISO text, milliseconds, or seconds. */
export function timeOf(value: unknown): number | undefined {
  const at =
    typeof value === 'number'
      ? Math.round(value < SECONDS ? value * 1000 : value)
      : typeof value === 'string'
        ? Date.parse(value)
        : Number.NaN
  return Number.isSafeInteger(at) && at > 0 && at < 8.64e15 ? at : undefined
}

/** The object without the fields that are undefined. */
export function known<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

/** JSON that stands inside a text, as models give arguments; the text itself where it is no JSON. */
export function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return clean(JSON.parse(value)).value
  } catch {
    return value
  }
}

/** How deep values may nest, and how many keys and items one may have, before the rest is kept as text. */
const DEPTH_MAX = 48
const PARTS_MAX = 100_000

/**
 * The value as a journal can hold it: JSON allows halves of surrogate pairs, -0, any depth, any number of parts and a key
 * `__proto__`, which would not be read back as they are. `changed` says in words what was done.
 */
export function clean(value: unknown): { value: unknown; changed: Set<string> } {
  const changed = new Set<string>()
  let parts = 0
  const asText = (inner: unknown, why: string): string => {
    changed.add(why)
    return wellFormed(jsonOf(inner), changed)
  }
  const walk = (inner: unknown, depth: number): unknown => {
    if (typeof inner === 'string') return wellFormed(inner, changed)
    if (typeof inner === 'number') return finite(inner, changed)
    if (typeof inner !== 'object' || inner === null) return inner
    if (depth >= DEPTH_MAX) return asText(inner, 'what was nested too deep is kept as text')
    const entries = Object.entries(inner)
    parts += entries.length
    if (parts > PARTS_MAX) return asText(inner, 'what had too many parts is kept as text')
    if (Array.isArray(inner)) return entries.map(([, item]) => walk(item, depth + 1))
    return Object.fromEntries(entries.map(([key, item]) => [cleanKey(key, changed), walk(item, depth + 1)]))
  }
  return { value: walk(value, 0), changed }
}

/** A number that JSON can write and no journal can hold is kept as text; -0 is 0. */
function finite(number: number, changed: Set<string>): number | string {
  if (Number.isFinite(number)) return number === 0 ? 0 : number
  changed.add('numbers beyond all bounds are kept as text')
  return String(number)
}

/** A name as a journal can hold it. */
export function cleanKey(key: string, changed: Set<string>): string {
  if (key !== '__proto__') return wellFormed(key, changed)
  changed.add('a key __proto__ is kept under another name')
  return '(__proto__)'
}

/** Punctuation and names, among the values of a JSON text that are still to be written. */
class Mark {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** JSON of any depth. The engine's own writer gives up at some depth, and takes its square in time up to there. */
function jsonOf(value: unknown): string {
  let text = ''
  const pending = [value]
  while (pending.length > 0) {
    const next = pending.pop()
    if (next instanceof Mark) text += next.text
    else if (typeof next !== 'object' || next === null) text += JSON.stringify(next)
    else {
      const isList = Array.isArray(next)
      text += isList ? '[' : '{'
      pending.push(new Mark(isList ? ']' : '}'))
      for (const [i, [key, item]] of [...Object.entries(next).entries()].toReversed())
        pending.push(item, new Mark(`${i === 0 ? '' : ','}${isList ? '' : `${JSON.stringify(key)}:`}`))
    }
  }
  return text
}

export function wellFormed(string: string, changed?: Set<string>): string {
  if ((string as unknown as { isWellFormed(): boolean }).isWellFormed()) return string
  changed?.add('halves of surrogate pairs are replaced')
  return string.replaceAll(/\p{Surrogate}/gu, '\u{FFFD}')
}

/**
 * A record that is being read: what was taken from it has its place, and what is left at the end does not, so that
 * nothing goes missing unseen.
 */
export class Taken {
  readonly all: Fields
  readonly #taken = new Set<string>()
  readonly #inner = new Map<string, Taken>()

  constructor(fields: Fields) {
    this.all = fields
  }

  /** The field as it is. */
  take(key: string): unknown {
    this.#taken.add(key)
    return Object.hasOwn(this.all, key) ? this.all[key] : undefined
  }

  /** Looks without taking. */
  see(key: string): unknown {
    return Object.hasOwn(this.all, key) ? this.all[key] : undefined
  }

  text(key: string): string | undefined {
    return this.#fit(key, textOf(this.see(key)))
  }

  count(key: string): number | undefined {
    return this.#fit(key, countOf(this.see(key)))
  }

  amount(key: string): number | undefined {
    return this.#fit(key, amountOf(this.see(key)))
  }

  time(key: string): number | undefined {
    return this.#fit(key, timeOf(this.see(key)))
  }

  /** The field's object, to be read like this one; what is left of it is left of this. Undefined where it is no object. */
  inner(key: string): Taken | undefined {
    const value = this.see(key)
    const before = this.#inner.get(key)
    if (before !== undefined || !isFields(value)) return before
    const inner = new Taken(value)
    this.#inner.set(key, inner)
    this.#taken.add(key)
    return inner
  }

  /** Says that fields have their place elsewhere, or say nothing. */
  drop(...keys: string[]): void {
    for (const key of keys) this.#taken.add(key)
  }

  /** What was not taken; null, empty text and empty lists say nothing. */
  rest(): Fields | undefined {
    const left = Object.entries(this.all).flatMap(([key, value]): [string, unknown][] => {
      const inner = this.#inner.get(key)?.rest()
      if (inner !== undefined) return [[key, inner]]
      return this.#taken.has(key) || saysNothing(value) ? [] : [[key, value]]
    })
    return left.length === 0 ? undefined : Object.fromEntries(left)
  }

  /** A field is taken where it is what it should be; else it is left over. */
  #fit<T>(key: string, value: T | undefined): T | undefined {
    if (value !== undefined) this.#taken.add(key)
    return value
  }
}

function saysNothing(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
}

/** Fields that repeat from record to record are kept where they change. */
export function steady(): (record: Taken, ...keys: string[]) => void {
  const last = new Map<string, string>()
  return (record, ...keys) => {
    for (const key of keys) {
      const now = JSON.stringify(record.see(key))
      if (last.get(key) === now) record.drop(key)
      else last.set(key, now ?? '')
    }
  }
}
