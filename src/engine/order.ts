/**
 * Bytes that sort as their values do: the keys of derived rows and of their orders. A tuple sorts by its first part
 * first, a number below a text; the encoding of a tuple's beginning is a prefix of the encoding of the tuple.
 *
 * Everything is text, so that a key is made in one go: a text is followed by two NULs, and a NUL inside it by U+00FF, so that
 * it sorts before the texts it begins; a number is the sixteen digits of its bits, turned so that they sort.
 */
import type { Key } from '../define.js'

const NUMBER = '\u0010'
const TEXT = ' '
const END = '\0\0'

/** The parts of a key or an order value, one after another. */
export function encodeTuple(parts: readonly (string | number)[]): Buffer {
  let text = ''
  for (const part of parts)
    text +=
      typeof part === 'number' ? NUMBER + sortable(part) : TEXT + (part.includes('\0') ? part.replaceAll('\0', '\0\u00ff') : part) + END
  return Buffer.from(text, 'utf8')
}

export const keyParts = (key: Key): readonly string[] => (typeof key === 'string' ? [key] : key)

/** The first bytes that sort behind everything that begins with `prefix`. */
export function behind(prefix: Uint8Array): Buffer {
  return Buffer.concat([prefix, Buffer.of(0xff)])
}

const bits = new DataView(new ArrayBuffer(8))

/** A float's bits sort as the float does once the sign bit is turned and, below zero, all bits are. */
function sortable(value: number): string {
  bits.setFloat64(0, value)
  const high = bits.getUint32(0)
  const low = bits.getUint32(4)
  return high >= 0x80000000 ? digits(~high >>> 0) + digits(~low >>> 0) : digits((high | 0x80000000) >>> 0) + digits(low)
}

const digits = (word: number): string => word.toString(16).padStart(8, '0')
