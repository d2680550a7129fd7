/**
 * What a thread held, in order, with the cuts that were made in it. Nothing is taken out: a fork may begin before a
 * compaction, and hidden is not gone.
 */
import type { ContentPart } from '../src/events.js'

/** How a call ended. `unknown`: it ran when the process died. `not-run`: it never started. */
export interface CallOutcome {
  status: 'ok' | 'error' | 'denied' | 'cancelled' | 'timed-out' | 'not-run' | 'unknown'
  content: readonly ContentPart[]
}

export type TranscriptItem =
  | { type: 'input'; turnId: string; content: readonly ContentPart[]; role?: string; steered?: true }
  | { type: 'output'; turnId: string; itemId: string; kind: string; role?: string; content: readonly ContentPart[]; partial?: true }
  | { type: 'call'; turnId: string; callId: string; name: string; arguments: unknown; outcome: CallOutcome; pending?: true }
  | { type: 'question'; turnId: string; id: string; asks: 'approval' | 'input'; callId?: string; question: string; answer?: string }
  | { type: 'summary'; content: readonly ContentPart[] }
  | { type: 'note'; turnId: string; about: 'interrupted' | 'failed' | 'cancelled' | 'lost'; text: string }

export interface Entry {
  readonly order: number
  readonly turnId: string
  item: TranscriptItem
  /** What came of an item that is still being streamed. */
  streamed?: ContentPart[]
  /** A call without an outcome. */
  open?: 'requested' | 'started'
  /** It turned out not to be so. */
  void?: true
}

interface Cut {
  readonly order: number
  /** Order of the last entry before the cut. */
  readonly cut: number
  /** What stands for what lies before; a cut without one hides what lies behind. */
  readonly summary?: TranscriptItem
}

export class Log {
  readonly #records: (Entry | Cut)[] = []
  closed = false
  #truncated = false
  /** Order of the last entry that any compaction covered, also one that was hidden since. */
  #covered = -1

  constructor(entries: readonly Entry[] = []) {
    this.#records.push(...entries)
  }

  add(entry: Entry): void {
    this.#records.push(entry)
  }

  compact(order: number, cut: number, summary: TranscriptItem): void {
    this.#records.push({ order, cut, summary })
    this.#covered = Math.max(this.#covered, cut)
  }

  truncate(order: number, cut: number): void {
    this.#records.push({ order, cut })
    this.#truncated = true
  }

  /** Order of the last entry that fits; undefined if none does. */
  last(fits: (entry: Entry) => boolean): number | undefined {
    return this.#records.findLast((record) => !('cut' in record) && fits(record))?.order
  }

  /** Whether no truncation hides the entry. */
  holds(order: number): boolean {
    return !this.#truncated || this.#kept().some((record) => record.order === order)
  }

  /** Whether a summary stands for the entry. */
  covers(order: number): boolean {
    return order <= this.#covered && this.#kept().some((record) => 'cut' in record && order <= record.cut)
  }

  /** What is to be seen of it, as it was with everything up to `order`. */
  visible(order?: number): Entry[] {
    let seen: Entry[] = []
    for (const record of this.#kept(order)) {
      if (!('cut' in record)) seen.push(record)
      else if (record.summary !== undefined) seen = [summaryOf(record, record.summary), ...seen.filter((entry) => entry.order > record.cut)]
    }
    return seen.filter((entry) => entry.void !== true)
  }

  /** Entries and compactions that no truncation hides. */
  #kept(order = Number.POSITIVE_INFINITY): (Entry | Cut)[] {
    const kept: (Entry | Cut)[] = []
    for (const record of this.#records) {
      if (record.order > order) break
      if ('cut' in record && record.summary === undefined) while ((kept.at(-1)?.order ?? -1) > record.cut) kept.pop()
      else kept.push(record)
    }
    return kept
  }

  /** The beginning of a fork: copies, as they stand; what still changes here does not change there. */
  copy(order?: number): Entry[] {
    return this.visible(order).map((entry) => ({ order: entry.order, turnId: entry.turnId, item: shown(entry) }))
  }
}

/** An entry as it stands: what is still open is as good as it will be if nothing more comes. */
export function shown({ item, streamed, open }: Entry): TranscriptItem {
  if (item.type === 'output' && streamed !== undefined) return { ...item, content: streamed.map((part) => ({ ...part })), partial: true }
  if (item.type !== 'call' || open === undefined) return item
  return { ...item, outcome: { status: open === 'started' ? 'unknown' : 'not-run', content: [] }, pending: true }
}

function summaryOf({ cut }: Cut, item: TranscriptItem): Entry {
  return { order: cut, turnId: '', item }
}
