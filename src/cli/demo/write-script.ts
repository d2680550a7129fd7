/** Writes the script of a story: what a runtime does, commit by commit, while the story happens. */
import type { Part } from '../import/moments.js'
import { count, type Moment, type Story } from './story.js'
import { endOf, taskEvents, titleOf, type Called, type OpenCall, type RunningTurn, type TaskMoment } from './running-turn.js'
import { pieces } from './pieces.js'
import type { Attempt, Script, SessionEvent, Step } from './script.js'

/** Where the turns lie; the stories know one thread. */
export const THREAD = 'main'

export function writeScript(story: Story, session = `session-${story.id}`): Script {
  const writer = new Writer(story, session)
  for (const moment of story.moments) writer.write(moment)
  return writer.finish()
}

class Writer {
  readonly #script: Script
  readonly #story: Story
  readonly #queue: string[] = []
  readonly #callIds = new Map<string, number>()
  readonly #tasks = new Map<string, Step>()
  #turn: RunningTurn | undefined
  #turns = 0
  #items = 0
  #at: number | undefined

  constructor(story: Story, session: string) {
    this.#story = story
    this.#script = { session, skipped: { ...story.skipped }, steps: [] }
    // What comes before the first time that anybody wrote down happened then, too.
    this.#at = story.moments.find(({ at }) => at !== undefined)?.at
  }

  write(moment: Moment): void {
    this.#at = moment.at ?? this.#at
    switch (moment.kind) {
      case 'titled':
        return this.#title(moment.title)
      case 'prompted':
        return this.#prompt(moment.input, moment.queued === true)
      case 'steered':
        return this.#steer(moment.input)
      case 'reasoned':
        return this.#item('reasoning', moment.text)
      case 'said':
        return this.#item('message', moment.text)
      case 'called':
        return this.#call(moment)
      case 'allowed':
        return this.#allow(moment.callId, moment.by)
      case 'returned':
        return this.#outcome(moment.callId, moment.status, moment.content)
      case 'measured':
        return this.#measure(moment)
      case 'ended':
        return this.#turn === undefined ? this.#skip('end without a turn') : this.#end(moment.how, moment.reason)
      case 'task':
        return this.#task(moment)
    }
  }

