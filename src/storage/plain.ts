/**
 * Looks over MessagePack before a library takes memory for it: plain types only, no more items than there are bytes for, and
 * number and nesting within bounds. What a checksum vouches for may still have been written by somebody who means harm.
 */

import { word } from './words.js'

/** How deep the values of a journal nest at most, whoever wrote them. */
export const NESTING_MAX = 1000

/** How many items of lists and keys of maps one record has at most, whoever wrote it: a byte of it may become an object of fifty. */
export const ITEMS_MAX = 1 << 23

const PROTO = Buffer.from('__proto__')

/** Thrown for what checks and yet is not what this program, or any that follows docs/format.md, would have written. */
export class NotPlain extends Error {}

/** @throws NotPlain unless the bytes are one plain value, whole. */
export function mustBePlain(bytes: Buffer): void {
  const reader = new PlainReader(bytes, 0, bytes.length)
  reader.pass()
  reader.end()
}

/** How many items of lists and keys of maps a value has in all. */
export function itemsIn(bytes: Buffer): number {
  const reader = new PlainReader(bytes, 0, bytes.length, Number.POSITIVE_INFINITY)
  reader.pass()
  return reader.items
}

/** Goes through plain MessagePack a piece at a time. Every way on throws {@link NotPlain} for what should not stand there. */
export class PlainReader {
  readonly #bytes: Buffer
  readonly #end: number
  /** Of each open array or map, what is still to come; a map's keys count too, and stand where the count is even. */
  readonly #left: number[] = []
  readonly #isMap: boolean[] = []
  #depth = 0
  readonly #itemsMax: number
  /** Items and keys so far. */
  items = 0
  /** Where the next piece begins. */
  at: number

  constructor(bytes: Buffer, start: number, end: number, itemsMax = ITEMS_MAX) {
    this.#bytes = bytes
    this.at = start
    this.#end = end
    this.#itemsMax = itemsMax
  }

