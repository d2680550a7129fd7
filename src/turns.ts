/**
 * The laws of sessions, turns, tool calls and tasks: which event may follow which, as pure functions over what is open in a
 * stream. A turn or task leaves the state when it ends; that its id was used is remembered by its claim.
 */
import { defineLaw, type Law, type LawEvent, type OpenWork } from './define.js'

export interface CallState {
  id: string
  /** `unknown`: it ran when the process died; it has its outcome and is kept to be told of. */
  status: 'requested' | 'started' | 'unknown'
}

export interface TurnState {
  id: string
  threadId: string
  /** The attempt that runs or ran last; 0 before the first. */
  attempt: number
  /** `ended`: it has its end, and calls of it still get their outcomes in the same commit. */
  status: 'queued' | 'running' | 'interrupted' | 'ended'
  cause?: string
  calls: readonly CallState[]
  /** Items that are being streamed. */
  items: readonly string[]
  /** Questions to the person that wait for an answer. */
  asks: readonly string[]
}

export interface TaskState {
  id: string
  attempt: number
  status: 'queued' | 'running' | 'interrupted' | 'failed'
  cause?: string
}

export interface TurnsState {
  session: 'none' | 'active' | 'archived' | 'deleted'
  threads: readonly { id: string; open: boolean }[]
  /** Turns without an end, in the order in which they were submitted. */
  turns: readonly TurnState[]
  tasks: readonly TaskState[]
}

interface Data {
  threadId?: string
  turnId: string
  attempt?: number
  callId: string
  itemId: string
  approvalId: string
  inputId: string
  taskId: string
  from: string
  cause?: string
}

const ENDS = new Set(['completed', 'failed', 'cancelled', 'interrupted'])

const family = (type: string): string => type.slice(0, type.indexOf('.'))
const verb = (type: string): string => type.slice(type.indexOf('.') + 1)
const dataOf = (event: LawEvent): Data => event.data as Data
const turnOf = (state: TurnsState, event: LawEvent): TurnState | undefined => state.turns.find(({ id }) => id === dataOf(event).turnId)
const taskOf = (state: TurnsState, event: LawEvent): TaskState | undefined => state.tasks.find(({ id }) => id === dataOf(event).taskId)
const askOf = (event: LawEvent): string => (family(event.type) === 'approval' ? `approval:${dataOf(event).approvalId}` : `input:${dataOf(event).inputId}`)
const isOpenCall = ({ status }: CallState): boolean => status !== 'unknown'

export const turnLaw: Law<TurnsState> = defineLaw<TurnsState>({
  name: 'turns',
  revision: 1,
  initial: () => ({ session: 'none', threads: [], turns: [], tasks: [] }),
  complete,
  refuse,
  claims,
  apply,
  consequences,
  close,
  isOpen: ({ turns, tasks }) => turns.length > 0 || tasks.some(({ status }) => status === 'running' || status === 'interrupted'),
  report,
})

/** Every law of the built-in catalogue. */
export const laws: readonly Law[] = [turnLaw as Law]

/** Fills in thread and attempt. An end without an attempt means the first one, never the current one. */
function complete(state: TurnsState, event: LawEvent): unknown {
  const data = dataOf(event)
  const kind = family(event.type)
  const does = verb(event.type)
  if (kind === 'task') return does === 'enqueued' ? data : withMissing(data, { attempt: attemptOf(taskOf(state, event), does, data) })
  if (!['turn', 'item', 'tool', 'approval', 'input'].includes(kind) || does === 'submitted') return data
  const turn = turnOf(state, event)
  if (turn === undefined) return data
  const attempt = kind === 'turn' ? attemptOf(turn, does, data) : turn.attempt
  return withMissing(data, { threadId: turn.threadId, attempt })
}

function attemptOf(of: { attempt: number } | undefined, does: string, { attempt }: Data): number | undefined {
  if (attempt !== undefined || of === undefined) return attempt
  if (does === 'started') return of.attempt + 1
  return ENDS.has(does) ? 1 : Math.max(1, of.attempt)
}

function withMissing(data: Data, fill: { threadId?: string; attempt: number | undefined }): Data {
  const missing: Partial<Data> = {}
  if (data.threadId === undefined && fill.threadId !== undefined) missing.threadId = fill.threadId
  if (data.attempt === undefined && fill.attempt !== undefined) missing.attempt = fill.attempt
  return Object.keys(missing).length === 0 ? data : { ...data, ...missing }
}

