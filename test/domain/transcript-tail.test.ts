import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RecordedEvent } from '../../src/define.js'
import { turnsAtWork } from '../../src/engine/transcript.js'
import { tailFrom, tailOf, transcript, type Transcript, type TranscriptTail } from '../../projections/index.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { happenings, play } from './histories.js'
import { engine, session, submitted, type Given, type Stream } from './stream.js'

const whole = (events: readonly RecordedEvent[], threadId = 'main'): Transcript =>
  transcript.finish(
    events.reduce((state, event) => transcript.apply(state, event), transcript.initial()),
    threadId,
  )
const fromNewest = ({ events, states }: Stream, newest: number, last: number, threadId = 'main'): TranscriptTail | undefined =>
  tailFrom(events.slice(-newest), threadId, last, turnsAtWork(engine, states, threadId))

/** How many of the newest events are enough for the last entries; they have to give what the whole ends with. */
function enoughFor(stream: Stream, last: number, threadId = 'main'): number {
  const counts = Array.from({ length: stream.events.length }, (_, i) => i + 1)
  const enough = counts.find((newest) => fromNewest(stream, newest, last, threadId) !== undefined) ?? Number.NaN
  expect(fromNewest(stream, enough, last, threadId)).toEqual(tailOf(whole(stream.events, threadId), last))
  return enough
}

/** A turn of four events, of which two are entries. */
const answered = (turnId: string, threadId = 'main'): Given[] => [
  submitted(turnId, threadId),
  ['turn.started', { turnId }],
  ['item.completed', { turnId, itemId: 'a', content: [{ type: 'text', text: turnId }] }],
  ['turn.completed', { turnId }],
]

function turns(count: number, stream = session(), threadId = 'main'): Stream {
  const before = stream.events.length
  for (let n = 1; n <= count; n++) stream.append(...answered(`t${before + n}`, threadId))
  return stream
}

describe('the end of a transcript', () => {
  test('takes the turns that its entries are of, and the one before, which says that there is more', () => {
    const stream = turns(30)
    expect([1, 2, 3, 10].map((last) => enoughFor(stream, last))).toEqual([4, 8, 8, 24])
    expect(fromNewest(stream, 8, 2)).toMatchObject({
      version: stream.events.length,
      more: true,
      items: [{ type: 'input' }, { type: 'output' }],
    })
    expect(tailOf(whole(stream.events), 60)).toMatchObject({ more: false })
  })

  test('reaches back to where a turn began that goes on, and to the one that is next', () => {
    const stream = session()
    stream.append(
      ...answered('t0'),
      ['thread.started', { threadId: 'b' }],
      submitted('long'),
      ['turn.started', { turnId: 'long' }],
      submitted('next'),
    )
    turns(10, stream, 'b')
    expect(enoughFor(stream, 1)).toBe(stream.events.length - 2)
    stream.append(['item.completed', { turnId: 'long', itemId: 'a' }])
    expect(enoughFor(stream, 1, 'b')).toBe(5)
    stream.append(['turn.completed', { turnId: 'long' }])
    expect(enoughFor(stream, 1)).toBe(stream.events.length - 7)
    expect(fromNewest(stream, stream.events.length - 7, 1)?.items).toMatchObject([{ type: 'input', turnId: 'next' }])
  })

  test('reaches back to the turn that a truncation went back to, wherever what it hid was', () => {
    const stream = turns(20)
    const third = 2 + 3 * 4 - 1
    const { turnId: afterTurnId } = stream.events[third]!.data as { turnId: string }
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId }])
    expect(enoughFor(stream, 1)).toBe(stream.events.length - third + 3)
    turns(2, stream)
    expect([1, 2, 4].map((last) => enoughFor(stream, last))).toEqual([4, 8, stream.events.length - third + 3])
  })

  test('is no longer about what a compaction covered', () => {
    const stream = turns(20)
    stream.append(['thread.compacted', { threadId: 'main', summary: 's' }])
    turns(1, stream)
    expect([1, 3, 99].map((last) => enoughFor(stream, last))).toEqual([4, 5, 5])
    expect(fromNewest(stream, 5, 99)).toMatchObject({ more: false, items: [{ type: 'summary' }, {}, {}] })
  })

  test('of a fork goes on in what it was forked from, and ends where a thread began', () => {
    const stream = turns(20)
    stream.append(['thread.forked', { threadId: 'b', from: 'main' }])
    turns(1, stream, 'b')
    stream.append(['thread.started', { threadId: 'c' }])
    turns(1, stream, 'c')
    expect([1, 2, 4].map((last) => enoughFor(stream, last, 'b'))).toEqual([9, 14, 18])
    expect(enoughFor(stream, 99, 'c')).toBe(5)
  })
})

