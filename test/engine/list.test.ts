/** Rows in one of their orders, in pages: which, in what order, and where to go on. */
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineProjection, type IndexValue, type Key, type Projection } from '../../src/define.js'
import { Laws, type LawStates } from '../../src/engine/laws.js'
import { list, type ListOptions } from '../../src/engine/list.js'
import { rowKey } from '../../src/engine/rows.js'
import { Schemas } from '../../src/engine/schemas.js'
import { startViews } from '../../src/engine/start.js'
import { all } from '../support/all.js'
import { memoryStores } from '../support/memory-derived.js'
import { MemoryStore } from '../support/memory-store.js'

const catalogue = defineEvents({ set: { schema: 1, data: z.looseObject({ by: z.unknown(), text: z.string() }) } })
const things = defineProjection(catalogue, {
  name: 'things',
  revision: 1,
  state: z.object({ by: z.unknown(), text: z.string() }),
  key: ({ stream }): Key => (stream.includes('/') ? stream.split('/') : stream),
  initial: () => ({ by: undefined, text: '' }),
  index: { by: ({ by }) => by as IndexValue },
  on: { set: (_, { data }) => ({ by: data.by, text: data.text }) },
}) as unknown as Projection

/** Views of rows, each by its stream, what it is ordered by, and a text. */
async function setUp(rows: readonly (readonly [stream: string, by?: IndexValue, text?: string])[]) {
  const schemas = new Schemas(catalogue, [])
  const store = new MemoryStore<LawStates>(new Laws([], schemas))
  for (const [stream, by, text = ''] of rows)
    await store.append({ stream, version: 1, at: 1, events: [{ type: 'set', schema: 1, data: { by, text }, flags: 0 }] }, [], [], 'disk')
  const stores = memoryStores()
  const { views } = await startViews({
    store,
    schemas,
    projections: [things],
    snapshots: undefined as never,
    stores,
    directory: '',
    rowsMax: 10_000,
  })
  const keys = async (options: ListOptions<unknown> = {}): Promise<string[]> =>
    (await all(list(views, things, options))).map(({ key }) => key.toString())
  return { views, keys, derived: stores.derived }
}

const few = [
  ['b', 2],
  ['a', 3],
  ['d', 1],
  ['c', 2],
  ['e', undefined],
] as const

describe('a list', () => {
  test.each<[what: string, options: ListOptions<unknown>, keys: string[]]>([
    ['by key', {}, ['a', 'b', 'c', 'd', 'e']],
    ['by key, backwards', { reverse: true }, ['e', 'd', 'c', 'b', 'a']],
    ['by an order, and equal ones by key', { by: 'by' }, ['d', 'b', 'c', 'a']],
    ['by an order, backwards', { by: 'by', reverse: true }, ['a', 'c', 'b', 'd']],
    ['of no more than is asked for', { limit: 2 }, ['a', 'b']],
    ['of nothing', { limit: 0 }, []],
    ['of as many as there are', { limit: 5 }, ['a', 'b', 'c', 'd', 'e']],
    ['of all', { limit: Number.POSITIVE_INFINITY }, ['a', 'b', 'c', 'd', 'e']],
    ['of one value of an order', { by: 'by', prefix: [2] }, ['b', 'c']],
    ['of one key', { prefix: ['c'] }, ['c']],
    ['of what has a value', { where: { by: 2 } }, ['b', 'c']],
    ['of what has a value, as many as is asked for', { where: { by: 2 }, limit: 1 }, ['b']],
    ['of what has two values', { where: { by: 2, text: 'x' } }, []],
    ['of what has a value that is not asked for', { where: { by: undefined } }, ['a', 'b', 'c', 'd', 'e']],
  ])('%s', async (_, options, keys) => {
    expect(await (await setUp(few)).keys(options)).toEqual(keys)
  })

  test('of keys of several parts begins with those that are asked for', async () => {
    const { keys } = await setUp([['a/1'], ['a/2'], ['ab/1'], ['a']])
    expect(await keys({ prefix: ['a'] })).toEqual(['a', 'a,1', 'a,2'])
    expect(await keys({ prefix: ['a', '2'] })).toEqual(['a,2'])
    expect(await keys({ prefix: ['a', 2] })).toEqual(['a,2'])
    expect(await keys({ prefix: ['b'] })).toEqual([])
  })

  test('goes on behind any of its rows, in either direction', async () => {
    const { views } = await setUp(few)
    for (const options of [{}, { reverse: true }, { by: 'by' }, { by: 'by', reverse: true }]) {
      const rows = await all(list(views, things, options))
      for (const [i, { cursor, position }] of rows.entries()) {
        expect(position).toBe(5)
        const rest = await all(list(views, things, { ...options, cursor }))
        expect(rest.map(({ key }) => key)).toEqual(rows.slice(i + 1).map(({ key }) => key))
      }
    }
  })

  test('is misused with an order that is not there, a limit that is none, or the cursor of another', async () => {
    const { views, keys } = await setUp(few)
    await expect(keys({ by: 'color' })).rejects.toThrow(new TypeError('things has no order "color"; it has by'))
    for (const limit of [-1, Number.NaN]) await expect(keys({ limit })).rejects.toThrow(new TypeError('limit is a number from 0'))
    const [row] = await all(list(views, things, {}))
    const other = new TypeError('The cursor belongs to another list')
    await expect(keys({ by: 'by', cursor: row?.cursor as string })).rejects.toThrow(other)
    await expect(keys({ prefix: ['b'], cursor: row?.cursor as string })).rejects.toThrow(other)
    const last = (await all(list(views, things, { reverse: true })))[0]
    await expect(keys({ prefix: ['a'], cursor: last?.cursor as string })).rejects.toThrow(other)
  })

  test('of many rows is read in pages that grow, and all of it is given once', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => [`k${String(i).padStart(4, '0')}`, i % 7] as const)
    const { keys, derived } = await setUp(many)
    const range = vi.spyOn(derived, 'range')
    const names = many.map(([stream]) => stream)
    expect(await keys()).toEqual(names)
    // 128, 256, 512, 1024, 1024, and what is left.
    expect(range).toHaveBeenCalledTimes(6)
    range.mockClear()
    expect(await keys({ reverse: true, limit: 1500 })).toEqual(names.toReversed().slice(0, 1500))
    expect(range).toHaveBeenCalledTimes(4)
    expect(await keys({ where: { by: 3 }, limit: 3 })).toEqual(['k0003', 'k0010', 'k0017'])
    expect(await keys({ by: 'by', prefix: [6] })).toEqual(names.filter((_, i) => i % 7 === 6))
  })

  test('of large rows is read in pages that do not grow', async () => {
    const large = Array.from({ length: 300 }, (_, i) => [`k${String(i).padStart(4, '0')}`, i, 'x'.repeat(2000)] as const)
    const { keys, derived } = await setUp(large)
    const range = vi.spyOn(derived, 'range')
    expect(await keys()).toHaveLength(300)
    expect(range).toHaveBeenCalledTimes(3)
  })

  test('of a row that is missing from its place is made again', async () => {
    const { keys, derived } = await setUp(few)
    expect(await keys({ by: 'by' })).toHaveLength(4)
    derived.entries.delete(rowKey('things', 'b').toString('hex'))
    expect(await keys({ by: 'by' })).toEqual(['d', 'b', 'c', 'a'])
  })
})
