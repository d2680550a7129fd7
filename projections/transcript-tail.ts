/**
 * The last entries of a transcript from the newest events of its session alone. What lies before them is one entry that stands for all of
 * it; the same fold goes over the rest, and where its outcome would hang on what was not read, more has to be.
 */
import type { RecordedEvent } from '../src/define.js'
import { handlers, initial } from './transcript-events.js'
import { Log, type TranscriptItem } from './transcript-log.js'
import { transcript, type Transcript } from './transcript.js'

/** The end of a transcript: what is said of the whole of it is not here. */
export interface TranscriptTail extends Pick<Transcript, 'session' | 'threadId' | 'status' | 'position' | 'version' | 'items' | 'gaps'> {
  /** Whether the thread has entries before these. */
  more: boolean
}

/** The end of a transcript that is whole. */
export function tailOf({ session, threadId, status, position, version, items, gaps }: Transcript, last: number): TranscriptTail {
  const end = { session, threadId, status, position, version, items: items.slice(-last), more: items.length > last }
  return gaps === undefined ? end : { ...end, gaps }
}

/** Stands for what lies before the newest events, whatever that is. */
const BEFORE: TranscriptItem = { type: 'note', turnId: '', about: 'lost', text: '' }

/**
 * The same from the newest events of a session that lost none, oldest first; undefined where they do not tell it for certain. `atWork`: the turn
 * of the thread that runs, or the first that waits where none does.
 */
export function tailFrom(
  events: readonly RecordedEvent[],
  threadId: string,
  last: number,
  atWork: readonly string[],
): TranscriptTail | undefined {
  const state = initial()
  // What lies before the beginning of a turn that goes on behind it stands for itself no more than what was not read.
  const { from, threads } = beginningOf(events, threadId, atWork)
  for (const [id, isOlder] of threads) if (isOlder) state.threads.set(id, new Log([{ order: ++state.order, turnId: '', item: BEFORE }]))
  for (const event of events.slice(from)) transcript.apply(state, event)
  if (state.unresolved.some((cut) => threads.has(cut.threadId))) return undefined
  const whole = transcript.finish(state, threadId)
  const known = whole.items.slice(whole.items.indexOf(BEFORE) + 1)
  // One more than asked for, or nobody knows whether there is more.
  if (known.length < whole.items.length && known.length <= last) return undefined
  return tailOf(whole, last)
}

interface Told {
  threadId?: string
  turnId?: string
  from?: string
  fromSession?: string
}

/**
 * From which of the events on no turn of theirs began earlier, so that what they did to it can be told; and the threads of which they hold
 * entries for the page from there on, with whether these are older.
 */
function beginningOf(
  events: readonly RecordedEvent[],
  threadId: string,
  atWork: readonly string[],
): { from: number; threads: Map<string, boolean> } {
  const threads = new Map([[threadId, true]])
  const turns = new Set(atWork)
  let beginning = { from: events.length, threads: new Map(threads) }
  for (let i = events.length - 1; i >= 0; i--) {
    tell(events[i] as RecordedEvent, threadId, threads, turns)
    if (turns.size === 0) beginning = { from: i, threads: new Map(threads) }
  }
  return beginning
}

function tell({ type, data }: RecordedEvent, threadId: string, threads: Map<string, boolean>, turns: Set<string>): void {
  const { threadId: id = threadId, turnId, from, fromSession } = data as Told
  if (!handlers.has(type) || !threads.has(id)) return
  if (type === 'thread.started' || type === 'thread.forked') threads.set(id, false)
  // What it was forked from goes on by itself from here.
  if (type === 'thread.forked' && from !== undefined && fromSession === undefined && !threads.has(from)) threads.set(from, true)
  if (turnId === undefined) return
  if (type === 'turn.submitted') turns.delete(turnId)
  else turns.add(turnId)
}
