/** What weaving inside turns stands on: threads, the lives of turns, and the events that come out. */
import { known, type Fields } from './fields.js'
import type { End, Moment } from './moments.js'
import { newThread, newTurn, unused, type Thread, type Turn, type Woven } from './woven.js'

/** What came out of a record, or of the end of the source. */
export interface Weave {
  events: Woven[]
  inferred: string[]
  /** What does not agree with what was said before. */
  problems: string[]
}

export class LifeWeaver {
  protected readonly threads = new Map<string, Thread>()
  /** The id of each turn by the name the source gives it. */
  protected readonly turnIds = new Map<string, string>()
  /** The source says itself when a turn ends. */
  protected readonly explicit: boolean
  readonly #usedTurns = new Set<string>()
  #turns = 0
  #at: number
  #extra: Fields | undefined
  #out: Weave = { events: [], inferred: [], problems: [] }

  constructor(at: number, explicit: boolean) {
    this.#at = at
    this.explicit = explicit
  }

  /** Everything since the last time. */
  take(): Weave {
    const out = this.#out
    this.#out = { events: [], inferred: [], problems: [] }
    return out
  }

  protected tell(moment: Moment): void {
    this.#at = moment.at ?? this.#at
    this.#extra = moment.extra
    if (moment.inferred !== undefined) this.#out.inferred.push(moment.inferred)
  }

  /** What the source says beside the moment, for an event that comes later. */
  protected takeExtra(): Fields | undefined {
    const extra = this.#extra
    this.#extra = undefined
    return extra
  }

  /** What no event of the moment could hold gets one of its own. */
  protected finish(): void {
    if (this.#extra !== undefined) this.emit('session.updated', {})
  }

  /** The event that tells the moment; what the source says beside it goes with it. */
  protected emit(type: string, data: Fields): void {
    const extra = this.#extra === undefined ? {} : { extra: { ...(data['extra'] as Fields | undefined), ...this.#extra } }
    this.#extra = undefined
    this.aside(type, { ...data, ...extra })
  }

  /** An event that the one that tells the moment needs before it. */
  protected aside(type: string, data: Fields): void {
    this.#out.events.push({ type, data, meta: { occurredAt: this.#at } })
  }

  protected infers(what: string): void {
    this.#out.inferred.push(what)
  }

  /** The moment does not agree with what was said before; it is told of, and kept. */
  protected misfit(problem: string, fields: Fields = {}): void {
    this.#out.problems.push(problem)
    this.emit('session.updated', { extra: { misfit: { problem, ...fields } } })
  }

  protected threadOf({ thread: threadId = 'main' }: { thread?: string }): Thread {
    const there = this.threads.get(threadId)
    if (there !== undefined) return there
    const thread = newThread(threadId)
    this.threads.set(threadId, thread)
    this.aside('thread.started', { threadId })
    return thread
  }

  /** The id of a turn that nobody has had. */
  protected turnIdFor(given: string | undefined): string {
    this.#turns += 1
    const turnId = unused(given ?? `turn-${this.#turns}`, this.#usedTurns)
    this.#usedTurns.add(turnId)
    if (given !== undefined) this.turnIds.set(given, turnId)
    return turnId
  }

  protected begins(thread: Thread, turnId: string, explicit = this.explicit): void {
    thread.turn = newTurn(turnId, thread.id, explicit)
    this.aside('turn.started', { turnId, attempt: 1 })
    for (const steered of thread.held.splice(0)) this.aside('turn.steered', { turnId, ...steered })
  }

  /** Whatever runs in the thread is over, because something else begins there. */
  protected settle({ turn }: Thread, reason: string): void {
    if (turn === undefined || (turn.status === 'interrupted' && !turn.concluded)) return
    const isOver = turn.calls.size === 0 && turn.items.size === 0
    const how = isOver && !turn.explicit ? 'completed' : isOver && turn.status === 'interrupted' ? undefined : 'cancelled'
    if (how !== undefined) this.end(turn, { how, inferred: 'the end of a turn', ...(how === 'cancelled' ? { reason } : {}) }, 'concluded')
  }

  /** Ends a turn; what is open in it gets its outcome first. */
  protected end(
    turn: Turn,
    {
      how,
      reason,
      stopReason,
      durationMs,
      inferred,
    }: { how: End; reason?: string; stopReason?: string; durationMs?: number; inferred?: string },
    by: 'source' | 'concluded',
  ): void {
    const emit = (type: string, data: object): void =>
      by === 'source' ? this.emit(type, data as Fields) : this.aside(type, data as Fields)
    if (inferred !== undefined) this.infers(inferred)
    if (turn.status === 'running') this.lose(turn, how === 'interrupted' ? 'turn interrupted' : 'turn ended')
    const { id: turnId, attempt, usage, model } = turn
    const about = known({ turnId, attempt, usage, model, durationMs })
    if (how === 'failed') emit('turn.failed', { ...about, error: { message: reason ?? 'no reason is given' } })
    else if (how === 'completed') emit('turn.completed', known({ ...about, stopReason: stopReason ?? reason }))
    else if (how === 'cancelled') emit('turn.cancelled', known({ ...about, reason }))
    else emit('turn.interrupted', known({ ...about, cause: by === 'source' ? 'source' : 'unfinished', reason }))
    turn.usage = undefined
    if (how !== 'interrupted') this.#clear(turn, by === 'concluded' && how === 'completed')
    else Object.assign(turn, { status: 'interrupted', concluded: by === 'concluded', items: new Map(), asks: new Map() })
  }

  /** Open calls may have had their effect; nobody knows. */
  protected lose(turn: Turn, cause: string): void {
    for (const call of turn.calls.values()) {
      if (call.status === 'open') this.aside('tool.unknown', { turnId: turn.id, callId: call.id, cause })
      call.status = 'lost'
    }
  }

  /** The turn that runs; one that was called interrupted goes on in another attempt, and without any there is one that nobody asked for. */
  protected within(moment: Moment, does: (turn: Turn) => void): void {
    const thread = this.threadOf(moment)
    if (thread.turn === undefined) {
      this.infers('a turn without a prompt')
      const turnId = this.turnIdFor(undefined)
      this.aside('turn.submitted', { threadId: thread.id, turnId, input: [] })
      this.begins(thread, turnId)
    }
    const turn = thread.turn as unknown as Turn
    this.resume(turn)
    turn.said = false
    does(turn)
  }

  protected resume(turn: Turn): void {
    if (turn.status === 'running') return
    turn.attempt += 1
    Object.assign(turn, { status: 'running', concluded: false })
    this.infers('a turn that goes on after it was interrupted')
    this.aside('turn.started', { turnId: turn.id, attempt: turn.attempt })
  }

  #clear(turn: Turn, concluded: boolean): void {
    const thread = this.threads.get(turn.thread)
    if (thread?.turn !== turn) return
    thread.turn = undefined
    thread.concluded = concluded
  }
}
