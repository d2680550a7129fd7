/** Where a snapshot and the journal part: the first event from which on the journal folds to something else. */
import { Packr } from 'msgpackr'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineProjection, type Key, type Projection } from '../../src/define.js'
import { Laws, type LawStates } from '../../src/engine/laws.js'
import { differenceFrom, type Difference } from '../../src/engine/refold.js'
import { Schemas } from '../../src/engine/schemas.js'
import { IGNORABLE } from '../../src/storage/commit-store.js'
import { SnapshotFiles } from '../../src/storage/snapshot-file.js'
import { systemClock } from '../../src/storage/system-clock.js'
import { MemoryFiles } from '../storage/support/memory-files.js'
import { MemoryDerived } from '../support/memory-derived.js'
import { MemoryStore } from '../support/memory-store.js'

const catalogue = defineEvents({
  added: { schema: 1, data: z.looseObject({ n: z.number() }) },
  removed: { schema: 1, data: z.looseObject({}) },
})
const sum = defineProjection(catalogue, {
  name: 'sum',
  revision: 1,
  state: z.object({ total: z.number() }),
  key: ({ type, data, stream }) => {
    if (type === 'added' && data.n === -13) throw new Error('unlucky')
    return stream
  },
  initial: () => ({ total: 0 }),
  on: { added: ({ total }, { data }) => ({ total: total + data.n }), removed: () => undefined },
}) as unknown as Projection

const packr = new Packr({ useRecords: false, moreTypes: false })

interface Given {
  /** Numbers that are added to streams, one event each; where none is given the row is removed. */
  history: readonly (readonly [stream: string, n?: number])[]
  /** The snapshot’s rows. */
  rows: readonly (readonly [Key, unknown])[]
  agreed?: number
  signal?: AbortSignal
}

/** What is said of a snapshot of such a history. */
async function difference({ history, rows, agreed = 0, signal }: Given): Promise<Difference | undefined> {
  const schemas = new Schemas(catalogue, [])
  const store = new MemoryStore<LawStates>(new Laws([], schemas))
  const versions = new Map<string, number>()
  for (const [stream, n] of history) {
    const version = (versions.get(stream) ?? 0) + 1
    versions.set(stream, version)
    const event = n === undefined ? { type: 'removed', schema: 1, data: {}, flags: 0 } : { type: 'added', schema: 1, data: { n }, flags: 0 }
    const events = [event, { type: 'of a newer program', schema: 1, data: {}, flags: IGNORABLE }]
    await store.append({ stream, version, at: 1, events }, [], [], 'disk')
  }
  const memory = new MemoryFiles()
  await memory.mkdir('/j')
  const files = new SnapshotFiles(memory, systemClock, '/j')
  const half = Math.ceil(rows.length / 2)
  const record = await files.write({ projection: 'sum', revision: 1, head: store.head }, chunks([rows.slice(0, half), rows.slice(half)]))
  // What came behind the snapshot is nothing to it.
  await store.append(
    { stream: 'a', version: 99, at: 1, events: [{ type: 'added', schema: 1, data: { n: 1e6 }, flags: 0 }] },
    [],
    [],
    'disk',
  )
  return differenceFrom({ store, schemas, files, derived: new MemoryDerived(), projection: sum, record, agreed, signal })
}

async function* chunks(parts: readonly unknown[][]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield packr.pack(part)
}

/** The same in short: the row’s key, and the position of the event. Every event stands at an odd position. */
async function at(given: Given): Promise<[Key, number | undefined] | undefined> {
  const found = await difference(given)
  return found && [found.key, found.event?.position]
}

const row = (key: string, total: number): [string, unknown] => [key, { total }]

