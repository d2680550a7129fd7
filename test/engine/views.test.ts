import { setImmediate, setTimeout } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineProjection, defineUpcaster, type Projection } from '../../src/define.js'
import { list } from '../../src/engine/list.js'
import { Laws, type LawStates } from '../../src/engine/laws.js'
import { rowKey } from '../../src/engine/rows.js'
import { Schemas } from '../../src/engine/schemas.js'
import { takeSnapshots } from '../../src/engine/snapshots.js'
import { startViews } from '../../src/engine/start.js'
import type { Views } from '../../src/engine/views.js'
import type { Slices } from '../../src/storage/derived-store.js'
import { MemoryStore } from '../support/memory-store.js'
import { memoryStores, type MemoryDerived } from '../support/memory-derived.js'

const catalogue = defineEvents({
  added: { schema: 1, data: z.looseObject({ n: z.number() }) },
  removed: { schema: 1, data: z.looseObject({}) },
  named: { schema: 2, data: z.looseObject({ name: z.string() }) },
})
const naming = defineUpcaster({
  type: 'named',
  from: 1,
  up: ({ text }: { text: string }) => {
    if (text === 'bad') throw new Error('cannot be named')
    return { name: text }
  },
})
const sum = defineProjection(catalogue, {
  name: 'sum',
  revision: 1,
  state: z.object({ total: z.number(), name: z.string() }),
  key: (event) => event.stream,
  initial: () => ({ total: 0, name: '' }),
  index: { total: ({ total }) => total },
  on: {
    added: (state, { data }) => {
      if (data.n === -13) throw new Error('unlucky')
      return { ...state, total: state.total + data.n }
    },
    removed: () => undefined,
    named: (state, { data }) => ({ ...state, name: data.name }),
  },
})
const projection = sum as unknown as Projection
const byNumber = defineProjection(catalogue, {
  name: 'number',
  revision: 1,
  state: z.object({ seen: z.number() }),
  key: ({ type, data }) => (type === 'added' ? String(data.n) : undefined),
  initial: () => ({ seen: 0 }),
  on: { added: ({ seen }) => ({ seen: seen + 1 }) },
}) as unknown as Projection

function setUp() {
  const schemas = new Schemas(catalogue, [naming])
  const store = new MemoryStore<LawStates>(new Laws([], schemas))
  const stores = memoryStores()
  const start = (projections: readonly Projection[] = [projection], rowsMax = 1000) =>
    startViews({ store, schemas, projections, snapshots: undefined as never, stores, directory: '', rowsMax })
  const versions = new Map<string, number>()
  const put = async (stream: string, type: string, data: object, schema = type === 'named' ? 2 : 1): Promise<void> => {
    const version = (versions.get(stream) ?? 0) + 1
    versions.set(stream, version)
    await store.append({ stream, version, at: 1, events: [{ type, schema, data, flags: 0 }] }, [], [], 'disk')
  }
  return { store, stores, start, put }
}

