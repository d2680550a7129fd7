import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineLaw } from '../../src/define.js'
import type { AppendOptions } from '../../src/engine/append-arguments.js'
import { Appender } from '../../src/engine/appender.js'
import { Laws } from '../../src/engine/laws.js'
import { Reading } from '../../src/engine/reading.js'
import { Schemas } from '../../src/engine/schemas.js'
import { defaultLimits, limitsOf, type ValueLimits } from '../../src/engine/values.js'
import { ITEMS_MAX } from '../../src/storage/plain.js'
import { MemoryStore } from '../support/memory-store.js'

const catalogue = defineEvents({
  'door.opened': { schema: 1, data: z.looseObject({ id: z.string() }) },
  'door.closed': { schema: 1, data: z.looseObject({ id: z.string() }) },
})

/** A door is opened once, closed once after that; the alarm closes all doors. */
const doors = defineLaw<{ open: string[] }>({
  name: 'doors',
  revision: 1,
  initial: () => ({ open: [] }),
  refuse: (state, { type, data }) =>
    type === 'door.closed' && !state.open.includes((data as { id: string }).id) ? 'that door is not open' : undefined,
  claims: ({ type, data }) => (type === 'door.opened' ? [`door:${(data as { id: string }).id}`] : []),
  apply: (state, { type, data }) => {
    const { id } = data as { id: string }
    return type === 'door.opened' ? { open: [...state.open, id] } : { open: state.open.filter((other) => other !== id) }
  },
  close: (state) => state.open.map((id) => ({ type: 'door.closed', data: { id } })),
  isOpen: (state) => state.open.length > 0,
})

function setUp(limits: Partial<ValueLimits> = {}) {
  const schemas = new Schemas(catalogue, [])
  const laws = new Laws([doors], schemas)
  const store = new MemoryStore(laws)
  let now = 1000
  const appender = new Appender(store, schemas, laws, limitsOf(limits), () => now)
  const append = (stream: string, events: { type: string; data: unknown }[], options: AppendOptions = {}) =>
    appender.append(stream, events, options, options.durability ?? 'disk')
  return { store, append, appender, reading: new Reading(store, schemas), setClock: (time: number) => (now = time) }
}

