/**
 * Rewriting history in today's shapes, commit by commit: positions, versions, times, ids and meta stay. What is one event today is
 * stored as that; what is several, none, or could not be stored again stays as it is, because positions are names that others hold.
 */
import { isDeepStrictEqual } from 'node:util'
import { JournalError } from '../errors.js'
import type { RecordedEvent } from '../define.js'
import {
  ADDED,
  IGNORABLE,
  unpacked,
  type Gap,
  type Head,
  type NewCommit,
  type StoredCommit,
  type StoredEvent,
} from '../storage/commit-store.js'
import { UPGRADED, type Schemas } from './schemas.js'
import { CEILINGS, checkValue, defaultLimits } from './values.js'

/** The stream of receipts. */
export const UPGRADES = 'turnlog.upgrades'

/** What that event holds. */
export interface UpgradeReceipt {
  from: { format: number; position: number; digest: string }
  to: { format: number }
  /** Events that were stored in an older shape and are stored in today's now. */
  rewritten: number
  /** Events that stayed as they were, by type and schema. */
  left: LeftAsStored[]
}

export interface LeftAsStored {
  type: string
  schema: number
  events: number
  why: 'splits' | 'drops' | 'fails' | 'unknown'
}

/** Counts on the way what becomes of the events. */
export class Rewriter {
  readonly #schemas: Schemas
  readonly #left = new Map<string, LeftAsStored>()
  rewritten = 0

  constructor(schemas: Schemas) {
    this.#schemas = schemas
  }

  get left(): LeftAsStored[] {
    return [...this.#left.values()]
  }

  commit(commit: StoredCommit): NewCommit {
    const { position: _position, ...rest } = commit
    return { ...rest, events: commit.events.map((stored, i) => this.#event(commit, i, stored)) }
  }

  #event(commit: StoredCommit, index: number, stored: StoredEvent): StoredEvent {
    if (!this.#schemas.knows(stored.type)) return stored.type === UPGRADED ? stored : this.#leave(stored, 'unknown')
    if (this.#schemas.isToday(stored)) return stored
    const events = readOrError(this.#schemas, commit, index)
    if (events instanceof JournalError) return this.#leave(stored, 'fails')
    const [event] = events
    if (events.length !== 1 || event === undefined) return this.#leave(stored, events.length === 0 ? 'drops' : 'splits')
    const rewritten = { ...unpacked(stored), type: event.type, schema: event.schema, data: event.data }
    if (!isStorable(event)) return this.#leave(stored, 'fails')
    this.rewritten++
    return rewritten
  }

  #leave(stored: StoredEvent, why: LeftAsStored['why']): StoredEvent {
    const { type, schema } = stored
    const name = `${type}@${schema} ${why}`
    const before = this.#left.get(name)
    this.#left.set(name, { type, schema, events: (before?.events ?? 0) + 1, why })
    return stored
  }
}

/** The last commit of an upgraded journal. */
export function receiptCommit(receipt: UpgradeReceipt, version: number, at: number): NewCommit {
  const event: StoredEvent = { type: UPGRADED, schema: 1, data: receipt, flags: IGNORABLE | ADDED }
  return { stream: UPGRADES, version, at, events: [event] }
}

/** Whether a commit says that the history up to this head was upgraded into what lies before it. */
export function isReceiptOf(commit: StoredCommit | undefined, head: Head): boolean {
  const event = commit?.events[0]
  if (event?.type !== UPGRADED) return false
  const { from } = event.data as UpgradeReceipt
  return from.position === head.position && from.digest === head.digest
}

/** Whether readers see the same in both: two commits of one place, the first as it was and the second rewritten; or twice the same gap. */
export function sameForReaders(schemas: Schemas, before: StoredCommit | Gap, after: StoredCommit | Gap): boolean {
  if ('gap' in before || 'gap' in after) return isDeepStrictEqual(before, after)
  const { events: _before, ...outside } = before
  const { events: _after, ...outsideAfter } = after
  if (!isDeepStrictEqual(outside, outsideAfter) || before.events.length !== after.events.length) return false
  return before.events.every((stored, i) => {
    const other = after.events[i] as StoredEvent
    if (stored.flags !== other.flags) return false
    const read = readOrError(schemas, before, i)
    // What no step could bring up must stand there as it did.
    if (read instanceof JournalError) return isDeepStrictEqual(unpacked(stored), unpacked(other))
    return isDeepStrictEqual(read, readOrError(schemas, after, i))
  })
}

function readOrError(schemas: Schemas, commit: StoredCommit, index: number): RecordedEvent[] | JournalError {
  const events: RecordedEvent[] = []
  try {
    schemas.read(commit, index, events)
    return events
  } catch (error) {
    if (error instanceof JournalError) return error
    throw error
  }
}

/** Whether what steps made can be read back exactly as it is: they may return what no append would take, such as undefined. */
function isStorable({ type, data }: RecordedEvent): boolean {
  try {
    checkValue(data, 'data', type, { ...defaultLimits, commitBytesMax: Number.POSITIVE_INFINITY, keysMax: CEILINGS.keysMax })
    return true
  } catch (error) {
    if (error instanceof JournalError) return false
    throw error
  }
}
