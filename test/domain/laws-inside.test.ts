import { describe, expect, test } from 'vitest'
import { byType, running, session, submitted, told, type Given } from './stream.js'

const about = { turnId: 't1' }
const itemStarted = (itemId = 'i1'): Given => ['item.started', { ...about, itemId, kind: 'message' }]
const delta = (itemId = 'i1'): Given => ['item.delta', { ...about, itemId, text: 'x' }]
const itemCompleted = (itemId = 'i1'): Given => ['item.completed', { ...about, itemId, content: [] }]
const requested = (callId = 'c1'): Given => ['tool.requested', { ...about, callId, name: 'read', arguments: {} }]
const started = (callId = 'c1'): Given => ['tool.started', { ...about, callId }]
const finished = (callId = 'c1', status = 'ok'): Given => ['tool.finished', { ...about, callId, status }]
const unknown = (callId = 'c1'): Given => ['tool.unknown', { ...about, callId }]
const interrupted: Given = ['turn.interrupted', { ...about, cause: 'provider' }]
const full = { turnId: 't1', threadId: 'main', attempt: 1 }

describe('what lives in a turn', () => {
  const inside: Given[] = [
    itemStarted(),
    itemCompleted(),
    requested(),
    ['approval.requested', { ...about, approvalId: 'a' }],
    ['input.requested', { ...about, inputId: 'q' }],
  ]

  test.each(byType(inside))('$type needs it to run', ({ event }) => {
    const stream = session()
    expect(stream.refuses(event)).toMatch(/not submitted/)
    stream.append(submitted('t1'))
    expect(stream.refuses(event)).toMatch(/was not started/)
    stream.append(['turn.started', about])
    expect(stream.takes(event)).toBe(true)
  })

  test.each(byType(inside))('$type does not follow its end', ({ event }) => {
    const stream = running()
    stream.append(['turn.completed', about])
    expect(stream.refuses(event)).toMatch(/has its end/)
  })

  test.each(byType(inside.filter(([type]) => type !== 'item.completed')))('$type does not follow its interruption', ({ event }) => {
    const stream = running()
    stream.append(interrupted)
    expect(stream.refuses(event)).toMatch(/interrupted/)
  })
})

describe('an item', () => {
  test('is started, streamed and completed', () => {
    const stream = running()
    expect(stream.refuses(delta())).toMatch(/not being streamed; start it first/)
    stream.append(itemStarted(), delta(), delta())
    expect(stream.refuses(itemStarted())).toMatch(/being streamed already/)
    stream.append(itemCompleted())
    expect(stream.refuses(delta())).toMatch(/not being streamed/)
  })

  test('may be completed at once, and is completed once', () => {
    const stream = running()
    expect(stream.takes(itemCompleted())).toBe(true)
    expect(stream.takes(itemCompleted())).toBe(false)
  })

  test('that was cut off may be completed late, and is begun again in the next attempt', () => {
    const stream = running()
    stream.append(itemStarted('i1'), itemStarted('i2'), interrupted)
    expect(stream.refuses(delta('i1'))).toMatch(/interrupted/)
    expect(stream.takes(itemCompleted('i1'))).toBe(true)
    stream.append(['turn.started', about])
    expect(stream.refuses(delta('i2'))).toMatch(/not being streamed/)
    expect(stream.takes(itemStarted('i2'), delta('i2'))).toBe(true)
  })
})