const nat = fc.nat({ max: 1000 })
/** What turns leave behind, and cuts and forks at any of them. */
const life = fc.array(fc.tuple(fc.nat({ max: 15 }), nat, nat), { minLength: 5, maxLength: 60, size: 'max' })

function live(list: readonly [number, number, number][]): Stream {
  const stream = session()
  const threads = ['main']
  const ids = ['never']
  for (const [n, [what, i, j]] of list.entries()) {
    const threadId = threads[i % threads.length] as string
    const other = ids[j % ids.length] as string
    const turnId = `t${n}`
    const added = `thread${n}`
    const given: Given[][] = [
      [['thread.truncated', { threadId, afterTurnId: other }]],
      [['thread.truncated', { threadId, afterTurnId: other, afterItemId: 'a' }]],
      [['thread.compacted', { threadId, throughTurnId: other }]],
      [['thread.compacted', { threadId }]],
      [['thread.forked', { threadId: added, from: threadId, ...(j % 2 === 0 ? {} : { throughTurnId: other }) }]],
      [['thread.started', { threadId: added }]],
      [submitted(turnId, threadId)],
      [submitted(turnId, threadId), ['turn.started', { turnId }], ['turn.interrupted', { turnId }]],
      [['turn.started', { turnId: other }]],
      [
        ['item.completed', { turnId: other, itemId: added }],
        ['turn.completed', { turnId: other, attempt: 1 + (j % 2) }],
      ],
    ]
    const commit = given[what] ?? answered(turnId, threadId)
    const isIn = j % 50 === 0 ? stream.crash().length > 0 : stream.takes(...commit)
    if (isIn && (what === 4 || what === 5)) threads.push(added)
    if (isIn) ids.push(turnId)
  }
  return stream
}

describe(withSeed('the end of any transcript'), () => {
  /** Ends that were told from some of the events. */
  let told = 0

  function check({ events: given, states }: Stream, step: number): void {
    for (const uncut of [false, true]) {
      const events = uncut ? given.filter(({ type }) => !transcript.cuts.has(type)) : given
      const threads = given.flatMap(({ data }) => (data as { threadId?: string }).threadId ?? [])
      for (const threadId of new Set(['main', 'nowhere', ...threads])) {
        const all = whole(events, threadId)
        const atWork = turnsAtWork(engine, states, threadId)
        for (let newest = 1; newest < events.length; newest += step)
          for (const last of [1, 2, 7]) {
            const tail = tailFrom(events.slice(-newest), threadId, last, atWork)
            if (tail === undefined) continue
            told++
            expect(tail).toEqual(tailOf(all, last))
          }
      }
    }
  }

  test('that is told from the newest events is that of the whole, whatever the laws let in', () => {
    told = 0
    fc.assert(
      fc.property(happenings, (list) => check(play(list), 3)),
      propertyParameters(40),
    )
    expect(told).toBeGreaterThan(1000)
  })

  test('that is told from the newest events is that of the whole, wherever it was cut and forked', () => {
    told = 0
    fc.assert(
      fc.property(life, (list) => check(live(list), 3)),
      propertyParameters(40),
    )
    expect(told).toBeGreaterThan(1000)
  })
})
