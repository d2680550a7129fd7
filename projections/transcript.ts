/**
 * What the next model call of a thread needs, folded from its session's events: contents in order, compaction and
 * truncation applied, every tool call with its one outcome, partial output marked, interruptions said.
 *
 * Not a projection: its state holds contents, is changed in place while it is folded, and is thrown away after.
 */
import type { RecordedEvent, RecordedEventOf } from '../src/define.js'
import type { ContentPart, events } from '../src/events.js'

/** How a call ended. `unknown`: it ran when the process died. `not-run`: it never started. */
export interface CallOutcome {
  status: 'ok' | 'error' | 'denied' | 'cancelled' | 'not-run' | 'unknown'
  content: readonly ContentPart[]
}

export type TranscriptItem =
  | { type: 'input'; turnId: string; content: readonly ContentPart[] }
  | { type: 'output'; turnId: string; itemId: string; kind: string; content: readonly ContentPart[]; partial?: true }
  | { type: 'call'; turnId: string; callId: string; name: string; arguments: unknown; outcome: CallOutcome }
  | { type: 'question'; turnId: string; id: string; question: string; answer?: string }
  | { type: 'summary'; content: readonly ContentPart[] }
  | { type: 'note'; turnId: string; text: string }

export interface Transcript {
  session: string
  threadId: string
  /** Position of the last event that it includes; 0 where the stream is empty. */
  position: number
  items: TranscriptItem[]
}

type Definitions = (typeof events)['definitions']
type Of<T extends keyof Definitions & string> = RecordedEventOf<Definitions, T>
type Entry = { turnId: string; item: TranscriptItem; streamed?: string; open?: 'requested' | 'started' }

interface Turn {
  threadId: string
  input: readonly ContentPart[]
  started: boolean
}

export interface TranscriptState {
  session: string
  position: number
  threads: Map<string, Entry[]>
  turns: Map<string, Turn>
  queue: string[]
  running: Set<string>
  /** Entries that change later: items by turn and id, calls and questions likewise. */
  open: Map<string, Entry>
}

export const transcript = {
  initial: (): TranscriptState => ({
    session: '',
    position: 0,
    threads: new Map(),
    turns: new Map(),
    queue: [],
    running: new Set(),
    open: new Map(),
  }),

  apply(state: TranscriptState, event: RecordedEvent): TranscriptState {
    state.session = event.stream
    state.position = event.position
    const handler = handlers[event.type as keyof typeof handlers] as ((state: TranscriptState, event: RecordedEvent) => void) | undefined
    handler?.(state, event)
    return state
  },

  finish(state: TranscriptState, threadId: string): Transcript {
    const entries = (state.threads.get(threadId) ?? []).map(shown)
    // The next call is the running turn's; where none runs, that of the turn that waits first.
    const isRunning = [...state.running].some((turnId) => state.turns.get(turnId)?.threadId === threadId)
    const next = isRunning ? undefined : state.queue.find((turnId) => state.turns.get(turnId)?.threadId === threadId)
    if (next !== undefined) entries.push({ type: 'input', turnId: next, content: state.turns.get(next)?.input ?? [] })
    return { session: state.session, threadId, position: state.position, items: entries }
  },
}

const text = (value: string): ContentPart[] => [{ type: 'text', text: value }]
const keyOf = (...parts: string[]): string => JSON.stringify(parts)

/** An entry as it stands: what is still open is as good as it will be if nothing more comes. */
function shown({ item, streamed, open }: Entry): TranscriptItem {
  if (item.type === 'output' && streamed !== undefined) return { ...item, content: streamed === '' ? [] : text(streamed), partial: true }
  if (item.type === 'call' && open !== undefined)
    return { ...item, outcome: { status: open === 'started' ? 'unknown' : 'not-run', content: [] } }
  return item
}

function add(state: TranscriptState, item: TranscriptItem & { turnId: string }, more: Partial<Entry> = {}): Entry {
  const entry: Entry = { turnId: item.turnId, item, ...more }
  const threadId = state.turns.get(item.turnId)?.threadId
  if (threadId !== undefined) entriesOf(state, threadId).push(entry)
  return entry
}

function entriesOf(state: TranscriptState, threadId: string): Entry[] {
  const known = state.threads.get(threadId) ?? []
  state.threads.set(threadId, known)
  return known
}

/** How many entries there are up to the end of a turn, or all of them where none is named. */
function through(entries: readonly Entry[], turnId: string | undefined): number {
  return turnId === undefined ? entries.length : entries.findLastIndex((entry) => entry.turnId === turnId) + 1
}

function leave(state: TranscriptState, turnId: string): void {
  state.running.delete(turnId)
  state.queue = state.queue.filter((id) => id !== turnId)
}