function fail(message: string): never {
  throw new Error(message)
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

const stop = (views: Views): Promise<void> => views.close(true)
const rowsOf = async (views: Views, options: Parameters<typeof list>[2] = {}) => {
  const rows = []
  for await (const row of list(views, sum, options as never)) rows.push([row.key, row.state.total])
  return rows
}

describe('view', () => {
  test('includes what was written before, without being told to wait', async () => {
    const { start, put } = setUp()
    const { views } = await start()
    await put('a', 'added', { n: 2 })
    await put('a', 'added', { n: 3 })
    expect(await views.row(projection, 'a')).toEqual({ state: { total: 5, name: '' }, position: 2 })
    expect(await views.row(projection, 'b')).toEqual({ state: undefined, position: 2 })
    await put('a', 'removed', {})
    expect(await views.row(projection, 'a')).toEqual({ state: undefined, position: 3 })
  })

  test('of a projection that the journal does not have is misuse', async () => {
    const { start } = setUp()
    const { views } = await start([])
    await expect(views.row(projection, 'a')).rejects.toBeInstanceOf(TypeError)
  })

  test('of a key whose fold threw says so, also after a restart; other keys go on', async () => {
    const { start, put } = setUp()
    const first = await start()
    await put('a', 'added', { n: 1 })
    await put('a', 'added', { n: -13 })
    await put('a', 'added', { n: 1 })
    await put('b', 'added', { n: 4 })
    for (const restart of [false, true]) {
      const views = restart ? await stop(first.views).then(async () => (await start()).views) : first.views
      await expect(views.row(projection, 'a')).rejects.toMatchObject({
        code: 'JOURNAL_PROJECTION_FAILED',
        details: { projection: 'sum', key: 'a', position: 2 },
      })
      expect((await views.row(projection, 'b')).state).toEqual({ total: 4, name: '' })
    }
  })

  test.each<[string, (total: number) => number]>([
    ['throws for', () => fail('no place for it')],
    ['gives no number for', () => null as unknown as number],
  ])('of a key that an order %s says so, also after a restart; other keys and orders go on', async (_, unlucky) => {
    const by = ({ total }: { total: number }): number => (total === 13 ? unlucky(total) : total)
    const odd = { ...sum, index: { ...sum.index, odd: by } } as unknown as Projection
    const { start, put } = setUp()
    let { views } = await start([odd, byNumber])
    await put('a', 'added', { n: 5 })
    await put('b', 'added', { n: 4 })
    await views.flush()
    await put('a', 'added', { n: 8 })
    await put('a', 'added', { n: 1 })
    await put('c', 'added', { n: 1 })
    for (const restart of [false, true]) {
      if (restart) {
        await stop(views)
        views = (await start([odd, byNumber])).views
      }
      await expect(views.row(odd, 'a')).rejects.toMatchObject({
        code: 'JOURNAL_PROJECTION_FAILED',
        details: { projection: 'sum', key: 'a', position: 3 },
      })
      expect((await views.row(odd, 'b')).state).toEqual({ total: 4, name: '' })
      expect((await views.row(byNumber, '8')).state).toEqual({ seen: 1 })
      for (const order of ['total', 'odd']) {
        const rows = []
        for await (const { key } of list(views, odd, { by: order })) rows.push(key)
        expect(rows).toEqual(['c', 'b'])
      }
    }
  })

  test('of a stream with an event that no step could bring up to date says so; other streams go on', async () => {
    const { start, put } = setUp()
    const { views } = await start()
    await put('a', 'named', { text: 'good' }, 1)
    await put('b', 'named', { text: 'bad' }, 1)
    await put('b', 'added', { n: 1 })
    await put('a', 'added', { n: 1 })
    await expect(views.row(projection, 'b')).rejects.toMatchObject({
      code: 'JOURNAL_UPCASTER_FAILED',
      details: { type: 'named', schema: 1, position: 2, stream: 'b' },
    })
    expect((await views.row(projection, 'a')).state).toEqual({ total: 1, name: 'good' })
  })

  test('is the same when few rows fit in memory', async () => {
    const { start, put } = setUp()
    const { views } = await start([projection], 5)
    for (let i = 0; i < 300; i++) {
      await put(`s${i % 50}`, 'added', { n: i })
      if (i % 40 === 0) await views.flush()
    }
    for (let s = 0; s < 50; s++) {
      const total = Array.from({ length: 6 }, (_, k) => s + 50 * k).reduce((a, b) => a + b)
      expect((await views.row(projection, `s${s}`)).state).toEqual({ total, name: '' })
    }
  })

  test('is right where rows are let go of while others that the same event concerns are loaded', async () => {
    const { start, put, stores } = setUp()
    const { derived } = stores
    const { views } = await start([projection, byNumber], 1)
    await put('a', 'added', { n: 7 })
    await put('a', 'added', { n: 8 })
    await views.flush()
    await put('a', 'added', { n: 8 })
    await put('b', 'added', { n: 8 })
    const [written, read] = [gate(), gate()]
    const [batch, getMany] = [derived.batch.bind(derived), derived.getMany.bind(derived)]
    derived.batch = (changes) => written.opened.then(() => batch(changes))
    derived.getMany = (keys) => read.opened.then(() => getMany(keys))
    derived.getAtOnce = () => undefined
    const flushed = views.flush()
    await setImmediate()
    // The sum is there and goes with the write; the number is not, and is loaded.
    await put('a', 'added', { n: 7 })
    await setImmediate()
    written.open()
    await setImmediate()
    read.open()
    await flushed
    expect((await views.row(projection, 'a')).state).toEqual({ total: 30, name: '' })
    expect((await views.row(byNumber, '7')).state).toEqual({ seen: 2 })
  })
})

describe('a group that concerns rows which are not in memory', () => {
  async function startedAgain(): Promise<{
    views: Views
    put: ReturnType<typeof setUp>['put']
    derived: MemoryDerived
    loads: () => number
  }> {
    const { start, put, stores } = setUp()
    const { derived } = stores
    await put('a', 'added', { n: 1 })
    const { views: before } = await start([projection, byNumber])
    await before.close(true)
    const { views } = await start([projection, byNumber])
    let loads = 0
    const getMany = derived.getMany.bind(derived)
    derived.getMany = (keys) => {
      loads++
      return getMany(keys)
    }
    return { views, put, derived, loads: () => loads }
  }
  const sumOf = ({ tables }: Views): number | undefined => tables.get('sum')?.applied.position

  test('is folded as it is written where they are loaded without waiting', async () => {
    const { views, put, loads } = await startedAgain()
    await put('a', 'added', { n: 2 })
    await put('b', 'added', { n: 2 })
    expect(sumOf(views)).toBe(3)
    expect(loads()).toBe(0)
    expect((await views.row(projection, 'a')).state).toEqual({ total: 3, name: '' })
    expect((await views.row(byNumber, '2')).state).toEqual({ seen: 2 })
    expect(loads()).toBe(0)
  })

  test('is folded later where somebody has to wait for them', async () => {
    const { views, put, derived, loads } = await startedAgain()
    derived.getAtOnce = () => undefined
    await put('a', 'added', { n: 2 })
    expect(sumOf(views)).toBe(1)
    expect((await views.row(projection, 'a')).state).toEqual({ total: 3, name: '' })
    expect(loads()).toBeGreaterThan(0)
  })

  test('is folded later where as much as may wait is waiting to be written', async () => {
    const { store, stores, start } = setUp()
    const { views } = await start([byNumber])
    const written = gate()
    const batch = stores.derived.batch.bind(stores.derived)
    stores.derived.batch = (slices) => written.opened.then(() => batch(slices))
    const put = (first: number, count: number): Promise<unknown> => {
      const events = Array.from({ length: count }, (_, i) => ({ type: 'added', schema: 1, data: { n: first + i }, flags: 0 }))
      return store.append({ stream: 'a', version: first, at: 1, events }, [], [], 'disk')
    }
    const applied = (): number | undefined => views.tables.get('number')?.applied.position
    // What is being written now, and as much again.
    await put(1, 16_000)
    await put(16_001, 16_000)
    expect(applied()).toBe(32_000)
    // The fold that is behind takes the first of these, and waits.
    for (let n = 32_001; n <= 32_003; n++) await put(n, 1)
    await setImmediate()
    expect(applied()).toBe(32_001)
    written.open()
    expect((await views.row(byNumber, '32003')).state).toEqual({ seen: 1 })
  })

  test('throws all that is derived away where one of them is not what was written', async () => {
    const { views, put, derived } = await startedAgain()
    derived.entries.get(rowKey('sum', 'a').toString('hex'))![0]! ^= 1
    await put('a', 'added', { n: 2 })
    expect((await views.row(projection, 'a')).state).toEqual({ total: 3, name: '' })
    expect((await views.row(byNumber, '1')).state).toEqual({ seen: 1 })
  })

  test('is told of by whoever asks next where the store that has them fails', async () => {
    const { views, put, derived } = await startedAgain()
    const failing = (): never => {
      throw Object.assign(new Error('no'), { code: 'EIO' })
    }
    derived.getAtOnce = failing
    derived.getMany = failing
    await put('a', 'added', { n: 2 })
    await expect(views.row(projection, 'a')).rejects.toMatchObject({ code: 'JOURNAL_IO' })
  })
})

describe('views that are behind', () => {
  const counting = () => {
    let folded = 0
    const other = defineProjection(catalogue, {
      name: 'other',
      revision: 1,
      state: z.object({ total: z.number() }),
      key: (event) => event.stream,
      initial: () => ({ total: 0 }),
      on: {
        added: ({ total }, { data }) => {
          folded++
          return { total: total + data.n }
        },
      },
    }) as unknown as Projection
    return { other, folded: () => folded }
  }

  test('are folded as they are asked for; the others wait, whether they have begun or not', async () => {
    const { start, put } = setUp()
    for (let n = 1; n <= 5000; n++) await put('a', 'added', { n })
    const { other, folded } = counting()
    const { views } = await start([projection, other])
    expect((await views.row(projection, 'a')).state).toMatchObject({ total: 12_502_500 })
    expect(folded()).toBe(0)
    await put('a', 'added', { n: 1 })
    // What nobody asked for is being folded by now; an append and a question come in between.
    while (folded() === 0) await setImmediate()
    await put('a', 'added', { n: 1 })
    expect((await views.row(projection, 'a')).state).toMatchObject({ total: 12_502_502 })
    expect(folded()).toBeLessThan(5000)
    expect(await views.row(other, 'a')).toEqual({ state: { total: 12_502_502 }, position: 5002 })
    expect(folded()).toBe(5002)
    await views.close(true)
    const { views: again, report } = await start([projection, other])
    expect(report).toMatchObject({ derived: 'checked', replayed: 0 })
    expect((await again.row(other, 'a')).state).toEqual({ total: 12_502_502 })
  })

  test('show a stream that cannot be read up to the same event, whichever is folded first', async () => {
    const { start, put } = setUp()
    await put('a', 'added', { n: 1 })
    await put('a', 'named', { text: 'bad' }, 1)
    await put('a', 'added', { n: 2 })
    const { other } = counting()
    const { views } = await start([projection, other])
    for (const one of [other, projection]) {
      await expect(views.row(one, 'a')).rejects.toMatchObject({ code: 'JOURNAL_UPCASTER_FAILED' })
      const rows = []
      for await (const row of list(views, one, {})) rows.push(row.state)
      expect(rows).toMatchObject([{ total: 1 }])
    }
  })

  test('by little do not wait for those that are behind by much', async () => {
    const { start, put } = setUp()
    for (let n = 1; n <= 5000; n++) await put('a', 'added', { n })
    const { views: before } = await start([projection])
    await before.close(true)
    const { other, folded } = counting()
    const { views } = await start([projection, other])
    const made = views.row(other, 'a')
    while (folded() === 0) await setImmediate()
    await put('a', 'added', { n: 1 })
    expect((await views.row(projection, 'a')).state).toMatchObject({ total: 12_502_501 })
    expect(folded()).toBeLessThan(5000)
    expect((await made).state).toEqual({ total: 12_502_500 })
  })

  test('where one is in doubt, all are made again, whatever of them a death leaves', async () => {
    const { start, put, stores } = setUp()
    for (let n = 1; n <= 10; n++) await put('a', 'added', { n })
    const { other } = counting()
    const { views: before } = await start([projection, other])
    await before.close(true)
    const key = rowKey('sum', 'a').toString('hex')
    const value = Buffer.from(stores.derived.entries.get(key) as Uint8Array)
    value[0]! ^= 1
    stores.derived.entries.set(key, value)
    const { views } = await start([projection, other])
    expect((await views.row(projection, 'a')).state).toMatchObject({ total: 55 })
    await views.flush([...views.tables.values()].slice(0, 1))
    // It dies here, with one projection made again.
    const { views: after } = await start([projection, other])
    expect((await after.row(projection, 'a')).state).toMatchObject({ total: 55 })
    expect((await after.row(other, 'a')).state).toEqual({ total: 55 })
  })

  test('that are in doubt are made again at once, whatever else is being folded', async () => {
    const { start, put, stores } = setUp()
    for (let n = 1; n <= 5000; n++) await put('a', 'added', { n })
    const { views: before } = await start([projection])
    await before.close(true)
    stores.derived.entries.get(rowKey('sum', 'a').toString('hex'))![0]! ^= 1
    const { other, folded } = counting()
    const { views } = await start([projection, other])
    views.catchUp()
    while (folded() === 0) await setImmediate()
    expect((await views.row(projection, 'a')).state).toMatchObject({ total: 12_502_500 })
    expect((await views.row(other, 'a')).state).toEqual({ total: 12_502_500 })
  })

  test('take in no row that was read before they were thrown away', async () => {
    const { start, put, stores } = setUp()
    const { derived } = stores
    await put('a', 'added', { n: 1 })
    const { views: before } = await start([projection, byNumber])
    await before.close(true)
    derived.entries.get(rowKey('sum', 'a').toString('hex'))![0]! ^= 1
    const { views } = await start([projection, byNumber])
    const read = gate()
    const getMany = derived.getMany.bind(derived)
    derived.getMany = async (keys) => {
      const found = await getMany(keys)
      if (keys.some((key) => rowKey('number', '1').equals(key))) await read.opened
      return found
    }
    const clear = derived.clear.bind(derived)
    derived.clear = async (range) => {
      read.open()
      await setImmediate()
      return clear(range)
    }
    const asked = views.row(byNumber, '1')
    await setImmediate()
    const doubted = views.row(projection, 'a')
    expect((await asked).state).toEqual({ seen: 1 })
    expect((await doubted).state).toMatchObject({ total: 1 })
    await put('a', 'added', { n: 1 })
    expect((await views.row(byNumber, '1')).state).toEqual({ seen: 2 })
  })

  test('of a reader are left where they are when it closes', async () => {
    const { start, put } = setUp()
    for (let n = 1; n <= 100; n++) await put('a', 'added', { n })
    const { other, folded } = counting()
    const { views } = await start([projection, other])
    await views.row(projection, 'a')
    await views.close(false)
    expect(folded()).toBe(0)
  })
})

describe('derived state', () => {
  test('that agrees with the journal is used, and only the rest is folded', async () => {
    const { start, put } = setUp()
    const first = await start()
    await put('a', 'added', { n: 1 })
    await stop(first.views)
    await put('a', 'added', { n: 2 })
    const second = await start()
    expect(second.report).toMatchObject({ derived: 'checked', replayed: 1 })
    expect((await second.views.row(projection, 'a')).state).toEqual({ total: 3, name: '' })
  })

  test('that was deleted comes back equal', async () => {
    const { start, put, stores } = setUp()
    const first = await start()
    await put('a', 'added', { n: 1 })
    await stop(first.views)
    stores.derived.entries.clear()
    const second = await start()
    expect(second.report).toMatchObject({ derived: 'rebuilt', replayed: 1 })
    expect((await second.views.row(projection, 'a')).state).toEqual({ total: 1, name: '' })
  })

  test('of another revision is folded again', async () => {
    const { start, put } = setUp()
    const first = await start()
    await put('a', 'added', { n: 1 })
    await stop(first.views)
    const second = await start([{ ...projection, revision: 2 }])
    expect(second.report).toMatchObject({ derived: 'rebuilt', replayed: 1 })
  })

  test('of another history is thrown away', async () => {
    const one = setUp()
    const first = await one.start()
    await one.put('a', 'added', { n: 1 })
    await stop(first.views)
    const other = setUp()
    for (const [key, value] of one.stores.derived.entries) other.stores.derived.entries.set(key, value)
    await other.put('a', 'added', { n: 7 })
    const second = await other.start()
    expect(second.report.derived).toBe('rebuilt')
    expect((await second.views.row(projection, 'a')).state).toEqual({ total: 7, name: '' })
  })

  test('that is ahead of the history is thrown away', async () => {
    const one = setUp()
    const first = await one.start()
    for (const n of [1, 2]) await one.put('a', 'added', { n })
    await stop(first.views)
    const shorter = setUp()
    await shorter.put('a', 'added', { n: 1 })
    for (const [key, value] of one.stores.derived.entries) shorter.stores.derived.entries.set(key, value)
    const second = await shorter.start()
    expect(second.report).toMatchObject({ derived: 'rebuilt', replayed: 1 })
    expect((await second.views.row(projection, 'a')).state).toEqual({ total: 1, name: '' })
  })

  test('with any bit flipped never shows a wrong view', async () => {
    const { start, put, stores } = setUp()
    const first = await start()
    for (const stream of ['a', 'b', 'c']) await put(stream, 'added', { n: stream.charCodeAt(0) })
    await stop(first.views)
    const good = new Map(stores.derived.entries)
    for (const [key, value] of good) {
      for (let bit = 0; bit < value.length * 8; bit += 3) {
        stores.derived.entries.clear()
        for (const [k, v] of good) stores.derived.entries.set(k, v)
        const flipped = Uint8Array.from(value)
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        stores.derived.entries.set(key, flipped)
        const { views } = await start()
        for (const stream of ['a', 'b', 'c'])
          expect((await views.row(projection, stream)).state).toEqual({ total: stream.charCodeAt(0), name: '' })
        expect(await rowsOf(views, { by: 'total' })).toEqual([
          ['a', 97],
          ['b', 98],
          ['c', 99],
        ])
        await stop(views)
      }
    }
  })

  test('that fails at any call while it starts or ends is closed all the same', async () => {
    let failures = 0
    for (let before = 0; before < 12; before++) {
      const { stores, start, put } = setUp()
      await put('a', 'added', { n: 1 })
      await stop((await start()).views)
      stores.derived.before = before
      await start()
        .then(({ views }) => stop(views))
        .catch(() => failures++)
      expect(stores.derived.opened, `after ${before} calls`).toBe(0)
    }
    expect(failures).toBeGreaterThan(0)
  })

  test('that cannot be written fails views, never appends', async () => {
    const { start, put, stores } = setUp()
    const { views } = await start()
    stores.derived.failing = true
    await put('a', 'added', { n: 1 })
    await expect(views.flush()).rejects.toMatchObject({ code: 'JOURNAL_IO' })
    await put('a', 'added', { n: 1 })
    await expect(views.row(projection, 'a')).rejects.toMatchObject({ code: 'JOURNAL_IO' })
  })
})

describe('what is written out', () => {
  test('is nothing more once a write has failed: what that held is missing below all that came later', async () => {
    const { start, put, stores } = setUp()
    const { derived } = stores
    const { views } = await start()
    const first = gate()
    let batches = 0
    const batch = derived.batch.bind(derived)
    derived.batch = async (slices) => {
      if (++batches > 1) return batch(slices)
      await first.opened
      throw Object.assign(new Error('no'), { code: 'EIO' })
    }
    await put('a', 'added', { n: 1 })
    const flushed = views.flush().catch((error: unknown) => error)
    await setImmediate()
    await put('b', 'added', { n: 1 })
    first.open()
    expect(await flushed).toMatchObject({ code: 'JOURNAL_IO' })
    await put('c', 'added', { n: 1 })
    await setTimeout(700)
    expect(batches).toBe(1)
  })

  test('stays in memory until it is there, whoever reads meanwhile', async () => {
    const { start, put, stores } = setUp()
    const { derived } = stores
    const { views } = await start([projection], 1)
    const first = gate()
    const batch = derived.batch.bind(derived)
    derived.batch = (slices) => first.opened.then(() => batch(slices))
    const streams = ['a', 'b', 'c']
    for (const stream of streams) await put(stream, 'added', { n: 1 })
    const flushed = views.flush()
    await setImmediate()
    await views.row(projection, 'c')
    for (const stream of streams) await put(stream, 'added', { n: 10 })
    first.open()
    await flushed
    for (const stream of streams) expect((await views.row(projection, stream)).state).toEqual({ total: 11, name: '' })
    await views.flush()
    expect(views.table(projection).rows).toBe(1)
  })

  test('is not shown where the write that others wait for fails: neither by a list nor in a snapshot', async () => {
    const { start, put, stores, store } = setUp()
    const { derived } = stores
    const { views } = await start()
    await put('a', 'added', { n: 1 })
    await views.flush()
    const first = gate()
    derived.batch = async () => {
      await first.opened
      throw Object.assign(new Error('no'), { code: 'EIO' })
    }
    await put('a', 'added', { n: 10 })
    await put('b', 'added', { n: 5 })
    const whoWrites = views.flush().catch((error: unknown) => error)
    await setImmediate()
    const listed = rowsOf(views).catch((error: unknown) => error)
    const written: unknown[] = []
    const files = { write: async (facts: unknown) => written.push(facts) } as never
    const snapshots = takeSnapshots(store, views, files).catch((error: unknown) => error)
    await setImmediate()
    first.open()
    for (const outcome of [whoWrites, listed, snapshots]) expect(await outcome).toMatchObject({ code: 'JOURNAL_IO' })
    expect(written).toEqual([])
  })

  test('is not folded on and on once a write has failed', async () => {
    const { start, put, stores } = setUp()
    for (let i = 0; i < 40_000; i++) await put(`s${i}`, 'added', { n: 1 })
    stores.derived.batch = async () => {
      throw Object.assign(new Error('no'), { code: 'EIO' })
    }
    const { views } = await start([projection], 1)
    views.catchUp()
    await expect(views.settle()).rejects.toMatchObject({ code: 'JOURNAL_IO' })
    for (let turns = 0; turns < 300; turns++) await setImmediate()
    expect(views.table(projection).rows).toBeLessThan(35_000)
  })

  test('is also what was folded while something was written, with no further call', async () => {
    const { start, put, stores } = setUp()
    const { derived } = stores
    const { views } = await start()
    const first = gate()
    const batch = derived.batch.bind(derived)
    derived.batch = (slices) => first.opened.then(() => batch(slices))
    const isWritten = (key: string): boolean => derived.entries.has(rowKey('sum', key).toString('hex'))
    await put('a', 'added', { n: 1 })
    await setTimeout(700)
    await put('b', 'added', { n: 1 })
    first.open()
    await vi.waitFor(() => expect(isWritten('a')).toBe(true))
    expect(isWritten('b')).toBe(false)
    await vi.waitFor(() => expect(isWritten('b')).toBe(true), 5000)
    await views.close(true)
  })
})

describe('rows on their way to the disk', () => {
  /** Sizes of the slices in which 2,000 rows are written. */
  async function written(meanwhile: (views: Views, put: ReturnType<typeof setUp>['put']) => Promise<void>): Promise<number[]> {
    const { start, put, stores } = setUp()
    for (let i = 0; i < 2000; i++) await put(`s${i}`, 'added', { n: 1 })
    const sizes: number[] = []
    const batch = stores.derived.batch.bind(stores.derived)
    stores.derived.batch = (slices) => batch(seen(slices))
    async function* seen(slices: Slices): Slices {
      for await (const slice of slices) {
        sizes.push(slice.length)
        yield slice
      }
    }
    const { views } = await start([byNumber, projection])
    await views.settle()
    await meanwhile(views, put)
    await views.close(true)
    return sizes
  }
  const whole = (views: Views, position: number) =>
    vi.waitFor(() => expect(views.table(projection).checkpoint.position).toBe(position), 5000)

  test('are many at a time', async () => {
    // Each with its place in the order.
    expect(await written((views) => whole(views, 2000))).toEqual([...Array.from({ length: 7 }, () => 512), 4002 - 7 * 512 + 1])
  })

  test('are few at a time while commits come in', async () => {
    const sizes = await written(async (views, put) => {
      await put('s', 'added', { n: 1 })
      await whole(views, 2001)
    })
    expect(sizes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 32))
    // No more commits came.
    expect(sizes.filter((size) => size === 512).length).toBeGreaterThan(5)
  })

  test('are many at a time where somebody waits for them', async () => {
    const sizes = await written(async (views, put) => {
      await put('s', 'added', { n: 1 })
      await views.flush()
    })
    expect(sizes.slice(0, -1)).toEqual(Array.from({ length: 7 }, () => 512))
  })
})

