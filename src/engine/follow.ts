/** Following: what is there, then what comes, as it comes. */
import type { RecordedEvent } from '../define.js'
import { JournalError } from '../errors.js'
import type { CommitStore, Head } from '../storage/commit-store.js'
import type { LawStates } from './laws.js'
import { damaged, type Reading } from './reading.js'

export interface FollowOptions {
  /** Exclusive: a position, or a position with its digest, to be sure that it is still the same history. */
  after?: number | Head
  /** Only events of these types, by the names they have today. */
  types?: readonly string[]
  signal?: AbortSignal
}

/**
 * Every event behind `after`, then each new one once it is durable, without gap or repeat, until the signal aborts or
 * the journal closes. Nothing is held for a follower but its place: a slow one reads from the journal later.
 */
export async function* follow(
  store: CommitStore<LawStates>,
  reading: Reading,
  options: FollowOptions,
): AsyncGenerator<RecordedEvent, void, undefined> {
  const { signal } = options
  let at = await startOf(store, options.after ?? 0)
  const only = reading.only(options.types)
  const news = new News(store, signal)
  try {
    while (!news.ended) {
      const seen = news.count
      const upTo = store.synced.position
      for await (const item of upTo > at ? store.read({ after: at, upTo, signal }) : []) {
        if (news.ended) return
        if ('gap' in item) {
          // What is known to be lost has been told; a follower goes on behind it.
          if (item.gap.recordedAt === undefined) throw damaged(item.gap)
          at = Math.max(at, item.gap.lastPosition ?? at)
          continue
        }
        for (const event of reading.group(item, at, only)) {
          if (news.ended) return
          yield event
        }
        at = Math.max(at, item.head.position)
      }
      await news.after(seen)
    }
  } finally {
    news.stop()
  }
}

const HOLD_MS = 60_000

/** Wakes a follower when there is something new, or nothing more to come. */
class News {
  count = 0
  ended = false
  #failure: Error | undefined
  #wake: (() => void) | undefined
  readonly #stop: () => void

  constructor(store: CommitStore<LawStates>, signal: AbortSignal | undefined) {
    const end = (): void => {
      this.ended = true
      this.#tell()
    }
    const unsubscribe = store.subscribe({
      synced: () => this.#tell(),
      failed: (error) => {
        this.#failure = error instanceof Error ? error : new Error(String(error))
        this.#tell()
      },
    })
    signal?.addEventListener('abort', end, { once: true })
    if (signal?.aborted === true) end()
    this.#stop = () => {
      unsubscribe()
      signal?.removeEventListener('abort', end)
    }
  }

  /** Resolves when something was told after `seen`. Rejects with what failed; a closed journal ends quietly. */
  async after(seen: number): Promise<void> {
    if (this.count === seen && !this.ended && this.#failure === undefined) {
      // Somebody waits: that alone keeps the process alive.
      const hold = setInterval(() => undefined, HOLD_MS)
      await new Promise<void>((resolve) => (this.#wake = resolve))
      clearInterval(hold)
    }
    if (this.#failure === undefined) return
    if (!(this.#failure instanceof JournalError) || this.#failure.code !== 'JOURNAL_CLOSED') throw this.#failure
    this.ended = true
  }

  stop(): void {
    this.#stop()
  }

  #tell(): void {
    this.count++
    this.#wake?.()
    this.#wake = undefined
  }
}

async function startOf(store: CommitStore<LawStates>, after: number | Head): Promise<number> {
  const { position, digest } = typeof after === 'number' ? { position: after, digest: undefined } : after
  if (!Number.isSafeInteger(position) || position < 0) throw new TypeError('after is a position, from 0')
  if (position > store.head.position || (digest !== undefined && !(await store.holds({ position, digest })))) {
    throw new JournalError(
      'JOURNAL_HISTORY_CHANGED',
      `Position ${position} is not part of this history, which ends at ${store.head.position}. Read it from the beginning and compare.`,
      {
        position,
        ...(digest === undefined ? {} : { digest }),
      },
    )
  }
  return position
}
