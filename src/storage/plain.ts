/**
 * Looks over MessagePack before a library takes memory for it: plain types only, no more items than there are bytes for, and
 * nesting within bounds. What a checksum vouches for may still have been written by somebody who means harm.
 */

/** How deep the values of a journal nest at most, whoever wrote them. */
export const NESTING_MAX = 1000

/** Around an event's data in a record: the commit, its list of events, the event. */
const AROUND = 3

const PROTO = Buffer.from('__proto__')

/** Thrown for what checks and yet is not what this program, or any that follows docs/format.md, would have written. */
export class NotPlain extends Error {}

/** @throws NotPlain unless the bytes are one plain value, whole. */
export function mustBePlain(bytes: Buffer, start: number, end: number): void {
  const scan = new Scan(bytes, start, end)
  scan.value()
  while (scan.depth > 0) scan.item()
  if (scan.at !== end) throw new NotPlain('bytes are left behind a value')
}

class Scan {
  readonly #bytes: Buffer
  readonly #end: number
  /** Of each open array or map, what is still to come; a map's keys count too, and stand where the count is even. */
  readonly #left: number[] = []
  readonly #isMap: boolean[] = []
  at: number
  depth = 0

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.at = start
    this.#end = end
  }

  /** The next item of the innermost array or map, or its end. */
  item(): void {
    const top = this.depth - 1
    const left = this.#left[top] as number
    if (left === 0) {
      this.depth = top
      return
    }
    this.#left[top] = left - 1
    if (this.#isMap[top] === true && (left & 1) === 0) this.#key()
    else this.value()
  }

  value(): void {
    const code = this.#byte()
    if (code < 0x80 || code >= 0xe0) return
    if (code < 0x90) return this.#open(code & 0x0f, true)
    if (code < 0xa0) return this.#open(code & 0x0f, false)
    if (code < 0xc0) return this.#skip(code & 0x1f)
    this.#sized(code)
  }

  #sized(code: number): void {
    switch (code) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return
      case 0xc4:
      case 0xd9:
        return this.#skip(this.#number(1))
      case 0xc5:
      case 0xda:
        return this.#skip(this.#number(2))
      case 0xc6:
      case 0xdb:
        return this.#skip(this.#number(4))
      case 0xca:
      case 0xce:
      case 0xd2:
        return this.#skip(4)
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return this.#skip(8)
      case 0xcc:
      case 0xd0:
        return this.#skip(1)
      case 0xcd:
      case 0xd1:
        return this.#skip(2)
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
    this.value()
    const length = PROTO.length
    if (this.#bytes[this.at - length] === 0x5f && this.#bytes.compare(PROTO, 0, length, this.at - length, this.at) === 0)
      throw new NotPlain('a key named __proto__')
  }

  #open(count: number, isMap: boolean): void {
    const items = isMap ? count * 2 : count
    if (items > this.#end - this.at) throw new NotPlain('more items than there are bytes')
    if (this.depth === NESTING_MAX + AROUND) throw new NotPlain(`values nest deeper than ${NESTING_MAX}`)
    this.#left[this.depth] = items
    this.#isMap[this.depth] = isMap
    this.depth++
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

  #skip(length: number): void {
    if (length > this.#end - this.at) throw new NotPlain('a value ends early')
    this.at += length
  }
}
