/** What each event does to a transcript that is being folded. */
import type { RecordedEventOf } from '../src/define.js'
import type { ContentPart, events } from '../src/events.js'
import { Log, type CallOutcome, type Entry, type TranscriptItem } from './transcript-log.js'

type Definitions = (typeof events)['definitions']
type Of<T extends keyof Definitions> = RecordedEventOf<Definitions, T>
/** Who works in a session or a thread, and with what: the latest that was said. */
export interface Setting {
  instructions?: string
  agent?: string
  model?: string
  provider?: string
  workspace?: string
}

/** Where the history before a thread's own lies. */
export interface Beginning {
  session: string
  threadId: string
  throughTurnId?: string
}

interface Turn {
  threadId: string
  input: TranscriptItem
  status: 'queued' | 'running' | 'interrupted' | 'ended'
  /** Order of its input in the log, once it was started. */
  begun?: number
  interruption?: Entry
}

export interface TranscriptState {
  session: string
  position: number
  version: number
  deleted: boolean
  order: number
  setting: Setting
  settings: Map<string, Setting>
  threads: Map<string, Log>
  turns: Map<string, Turn>
  /** Items, calls and questions by kind, turn and id: they are added to later. */
  entries: Map<string, Entry>
  unresolved: { threadId: string; position: number }[]
  /** Threads that go on with a thread of another session. */
  beginnings: Map<string, Beginning>
  gaps: Gap[]
}

/** Positions of which nothing is left. */
export interface Gap {
  firstPosition: number
  lastPosition?: number
}

export const initial = (): TranscriptState => ({
  session: '',
  position: 0,
  version: 0,
  deleted: false,
  order: 0,
  setting: {},
  settings: new Map(),
  threads: new Map(),
  turns: new Map(),
  entries: new Map(),
  unresolved: [],
  beginnings: new Map(),
  gaps: [],
})

const text = (value: string): ContentPart[] => [{ type: 'text', text: value }]
const keyOf = (...parts: string[]): string => JSON.stringify(parts)

type Handler<T extends keyof Definitions> = (state: TranscriptState, event: Of<T>) => void
type Handlers = { [T in keyof Definitions]?: Handler<T> }

