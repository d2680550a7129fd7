/** What a session of a soak goes through, one commit after another, and what it must look like when nothing runs in it. */
import type { Durability, NewEvent } from '../../src/index.js'

/** `rest`: no turn runs, and the session is what {@link Life.known} says. */
export type Step = { stream: string; events: NewEvent[]; durability: Durability } | 'rest'

/** What whoever drives a session knows of it without asking the journal. */
export interface Known {
  status: 'active' | 'archived' | 'deleted'
  turns: number
  items: number
  calls: number
  tokens: { input: number; output: number }
  /** The turn that ended last, what is in it, and how it ended. */
  turn?: { turnId: string; status: 'completed' | 'failed'; items: number; calls: number }
  /** Entries of the thread's transcript. */
  shown: number
}

/** Sessions end and are followed by others, so that what is read of one, and held meanwhile, is no more in the end than at the beginning. */
const TURNS = { short: 8, long: 24 }

export class Life {
  static readonly thread = 'main'
  readonly name: string
  readonly known: Known = { status: 'active', turns: 0, items: 0, calls: 0, tokens: { input: 0, output: 0 }, shown: 0 }
  readonly #random: () => number

  constructor(name: string, random: () => number) {
    this.name = name
    this.#random = random
  }

  *steps(): Generator<Step, void, undefined> {
    yield this.#commit({ type: 'session.created', data: { title: this.name } }, { type: 'thread.started', data: { threadId: Life.thread } })
    const turns = this.#chance(0.3) ? TURNS.short : TURNS.long
    for (let n = 1; n <= turns; n++) {
      yield* this.#turn(`t${n}`)
      if (this.#chance(0.2)) yield this.#compact()
      yield 'rest'
    }
    yield this.#goAway()
    yield 'rest'
  }

  *#turn(turnId: string): Generator<Step, void, undefined> {
    const { known } = this
    known.turns++
    known.shown++
    known.turn = { turnId, status: 'completed', items: 0, calls: 0 }
    yield this.#commit({ type: 'turn.submitted', data: { threadId: Life.thread, turnId, input: this.#text() } })
    yield this.#commit({ type: 'turn.started', data: { turnId } })
    for (let n = 1; n === 1 || this.#chance(0.6); n++) {
      yield* this.#message(turnId, `m${n}`)
      if (this.#chance(0.7)) yield* this.#call(turnId, `c${n}`)
      if (this.#chance(0.05)) yield* this.#task(`task-${this.name}-${turnId}-${n}`)
    }
    yield this.#end(turnId)
  }

  /** Streamed in pieces, of which no single one is waited for. */
  *#message(turnId: string, itemId: string): Generator<Step, void, undefined> {
    const pieces = Math.floor(this.#random() * 5)
    if (pieces > 0) yield this.#commit({ type: 'item.started', data: { turnId, itemId, kind: 'message', role: 'assistant' } })
    for (let n = 0; n < pieces; n++) yield this.#soon({ type: 'item.delta', data: { turnId, itemId, text: 'so far '.repeat(8) } })
    this.#adds('items')
    yield this.#commit({ type: 'item.completed', data: { turnId, itemId, kind: 'message', role: 'assistant', content: this.#text() } })
  }

  *#call(turnId: string, callId: string): Generator<Step, void, undefined> {
    this.#adds('calls')
    yield this.#commit({ type: 'tool.requested', data: { turnId, callId, name: 'run', arguments: { command: 'make', verbose: true } } })
    const allowed = !this.#chance(0.1)
    if (this.#chance(0.3) || !allowed) {
      const approvalId = `may-${callId}`
      this.known.shown++
      yield this.#commit({ type: 'approval.requested', data: { turnId, callId, approvalId, question: 'May it run?' } })
      yield this.#commit({ type: 'approval.resolved', data: { turnId, approvalId, decision: allowed ? 'approved' : 'denied' } })
    }
    if (allowed) yield this.#commit({ type: 'tool.started', data: { turnId, callId } })
    const status = allowed ? (this.#chance(0.1) ? 'error' : 'ok') : 'denied'
    yield this.#commit({ type: 'tool.finished', data: { turnId, callId, status, content: this.#text() } })
  }

  *#task(stream: string): Generator<Step, void, undefined> {
    const of = (...events: NewEvent[]): Step => ({ stream, events, durability: 'disk' })
    const data = { taskId: stream }
    yield of({ type: 'task.enqueued', data: { ...data, session: this.name, title: 'on the side' } })
    yield of({ type: 'task.started', data })
    for (let percent = 25; percent < 100; percent += 25) yield of({ type: 'task.progressed', data: { ...data, percent } })
    yield of({ type: 'task.completed', data: { ...data, summary: 'done' } })
  }

  #end(turnId: string): Step {
    const { tokens, turn } = this.known
    const usage = { inputTokens: Math.floor(this.#random() * 9000), outputTokens: Math.floor(this.#random() * 900) }
    tokens.input += usage.inputTokens
    tokens.output += usage.outputTokens
    if (!this.#chance(0.1)) return this.#commit({ type: 'turn.completed', data: { turnId, usage } })
    turn!.status = 'failed'
    this.known.shown++
    return this.#commit({ type: 'turn.failed', data: { turnId, usage, error: { message: 'no answer' } } })
  }

  #compact(): Step {
    this.known.shown = 1
    return this.#commit({ type: 'thread.compacted', data: { threadId: Life.thread, summary: 'what went before' } })
  }

  #goAway(): Step {
    const { known } = this
    if (this.#chance(0.5)) {
      known.status = 'archived'
      return this.#commit({ type: 'session.archived', data: {} })
    }
    Object.assign(known, { status: 'deleted', turns: 0, items: 0, calls: 0, tokens: { input: 0, output: 0 }, shown: 0 })
    return this.#commit({ type: 'session.deleted', data: {} })
  }

  #adds(what: 'items' | 'calls'): void {
    this.known[what]++
    this.known.turn![what]++
    this.known.shown++
  }

  #commit(...events: NewEvent[]): Step {
    return { stream: this.name, events, durability: 'disk' }
  }

  #soon(...events: NewEvent[]): Step {
    return { stream: this.name, events, durability: 'os' }
  }

  /** Mostly short, now and then some ten thousand characters. */
  #text(): { type: 'text'; text: string }[] {
    return [{ type: 'text', text: 'it went like this, '.repeat(1 + Math.floor(this.#random() ** 5 * 900)) }]
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }
}
