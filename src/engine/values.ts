/**
 * What may be stored: JSON plus bytes, exactly. A value that could not be read back as it was given is refused by name,
 * because MessagePack libraries rename, round or overflow on some of them.
 */
import { JournalError } from '../errors.js'
import { PAYLOAD_MAX } from '../storage/frame.js'
import { ITEMS_MAX, NESTING_MAX } from '../storage/plain.js'

export interface ValueLimits {
  /** Upper bound of a commit's bytes as stored. */
  commitBytesMax: number
  /** How deep objects and arrays may nest. */
  depthMax: number
  /** How many keys and array items one event may have in all. */
  keysMax: number
  /** How many bytes of UTF-8 one text may have, keys included, or one byte string. */
  textBytesMax: number
}

export const defaultLimits: ValueLimits = { commitBytesMax: 16 << 20, depthMax: 100, keysMax: 1_000_000, textBytesMax: 16 << 20 }

/** What no journal may be opened to exceed, because readers refuse more. */
export const CEILINGS: ValueLimits = {
  commitBytesMax: PAYLOAD_MAX >> 1,
  depthMax: NESTING_MAX,
  keysMax: ITEMS_MAX,
  textBytesMax: PAYLOAD_MAX >> 1,
}

/** The limits of a journal. @throws TypeError for one that is no limit, or higher than readers go along with. */
export function limitsOf(given: Partial<ValueLimits> = {}): ValueLimits {
  const limits = { ...defaultLimits, ...given }
  for (const name of Object.keys(CEILINGS) as (keyof ValueLimits)[])
    if (!Number.isSafeInteger(limits[name]) || limits[name] < 1 || limits[name] > CEILINGS[name])
      throw new TypeError(`limits.${name} is a whole number from 1 to ${CEILINGS[name]}`)
  return limits
}

/** A frozen copy of a value, and an upper bound of the bytes it takes when stored. */
export interface Checked {
  value: unknown
  bytes: number
}

/**
 * Copies a value while it checks it, so that what the caller does to it afterwards changes nothing.
 * `name` and `type` are for the message.
 * @throws JournalError JOURNAL_EVENT_INVALID with the path, or JOURNAL_LIMIT.
 */
export function checkValue(value: unknown, name: string, type: string, limits: ValueLimits): Checked {
  const walk = new Walk(name, type, limits)
  const copy = walk.copy(value, 1)
  return { value: copy, bytes: walk.bytes }
}

/** Whether a string survives UTF-8: it has no half of a surrogate pair alone. */
export function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed()
}

class Walk {
  bytes = 0
  #keys = 0
  readonly #path: (string | number)[]
  readonly #type: string
  readonly #limits: ValueLimits

  constructor(name: string, type: string, limits: ValueLimits) {
    this.#path = [name]
    this.#type = type
    this.#limits = limits
  }

  copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        if (!Number.isFinite(value)) this.#refuse(`${String(value)} is no JSON number`)
        if (Object.is(value, -0)) this.#refuse('-0 would be read back as 0')
        this.#grow(9)
        return value
      case 'boolean':
        this.#grow(1)
        return value
      case 'object':
        if (value === null) {
          this.#grow(1)
          return null
        }
        if (depth > this.#limits.depthMax) this.#limit('depthMax', depth, this.#limits.depthMax)
        if (value instanceof Uint8Array) {
          this.#sized(value.byteLength)
          return new Uint8Array(value)
        }
        return Object.freeze(Array.isArray(value) ? this.#array(value, depth) : this.#object(value, depth))
      case 'undefined':
        return this.#refuse('undefined is no JSON; leave the key out')
      default:
        return this.#refuse(`a ${typeof value} is neither JSON nor bytes`)
    }
  }

  #text(text: string): string {
    if (!isWellFormed(text)) this.#refuse('the text holds half of a surrogate pair')
    const most = text.length * 3
    this.#sized(most <= 1024 && most <= this.#limits.textBytesMax ? most : Buffer.byteLength(text))
    return text
  }

  #array(array: unknown[], depth: number): unknown[] {
    this.#count(array.length)
    const copy: unknown[] = []
    // By index, so that a hole is met as what it reads as.
    for (let index = 0; index < array.length; index++) copy.push(this.#at(index, array[index], depth))
    return copy
  }

  #object(object: object, depth: number): Record<string, unknown> {
    const prototype: unknown = Object.getPrototypeOf(object)
    if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
      this.#refuse(`a ${(object.constructor as { name?: string } | undefined)?.name ?? 'class'} instance is neither JSON nor bytes`)
    }
    if (Object.getOwnPropertySymbols(object).length > 0) this.#refuse('a symbol key is no JSON')
    const keys = Object.keys(object)
    this.#count(keys.length)
    const copy: Record<string, unknown> = {}
    for (const key of keys) {
      if (key === '__proto__') this.#refuse('a key named __proto__ would not be read back')
      this.#text(key)
      copy[key] = this.#at(key, (object as Record<string, unknown>)[key], depth)
    }
    return copy
  }

  #at(step: string | number, value: unknown, depth: number): unknown {
    this.#path.push(step)
    const copy = this.copy(value, depth + 1)
    this.#path.pop()
    return copy
  }

  #count(more: number): void {
    this.#grow(5)
    this.#keys += more
    if (this.#keys > this.#limits.keysMax) this.#limit('keysMax', this.#keys, this.#limits.keysMax)
  }

  #sized(bytes: number): void {
    this.#grow(bytes + 5)
    if (bytes > this.#limits.textBytesMax) this.#limit('textBytesMax', bytes, this.#limits.textBytesMax)
  }

  #grow(bytes: number): void {
    this.bytes += bytes
    if (this.bytes > this.#limits.commitBytesMax) this.#limit('commitBytesMax', this.bytes, this.#limits.commitBytesMax)
  }

  #refuse(reason: string): never {
    const where = this.#path.join('.')
    throw new JournalError('JOURNAL_EVENT_INVALID', `${this.#type}: ${where}: ${reason}.`, {
      type: this.#type,
      path: [...this.#path],
      reason,
    })
  }

  #limit(limit: keyof ValueLimits, value: number, max: number): never {
    throw new JournalError(
      'JOURNAL_LIMIT',
      `${this.#type}: ${limit} is ${max}, this has ${value} or more. Split it, store it by reference, or raise the limit.`,
      { limit, value, max },
    )
  }
}
