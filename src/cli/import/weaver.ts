/**
 * From what happened to events that the laws let in. The same moments give the same events, in every run, so that an import
 * that broke off, or whose source has grown, is told again in silence up to where it was, and goes on from there.
 */
import { known, type Fields } from './fields.js'
import type { Weave } from './weave-life.js'
import { TurnWeaver } from './weave-turn.js'
import type { Moment, SessionFields } from './moments.js'
import { newThread, type Thread } from './woven.js'

type Of<K extends Moment['kind']> = Extract<Moment, { kind: K }>

/** What tells a source into events. */
export interface Weaver {
  begin(): void
  /** What is known of the whole, where that has changed since an earlier import. */
  renew(): void
  weave(moment: Moment): void
  conclude(closing: readonly Moment[]): void
  /** An event that the engine has added to the stream since: a boot found something running, and nobody running it. */
  observe(type: string, data: Fields): void
  take(): Weave
  /** Nothing may follow. */
  readonly isDeleted: boolean
}

export interface Head {
  session: SessionFields & { source?: Fields }
  /** When it began, as far as anybody knows. */
  createdAt?: number
  /** How it was put away. */
  put?: { how: 'archived' | 'deleted'; reason?: string }
}

/** A session's weaver. */
export class SessionWeaver extends TurnWeaver implements Weaver {
  readonly #head: Head
  #known: SessionFields
  #put: 'archived' | 'deleted' | undefined

  /** `explicit`: the source says itself when a turn ends. */
  constructor(head: Head, fallbackAt: number, explicit: boolean) {
    super(head.createdAt ?? fallbackAt, explicit)
    this.#head = head
    this.#known = head.session
  }