const opened = (id: string) => ({ type: 'door.opened', data: { id } })
const closed = (id: string) => ({ type: 'door.closed', data: { id } })
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('append', () => {
  test('numbers versions within the stream and positions within the journal', async () => {
    const { append } = setUp()
    expect(await append('a', [opened('1'), closed('1')])).toMatchObject({ position: 2, version: 2 })
    expect(await append('b', [opened('1')])).toMatchObject({ position: 3, version: 1 })
    expect(await append('a', [opened('2')])).toMatchObject({ position: 4, version: 3 })
  })

  test('keeps the order of calls that were not awaited', async () => {
    const { append, reading } = setUp()
    await Promise.all(Array.from({ length: 50 }, (_, i) => append('a', [opened(String(i))])))
    const events = await all(reading.stream('a', {}))
    expect(events.map((event) => ('gap' in event ? null : (event.data as { id: string }).id))).toEqual(
      Array.from({ length: 50 }, (_, i) => String(i)),
    )
  })

  test('refuses a stale expectedVersion and writes nothing', async () => {
    const { append, store } = setUp()
    await append('a', [opened('1')], { expectedVersion: 0 })
    await expect(append('a', [opened('2')], { expectedVersion: 0 })).rejects.toMatchObject({
      code: 'JOURNAL_VERSION_CONFLICT',
      details: { stream: 'a', expected: 0, actual: 1, outcome: 'none' },
    })
    expect(store.head.position).toBe(1)
  })

  test('sees commits of the same stream that are still on their way', async () => {
    const { append } = setUp()
    const first = append('a', [opened('1')])
    const second = append('a', [opened('2')], { expectedVersion: 1 })
    const third = append('a', [closed('9')])
    expect(await first).toMatchObject({ version: 1 })
    expect(await second).toMatchObject({ version: 2 })
    await expect(third).rejects.toMatchObject({
      code: 'JOURNAL_LAW_BROKEN',
      details: { law: 'doors', type: 'door.closed', index: 0, reason: 'that door is not open', outcome: 'none' },
    })
  })

  test('lets no name be claimed twice, in one commit, on its way, or long after', async () => {
    const { append } = setUp()
    await expect(append('a', [opened('1'), opened('1')])).rejects.toMatchObject({ code: 'JOURNAL_LAW_BROKEN' })
    const [one, two] = await Promise.allSettled([append('a', [opened('1')]), append('a', [opened('1')])])
    expect([one?.status, two?.status]).toEqual(['fulfilled', 'rejected'])
    await append('a', [closed('1')])
    await expect(append('a', [opened('1')])).rejects.toMatchObject({ code: 'JOURNAL_LAW_BROKEN' })
    await append('b', [opened('1')])
    const reason = 'door:1 was used before in this stream; ids are used once'
    await expect(append('a', [opened('1')])).rejects.toMatchObject({
      message: `"a": ${reason}.`,
      details: { stream: 'a', law: 'doors', type: 'door.opened', index: 0, reason, outcome: 'none' },
    })
  })

  test('never lets time go backwards', async () => {
    const { append, reading, setClock } = setUp()
    await append('a', [opened('1')])
    setClock(10)
    await append('a', [opened('2')])
    expect((await all(reading.all({}))).map((event) => ('gap' in event ? 0 : event.at))).toEqual([1000, 1000])
  })

  test('takes commits that are carried over as of their time, in the order of the calls, whatever their streams', async () => {
    const { append, reading, setClock } = setUp()
    setClock(500)
    await Promise.all([
      append('a', [opened('1')], { at: 100, commitId: 'c' }),
      append('b', [{ type: 'door.opened', data: { id: '1' } }], { at: 200 }),
      append('a', [closed('1')], { at: 150 }),
      append('c', [opened('1')], { at: 900 }),
    ])
    const events = (await all(reading.all({}))).map((event) => ('gap' in event ? [] : [event.stream, event.at]))
    expect(events).toEqual([
      ['a', 100],
      ['b', 200],
      ['a', 200],
      ['c', 500],
    ])
    await expect(append('a', [opened('2')], { at: 1.5 })).rejects.toThrow(TypeError)
  })

  test('stores a copy: changing the event afterwards changes nothing', async () => {
    const { append, reading } = setUp()
    const event = { type: 'door.opened', data: { id: '1', note: { text: 'before' } } }
    const done = append('a', [event])
    event.data.note.text = 'after'
    await done
    expect(await all(reading.stream('a', {}))).toMatchObject([{ data: { note: { text: 'before' } } }])
  })

  test.each([
    ['undefined', { id: '1', x: undefined }],
    ['-0', { id: '1', x: -0 }],
    ['NaN', { id: '1', x: Number.NaN }],
    ['a lone surrogate', { id: '1', x: '\ud800' }],
    ['a key named __proto__', JSON.parse('{"id":"1","x":{"__proto__":1}}') as object],
    ['a class instance', { id: '1', x: new Date(0) }],
    ['a function', { id: '1', x: () => 1 }],
    ['a bigint', { id: '1', x: 1n }],
  ])('refuses %s by name', async (_name, data) => {
    const { append, store } = setUp()
    await expect(append('a', [{ type: 'door.opened', data }])).rejects.toMatchObject({
      code: 'JOURNAL_EVENT_INVALID',
      details: { type: 'door.opened', outcome: 'none' },
    })
    expect(store.head.position).toBe(0)
  })

  test('refuses what nests too deep or is too large, and leaves nothing', async () => {
    const { append, store } = setUp()
    let deep: unknown = 1
    for (let i = 0; i < 200; i++) deep = [deep]
    await expect(append('a', [{ type: 'door.opened', data: { id: '1', deep } }])).rejects.toMatchObject({
      code: 'JOURNAL_LIMIT',
      details: { limit: 'depthMax' },
    })
    await expect(append('a', [{ type: 'door.opened', data: { id: 'x'.repeat(17 << 20) } }])).rejects.toMatchObject({
      code: 'JOURNAL_LIMIT',
      details: { limit: 'commitBytesMax', outcome: 'none' },
    })
    expect(store.head.position).toBe(0)
  })

  test('refuses too many keys and too long a text, a key or bytes as well, and leaves nothing', async () => {
    const { append, store } = setUp({ keysMax: 20, textBytesMax: 30 })
    const data = (extra: unknown) => [{ type: 'door.opened', data: { id: '1', extra } }]
    await append('a', data(['ä'.repeat(15), new Uint8Array(30), ...Array.from({ length: 15 }, () => 0)]))
    const before = store.head
    for (const [limit, extra] of [
      ['keysMax', Array.from({ length: 20 }, () => 0)],
      ['keysMax', Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, 0]))],
      ['textBytesMax', 'ä'.repeat(16)],
      ['textBytesMax', { ['k'.repeat(31)]: 1 }],
      ['textBytesMax', new Uint8Array(31)],
    ] as const)
      await expect(append('a', data(extra))).rejects.toMatchObject({ code: 'JOURNAL_LIMIT', details: { limit, outcome: 'none' } })
    expect(store.head).toEqual(before)
  })

  test('takes no limits beyond those that readers go along with', () => {
    for (const limits of [
      { depthMax: 1001 },
      { depthMax: 0 },
      { commitBytesMax: 1 << 30 },
      { textBytesMax: 0.5 },
      { keysMax: Number.NaN },
      { keysMax: ITEMS_MAX + 1 },
    ])
      expect(() => limitsOf(limits)).toThrow(TypeError)
    expect(limitsOf({ depthMax: 1000 })).toEqual({ ...defaultLimits, depthMax: 1000 })
  })

  test('refuses an event that does not fit, naming the place', async () => {
    const { append } = setUp()
    await expect(append('a', [opened('1'), { type: 'door.opened', data: { id: 7 } }])).rejects.toMatchObject({
      code: 'JOURNAL_EVENT_INVALID',
      details: { index: 1, path: ['data', 'id'] },
    })
    await expect(append('a', [{ type: 'door.painted', data: {} }])).rejects.toMatchObject({
      code: 'JOURNAL_EVENT_INVALID',
      details: { type: 'door.painted' },
    })
  })

  test.each([
    ['an empty stream id', '', [opened('1')], {}],
    ['a stream id over 512 bytes', 'x'.repeat(513), [opened('1')], {}],
    ['no events', 'a', [], {}],
    ['a negative expectedVersion', 'a', [opened('1')], { expectedVersion: -1 }],
    ['an unknown durability', 'a', [opened('1')], { durability: 'ram' as 'os' }],
  ])('is misused with %s', async (_name, stream, events, options) => {
    await expect(setUp().append(stream, events, options)).rejects.toBeInstanceOf(TypeError)
  })
})