const byType: Handlers = {
  'session.created': (state, { data }) => void (state.setting = { ...state.setting, ...settingOf(data) }),
  'session.updated': (state, { data }) => void (state.setting = { ...state.setting, ...settingOf(data) }),
  'session.deleted': (state, { stream: id, position, version }) => {
    Object.assign(state, initial(), { session: id, position, version, deleted: true })
  },
  'thread.started': (state, { data }) => {
    if (!state.threads.has(data.threadId)) state.threads.set(data.threadId, new Log())
    state.settings.set(data.threadId, settingOf(data))
  },
  'thread.forked': (state, { data, position }) => {
    const source = data.from === undefined || data.fromSession !== undefined ? undefined : state.threads.get(data.from)
    const cut = data.throughTurnId === undefined ? undefined : endOf(source, data.throughTurnId)
    if (data.throughTurnId !== undefined && data.fromSession === undefined && cut === undefined)
      state.unresolved.push({ threadId: data.threadId, position })
    if (data.from !== undefined && data.fromSession !== undefined)
      state.beginnings.set(data.threadId, beginningOf(data, data.fromSession, data.from))
    state.threads.set(data.threadId, new Log(source?.copy(cut)))
    state.settings.set(data.threadId, { ...state.settings.get(data.from ?? '') })
  },
  'thread.compacted': (state, { data, position }) => {
    const { threadId, summary, content, throughTurnId } = data
    const log = logOf(state, threadId)
    const cut = throughTurnId === undefined ? state.order : endOf(log, throughTurnId)
    if (cut === undefined) state.unresolved.push({ threadId, position })
    log.compact(++state.order, cut ?? 0, {
      type: 'summary',
      content: [...(summary === undefined ? [] : text(summary)), ...(content ?? [])],
    })
  },
  'thread.truncated': (state, { data, position }) => {
    const log = logOf(state, data.threadId)
    const cut = truncationOf(state, log, data)
    if (cut === undefined) state.unresolved.push({ threadId: data.threadId, position })
    else log.truncate(++state.order, cut)
  },
  'thread.closed': (state, { data }) => void (logOf(state, data.threadId).closed = true),
  'turn.submitted': (state, { data }) => {
    const { threadId, turnId, role, attachments = [] } = data
    const input = { type: 'input' as const, turnId, ...(role === undefined ? {} : { role }), content: [...data.input, ...attachments] }
    state.turns.set(turnId, { threadId, input, status: 'queued' })
  },
  'turn.started': (state, { data }) => begin(state, data.turnId),
  'turn.steered': (state, { data }) => {
    const { turnId, role, input = [], attachments = [] } = data
    add(state, { type: 'input', turnId, ...(role === undefined ? {} : { role }), content: [...input, ...attachments], steered: true })
  },
  'turn.completed': (state, { data }) => end(state, data.turnId),
  'turn.failed': (state, { data }) => end(state, data.turnId, 'failed', data.error.message),
  'turn.cancelled': (state, { data }) => end(state, data.turnId, 'cancelled', data.reason),
  'turn.interrupted': (state, { data }) => {
    const turn = state.turns.get(data.turnId)
    if (turn?.status !== 'running') return
    turn.status = 'interrupted'
    turn.interruption = add(state, note(data.turnId, 'interrupted', data.cause ?? data.reason))
  },
  'item.started': (state, { data }) => {
    const { turnId, itemId, kind, role } = data
    const before = state.entries.get(keyOf('item', turnId, itemId))
    if (before !== undefined && before.streamed === undefined) return
    keep(
      state,
      'item',
      itemId,
      { type: 'output', turnId, itemId, kind, ...(role === undefined ? {} : { role }), content: [] },
      { streamed: [] },
    )
  },
  'item.delta': (state, { data }) => {
    const { streamed } = state.entries.get(keyOf('item', data.turnId, data.itemId)) ?? {}
    if (streamed !== undefined)
      for (const part of [...(data.text === undefined ? [] : text(data.text)), ...(data.content ?? [])]) stream(streamed, part)
  },
  'item.completed': (state, { data }) => complete(state, data),
  'tool.requested': (state, { data }) => {
    const { turnId, callId, name } = data
    const outcome = { status: 'not-run' as const, content: [] }
    keep(state, 'call', callId, { type: 'call', turnId, callId, name, arguments: data.arguments, outcome }, { open: 'requested' })
  },
  'tool.started': (state, { data }) => {
    const entry = state.entries.get(keyOf('call', data.turnId, data.callId))
    if (entry?.open !== undefined) entry.open = 'started'
  },
  'tool.finished': (state, { data }) => settle(state, data, { status: data.status ?? 'ok', content: data.content ?? [] }),
  'tool.unknown': (state, { data }) => settle(state, data, { status: 'unknown', content: [] }),
  'approval.requested': (state, { data }) => ask(state, data, 'approval', data.approvalId, data.question ?? 'May this run?'),
  'approval.resolved': (state, { data }) => answer(state, keyOf('approval', data.turnId, data.approvalId), data.decision ?? 'answered'),
  'input.requested': (state, { data }) => ask(state, data, 'input', data.inputId, data.question ?? ''),
  'input.resolved': (state, { data }) => {
    const said = typeof data.answer === 'string' ? text(data.answer) : (data.answer ?? [])
    const parts = said.map((part) => (part.type === 'text' ? part.text : JSON.stringify(part)))
    answer(state, keyOf('input', data.turnId, data.inputId), data.declined === true ? 'declined' : parts.join('\n'))
  },
}

export const handlers = new Map(Object.entries(byType)) as ReadonlyMap<string, (state: TranscriptState, event: never) => void>

/** Something was lost here, in any of the threads: whoever reads on must know, the model too. */
export function lose(state: TranscriptState, { firstPosition, lastPosition = firstPosition }: Gap): void {
  state.gaps.push({ firstPosition, lastPosition })
  const said = `A part of this session was lost here (positions ${firstPosition} to ${lastPosition} of the journal).`
  for (const log of state.threads.values())
    log.add({ order: ++state.order, turnId: '', item: { type: 'note', turnId: '', about: 'lost', text: said } })
}

function settingOf({ instructions, agent, model, provider, workspace }: { [K in keyof Setting]?: unknown }): Setting {
  return Object.fromEntries(Object.entries({ instructions, agent, model, provider, workspace }).filter(([, value]) => value !== undefined))
}

function beginningOf({ throughTurnId }: Of<'thread.forked'>['data'], session: string, threadId: string): Beginning {
  return { session, threadId, ...(throughTurnId === undefined ? {} : { throughTurnId }) }
}

function logOf(state: TranscriptState, threadId: string): Log {
  const log = state.threads.get(threadId) ?? new Log()
  state.threads.set(threadId, log)
  return log
}

const endOf = (log: Log | undefined, turnId: string): number | undefined => log?.last((entry) => entry.turnId === turnId)

