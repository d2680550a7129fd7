/** Rows in the derived store: where they stand, what has to change when they change, and what is not believed. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineProjection, type IndexValue, type Key, type Projection } from '../../src/define.js'
import {
  checkpointChange,
  checkpointKey,
  clearProjection,
  DerivedDoubt,
  orderRange,
  ordersOf,
  readCheckpoint,
  readOrder,
  readRow,
  rowChanges,
  rowKey,
  rowRange,
  savedOrders,
  sealed,
  unsealed,
  type RowChange,
} from '../../src/engine/rows.js'
import type { DerivedChange } from '../../src/storage/derived-store.js'
import { all } from '../support/all.js'
import { MemoryDerived } from '../support/memory-derived.js'

const catalogue = defineEvents({ added: { schema: 1, data: z.looseObject({}) } })

/** A projection whose states say by what they are ordered. */
const projectionOf = (name: string): Projection =>
  defineProjection(catalogue, {
    name,
    revision: 1,
    state: z.object({ by: z.unknown(), also: z.unknown() }),
    key: ({ stream }) => stream,
    initial: () => ({ by: undefined, also: undefined }),
    index: { by: ({ by }) => by as IndexValue, also: ({ also }) => also as IndexValue },
    on: { added: (state) => state },
  }) as unknown as Projection
const projection = projectionOf('p')

/** A row that was ordered by one thing and is by another. */
function change(key: Key, before: readonly IndexValue[], after: readonly IndexValue[], state: unknown): RowChange {
  return { key, state, before, after }
}

/** What is put and deleted: of a row `r`, of an order its name and by what. */
function told(changes: Iterable<DerivedChange>): string[] {
  const names = new Map<string, string>()
  for (const key of ['k', ['a', 'b']] as Key[]) {
    names.set(rowKey('p', key).toString('hex'), `r ${key.toString()}`)
    for (const index of ['by', 'also']) {
      for (const by of [1, 2, 'x', [1, 2], [1, 3], [1], [], [1, 2, 3]] as NonNullable<IndexValue>[]) {
        const parts = typeof by === 'object' ? by : [by]
        names.set(keyIn(index, parts, key), `${index} ${parts.join()}`)
      }
    }
  }
  return [...changes].map(({ type, key }) => `${type} ${names.get(Buffer.from(key).toString('hex')) ?? 'something else'}`)
}

function keyIn(index: string, parts: readonly (string | number)[], key: Key): string {
  const { from } = orderRange('p', index, parts)
  const own = rowKey('p', key).subarray(rowRange('p').from.length)
  return Buffer.concat([from, own]).toString('hex')
}

describe('what a row is ordered by', () => {
  test.each([[undefined], ['x'], [''], [0], [[]], [['x', 1]]])('may be %j', (by) => {
    expect(ordersOf(projection, { by, also: 1 })).toEqual([by, 1])
  })

  test.each([[null], [true], [{}], [['x', null]], [[['x']]], [1n]])('may not be %o', (by) => {
    const wrong = new TypeError('the order "also" is neither text nor number nor a list of them')
    expect(() => ordersOf(projection, { by: 1, also: by })).toThrow(wrong)
    expect(() => savedOrders(projection, ['a', 'b'], { by: 1, also: by })).toThrow(DerivedDoubt)
    expect(() => savedOrders(projection, ['a', 'b'], { by: 1, also: by })).toThrow('row ["a","b"] of p cannot be ordered')
  })

  test('is nothing for a row that is not there', () => {
    expect(ordersOf(projection, undefined)).toEqual([])
    expect(savedOrders(projection, 'k', { by: 2, also: 'x' })).toEqual([2, 'x'])
  })
})

