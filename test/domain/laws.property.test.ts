import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Law, LawEvent, RecordedEvent } from '../../src/define.js'
import type { OpenTasks } from '../../src/tasks.js'
import { laws } from '../../src/turns.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { anyEvent, happenings, play } from './histories.js'
import { engine, isPlain, plain, schemas } from './stream.js'

const fold = (law: Law, events: readonly LawEvent[], from = law.initial()): unknown =>
  events.reduce((state, event) => law.apply(state, event), from)
const of = (event: RecordedEvent): Record<string, string & number> => event.data as never
const ENDS = new Set(['turn.completed', 'turn.failed', 'turn.cancelled'])

describe(withSeed('whatever the laws let in'), () => {
  test('reaches far: most kinds of event are in some history', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(happenings, (list) => {
        for (const { type } of play(list).events) seen.add(type)
      }),
      propertyParameters(150),
    )
    expect(seen.size).toBeGreaterThan(32)
  })

  test('runs one turn in a thread at a time, in attempts 1, 2, 3, and ends each once', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const running = new Map<string, string>()
        const attempts = new Map<string, number>()
        const ended = new Set<string>()
        for (const event of play(list).events) {
          const { threadId = '', turnId = '', attempt = 0 } = of(event)
          if (event.type === 'turn.started') {
            expect(running.get(threadId)).toBeUndefined()
            expect(attempt).toBe((attempts.get(turnId) ?? 0) + 1)
            expect(ended.has(turnId)).toBe(false)
            attempts.set(turnId, attempt)
            running.set(threadId, turnId)
          } else if (ENDS.has(event.type) || event.type === 'turn.interrupted') {
            expect(attempt).toBe(attempts.get(turnId) ?? 1)
            expect(ended.has(turnId)).toBe(false)
            if (event.type !== 'turn.interrupted') ended.add(turnId)
            if (running.get(threadId) === turnId) running.delete(threadId)
          }
        }
      }),
      propertyParameters(150),
    )
  })

  test('gives every call one outcome, at the latest with the end of its turn, and none to a call that was not requested', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const open = new Map<string, Set<string>>()
        const settled = new Set<string>()
        play(list, (commit) => {
          for (const event of commit) {
            const { turnId = '', callId = '' } = of(event)
            const calls = open.get(turnId) ?? new Set()
            open.set(turnId, calls)
            if (event.type === 'tool.requested') calls.add(callId)
            if (event.type === 'tool.finished' || event.type === 'tool.unknown') {
              expect(calls.delete(callId)).toBe(true)
              expect(settled.has(`${turnId}/${callId}`)).toBe(false)
              settled.add(`${turnId}/${callId}`)
            }
          }
          for (const event of commit) if (ENDS.has(event.type)) expect([...(open.get(of(event)['turnId'] ?? '') ?? [])]).toEqual([])
        })
      }),
      propertyParameters(150),
    )
  })

  test('is complete on the disk: thread and attempt are there', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const inTurns = play(list).events.filter(({ type }) => /^(turn|item|tool|approval|input)\./.test(type))
        const attempted = play(list).events.filter(({ type }) =>
          /^(turn|task)\.(started|completed|failed|cancelled|interrupted)$/.test(type),
        )
        expect(inTurns.filter((event) => typeof of(event)['threadId'] !== 'string')).toEqual([])
        expect(attempted.filter((event) => typeof of(event)['attempt'] !== 'number')).toEqual([])
      }),
      propertyParameters(100),
    )
  })

  test('leaves nothing to add and nothing to close a second time', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const stream = play(list, (commit, { states }) => {
          laws.forEach((law, i) => expect(law.consequences((states as unknown[])[i], commit)).toEqual([]))
        })
        stream.crash()
        expect(stream.crash()).toEqual([])
        expect(stream.report(true)).toEqual(stream.report())
      }),
      propertyParameters(120),
    )
  })

  test('puts a stream back to rest once everything has its end', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const stream = play(list)
        stream.takes(['session.restored'])
        stream.crash()
        for (const { turnId, attempt } of stream.report().interrupted) stream.append(['turn.cancelled', { turnId, attempt }])
        for (const { turnId } of stream.report().pending) stream.append(['turn.cancelled', { turnId }])
        const [, { tasks }] = stream.states as unknown as [unknown, OpenTasks]
        for (const { id: taskId, attempt, status } of tasks) {
          if (status !== 'failed') stream.takes(['task.cancelled', { taskId, attempt: status === 'queued' ? attempt + 1 : attempt }])
        }
        expect(stream.isOpen).toBe(false)
      }),
      propertyParameters(120),
    )
  })
})

describe(withSeed('the states of the laws'), () => {
  const lists = fc.array(anyEvent, { maxLength: 120, size: 'max' }).map((list) => list.map(([type, data = {}]) => ({ type, data })))

  test('are plain JSON, and the same wherever the fold is cut and taken up again', () => {
    fc.assert(
      fc.property(lists, fc.nat(120), (list, at) => {
        for (const law of laws) {
          const whole = fold(law, list)
          expect(isPlain(whole)).toBe(true)
          expect(fold(law, list.slice(at), plain(fold(law, list.slice(0, at))))).toEqual(whole)
        }
      }),
      propertyParameters(150),
    )
  })

  test('come back from what a store keeps of them', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const { states } = play(list)
        expect(engine.decode(engine.encode(states))).toEqual(states)
      }),
      propertyParameters(100),
    )
  })

  test('follow from any events, lawful or not, without a throw, and do not change in place', () => {
    fc.assert(
      fc.property(lists, (list) => {
        for (const law of laws) {
          let state = law.initial()
          for (const event of list) {
            const before = plain(state)
            const next = law.apply(state, event)
            law.refuse(state, event)
            law.claims(event)
            law.complete(state, event)
            law.consequences(next, [event])
            law.close(next, 'crash')
            law.report(next, true)
            expect(plain(state)).toEqual(before)
            state = next
          }
        }
      }),
      propertyParameters(150),
    )
  })

  test('make nothing of data that is no object', () => {
    for (const type of Object.keys(schemas['constructor' as never] ?? {}).concat(
      'turn.started',
      'tool.finished',
      'task.started',
      'session.created',
      'x',
    )) {
      for (const data of [null, undefined, 1, 'x', [], {}])
        for (const law of laws) expect(() => law.refuse(law.apply(law.initial(), { type, data }), { type, data })).not.toThrow()
    }
  })

  test('are bounded by what is open, not by how much happened', () => {
    const events: LawEvent[] = [
      { type: 'session.created', data: {} },
      { type: 'thread.started', data: { threadId: 'main' } },
    ]
    for (let i = 0; i < 300; i++) {
      const about = { turnId: `t${i}`, threadId: `b${i}` }
      events.push(
        { type: 'thread.started', data: { threadId: `b${i}` } },
        { type: 'turn.submitted', data: { ...about, input: [] } },
        { type: 'turn.started', data: about },
        { type: 'tool.requested', data: { ...about, callId: 'c' } },
        { type: 'item.started', data: { ...about, itemId: 'i' } },
        { type: 'tool.finished', data: { ...about, callId: 'c' } },
        { type: 'turn.completed', data: about },
        { type: 'thread.closed', data: about },
        { type: 'task.enqueued', data: { taskId: `k${i}` } },
        { type: 'task.started', data: { taskId: `k${i}` } },
        { type: 'task.failed', data: { taskId: `k${i}` } },
      )
    }
    expect(JSON.stringify(laws.map((law) => fold(law, events))).length).toBeLessThan(5000)
  })
})
