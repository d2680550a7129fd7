import { describe, expect, test } from 'vitest'
import type { RecordedEvent } from '../../src/define.js'
import type { OpenSession } from '../../src/open-work.js'
import { turnLaw } from '../../src/turns.js'
import { byType, running, session, submitted, told, type Given } from './stream.js'

const ENDS: Given[] = [
  ['turn.completed', { turnId: 't1' }],
  ['turn.failed', { turnId: 't1', error: { message: 'no answer' } }],
  ['turn.cancelled', { turnId: 't1' }],
]
const starts = (turnId = 't1', attempt?: number): Given => ['turn.started', { turnId, ...(attempt === undefined ? {} : { attempt }) }]
const attempt = ([type, data]: Given, of: number): Given => [type, { ...data, attempt: of }]
const data = (events: RecordedEvent[]): unknown => events[0]?.data

describe('a turn', () => {
  test('is submitted once, for ever', () => {
    const stream = running()
    expect(stream.takes(submitted('t1'))).toBe(false)
    stream.append(['turn.completed', { turnId: 't1' }])
    expect(stream.takes(submitted('t1'))).toBe(false)
    expect(stream.takes(submitted('t2'))).toBe(true)
  })

  test('is submitted before it starts', () => {
    expect(session().refuses(starts())).toMatch(/t1 was not submitted/)
    const stream = session()
    expect(stream.takes(submitted('t1'), starts())).toBe(true)
    expect(stream.refuses(starts())).toMatch(/running already, in attempt 1/)
  })

  test('starts alone in its thread, and in its own thread', () => {
    const stream = running()
    stream.append(['thread.started', { threadId: 'b' }], submitted('t2'), submitted('t3', 'b'))
    expect(stream.refuses(starts('t2'))).toBe('turn t1 is running in thread main; one runs at a time')
    expect(stream.refuses(['turn.started', { turnId: 't3', threadId: 'main' }])).toMatch(/t3 is in thread b/)
    expect(stream.takes(starts('t3'))).toBe(true)
    stream.append(['turn.completed', { turnId: 't1' }])
    expect(stream.takes(starts('t2'))).toBe(true)
  })

  test('may start ahead of those that wait before it', () => {
    const stream = session()
    stream.append(submitted('t1'), submitted('t2'))
    expect(stream.takes(starts('t2'))).toBe(true)
    expect(stream.report().pending).toEqual([{ threadId: 'main', turnId: 't1' }])
  })

  test.each(byType(ENDS))('has one end: $type', ({ event: end }) => {
    const stream = running()
    expect(stream.takes(end)).toBe(true)
    for (const other of [...ENDS, ['turn.interrupted', { turnId: 't1' }] as Given]) expect(stream.refuses(other)).toMatch(/has its end/)
    expect(stream.refuses(starts())).toMatch(/has its end/)
    expect(stream.isOpen).toBe(false)
  })

  test('that waits can be cancelled, and cannot end otherwise', () => {
    const stream = session()
    stream.append(submitted('t1'))
    for (const end of [ENDS[0]!, ENDS[1]!, ['turn.interrupted', { turnId: 't1' }] as Given])
      expect(stream.refuses(end)).toBe('turn t1 was not started; start it, or cancel it')
    expect(stream.refuses(['turn.cancelled', { turnId: 't1', attempt: 2 }])).toMatch(/no attempt 2/)
    expect(stream.refuses(['turn.cancelled', { turnId: 't1', threadId: 'b' }])).toMatch(/in thread main, not b/)
    expect(stream.refuses(['turn.steered', { turnId: 't1' }])).toMatch(/not started/)
    expect(data(stream.append(['turn.cancelled', { turnId: 't1' }]))).toEqual({ turnId: 't1', threadId: 'main', attempt: 1 })
    expect(stream.isOpen).toBe(false)
  })

  test('is steered while it runs', () => {
    const stream = running()
    expect(stream.takes(['turn.steered', { turnId: 't1', input: [] }])).toBe(true)
    expect(stream.refuses(['turn.steered', { turnId: 't1', threadId: 'b' }])).toMatch(/in thread main, not b/)
    stream.append(['turn.interrupted', { turnId: 't1' }])
    expect(stream.refuses(['turn.steered', { turnId: 't1' }])).toMatch(/interrupted; start its next attempt first/)
  })
})

