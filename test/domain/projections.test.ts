import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Key, Projection, RecordedEvent } from '../../src/define.js'
import { events as catalogue } from '../../src/events.js'
import { call, item, projections, session as sessions, task, thread, timeline, turn } from '../../projections/index.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { anyEvent, happenings, play } from './histories.js'
import { isPlain, plain, running, session, Stream, submitted } from './stream.js'

type Any = Projection<never, never>

/** Rows of a projection, by their keys as JSON; `each` hears of every row as it changes. */
function rowsOf(
  projection: unknown,
  events: readonly RecordedEvent[],
  each: (state: never, before: never) => void = () => undefined,
): Map<string, never> {
  const one = projection as Any
  const rows = new Map<string, never>()
  for (const event of events) {
    for (const key of one.types.includes(event.type) ? one.keys(event) : []) {
      const before = rows.get(JSON.stringify(key)) ?? one.initial(key)
      const copy = plain(before)
      const next = one.apply(before, event, key)
      expect(plain(before), 'a handler changes no state in place').toEqual(copy)
      if (next === undefined) rows.delete(JSON.stringify(key))
      else rows.set(JSON.stringify(key), next)
      if (next !== undefined) each(next, before)
    }
  }
  return rows
}

function row<S, K extends Key>(projection: Projection<S, K>, key: K, events: readonly RecordedEvent[]): S | undefined {
  return rowsOf(projection, events).get(JSON.stringify(key))
}

const all = projections as readonly unknown[] as readonly (Any & {
  state: { safeParse(value: unknown): { success: boolean; error?: unknown } }
})[]

