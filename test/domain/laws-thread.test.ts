import { describe, expect, test } from 'vitest'
import { running, session, submitted, told, type Given } from './stream.js'

const requested = (callId: string, turnId = 't1'): Given => ['tool.requested', { turnId, callId, name: 'read', arguments: {} }]
const ended = () => {
  const stream = running()
  stream.append(['turn.completed', { turnId: 't1' }])
  return stream
}

describe('a thread', () => {
  test('is started before turns are submitted to it', () => {
    expect(session().refuses(submitted('t1', 'other'))).toMatch(/no open thread other; append thread.started first/)
    expect(session().takes(submitted('t1', 'main'))).toBe(true)
  })

  test('is started or forked once, for ever', () => {
    const stream = session()
    expect(stream.refuses(['thread.started', { threadId: 'main' }])).toMatch(/there already/)
    expect(stream.takes(['thread.forked', { threadId: 'main', from: 'main' }])).toBe(false)
    stream.append(['thread.closed', { threadId: 'main' }])
    expect(stream.takes(['thread.started', { threadId: 'main' }])).toBe(false)
  })

  test('is not closed while a turn runs', () => {
    const stream = running()
    expect(stream.refuses(['thread.closed', { threadId: 'main' }])).toBe('turn t1 is running; end it first')
    stream.append(['turn.completed', { turnId: 't1' }])
    expect(stream.takes(['thread.closed', { threadId: 'main' }])).toBe(true)
    expect(stream.refuses(['thread.closed', { threadId: 'main' }])).toMatch(/no open thread/)
    expect(stream.refuses(submitted('t2'))).toMatch(/no open thread/)
  })

  test('cancels what waits in it and what was interrupted when it is closed, calls included', () => {
    const stream = running()
    stream.append(requested('c1'))
    stream.crash()
    stream.append(submitted('t2'))
    const commit = stream.append(['thread.closed', { threadId: 'main' }])
    expect(told(commit).slice(1)).toEqual([
      ['turn.cancelled', { turnId: 't2', threadId: 'main', attempt: 1, reason: 'thread closed' }],
      ['turn.cancelled', { turnId: 't1', threadId: 'main', attempt: 1, reason: 'thread closed' }],
      ['tool.finished', { turnId: 't1', threadId: 'main', attempt: 1, callId: 'c1', status: 'not-run' }],
    ])
    expect(stream.states).toMatchObject([{ threads: [], turns: [] }, {}])
  })
})

describe('a thread beside another', () => {
  test('takes turns as soon as it was forked', () => {
    const stream = session()
    stream.append(['thread.forked', { threadId: 'b', from: 'main' }])
    expect(stream.takes(submitted('t1', 'b'))).toBe(true)
  })

  test('leaves the other’s turns alone when it is closed', () => {
    const stream = running()
    stream.crash()
    stream.append(['thread.started', { threadId: 'b' }], submitted('t2'))
    expect(stream.append(['thread.closed', { threadId: 'b' }])).toHaveLength(1)
    expect(stream.report()).toMatchObject({ interrupted: [{ turnId: 't1' }], pending: [{ turnId: 't2' }] })
  })
})

describe('a cut', () => {
  const cuts: [string, (more?: object) => Given][] = [
    ['thread.compacted', (more = {}) => ['thread.compacted', { threadId: 'main', summary: 's', ...more }]],
    ['thread.forked', (more = {}) => ['thread.forked', { threadId: 'b', from: 'main', ...more }]],
  ]

  test.each(cuts)('%s lies here, where no call is open', (_, cut) => {
    const stream = running()
    stream.append(requested('c1'))
    expect(stream.refuses(cut())).toMatch(/turn t1 has an open tool call/)
    stream.append(['tool.finished', { turnId: 't1', callId: 'c1' }])
    expect(stream.takes(cut())).toBe(true)
  })

  test.each(cuts)('%s does not lie here while an interrupted turn may still run its call', (_, cut) => {
    const stream = running()
    stream.append(requested('c1'))
    stream.crash()
    expect(stream.refuses(cut())).toMatch(/open tool call/)
    stream.append(['turn.cancelled', { turnId: 't1' }])
    expect(stream.takes(cut())).toBe(true)
  })

  test.each(cuts)('%s lies at the end of a turn, whatever runs behind it', (_, cut) => {
    const stream = ended()
    stream.append(submitted('t2'), ['turn.started', { turnId: 't2' }], requested('c1', 't2'))
    expect(stream.refuses(cut())).toMatch(/open tool call/)
    expect(stream.takes(cut({ throughTurnId: 't1' }))).toBe(true)
  })

  test.each(cuts)('%s does not lie at the end of a turn that runs or waits', (_, cut) => {
    const stream = running()
    stream.append(submitted('t2'))
    expect(stream.refuses(cut({ throughTurnId: 't1' }))).toMatch(/t1 is running; cut at the end of another/)
    expect(stream.refuses(cut({ throughTurnId: 't2' }))).toMatch(/t2 was not started/)
  })

  test('needs a thread that is open', () => {
    expect(session().refuses(['thread.compacted', { threadId: 'x', summary: '' }])).toMatch(/no open thread x/)
    expect(session().refuses(['thread.truncated', { threadId: 'x' }])).toMatch(/no open thread x/)
    expect(session().refuses(['thread.forked', { threadId: 'b', from: 'x' }])).toMatch(/no open thread x/)
    expect(session().takes(['thread.forked', { threadId: 'b', from: 'x', fromSession: 'another' }])).toBe(true)
    expect(session().takes(['thread.forked', { threadId: 'b' }])).toBe(true)
  })
})

describe('a truncation', () => {
  test('does not hide what a running turn builds on', () => {
    const stream = ended()
    stream.append(submitted('t2'), ['turn.started', { turnId: 't2' }])
    expect(stream.refuses(['thread.truncated', { threadId: 'main', afterTurnId: 't1' }])).toMatch(/t2 is running/)
    expect(stream.refuses(['thread.truncated', { threadId: 'main' }])).toMatch(/t2 is running/)
    stream.append(['turn.cancelled', { turnId: 't2' }])
    expect(stream.takes(['thread.truncated', { threadId: 'main', afterTurnId: 't1' }])).toBe(true)
    expect(stream.takes(['thread.truncated', { threadId: 'main' }])).toBe(true)
  })

  test('may hide what the running turn itself did, where no call is open', () => {
    const stream = running()
    stream.append(['item.completed', { turnId: 't1', itemId: 'i1' }], requested('c1'))
    const cut: Given = ['thread.truncated', { threadId: 'main', afterTurnId: 't1', afterItemId: 'i1' }]
    expect(stream.refuses(cut)).toMatch(/open tool call/)
    stream.append(['tool.finished', { turnId: 't1', callId: 'c1' }])
    expect(stream.takes(cut)).toBe(true)
    expect(stream.takes(['thread.truncated', { threadId: 'main', afterItemId: 'i1' }])).toBe(true)
  })

  test('may not hide it behind an item of another turn', () => {
    const stream = ended()
    stream.append(submitted('t2'), ['turn.started', { turnId: 't2' }])
    expect(stream.refuses(['thread.truncated', { threadId: 'main', afterTurnId: 't1', afterItemId: 'i1' }])).toMatch(/t2 is running/)
  })
})