function refuse(state: TurnsState, event: LawEvent): string | undefined {
  if (state.session === 'deleted') return 'the session is deleted, and nothing follows that'
  if (state.session === 'archived' && event.type !== 'session.restored') return 'the session is archived; restore it first'
  const kind = family(event.type)
  if (kind === 'session') return refuseSession(state, event)
  if (kind === 'task') return refuseTask(state, event)
  if (!['thread', 'turn', 'item', 'tool', 'approval', 'input'].includes(kind)) return undefined
  if (state.session === 'none') return 'session.created comes first'
  if (kind === 'thread') return refuseThread(state, event)
  if (kind === 'turn') return refuseTurn(state, event)
  return refuseInside(state, event)
}

function refuseSession(state: TurnsState, { type }: LawEvent): string | undefined {
  if (type === 'session.created') return state.session === 'none' ? undefined : 'the session is there already'
  if (state.session === 'none') return 'session.created comes first'
  if (type === 'session.restored') return state.session === 'archived' ? undefined : 'the session is not archived'
  const running = state.turns.find(({ status }) => status === 'running')
  if (type === 'session.updated' || running === undefined) return undefined
  return `turn ${running.id} is running; end it first`
}

function refuseThread(state: TurnsState, event: LawEvent): string | undefined {
  const { threadId, from } = dataOf(event)
  const thread = state.threads.find(({ id }) => id === threadId)
  if (event.type === 'thread.started' || event.type === 'thread.forked') {
    if (thread !== undefined) return `thread ${threadId} is there already`
    const source = event.type === 'thread.started' || state.threads.some(({ id }) => id === from)
    return source ? undefined : `there is no thread ${from} to fork from`
  }
  if (thread === undefined) return `there is no thread ${threadId}; start it first`
  if (!thread.open) return `thread ${threadId} is closed`
  const own = state.turns.filter((turn) => turn.threadId === threadId)
  if (event.type === 'thread.closed') {
    const busy = own.find(({ status }) => status === 'running' || status === 'queued')
    return busy === undefined ? undefined : `turn ${busy.id} is ${busy.status}; end it first`
  }
  const calling = own.find(({ calls }) => calls.some(isOpenCall))
  return calling === undefined ? undefined : `turn ${calling.id} has an open tool call, which a cut here would part from its outcome`
}

function refuseTurn(state: TurnsState, event: LawEvent): string | undefined {
  const { turnId, threadId, attempt } = dataOf(event)
  if (event.type === 'turn.submitted') {
    const thread = state.threads.find(({ id }) => id === threadId)
    if (thread === undefined) return `there is no thread ${threadId}; start it first`
    return thread.open ? undefined : `thread ${threadId} is closed`
  }
  const turn = turnOf(state, event)
  if (turn === undefined) return `turn ${turnId} was not submitted, or has its end`
  if (threadId !== undefined && threadId !== turn.threadId) return `turn ${turnId} is in thread ${turn.threadId}, not ${threadId}`
  if (event.type === 'turn.started') return refuseStart(state, turn, attempt)
  if (event.type === 'turn.steered') return refuseRunning(turn, attempt)
  return refuseEnd(turn, `turn ${turnId}`, verb(event.type), attempt)
}

function refuseStart(state: TurnsState, turn: TurnState, attempt: number | undefined): string | undefined {
  if (turn.status === 'running') return `turn ${turn.id} is running already, in attempt ${turn.attempt}`
  if (attempt !== turn.attempt + 1) return `the next attempt of turn ${turn.id} is ${turn.attempt + 1}, not ${attempt}`
  const running = state.turns.find(({ threadId, status }) => threadId === turn.threadId && status === 'running')
  return running === undefined ? undefined : `turn ${running.id} is running in thread ${turn.threadId}; one runs at a time`
}

/** One end for each turn or task; an interrupted attempt may still get its one real end, late, while no newer one started. */
function refuseEnd(of: { status: string; attempt: number }, name: string, does: string, attempt: number | undefined): string | undefined {
  if (of.status === 'queued') {
    if (does !== 'cancelled') return `${name} was not started`
    return attempt === Math.max(1, of.attempt) || attempt === of.attempt + 1 ? undefined : `${name} has no attempt ${attempt}`
  }
  if (attempt !== of.attempt) return `attempt ${of.attempt} of ${name} is the current one, not ${attempt}; name the attempt that ended`
  if (of.status === 'running' || (of.status === 'interrupted' && does !== 'interrupted')) return undefined
  return `${name} has its end`
}

function refuseRunning(turn: TurnState, attempt: number | undefined): string | undefined {
  if (turn.status !== 'running') return `turn ${turn.id} is not running`
  return attempt === turn.attempt ? undefined : `attempt ${turn.attempt} of turn ${turn.id} is running, not ${attempt}`
}

