import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { transcript } from '../../projections/index.js'
import { laws } from '../../src/turns.js'
import { session, submitted, type Given } from '../domain/stream.js'
import { propertyParameters, withSeed } from '../support/seed.js'

/** Ids that mean something to an object, a path, a separator or JSON. */
const NASTY = [
  '__proto__',
  'constructor',
  'toString',
  'a/b',
  'a:b',
  'a","b',
  '["a","b"]',
  '\\',
  '"',
  ' ',
  '\u0000',
  '.',
  '..',
  '\u{1f6a2}',
  'undefined',
  'null',
  '0',
]
const id = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom('a', 'b', '"', ',', '\\', '/', ':', '[', ']') }),
)

/** What an event says is used for ever: its kind and the ids that name it. */
const uses: [type: string, fields: readonly string[]][] = [
  ['thread.started', ['threadId']],
  ['turn.submitted', ['turnId']],
  ['item.completed', ['turnId', 'itemId']],
  ['tool.requested', ['turnId', 'callId']],
  ['approval.requested', ['turnId', 'approvalId']],
  ['input.requested', ['turnId', 'inputId']],
  ['task.enqueued', ['taskId']],
]
interface Use {
  type: string
  data: object
  name: string
}
function useOf([type, fields]: (typeof uses)[number], ...ids: string[]): Use {
  const named = ids.slice(0, fields.length)
  return { type, data: Object.fromEntries(fields.map((field, i) => [field, named[i]])), name: JSON.stringify([type, ...named]) }
}
const kind = fc.constantFrom(...uses)
/** Two uses that are easily taken for one another: the same ids under another kind, or the same characters cut elsewhere. */
const neighbours = fc
  .record({
    kinds: fc.tuple(kind, kind),
    parts: fc.tuple(id, id, id),
    separator: fc.constantFrom('/', ':', ',', '","', ''),
    how: fc.nat(2),
  })
  .map(({ kinds: [one, other], parts: [a, b, c], separator, how }): [Use, Use] => {
    if (how === 0) return [useOf(one, a, b), useOf(other, a, b)]
    if (how === 1) return [useOf(one, `${a}${separator}${b}`, c), useOf(one, a, `${b}${separator}${c}`)]
    return [useOf(one, a, b), useOf(other, b, c)]
  })
const claimsOf = (event: { type: string; data: unknown }): string[] => laws.flatMap((law) => [...law.claims(event)])

describe(withSeed('claims'), () => {
  test('are the same for the same ids and different for different ones', () => {
    fc.assert(
      fc.property(neighbours, ([one, other]) => {
        expect(claimsOf(one)).toHaveLength(1)
        expect(claimsOf(one)[0] === claimsOf(other)[0]).toBe(one.name === other.name)
      }),
      propertyParameters(2000),
    )
  })

  test('of a pair of ids are told from those of the pair cut elsewhere', () => {
    const call = (turnId: string, callId: string): string[] => claimsOf({ type: 'tool.requested', data: { turnId, callId } })
    for (const [a, b] of [
      ['a/b', 'c'],
      ['a:b', 'c'],
      ['a,b', 'c'],
      ['a","b', 'c'],
    ] as const) {
      const separator = a.slice(1, -1)
      expect(call(a, b)).not.toEqual(call('a', `b${separator}c`))
    }
  })

  test('name a fork as they name a thread, since an id is one thread’s', () => {
    expect(claimsOf({ type: 'thread.forked', data: { threadId: 'b', from: 'main' } })).toEqual(
      claimsOf({ type: 'thread.started', data: { threadId: 'b' } }),
    )
  })

  test('are made for the first use of an id, not for what follows', () => {
    for (const type of [
      'turn.started',
      'turn.completed',
      'item.delta',
      'tool.finished',
      'approval.resolved',
      'task.retried',
      'session.created',
    ]) {
      expect(claimsOf({ type, data: { turnId: 't', itemId: 'i', callId: 'c', taskId: 'k', threadId: 'h' } }), type).toEqual([])
    }
  })
})

describe('an id may be anything', () => {
  test.each(NASTY)('%j names a thread, turn, item, call, question and task like any other', (name) => {
    const stream = session()
    const about = { turnId: name }
    const first: Given[] = [
      ['thread.started', { threadId: name }],
      submitted(name, name),
      ['turn.started', about],
      ['item.started', { ...about, itemId: name, kind: 'message' }],
      ['item.delta', { ...about, itemId: name, text: 'x' }],
      ['tool.requested', { ...about, callId: name, name: 'n', arguments: {} }],
      ['tool.started', { ...about, callId: name }],
      ['approval.requested', { ...about, approvalId: name }],
      ['input.requested', { ...about, inputId: name }],
      ['approval.resolved', { ...about, approvalId: name }],
      ['input.resolved', { ...about, inputId: name }],
      ['task.enqueued', { taskId: name }],
      ['task.started', { taskId: name }],
    ]
    for (const event of first) expect(stream.refuses(event), event[0]).toBeUndefined()
    for (const event of first) expect(stream.takes(event), event[0]).toBe(event[0] === 'item.delta')
    expect(stream.crash().map(({ type }) => type)).toEqual(['tool.unknown', 'turn.interrupted', 'task.interrupted'])
    expect(stream.report()).toMatchObject({ interrupted: [{ threadId: name, turnId: name, calls: [name] }], tasks: [{ taskId: name }] })
    const state = stream.events.reduce((before, event) => transcript.apply(before, event), transcript.initial())
    expect(transcript.finish(state, name).items).toMatchObject([
      { type: 'input', turnId: name },
      { type: 'output', itemId: name, partial: true },
      { type: 'call', callId: name, outcome: { status: 'unknown' } },
      { type: 'question', asks: 'approval' },
      { type: 'question', asks: 'input' },
      { type: 'note', about: 'interrupted' },
    ])
    expect(stream.takes(['turn.cancelled', about], ['task.cancelled', { taskId: name }])).toBe(true)
    expect(stream.isOpen).toBe(false)
  })
})
