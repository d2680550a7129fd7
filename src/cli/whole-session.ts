/** One session whole: its views, and what was said in each of its threads. */
import {
  session,
  thread,
  turn,
  type Damage,
  type SessionState,
  type ThreadState,
  type Transcript,
  type TranscriptOptions,
  type TurnRow,
} from '../index.js'
import type { OpenedJournal } from './command.js'

export interface WholeSession {
  session: SessionState
  threads: ThreadState[]
  turns: TurnRow[]
  transcripts: Transcript[]
  /** What of it is lost, or may be. */
  gaps: Damage[]
}

/** Where there is none, what is lost of the journal and may have held it. */
export async function wholeSession(
  journal: OpenedJournal,
  id: string,
  { brief = false, ...options }: { brief?: boolean } & TranscriptOptions = {},
): Promise<WholeSession | { session?: undefined; gaps: Damage[] }> {
  const { state, gaps = [] } = await journal.view(session, id)
  if (state === undefined) return { gaps }
  const threads = await rows(journal.list(thread, { by: 'started', prefix: [id] }))
  const turns = await rows(journal.list(turn, { by: 'submitted', prefix: [id] }))
  const transcripts: Transcript[] = []
  if (!brief) for (const { threadId } of threads) transcripts.push(await journal.transcript(id, threadId, options))
  return { session: state, threads, turns, transcripts, gaps }
}

/** Turns that are no part of the thread any more; the journal has them. */
export function hiddenTurns({ threadId, items, queue }: Transcript, of: ThreadState | undefined, turns: readonly TurnRow[]): number {
  if (of === undefined || of.compactions + of.truncations === 0) return 0
  const shown = new Set([...items, ...queue].flatMap((one) => ('turnId' in one ? [one.turnId] : [])))
  return turns.filter((one) => one.threadId === threadId && !shown.has(one.turnId)).length
}

async function rows<S>(list: AsyncIterable<{ state: S }>): Promise<S[]> {
  const all: S[] = []
  for await (const { state } of list) all.push(state)
  return all
}
