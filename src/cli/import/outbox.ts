/** Commits on their way into the journal: many at once, so that they share a sync, and bounded in what they hold. */
import { isJournalError } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import type { Fields } from './fields.js'

export interface Commit {
  stream: string
  expectedVersion: number
  commitId?: string
  /** When another journal recorded it. */
  at?: number
  events: readonly { type: string; data: unknown; meta?: Fields }[]
  /** How many the laws will add to them; anything may be added where nobody says. */
  added?: number
  bytes: number
}

const BYTES_MAX = 1024 * 1024
const COMMITS_MAX = 256

/** Errors that say something of the commit, and not of the journal. */
const OF_THE_COMMIT = new Set([
  'JOURNAL_LAW_BROKEN',
  'JOURNAL_EVENT_INVALID',
  'JOURNAL_LIMIT',
  'JOURNAL_VERSION_CONFLICT',
  'JOURNAL_COMMIT_ID_REUSED',
  'JOURNAL_DAMAGED',
])

export class Outbox {
  readonly #journal: OpenedJournal | undefined
  readonly #onWay = new Set<Promise<void>>()
  #bytes = 0
  #fatal: Error | undefined
  /** Events that are in the journal now. */
  added = 0

  /** Without a journal everything counts as added, and nothing is. */
  constructor(journal: OpenedJournal | undefined) {
    this.#journal = journal
  }

  /** `refused` hears why a commit was not taken. @throws what is wrong with the journal. */
  async send(commit: Commit, refused: (why: string) => void): Promise<void> {
    if (this.#journal === undefined) {
      this.added += commit.events.length + (commit.added ?? 0)
      return
    }
    while (this.#onWay.size >= COMMITS_MAX || (this.#bytes > 0 && this.#bytes + commit.bytes > BYTES_MAX)) await Promise.race(this.#onWay)
    this.#check()
    this.#bytes += commit.bytes
    const sent = this.#append(this.#journal, commit, refused).finally(() => {
      this.#bytes -= commit.bytes
      this.#onWay.delete(sent)
    })
    this.#onWay.add(sent)
  }

  /** Everything that was sent has arrived, or was refused. @throws what is wrong with the journal. */
  async drain(): Promise<void> {
    await Promise.all(this.#onWay)
    this.#check()
  }

  async #append(journal: OpenedJournal, commit: Commit, refused: (why: string) => void): Promise<void> {
    const { stream, events, added, bytes: _, ...options } = commit
    try {
      const { version } = await journal.append(stream, events, options)
      const more = version - options.expectedVersion - events.length
      this.added += events.length + more
      if (added !== undefined && more !== added) refused(`the laws of this program add ${more} event(s) where ${added} stood`)
    } catch (error) {
      if (isJournalError(error) && OF_THE_COMMIT.has(error.code)) refused(error.message)
      else this.#fatal ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  #check(): void {
    if (this.#fatal !== undefined) throw this.#fatal
  }
}
