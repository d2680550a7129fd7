/**
 * How rows lie in the derived store: their keys, the keys of their orders, and values that carry a checksum over key
 * and value, because the store below may return what was never put there.
 */
import { Packr } from 'msgpackr'
import { crc32 } from 'node:zlib'
import type { Key, Projection } from '../define.js'
import type { Head } from '../storage/commit-store.js'
import type { DerivedChange, DerivedRange } from '../storage/derived-store.js'
import { behind, encodeTuple, keyParts } from './order.js'

/** Derived state turned out not to be what was written: it has to be thrown away and computed again. */
export class DerivedDoubt extends Error {}

/** Up to where a projection's rows were folded, and whether a fold failed on the way. */
export interface Checkpoint {
  revision: number
  head: Head
  failed: boolean
}

const packr = new Packr({ useRecords: false, moreTypes: false })

export const rowKey = (projection: string, key: Key): Buffer => encodeTuple(['r', projection, ...keyParts(key)])
export const checkpointKey = (projection: string): Buffer => encodeTuple(['c', projection])

export const rowRange = (projection: string, prefix: readonly string[] = []): DerivedRange => within(['r', projection, ...prefix])
export const orderRange = (projection: string, index: string, prefix: readonly (string | number)[] = []): DerivedRange =>
  within(['o', projection, index, ...prefix])
/** Everything of one projection but its checkpoint. */
export const projectionRanges = (projection: string): DerivedRange[] => [within(['r', projection]), within(['o', projection])]

/** The keys under which a row stands in its projection's orders. */
export function orderKeys(projection: Projection, key: Key, state: unknown): Buffer[] {
  if (state === undefined) return []
  return Object.entries(projection.index).flatMap(([index, value]) => {
    const by = value(state)
    if (by === undefined) return []
    return [encodeTuple(['o', projection.name, index, ...(typeof by === 'object' ? by : [by]), ...keyParts(key)])]
  })
}

/** What has to change in the store so that the row stands there as it is now. */
export function rowChanges(projection: Projection, key: Key, saved: unknown, state: unknown): DerivedChange[] {
  const at = rowKey(projection.name, key)
  const before = orderKeys(projection, key, saved)
  const after = orderKeys(projection, key, state)
  const changes: DerivedChange[] = before.filter((old) => !after.some((now) => now.equals(old))).map((old) => ({ type: 'del', key: old }))
  for (const order of after)
    if (!before.some((old) => old.equals(order))) changes.push({ type: 'put', key: order, value: sealed(order, [keyParts(key)]) })
  if (state === undefined) changes.push({ type: 'del', key: at })
  else changes.push({ type: 'put', key: at, value: sealed(at, [typeof key === 'string' ? key : [...key], state]) })
  return changes
}

export function checkpointChange(projection: string, checkpoint: Checkpoint): DerivedChange {
  const key = checkpointKey(projection)
  return {
    type: 'put',
    key,
    value: sealed(key, [checkpoint.revision, checkpoint.head.position, checkpoint.head.digest, checkpoint.failed]),
  }
}

/** @throws DerivedDoubt */
export function readCheckpoint(projection: string, value: Uint8Array): Checkpoint {
  const [revision, position, digest, failed] = unsealed(checkpointKey(projection), value) as [number, number, string, boolean]
  return { revision, head: { position, digest }, failed }
}

/** A row's key and state. @throws DerivedDoubt */
export function readRow(at: Uint8Array, value: Uint8Array): { key: Key; state: unknown } {
  const [key, state] = unsealed(at, value) as [Key, unknown]
  return { key, state }
}

/** The key of the row that stands at a place in an order. @throws DerivedDoubt */
export function readOrder(at: Uint8Array, value: Uint8Array): Key {
  const [key] = unsealed(at, value) as [readonly string[]]
  return key
}

/** A value with its checksum in front. */
export function sealed(key: Uint8Array, value: unknown): Uint8Array {
  const body = packr.pack(value)
  const bytes = Buffer.allocUnsafe(body.length + 4)
  bytes.writeUInt32LE(crc32(body, crc32(key)), 0)
  bytes.set(body, 4)
  return bytes
}

/** @throws DerivedDoubt */
export function unsealed(key: Uint8Array, bytes: Uint8Array): unknown {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const body = view.subarray(4)
  if (view.length < 5 || view.readUInt32LE(0) !== crc32(body, crc32(key))) throw new DerivedDoubt('a derived value does not check')
  return packr.unpack(body)
}

function within(parts: readonly (string | number)[]): DerivedRange {
  const from = encodeTuple(parts)
  return { from, to: behind(from) }
}
