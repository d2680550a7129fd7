/** The law of tasks: enqueued → started → progressed* → one end; what failed or was interrupted can be retried. */
import { defineLaw, type Law, type LawEvent } from './define.js'

export interface OpenTask {
  id: string
  /** The attempt that runs or ran last; 0 before the first. */
  attempt: number
  status: 'queued' | 'running' | 'interrupted' | 'failed'
  cause?: string
}

/** Tasks that may still move, and whether the session that they lie in was put away. */
export interface OpenTasks {
  tasks: readonly OpenTask[]
  away?: 'archived' | 'deleted'
}

/** Failed tasks that can be retried, in one stream; of more than these the oldest are let go, so that failures do not pile up. */
export const RETRIABLE_MAX = 64

interface Fields {
  taskId?: string
  attempt?: number
  cause?: string
}

const fieldsOf = ({ data }: LawEvent): Fields => (typeof data === 'object' && data !== null ? data : {})
const taskOf = ({ tasks }: OpenTasks, id: string | undefined): OpenTask | undefined => tasks.find((task) => task.id === id)

export const taskLaw: Law<OpenTasks> = defineLaw<OpenTasks>({
  name: 'tasks',
  revision: 1,
  initial: () => ({ tasks: [] }),
  complete,
  refuse,
  claims: (event) => (event.type === 'task.enqueued' ? [`task:${fieldsOf(event).taskId ?? ''}`] : []),
  apply,
  consequences: ({ tasks, away }) =>
    away === undefined
      ? []
      : tasks
          .filter(({ status }) => status === 'queued')
          .map((task) => added('task.cancelled', { taskId: task.id, attempt: next(task), reason: `session ${away}` })),
  close: ({ tasks }, cause) =>
    tasks.flatMap(({ id, attempt, status }) => (status === 'running' ? [added('task.interrupted', { taskId: id, attempt, cause })] : [])),
  isOpen: ({ tasks, away }) => away === undefined && tasks.some(({ status }) => status !== 'failed'),
  report: ({ tasks, away }, orphaned) => ({
    interrupted: [],
    pending: [],
    tasks: tasks.flatMap(({ id, attempt, status, cause = 'crash' }) =>
      away === undefined && (status === 'interrupted' || (orphaned && status === 'running')) ? [{ taskId: id, attempt, cause }] : [],
    ),
  }),
})

/** What the engine adds says so: it is nobody's activity. */
const added = (type: string, data: unknown): LawEvent => ({ type, data, meta: { actor: 'turnlog' } })

/** An end without an attempt means the first one, never the current one: it may come from a worker that was given up on. */
function complete(state: OpenTasks, event: LawEvent): unknown {
  if (!attempts.has(event.type)) return event.data
  const fields = fieldsOf(event)
  const task = taskOf(state, fields.taskId)
  if (task === undefined || fields.attempt !== undefined) return event.data
  const attempt = attempts.get(event.type)?.(task)
  return attempt === undefined ? event.data : { ...fields, attempt }
}

const next = ({ attempt }: OpenTask): number => attempt + 1
const first = (): number => 1
const attempts = new Map<string, (task: OpenTask) => number>([
  ['task.started', next],
  ['task.retried', next],
  ['task.progressed', ({ attempt }) => Math.max(1, attempt)],
  ['task.completed', first],
  ['task.failed', first],
  ['task.cancelled', first],
  ['task.interrupted', first],
])

function refuse(state: OpenTasks, event: LawEvent): string | undefined {
  if (event.type === 'session.archived' || event.type === 'session.deleted') {
    const running = state.tasks.find(({ status }) => status === 'running')
    return running === undefined ? undefined : `task ${running.id} is running; end it first`
  }
  if (!attempts.has(event.type)) return undefined
  const { taskId, attempt } = fieldsOf(event)
  const task = taskOf(state, taskId)
  if (task === undefined) return `task ${taskId} was not enqueued in this stream, or has its end`
  if (event.type === 'task.started') return refuseNext(task, attempt, ['queued', 'interrupted'])
  if (event.type === 'task.retried') return refuseNext(task, attempt, ['interrupted', 'failed'])
  if (task.status === 'queued' && event.type === 'task.cancelled') return refuseNext(task, attempt, ['queued'])
  return refuseCurrent(task, attempt, event.type)
}

function refuseNext(task: OpenTask, attempt: number | undefined, from: readonly string[]): string | undefined {
  if (!from.includes(task.status)) return `task ${task.id} is ${task.status}, not ${from.join(' or ')}`
  return attempt === next(task) ? undefined : `the next attempt of task ${task.id} is ${next(task)}, not ${attempt}`
}

/** Progress needs a running attempt; an end may also come late for an interrupted one. */
function refuseCurrent(task: OpenTask, attempt: number | undefined, type: string): string | undefined {
  if (task.status === 'queued') return `task ${task.id} was not started; start it, or cancel it`
  if (task.status === 'failed') return `task ${task.id} failed; retry it first`
  if (task.status === 'interrupted' && (type === 'task.progressed' || type === 'task.interrupted')) {
    return `task ${task.id} is interrupted; start its next attempt, or say how this one ended`
  }
  if (attempt === task.attempt) return undefined
  return `attempt ${attempt} of task ${task.id} is not the current one, which is ${task.attempt}; an end that names no attempt means the first`
}

function apply(state: OpenTasks, event: LawEvent): OpenTasks {
  switch (event.type) {
    case 'session.archived':
      return { ...state, away: 'archived' }
    case 'session.restored':
      return state.away === 'archived' ? { tasks: state.tasks } : state
    case 'session.deleted':
      return { tasks: state.tasks.filter(({ status }) => status === 'queued'), away: 'deleted' }
    case 'task.enqueued':
      return enqueue(state, fieldsOf(event).taskId ?? '')
  }
  if (!attempts.has(event.type)) return state
  const fields = fieldsOf(event)
  const task = taskOf(state, fields.taskId)
  return task === undefined || isOlder(task, fields.attempt) ? state : withTask(state, task, move(task, event.type, fields))
}

function enqueue(state: OpenTasks, id: string): OpenTasks {
  return { ...state, tasks: [...state.tasks.filter((task) => task.id !== id), { id, attempt: 0, status: 'queued' }] }
}

/** What waits, waits for its next attempt. */
const isOlder = (task: OpenTask, attempt: number | undefined): boolean =>
  attempt !== undefined && attempt < (task.status === 'queued' ? next(task) : task.attempt)

function move(task: OpenTask, type: string, { attempt, cause = 'runtime' }: Fields): OpenTask | undefined {
  const { id } = task
  switch (type) {
    case 'task.started':
      return { id, status: 'running', attempt: attempt ?? next(task) }
    case 'task.retried':
      return { id, status: 'queued', attempt: task.attempt }
    case 'task.failed':
      return { id, status: 'failed', attempt: task.attempt }
    case 'task.interrupted':
      return { id, status: 'interrupted', attempt: task.attempt, cause }
    case 'task.progressed':
      return task
    default:
      return undefined
  }
}

function withTask(state: OpenTasks, task: OpenTask, moved: OpenTask | undefined): OpenTasks {
  if (moved === task) return state
  const tasks =
    moved === undefined ? state.tasks.filter((other) => other !== task) : state.tasks.map((other) => (other === task ? moved : other))
  if (moved?.status !== 'failed') return { ...state, tasks }
  const failed = tasks.filter(({ status }) => status === 'failed')
  return { ...state, tasks: failed.length > RETRIABLE_MAX ? tasks.filter((other) => other !== failed[0]) : tasks }
}
