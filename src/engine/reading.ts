/** The ways out: events of one stream or of all, in today's shape. */
import type { RecordedEvent } from '../define.js'
import { JournalError, type Damage } from '../errors.js'
import { ADDED, type CommitGroup, type CommitStore, type Gap, type StoredCommit } from '../storage/commit-store.js'
import type { LawStates } from './laws.js'
import type { Schemas } from './schemas.js'

export interface ReadOptions {
  /** Exclusive: a version for one stream, a position for all. In reverse, reading goes on below it. */
  after?: number
  /** How many events to read, as they are stored: one that is several today counts once, one that is none not at all. */
  limit?: number
  reverse?: boolean
  /** `throw` (the default) ends at a gap with JOURNAL_DAMAGED; `yield` delivers `{ gap }` in its place. */
  onGap?: 'throw' | 'yield'
  signal?: AbortSignal
}

export interface ReadAllOptions extends ReadOptions {
  /** Only events of these types, by the names they have today. */
  types?: readonly string[]
}

export interface CommitOptions {
  /** Only commits of this stream. */
  stream?: string
  onGap?: 'throw' | 'yield'
  signal?: AbortSignal
}

/** What one `append` wrote, in today's shape. */
export interface RecordedCommit {
  stream: string
  /** Position and version of its first event, as it is stored. */
  position: number
  version: number
  at: number
  commitId?: string
  /** What the caller appended. */
  events: RecordedEvent[]
  /** What the laws added to it, such as the ends of queued turns when a session is archived. */
  added: RecordedEvent[]
}

export type ReadItem = RecordedEvent | { gap: Damage }

export class Reading {
  readonly #store: CommitStore<LawStates>
  readonly #schemas: Schemas

  constructor(store: CommitStore<LawStates>, schemas: Schemas) {
    this.#store = store
    this.#schemas = schemas
  }

  /** Events of one stream. Cost: linear in the commits that are read, whatever else the journal holds. */
  stream(stream: string, options: ReadOptions): AsyncIterableIterator<ReadItem> {
    checkReadOptions(options)
    const { after, reverse = false, signal } = options
    const bound = reverse ? { before: after } : { after }
    const commits = this.#store.readStream(stream, { reverse, ...bound, signal })
    const wanted = (event: Place): boolean => after === undefined || (reverse ? event.version < after : event.version > after)
    return this.#events(commits, reverse, wanted, options)
  }

  /** Events of all streams in the order of their positions. */
  all(options: ReadAllOptions): AsyncIterableIterator<ReadItem> {
    checkReadOptions(options)
    const { after, reverse = false, types, signal } = options
    const groups = reverse
      ? this.#store.readReverse({ before: after, signal })
      : this.#store.read({ after, unpacked: types === undefined, signal })
    const wanted = (event: Place): boolean => after === undefined || (reverse ? event.position < after : event.position > after)
    return this.#events(commitsOf(groups, reverse), reverse, wanted, options, this.only(types))
  }

  /** Commits of one stream or of all, oldest first. */
  async *commits({ stream, onGap = 'throw', signal }: CommitOptions): AsyncGenerator<RecordedCommit | { gap: Damage }, void, undefined> {
    const stored = stream === undefined ? commitsOf(this.#store.read({ signal }), false) : this.#store.readStream(stream, { signal })
    for await (const items of stored) {
      for (const item of items) {
        if (!('gap' in item)) yield this.#commit(item)
        else if (onGap === 'throw') throw damaged(item.gap)
        else yield { gap: item.gap }
      }
    }
  }

  #commit(commit: StoredCommit): RecordedCommit {
    const [events, added]: [RecordedEvent[], RecordedEvent[]] = [[], []]
    for (const [i, { flags }] of commit.events.entries()) this.#schemas.read(commit, i, (flags & ADDED) === 0 ? events : added)
    const { stream, position, version, at, commitId } = commit
    return { stream, position, version, at, ...(commitId === undefined ? {} : { commitId }), events, added }
  }

  /** Events of a group behind a position. */
  group(group: CommitGroup, after: number, only: Only | undefined): RecordedEvent[] {
    const events: RecordedEvent[] = []
    for (const commit of group.commits) {
      for (let i = 0; i < commit.events.length; i++) if (commit.position + i > after) this.#read(commit, i, only, events)
    }
    return events
  }

  /** The choice of these types; undefined for all. */
  only(types: readonly string[] | undefined): Only | undefined {
    return types === undefined ? undefined : new Only(types, this.#schemas)
  }

  /** Adds what one stored event is today, as far as it was asked for. */
  #read(commit: StoredCommit, index: number, only: Only | undefined, into: RecordedEvent[]): void {
    if (only === undefined) return this.#schemas.read(commit, index, into)
    if (!only.mayHave(commit.events[index]?.type as string)) return
    const before = into.length
    this.#schemas.read(commit, index, into)
    for (let i = into.length - 1; i >= before; i--) if (!only.has(into[i]?.type as string)) into.splice(i, 1)
  }