test('a fold that is behind gives way often while commits come in, and seldom for whoever waits for it, also since it began', async () => {
  const { start, put } = setUp()
  for (let i = 0; i < 4000; i++) await put('s', 'added', { n: 1 })
  const { views } = await start()
  const table = views.table(projection)
  let before = 0
  const inTurn = async (): Promise<number> => {
    await setImmediate()
    const rows = table.applied.position - before
    before = table.applied.position
    return rows
  }
  views.catchUp()
  const few: number[] = []
  for (let i = 0; i < 10; i++) {
    await put('t', 'added', { n: 1 })
    few.push(await inTurn())
  }
  expect(Math.max(...few)).toBe(32)
  await put('t', 'added', { n: 1 })
  const settled = views.settle()
  const many = [await inTurn(), await inTurn(), await inTurn()]
  expect(Math.max(...many)).toBe(512)
  await settled
  await views.close(true)
})

describe('rows that are only read', () => {
  test('are let go of as well, those that are there and those that are not', async () => {
    const { start, put } = setUp()
    for (let i = 0; i < 50; i++) await put(`s${i}`, 'added', { n: i })
    const { views: before } = await start()
    await before.close(true)
    const { views } = await start([projection], 5)
    const table = views.table(projection)
    for (let i = 0; i < 50; i++) expect((await views.row(projection, `s${i}`)).state).toEqual({ total: i, name: '' })
    for (let i = 0; i < 50; i++) expect((await views.row(projection, `none${i}`)).state).toBe(undefined)
    expect(table.rows).toBeLessThanOrEqual(5)
  })
})