describe('what is given', () => {
  test.each([[null], [undefined], [5], ['door.opened'], [{}], [{ type: 7, data: {} }], [Object.assign(() => {}, { type: 'door.opened' })]])(
    'as an event is refused where it is %o',
    async (event) => {
      const { append, store } = setUp()
      await expect(append('a', [opened('1'), event as never])).rejects.toThrow(new TypeError('Event 1 is not { type, data }'))
      expect(store.head.position).toBe(0)
    },
  )

  test('is taken up to the limit of a commit, in which names count as well, and not beyond', async () => {
    const counted = async (stream: string, events: { type: string; data: unknown; meta?: unknown }[], options: AppendOptions = {}) => {
      const error: unknown = await setUp({ commitBytesMax: 60 })
        .append(stream, events, options)
        .catch((refused: unknown) => refused)
      return (error as { details: { value: number } }).details.value
    }
    const one = await counted('a', [opened('1')])
    // A unit of a name takes three bytes at most; one of a text, which is ASCII here, one.
    expect(await counted('aaaa', [opened('1')])).toBe(one + 9)
    expect(await counted('a', [opened('1')], { commitId: 'op' })).toBe(one + 6)
    expect(await counted('a', [opened('1234')])).toBeGreaterThan(one)
    expect(await counted('a', [{ type: 'door.opened', data: { id: '1' }, meta: { why: 'so' } }])).toBeGreaterThan(one)
    expect(await setUp({ commitBytesMax: one }).append('a', [opened('1')])).toMatchObject({ version: 1 })
    await expect(setUp({ commitBytesMax: one - 1 }).append('a', [opened('1')])).rejects.toMatchObject({
      code: 'JOURNAL_LIMIT',
      details: { limit: 'commitBytesMax', value: one, max: one - 1, outcome: 'none' },
    })
    // Events count together.
    const both = 2 * one - 67
    expect(await setUp({ commitBytesMax: both }).append('a', [opened('1'), opened('2')])).toMatchObject({ version: 2 })
    await expect(setUp({ commitBytesMax: both - 1 }).append('a', [opened('1'), opened('2')])).rejects.toMatchObject({
      details: { value: both },
    })
  })
})

