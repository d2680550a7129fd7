/**
 * Bytes that sort as their values do: the keys of derived rows and of their orders. A tuple sorts by its first part
 * first, a number below a string; the encoding of a tuple's beginning is a prefix of the encoding of the tuple.
 */
import type { Key } from '../define.js'

const NUMBER = 0x10
const TEXT = 0x20

/** The parts of a key or an order value, one after another. */
export function encodeTuple(parts: readonly (string | number)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? encodeNumber(part) : encodeText(part))))
}

/** The parts again. @throws RangeError for bytes that no encoding made. */
export function decodeTuple(bytes: Uint8Array): (string | number)[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: (string | number)[] = []
  for (let at = 0; at < view.length; ) {
    if (view[at] === NUMBER) {
      parts.push(decodeNumber(view, at + 1))
      at += 9
    } else {
      const end = textEnd(view, at)
      parts.push(decodeText(view, at + 1, end))
      at = end + 2
    }
  }
  return parts
}

export const keyParts = (key: Key): readonly string[] => (typeof key === 'string' ? [key] : key)

/** The first bytes that sort behind everything that begins with `prefix`. */
export function behind(prefix: Uint8Array): Buffer {
  return Buffer.concat([prefix, Buffer.of(0xff)])
}

/** A float's bytes sort as the float does once the sign bit is turned and, below zero, all bits are. */
function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(9)
  bytes[0] = NUMBER
  bytes.writeDoubleBE(value, 1)
  flip(bytes, 1, value < 0 || Object.is(value, -0))
  return bytes
}

function decodeNumber(bytes: Buffer, at: number): number {
  const copy = Buffer.from(bytes.subarray(at, at + 8))
  flip(copy, 0, ((copy[0] as number) & 0x80) === 0)
  return copy.readDoubleBE(0)
}

function flip(bytes: Buffer, at: number, all: boolean): void {
  if (all) for (let i = at; i < at + 8; i++) bytes[i] = ~(bytes[i] as number) & 0xff
  else bytes[at] = (bytes[at] as number) ^ 0x80
}

/** UTF-8 in which a NUL is followed by U+00FF, ended by two NULs: a text sorts before the texts that it begins. */
function encodeText(text: string): Buffer {
  const body = Buffer.from(text.includes('\0') ? text.replaceAll('\0', '\0\u{ff}') : text, 'utf8')
  return Buffer.concat([Buffer.of(TEXT), body, Buffer.of(0, 0)])
}

function textEnd(bytes: Buffer, at: number): number {
  if (bytes[at] !== TEXT) throw new RangeError('these bytes are no ordered tuple')
  for (let end = bytes.indexOf(0, at + 1); end !== -1; end = bytes.indexOf(0, end + 2)) {
    if (bytes[end + 1] === 0) return end
  }
  throw new RangeError('these bytes are no ordered tuple')
}

function decodeText(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('utf8', from, to).replaceAll('\0\u{ff}', '\0')
}