describe('a snapshot and the journal', () => {
  const history = [['a', 1], ['b', 2], ['a', 3], ['c', 4], ['b'], ['c', 5]] as const

  test('agree where the one folds to the other, whatever order its rows have', async () => {
    for (const rows of [
      [row('a', 4), row('c', 9)],
      [row('c', 9), row('a', 4)],
    ])
      expect(await at({ history, rows })).toBeUndefined()
    expect(await at({ history: [], rows: [] })).toBeUndefined()
  })

  test.each([
    { what: 'a row is another from its last event on', rows: [row('a', 1), row('c', 9)], found: ['a', 5] },
    { what: 'a row is another from its first event on', rows: [row('a', 5), row('c', 9)], found: ['a', 1] },
    { what: 'a row is missing', rows: [row('a', 4)], found: ['c', 7] },
    { what: 'a row is there that was removed', rows: [row('a', 4), row('b', 2), row('c', 9)], found: ['b', 9] },
    { what: 'a row is there that no event made', rows: [row('a', 4), row('c', 9), row('x', 1)], found: ['x', undefined] },
    { what: 'several differ: the first event counts', rows: [row('a', 1), row('c', 4), row('x', 1)], found: ['a', 5] },
    { what: 'several differ, in another order', rows: [row('x', 1), row('c', 4), row('a', 1)], found: ['a', 5] },
    { what: 'all are missing', rows: [], found: ['a', 1] },
    { what: 'a state is of another kind', rows: [['a', { total: '4' }], row('c', 9)] as [string, unknown][], found: ['a', 1] },
  ])('part where $what', async ({ rows, found }) => {
    expect(await at({ history, rows })).toEqual(found)
  })

  test('part where a row was the same for the last time', async () => {
    const turns = [
      ['a', 1],
      ['a', 2],
      ['a', -2],
      ['a', 4],
    ] as const
    // It is 1, 3, 1, 5.
    expect(await at({ history: turns, rows: [row('a', 1)] })).toEqual(['a', 7])
    expect(await at({ history: turns, rows: [row('a', 3)] })).toEqual(['a', 5])
    expect(await at({ history: turns, rows: [row('a', 5)] })).toBeUndefined()
  })

  test('part behind what an older snapshot agrees with', async () => {
    const rows = [row('a', 100), row('c', 9)]
    expect(await at({ history, rows, agreed: 0 })).toEqual(['a', 1])
    expect(await at({ history, rows, agreed: 1 })).toEqual(['a', 5])
    expect(await at({ history, rows, agreed: 4 })).toEqual(['a', 5])
    expect(await at({ history, rows, agreed: 5 })).toEqual(['a', undefined])
  })

  test('are held against each other where there are more rows than fit in memory', async () => {
    const many = Array.from({ length: 5200 }, (_, i) => [`s${i}`, i] as const)
    const again = [['s7', 1], ['s5100', 1], ['s8']] as const
    const total = (i: number): number => i + (i === 7 || i === 5100 ? 1 : 0)
    const rows = many.flatMap(([key], i) => (i === 8 ? [] : [row(key, total(i))]))
    const batch = vi.spyOn(MemoryDerived.prototype, 'batch')
    expect(await at({ history: [...many, ...again], rows })).toBeUndefined()
    // Twice what is folded is written, and for each part of the snapshot what it has is deleted.
    expect(batch).toHaveBeenCalledTimes(4)
    batch.mockClear()
    expect(await at({ history: many.slice(0, 5000), rows: rows.slice(0, 10) })).toEqual(['s7', 15])
    expect(batch).toHaveBeenCalledTimes(3)
  })

  test('part at the first of few rows as well as of many', async () => {
    const many = Array.from({ length: 400 }, (_, i) => [`s${i}`, i] as const)
    expect(await at({ history: many, rows: many.map(([key]) => row(key, -1)) })).toEqual(['s0', 1])
  })

  test('are not held against each other where the projection fails, or nobody waits any more', async () => {
    const failing = [
      ['a', 1],
      ['b', -13],
    ] as const
    await expect(at({ history: failing, rows: [row('a', 1)] })).rejects.toMatchObject({ code: 'JOURNAL_PROJECTION_FAILED' })
    await expect(at({ history, rows: [], signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})
