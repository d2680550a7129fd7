/** What a caller says of an append, and whether it is what it should be. */
import type { EventMeta, NewEvent } from '../define.js'
import type { Durability } from '../storage/commit-store.js'
import { isWellFormed } from './values.js'

export interface AppendOptions {
  /** The version the writer believes the stream has; 0 for a new stream. */
  expectedVersion?: number
  /** Names the commit for ever: a retry with the same id and events returns the first receipt and writes nothing. */
  commitId?: string
  /**
   * When another journal recorded the commit, in milliseconds since 1970, for whoever carries history over: it is recorded as of then, but
   * never before the last commit or later than now. Such commits are taken in the order of the calls, whatever their streams.
   */
  at?: number
  /** `disk` resolves once the commit survives power loss; `os` once it survives the process. */
  durability?: Durability
}

/** @throws TypeError */
export function checkArguments(stream: string, events: readonly NewEvent[], options: AppendOptions, durability: Durability): void {
  if (typeof stream !== 'string' || stream === '' || !isWellFormed(stream) || Buffer.byteLength(stream) > 512) {
    throw new TypeError('A stream id is a string of 1 to 512 bytes in UTF-8')
  }
  if (!Array.isArray(events) || events.length === 0) throw new TypeError('append takes an array of at least one event')
  const { expectedVersion, commitId, at } = options
  if (expectedVersion !== undefined && (!Number.isSafeInteger(expectedVersion) || expectedVersion < 0))
    throw new TypeError('expectedVersion is a whole number from 0')
  if (
    commitId !== undefined &&
    (typeof commitId !== 'string' || commitId === '' || !isWellFormed(commitId) || Buffer.byteLength(commitId) > 512)
  ) {
    throw new TypeError('A commit id is a string of 1 to 512 bytes in UTF-8')
  }
  if (at !== undefined && (!Number.isSafeInteger(at) || at < 0)) throw new TypeError('at is a whole number of milliseconds since 1970')
  if (durability !== 'disk' && durability !== 'os') throw new TypeError("durability is 'disk' or 'os'")
}

export function checkMeta(meta: EventMeta): EventMeta {
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) throw new TypeError('meta is an object')
  if (meta.occurredAt !== undefined && !Number.isFinite(meta.occurredAt))
    throw new TypeError('meta.occurredAt is a number of milliseconds since 1970')
  return meta
}
