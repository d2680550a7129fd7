/** Whether a retry says the same as what stands for its commit id. */
import { isDeepStrictEqual } from 'node:util'
import type { LawEvent } from '../define.js'

/** Fields that `append` fills in: left out in the retry, they count as equal. */
const FILLED = ['threadId', 'attempt'] as const

/**
 * Compares what was stored for a caller, in today's shape, with what is given now.
 */
export function sameBody(stored: readonly LawEvent[], given: readonly LawEvent[]): boolean {
  if (given.length !== stored.length) return false
  return given.every((event, i) => {
    const other = stored[i] as LawEvent
    return event.type === other.type && isDeepStrictEqual(event.meta, other.meta) && sameData(other.data, event.data)
  })
}

function sameData(stored: unknown, given: unknown): boolean {
  if (isDeepStrictEqual(plain(stored), plain(given))) return true
  if (!isObject(stored) || !isObject(given)) return false
  const filled = FILLED.filter((field) => Object.hasOwn(stored, field) && !Object.hasOwn(given, field))
  if (filled.length === 0) return false
  const bare = { ...stored }
  for (const field of filled) delete bare[field]
  return isDeepStrictEqual(plain(bare), plain(given))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The same value with bytes as one kind: a Buffer read back is a Uint8Array given. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(plain)
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  return value
}