describe('an interrupted turn', () => {
  const interrupted = () => {
    const stream = running()
    stream.append(['turn.interrupted', { turnId: 't1', cause: 'provider' }])
    return stream
  }

  test('is suspended: its next attempt may start, and no other', () => {
    const stream = interrupted()
    expect(stream.refuses(starts('t1', 1))).toBe('the next attempt of turn t1 is 2, not 1')
    expect(stream.refuses(starts('t1', 3))).toBe('the next attempt of turn t1 is 2, not 3')
    expect(data(stream.append(starts()))).toEqual({ turnId: 't1', attempt: 2, threadId: 'main' })
  })

  test.each(byType(ENDS))('may get its one real end late: $type', ({ event: end }) => {
    const stream = interrupted()
    expect(stream.refuses(attempt(end, 2))).toMatch(/attempt 2 of turn t1 is not the current one/)
    expect(stream.takes(end)).toBe(true)
    expect(stream.takes(end)).toBe(false)
    expect(stream.takes(starts())).toBe(false)
  })

  test('is not interrupted twice', () => {
    expect(interrupted().refuses(['turn.interrupted', { turnId: 't1' }])).toBe('turn t1 is interrupted already')
  })

  test.each(byType(ENDS))('gets no end of an older attempt once a newer one started: $type', ({ event: end }) => {
    const stream = interrupted()
    stream.append(starts())
    expect(stream.refuses(end)).toMatch(/an end that names no attempt means the first/)
    expect(stream.refuses(attempt(end, 1))).toMatch(/attempt 1 of turn t1 is not the current one, which is 2/)
    expect(stream.takes(attempt(end, 2))).toBe(true)
  })

  test('lets another turn run meanwhile, and waits for it', () => {
    const stream = interrupted()
    stream.append(submitted('t2'), starts('t2'))
    expect(stream.refuses(starts('t1'))).toMatch(/t2 is running/)
    stream.append(['turn.completed', { turnId: 't2' }])
    expect(stream.takes(starts('t1'))).toBe(true)
  })

  test('keeps a stale worker out, whatever it appends', () => {
    const stream = interrupted()
    stream.append(starts())
    const stale: Given[] = [
      ['item.completed', { turnId: 't1', itemId: 'i', attempt: 1 }],
      ['tool.requested', { turnId: 't1', callId: 'c', name: 'n', arguments: {}, attempt: 1 }],
      ['turn.steered', { turnId: 't1', attempt: 1 }],
    ]
    for (const event of stale) {
      expect(stream.refuses(event)).toMatch(/attempt 1 of turn t1 is not the current one/)
      expect(stream.takes(attempt(event, 2))).toBe(true)
    }
  })
})

describe('what is left out', () => {
  test('is filled in: the thread, and the attempt', () => {
    const stream = running()
    expect(data(stream.append(['turn.steered', { turnId: 't1' }]))).toEqual({ turnId: 't1', threadId: 'main', attempt: 1 })
    expect(data(stream.append(['item.completed', { turnId: 't1', itemId: 'i' }]))).toEqual({
      turnId: 't1',
      itemId: 'i',
      threadId: 'main',
      attempt: 1,
    })
    expect(data(stream.append(['turn.interrupted', { turnId: 't1' }]))).toMatchObject({ threadId: 'main', attempt: 1 })
    expect(data(stream.append(starts()))).toMatchObject({ attempt: 2 })
    expect(data(stream.append(['turn.steered', { turnId: 't1' }]))).toMatchObject({ attempt: 2 })
  })

  test('is filled in alone, where one of the two is there', () => {
    const stream = running()
    expect(data(stream.append(['turn.steered', { turnId: 't1', threadId: 'main' }]))).toEqual({
      turnId: 't1',
      threadId: 'main',
      attempt: 1,
    })
    expect(data(stream.append(['turn.steered', { turnId: 't1', attempt: 1 }]))).toEqual({ turnId: 't1', threadId: 'main', attempt: 1 })
  })

  test('is left out of events that are not ours', () => {
    const { states } = running()
    const note = { type: 'note.added', data: { turnId: 't1' } }
    expect(turnLaw.complete((states as OpenSession[])[0]!, note)).toBe(note.data)
  })

  test('is not touched where it is there, and the data is the same object where nothing is missing', () => {
    const stream = running()
    const steered = { turnId: 't1', threadId: 'main', attempt: 1, input: [] }
    expect(data(stream.append(['turn.steered', steered]))).toBe(steered)
  })
})

describe('a death', () => {
  test('interrupts what runs, and nothing else', () => {
    const stream = running()
    stream.append(submitted('t2'))
    expect(stream.report(true)).toEqual({
      interrupted: [{ threadId: 'main', turnId: 't1', attempt: 1, cause: 'crash', calls: [] }],
      pending: [{ threadId: 'main', turnId: 't2' }],
      tasks: [],
    })
    expect(stream.report().interrupted).toEqual([])
    expect(told(stream.crash('shutdown'))).toEqual([
      ['turn.interrupted', { turnId: 't1', threadId: 'main', attempt: 1, cause: 'shutdown' }],
    ])
    expect(stream.crash()).toEqual([])
    expect(stream.report().interrupted).toMatchObject([{ cause: 'shutdown' }])
  })

  test('leaves a stream for the next boot to look at: what runs, waits or was interrupted', () => {
    const stream = session()
    expect(stream.isOpen).toBe(false)
    stream.append(submitted('t1'))
    expect(stream.isOpen).toBe(true)
    stream.append(starts())
    expect(stream.isOpen).toBe(true)
    stream.crash()
    expect(stream.isOpen).toBe(true)
    stream.append(['turn.completed', { turnId: 't1' }])
    expect(stream.isOpen).toBe(false)
  })

  test('is told of until the turn starts again', () => {
    const stream = running()
    stream.crash()
    stream.append(submitted('t2'))
    stream.crash()
    expect(stream.report().interrupted).toMatchObject([{ turnId: 't1' }])
    stream.append(starts())
    expect(stream.report()).toMatchObject({ interrupted: [], pending: [{ turnId: 't2' }] })
    stream.crash()
    expect(stream.report().interrupted).toMatchObject([{ turnId: 't1', attempt: 2 }])
  })
})