describe('a call', () => {
  test('is requested, started and finished', () => {
    const stream = running()
    expect(stream.refuses(started())).toMatch(/was not requested/)
    stream.append(requested(), started())
    expect(stream.refuses(started())).toMatch(/was started already/)
    expect(stream.takes(finished())).toBe(true)
  })

  test('may be finished without a start, which many runtimes do not report', () => {
    const stream = running()
    expect(stream.refuses(finished())).toMatch(/was not requested/)
    expect(stream.takes(requested(), finished())).toBe(true)
  })

  test.each(byType([finished(), unknown()]))('has one outcome: $type', ({ event }) => {
    const stream = running()
    stream.append(requested(), event)
    for (const other of [finished(), unknown(), started()]) expect(stream.takes(other)).toBe(false)
  })

  test('is requested once, for ever', () => {
    const stream = running()
    stream.append(requested(), finished())
    expect(stream.takes(requested())).toBe(false)
    expect(stream.takes(requested('c2'))).toBe(true)
  })

  test('does not share its name with that of another turn', () => {
    const stream = session()
    stream.append(submitted('t'), submitted('t","x'), ['turn.started', { turnId: 't' }])
    stream.append(
      ['tool.requested', { turnId: 't', callId: 'x","c', name: 'n', arguments: {} }],
      ['turn.completed', { turnId: 't' }],
      ['turn.started', { turnId: 't","x' }],
    )
    expect(stream.takes(['tool.requested', { turnId: 't","x', callId: 'c', name: 'n', arguments: {} }])).toBe(true)
  })

  const ends: Given[] = [
    ['turn.completed', about],
    ['turn.failed', { ...about, error: { message: 'm' } }],
    ['turn.cancelled', about],
  ]
  test.each(byType(ends))('gets its outcome with $type, in the same commit: not run, or unknown if it was started', ({ event }) => {
    const stream = running()
    stream.append(requested('c1'), requested('c2'), started('c2'), requested('c3'), finished('c3'))
    expect(told(stream.append(event)).slice(1)).toEqual([
      ['tool.finished', { ...full, callId: 'c1', status: 'not-run' }],
      ['tool.unknown', { ...full, callId: 'c2', cause: 'turn ended' }],
    ])
    expect(stream.isOpen).toBe(false)
    expect(stream.refuses(finished('c1'))).toMatch(/has its end/)
  })

  test('gets its outcome before its turn ends', () => {
    const stream = running()
    stream.append(requested())
    expect(stream.refuses(['turn.completed', about], finished())).toMatch(/has its end/)
    expect(stream.append(finished(), ['turn.completed', about])).toHaveLength(2)
  })

  test('that was started is unknown after an interruption; one that was not stays requested', () => {
    const stream = running()
    stream.append(requested('c1'), requested('c2'), started('c2'))
    expect(told(stream.append(interrupted)).slice(1)).toEqual([['tool.unknown', { ...full, callId: 'c2', cause: 'turn interrupted' }]])
    expect(stream.report().interrupted).toEqual([{ threadId: 'main', turnId: 't1', attempt: 1, cause: 'provider', calls: ['c1', 'c2'] }])
    expect(stream.refuses(finished('c2'))).toMatch(/on record as unknown/)
    expect(stream.takes(finished('c1', 'not-run'))).toBe(true)
  })

  test('is closed by a death in the order of what happened: calls, then their turn', () => {
    const stream = running()
    stream.append(requested('c1'), requested('c2'), started('c2'))
    expect(told(stream.crash())).toEqual([
      ['tool.unknown', { ...full, callId: 'c2', cause: 'crash' }],
      ['turn.interrupted', { ...full, cause: 'crash' }],
    ])
    expect(stream.report().interrupted).toMatchObject([{ calls: ['c1', 'c2'] }])
    expect(stream.crash()).toEqual([])
  })

  test('that never started may still run in the next attempt; of the unknown one nothing is told any more', () => {
    const stream = running()
    stream.append(requested('c1'), requested('c2'), started('c2'))
    stream.crash()
    stream.append(['turn.started', about])
    expect(stream.takes(finished('c2'))).toBe(false)
    expect(stream.takes(started('c1'), finished('c1'))).toBe(true)
    stream.crash()
    expect(stream.report().interrupted).toMatchObject([{ attempt: 2, calls: [] }])
  })
})

describe.each([
  ['approval', 'approvalId', { decision: 'approved' }],
  ['input', 'inputId', { answer: [] }],
])('a question: %s', (family, field, says) => {
  const asked = (id = 'a1'): Given => [`${family}.requested`, { ...about, [field]: id, callId: 'c1' }]
  const resolved = (id = 'a1'): Given => [`${family}.resolved`, { ...about, [field]: id, ...says }]

  test('is answered once, after it was asked', () => {
    const stream = running()
    expect(stream.refuses(resolved())).toMatch(/waits for an answer/)
    stream.append(asked(), resolved())
    expect(stream.refuses(resolved())).toMatch(/waits for an answer/)
    expect(stream.takes(asked())).toBe(false)
  })

  test('stays answerable while its turn is interrupted', () => {
    const stream = running()
    stream.append(asked())
    stream.crash()
    expect(stream.takes(resolved())).toBe(true)
  })

  test('is void once the turn starts again or ends', () => {
    const again = running()
    again.append(asked())
    again.crash()
    again.append(['turn.started', about])
    expect(again.refuses(resolved())).toMatch(/waits for an answer/)
    const over = running()
    over.append(asked(), ['turn.completed', about])
    expect(over.refuses(resolved())).toMatch(/has its end/)
  })

  test('is answered by its own name, whatever else waits', () => {
    const stream = running()
    stream.append(asked('a1'), asked('a2'), resolved('a2'))
    expect(stream.refuses(resolved('a2'))).toMatch(/a2 waits for an answer/)
    expect(stream.takes(resolved('a1'))).toBe(true)
  })

  test('does not share its name with the other kind', () => {
    const other =
      family === 'approval'
        ? (['input.requested', { ...about, inputId: 'a1' }] as const)
        : (['approval.requested', { ...about, approvalId: 'a1' }] as const)
    const stream = running()
    stream.append(other)
    expect(stream.refuses(resolved())).toMatch(/waits for an answer/)
  })
})