describe('a commit that nothing holds up', () => {
  /** Whether it was queued in the very call that appends it. */
  function atOnce(set: ReturnType<typeof setUp>, ...args: Parameters<ReturnType<typeof setUp>['append']>): boolean {
    const append = vi.spyOn(set.store, 'append')
    void set.append(...args)
    const called = append.mock.calls.length > 0
    append.mockRestore()
    return called
  }

  test('is decided in the call that appends it', async () => {
    const set = setUp()
    expect(atOnce(set, 'a', [opened('1')])).toBe(true)
    await set.appender.idle()
    expect(atOnce(set, 'a', [closed('1'), opened('2')], { expectedVersion: 1 })).toBe(true)
    expect(
      atOnce(
        set,
        'b',
        Array.from({ length: 31 }, (_, i) => opened(`${i}`)),
      ),
    ).toBe(true)
  })

  test('is decided later where it may be a retry, is carried over, is large, or has to wait for room or for its stream', async () => {
    expect(atOnce(setUp(), 'a', [opened('1')], { commitId: 'op' })).toBe(false)
    expect(atOnce(setUp(), 'a', [opened('1')], { at: 5 })).toBe(false)
    expect(
      atOnce(
        setUp(),
        'a',
        Array.from({ length: 32 }, (_, i) => opened(`${i}`)),
      ),
    ).toBe(false)
    const full = setUp()
    let leave = (): void => {}
    full.store.room = () => new Promise<void>((resolve) => (leave = resolve)) as unknown as undefined
    expect(atOnce(full, 'a', [opened('1')])).toBe(false)
    await Promise.resolve()
    expect(full.store.head.position).toBe(0)
    leave()
    await full.appender.idle()
    expect(full.store.head.position).toBe(1)
    const slow = setUp()
    const stream = slow.store.stream.bind(slow.store)
    slow.store.stream = (name) => Promise.resolve(stream(name)) as never
    expect(atOnce(slow, 'a', [opened('1')])).toBe(false)
    await slow.appender.idle()
    expect(slow.store.head.position).toBe(1)
  })

  test('has its own turn where it is large: others get in between', async () => {
    const { append, store } = setUp()
    const large = (door: string) => Array.from({ length: 32 }, (_, i) => opened(`${door}${i}`))
    const order: string[] = []
    const done = (name: string) => (): number => order.push(name)
    const first = append('a', large('x')).then(done('first'))
    const second = append('b', large('y')).then(done('second'))
    await first
    await append('c', [opened('1')]).then(done('between'))
    await second
    expect(order).toEqual(['first', 'between', 'second'])
    expect(store.head.position).toBe(65)
  })
})

describe('commitId', () => {
  test('the same id and events give the first receipt, and nothing is written', async () => {
    const { append, store } = setUp()
    const first = await append('a', [opened('1')], { commitId: 'op', expectedVersion: 0 })
    expect(await append('a', [opened('1')], { commitId: 'op', expectedVersion: 0 })).toEqual(first)
    expect(store.head.position).toBe(1)
  })

  test('twice at once is one commit', async () => {
    const { append, store } = setUp()
    const [one, two] = await Promise.all([append('a', [opened('1')], { commitId: 'op' }), append('a', [opened('1')], { commitId: 'op' })])
    expect(one).toEqual(two)
    expect(store.head.position).toBe(1)
  })

  test.each([
    ['other data', 'a', [opened('2')]],
    ['more events', 'a', [opened('1'), closed('1')]],
    ['another stream', 'b', [opened('1')]],
  ])('with %s is refused, in flight and recorded', async (_name, stream, events) => {
    const { append, store } = setUp()
    const first = append('a', [opened('1')], { commitId: 'op' })
    await expect(append(stream, events, { commitId: 'op' })).rejects.toMatchObject({
      code: 'JOURNAL_COMMIT_ID_REUSED',
      details: { commitId: 'op', outcome: 'none' },
    })
    await first
    await expect(append(stream, events, { commitId: 'op' })).rejects.toMatchObject({ code: 'JOURNAL_COMMIT_ID_REUSED' })
    expect(store.head.position).toBe(1)
  })

  test('of a commit that a law refused is free again', async () => {
    const { append } = setUp()
    await expect(append('a', [closed('1')], { commitId: 'op' })).rejects.toMatchObject({ code: 'JOURNAL_LAW_BROKEN' })
    expect(await append('a', [opened('1')], { commitId: 'op' })).toMatchObject({ version: 1 })
  })
})

describe('close', () => {
  test('appends what the laws say, once', async () => {
    const { append, appender, reading, store } = setUp()
    await append('a', [opened('1'), opened('2')])
    expect([...store.openStreams()]).toEqual(['a'])
    await appender.close('a', 'crash', 'disk')
    expect(await appender.close('a', 'crash', 'disk')).toBeUndefined()
    expect((await all(reading.stream('a', { after: 2 }))).map((event) => event)).toMatchObject([
      { type: 'door.closed', version: 3 },
      { type: 'door.closed', version: 4 },
    ])
  })
})
