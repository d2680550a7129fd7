/** Recorded events, made of what is stored. */
import type { EventMeta, RecordedEvent } from '../define.js'
import type { StoredCommit, StoredEvent } from '../storage/commit-store.js'

/** A stored event whose shape is another today. */
export function grownTo(commit: StoredCommit, index: number, type: string, schema: number, data: unknown): RecordedEvent {
  const event: RecordedEvent = {
    position: commit.position + index,
    stream: commit.stream,
    version: commit.version + index,
    type,
    schema,
    at: commit.at,
    data,
  }
  const meta = metaOf(commit, index)
  if (meta !== undefined) event.meta = meta
  return event
}

/** A stored event as it is. */
export function asStored(commit: StoredCommit, index: number): RecordedEvent {
  const { type, schema, data } = commit.events[index] as StoredEvent
  return grownTo(commit, index, type, schema, data)
}

/**
 * A stored event as it is, for a fold: most events only move counts and times on, so the data are unpacked when they are first looked
 * at. In everything else it is like any other, also to whoever copies it, because `data` is a property of its own.
 */
export function forFold(commit: StoredCommit, index: number): RecordedEvent {
  return new FoldedEvent(commit, index)
}

class FoldedEvent implements RecordedEvent {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly schema: number
  readonly at: number
  declare readonly data: unknown
  declare meta?: EventMeta
  readonly #stored: StoredEvent

  /** One for all events: V8 makes a new kind of object for each function that it meets in a property. */
  static readonly #data: PropertyDescriptor & ThisType<FoldedEvent> = {
    enumerable: true,
    configurable: true,
    get() {
      return this.#stored.data
    },
  }

  constructor(commit: StoredCommit, index: number) {
    const stored = commit.events[index] as StoredEvent
    this.position = commit.position + index
    this.stream = commit.stream
    this.version = commit.version + index
    this.type = stored.type
    this.schema = stored.schema
    this.at = commit.at
    this.#stored = stored
    Object.defineProperty(this, 'data', FoldedEvent.#data)
    const meta = metaOf(commit, index)
    if (meta !== undefined) this.meta = meta
  }
}

/** What an event says of its circumstances, else what its commit says. */
export function metaOf(commit: StoredCommit, index: number): EventMeta | undefined {
  return (commit.events[index]?.meta ?? commit.meta) as EventMeta | undefined
}
