/**
 * What is open in a session, and how each event moves it: the state of the law of turns. A turn leaves it with its end,
 * a thread when it is closed; that an id was used is remembered by its claim.
 *
 * Lists of small records, not objects keyed by id: an id may be `__proto__`.
 */
import type { LawEvent } from './define.js'

export interface OpenCall {
  id: string
  /** `unknown`: it ran when the process died. It has its outcome and is kept to be told of, until the turn starts again. */
  status: 'requested' | 'started' | 'unknown'
}

/** A turn that was started and has no end. */
export interface OpenTurn {
  id: string
  threadId: string
  /** The attempt that runs or ran last. */
  attempt: number
  /** `ended`: its end is said, and calls of it still get their outcomes in the same commit. */
  status: 'running' | 'interrupted' | 'ended'
  cause?: string
  calls: readonly OpenCall[]
  /** Items that are being streamed. */
  items: readonly string[]
  /** Questions to the person that wait for an answer. */
  asks: readonly string[]
}

export interface OpenThread {
  id: string
  /** Turns that were submitted and not started, in order. */
  queue: readonly string[]
  /** Its turns without an end still get theirs, in the same commit. */
  closed?: true
}

export interface OpenSession {
  /** `tasks`: the stream belongs to tasks alone. */
  session: 'none' | 'tasks' | 'active' | 'archived' | 'deleted'
  threads: readonly OpenThread[]
  turns: readonly OpenTurn[]
}

/** Fields of any built-in event that the laws look at. */
export interface Fields {
  threadId?: string
  turnId?: string
  attempt?: number
  callId?: string
  itemId?: string
  approvalId?: string
  inputId?: string
  taskId?: string
  from?: string
  fromSession?: string
  throughTurnId?: string
  afterTurnId?: string
  afterItemId?: string
  cause?: string
}

export const NOTHING_OPEN: OpenSession = { session: 'none', threads: [], turns: [] }

export const fieldsOf = ({ data }: LawEvent): Fields => (typeof data === 'object' && data !== null ? data : {})
export const threadOf = (state: OpenSession, id: string | undefined): OpenThread | undefined =>
  state.threads.find((thread) => thread.id === id)
export const turnOf = (state: OpenSession, id: string | undefined): OpenTurn | undefined => state.turns.find((turn) => turn.id === id)
/** The thread in which a turn waits. */
export const queueOf = (state: OpenSession, id: string | undefined): OpenThread | undefined =>
  id === undefined ? undefined : state.threads.find(({ queue }) => queue.includes(id))
export const runningIn = (state: OpenSession, threadId: string | undefined): OpenTurn | undefined =>
  state.turns.find((turn) => turn.threadId === threadId && turn.status === 'running')
export const callOf = (turn: OpenTurn, id: string | undefined): OpenCall | undefined => turn.calls.find((call) => call.id === id)
export const awaitsOutcome = ({ status }: OpenCall): boolean => status !== 'unknown'
/** A question's name among those of its turn. */
export const askOf = ({ approvalId, inputId = '' }: Fields): string =>
  approvalId === undefined ? `input:${inputId}` : `approval:${approvalId}`

/** Ids are used once in a stream. Two ids in one name are a JSON array, so that no two pairs of ids share it. */
export function claims(event: LawEvent): string[] {
  switch (event.type) {
    case 'thread.started':
    case 'thread.forked':
      return [`thread:${fieldsOf(event).threadId ?? ''}`]
    case 'turn.submitted':
      return [`turn:${fieldsOf(event).turnId ?? ''}`]
    case 'item.completed':
      return [`item:${pair(event, 'itemId')}`]
    case 'tool.requested':
      return [`call:${pair(event, 'callId')}`]
    case 'approval.requested':
      return [`approval:${pair(event, 'approvalId')}`]
    case 'input.requested':
      return [`input:${pair(event, 'inputId')}`]
    default:
      return []
  }
}

function pair(event: LawEvent, id: 'itemId' | 'callId' | 'approvalId' | 'inputId'): string {
  const fields = fieldsOf(event)
  return JSON.stringify([fields.turnId, fields[id]])
}

/** The state after an event. Never throws, and makes the best of what no law would let in. */
export function apply(state: OpenSession, event: LawEvent): OpenSession {
  const fields = fieldsOf(event)
  const onSession = sessionMoves.get(event.type)
  if (onSession !== undefined) return onSession(state, fields)
  const onTurn = turnMoves.get(event.type)
  if (onTurn !== undefined) return moveTurn(state, fields, onTurn)
  return event.type.startsWith('task.') && state.session === 'none' ? { ...state, session: 'tasks' } : state
}

type SessionMove = (state: OpenSession, fields: Fields) => OpenSession

/** Nothing brings a deleted session back. */
const become =
  (session: OpenSession['session']): SessionMove =>
  (state) =>
    state.session === 'deleted' ? state : { ...state, session }

const sessionMoves = new Map<string, SessionMove>([
  ['session.created', become('active')],
  ['session.restored', become('active')],
  ['session.archived', become('archived')],
  ['session.deleted', (state) => tidy({ ...state, session: 'deleted', turns: [] })],
  ['thread.started', startThread],
  ['thread.forked', startThread],
  ['thread.closed', (state, { threadId }) => tidy(withThread(state, threadId, (thread) => ({ ...thread, closed: true })))],
  ['turn.submitted', submit],
  ['turn.started', start],
  ['turn.completed', end],
  ['turn.failed', end],
  ['turn.cancelled', end],
])