  /** Events commit by commit; what a caller is handed one by one is read in batches. */
  #events(
    commits: AsyncIterable<readonly (StoredCommit | Gap)[]>,
    reverse: boolean,
    wanted: (event: Place) => boolean,
    options: ReadOptions,
    only?: Only,
  ): AsyncIterableIterator<ReadItem> {
    return new Flat(this.#batches(commits, reverse, wanted, options, only))
  }

  async *#batches(
    commits: AsyncIterable<readonly (StoredCommit | Gap)[]>,
    reverse: boolean,
    wanted: (event: Place) => boolean,
    { limit = Number.POSITIVE_INFINITY, onGap = 'throw' }: ReadOptions,
    only: Only | undefined,
  ): AsyncGenerator<ReadItem[], void, undefined> {
    let left = limit
    if (left <= 0) return
    for await (const items of commits) {
      const batch: ReadItem[] = []
      let gap: Damage | undefined
      for (const item of items) {
        if ('gap' in item && onGap === 'throw') {
          gap = item.gap
          break
        }
        if ('gap' in item) batch.push({ gap: item.gap })
        else left -= this.#take(item, reverse, wanted, only, left, batch)
        if (left <= 0) break
      }
      yield batch
      if (gap !== undefined) throw damaged(gap)
      if (left <= 0) return
    }
  }

  /**
   * Adds the events of a commit that are wanted; returns how many stored ones they come from, `most` at the most. The parts of one
   * are never torn apart: who goes on behind its position must have had them all.
   */
  #take(
    commit: StoredCommit,
    reverse: boolean,
    wanted: (event: Place) => boolean,
    only: Only | undefined,
    most: number,
    into: ReadItem[],
  ): number {
    let taken = 0
    for (let n = 0; n < commit.events.length && taken < most; n++) {
      const index = reverse ? commit.events.length - 1 - n : n
      if (!wanted({ version: commit.version + index, position: commit.position + index })) continue
      const before = into.length
      this.#read(commit, index, only, into as RecordedEvent[])
      if (into.length > before) taken++
      if (reverse && into.length > before + 1) into.push(...into.splice(before).toReversed())
    }
    return taken
  }
}

/** What can be asked of an event before it is brought to today's shape. */
interface Place {
  version: number
  position: number
}

/** A choice of event types: events have it by the name of today, and were perhaps stored under another. */
export class Only {
  readonly #types: ReadonlySet<string>
  readonly #schemas: Schemas
  /** For each type met in the journal whether its events may be among those. */
  readonly #stored = new Map<string, boolean>()

  constructor(types: readonly string[], schemas: Schemas) {
    this.#types = new Set(types)
    this.#schemas = schemas
  }

  has(type: string): boolean {
    return this.#types.has(type)
  }

  mayHave(stored: string): boolean {
    let may = this.#stored.get(stored)
    if (may === undefined) {
      may = [...this.#schemas.leadsTo(stored)].some((type) => this.#types.has(type))
      this.#stored.set(stored, may)
    }
    return may
  }
}

/** Hands out batches one by one, at the price of one promise each. */
class Flat<T> implements AsyncIterableIterator<T> {
  readonly #batches: AsyncGenerator<T[], void, undefined>
  #batch: readonly T[] = []
  #at = 0
  #fetching: Promise<unknown> | undefined

  constructor(batches: AsyncGenerator<T[], void, undefined>) {
    this.#batches = batches
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#fetching !== undefined) return this.#fetching.then(() => this.next())
    if (this.#at < this.#batch.length) return Promise.resolve({ done: false, value: this.#batch[this.#at++] as T })
    const more = this.#more()
    this.#fetching = more.catch(() => undefined).finally(() => (this.#fetching = undefined))
    return more
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#batch = []
    await this.#batches.return()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #more(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      const { done, value } = await this.#batches.next()
      if (done === true) return { done: true, value: undefined }
      this.#batch = value
      this.#at = 1
      if (value.length > 0) return { done: false, value: value[0] as T }
    }
  }
}

/** The error for a place in history that cannot be read. */
export function damaged(gap: Damage): JournalError {
  const { firstPosition, lastPosition, reason, segment, offset, recordedAt } = gap
  const positions = `Positions ${firstPosition}${lastPosition === undefined ? '' : ` to ${lastPosition}`}`
  const what = recordedAt === undefined ? 'cannot be read' : `are lost, as was written down on ${new Date(recordedAt).toISOString()}`
  const where = segment === '' ? '' : ` (${segment}, offset ${offset})`
  return new JournalError('JOURNAL_DAMAGED', `${positions} ${what}: ${reason}${where}. Pass { onGap: 'yield' } to read around it.`, {
    damage: [gap],
  })
}

async function* commitsOf(
  groups: AsyncIterable<CommitGroup | Gap>,
  reverse: boolean,
): AsyncGenerator<readonly (StoredCommit | Gap)[], void, undefined> {
  for await (const item of groups) yield 'gap' in item ? [item] : reverse ? item.commits.toReversed() : item.commits
}

function checkReadOptions({ after, limit }: ReadOptions): void {
  if (after !== undefined && (!Number.isSafeInteger(after) || after < 0)) throw new TypeError('after is a whole number from 0')
  if (limit !== undefined && !(limit >= 0)) throw new TypeError('limit is a number from 0')
}
