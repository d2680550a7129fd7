/** Weaving what happens inside turns. */
import { known, type Fields } from './fields.js'
import type { Moment, Outcome, Part, Usage } from './moments.js'
import { LifeWeaver } from './weave-life.js'
import { addUsage, unused, type Call, type Turn } from './woven.js'

type Of<K extends Moment['kind']> = Extract<Moment, { kind: K }>
type InTurn = Exclude<
  Moment,
  { kind: 'session' | 'titled' | 'prompted' | 'started' | 'compacted' | 'rewound' | 'branched' | 'threaded' | 'noted' | 'event' }
>

export class TurnWeaver extends LifeWeaver {
  #items = 0

  protected inTurn(moment: InTurn): void {
    switch (moment.kind) {
      case 'ended':
        return this.#ended(moment)
      case 'returned':
        return this.#returned(moment)
      case 'answered':
        return this.#answered(moment)
      case 'lost':
        return this.#lost(moment)
      case 'steered':
        return this.#steered(moment)
      case 'reasoned':
      case 'said':
        return this.within(moment, (turn) => this.#said(turn, moment))
      case 'showed':
        return this.within(moment, (turn) =>
          this.#item(turn, known({ kind: 'message', role: moment.role ?? 'assistant', content: moment.content })),
        )
      case 'streamed':
        return this.within(moment, (turn) => this.#streamed(turn, moment))
      case 'called':
        return this.within(moment, (turn) => this.#called(turn, moment))
      case 'asked':
        return this.within(moment, (turn) => this.#asked(turn, moment))
      case 'questioned':
        return this.within(moment, (turn) => this.#questioned(turn, moment))
      case 'replied':
        return this.#replied(moment)
      case 'measured':
        return this.#measured(moment)
    }
  }

  #steered(moment: Of<'steered'>): void {
    const thread = this.threadOf(moment)
    const steered = known({ input: moment.input, role: moment.role, extra: this.takeExtra() })
    if (thread.turn?.status === 'running') this.aside('turn.steered', { turnId: thread.turn.id, ...steered })
    else thread.held.push(steered)
  }

  #said(turn: Turn, { kind, text, item, model, provider, stopReason }: Of<'said' | 'reasoned'>): void {
    const of = kind === 'said' ? 'message' : 'reasoning'
    const content: Part[] = [{ type: 'text', text }]
    const open = item === undefined ? undefined : turn.items.get(item)
    if (item !== undefined) turn.items.delete(item)
    this.#item(turn, known({ kind: of, role: 'assistant', content, model, provider, stopReason }), open?.id ?? item)
    turn.model = model ?? turn.model
    turn.said = kind === 'said'
  }

  #item(turn: Turn, fields: Fields, given?: string): void {
    this.#items += 1
    const itemId = unused(given ?? `item-${this.#items}`, turn.used)
    turn.used.add(itemId)
    this.emit('item.completed', { turnId: turn.id, itemId, ...fields })
    turn.said = fields['kind'] === 'message'
  }

  #streamed(turn: Turn, { item, of, text }: Of<'streamed'>): void {
    let open = turn.items.get(item)
    if (open === undefined) {
      open = { id: unused(item, turn.used), of }
      turn.items.set(item, open)
      this.emit('item.started', { turnId: turn.id, itemId: open.id, kind: of, role: 'assistant' })
    }
    this.emit('item.delta', { turnId: turn.id, itemId: open.id, text })
  }

  #called(turn: Turn, { callId: named, name, arguments: args, asks, title }: Of<'called'>): void {
    const given = named ?? `call-${turn.used.size + 1}`
    const callId = unused(given, turn.used)
    if (callId !== given) this.infers('a call whose id was used before')
    turn.used.add(callId)
    const before = turn.calls.get(given)
    if (before?.status === 'open')
      this.aside('tool.unknown', { turnId: turn.id, callId: before.id, cause: 'called again before it returned' })
    turn.calls.delete(given)
    turn.calls.set(given, { id: callId, name, arguments: args, status: 'open' })
    this.emit('tool.requested', known({ turnId: turn.id, callId, name, arguments: args ?? null, title }))
    if (asks !== undefined) this.#asked(turn, { kind: 'asked', askId: `may-${given}`, callId: given, question: asks })
  }

