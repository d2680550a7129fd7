import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RecordedEvent } from '../../src/define.js'
import { projections, transcript, type TranscriptItem } from '../../projections/index.js'
import { anyEvent, happenings, play } from '../domain/histories.js'
import { plain } from '../domain/stream.js'
import { propertyParameters, withSeed } from '../support/seed.js'

interface View {
  name: string
  types: readonly string[]
  state: { safeParse(value: unknown): { success: boolean } }
  keys(event: RecordedEvent): readonly unknown[]
  initial(key: unknown): unknown
  apply(state: unknown, event: RecordedEvent, key: unknown): unknown
}
const views = projections as readonly unknown[] as readonly View[]

type Ids = Partial<Record<'threadId' | 'turnId' | 'itemId' | 'callId' | 'text' | 'from' | 'status', string>>
const of = ({ data }: RecordedEvent): Ids => data as Ids

const histories = happenings.map((list) => play(list).events)
/** The same histories, told by runtimes whose clocks jump; what the engine added keeps the journal's time. */
const jumping = fc
  .tuple(histories, fc.infiniteStream(fc.integer({ min: 0, max: 5000 })))
  .map(([events, times]) =>
    events.map((event): RecordedEvent =>
      event.meta?.actor === 'turnlog' ? event : { ...event, meta: { ...event.meta, occurredAt: times.next().value as number } },
    ),
  )

function fold(
  view: View,
  events: readonly RecordedEvent[],
  rows = new Map<string, unknown>(),
  each?: (state: unknown, before: unknown, event: RecordedEvent) => void,
) {
  for (const event of events) {
    for (const key of view.types.includes(event.type) ? view.keys(event) : []) {
      const name = JSON.stringify(key)
      const before = rows.get(name) ?? view.initial(key)
      const next = view.apply(before, event, key)
      if (next === undefined) rows.delete(name)
      else rows.set(name, next)
      if (next !== undefined) each?.(next, before, event)
    }
  }
  return rows
}

describe(withSeed('every view of a lawful history'), () => {
  test('fits its own shape after each event, and its last activity never goes back, nor moves with what the engine adds', () => {
    fc.assert(
      fc.property(jumping, (events) => {
        for (const view of views) {
          fold(view, events, new Map(), (state, before, event) => {
            expect(view.state.safeParse(state).success).toBe(true)
            const [now, then] = [state, before].map((row) => (row as { lastActivity?: number }).lastActivity)
            if (now === undefined || then === undefined) return
            if (event.meta?.actor === 'turnlog') expect(now).toBe(then)
            else expect(now).toBeGreaterThanOrEqual(then)
          })
        }
      }),
      propertyParameters(100),
    )
  })

  test('is the same where the fold is cut, kept as JSON and taken up again', () => {
    fc.assert(
      fc.property(jumping, fc.nat(400), (events, at) => {
        for (const view of views) {
          const half = new Map(plain([...fold(view, events.slice(0, at))]))
          expect(fold(view, events.slice(at), half)).toEqual(fold(view, events))
        }
      }),
      propertyParameters(100),
    )
  })
})

/** What a history says of its calls and items, told in the simplest way. */
class Told {
  readonly threads = new Set<string>()
  /** Threads that were cut, or that began as another. */
  readonly cut = new Set<string>()
  readonly home = new Map<string, string>()
  readonly began = new Set<string>()
  readonly running = new Set<string>()
  readonly calls = new Map<string, { turnId: string; status: string; pending: boolean }>()
  readonly items = new Map<string, { turnId: string; completed: boolean; streams: string[] }>()
  deleted = false

  hear(event: RecordedEvent): void {
    const { threadId = '', turnId = '', itemId = '', callId = '', text = '', status = 'ok' } = of(event)
    const callKey = JSON.stringify([turnId, callId])
    const itemKey = JSON.stringify([turnId, itemId])
    switch (event.type) {
      case 'session.deleted':
        this.deleted = true
        break
      case 'thread.forked':
        this.cut.add(threadId)
        this.threads.add(threadId)
        break
      case 'thread.started':
        this.threads.add(threadId)
        break
      case 'thread.compacted':
      case 'thread.truncated':
        this.cut.add(threadId)
        break
      case 'turn.submitted':
        this.home.set(turnId, threadId)
        break
      case 'turn.started':
        this.began.add(turnId)
        this.running.add(turnId)
        break
      case 'turn.completed':
      case 'turn.failed':
      case 'turn.cancelled':
      case 'turn.interrupted':
        this.running.delete(turnId)
        break
      case 'item.started': {
        const before = this.items.get(itemKey) ?? { turnId, completed: false, streams: [] }
        // What was completed stays so, whatever is streamed under its id after.
        if (!before.completed) this.items.set(itemKey, { ...before, streams: [...before.streams, ''] })
        break
      }
      case 'item.delta': {
        const { completed, streams } = this.items.get(itemKey)!
        if (!completed) streams.push(`${streams.pop()}${text}`)
        break
      }
      case 'item.completed':
        this.items.set(itemKey, { ...(this.items.get(itemKey) ?? { turnId, streams: [] }), completed: true })
        break
      case 'tool.requested':
        this.calls.set(callKey, { turnId, status: 'not-run', pending: true })
        break
      case 'tool.started':
        this.calls.set(callKey, { turnId, status: 'unknown', pending: true })
        break
      case 'tool.finished':
        this.calls.set(callKey, { turnId, status, pending: false })
        break
      case 'tool.unknown':
        this.calls.set(callKey, { turnId, status: 'unknown', pending: false })
        break
    }
  }
}