describe('a row', () => {
  test('that is there is there for each of those who read at once, whoever lets go of rows meanwhile', async () => {
    for (let turns = 0; turns < 16; turns++) {
      const { start, put } = setUp()
      const { views } = await start([projection], 1)
      for (const stream of ['x', 'y']) await put(stream, 'added', { n: 1 })
      await views.flush()
      for (const stream of ['d', 'e']) await put(stream, 'added', { n: 4 })
      await views.settle()
      const x = views.row(projection, 'x')
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const [{ state: ofX }, { state: ofD }] = await Promise.all([x, views.row(projection, 'd')])
      expect([ofX, ofD]).toEqual([
        { total: 1, name: '' },
        { total: 4, name: '' },
      ])
    }
  })

  test('that somebody waits to read while all is thrown away is not taken into the new fold', async () => {
    const { start, put, stores } = setUp()
    const { derived } = stores
    const { views } = await start([projection], 1)
    derived.getAtOnce = () => undefined
    for (const stream of ['a', 'b', 'z']) await put(stream, 'added', { n: 1 })
    await views.flush()
    const hurt = derived.entries.get(rowKey('sum', 'b').toString('hex')) as Uint8Array
    hurt[6] = (hurt[6] as number) ^ 1
    const first = gate()
    const batch = derived.batch.bind(derived)
    derived.batch = (slices) => first.opened.then(() => batch(slices))
    await put('c', 'added', { n: 1 })
    await views.settle()
    const flushed = views.flush()
    await setImmediate()
    const read = views.row(projection, 'a')
    const listed = rowsOf(views)
    await setImmediate()
    // The fold of this one finds the doubt.
    await put('b', 'added', { n: 20 })
    await setImmediate()
    first.open()
    expect((await read).state).toEqual({ total: 1, name: '' })
    const all = [
      ['a', 1],
      ['b', 21],
      ['c', 1],
      ['z', 1],
    ]
    expect(await listed).toEqual(all)
    await flushed
    expect(await rowsOf(views)).toEqual(all)
  })
})