  /** Passes over a value, whole. */
  pass(): void {
    this.#value()
    while (this.#depth > 0) this.#item()
  }

  /** The number of items of a list, which follow. */
  list(): number {
    const code = this.#byte()
    if ((code < 0x90 || code > 0x9f) && code !== 0xdc && code !== 0xdd) throw new NotPlain('something else stands where a list should')
    const items = code < 0xa0 ? code & 0x0f : this.#number(code === 0xdc ? 2 : 4)
    this.#count(items, items)
    return items
  }

  text(): string {
    const code = this.#byte()
    const short = code >= 0xa0 && code < 0xc0
    if (!short && (code < 0xd9 || code > 0xdb)) throw new NotPlain('something else stands where a text should')
    const length = short ? code & 0x1f : this.#number(code === 0xd9 ? 1 : code === 0xda ? 2 : 4)
    this.#skip(length)
    return word(this.#bytes, this.at - length, this.at)
  }

  /** Text, or undefined where nil stands. */
  optionalText(): string | undefined {
    return this.nil() ? undefined : this.text()
  }

  /** Whether nil stands here, which is passed over. */
  nil(): boolean {
    if (this.at >= this.#end || this.#bytes[this.at] !== 0xc0) return false
    this.at++
    return true
  }

  /** A whole number from 0 that every reader can hold exactly. */
  count(): number {
    const value = this.number()
    if (!isCount(value)) throw new NotPlain('something else stands where a count should')
    return value
  }

  number(): number {
    const code = this.#byte()
    if (code < 0x80) return code
    if (code >= 0xe0) return code - 0x100
    switch (code) {
      case 0xcc:
        return this.#number(1)
      case 0xcd:
        return this.#number(2)
      case 0xce:
        return this.#number(4)
      case 0xcf:
        return this.#number(4) * 0x1_0000_0000 + this.#number(4)
      case 0xca:
        return this.#bytes.readFloatBE(this.#skip(4))
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#skip(8))
      case 0xd0:
        return this.#bytes.readInt8(this.#skip(1))
      case 0xd1:
        return this.#bytes.readInt16BE(this.#skip(2))
      case 0xd2:
        return this.#bytes.readInt32BE(this.#skip(4))
      case 0xd3:
        return Number(this.#bytes.readBigInt64BE(this.#skip(8)))
      default:
        throw new NotPlain('something else stands where a number should')
    }
  }

  /** Throws unless all was read. */
  end(): void {
    if (this.at !== this.#end) throw new NotPlain('bytes are left behind a value')
  }

  /** The next item of the innermost array or map, or its end. */
  #item(): void {
    const top = this.#depth - 1
    const left = this.#left[top] as number
    if (left === 0) {
      this.#depth = top
      return
    }
    this.#left[top] = left - 1
    if (this.#isMap[top] === true && (left & 1) === 0) this.#key()
    else this.#value()
  }

  #value(): void {
    const code = this.#byte()
    if (code < 0x80 || code >= 0xe0) return
    if (code < 0x90) return this.#open(code & 0x0f, true)
    if (code < 0xa0) return this.#open(code & 0x0f, false)
    if (code < 0xc0) this.#skip(code & 0x1f)
    else this.#sized(code)
  }

  #sized(code: number): void {
    switch (code) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return
      case 0xc4:
      case 0xd9:
        this.#skip(this.#number(1))
        return
      case 0xc5:
      case 0xda:
        this.#skip(this.#number(2))
        return
      case 0xc6:
      case 0xdb:
        this.#skip(this.#number(4))
        return
      case 0xca:
      case 0xce:
      case 0xd2:
        this.#skip(4)
        return
      case 0xcb:
      case 0xcf:
      case 0xd3:
        this.#skip(8)
        return
      case 0xcc:
      case 0xd0:
        this.#skip(1)
        return
      case 0xcd:
      case 0xd1:
        this.#skip(2)
        return
      case 0xdc:
        return this.#open(this.#number(2), false)
      case 0xdd:
        return this.#open(this.#number(4), false)
      case 0xde:
        return this.#open(this.#number(2), true)
      case 0xdf:
        return this.#open(this.#number(4), true)
      default:
        throw new NotPlain('a type that is no plain MessagePack')
    }
  }

  #key(): void {
    const code = this.#bytes[this.at] ?? 0
    if ((code < 0xa0 || code > 0xbf) && (code < 0xd9 || code > 0xdb)) throw new NotPlain('a key that is no text')
    this.#value()
    const length = PROTO.length
    if (this.#bytes[this.at - length] === 0x5f && this.#bytes.compare(PROTO, 0, length, this.at - length, this.at) === 0)
      throw new NotPlain('a key named __proto__')
  }

  #open(count: number, isMap: boolean): void {
    const items = isMap ? count * 2 : count
    this.#count(count, items)
    if (this.#depth === NESTING_MAX) throw new NotPlain(`values nest deeper than ${NESTING_MAX}`)
    this.#left[this.#depth] = items
    this.#isMap[this.#depth] = isMap
    this.#depth++
  }

  /** `pieces` follow, of a byte each at least. */
  #count(items: number, pieces: number): void {
    if (pieces > this.#end - this.at) throw new NotPlain('more items than there are bytes')
    this.items += items
    if (this.items > this.#itemsMax) throw new NotPlain(`more than ${this.#itemsMax} items and keys`)
  }

  #byte(): number {
    if (this.at >= this.#end) throw new NotPlain('a value ends early')
    return this.#bytes[this.at++] as number
  }

  #number(width: 1 | 2 | 4): number {
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + this.#byte()
    return value
  }

  /** Returns where the bytes that were passed over begin. */
  #skip(length: number): number {
    const from = this.at
    if (length > this.#end - from) throw new NotPlain('a value ends early')
    this.at = from + length
    return from
  }
}

/** A whole number from 0 that every reader can hold exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