const only = <T extends TranscriptItem['type']>(items: readonly TranscriptItem[], type: T) =>
  items.filter((item) => item.type === type) as Extract<TranscriptItem, { type: T }>[]

describe(withSeed('the transcript at every prefix of a lawful history'), () => {
  test('has every call with exactly one outcome, which is the one on record', () => {
    const seen = { settled: 0, pending: 0 }
    fc.assert(
      fc.property(histories, (events) => {
        const told = new Told()
        const state = transcript.initial()
        for (const event of events) {
          told.hear(event)
          transcript.apply(state, event)
          if (told.deleted) return
          for (const threadId of told.threads) {
            const calls = only(transcript.finish(state, threadId).items, 'call')
            const keys = calls.map(({ turnId, callId }) => JSON.stringify([turnId, callId]))
            expect(new Set(keys).size).toBe(keys.length)
            calls.forEach(({ turnId, outcome, pending = false }, i) => {
              expect(Array.isArray(outcome.content)).toBe(true)
              seen[pending ? 'pending' : 'settled']++
              const record = told.calls.get(keys[i]!)
              expect(record).toBeDefined()
              // A fork keeps what was so when it began.
              if (told.home.get(turnId) === threadId) expect({ turnId, status: outcome.status, pending }).toEqual(record)
            })
            if (told.cut.has(threadId)) continue
            expect(keys.toSorted()).toEqual(
              [...told.calls]
                .filter(([, { turnId }]) => told.home.get(turnId) === threadId)
                .map(([key]) => key)
                .toSorted(),
            )
          }
        }
      }),
      propertyParameters(200),
    )
    expect(Math.min(seen.settled, seen.pending)).toBeGreaterThan(100)
  })

  test('marks the output of unfinished items partial, with what was streamed, and no other', () => {
    let partials = 0
    fc.assert(
      fc.property(histories, (events) => {
        const told = new Told()
        const state = transcript.initial()
        for (const event of events) {
          told.hear(event)
          transcript.apply(state, event)
          if (told.deleted) return
          for (const threadId of told.threads) {
            const outputs = only(transcript.finish(state, threadId).items, 'output')
            for (const [key, { turnId, completed, streams }] of told.items) {
              if (told.home.get(turnId) !== threadId) continue
              const own = outputs.filter((one) => JSON.stringify([one.turnId, one.itemId]) === key)
              const cutOff = own.filter(({ partial }) => partial === true)
              partials += cutOff.length
              for (const { content } of cutOff)
                expect(streams).toContain(content.map((part) => (part.type === 'text' ? part.text : '')).join(''))
              expect(own.length - cutOff.length).toBeLessThanOrEqual(completed ? 1 : 0)
              if (told.cut.has(threadId)) continue
              expect(own.length - cutOff.length).toBe(completed ? 1 : 0)
              // Each stream that was begun again leaves what it had; the one that was completed is no longer partial.
              expect(cutOff.length).toBe(streams.length - (completed && streams.length > 0 ? 1 : 0))
            }
          }
        }
      }),
      propertyParameters(200),
    )
    expect(partials).toBeGreaterThan(100)
  })

  test('shows the input of one waiting turn where nothing runs, and of none where something does', () => {
    fc.assert(
      fc.property(histories, (events) => {
        const told = new Told()
        const state = transcript.initial()
        for (const event of events) {
          told.hear(event)
          transcript.apply(state, event)
          if (told.deleted) return
          for (const threadId of told.threads) {
            const { items, queue } = transcript.finish(state, threadId)
            const busy = [...told.running].some((turnId) => told.home.get(turnId) === threadId)
            const waiting = only(items, 'input').filter(({ turnId }) => !told.began.has(turnId))
            expect(waiting.length).toBeLessThanOrEqual(busy ? 0 : 1)
            if (queue.length > 0 && !busy) expect(waiting).toHaveLength(1)
            for (const { turnId } of queue) expect(told.began.has(turnId)).toBe(false)
          }
        }
      }),
      propertyParameters(200),
    )
  })

  test('is read without changing the fold, and does not change once it was read', () => {
    fc.assert(
      fc.property(histories, fc.nat(400), (events, at) => {
        const told = new Told()
        const [read, unread] = [transcript.initial(), transcript.initial()]
        const early = new Map<string, { now: unknown; copy: unknown }>()
        const before = structuredClone(events)
        events.forEach((event, i) => {
          told.hear(event)
          transcript.apply(read, event)
          transcript.apply(unread, event)
          for (const threadId of told.threads) {
            const now = transcript.finish(read, threadId)
            if (i === at % events.length) early.set(threadId, { now, copy: structuredClone(now) })
          }
        })
        for (const threadId of told.threads) expect(transcript.finish(read, threadId)).toEqual(transcript.finish(unread, threadId))
        for (const { now, copy } of early.values()) expect(now).toEqual(copy)
        expect(events).toEqual(before)
      }),
      propertyParameters(200),
    )
  })
})

describe(withSeed('any events, lawful or not'), () => {
  test('are folded into a transcript without a throw, with every call under one outcome', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 120, size: 'max' }), (list) => {
        const state = transcript.initial()
        list.forEach(([type, data = {}], i) => {
          transcript.apply(state, { position: i + 1, stream: '__proto__', version: i + 1, type, schema: 1, at: i, data })
          for (const threadId of ['main', 'b', '__proto__', 'none']) {
            const { items } = transcript.finish(state, threadId)
            for (const { outcome } of only(items, 'call')) expect(outcome.status).toBeTypeOf('string')
          }
        })
      }),
      propertyParameters(200),
    )
  })
})