describe(withSeed('every view'), () => {
  /** Events in any order, as no law would let them in, with times that jump. */
  const unlawful = fc
    .array(fc.tuple(anyEvent, fc.option(fc.integer({ min: 0, max: 5000 }), { nil: undefined })), { maxLength: 100, size: 'max' })
    .map((list) =>
      list.map(([[type, data = {}], occurredAt], i): RecordedEvent => {
        const meta = occurredAt === undefined ? {} : { meta: { occurredAt } }
        return { position: i + 1, stream: '__proto__', version: i + 1, type, schema: 1, at: 1000 + i, data, ...meta }
      }),
    )

  test('has states of its own shape, plain, after any events', () => {
    fc.assert(
      fc.property(unlawful, (events) => {
        for (const projection of all) {
          rowsOf(projection, events, (state) => {
            expect(projection.state.safeParse(state)).toMatchObject({ success: true })
            expect(isPlain(state)).toBe(true)
          })
        }
      }),
      propertyParameters(100),
    )
  })

  test('is ordered by values that can be ordered, and its last activity never goes back', () => {
    fc.assert(
      fc.property(unlawful, (events) => {
        for (const projection of all) {
          rowsOf(projection, events, (state, before: { lastActivity?: number }) => {
            for (const by of Object.values(projection.index)) {
              const value = by(state)
              for (const part of Array.isArray(value) ? value : [value])
                expect(typeof part === 'string' || Number.isFinite(part)).toBe(true)
            }
            const { lastActivity = 0 } = state as { lastActivity?: number }
            expect(lastActivity).toBeGreaterThanOrEqual(before.lastActivity ?? 0)
          })
        }
      }),
      propertyParameters(60),
    )
  })

  test('agrees with the others over a lawful history', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const stream = play(list)
        const whole = row(sessions, 's', stream.events)
        if (whole === undefined || whole.status === 'deleted') return
        const turns = [...rowsOf(turn, stream.events).values()] as {
          status: string
          threadId: string
          turnId: string
          calls: number
          items: number
        }[]
        const threads = [...rowsOf(thread, stream.events).values()] as {
          threadId: string
          running?: string
          queue: string[]
          interrupted: string[]
          turns: number
        }[]
        expect(whole).toMatchObject({
          turns: turns.length,
          threads: threads.length,
          calls: rowsOf(call, stream.events).size,
          items: turns.reduce((sum, { items }) => sum + items, 0),
          tasks: rowsOf(task, stream.events).size,
        })
        for (const { threadId, running: now, queue, interrupted } of threads) {
          const own = (status: string): string[] =>
            turns.filter((one) => one.threadId === threadId && one.status === status).map(({ turnId }) => turnId)
          expect(now === undefined ? [] : [now]).toEqual(own('running'))
          expect(queue.toSorted()).toEqual(own('queued').toSorted())
          expect(interrupted.toSorted()).toEqual(own('interrupted').toSorted())
        }
        expect(whole.status === 'running').toBe(turns.some(({ status }) => status === 'running'))
      }),
      propertyParameters(150),
    )
  })

  test('keeps its rows small however long a session gets', () => {
    const stream = session()
    for (let i = 0; i < 200; i++) {
      const about = { turnId: `t${i}` }
      stream.append(submitted(`t${i}`), ['turn.started', about])
      stream.append(
        ['item.started', { ...about, itemId: 'i', kind: 'message' }],
        ['item.delta', { ...about, itemId: 'i', text: 'x'.repeat(100) }],
      )
      stream.append(
        ['tool.requested', { ...about, callId: 'c', name: 'n', arguments: {} }],
        ['turn.failed', { ...about, error: { message: 'm'.repeat(9000) } }],
      )
      stream.append(['thread.compacted', { threadId: 'main', summary: 's'.repeat(100) }])
    }
    for (const projection of all)
      for (const state of rowsOf(projection, stream.events).values()) expect(JSON.stringify(state).length).toBeLessThan(3000)
  })

  test('is as active as the last event that concerns it and that somebody caused, deltas left out', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const { events } = play(list)
        const caused = events.filter(({ type, meta }) => meta?.actor !== 'turnlog' && type !== 'item.delta')
        const last = (concerns: (data: Record<string, unknown>) => boolean): number | undefined =>
          caused.findLast(({ data }) => concerns(data as Record<string, unknown>))?.at
        expect(row(sessions, 's', events)?.lastActivity).toBe(last(() => true))
        for (const { threadId, lastActivity } of rowsOf(thread, events).values() as Iterable<{ threadId: string; lastActivity: number }>)
          expect(lastActivity).toBe(last((data) => data['threadId'] === threadId || data['from'] === threadId))
        for (const { turnId, lastActivity } of rowsOf(turn, events).values() as Iterable<{ turnId: string; lastActivity: number }>)
          expect(lastActivity).toBe(last((data) => data['turnId'] === turnId))
      }),
      propertyParameters(100),
    )
  })

  test('does not know more types than the catalogue, and there is one for each name', () => {
    for (const { types } of all) for (const type of types) expect(Object.keys(catalogue.definitions)).toContain(type)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  })
})

