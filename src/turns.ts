/**
 * The law of sessions, threads and turns: which event may follow which, as pure functions over what is open in a stream.
 * `open-work.ts` says how events move that state; the law of tasks stands beside it in `tasks.ts`.
 */
import { defineLaw, type Law, type LawEvent, type OpenWork } from './define.js'
import {
  apply,
  askOf,
  awaitsOutcome,
  callOf,
  claims,
  fieldsOf,
  NOTHING_OPEN,
  queueOf,
  runningIn,
  threadOf,
  turnOf,
  type Fields,
  type OpenSession,
  type OpenTurn,
} from './open-work.js'
import { taskLaw } from './tasks.js'

export const turnLaw: Law<OpenSession> = defineLaw<OpenSession>({
  name: 'turns',
  revision: 1,
  initial: () => NOTHING_OPEN,
  complete,
  refuse,
  claims,
  apply,
  consequences,
  close,
  isOpen: (state) => !isAway(state) && (state.turns.length > 0 || state.threads.some(({ queue }) => queue.length > 0)),
  report,
})

/** Every law of the built-in catalogue. */
export const laws: readonly Law[] = [turnLaw, taskLaw]

const isAway = ({ session }: OpenSession): boolean => session === 'archived' || session === 'deleted'

type Rule = (state: OpenSession, fields: Fields, type: string) => string | undefined

/** For each type why it may not follow. What is not here is no business of this law, but for sessions that were put away. */
const rules = new Map<string, Rule>([
  [
    'session.created',
    ({ session }) => (session === 'tasks' ? 'the stream holds tasks; session.created comes first' : 'the session is there already'),
  ],
  ['session.updated', () => undefined],
  ['session.archived', refuseWhileRunning],
  ['session.deleted', refuseWhileRunning],
  ['session.restored', ({ session }) => (session === 'archived' ? undefined : 'the session is not archived')],
  ['thread.started', refuseKnownThread],
  ['thread.forked', refuseFork],
  ['thread.compacted', (state, { threadId, throughTurnId }) => refuseCut(state, threadId, throughTurnId)],
  ['thread.truncated', refuseTruncation],
  ['thread.closed', refuseClosing],
  ['turn.submitted', (state, { threadId }) => refuseThread(state, threadId)],
  ['turn.started', refuseStart],
  ['turn.steered', (state, fields) => refuseInside(state, fields)],
  ['turn.completed', refuseEnd],
  ['turn.failed', refuseEnd],
  ['turn.cancelled', refuseEnd],
  ['turn.interrupted', refuseEnd],
  ['item.started', (state, fields) => refuseInside(state, fields) ?? refuseItem(state, fields, false)],
  ['item.delta', (state, fields) => refuseInside(state, fields) ?? refuseItem(state, fields, true)],
  ['item.completed', (state, fields) => refuseInside(state, fields, 'also late')],
  ['tool.requested', (state, fields) => refuseInside(state, fields)],
  ['tool.started', (state, fields) => refuseInside(state, fields) ?? refuseCall(state, fields, 'tool.started')],
  ['tool.finished', (state, fields, type) => refuseInside(state, fields, 'also late') ?? refuseCall(state, fields, type)],
  ['tool.unknown', (state, fields, type) => refuseInside(state, fields, 'also late') ?? refuseCall(state, fields, type)],
  ['approval.requested', (state, fields) => refuseInside(state, fields)],
  ['approval.resolved', refuseAnswer],
  ['input.requested', (state, fields) => refuseInside(state, fields)],
  ['input.resolved', refuseAnswer],
])

function refuse(state: OpenSession, event: LawEvent): string | undefined {
  if (state.session === 'deleted') return 'the session is deleted, and nothing follows that; begin another in a new stream'
  if (state.session === 'archived' && event.type !== 'session.restored') return 'the session is archived; append session.restored first'
  const rule = rules.get(event.type)
  if (rule === undefined) return undefined
  if (state.session === 'active') return rule(state, fieldsOf(event), event.type)
  if (event.type !== 'session.created') return state.session === 'archived' ? undefined : 'session.created comes first in a session'
  return state.session === 'none' ? undefined : rule(state, fieldsOf(event), event.type)
}

function refuseWhileRunning(state: OpenSession): string | undefined {
  const running = state.turns.find(({ status }) => status === 'running')
  return running === undefined ? undefined : `turn ${running.id} is running; end it first`
}

function refuseKnownThread(state: OpenSession, { threadId }: Fields): string | undefined {
  return threadOf(state, threadId) === undefined ? undefined : `thread ${threadId} is there already`
}

/** A fork of another session's thread has its history there. */
function refuseFork(state: OpenSession, fields: Fields): string | undefined {
  const known = refuseKnownThread(state, fields)
  if (known !== undefined || fields.from === undefined || fields.fromSession !== undefined) return known
  return refuseCut(state, fields.from, fields.throughTurnId)
}

