/**
 * JSON that gives back exactly what a journal holds: bytes are `{ "$bytes": "<base64>" }`, and an object that looks like that has one more
 * `$` before its key.
 */

const MARKED = /^\$+bytes$/

export function toExactJson(value: unknown): string {
  // The value is looked up where it stands: a Buffer would turn itself into a list of numbers first.
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, given: unknown): unknown {
    const own = this[key]
    if (own instanceof Uint8Array) return new Marked(own)
    const only = onlyKey(own)
    return only === undefined || own instanceof Marked ? given : { [`$${only}`]: (own as Record<string, unknown>)[only] }
  })
}

/** @throws SyntaxError */
export function fromExactJson(text: string): unknown {
  if (!text.includes('bytes"')) return JSON.parse(text)
  return JSON.parse(text, (_key, value: unknown): unknown => {
    const only = onlyKey(value)
    if (only === undefined) return value
    const inner = (value as Record<string, unknown>)[only]
    if (only !== '$bytes') return { [only.slice(1)]: inner }
    return typeof inner === 'string' ? new Uint8Array(Buffer.from(inner, 'base64')) : value
  })
}

/** Bytes on their way; the key of this one is meant. */
class Marked {
  readonly $bytes: string

  constructor(bytes: Uint8Array) {
    this.$bytes = Buffer.from(bytes).toString('base64')
  }
}

function onlyKey(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return undefined
  const keys = Object.keys(value)
  return keys.length === 1 && MARKED.test(keys[0] as string) ? keys[0] : undefined
}
