import { describe, expect, test } from 'vitest'
import { turnLaw } from '../../src/turns.js'
import { byType, running, session, Stream, submitted, told, type Given } from './stream.js'

describe('session.created', () => {
  test('comes first', () => {
    const stream = new Stream()
    expect(stream.refuses(['thread.started', { threadId: 'main' }])).toMatch(/session.created comes first/)
    expect(stream.refuses(['session.updated', { title: 'x' }])).toMatch(/comes first/)
    expect(stream.refuses(['session.archived'])).toMatch(/comes first/)
    expect(stream.takes(['session.created'], ['thread.started', { threadId: 'main' }])).toBe(true)
  })

  const others: Given[] = [
    submitted('t1'),
    ['turn.started', { turnId: 't' }],
    ['item.completed', { turnId: 't', itemId: 'i' }],
    ['tool.requested', { turnId: 't', callId: 'c', name: 'n', arguments: {} }],
    ['approval.requested', { turnId: 't', approvalId: 'a' }],
    ['input.requested', { turnId: 't', inputId: 'a' }],
  ]
  test.each(byType(others))('comes before $type', ({ event }) => {
    expect(new Stream().refuses(event)).toMatch(/comes first/)
  })

  test('comes once', () => {
    expect(session().refuses(['session.created'])).toMatch(/there already/)
    const archived = session()
    archived.append(['session.archived'])
    expect(archived.takes(['session.created'])).toBe(false)
  })

  test('does not follow tasks, which live in their own stream or in a session that is there', () => {
    const stream = new Stream()
    stream.append(['task.enqueued', { taskId: 'k' }])
    expect(stream.refuses(['session.created'])).toMatch(/comes first/)
    expect(session().takes(['task.enqueued', { taskId: 'k' }])).toBe(true)
  })

  test('is not asked of events that are not ours', () => {
    const own = { type: 'note.added', data: { text: 'x' } }
    const states = (...types: string[]) => types.reduce((state, type) => turnLaw.apply(state, { type, data: {} }), turnLaw.initial())
    expect(turnLaw.refuse(states(), own)).toBeUndefined()
    expect(turnLaw.refuse(states('session.created'), own)).toBeUndefined()
    expect(turnLaw.refuse(states('session.created', 'session.archived'), own)).toMatch(/archived/)
    expect(turnLaw.refuse(states('session.created', 'session.deleted'), own)).toMatch(/deleted/)
  })
})

describe('an archive', () => {
  test.each(['session.archived', 'session.deleted'])('%s is refused while a turn runs', (type) => {
    const stream = running()
    expect(stream.refuses([type])).toBe('turn t1 is running; end it first')
    stream.append(['turn.completed', { turnId: 't1' }])
    expect(stream.takes([type])).toBe(true)
  })

  test.each(['session.archived', 'session.deleted'])('%s is refused while a task runs, and cancels those that wait', (type) => {
    const stream = session()
    stream.append(['task.enqueued', { taskId: 'k' }], ['task.enqueued', { taskId: 'l' }], ['task.started', { taskId: 'k' }])
    expect(stream.refuses([type])).toBe('task k is running; end it first')
    stream.append(['task.completed', { taskId: 'k' }])
    expect(told(stream.append([type])).slice(1)).toEqual([['task.cancelled', { taskId: 'l', attempt: 1, reason: type.replace('.', ' ') }]])
    expect(stream.isOpen).toBe(false)
  })

  test.each(['session.archived', 'session.deleted'])('%s cancels what is queued, in the same commit, and says who added it', (type) => {
    const stream = session()
    stream.append(['thread.started', { threadId: 'b' }], submitted('t1'), submitted('t2'), submitted('t3', 'b'))
    const commit = stream.append([type])
    const reason = type.replace('.', ' ')
    expect(told(commit).slice(1)).toEqual([
      ['turn.cancelled', { turnId: 't1', threadId: 'main', attempt: 1, reason }],
      ['turn.cancelled', { turnId: 't2', threadId: 'main', attempt: 1, reason }],
      ['turn.cancelled', { turnId: 't3', threadId: 'b', attempt: 1, reason }],
    ])
    expect(commit.slice(1).map(({ meta }) => meta)).toEqual(Array.from({ length: 3 }, () => ({ actor: 'turnlog' })))
    expect(stream.isOpen).toBe(false)
    expect(stream.report()).toEqual({ interrupted: [], pending: [], tasks: [] })
  })

  test('is followed by nothing but session.restored', () => {
    const stream = session()
    stream.append(['session.archived'])
    for (const event of [
      submitted('t1'),
      ['session.updated', {}],
      ['session.archived', {}],
      ['session.deleted', {}],
      ['thread.closed', { threadId: 'main' }],
      ['task.enqueued', { taskId: 'k' }],
    ] as const) {
      expect(stream.refuses(event), event[0]).toMatch(/archived; append session.restored first/)
    }
    expect(stream.takes(['session.restored'], submitted('t1'))).toBe(true)
  })

  test('is restored once', () => {
    expect(session().refuses(['session.restored'])).toBe('the session is not archived')
  })

  test('sets an interrupted turn aside until the session is restored', () => {
    const stream = running()
    stream.crash()
    expect(stream.takes(['session.archived'])).toBe(true)
    expect(stream.report().interrupted).toEqual([])
    expect(stream.crash()).toEqual([])
    stream.append(['session.restored'])
    expect(stream.report().interrupted).toHaveLength(1)
    expect(stream.takes(['turn.started', { turnId: 't1' }])).toBe(true)
  })
})

describe('a deletion', () => {
  test('is followed by nothing, whatever its type', () => {
    const stream = session()
    stream.append(['session.deleted'])
    for (const event of [
      ['session.restored', {}],
      ['session.created', {}],
      ['session.updated', {}],
      submitted('t1'),
      ['task.enqueued', { taskId: 'k' }],
    ] as const) {
      expect(stream.refuses(event), event[0]).toMatch(/deleted, and nothing follows/)
    }
  })

  test('leaves nothing in the state', () => {
    const stream = running()
    stream.crash()
    stream.append(submitted('t2'), ['session.deleted'])
    expect(stream.states).toEqual([
      { session: 'deleted', threads: [], turns: [] },
      { tasks: [], away: 'deleted' },
    ])
    expect(stream.isOpen).toBe(false)
  })
})