describe('the session view', () => {
  test('counts, adds up, and says what runs', () => {
    const stream = new Stream()
    stream.append(
      ['session.created', { title: 'Tides', agent: 'keeper', workspace: '/srv', model: 'm1', provider: 'acme' }],
      ['thread.started', { threadId: 'main' }],
    )
    stream.append(submitted('t1'), ['turn.started', { turnId: 't1' }])
    expect(row(sessions, 's', stream.events)).toMatchObject({ status: 'running', turns: 1, open: [{ turnId: 't1', status: 'running' }] })
    stream.append(
      ['item.completed', { turnId: 't1', itemId: 'i' }],
      ['tool.requested', { turnId: 't1', callId: 'c', name: 'n', arguments: {} }],
    )
    stream.append(
      ['turn.completed', { turnId: 't1', usage: { inputTokens: 5, outputTokens: 2, cacheReadTokens: 1, cost: 0.5 } }],
      ['session.updated', { title: 'High tides', model: 'm2' }],
    )
    expect(row(sessions, 's', stream.events)).toMatchObject({
      id: 's',
      title: 'High tides',
      agent: 'keeper',
      workspace: '/srv',
      model: 'm2',
      status: 'active',
      createdAt: 1001,
      lastActivity: 1004,
      turns: 1,
      items: 1,
      calls: 1,
      threads: 1,
      open: [],
      tokens: { input: 5, output: 2, cacheRead: 1, cost: 0.5 },
    })
  })

  test('has no row for a stream of tasks', () => {
    const stream = new Stream('task-k')
    stream.append(['task.enqueued', { taskId: 'k' }], ['task.started', { taskId: 'k' }])
    expect(rowsOf(sessions, stream.events).size).toBe(0)
    expect(row(task, 'k', stream.events)).toMatchObject({ status: 'running', stream: 'task-k' })
  })

  test('keeps of a deleted session nothing that was said', () => {
    const stream = new Stream()
    stream.append(['session.created', { title: 'secret', agent: 'secret', workspace: 'secret', tags: ['secret'] }])
    stream.append(['session.deleted'])
    const state = row(sessions, 's', stream.events)
    expect(state).toMatchObject({ id: 's', status: 'deleted', createdAt: 1001, lastActivity: 1002 })
    expect(JSON.stringify(state)).not.toContain('secret')
  })

  test('is archived and restored', () => {
    const stream = session()
    stream.append(submitted('t1'), ['session.archived'])
    expect(row(sessions, 's', stream.events)).toMatchObject({ status: 'archived', open: [] })
    stream.append(['session.restored'])
    expect(row(sessions, 's', stream.events)).toMatchObject({ status: 'active' })
  })
})

describe('last activity', () => {
  const times = (stream: Stream) => ({
    session: row(sessions, 's', stream.events)?.lastActivity,
    thread: row(thread, ['s', 'main'], stream.events)?.lastActivity,
    turn: row(turn, ['s', 't1'], stream.events)?.lastActivity,
    task: row(task, 'k', stream.events)?.lastActivity,
  })

  test('is not moved by closing what a death left open, nor by what the engine adds', () => {
    const stream = running()
    stream.append(
      ['tool.requested', { turnId: 't1', callId: 'c', name: 'n', arguments: {} }],
      ['tool.started', { turnId: 't1', callId: 'c' }],
    )
    stream.append(['task.enqueued', { taskId: 'k' }], ['task.started', { taskId: 'k' }])
    const before = times(stream)
    stream.crash()
    expect(row(turn, ['s', 't1'], stream.events)).toMatchObject({ status: 'interrupted', cause: 'crash', unknownCalls: 1 })
    expect(times(stream)).toEqual(before)
  })

  test('is the runtime’s own time where it says so, also when the engine adds to the commit', () => {
    const meta = { occurredAt: 77 }
    const stream = new Stream()
    stream.append(
      ['session.created', {}, meta],
      ['thread.started', { threadId: 'main' }, meta],
      [...submitted('t1').slice(0, 2), meta] as never,
      ['turn.started', { turnId: 't1' }, meta],
    )
    stream.append(
      ['tool.requested', { turnId: 't1', callId: 'c', name: 'n', arguments: {} }, { occurredAt: 80 }],
      ['turn.completed', { turnId: 't1' }, { occurredAt: 81 }],
    )
    expect(times(stream)).toMatchObject({ session: 81, thread: 81, turn: 81 })
    expect(row(sessions, 's', stream.events)).toMatchObject({ createdAt: 77 })
  })

  test('does not go back with a clock that does', () => {
    const stream = running()
    stream.append(['item.completed', { turnId: 't1', itemId: 'a' }, { occurredAt: 9000 }])
    stream.append(['item.completed', { turnId: 't1', itemId: 'b' }, { occurredAt: 5 }])
    expect(times(stream)).toMatchObject({ session: 9000, turn: 9000 })
  })
})

