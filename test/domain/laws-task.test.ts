import { describe, expect, test } from 'vitest'
import { RETRIABLE_MAX, taskLaw } from '../../src/tasks.js'
import { session, Stream, told, type Given } from './stream.js'

const task = (verb: string, more: object = {}, taskId = 'k'): Given => [`task.${verb}`, { taskId, ...more }]
const ENDS = ['completed', 'failed', 'cancelled']

function running(): Stream {
  const stream = new Stream('task-k')
  stream.append(task('enqueued'), task('started'))
  return stream
}

describe('a task', () => {
  test('is enqueued once, then started, and needs no session', () => {
    const stream = new Stream('task-k')
    expect(stream.refuses(task('started'))).toMatch(/was not enqueued/)
    stream.append(task('enqueued'))
    expect(stream.takes(task('enqueued'))).toBe(false)
    expect(told(stream.append(task('started')))).toEqual([['task.started', { taskId: 'k', attempt: 1 }]])
    expect(stream.refuses(task('started'))).toBe('task k is running, not queued or interrupted')
  })

  test('makes progress while it runs', () => {
    const stream = new Stream('task-k')
    stream.append(task('enqueued'))
    expect(stream.refuses(task('progressed'))).toMatch(/not started/)
    stream.append(task('started'))
    expect(told(stream.append(task('progressed', { percent: 5 })))).toEqual([['task.progressed', { taskId: 'k', percent: 5, attempt: 1 }]])
    expect(stream.refuses(task('progressed', { attempt: 2 }))).toMatch(/attempt 2 of task k is not the current one/)
  })

  test.each(ENDS)('ends once: %s', (end) => {
    const stream = running()
    expect(stream.takes(task(end))).toBe(true)
    for (const other of [...ENDS, 'interrupted', 'progressed', 'started']) expect(stream.takes(task(other)), other).toBe(false)
    expect(stream.isOpen).toBe(false)
    expect(stream.takes(task('enqueued'))).toBe(false)
  })

  test('that waits can be cancelled, and cannot end otherwise', () => {
    const stream = new Stream('task-k')
    stream.append(task('enqueued'))
    for (const end of ['completed', 'failed', 'interrupted'])
      expect(stream.refuses(task(end))).toBe('task k was not started; start it, or cancel it')
    expect(stream.takes(task('cancelled'))).toBe(true)
  })

  test.each(['failed', 'interrupted'])('that %s can be retried, as its next attempt', (how) => {
    const stream = running()
    stream.append(task(how))
    expect(stream.refuses(task('retried', { attempt: 3 }))).toBe('the next attempt of task k is 2, not 3')
    expect(told(stream.append(task('retried'), task('started')))).toEqual([
      ['task.retried', { taskId: 'k', attempt: 2 }],
      ['task.started', { taskId: 'k', attempt: 2 }],
    ])
    expect(stream.refuses(task('completed'))).toMatch(/means the first/)
    expect(stream.takes(task('completed', { attempt: 2 }))).toBe(true)
  })

  test.each(['enqueued', 'started', 'completed', 'cancelled'])('is not retried when it was %s', (how) => {
    const stream = new Stream('task-k')
    stream.append(task('enqueued'))
    if (how !== 'enqueued') stream.append(task('started'))
    if (how === 'completed' || how === 'cancelled') stream.append(task(how))
    expect(stream.takes(task('retried'))).toBe(false)
  })

  test('that was retried is cancelled by the attempt it waits for, so that an older one cannot', () => {
    const stream = running()
    stream.append(task('failed'), task('retried'))
    expect(stream.refuses(task('cancelled'))).toBe('the next attempt of task k is 2, not 1')
    expect(stream.takes(task('cancelled', { attempt: 2 }))).toBe(true)
  })

  test('that was interrupted may start again at once, or get its real end late', () => {
    const again = running()
    again.append(task('interrupted'))
    expect(again.takes(task('started'))).toBe(true)
    expect(again.takes(task('completed', { attempt: 1 }))).toBe(false)
    const late = running()
    late.append(task('interrupted'))
    expect(late.refuses(task('interrupted'))).toMatch(/is interrupted/)
    expect(late.refuses(task('completed', { attempt: 2 }))).toMatch(/not the current one/)
    expect(late.takes(task('completed'))).toBe(true)
  })

  test('that ran is interrupted by a death, once, and told of until it is taken up again', () => {
    const stream = running()
    expect(stream.report(true).tasks).toEqual([{ taskId: 'k', attempt: 1, cause: 'crash' }])
    expect(stream.report().tasks).toEqual([])
    expect(told(stream.crash('shutdown'))).toEqual([['task.interrupted', { taskId: 'k', attempt: 1, cause: 'shutdown' }]])
    expect(stream.crash()).toEqual([])
    expect(stream.report().tasks).toEqual([{ taskId: 'k', attempt: 1, cause: 'shutdown' }])
    stream.append(task('retried'))
    expect(stream.report().tasks).toEqual([])
    expect(stream.isOpen).toBe(true)
  })

  test('goes on when its session is restored', () => {
    const stream = session()
    stream.append(task('enqueued'), task('started'), task('interrupted'), ['session.archived'])
    expect(stream.isOpen).toBe(false)
    stream.append(['session.restored'])
    expect(stream.report().tasks).toHaveLength(1)
    expect(stream.takes(task('started'))).toBe(true)
  })

  test('is not moved by an end of an older attempt, even one that is on record', () => {
    const ran = ['enqueued', 'started', 'failed', 'retried', 'started'].reduce(
      (state, verb) => taskLaw.apply(state, { type: `task.${verb}`, data: { taskId: 'k' } }),
      taskLaw.initial(),
    )
    expect(taskLaw.apply(ran, { type: 'task.completed', data: { taskId: 'k', attempt: 1 } })).toBe(ran)
    expect(taskLaw.apply(ran, { type: 'task.completed', data: { taskId: 'x' } })).toBe(ran)
    expect(taskLaw.apply(ran, { type: 'task.completed', data: { taskId: 'k', attempt: 2 } })).toEqual({ tasks: [] })
  })

  test('that failed stays retriable, up to a number of them', () => {
    const stream = new Stream('tasks')
    for (let i = 0; i <= RETRIABLE_MAX; i++)
      stream.append(task('enqueued', {}, `k${i}`), task('started', {}, `k${i}`), task('failed', {}, `k${i}`))
    expect(stream.refuses(task('retried', {}, 'k0'))).toMatch(/has its end/)
    expect(stream.takes(task('retried', {}, 'k1'))).toBe(true)
    expect(stream.isOpen).toBe(true)
  })
})