describe('list', () => {
  test('goes through an order in pages, both ways, filtered', async () => {
    const { start, put } = setUp()
    const { views } = await start()
    for (let i = 0; i < 300; i++) await put(`s${String(i).padStart(3, '0')}`, 'added', { n: (i * 7) % 300 })
    const expected = Array.from({ length: 300 }, (_, i) => [`s${String(i).padStart(3, '0')}`, (i * 7) % 300] as const).toSorted(
      (a, b) => a[1] - b[1],
    )
    expect(await rowsOf(views, { by: 'total' })).toEqual(expected)
    expect(await rowsOf(views, { by: 'total', reverse: true })).toEqual(expected.toReversed())
    expect(await rowsOf(views, { where: { total: 14 } as never })).toEqual([['s002', 14]])
    const paged = []
    let cursor: string | undefined
    for (;;) {
      const rows = []
      for await (const row of list(views, sum, { by: 'total', limit: 37, ...(cursor === undefined ? {} : { cursor }) })) rows.push(row)
      if (rows.length === 0) break
      paged.push(...rows.map((row) => [row.key, row.state.total]))
      cursor = rows.at(-1)?.cursor
    }
    expect(paged).toEqual(expected)
  })

  test('reads few rows for a few, and more at a time the longer it is', async () => {
    const { start, put, stores } = setUp()
    const { views } = await start()
    for (let i = 0; i < 2500; i++) await put(`s${String(i).padStart(4, '0')}`, 'added', { n: i })
    const read: number[] = []
    const range = stores.derived.range.bind(stores.derived)
    stores.derived.range = async function* (wanted) {
      const at = read.push(0) - 1
      for await (const entry of range(wanted)) {
        read[at]!++
        yield entry
      }
    }
    expect(await rowsOf(views, { by: 'total' })).toEqual(Array.from({ length: 2500 }, (_, i) => [`s${String(i).padStart(4, '0')}`, i]))
    expect(read.splice(0)).toEqual([128, 256, 512, 1024, 580])
    expect(await rowsOf(views, { limit: 5 })).toHaveLength(5)
    expect(read.splice(0)).toEqual([5])
    expect(await rowsOf(views, { limit: 1, where: { total: 200 } as never })).toEqual([['s0200', 200]])
    expect(read).toEqual([128, 256])
  })

  test('reads no more at a time where rows are large', async () => {
    const { start, put, stores } = setUp()
    const { views } = await start()
    for (let i = 0; i < 300; i++) await put(`s${i}`, 'named', { name: 'long '.repeat(400) })
    const asked: number[] = []
    const getMany = stores.derived.getMany.bind(stores.derived)
    await views.flush()
    stores.derived.getMany = (keys) => {
      asked.push(keys.length)
      return getMany(keys)
    }
    expect(await rowsOf(views, { by: 'total' })).toHaveLength(300)
    expect(asked).toEqual([128, 128, 44])
  })

  test('shows a row once, at its newest place', async () => {
    const { start, put } = setUp()
    const { views } = await start()
    for (let i = 0; i < 5; i++) {
      await put('a', 'added', { n: 10 })
      await put('b', 'added', { n: 1 })
      expect(await rowsOf(views, { by: 'total' })).toEqual([
        ['b', i + 1],
        ['a', 10 * (i + 1)],
      ])
    }
    await put('a', 'removed', {})
    expect(await rowsOf(views, { by: 'total' })).toEqual([['b', 5]])
  })

  test('by an order that is not there is misuse', async () => {
    const { start } = setUp()
    await expect(rowsOf((await start()).views, { by: 'age' })).rejects.toBeInstanceOf(TypeError)
  })

  test.each(['../../etc/x', 'CON', 'a/b', '__proto__', 'constructor', '\0', 'a\0b', '\u{10ffff}'.repeat(128)])(
    'holds the id %j',
    async (id) => {
      const { start, put } = setUp()
      const { views } = await start()
      await put(id, 'added', { n: 1 })
      expect(await rowsOf(views, { by: 'total' })).toEqual([[id, 1]])
      expect(await rowsOf(views)).toEqual([[id, 1]])
    },
  )
})