function refuseThread(state: OpenSession, threadId: string | undefined): string | undefined {
  return threadOf(state, threadId) === undefined ? `there is no open thread ${threadId}; append thread.started first` : undefined
}

/** Queued and interrupted turns are cancelled with the thread; a running one has to end first. */
function refuseClosing(state: OpenSession, { threadId }: Fields): string | undefined {
  const running = runningIn(state, threadId)
  return refuseThread(state, threadId) ?? (running === undefined ? undefined : `turn ${running.id} is running; end it first`)
}

/** A cut lies at the end of the turn it names, or here; never between a call and its outcome. */
function refuseCut(state: OpenSession, threadId: string | undefined, turnId: string | undefined): string | undefined {
  const missing = refuseThread(state, threadId)
  if (missing !== undefined) return missing
  if (queueOf(state, turnId) !== undefined) return `turn ${turnId} was not started; cut at the end of one that was`
  const named = turnOf(state, turnId)
  if (named?.status === 'running') return `turn ${turnId} is running; cut at the end of another, or here by naming none`
  const cut = turnId === undefined ? state.turns.filter((turn) => turn.threadId === threadId) : named === undefined ? [] : [named]
  const calling = cut.find(({ calls }) => calls.some(awaitsOutcome))
  return calling === undefined
    ? undefined
    : `turn ${calling.id} has an open tool call, which a cut here would part from its outcome; finish it first`
}

/** What a running turn builds on cannot be hidden from under it; its own items can. */
function refuseTruncation(state: OpenSession, { threadId, afterTurnId, afterItemId }: Fields): string | undefined {
  const running = runningIn(state, threadId)
  if (afterItemId !== undefined && (afterTurnId === undefined || afterTurnId === running?.id)) return refuseCut(state, threadId, undefined)
  const reason = refuseCut(state, threadId, afterTurnId)
  if (reason !== undefined || running === undefined) return reason
  return `turn ${running.id} is running in thread ${threadId}; end it before what it builds on is hidden`
}

function refuseStart(state: OpenSession, { turnId, threadId, attempt }: Fields): string | undefined {
  const turn = turnOf(state, turnId)
  const home = turn?.threadId ?? queueOf(state, turnId)?.id
  if (home === undefined || turn?.status === 'ended') return notOpen(turnId)
  if (threadId !== undefined && threadId !== home) return `turn ${turnId} is in thread ${home}, not ${threadId}`
  if (turn?.status === 'running') return `turn ${turnId} is running already, in attempt ${turn.attempt}`
  const next = (turn?.attempt ?? 0) + 1
  if (attempt !== undefined && attempt !== next) return `the next attempt of turn ${turnId} is ${next}, not ${attempt}`
  const running = runningIn(state, home)
  return running === undefined ? undefined : `turn ${running.id} is running in thread ${home}; one runs at a time`
}

/** One end for each turn; an interrupted attempt may still get its one real end, late, while no newer one started. */
function refuseEnd(state: OpenSession, fields: Fields, type: string): string | undefined {
  const { turnId, threadId, attempt = 1 } = fields
  const turn = turnOf(state, turnId)
  const queued = turn === undefined ? queueOf(state, turnId) : undefined
  if (queued !== undefined) {
    if (threadId !== undefined && threadId !== queued.id) return `turn ${turnId} is in thread ${queued.id}, not ${threadId}`
    if (type !== 'turn.cancelled') return `turn ${turnId} was not started; start it, or cancel it`
    return attempt === 1 ? undefined : `turn ${turnId} has no attempt ${attempt}`
  }
  if (turn?.status === 'interrupted' && type === 'turn.interrupted') return `turn ${turnId} is interrupted already`
  return refuseInside(state, { ...fields, attempt }, 'also late')
}

/** What lives in a turn needs it running; what can come late may follow its interruption. */
function refuseInside(state: OpenSession, { turnId, threadId, attempt }: Fields, when?: 'also late'): string | undefined {
  const turn = turnOf(state, turnId)
  if (turn === undefined && queueOf(state, turnId) !== undefined) return `turn ${turnId} was not started`
  if (turn === undefined || turn.status === 'ended') return notOpen(turnId)
  if (threadId !== undefined && threadId !== turn.threadId) return `turn ${turnId} is in thread ${turn.threadId}, not ${threadId}`
  if (turn.status === 'interrupted' && when === undefined) return `turn ${turnId} is interrupted; start its next attempt first`
  if (attempt === undefined || attempt === turn.attempt) return undefined
  return `attempt ${attempt} of turn ${turnId} is not the current one, which is ${turn.attempt}; an end that names no attempt means the first`
}

function refuseItem(state: OpenSession, { turnId, itemId = '' }: Fields, streams: boolean): string | undefined {
  if (turnOf(state, turnId)?.items.includes(itemId) === streams) return undefined
  return streams ? `item ${itemId} is not being streamed; start it first` : `item ${itemId} is being streamed already`
}

