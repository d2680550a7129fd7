/** Weaving a task: its events in order, each in the attempt that runs. */
import type { Fields } from './fields.js'
import type { Moment } from './moments.js'
import type { Weave } from './weave-life.js'
import type { Weaver } from './weaver.js'

/** What a task was told to be when the source ended while it ran. */
const RECOVERED = { message: 'The task was running when its program stopped.', kind: 'recovered' }

export class TaskWeaver implements Weaver {
  readonly isDeleted = false
  #out: Weave = { events: [], inferred: [], problems: [] }
  #at: number
  #taskId: string | undefined
  #attempt = 0
  #status: 'none' | 'queued' | 'running' | 'interrupted' | 'failed' | 'over' = 'none'

  constructor(at: number) {
    this.#at = at
  }

  take(): Weave {
    const out = this.#out
    this.#out = { events: [], inferred: [], problems: [] }
    return out
  }

  begin(): void {
    // A task's first record is its beginning.
  }

  renew(): void {
    // What is known of a task stands in its first event, and that stays as it is.
  }

  weave(moment: Moment): void {
    this.#at = moment.at ?? this.#at
    const extra = moment.extra === undefined ? {} : { extra: moment.extra }
    if (moment.inferred !== undefined) this.#out.inferred.push(moment.inferred)
    if (moment.kind !== 'event') return this.#noted(extra)
    const { type, data } = moment
    if (type === 'task.enqueued') this.#taskId = String(data['taskId'])
    else this.#makeRoom(type)
    this.#emit(type, { ...data, ...extra })
  }

  /** A task that runs when the source ends was given up by its program, or is given up here. */
  conclude(closing: readonly Moment[]): void {
    for (const moment of closing) this.weave(moment)
    if (this.#status !== 'running') return
    this.#out.inferred.push('a task that the source leaves running')
    this.#emit('task.failed', { error: RECOVERED })
  }

  observe(type: string, _data: Fields): void {
    if (type === 'task.interrupted') this.#status = 'interrupted'
  }

  /** What has no place in a task's events goes with the next step of it. */
  #noted(extra: Fields): void {
    if (this.#taskId === undefined) return
    this.#makeRoom('task.progressed')
    this.#emit('task.progressed', extra)
  }

  /** Whatever comes after an end, or before a start, needs a start of its own. */
  #makeRoom(type: string): void {
    if (this.#status === 'failed') this.#emit('task.retried', { reason: 'the source goes on' })
    if (type !== 'task.started' && type !== 'task.cancelled' && (this.#status === 'queued' || this.#status === 'interrupted'))
      this.#emit('task.started', {})
  }

  #emit(type: string, data: Fields): void {
    const next = NEXT.get(type)
    if (this.#status === 'over' || next === undefined) {
      this.#out.problems.push(`${type} of a task that is over`)
      return
    }
    if (type === 'task.started') this.#attempt += 1
    const waits = this.#status === 'queued' && type === 'task.cancelled'
    const attempt =
      type === 'task.enqueued' ? {} : { attempt: type === 'task.retried' || waits ? this.#attempt + 1 : Math.max(1, this.#attempt) }
    this.#status = next === 'same' ? this.#status : next
    this.#out.events.push({ type, data: { taskId: this.#taskId ?? '', ...attempt, ...data }, meta: { occurredAt: this.#at } })
  }
}

const NEXT = new Map<string, 'queued' | 'running' | 'interrupted' | 'failed' | 'over' | 'same'>([
  ['task.enqueued', 'queued'],
  ['task.started', 'running'],
  ['task.progressed', 'same'],
  ['task.retried', 'queued'],
  ['task.interrupted', 'interrupted'],
  ['task.failed', 'failed'],
  ['task.completed', 'over'],
  ['task.cancelled', 'over'],
])
