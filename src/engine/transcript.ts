/** Folds a stream into what the next model call of a thread is given: the fold is the built-in catalogue's, the reading is here. */
import type { RecordedEvent } from '../define.js'
import type { Damage } from '../errors.js'
import { damaged, type Reading } from './reading.js'

export interface TranscriptOptions {
  onGap?: 'throw' | 'yield'
  /** Compactions and truncations are passed over: what a person reads, and not what a model is given. */
  uncut?: boolean
}

/** A fold over one stream's events into what a model call needs. */
export interface TranscriptFold<T = unknown, R = unknown> {
  /** Events that take something out of what the next model call is given. */
  cuts: ReadonlySet<string>
  initial(): T
  apply(state: T, event: RecordedEvent): T
  /** Positions of the stream that are lost. */
  gap(state: T, gap: Damage): T
  finish(state: T, threadId: string): R
}

/** @throws JournalError JOURNAL_DAMAGED at a gap that nobody wrote down, unless `onGap: 'yield'`. */
export async function transcriptOf<R>(
  reading: Reading,
  fold: TranscriptFold<unknown, R>,
  stream: string,
  threadId: string,
  { onGap, uncut = false }: TranscriptOptions,
): Promise<R> {
  let state = fold.initial()
  for await (const item of reading.stream(stream, { onGap: 'yield' })) {
    if (!('gap' in item)) state = uncut && fold.cuts.has(item.type) ? state : fold.apply(state, item)
    else if (item.gap.recordedAt === undefined && onGap !== 'yield') throw damaged(item.gap)
    else state = fold.gap(state, item.gap)
  }
  return fold.finish(state, threadId)
}