function refuseCall(state: OpenSession, { turnId, callId }: Fields, type: string): string | undefined {
  const call = callOf(turnOf(state, turnId) as OpenTurn, callId)
  if (call === undefined) return `call ${callId} was not requested in turn ${turnId}, or has its outcome`
  if (call.status === 'unknown')
    return `the outcome of call ${callId} is on record as unknown, and a call has one outcome; request another under a new id`
  return type === 'tool.started' && call.status === 'started' ? `call ${callId} was started already` : undefined
}

function refuseAnswer(state: OpenSession, fields: Fields): string | undefined {
  const reason = refuseInside(state, fields, 'also late')
  if (reason !== undefined) return reason
  return turnOf(state, fields.turnId)?.asks.includes(askOf(fields)) === true
    ? undefined
    : `nothing by the name of ${askOf(fields)} waits for an answer in turn ${fields.turnId}`
}

const notOpen = (turnId: string | undefined): string => `turn ${turnId} was not submitted in this session, or has its end; a turn ends once`

/** Fills in thread and attempt. An end without an attempt means the first one, never the current one: it may come from a worker that was given up on. */
function complete(state: OpenSession, event: LawEvent): unknown {
  const fields = fieldsOf(event)
  if (fields.turnId === undefined || (fields.threadId !== undefined && fields.attempt !== undefined)) return event.data
  if (event.type === 'turn.submitted' || !rules.has(event.type)) return event.data
  const turn = turnOf(state, fields.turnId)
  const threadId = turn?.threadId ?? queueOf(state, fields.turnId)?.id
  if (threadId === undefined) return event.data
  const current = turn?.attempt ?? 0
  const attempt = event.type === 'turn.started' ? current + 1 : ENDS.has(event.type) ? 1 : Math.max(1, current)
  return { ...fields, threadId: fields.threadId ?? threadId, attempt: fields.attempt ?? attempt }
}

const ENDS = new Set(['turn.completed', 'turn.failed', 'turn.cancelled', 'turn.interrupted'])

/** What the engine adds says so: it is nobody's activity. */
const added = (type: string, data: unknown): LawEvent => ({ type, data, meta: { actor: 'turnlog' } })
const about = ({ id, threadId, attempt }: OpenTurn): { turnId: string; threadId: string; attempt: number } => ({
  turnId: id,
  threadId,
  attempt,
})

/** A session that is put away, or a thread that is closed, cancels what waits there; a turn's end gives its open calls their outcome. */
function consequences(state: OpenSession): LawEvent[] {
  const cancelled = isAway(state) || state.threads.some(({ closed }) => closed) ? cancellations(state) : []
  return [...cancelled, ...outcomes(cancelled.reduce(apply, state))]
}

function cancellations(state: OpenSession): LawEvent[] {
  return state.threads.flatMap(({ id, queue, closed }) => {
    if (closed !== true && !isAway(state)) return []
    const reason = closed === true ? 'thread closed' : `session ${state.session}`
    const waiting = queue.map((turnId) => added('turn.cancelled', { turnId, threadId: id, attempt: 1, reason }))
    const interrupted = closed === true ? state.turns.filter(({ threadId, status }) => threadId === id && status === 'interrupted') : []
    return [...waiting, ...interrupted.map((turn) => added('turn.cancelled', { ...about(turn), reason }))]
  })
}

/**
 * A call that was started and has no outcome when its turn ends, or is interrupted, has an unknown one: it may have had its
 * effect. One that never started did not run, unless the turn may go on.
 */
function outcomes({ turns }: OpenSession): LawEvent[] {
  return turns.flatMap((turn) =>
    turn.status === 'running'
      ? []
      : turn.calls.flatMap(({ id, status }) => {
          if (status === 'started')
            return [
              added('tool.unknown', { ...about(turn), callId: id, cause: turn.status === 'ended' ? 'turn ended' : 'turn interrupted' }),
            ]
          return status === 'requested' && turn.status === 'ended'
            ? [added('tool.finished', { ...about(turn), callId: id, status: 'not-run' })]
            : []
        }),
  )
}

function close({ turns }: OpenSession, cause: 'crash' | 'shutdown'): LawEvent[] {
  return turns.flatMap((turn) => {
    if (turn.status !== 'running') return []
    const started = turn.calls.filter(({ status }) => status === 'started')
    return [
      ...started.map(({ id }) => added('tool.unknown', { ...about(turn), callId: id, cause })),
      added('turn.interrupted', { ...about(turn), cause }),
    ]
  })
}

function report(state: OpenSession, orphaned: boolean): OpenWork {
  if (isAway(state)) return { interrupted: [], pending: [], tasks: [] }
  const interrupted = state.turns.filter(({ status }) => status === 'interrupted' || (orphaned && status === 'running'))
  return {
    interrupted: interrupted.map((turn) => ({ ...about(turn), cause: turn.cause ?? 'crash', calls: turn.calls.map(({ id }) => id) })),
    pending: state.threads.flatMap(({ id, queue }) => queue.map((turnId) => ({ threadId: id, turnId }))),
    tasks: [],
  }
}
