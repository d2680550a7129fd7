/** The ways out: events of one stream or of all, in today's shape. */
import type { RecordedEvent } from '../define.js'
import { JournalError, type Damage } from '../errors.js'
import type { CommitGroup, CommitStore, Gap, StoredCommit } from '../storage/commit-store.js'
import type { LawStates } from './laws.js'
import type { Schemas } from './schemas.js'

export interface ReadOptions {
  /** Exclusive: a version for one stream, a position for all. In reverse, reading goes on below it. */
  after?: number
  limit?: number
  reverse?: boolean
  /** `throw` (the default) ends at a gap with JOURNAL_DAMAGED; `yield` delivers `{ gap }` in its place. */
  onGap?: 'throw' | 'yield'
  signal?: AbortSignal
}

export interface ReadAllOptions extends ReadOptions {
  /** Only events of these types. */
  types?: readonly string[]
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
    const bound = after === undefined ? {} : reverse ? { before: after } : { after }
    const commits = this.#store.readStream(stream, { reverse, ...bound, ...(signal === undefined ? {} : { signal }) })
    const wanted = (event: Place): boolean => after === undefined || (reverse ? event.version < after : event.version > after)
    return this.#events(single(commits), reverse, wanted, options)
  }

  /** Events of all streams in the order of their positions. */
  all(options: ReadAllOptions): AsyncIterableIterator<ReadItem> {
    checkReadOptions(options)
    const { after, reverse = false, types, signal } = options
    const abort = signal === undefined ? {} : { signal }
    const groups = reverse
      ? this.#store.readReverse({ ...(after === undefined ? {} : { before: after }), ...abort })
      : this.#store.read({ after: after ?? 0, ...abort })
    const only = types === undefined ? undefined : new Set(types)
    const wanted = (event: Place): boolean =>
      (only === undefined || only.has(event.type)) && (after === undefined || (reverse ? event.position < after : event.position > after))
    return this.#events(commitsOf(groups, reverse), reverse, wanted, options)
  }

  /** Events of a group behind a position; gaps throw. */
  group(group: CommitGroup, after: number, only: ReadonlySet<string> | undefined): RecordedEvent[] {
    const events: RecordedEvent[] = []
    for (const commit of group.commits) {
      for (const [i, stored] of commit.events.entries()) {
        if (commit.position + i > after && (only === undefined || only.has(stored.type))) events.push(this.#schemas.event(commit, i))
      }
    }
    return events
  }

  /** Events commit by commit; what a caller is handed one by one is read in batches. */
  #events(
    commits: AsyncIterable<readonly (StoredCommit | Gap)[]>,
    reverse: boolean,
    wanted: (event: Place) => boolean,
    options: ReadOptions,
  ): AsyncIterableIterator<ReadItem> {
    return new Flat(this.#batches(commits, reverse, wanted, options))
  }

  async *#batches(
    commits: AsyncIterable<readonly (StoredCommit | Gap)[]>,
    reverse: boolean,
    wanted: (event: Place) => boolean,
    { limit = Number.POSITIVE_INFINITY, onGap = 'throw' }: ReadOptions,
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
        else left -= this.#take(item, reverse, wanted, left, batch)
        if (left <= 0) break
      }
      yield batch
      if (gap !== undefined) throw damaged(gap)
      if (left <= 0) return
    }
  }

  /** Adds the events of a commit that are wanted, `most` at the most; returns how many there were. */
  #take(commit: StoredCommit, reverse: boolean, wanted: (event: Place) => boolean, most: number, into: ReadItem[]): number {
    const before = into.length
    for (let n = 0; n < commit.events.length && into.length - before < most; n++) {
      const index = reverse ? commit.events.length - 1 - n : n
      const place = { version: commit.version + index, position: commit.position + index, type: commit.events[index]?.type as string }
      if (wanted(place)) into.push(this.#schemas.event(commit, index))
    }
    return into.length - before
  }
}

/** What can be asked of an event before it is brought to today's shape. */
interface Place {
  version: number
  position: number
  type: string
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

async function* single(commits: AsyncIterable<StoredCommit | Gap>): AsyncGenerator<readonly (StoredCommit | Gap)[], void, undefined> {
  for await (const commit of commits) yield [commit]
}

function checkReadOptions({ after, limit }: ReadOptions): void {
  if (after !== undefined && (!Number.isSafeInteger(after) || after < 0)) throw new TypeError('after is a whole number from 0')
  if (limit !== undefined && !(limit >= 0)) throw new TypeError('limit is a number from 0')
}
