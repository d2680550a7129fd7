/**
 * How rows lie in the derived store: their keys, the keys of their orders, and values that carry a checksum over key
 * and value, because the store below may return what was never put there.
 */
import { Packr } from 'msgpackr'
import { crc32 } from 'node:zlib'
import type { IndexValue, Key, Projection } from '../define.js'
import type { Head } from '../storage/commit-store.js'
import type { DerivedChange, DerivedRange, DerivedStore } from '../storage/derived-store.js'
import { behind, encodeTuple, keyParts } from './order.js'

/** Derived state turned out not to be what was written: it has to be thrown away and computed again. */
export class DerivedDoubt extends Error {}

/** Up to where a projection's rows were folded, and whether a fold failed on the way. */
export interface Checkpoint {
  revision: number
  head: Head
  failed: boolean
}

/** States, as they lie in the derived store, in snapshots and in indexes: plain MessagePack. */
export const packr = new Packr({ useRecords: false, moreTypes: false })

export const rowKey = (projection: string, key: Key): Buffer => encodeTuple(['r', projection, ...keyParts(key)])
export const checkpointKey = (projection: string): Buffer => encodeTuple(['c', projection])

export const rowRange = (projection: string, prefix: readonly string[] = []): DerivedRange => within(['r', projection, ...prefix])
export const orderRange = (projection: string, index: string, prefix: readonly (string | number)[] = []): DerivedRange =>
  within(['o', projection, index, ...prefix])

/** Throws away everything of one projection. Its checkpoint goes first: it must not outlive what it speaks of. */
export async function clearProjection(derived: DerivedStore, projection: string): Promise<void> {
  for (const kind of ['c', 'r', 'o']) await derived.clear(within([kind, projection]))
}

/** By what a row is ordered, for each order of its projection; nothing for a row that is not there. */
export type Orders = readonly IndexValue[]

/** Throws what the projection throws, and a TypeError for what cannot be ordered by. */
export function ordersOf({ index }: Projection, state: unknown): Orders {
  const orders: IndexValue[] = []
  if (state === undefined) return orders
  for (const name of Object.keys(index)) {
    const by = index[name] as (state: unknown) => unknown
    const value = by(state)
    if (!canOrder(value)) throw new TypeError(`the order ${JSON.stringify(name)} is neither text nor number nor a list of them`)
    orders.push(value as IndexValue)
  }
  return orders
}

const isPart = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number'
const canOrder = (value: unknown): boolean => value === undefined || (Array.isArray(value) ? value.every(isPart) : isPart(value))

/** Of a state that was saved, in the store or in a snapshot. @throws DerivedDoubt where the projection of today cannot order it */
export function savedOrders(projection: Projection, key: Key, state: unknown): Orders {
  try {
    return ordersOf(projection, state)
  } catch (cause) {
    throw new DerivedDoubt(`row ${JSON.stringify(key)} of ${projection.name} cannot be ordered`, { cause })
  }
}

/** A row that changed: what it is now, undefined where there is none, and what it is ordered by in the store and now. */
export interface RowChange {
  key: Key
  state: unknown
  before: Orders
  after: Orders
}

/** What has to change in the store so that the rows stand there as they are now. */
export function* rowChanges(projection: Projection, rows: Iterable<RowChange>): Generator<DerivedChange, void, undefined> {
  const { name } = projection
  const indexes = Object.keys(projection.index)
  const prefix = rowRange(name).from.length
  for (const { key, state, before, after } of rows) {
    const at = rowKey(name, key)
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i] as string
      const was = before[i]
      const is = after[i]
      // Most rows stay where they stand in an order: that is seen without making the keys.
      if (isSame(was, is)) continue
      if (was !== undefined) yield { type: 'del', key: orderKey(name, index, was, key) }
      if (is === undefined) continue
      const order = orderKey(name, index, is, key)
      yield { type: 'put', key: order, value: sealed(order, at.length - prefix) }
    }
    if (state === undefined) yield { type: 'del', key: at }
    else yield { type: 'put', key: at, value: sealed(at, [typeof key === 'string' ? key : [...key], state]) }
  }
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