  #returned(moment: Of<'returned'>): void {
    const turn = this.threads.get(moment.thread ?? 'main')?.turn
    const call = turn === undefined ? undefined : callOf(turn, moment.callId)
    if (turn === undefined) return this.#orphan(moment)
    if (call === undefined && turn.status !== 'running') return this.#orphan(moment)
    turn.said = false
    if (call === undefined) return this.#returnedUncalled(turn, moment)
    turn.calls.delete(call.given)
    const callId = call.status === 'open' ? call.id : this.#again(turn, call)
    this.#finished(turn, callId, moment)
  }

  /** An outcome that nobody asked for gets a call of which nothing else is known. */
  #returnedUncalled(turn: Turn, moment: Of<'returned'>): void {
    this.infers('the call of an outcome')
    const given = moment.callId ?? `call-${turn.used.size + 1}`
    const callId = unused(given, turn.used)
    turn.used.add(callId)
    this.aside('tool.requested', { turnId: turn.id, callId, name: moment.name ?? 'unknown', arguments: null })
    this.#finished(turn, callId, moment)
  }

  /** A call has one outcome, and that of this one is on record as unknown: what came after all is told of another. */
  #again(turn: Turn, { id, name, arguments: args }: Call): string {
    this.resume(turn)
    this.infers('an outcome that came after the call was given up')
    const callId = unused(id, turn.used)
    turn.used.add(callId)
    this.aside('tool.requested', { turnId: turn.id, callId, name, arguments: args ?? null, extra: { again: id } })
    return callId
  }

  #finished(turn: Turn, callId: string, { status, content, durationMs }: { status: Outcome; content: Part[]; durationMs?: number }): void {
    this.emit('tool.finished', known({ turnId: turn.id, callId, status, content, durationMs }))
  }

  #orphan(moment: Of<'returned'>): void {
    this.misfit(
      `an outcome of call ${moment.callId ?? '(without a name)'}, for which no turn is open`,
      known({ content: moment.content, status: moment.status }),
    )
  }

  #lost({ thread, callId, cause }: Of<'lost'>): void {
    const turn = this.threads.get(thread ?? 'main')?.turn
    const call = turn?.calls.get(callId)
    if (turn?.status !== 'running' || call?.status !== 'open') return this.misfit(`the loss of call ${callId}, which is not open`)
    call.status = 'lost'
    this.emit('tool.unknown', { turnId: turn.id, callId: call.id, cause })
  }

  #asked(turn: Turn, { askId, callId, question, name }: Of<'asked'>): void {
    const approvalId = unused(askId, turn.usedAsks)
    turn.usedAsks.add(approvalId)
    turn.asks.set(askId, approvalId)
    const call = callId === undefined ? undefined : (turn.calls.get(callId)?.id ?? callId)
    this.emit('approval.requested', known({ turnId: turn.id, approvalId, callId: call, question, name }))
  }

  #answered({ thread, askId, decision, by, remember }: Of<'answered'>): void {
    const turn = this.threads.get(thread ?? 'main')?.turn
    const approvalId = turn?.asks.get(askId)
    if (turn === undefined || approvalId === undefined) return this.misfit(`an answer to ${askId}, which nobody asked`, { decision })
    turn.asks.delete(askId)
    this.emit('approval.resolved', known({ turnId: turn.id, approvalId, decision, by, remember }))
  }

  #questioned(turn: Turn, { inputId: given, question, options, callId }: Of<'questioned'>): void {
    const inputId = unused(given, turn.usedAsks)
    turn.usedAsks.add(inputId)
    turn.asks.set(given, inputId)
    this.emit('input.requested', known({ turnId: turn.id, inputId, callId, question, options }))
  }

  #replied({ thread, inputId: given, answer, declined }: Of<'replied'>): void {
    const turn = this.threads.get(thread ?? 'main')?.turn
    const inputId = turn?.asks.get(given)
    if (turn === undefined || inputId === undefined) return this.misfit(`an answer to ${given}, which nobody asked`, known({ answer }))
    turn.asks.delete(given)
    this.emit('input.resolved', known({ turnId: turn.id, inputId, answer, declined }))
  }

  #measured({ thread, usage, model }: { thread?: string; usage: Usage; model?: string }): void {
    const turn = this.threads.get(thread ?? 'main')?.turn
    if (turn?.status !== 'running') return this.emit('session.updated', { extra: { usage: known({ ...usage, model }) } })
    turn.usage = addUsage(turn.usage, usage)
    turn.model = model ?? turn.model
  }

  #ended({ thread: threadId, turnId: given, how, reason, stopReason, durationMs }: Of<'ended'>): void {
    const end = known({ how, reason, stopReason, durationMs })
    const turnId = given === undefined ? undefined : (this.turnIds.get(given) ?? given)
    const turns = [...this.threads.values()].flatMap(({ turn }) => (turn === undefined ? [] : [turn]))
    const turn = turnId === undefined ? this.threads.get(threadId ?? 'main')?.turn : turns.find(({ id }) => id === turnId)
    // The source says itself, later, what had to be concluded when it ended before.
    if (turn === undefined && end.how === 'completed' && this.threads.get(threadId ?? 'main')?.concluded === true) return
    if (turn === undefined || (turn.status === 'interrupted' && end.how === 'interrupted'))
      return this.misfit(turnId === undefined ? `an end (${end.how}) where no turn runs` : `a second end (${end.how}) of turn ${turnId}`, {
        how: end.how,
      })
    this.end(turn, known(end), 'source')
  }
}

/** A call by the name the source gives it; the oldest one without an outcome where it gives none. */
function callOf(turn: Turn, given: string | undefined): (Call & { given: string }) | undefined {
  const open = [...turn.calls].find(([, { status }]) => status === 'open' || turn.concluded)
  const name = given ?? open?.[0]
  const call = name === undefined ? undefined : turn.calls.get(name)
  return call === undefined || name === undefined ? undefined : { ...call, given: name }
}
