/**
 * What the next model call of a thread needs, folded from its session's events: contents in order, compaction and
 * truncation applied, every tool call with its one outcome, partial output marked, interruptions said.
 *
 * Not a projection: its state holds contents, is changed in place while it is folded, and is thrown away after.
 */
import type { RecordedEvent } from '../src/define.js'
import type { ContentPart } from '../src/events.js'
import { handlers, initial, lose, type Beginning, type Gap, type Setting, type TranscriptState } from './transcript-events.js'
import { shown, type CallOutcome, type TranscriptItem } from './transcript-log.js'

export type { CallOutcome, TranscriptItem }

export interface Transcript extends Setting {
  session: string
  threadId: string
  /** `none`: the session has no such thread. A deleted session has nothing to show. */
  status: 'none' | 'open' | 'closed' | 'deleted'
  /** Position and stream version of the last event that it includes; 0 where the stream is empty. */
  position: number
  version: number
  /** The thread goes on with one of another session, whose transcript comes before this one. */
  continues?: Beginning
  items: TranscriptItem[]
  /** Turns that wait behind the one whose call comes next; their input is not in `items` yet. */
  queue: { turnId: string; content: readonly ContentPart[] }[]
  /** Positions of compactions, truncations and forks at a turn or an item that is not there; they cut nothing. */
  unresolved: number[]
  /** What of the session is lost; absent where nothing is. */
  gaps?: Gap[]
}

export const transcript = {
  cuts: new Set(['thread.compacted', 'thread.truncated']),
  initial,

  apply(state: TranscriptState, event: RecordedEvent): TranscriptState {
    state.session = event.stream
    state.position = event.position
    state.version = event.version
    if (!state.deleted) handlers.get(event.type)?.(state, event as never)
    return state
  },

  gap(state: TranscriptState, gap: Gap): TranscriptState {
    lose(state, gap)
    return state
  },

  finish(state: TranscriptState, threadId: string): Transcript {
    const { session, position, version } = state
    const beginning = state.beginnings.get(threadId)
    const unresolved = state.unresolved.filter((cut) => cut.threadId === threadId).map((cut) => cut.position)
    const log = state.threads.get(threadId)
    const status = state.deleted ? 'deleted' : log === undefined ? 'none' : log.closed ? 'closed' : 'open'
    const own = [...state.turns].filter(([, turn]) => turn.threadId === threadId)
    const waiting = own.filter(([, { status: is }]) => is === 'queued')
    const items = (log?.visible() ?? []).map(shown)
    // The next call is the running turn's; where none runs, that of the turn that waits first.
    const next = own.some(([, { status: is }]) => is === 'running') ? undefined : waiting.shift()
    if (next !== undefined) items.push(next[1].input)
    const queue = waiting.map(([turnId, { input }]) => ({ turnId, content: input.type === 'input' ? input.content : [] }))
    const setting = { ...state.setting, ...state.settings.get(threadId) }
    return {
      session,
      threadId,
      status,
      position,
      version,
      ...setting,
      ...(beginning === undefined ? {} : { continues: beginning }),
      items,
      queue,
      unresolved,
      ...(state.gaps.length === 0 ? {} : { gaps: [...state.gaps] }),
    }
  },
}