describe('the thread view', () => {
  test('has its head, queue, cuts and forks', () => {
    const stream = running()
    stream.append(submitted('t2'), submitted('t3'))
    expect(row(thread, ['s', 'main'], stream.events)).toMatchObject({ running: 't1', queue: ['t2', 't3'], turns: 3 })
    stream.append(['turn.interrupted', { turnId: 't1' }])
    expect(row(thread, ['s', 'main'], stream.events)).toMatchObject({ interrupted: ['t1'], queue: ['t2', 't3'] })
    stream.append(
      ['turn.completed', { turnId: 't1' }],
      ['thread.compacted', { threadId: 'main', summary: 's' }],
      ['thread.forked', { threadId: 'b', from: 'main', throughTurnId: 't1' }],
    )
    const state = row(thread, ['s', 'main'], stream.events)
    expect(state).toMatchObject({ head: 't1', interrupted: [], compactions: 1, compactedAt: 9, forks: 1 })
    expect(state).not.toHaveProperty('running')
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 't1' }], ['thread.closed', { threadId: 'main' }])
    expect(row(thread, ['s', 'main'], stream.events)).toMatchObject({ truncations: 1, status: 'closed', queue: [] })
    expect(row(thread, ['s', 'b'], stream.events)).toMatchObject({
      forkedFrom: { threadId: 'main', throughTurnId: 't1' },
      status: 'open',
      turns: 0,
    })
  })
})

describe('the turn view', () => {
  test('follows its attempts, and says what stayed partial', () => {
    const stream = running()
    stream.append(['item.started', { turnId: 't1', itemId: 'i', kind: 'message' }])
    expect(row(turn, ['s', 't1'], stream.events)).toMatchObject({ streaming: ['i'], partial: false })
    stream.crash()
    stream.append(['turn.started', { turnId: 't1', model: 'm2' }])
    expect(row(turn, ['s', 't1'], stream.events)).toMatchObject({
      attempts: 2,
      status: 'running',
      partial: true,
      streaming: [],
      model: 'm2',
    })
    expect(row(turn, ['s', 't1'], stream.events)).not.toHaveProperty('cause')
    stream.append(['approval.requested', { turnId: 't1', approvalId: 'a' }])
    expect(row(turn, ['s', 't1'], stream.events)).toMatchObject({ asks: ['approval:a'] })
    stream.append(['turn.failed', { turnId: 't1', attempt: 2, error: { message: 'no answer' }, usage: { inputTokens: 4 } }])
    expect(row(turn, ['s', 't1'], stream.events)).toMatchObject({
      status: 'failed',
      error: 'no answer',
      asks: [],
      tokens: { input: 4 },
      position: 3,
      startedPosition: 7,
      endedPosition: 9,
    })
  })

  test('knows what is still streamed, and what still waits for an answer', () => {
    const stream = running()
    for (const itemId of ['i', 'j']) stream.append(['item.started', { turnId: 't1', itemId, kind: 'message' }])
    for (const approvalId of ['a', 'b']) stream.append(['approval.requested', { turnId: 't1', approvalId }])
    stream.append(
      ['item.completed', { turnId: 't1', itemId: 'i' }],
      ['approval.resolved', { turnId: 't1', approvalId: 'a', decision: 'approved' }],
    )
    expect(row(turn, ['s', 't1'], stream.events)).toMatchObject({ streaming: ['j'], asks: ['approval:b'], items: 1, partial: false })
    stream.append(['turn.completed', { turnId: 't1' }])
    expect(row(turn, ['s', 't1'], stream.events)).toMatchObject({ partial: true, asks: [] })
  })

  test('clips an error between whole characters', () => {
    const stream = running()
    stream.append(['turn.failed', { turnId: 't1', error: { message: `x${'\u{1f6a2}'.repeat(3000)}` } }])
    const { error = '' } = row(turn, ['s', 't1'], stream.events) ?? {}
    expect(error.length).toBeLessThan(2100)
    expect(encodeURIComponent(error)).toBeTruthy()
    expect(error.slice(-3)).toBe('\u{1f6a2}…')
  })
})