/** Items, calls and questions live in a running turn; a question may be answered while its turn is interrupted. */
function refuseInside(state: TurnsState, event: LawEvent): string | undefined {
  const { turnId, attempt, itemId, callId } = dataOf(event)
  const turn = turnOf(state, event)
  if (turn === undefined) return `turn ${turnId} was not submitted, or has its end`
  if (event.type === 'approval.resolved' || event.type === 'input.resolved') {
    return turn.asks.includes(askOf(event)) ? undefined : `${askOf(event)} does not wait for an answer`
  }
  const idle = refuseRunning(turn, attempt)
  if (idle !== undefined) return idle
  if (event.type === 'item.started' && turn.items.includes(itemId)) return `item ${itemId} is being streamed already`
  if (event.type === 'item.delta' && !turn.items.includes(itemId)) return `item ${itemId} is not being streamed; start it first`
  if (family(event.type) !== 'tool' || event.type === 'tool.requested') return undefined
  const call = turn.calls.find(({ id }) => id === callId)
  if (call === undefined || !isOpenCall(call)) return `call ${callId} was not requested in turn ${turnId}, or has its outcome`
  return event.type === 'tool.started' && call.status === 'started' ? `call ${callId} was started already` : undefined
}

function refuseTask(state: TurnsState, event: LawEvent): string | undefined {
  const { taskId, attempt } = dataOf(event)
  if (event.type === 'task.enqueued') return undefined
  const task = taskOf(state, event)
  const name = `task ${taskId}`
  if (task === undefined) return `${name} was not enqueued, or has its end`
  const does = verb(event.type)
  if (does === 'retried') return task.status === 'interrupted' || task.status === 'failed' ? undefined : `${name} is ${task.status}`
  if (does === 'started') {
    if (task.status !== 'queued') return `${name} is ${task.status}${task.status === 'running' ? '' : '; retry it first'}`
    return attempt === task.attempt + 1 ? undefined : `the next attempt of ${name} is ${task.attempt + 1}, not ${attempt}`
  }
  if (does === 'progressed') return task.status === 'running' && attempt === task.attempt ? undefined : `attempt ${attempt} of ${name} is not running`
  return refuseEnd(task, name, does, attempt)
}

/** Ids are used once in a stream. Each part is encoded, so that no two ids meet. */
function claims(event: LawEvent): string[] {
  const { threadId, turnId, callId, itemId, taskId } = dataOf(event)
  const name = (...parts: unknown[]): string => parts.map((part) => encodeURIComponent(String(part))).join('/')
  switch (event.type) {
    case 'thread.started':
    case 'thread.forked':
      return [name('thread', threadId)]
    case 'turn.submitted':
      return [name('turn', turnId)]
    case 'item.completed':
      return [name('item', turnId, itemId)]
    case 'tool.requested':
      return [name('call', turnId, callId)]
    case 'approval.requested':
      return [name('approval', turnId, dataOf(event).approvalId)]
    case 'input.requested':
      return [name('input', turnId, dataOf(event).inputId)]
    case 'task.enqueued':
      return [name('task', taskId)]
    default:
      return []
  }
}

function apply(state: TurnsState, event: LawEvent): TurnsState {
  const { threadId = '', taskId } = dataOf(event)
  switch (event.type) {
    case 'session.created':
    case 'session.restored':
      return { ...state, session: 'active' }
    case 'session.archived':
      return { ...state, session: 'archived' }
    case 'session.deleted':
      return { ...state, session: 'deleted' }
    case 'thread.started':
    case 'thread.forked':
      return { ...state, threads: [...state.threads.filter(({ id }) => id !== threadId), { id: threadId, open: true }] }
    case 'thread.closed':
      return { ...state, threads: state.threads.map((thread) => (thread.id === threadId ? { ...thread, open: false } : thread)) }
    case 'turn.submitted':
      return { ...state, turns: [...state.turns, { id: dataOf(event).turnId, threadId, attempt: 0, status: 'queued', calls: [], items: [], asks: [] }] }
    case 'task.enqueued':
      return { ...state, tasks: [...state.tasks, { id: taskId, attempt: 0, status: 'queued' }] }
  }
  if (family(event.type) === 'task') return withTask(state, event)
  const turn = turnOf(state, event)
  if (turn === undefined) return state
  const next = applyToTurn(turn, event)
  const gone = next.status === 'ended' && !next.calls.some(isOpenCall)
  return { ...state, turns: gone ? state.turns.filter((other) => other !== turn) : state.turns.map((other) => (other === turn ? next : other)) }
}

