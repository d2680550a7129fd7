/** Laws at work: what is decided of new events, what becomes of stored ones, and what is kept of a stream. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineLaw, defineUpcaster, type Law, type LawEvent } from '../../src/define.js'
import { JournalError } from '../../src/errors.js'
import { Laws, type LawStates } from '../../src/engine/laws.js'
import { Schemas } from '../../src/engine/schemas.js'
import { ADDED, type StoredCommit } from '../../src/storage/commit-store.js'

const catalogue = defineEvents({
  opened: { schema: 1, data: z.looseObject({ id: z.string() }) },
  closed: { schema: 2, data: z.looseObject({ id: z.string() }) },
  noted: { schema: 1, data: z.looseObject({}) },
})
const closing = defineUpcaster({
  type: 'closed',
  from: 1,
  up: ({ name }: { name: string }) => {
    if (name === 'bad') throw new Error('has no name')
    return { id: name }
  },
})
const schemas = new Schemas(catalogue, [closing])
const idOf = ({ data }: LawEvent): string => (data as { id: string }).id

/** What was opened is closed once; what is opened is noted; ids are used once. */
const doors = defineLaw<{ open: string[] }>({
  name: 'doors',
  revision: 2,
  initial: () => ({ open: [] }),
  complete: (state, { type, data }) => (type === 'noted' ? { ...(data as object), open: state.open.length } : data),
  refuse: (state, event) => (event.type === 'closed' && !state.open.includes(idOf(event)) ? 'it is not open' : undefined),
  claims: (event) => (event.type === 'opened' ? [idOf(event)] : []),
  apply: (state, event) => {
    if (event.type === 'opened') return { open: [...state.open, idOf(event)] }
    return event.type === 'closed' ? { open: state.open.filter((id) => id !== idOf(event)) } : state
  },
  consequences: (_, events) => (events.some(({ type }) => type === 'opened') ? [{ type: 'noted', data: {} }] : []),
  close: (state, cause) => state.open.map((id) => ({ type: 'closed', data: { id, cause } })),
  isOpen: ({ open }) => open.length > 0,
  report: ({ open }, orphaned) => ({ interrupted: [], pending: open.map((turnId) => ({ threadId: String(orphaned), turnId })), tasks: [] }),
})
/** Counts events, and takes no more than five. */
const counting = defineLaw<number>({
  name: 'counting',
  revision: 1,
  initial: () => 0,
  refuse: (count) => (count >= 5 ? 'there are five' : undefined),
  claims: ({ type }) => (type === 'closed' ? ['closed'] : []),
  apply: (count) => count + 1,
  close: () => [{ type: 'noted', data: { by: 'counting' } }],
})

const laws = new Laws([doors, counting], schemas)
const opened = (id: string): LawEvent => ({ type: 'opened', data: { id } })
const closed = (id: string): LawEvent => ({ type: 'closed', data: { id } })

function stored(...events: { type: string; schema?: number; data: unknown; flags?: number }[]): StoredCommit {
  return {
    stream: 's',
    version: 1,
    position: 11,
    at: 5,
    events: events.map((event) => ({ schema: event.type === 'closed' ? 2 : 1, flags: 0, ...event })),
  }
}

const failed = new JournalError('JOURNAL_CLOSED', 'it cannot be read', { directory: '' })

describe('new events', () => {
  test('are decided one on top of the other, completed, and followed by what the laws add', () => {
    const before = laws.initial()
    const decision = laws.decide('s', before, [
      opened('a'),
      { type: 'noted', data: { n: 1 }, meta: { by: 'me' } },
      closed('a'),
      opened('b'),
    ])
    expect(decision).toEqual({
      before,
      events: [
        opened('a'),
        { type: 'noted', data: { n: 1, open: 1 }, meta: { by: 'me' } },
        closed('a'),
        opened('b'),
        { type: 'noted', data: { open: 1 } },
      ],
      given: 4,
      states: [{ open: ['b'] }, 5],
      claims: ['doors/a', 'counting/closed', 'doors/b'],
    })
    expect(decision.before).toBe(before)
    // What nothing is missing of stays the very object that was given, and says nothing of meta that it has not.
    const event = opened('c')
    expect(laws.decide('s', before, [event]).events[0]).toBe(event)
    expect('meta' in (laws.decide('s', before, [{ type: 'noted', data: {} }]).events[0] as object)).toBe(false)
    expect(laws.decide('s', before, [])).toEqual({ before, events: [], given: 0, states: [{ open: [] }, 0], claims: [] })
  })

  test('are refused by the first law that does, by name, place and reason', () => {
    const refused = (given: LawEvent[], details: object): void =>
      expect(() => laws.decide('s', [{ open: ['x'] }, 4], given)).toThrow(expect.objectContaining({ code: 'JOURNAL_LAW_BROKEN', details }))
    refused([closed('y')], { stream: 's', law: 'doors', type: 'closed', index: 0, reason: 'it is not open' })
    refused([closed('x'), closed('x')], { stream: 's', law: 'doors', type: 'closed', index: 1, reason: 'it is not open' })
    refused([closed('x'), { type: 'noted', data: {} }], { stream: 's', law: 'counting', type: 'noted', index: 1, reason: 'there are five' })
    expect(() => laws.decide('s', laws.initial(), [closed('y')])).toThrow('closed may not follow in "s": it is not open')
  })

  test('close what a death left open, as each law says, on top of each other', () => {
    const { events, given, states, claims } = laws.close([{ open: ['a', 'b'] }, 1], 'crash')
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['closed', { id: 'a', cause: 'crash' }],
      ['closed', { id: 'b', cause: 'crash' }],
      ['noted', { by: 'counting', open: 0 }],
    ])
    expect({ given, states, claims }).toEqual({ given: 0, states: [{ open: [] }, 4], claims: ['counting/closed', 'counting/closed'] })
    expect(laws.close([{ open: ['a'] }, 1], 'shutdown').events[0]?.data).toMatchObject({ cause: 'shutdown' })
  })

  test('of a stream that cannot be folded are not decided: it says why', () => {
    expect(() => laws.decide('s', failed, [opened('a')])).toThrow(failed)
    expect(() => laws.close(failed, 'crash')).toThrow(failed)
    expect(() => laws.report(failed, true)).toThrow(failed)
    expect(laws.isOpen(failed)).toBe(true)
  })
})