describe('the rows of a turn', () => {
  test('are its items, with where they lie', () => {
    const stream = running()
    stream.append(
      ['item.started', { turnId: 't1', itemId: 'i', kind: 'message', role: 'assistant' }],
      ['item.delta', { turnId: 't1', itemId: 'i', text: 'x' }],
    )
    expect(row(item, ['s', 't1', 'i'], stream.events)).toMatchObject({
      kind: 'message',
      role: 'assistant',
      status: 'partial',
      position: 5,
      lastPosition: 6,
      deltas: 1,
    })
    stream.append(['item.completed', { turnId: 't1', itemId: 'i' }])
    expect(row(item, ['s', 't1', 'i'], stream.events)).toMatchObject({ status: 'completed', position: 5, lastPosition: 7 })
  })

  test('are its calls, with what came of them', () => {
    const stream = running()
    const about = (callId: string) => ({ turnId: 't1', callId })
    stream.append(
      ['tool.requested', { ...about('a'), name: 'read', arguments: {} }],
      ['tool.requested', { ...about('b'), name: 'write', arguments: {} }],
      ['tool.started', about('b')],
    )
    stream.append(['tool.finished', { ...about('a') }])
    stream.crash()
    expect(row(call, ['s', 't1', 'a'], stream.events)).toMatchObject({
      name: 'read',
      status: 'finished',
      outcome: 'ok',
      position: 5,
      lastPosition: 8,
    })
    expect(row(call, ['s', 't1', 'b'], stream.events)).toMatchObject({ name: 'write', status: 'unknown', position: 6, lastPosition: 9 })
  })
})

describe('the task view', () => {
  const work = () => {
    const stream = new Stream('task-k')
    stream.append(
      ['task.enqueued', { taskId: 'k', title: 'Oil', priority: 2, dependencies: ['j'], session: 's' }],
      ['task.started', { taskId: 'k' }],
    )
    stream.append(['task.progressed', { taskId: 'k', summary: 'half', percent: 50 }])
    return stream
  }

  test('has its status, attempts and progress', () => {
    const stream = work()
    expect(row(task, 'k', stream.events)).toMatchObject({
      status: 'running',
      title: 'Oil',
      attempts: 1,
      percent: 50,
      summary: 'half',
      entries: 3,
      dependencies: ['j'],
    })
    stream.append(
      ['task.failed', { taskId: 'k', error: { message: 'dry' } }],
      ['task.retried', { taskId: 'k' }],
      ['task.started', { taskId: 'k' }],
    )
    expect(row(task, 'k', stream.events)).toMatchObject({ status: 'running', attempts: 2, entries: 6 })
    expect(row(task, 'k', stream.events)).not.toHaveProperty('error')
  })

  test('has a timeline in the order of what happened', () => {
    const stream = work()
    stream.append(['task.failed', { taskId: 'k', error: { message: 'dry' } }])
    const entries = rowsOf(timeline, stream.events)
    expect([...entries.keys()].toSorted()).toEqual([...entries.keys()])
    expect([...entries.values()].map(({ what, summary }: { what: string; summary?: string }) => [what, summary])).toEqual([
      ['enqueued', undefined],
      ['started', undefined],
      ['progressed', 'half'],
      ['failed', 'dry'],
    ])
  })

  test('belongs to the stream that was first to use its id; others are counted', () => {
    const other = new Stream('another')
    other.append(['task.enqueued', { taskId: 'k', title: 'Paint' }], ['task.started', { taskId: 'k' }], ['task.completed', { taskId: 'k' }])
    expect(row(task, 'k', [...work().events, ...other.events])).toMatchObject({
      stream: 'task-k',
      title: 'Oil',
      status: 'running',
      foreign: 3,
    })
  })
})