type TurnMove = (turn: OpenTurn, fields: Fields) => OpenTurn

const turnMoves = new Map<string, TurnMove>([
  [
    'turn.interrupted',
    (turn, fields) => (isOlder(turn, fields) ? turn : { ...turn, status: 'interrupted', cause: fields.cause ?? 'runtime' }),
  ],
  ['item.started', (turn, { itemId = '' }) => (turn.items.includes(itemId) ? turn : { ...turn, items: [...turn.items, itemId] })],
  [
    'item.completed',
    (turn, { itemId = '' }) => (turn.items.includes(itemId) ? { ...turn, items: turn.items.filter((id) => id !== itemId) } : turn),
  ],
  ['tool.requested', (turn, fields) => withCall(turn, fields, 'requested')],
  ['tool.started', (turn, fields) => withCall(turn, fields, 'started')],
  ['tool.finished', (turn, { callId }) => ({ ...turn, calls: turn.calls.filter(({ id }) => id !== callId) })],
  ['tool.unknown', (turn, fields) => withCall(turn, fields, 'unknown')],
  ['approval.requested', asked],
  ['approval.resolved', answered],
  ['input.requested', asked],
  ['input.resolved', answered],
])

function startThread(state: OpenSession, { threadId = '' }: Fields): OpenSession {
  return threadOf(state, threadId) === undefined ? { ...state, threads: [...state.threads, { id: threadId, queue: [] }] } : state
}

function submit(state: OpenSession, fields: Fields): OpenSession {
  const { threadId, turnId = '' } = fields
  return withThread(startThread(state, fields), threadId, (thread) => ({ ...thread, queue: thread.queue.concat(turnId) }))
}

/** Questions of the attempt before, and what it streamed, are over; calls that never started can still be run. */
function start(state: OpenSession, { turnId = '', threadId, attempt }: Fields): OpenSession {
  const turn = turnOf(state, turnId)
  if (turn !== undefined) {
    const { cause: _, ...rest } = turn
    return withTurn(state, turn, {
      ...rest,
      status: 'running',
      attempt: attempt ?? turn.attempt + 1,
      calls: turn.calls.filter(awaitsOutcome),
      items: [],
      asks: [],
    })
  }
  const queued = queueOf(state, turnId)
  const begun: OpenTurn = {
    id: turnId,
    threadId: queued?.id ?? threadId ?? '',
    attempt: attempt ?? 1,
    status: 'running',
    calls: [],
    items: [],
    asks: [],
  }
  return { ...unqueued(state, queued, turnId), turns: [...state.turns, begun] }
}

function end(state: OpenSession, fields: Fields): OpenSession {
  const queued = queueOf(state, fields.turnId)
  if (queued !== undefined) return tidy(unqueued(state, queued, fields.turnId))
  return moveTurn(state, fields, (turn) => (isOlder(turn, fields) ? turn : { ...turn, status: 'ended', items: [], asks: [] }))
}

const isOlder = ({ attempt }: OpenTurn, fields: Fields): boolean => fields.attempt !== undefined && fields.attempt < attempt

function moveTurn(state: OpenSession, fields: Fields, move: TurnMove): OpenSession {
  const turn = turnOf(state, fields.turnId)
  return turn === undefined ? state : withTurn(state, turn, move(turn, fields))
}

function withTurn(state: OpenSession, turn: OpenTurn, next: OpenTurn): OpenSession {
  if (next === turn) return state
  if (next.status === 'ended' && !next.calls.some(awaitsOutcome))
    return tidy({ ...state, turns: state.turns.filter((other) => other !== turn) })
  return { ...state, turns: state.turns.map((other) => (other === turn ? next : other)) }
}

function withThread(state: OpenSession, threadId: string | undefined, change: (thread: OpenThread) => OpenThread): OpenSession {
  return { ...state, threads: state.threads.map((thread) => (thread.id === threadId ? change(thread) : thread)) }
}

function unqueued(state: OpenSession, thread: OpenThread | undefined, turnId: string | undefined): OpenSession {
  return withThread(state, thread?.id, ({ queue, ...rest }) => ({ ...rest, queue: queue.filter((id) => id !== turnId) }))
}

/** A closed thread leaves once all its turns have their end, as every thread of a deleted session does. */
function tidy(state: OpenSession): OpenSession {
  const isGone = ({ id, queue, closed }: OpenThread): boolean =>
    (closed === true || state.session === 'deleted') && queue.length === 0 && !state.turns.some(({ threadId }) => threadId === id)
  return state.threads.some(isGone) ? { ...state, threads: state.threads.filter((thread) => !isGone(thread)) } : state
}

function withCall(turn: OpenTurn, { callId = '' }: Fields, status: OpenCall['status']): OpenTurn {
  const call = { id: callId, status }
  const isKnown = callOf(turn, callId) !== undefined
  return { ...turn, calls: isKnown ? turn.calls.map((other) => (other.id === callId ? call : other)) : [...turn.calls, call] }
}

function asked(turn: OpenTurn, fields: Fields): OpenTurn {
  return { ...turn, asks: [...turn.asks, askOf(fields)] }
}

function answered(turn: OpenTurn, fields: Fields): OpenTurn {
  return { ...turn, asks: turn.asks.filter((ask) => ask !== askOf(fields)) }
}