describe('stored events', () => {
  const commit = stored(
    { type: 'opened', data: { id: 'a' } },
    { type: 'closed', schema: 1, data: { name: 'a' } },
    { type: 'unknown', data: {} },
  )

  test('are folded in today’s shape, without those that are not known', () => {
    expect(laws.fold(laws.initial(), commit)).toEqual([{ open: [] }, 2])
    expect(laws.claims(commit)).toEqual(['doors/a', 'counting/closed'])
    // The same commit may be asked again, and another in between.
    expect(laws.claims(stored({ type: 'opened', data: { id: 'b' } }))).toEqual(['doors/b'])
    expect(laws.claims(commit)).toEqual(['doors/a', 'counting/closed'])
  })

  test('that cannot be brought to today’s shape fail their stream, and take no names', () => {
    const bad = stored({ type: 'opened', data: { id: 'a' } }, { type: 'closed', schema: 1, data: { name: 'bad' } })
    const states = laws.fold(laws.initial(), bad)
    expect(states).toMatchObject({ code: 'JOURNAL_UPCASTER_FAILED' })
    expect(laws.fold(states, commit)).toBe(states)
    expect(laws.claims(bad)).toEqual([])
    expect(laws.judge(laws.initial(), bad)).toMatchObject({ states: { code: 'JOURNAL_UPCASTER_FAILED' }, breaks: [] })
    expect(laws.judge(states, commit)).toEqual({ states, breaks: [] })
  })

  test('are judged afterwards: what no law would have let in, and what is missing', () => {
    expect(laws.judge(laws.initial(), commit)).toEqual({
      states: [{ open: [] }, 2],
      breaks: [{ stream: 's', position: 13, type: 'noted', law: 'doors', reason: 'noted is missing: {}' }],
    })
    const wrong = stored({ type: 'closed', data: { id: 'a' } }, { type: 'noted', data: {} })
    expect(laws.judge([{ open: [] }, 5], wrong)).toEqual({
      states: [{ open: [] }, 7],
      breaks: [
        { stream: 's', position: 11, type: 'closed', law: 'doors', reason: 'it is not open' },
        { stream: 's', position: 11, type: 'closed', law: 'counting', reason: 'there are five' },
        { stream: 's', position: 12, type: 'noted', law: 'counting', reason: 'there are five' },
      ],
    })
    // What the engine added is not judged, and nothing follows from it.
    const added = stored({ type: 'closed', data: { id: 'a' }, flags: ADDED }, { type: 'opened', data: { id: 'b' }, flags: ADDED })
    expect(laws.judge([{ open: [] }, 5], added)).toEqual({ states: [{ open: ['b'] }, 7], breaks: [] })
  })
})

describe('what is kept of a stream', () => {
  test('is open where any law says so', () => {
    expect([laws.isOpen([{ open: [] }, 5]), laws.isOpen([{ open: ['a'] }, 0])]).toEqual([false, true])
    expect(laws.report([{ open: ['a'] }, 0], true)).toEqual([
      { interrupted: [], pending: [{ threadId: 'true', turnId: 'a' }], tasks: [] },
      { interrupted: [], pending: [], tasks: [] },
    ])
  })

  test('comes back for the same laws, and is folded again for others', () => {
    const states: LawStates = [{ open: ['a'] }, 3]
    const bytes = laws.encode(states)
    expect(laws.decode(bytes)).toEqual(states)
    const others: Law[][] = [
      [doors],
      [counting, doors],
      [{ ...doors, revision: 3 }, counting],
      [doors, { ...counting, name: 'other' }],
      [doors, counting, counting],
      [],
    ]
    for (const other of others) expect(new Laws(other, schemas).decode(bytes)).toBeUndefined()
    expect(laws.decode(laws.encode(failed))).toBeUndefined()
  })

  test('is nothing where there are no laws: no event is even read', () => {
    const none = new Laws([], schemas)
    const bad = stored({ type: 'closed', schema: 1, data: { name: 'bad' } })
    expect([none.initial(), none.fold([], bad), none.claims(bad), none.isOpen([])]).toEqual([[], [], [], false])
    expect(none.decode(none.encode([]))).toEqual([])
  })
})
