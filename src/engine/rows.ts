/**
 * How rows lie in the derived store: their keys, the keys of their orders, and values that carry a checksum over key
 * and value, because the store below may return what was never put there.
 */
import { Packr } from 'msgpackr'
import { crc32 } from 'node:zlib'
import type { IndexValue, Key, Projection } from '../define.js'
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
/** Everything of one projection. Its checkpoint comes first: it must not outlive what it speaks of. */
export const projectionRanges = (projection: string): DerivedRange[] => ['c', 'r', 'o'].map((kind) => within([kind, projection]))

/** A row that changed: what the store holds of it, and what it is now; undefined where there is none. */
export interface RowChange {
  key: Key
  saved: unknown
  state: unknown
}

/**
 * What has to change in the store so that the rows stand there as they are now. A row that the projection made and cannot order, or that
 * cannot be stored, is `refused` and taken away.
 */
export function* rowChanges<R extends RowChange>(
  projection: Projection,
  rows: Iterable<R>,
  refused: (row: R, cause: unknown) => void,
): Generator<DerivedChange, void, undefined> {
  const layout: Layout = {
    name: projection.name,
    orders: Object.entries(projection.index),
    prefix: rowRange(projection.name).from.length,
  }
  for (const row of rows) {
    let changes: DerivedChange[]
    try {
      changes = changesOfRow(layout, row)
    } catch (cause) {
      refused(row, cause)
      changes = changesOfRow(layout, { ...row, state: undefined })
    }
    yield* changes
  }
}

/** How the rows of a projection lie in the store. */
interface Layout {
  name: string
  orders: readonly [string, Projection['index'][string]][]
  /** Bytes of a row's key that are the same for all rows. */
  prefix: number
}

function changesOfRow({ name, orders, prefix }: Layout, { key, saved, state }: RowChange): DerivedChange[] {
  const changes: DerivedChange[] = []
  const at = rowKey(name, key)
  for (const [index, value] of orders) {
    const before = saved === undefined ? undefined : value(saved)
    const after = state === undefined ? undefined : value(state)
    // Most rows stay where they stand in an order: that is seen without making the keys.
    if (isSame(before, after)) continue
    if (before !== undefined) changes.push({ type: 'del', key: orderKey(name, index, before, key) })
    if (after === undefined) continue
    const order = orderKey(name, index, after, key)
    changes.push({ type: 'put', key: order, value: sealed(order, at.length - prefix) })
  }
  if (state === undefined) changes.push({ type: 'del', key: at })
  else changes.push({ type: 'put', key: at, value: sealed(at, [typeof key === 'string' ? key : [...key], state]) })
  return changes
}

/** The key under which a row stands in an order: what it is ordered by, and behind that what ends its own key. */
function orderKey(projection: string, index: string, by: NonNullable<IndexValue>, key: Key): Buffer {
  return encodeTuple(['o', projection, index, ...(typeof by === 'object' ? by : [by]), ...keyParts(key)])
}

function isSame(a: IndexValue, b: IndexValue): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b
  return a.length === b.length && a.every((part, i) => part === b[i])
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

/** The key in the store of the row that stands at a place in an order. @throws DerivedDoubt */
export function readOrder(projection: string, at: Uint8Array, value: Uint8Array): Buffer {
  const length = unsealed(at, value) as number
  return Buffer.concat([rowRange(projection).from, at.subarray(at.length - length)])
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