function applyToTurn(turn: TurnState, event: LawEvent): TurnState {
  const { callId, itemId, attempt, cause = 'runtime' } = dataOf(event)
  const withoutCall = turn.calls.filter(({ id }) => id !== callId)
  switch (event.type) {
    case 'turn.started':
      return { ...turn, status: 'running', attempt: attempt ?? turn.attempt + 1, items: [], asks: [], calls: turn.calls.filter(isOpenCall) }
    case 'turn.completed':
    case 'turn.failed':
    case 'turn.cancelled':
      return { ...turn, status: 'ended', items: [], asks: [] }
    case 'turn.interrupted':
      return { ...turn, status: 'interrupted', cause, items: [] }
    case 'item.started':
      return { ...turn, items: [...turn.items, itemId] }
    case 'item.completed':
      return turn.items.includes(itemId) ? { ...turn, items: turn.items.filter((id) => id !== itemId) } : turn
    case 'tool.requested':
      return { ...turn, calls: [...withoutCall, { id: callId, status: 'requested' }] }
    case 'tool.started':
      return { ...turn, calls: [...withoutCall, { id: callId, status: 'started' }] }
    case 'tool.finished':
      return { ...turn, calls: withoutCall }
    case 'tool.unknown':
      return { ...turn, calls: [...withoutCall, { id: callId, status: 'unknown' }] }
    case 'approval.requested':
    case 'input.requested':
      return { ...turn, asks: [...turn.asks, askOf(event)] }
    case 'approval.resolved':
    case 'input.resolved':
      return { ...turn, asks: turn.asks.filter((ask) => ask !== askOf(event)) }
    default:
      return turn
  }
}

function withTask(state: TurnsState, event: LawEvent): TurnsState {
  const task = taskOf(state, event)
  if (task === undefined) return state
  const next = applyToTask(task, event)
  return { ...state, tasks: next === undefined ? state.tasks.filter((other) => other !== task) : state.tasks.map((other) => (other === task ? next : other)) }
}

function applyToTask(task: TaskState, event: LawEvent): TaskState | undefined {
  const { attempt = task.attempt, cause = 'runtime' } = dataOf(event)
  switch (verb(event.type)) {
    case 'started':
      return { id: task.id, status: 'running', attempt }
    case 'completed':
    case 'cancelled':
      return undefined
    case 'failed':
      return { id: task.id, status: 'failed', attempt: task.attempt }
    case 'interrupted':
      return { ...task, status: 'interrupted', cause }
    case 'retried':
      return { id: task.id, status: 'queued', attempt: task.attempt }
    default:
      return task
  }
}

/** A turn's end gives every open call its outcome; an archive or a deletion cancels what was queued. */
function consequences(state: TurnsState): LawEvent[] {
  const events: LawEvent[] = []
  for (const turn of state.turns) {
    const about = { turnId: turn.id, threadId: turn.threadId, attempt: Math.max(1, turn.attempt) }
    if (state.session === 'archived' || state.session === 'deleted') {
      if (turn.status === 'queued') events.push({ type: 'turn.cancelled', data: { ...about, reason: `session ${state.session}` } })
    }
    if (turn.status !== 'ended' && turn.status !== 'interrupted') continue
    for (const call of turn.calls) {
      if (call.status === 'started') events.push({ type: 'tool.unknown', data: { ...about, callId: call.id, cause: 'the turn ended first' } })
      else if (call.status === 'requested' && turn.status === 'ended') events.push({ type: 'tool.finished', data: { ...about, callId: call.id, status: 'not-run' } })
    }
  }
  return events
}

function close(state: TurnsState, cause: 'crash' | 'shutdown'): LawEvent[] {
  const events: LawEvent[] = []
  for (const turn of state.turns) {
    if (turn.status !== 'running') continue
    const about = { turnId: turn.id, threadId: turn.threadId, attempt: turn.attempt }
    for (const call of turn.calls) if (call.status === 'started') events.push({ type: 'tool.unknown', data: { ...about, callId: call.id, cause } })
    events.push({ type: 'turn.interrupted', data: { ...about, cause } })
  }
  for (const task of state.tasks) if (task.status === 'running') events.push({ type: 'task.interrupted', data: { taskId: task.id, attempt: task.attempt, cause } })
  return events
}

function report({ turns, tasks }: TurnsState, orphaned: boolean): OpenWork {
  const isInterrupted = ({ status }: { status: string }): boolean => status === 'interrupted' || (orphaned && status === 'running')
  const causeOf = ({ status, cause }: { status: string; cause?: string }): string => (status === 'running' ? 'crash' : (cause ?? 'runtime'))
  return {
    interrupted: turns.filter(isInterrupted).map((turn) => ({
      threadId: turn.threadId,
      turnId: turn.id,
      attempt: turn.attempt,
      cause: causeOf(turn),
      calls: turn.calls.map(({ id }) => id),
    })),
    pending: turns.filter(({ status }) => status === 'queued').map(({ id, threadId }) => ({ threadId, turnId: id })),
    tasks: tasks.filter(isInterrupted).map((task) => ({ taskId: task.id, attempt: task.attempt, cause: causeOf(task) })),
  }
}