describe('what has to change', () => {
  test.each<{ before: IndexValue[]; after: IndexValue[]; changes: string[] }>([
    { before: [], after: [1, 'x'], changes: ['put by 1', 'put also x', 'put r k'] },
    { before: [1, 'x'], after: [1, 'x'], changes: ['put r k'] },
    { before: [1, 'x'], after: [2, 'x'], changes: ['del by 1', 'put by 2', 'put r k'] },
    { before: [1, 'x'], after: [1, undefined], changes: ['del also x', 'put r k'] },
    { before: [undefined, 'x'], after: [undefined, 'x'], changes: ['put r k'] },
    { before: [[1, 2], 1], after: [[1, 2], 1], changes: ['put r k'] },
    { before: [[1, 2], 1], after: [[1, 3], 1], changes: ['del by 1,2', 'put by 1,3', 'put r k'] },
    { before: [[1, 2], 1], after: [[1], 1], changes: ['del by 1,2', 'put by 1', 'put r k'] },
    { before: [[1], 1], after: [[1, 2], 1], changes: ['del by 1', 'put by 1,2', 'put r k'] },
    { before: [[1, 2, 3], 1], after: [[1, 2], 1], changes: ['del by 1,2,3', 'put by 1,2', 'put r k'] },
    { before: [[], 1], after: [[], 1], changes: ['put r k'] },
    { before: [1, 'x'], after: ['x', 1], changes: ['del by 1', 'put by x', 'del also x', 'put also 1', 'put r k'] },
    { before: [[1], 1], after: [1, 1], changes: ['del by 1', 'put by 1', 'put r k'] },
  ])('for a row that was ordered by $before and is by $after: $changes', ({ before, after, changes }) => {
    expect(told(rowChanges(projection, [change('k', before, after, {})]))).toEqual(changes)
  })

  test('for a row that is not there any more', () => {
    expect(told(rowChanges(projection, [change('k', [1, 'x'], [], undefined)]))).toEqual(['del by 1', 'del also x', 'del r k'])
    expect(told(rowChanges(projection, [change('k', [], [], undefined)]))).toEqual(['del r k'])
  })

  test('leads from a place in an order to the row that stands there', async () => {
    const derived = new MemoryDerived()
    const rows: [Key, unknown][] = [
      ['k', { n: 1 }],
      [['a', 'b'], { n: 2 }],
    ]
    await derived.batch([
      [
        ...rowChanges(
          projection,
          rows.map(([key, state]) => change(key, [], [1, 'x'], state)),
        ),
      ],
    ])
    for (const index of ['by', 'also']) {
      const found: unknown[] = []
      for (const [at, value] of await all(derived.range(orderRange('p', index)))) {
        const row = readOrder('p', at, value)
        found.push(readRow(row, (await derived.get(row)) as Uint8Array))
      }
      expect(found).toEqual(expect.arrayContaining(rows.map(([key, state]) => ({ key, state }))))
      expect(found).toHaveLength(2)
    }
    expect(await all(derived.range(orderRange('p', 'by', [2])))).toEqual([])
    expect(await all(derived.range(rowRange('p', ['a'])))).toHaveLength(1)
  })
})

describe('a value', () => {
  const key = Buffer.from('key')

  test('is what was put under its key, and under no other', () => {
    const bytes = sealed(key, { a: [1, 'x', null] })
    expect(unsealed(key, bytes)).toEqual({ a: [1, 'x', null] })
    // It may lie anywhere in memory that others use, too.
    const among = Buffer.concat([Buffer.alloc(3, 9), bytes, Buffer.alloc(3, 9)])
    expect(unsealed(key, among.subarray(3, 3 + bytes.length))).toEqual({ a: [1, 'x', null] })
    expect(() => unsealed(Buffer.from('kez'), bytes)).toThrow(DerivedDoubt)
  })

  test('with any bit turned over, or cut anywhere, is not believed', () => {
    const bytes = sealed(key, 'text')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const hurt = Uint8Array.from(bytes)
      hurt[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => unsealed(key, hurt)).toThrow(new DerivedDoubt('a derived value does not check'))
    }
    for (let length = 0; length < bytes.length; length++) expect(() => unsealed(key, bytes.subarray(0, length))).toThrow(DerivedDoubt)
  })

  test('that is a checkpoint says how far a projection is', () => {
    for (const failed of [false, true]) {
      const checkpoint = { revision: 3, head: { position: 7, digest: 'd' }, failed }
      const put = checkpointChange('p', checkpoint)
      expect(put.type).toBe('put')
      expect(put.key).toEqual(checkpointKey('p'))
      expect(readCheckpoint('p', (put as { value: Uint8Array }).value)).toEqual(checkpoint)
      expect(() => readCheckpoint('q', (put as { value: Uint8Array }).value)).toThrow(DerivedDoubt)
    }
  })
})

test('a projection is thrown away with its rows, orders and checkpoint, and no other is', async () => {
  const derived = new MemoryDerived()
  const checkpoint = { revision: 1, head: { position: 1, digest: '' }, failed: false }
  for (const name of ['p', 'p2', 'o'])
    await derived.batch([[...rowChanges(projectionOf(name), [change('k', [], [1, 'x'], {})]), checkpointChange(name, checkpoint)]])
  const others = async (): Promise<number[]> =>
    Promise.all(
      ['p', 'p2', 'o'].map(async (name) => {
        const ranges = [rowRange(name), orderRange(name, 'by'), orderRange(name, 'also')]
        const found = await Promise.all(ranges.map((range) => all(derived.range(range))))
        return found.flat().length + ((await derived.get(checkpointKey(name))) === undefined ? 0 : 1)
      }),
    )
  expect(await others()).toEqual([4, 4, 4])
  await clearProjection(derived, 'p')
  expect(await others()).toEqual([0, 4, 4])
  expect(derived.entries.size).toBe(8)
})