const handlers = {
  'thread.started': (state: TranscriptState, { data }: Of<'thread.started'>) => void entriesOf(state, data.threadId),
  'thread.forked': (state: TranscriptState, { data }: Of<'thread.forked'>) => {
    const source = state.threads.get(data.from) ?? []
    state.threads.set(data.threadId, source.slice(0, through(source, data.throughTurnId)))
  },
  'thread.compacted': (state: TranscriptState, { data }: Of<'thread.compacted'>) => {
    const entries = entriesOf(state, data.threadId)
    const summary: Entry = { turnId: '', item: { type: 'summary', content: text(data.summary) } }
    state.threads.set(data.threadId, [summary, ...entries.slice(through(entries, data.throughTurnId))])
  },
  'thread.truncated': (state: TranscriptState, { data }: Of<'thread.truncated'>) => {
    const entries = entriesOf(state, data.threadId)
    const { afterItemId, afterTurnId } = data
    const kept =
      afterItemId !== undefined
        ? entries.findLastIndex(({ item }) => item.type === 'output' && item.itemId === afterItemId) + 1
        : afterTurnId === undefined
          ? 0
          : through(entries, afterTurnId)
    state.threads.set(data.threadId, entries.slice(0, kept))
  },
  'turn.submitted': (state: TranscriptState, { data }: Of<'turn.submitted'>) => {
    state.turns.set(data.turnId, { threadId: data.threadId, input: [...data.input, ...(data.attachments ?? [])], started: false })
    state.queue.push(data.turnId)
  },
  'turn.started': (state: TranscriptState, { data }: Of<'turn.started'>) => {
    const turn = state.turns.get(data.turnId)
    leave(state, data.turnId)
    state.running.add(data.turnId)
    if (turn === undefined || turn.started) return
    turn.started = true
    add(state, { type: 'input', turnId: data.turnId, content: turn.input })
  },
  'turn.steered': (state: TranscriptState, { data }: Of<'turn.steered'>) =>
    void add(state, { type: 'input', turnId: data.turnId, content: data.input ?? [] }),
  'turn.completed': (state: TranscriptState, { data }: Of<'turn.completed'>) => leave(state, data.turnId),
  'turn.failed': (state: TranscriptState, { data }: Of<'turn.failed'>) => {
    add(state, { type: 'note', turnId: data.turnId, text: `The turn failed: ${data.error.message}` })
    leave(state, data.turnId)
  },
  'turn.cancelled': (state: TranscriptState, { data }: Of<'turn.cancelled'>) => {
    if (state.turns.get(data.turnId)?.started === true)
      add(state, {
        type: 'note',
        turnId: data.turnId,
        text: `The turn was cancelled${data.reason === undefined ? '' : `: ${data.reason}`}`,
      })
    leave(state, data.turnId)
  },
  'turn.interrupted': (state: TranscriptState, { data }: Of<'turn.interrupted'>) => {
    add(state, { type: 'note', turnId: data.turnId, text: `The turn was interrupted (${data.cause ?? data.reason ?? 'no cause given'})` })
    leave(state, data.turnId)
  },
  'item.started': (state: TranscriptState, { data }: Of<'item.started'>) => {
    const { turnId, itemId, kind } = data
    state.open.set(keyOf('item', turnId, itemId), add(state, { type: 'output', turnId, itemId, kind, content: [] }, { streamed: '' }))
  },
  'item.delta': (state: TranscriptState, { data }: Of<'item.delta'>) => {
    const entry = state.open.get(keyOf('item', data.turnId, data.itemId))
    if (entry?.streamed !== undefined) entry.streamed += data.text ?? ''
  },
  'item.completed': (state: TranscriptState, { data }: Of<'item.completed'>) => {
    const { turnId, itemId, kind } = data
    const known = state.open.get(keyOf('item', turnId, itemId))
    const entry = known ?? add(state, { type: 'output', turnId, itemId, kind: kind ?? 'message', content: [] })
    const before = entry.item as Extract<TranscriptItem, { type: 'output' }>
    entry.item = {
      ...before,
      kind: kind ?? before.kind,
      content: data.content ?? (entry.streamed === undefined ? [] : text(entry.streamed)),
    }
    delete entry.streamed
  },
  'tool.requested': (state: TranscriptState, { data }: Of<'tool.requested'>) => {
    const { turnId, callId, name } = data
    const item = {
      type: 'call' as const,
      turnId,
      callId,
      name,
      arguments: data.arguments,
      outcome: { status: 'not-run' as const, content: [] },
    }
    state.open.set(keyOf('call', turnId, callId), add(state, item, { open: 'requested' }))
  },
  'tool.started': (state: TranscriptState, { data }: Of<'tool.started'>) => {
    const entry = state.open.get(keyOf('call', data.turnId, data.callId))
    if (entry?.open !== undefined) entry.open = 'started'
  },
  'tool.finished': (state: TranscriptState, { data }: Of<'tool.finished'>) =>
    settle(state, data, { status: data.status ?? 'ok', content: data.content ?? [] }),
  'tool.unknown': (state: TranscriptState, { data }: Of<'tool.unknown'>) => settle(state, data, { status: 'unknown', content: [] }),
  'input.requested': (state: TranscriptState, { data }: Of<'input.requested'>) => {
    const { turnId, inputId, question = '' } = data
    state.open.set(keyOf('input', turnId, inputId), add(state, { type: 'question', turnId, id: inputId, question }))
  },
  'input.resolved': (state: TranscriptState, { data }: Of<'input.resolved'>) => {
    const answer = (data.answer ?? []).map((part) => (part.type === 'text' ? part.text : JSON.stringify(part))).join('\n')
    reply(state, keyOf('input', data.turnId, data.inputId), answer)
  },
  'approval.requested': (state: TranscriptState, { data }: Of<'approval.requested'>) => {
    const { turnId, approvalId, question = 'May this run?' } = data
    state.open.set(keyOf('approval', turnId, approvalId), add(state, { type: 'question', turnId, id: approvalId, question }))
  },
  'approval.resolved': (state: TranscriptState, { data }: Of<'approval.resolved'>) =>
    reply(state, keyOf('approval', data.turnId, data.approvalId), data.decision),
}

function settle(state: TranscriptState, { turnId, callId }: { turnId: string; callId: string }, outcome: CallOutcome): void {
  const entry = state.open.get(keyOf('call', turnId, callId))
  if (entry?.item.type !== 'call' || entry.open === undefined) return
  entry.item = { ...entry.item, outcome }
  delete entry.open
}

function reply(state: TranscriptState, key: string, answer: string): void {
  const entry = state.open.get(key)
  if (entry?.item.type === 'question') entry.item = { ...entry.item, answer }
}