  /** The first event of a session. */
  begin(): void {
    this.emit('session.created', known({ ...this.#head.session }))
  }

  renew(): void {
    if (this.isDeleted) return
    this.#restore()
    this.emit('session.updated', known({ ...this.#head.session }))
  }

  get isDeleted(): boolean {
    return this.#put === 'deleted'
  }

  weave(moment: Moment): void {
    this.tell(moment)
    if (this.#put !== undefined) this.#restore()
    this.#one(moment)
    this.finish()
  }

  /** The source ends here: what runs is given the end that it says elsewhere, or that can be concluded. */
  conclude(closing: readonly Moment[]): void {
    for (const moment of closing) this.weave(moment)
    for (const thread of this.threads.values()) {
      this.#keepHeld(thread)
      const turn = thread.turn
      if (turn?.status !== 'running') continue
      const isOver = !turn.explicit && turn.said && turn.calls.size === 0 && turn.items.size === 0
      if (isOver) this.end(turn, { how: 'completed', inferred: 'the end of the last turn' }, 'concluded')
      else
        this.end(turn, { how: 'interrupted', reason: 'the source ends here', inferred: 'a turn that the source leaves open' }, 'concluded')
    }
    this.#putAway()
  }

  observe(type: string, data: Fields): void {
    const turn = [...this.threads.values()].find((thread) => thread.turn?.id === data['turnId'])?.turn
    if (type === 'turn.interrupted' && turn !== undefined) {
      turn.status = 'interrupted'
      turn.concluded = true
      turn.items.clear()
      turn.asks.clear()
    }
  }

  /** Input that no turn took. */
  #keepHeld(thread: Thread): void {
    for (const input of thread.held.splice(0)) this.aside('session.updated', { extra: { input } })
  }

  #putAway(): void {
    const { put } = this.#head
    if (put === undefined || this.#put !== undefined) return
    this.#put = put.how
    for (const { queue } of this.threads.values()) {
      for (const turnId of queue.splice(0)) this.aside('turn.cancelled', { turnId, attempt: 1, reason: `the session is ${put.how}` })
    }
    this.emit(`session.${put.how}`, known({ reason: put.reason }))
  }

  #restore(): void {
    if (this.#put !== 'archived') return
    this.#put = undefined
    this.aside('session.restored', { reason: 'the source goes on' })
  }

  #one(moment: Moment): void {
    switch (moment.kind) {
      case 'session':
        return this.#session(moment.data)
      case 'titled':
        return this.#session({ title: moment.title })
      case 'prompted':
        return this.#prompt(moment)
      case 'started':
        return this.#start(this.threadOf(moment), this.turnIds.get(moment.turnId) ?? moment.turnId)
      case 'compacted':
        return this.#compact(moment)
      case 'rewound':
        return this.#rewind(moment)
      case 'branched':
        return this.#branch(moment)
      case 'threaded':
        return this.#thread(moment)
      case 'noted':
        return undefined
      case 'event':
        return this.misfit(`an event of a task in a session (${moment.type})`, moment.data)
      default:
        return this.inTurn(moment)
    }
  }

  /** Fields that say something new. */
  #session(fields: SessionFields): void {
    const changed = Object.entries(known(fields)).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(this.#known[name as keyof SessionFields]),
    )
    if (changed.length === 0) return
    this.#known = { ...this.#known, ...Object.fromEntries(changed) }
    this.emit('session.updated', Object.fromEntries(changed))
  }

  #prompt(moment: Of<'prompted'>): void {
    const thread = this.threadOf(moment)
    if (moment.queued !== true) this.settle(thread, 'the next prompt came')
    const { input, attachments, role, model, provider, workspace } = moment
    const turnId = this.turnIdFor(moment.turnId)
    this.emit('turn.submitted', { threadId: thread.id, turnId, ...known({ input, attachments, role, model, provider, workspace }) })
    if (moment.queued === true) thread.queue.push(turnId)
    else this.begins(thread, turnId, moment.unended === true ? false : undefined)
  }

  #start(thread: Thread, turnId: string): void {
    if (!thread.queue.includes(turnId)) return this.misfit(`the start of turn ${turnId}, which does not wait`)
    this.settle(thread, 'the next turn began')
    thread.queue = thread.queue.filter((id) => id !== turnId)
    this.begins(thread, turnId)
  }

  #compact(moment: Of<'compacted'>): void {
    const thread = this.threadOf(moment)
    const named = moment.through === undefined ? undefined : this.turnIds.get(moment.through)
    const throughTurnId = named === thread.turn?.id ? undefined : named
    if (thread.turn !== undefined && throughTurnId === undefined) this.lose(thread.turn, 'the conversation was compacted')
    const { summary, content, tokensBefore, tokensAfter, model, trigger } = moment
    this.emit(
      'thread.compacted',
      known({ threadId: thread.id, summary, content, throughTurnId, tokensBefore, tokensAfter, model, trigger }),
    )
  }

  #rewind(moment: Of<'rewound'>): void {
    const thread = this.threadOf(moment)
    this.settle(thread, 'the conversation was rewound')
    const afterTurnId = moment.to === undefined ? undefined : this.turnIds.get(moment.to)
    if (moment.to !== undefined && (afterTurnId === undefined || thread.queue.includes(afterTurnId)))
      return this.misfit(`a way back to turn ${moment.to}, which was not begun`)
    this.emit('thread.truncated', known({ threadId: thread.id, afterTurnId, reason: moment.reason }))
  }

  #branch(moment: Of<'branched'>): void {
    if (this.threads.has(moment.thread)) return this.misfit(`a second branch by the name of ${moment.thread}`)
    const from = this.threads.get(moment.from ?? 'main')
    const through = moment.through === undefined ? undefined : this.turnIds.get(moment.through)
    if (from?.turn?.id === through && from?.turn !== undefined) this.settle(from, 'the conversation went on in another branch')
    const thread = newThread(moment.thread)
    this.threads.set(thread.id, thread)
    if (from === undefined || through === undefined)
      this.emit('thread.started', known({ threadId: thread.id, title: moment.title, kind: 'branch' }))
    else this.emit('thread.forked', known({ threadId: thread.id, from: from.id, throughTurnId: through, title: moment.title }))
  }

  #thread({ thread: threadId, of, title, callId }: Of<'threaded'>): void {
    if (this.threads.has(threadId)) return
    this.threads.set(threadId, newThread(threadId))
    const parent = callId === undefined ? undefined : { stream: 'self', callId }
    this.emit('thread.started', known({ threadId, kind: of, title, ...(parent === undefined ? {} : { extra: { parent } }) }))
  }
}
