/**
 * Folds a stream into what the next model call of a thread is given, or the newest of its events into the end of that: the fold is the
 * built-in catalogue's, the reading is here.
 */
import type { RecordedEvent } from '../define.js'
import type { Damage } from '../errors.js'
import type { CommitStore } from '../storage/commit-store.js'
import type { Laws, LawStates } from './laws.js'
import { damaged, type Reading } from './reading.js'

export interface TranscriptOptions {
  onGap?: 'throw' | 'yield'
  /** Compactions and truncations are passed over: what a person reads, and not what a model is given. */
  uncut?: boolean
}

export interface TailOptions extends TranscriptOptions {
  /** How many entries at the most, from 1. */
  last: number
}

/** A fold over one stream's events into what a model call needs. */
export interface TranscriptFold<T = unknown, R = unknown, P = unknown> {
  /** Events that take something out of what the next model call is given. */
  cuts: ReadonlySet<string>
  initial(): T
  apply(state: T, event: RecordedEvent): T
  /** Positions of the stream that are lost. */
  gap(state: T, gap: Damage): T
  finish(state: T, threadId: string): R
  /** The last entries of what came of the whole stream. */
  tailOf(whole: R, last: number): P
  /**
   * The same from the stream's newest events, none of which are lost; undefined where these do not tell it for certain. `atWork`: turns of
   * the thread that run, or else the first that waits.
   */
  tailFrom(events: readonly RecordedEvent[], threadId: string, last: number, atWork: readonly string[]): P | undefined
}

export interface TranscriptSources {
  store: CommitStore<LawStates>
  laws: Laws
  reading: Reading
}

/** How many events are looked at first for each entry that was asked for, and at least; then twice as many, until they are enough. */
const EVENTS_PER_ENTRY = 4
const EVENTS_MIN = 64

/** @throws JournalError JOURNAL_DAMAGED at a gap that nobody wrote down, unless `onGap: 'yield'`. */
export async function transcriptOf<R>(
  { reading }: Pick<TranscriptSources, 'reading'>,
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

/** The last entries of the same. Reads the newest events, and all of them only where the entries may hang on the oldest. */
export async function tailOf<R, P>(
  sources: TranscriptSources,
  fold: TranscriptFold<unknown, R, P>,
  stream: string,
  threadId: string,
  options: TailOptions,
): Promise<P> {
  const { last } = options
  if (!Number.isSafeInteger(last) || last < 1) throw new TypeError('last is a whole number from 1')
  const tail = await fromNewest(sources, fold, stream, threadId, options)
  return tail ?? fold.tailOf(await transcriptOf(sources, fold, stream, threadId, options), last)
}

/** Undefined where the newest events are not enough, or most of them are no less work than all. */
async function fromNewest<P>(
  { store, laws, reading }: TranscriptSources,
  fold: TranscriptFold<unknown, unknown, P>,
  stream: string,
  threadId: string,
  { last, uncut = false }: TailOptions,
): Promise<P | undefined> {
  // What a gap took with it cannot be told from the events behind it.
  if ((await store.gapsOf(stream)).length > 0) return undefined
  const { version, note } = await store.stream(stream)
  if (note instanceof Error) return undefined
  const atWork = turnsAtWork(laws, note, threadId)
  const newest: RecordedEvent[] = []
  let read = 0
  let enough = Math.max(EVENTS_MIN, last * EVENTS_PER_ENTRY)
  if (isMost(enough, version)) return undefined
  for await (const item of reading.stream(stream, { reverse: true, after: version + 1, onGap: 'yield' })) {
    if ('gap' in item) return undefined
    if (!uncut || !fold.cuts.has(item.type)) newest.push(item)
    if (++read < enough) continue
    const tail = fold.tailFrom(newest.toReversed(), threadId, last, atWork)
    if (tail !== undefined) return tail
    enough *= 2
    if (isMost(enough, version)) return undefined
  }
  return undefined
}

const isMost = (events: number, version: number): boolean => events * 2 > version

/** What a law says would be interrupted if the process died now, beside what is; else the first of what waits. */
export function turnsAtWork(laws: Laws, note: LawStates, threadId: string): string[] {
  const inThread = <T extends { threadId: string }>(turns: readonly T[]): T[] => turns.filter((turn) => turn.threadId === threadId)
  const work = laws.report(note, false)
  const interrupted = new Set(work.flatMap((one) => one.interrupted.map(({ turnId }) => turnId)))
  const cutOff = inThread(laws.report(note, true).flatMap((one) => one.interrupted)).filter(({ turnId }) => !interrupted.has(turnId))
  const waiting = inThread(work.flatMap((one) => one.pending)).slice(0, 1)
  return (cutOff.length > 0 ? cutOff : waiting).map(({ turnId }) => turnId)
}