function truncationOf(state: TranscriptState, log: Log, { afterTurnId, afterItemId }: Of<'thread.truncated'>['data']): number | undefined {
  if (afterItemId === undefined) return afterTurnId === undefined ? 0 : endOf(log, afterTurnId)
  const isIn = ({ turnId }: Entry): boolean =>
    afterTurnId === undefined ? state.turns.get(turnId)?.status === 'running' : turnId === afterTurnId
  return log.last((entry) => isIn(entry) && entry.item.type === 'output' && entry.item.itemId === afterItemId)
}

function add(state: TranscriptState, item: TranscriptItem & { turnId: string }, more: Partial<Entry> = {}): Entry {
  const entry: Entry = { ...more, order: ++state.order, turnId: item.turnId, item }
  const turn = state.turns.get(item.turnId)
  if (turn !== undefined) logOf(state, turn.threadId).add(entry)
  return entry
}

function keep(
  state: TranscriptState,
  kind: 'item' | 'call' | 'approval' | 'input',
  id: string,
  item: TranscriptItem & { turnId: string },
  more: Partial<Entry> = {},
): void {
  state.entries.set(keyOf(kind, item.turnId, id), add(state, item, more))
}

/** A turn's input stands where it began; again, where a truncation has hidden it since. */
function begin(state: TranscriptState, turnId: string): void {
  const turn = state.turns.get(turnId)
  if (turn === undefined) return
  const log = logOf(state, turn.threadId)
  const isThere = turn.begun !== undefined && log.holds(turn.begun)
  if (!isThere) turn.begun = add(state, turn.input as TranscriptItem & { turnId: string }).order
  turn.status = 'running'
  delete turn.interruption
}

/** A late end takes the place of the interruption that was said before. */
function end(state: TranscriptState, turnId: string, how?: 'failed' | 'cancelled', why?: string): void {
  const turn = state.turns.get(turnId)
  if (turn === undefined || turn.status === 'ended') return
  if (turn.interruption !== undefined) turn.interruption.void = true
  if (how !== undefined && turn.status !== 'queued') add(state, note(turnId, how, why))
  turn.status = 'ended'
}

function note(turnId: string, about: 'interrupted' | 'failed' | 'cancelled', why: string | undefined): TranscriptItem & { turnId: string } {
  const what = about === 'failed' ? 'The turn failed' : `The turn was ${about}`
  return { type: 'note', turnId, about, text: why === undefined ? what : `${what}: ${why}` }
}

/** Pieces of text run together; other parts stand by themselves. */
function stream(streamed: ContentPart[], part: ContentPart): void {
  const before = streamed.at(-1)
  if (part.type === 'text' && before?.type === 'text') before.text += part.text
  else streamed.push({ ...part })
}

/** A completed item makes its deltas redundant. One that a compaction covered while it was streamed comes behind the summary. */
function complete(state: TranscriptState, { turnId, itemId, kind, role, content }: Of<'item.completed'>['data']): void {
  const entry = state.entries.get(keyOf('item', turnId, itemId))
  if (entry !== undefined && entry.streamed === undefined) return
  const before = entry?.item.type === 'output' ? entry.item : { type: 'output' as const, turnId, itemId, kind: 'message' }
  const own = { kind: kind ?? before.kind, ...(role === undefined ? {} : { role }), content: content ?? entry?.streamed ?? [] }
  const item = { ...before, ...own }
  const log = state.threads.get(state.turns.get(turnId)?.threadId ?? '')
  if (entry === undefined || log?.covers(entry.order) === true) keep(state, 'item', itemId, item)
  else {
    entry.item = item
    delete entry.streamed
  }
}

function settle(state: TranscriptState, { turnId, callId }: { turnId: string; callId: string }, outcome: CallOutcome): void {
  const entry = state.entries.get(keyOf('call', turnId, callId))
  if (entry?.item.type !== 'call' || entry.open === undefined) return
  entry.item = { ...entry.item, outcome }
  delete entry.open
}

function ask(
  state: TranscriptState,
  data: { turnId: string; callId?: string | undefined },
  asks: 'approval' | 'input',
  id: string,
  question: string,
): void {
  const { turnId, callId } = data
  keep(state, asks, id, { type: 'question', turnId, id, asks, ...(callId === undefined ? {} : { callId }), question })
}

function answer(state: TranscriptState, key: string, said: string): void {
  const entry = state.entries.get(key)
  if (entry?.item.type === 'question') entry.item = { ...entry.item, answer: said }
}