  /** A story that breaks off in the middle of a call ends its turn as cancelled; the queue behind it stays. */
  finish(): Script {
    const turn = this.#turn
    if (turn !== undefined && turn.calls.size > 0) this.#end('cancelled', 'the transcript ends here')
    while (this.#turn !== undefined) this.#end('completed')
    return this.#script
  }

  #title(title: string): void {
    if (this.#script.steps.length === 0) this.#begin(title)
    else this.#step('a title', () => [{ type: 'session.updated', data: { title } }])
  }

  #begin(title: string | undefined): void {
    const { agent, workspace } = this.#story
    const data = { ...(title === undefined ? {} : { title }), agent, ...(workspace === undefined ? {} : { workspace }) }
    this.#step('the session', () => [
      { type: 'session.created', data },
      { type: 'thread.started', data: { threadId: THREAD } },
    ])
  }

  #prompt(input: Part[], queued: boolean): void {
    if (!queued && this.#turn !== undefined) this.#end('completed')
    const turnId = this.#submit(input)
    if (this.#turn === undefined) this.#start(turnId)
    else this.#queue.push(turnId)
  }

  #submit(input: Part[]): string {
    if (this.#script.steps.length === 0) this.#begin(titleOf(input))
    this.#turns += 1
    const turnId = `turn-${this.#turns}`
    this.#step(`${turnId} is submitted`, () => [{ type: 'turn.submitted', data: { threadId: THREAD, turnId, input } }], { does: 'submits' })
    return turnId
  }

  #start(turnId: string): void {
    const start = this.#step(`${turnId} starts`, ({ attempt }) => [{ type: 'turn.started', data: { turnId, attempt } }], {
      does: 'starts',
      of: turnId,
    })
    this.#turn = { turnId, start, calls: new Map(), tokens: undefined, model: undefined }
  }

  /** The turn that runs; what a model does before anybody asked gets a turn of its own, and is counted. */
  #running(): RunningTurn {
    if (this.#turn === undefined) {
      count(this.#script.skipped, 'turn without a prompt')
      this.#start(this.#submit([]))
    }
    return this.#turn as unknown as RunningTurn
  }

  #steer(input: Part[]): void {
    if (this.#turn === undefined) return this.#skip('input without a turn')
    const { turnId } = this.#turn
    this.#step(`${turnId} is steered`, () => [{ type: 'turn.steered', data: { turnId, input } }], { of: turnId })
  }

  /** One text of the model: started, streamed, completed. */
  #item(kind: 'message' | 'reasoning', text: string): void {
    const { turnId } = this.#running()
    this.#items += 1
    const name = `item-${this.#items}`
    const about = ({ id }: Attempt): { turnId: string; itemId: string } => ({ turnId, itemId: id(name) })
    const steps = [
      this.#step(`${kind} ${name} begins`, (attempt) => [{ type: 'item.started', data: { ...about(attempt), kind } }], { of: turnId }),
    ]
    for (const piece of pieces(text)) {
      const delta = (attempt: Attempt): SessionEvent[] => [{ type: 'item.delta', data: { ...about(attempt), text: piece } }]
      steps.push(this.#step(`${kind} ${name} streams`, delta, { does: 'streams', of: turnId }))
    }
    const content: Part[] = [{ type: 'text', text }]
    this.#step(`${kind} ${name} is complete`, (attempt) => [{ type: 'item.completed', data: { ...about(attempt), content } }], {
      of: turnId,
    })
    this.#close(steps)
  }

  #call({ callId, name, arguments: args, asks }: Called): void {
    const { turnId, calls } = this.#running()
    const used = (this.#callIds.get(callId) ?? 0) + 1
    this.#callIds.set(callId, used)
    const call: OpenCall = { callId: used === 1 ? callId : `${callId}~${used}`, name, asks, steps: [] }
    const about = (attempt: Attempt): { turnId: string; callId: string } => ({ turnId, callId: attempt.id(call.callId) })
    const request = (attempt: Attempt): SessionEvent[] => [
      { type: 'tool.requested', data: { ...about(attempt), name, arguments: args } },
      ...(asks === undefined
        ? []
        : [
            {
              type: 'approval.requested' as const,
              data: { ...about(attempt), approvalId: attempt.id(`may-${call.callId}`), question: asks },
            },
          ]),
    ]
    call.steps.push(this.#step(`${name} is requested`, request, { does: asks === undefined ? 'records' : 'asks', of: turnId }))
    calls.set(callId, call)
    if (asks === undefined) this.#run(turnId, call)
  }

  #allow(callId: string, by: string): void {
    const turn = this.#turn
    const call = turn?.calls.get(callId)
    if (turn === undefined || call?.asks === undefined) return this.#skip('approval without a question')
    const resolve = ({ id }: Attempt): SessionEvent[] => [
      { type: 'approval.resolved', data: { turnId: turn.turnId, approvalId: id(`may-${call.callId}`), decision: 'approved', by } },
    ]
    call.steps.push(this.#step(`${call.name} is allowed`, resolve, { of: turn.turnId }))
    this.#run(turn.turnId, call)
  }

  #run(turnId: string, call: OpenCall): void {
    const started = ({ id }: Attempt): SessionEvent[] => [{ type: 'tool.started', data: { turnId, callId: id(call.callId) } }]
    call.steps.push(this.#step(`${call.name} runs`, started, { does: 'runs', of: turnId }))
  }

  /** An outcome that names no call is that of the oldest open one. */
  #outcome(named: string | undefined, status: 'ok' | 'error', content: Part[]): void {
    const turn = this.#turn
    const callId = named ?? turn?.calls.keys().next().value
    const call = callId === undefined ? undefined : turn?.calls.get(callId)
    if (turn === undefined || callId === undefined || call === undefined) return this.#skip('outcome without its call')
    turn.calls.delete(callId)
    const finish = ({ id }: Attempt): SessionEvent[] => [
      { type: 'tool.finished', data: { turnId: turn.turnId, callId: id(call.callId), status, content } },
    ]
    this.#step(`${call.name} returns`, finish, { of: turn.turnId })
    this.#close(call.steps)
  }

  #measure({ tokens, model }: Extract<Moment, { kind: 'measured' }>): void {
    const turn = this.#turn
    if (turn === undefined) return this.#skip('usage without a turn')
    turn.tokens = { input: (turn.tokens?.input ?? 0) + tokens.input, output: (turn.tokens?.output ?? 0) + tokens.output }
    turn.model = model ?? turn.model
  }

  #end(how: 'completed' | 'failed' | 'cancelled', reason?: string): void {
    const turn = this.#turn as RunningTurn
    this.#step(`${turn.turnId} is ${how}`, ({ attempt }) => [endOf(turn, attempt, how, reason)], { does: 'ends', of: turn.turnId })
    this.#close([turn.start, ...Array.from(turn.calls.values(), ({ steps }) => steps).flat()])
    this.#turn = undefined
    const next = this.#queue.shift()
    if (next !== undefined) this.#start(next)
  }

  #task(moment: TaskMoment): void {
    const { taskId, does } = moment
    const stream = `task-${taskId}`
    const how: Partial<Step> = {
      stream,
      does: does === 'progressed' ? 'progresses' : 'records',
      ...(does === 'enqueued' ? {} : { of: stream }),
    }
    const step = this.#step(`task ${taskId} is ${does}`, ({ attempt }) => taskEvents(moment, attempt, this.#script.session), how)
    if (does === 'started') this.#tasks.set(taskId, step)
    const started = this.#tasks.get(taskId)
    if (does === 'completed' && started !== undefined) this.#close([started])
  }

  #step(says: string, events: Step['events'], more: Partial<Step> = {}): Step {
    const step: Step = {
      stream: this.#script.session,
      does: 'records',
      says,
      ...(this.#at === undefined ? {} : { at: this.#at }),
      ...more,
      events,
    }
    this.#script.steps.push(step)
    return step
  }

  /** The newest step is where these close. */
  #close(steps: Step[]): void {
    for (const step of steps) step.closes = this.#script.steps.length - 1
  }

  #skip(reason: string): void {
    count(this.#script.skipped, reason)
  }
}
