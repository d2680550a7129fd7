/** What reading asks for, and when it stops. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineUpcaster } from '../../src/define.js'
import { Laws, type LawStates } from '../../src/engine/laws.js'
import { Reading } from '../../src/engine/reading.js'
import { Schemas } from '../../src/engine/schemas.js'
import type { CommitGroup, Gap } from '../../src/storage/commit-store.js'
import { all } from '../support/all.js'
import { MemoryStore } from '../support/memory-store.js'

const catalogue = defineEvents({
  added: { schema: 1, data: z.looseObject({ n: z.number() }) },
  part: { schema: 1, data: z.looseObject({ n: z.number() }) },
})
/** What was a pair once is its two parts. */
const splitting = defineUpcaster({
  type: 'pair',
  from: 1,
  to: [{ type: 'part', schema: 1 }],
  up: ({ n }: { n: number }) => [
    { type: 'part', data: { n } },
    { type: 'part', data: { n: n + 1 } },
  ],
})

const lost: Gap = { gap: { segment: 'x', offset: 0, bytes: 1, firstPosition: 3, lastPosition: 4, reason: 'lost' } }

async function setUp(...commits: (readonly (readonly [type: string, n: number])[])[]) {
  const schemas = new Schemas(catalogue, [splitting])
  const store = new MemoryStore<LawStates>(new Laws([], schemas))
  let version = 0
  for (const events of commits) {
    await store.append(
      { stream: 's', version: version + 1, at: 1, events: events.map(([type, n]) => ({ type, schema: 1, data: { n }, flags: 0 })) },
      [],
      [],
      'disk',
    )
    version += events.length
  }
  return { store, reading: new Reading(store, schemas) }
}

type Read = Awaited<ReturnType<typeof setUp>>['reading']

/** Of each event its number; of a gap the word. */
async function numbers(items: ReturnType<Read['all']>): Promise<(number | string)[]> {
  return (await all(items)).map((item) => ('gap' in item ? 'gap' : (item.data as { n: number }).n))
}

const added = (...ns: number[]) => ns.map((n) => ['added', n] as const)

describe('reading', () => {
  test.each([
    [0, []],
    [1, [1]],
    [2, [1, 2]],
    [3, [1, 2, 3]],
    [undefined, [1, 2, 3, 4]],
  ])('at most %s gives %j, and asks for no more commits than that takes', async (limit, given) => {
    const { store, reading } = await setUp(added(1, 2), added(3), added(4))
    let asked = 0
    const read = store.read.bind(store)
    store.read = async function* (options) {
      for await (const group of read(options)) {
        asked++
        yield group
      }
    }
    const options = limit === undefined ? {} : { limit }
    expect(await numbers(reading.all(options))).toEqual(given)
    expect(asked).toBe([0, 1, 1, 2][limit ?? 4] ?? 3)
    expect(await numbers(reading.stream('s', options))).toEqual(given)
    expect(await numbers(reading.all({ ...options, reverse: true }))).toEqual([4, 3, 2, 1].slice(0, limit ?? 4))
    expect(await numbers(reading.stream('s', { ...options, reverse: true }))).toEqual([4, 3, 2, 1].slice(0, limit ?? 4))
  })

  test('goes on behind, or before, what was had', async () => {
    const { reading } = await setUp(added(1, 2), added(3, 4))
    for (const read of [(options: object) => reading.all(options), (options: object) => reading.stream('s', options)]) {
      expect(await numbers(read({ after: 0 }))).toEqual([1, 2, 3, 4])
      expect(await numbers(read({ after: 3 }))).toEqual([4])
      expect(await numbers(read({ after: 4 }))).toEqual([])
      expect(await numbers(read({ after: 4, reverse: true }))).toEqual([3, 2, 1])
      expect(await numbers(read({ after: 1, reverse: true }))).toEqual([])
      expect(await numbers(read({ after: 1, limit: 2 }))).toEqual([2, 3])
    }
  })

  test('gives all parts of an event that was split, in the order that is asked for, and counts it once', async () => {
    const { reading } = await setUp([
      ['added', 1],
      ['pair', 10],
      ['added', 2],
    ])
    expect(await numbers(reading.all({}))).toEqual([1, 10, 11, 2])
    expect(await numbers(reading.all({ limit: 2 }))).toEqual([1, 10, 11])
    expect(await numbers(reading.all({ reverse: true }))).toEqual([2, 11, 10, 1])
    expect(await numbers(reading.all({ reverse: true, limit: 2 }))).toEqual([2, 11, 10])
    expect(await numbers(reading.all({ types: ['part'] }))).toEqual([10, 11])
    expect(await numbers(reading.all({ types: ['part'], limit: 1 }))).toEqual([10, 11])
    expect(await numbers(reading.all({ types: ['added'], reverse: true }))).toEqual([2, 1])
    expect(await numbers(reading.all({ types: [] }))).toEqual([])
  })

  test('tells of what is lost in its place, or stops there with all that lies before it', async () => {
    const { store, reading } = await setUp(added(1, 2), added(5))
    const read = store.read.bind(store)
    store.read = async function* (options): AsyncGenerator<CommitGroup> {
      const [first, second] = await all(read(options))
      yield first as CommitGroup
      yield lost as unknown as CommitGroup
      yield second as CommitGroup
    }
    expect(await numbers(reading.all({ onGap: 'yield' }))).toEqual([1, 2, 'gap', 5])
    expect(await numbers(reading.all({ onGap: 'yield', limit: 3 }))).toEqual([1, 2, 'gap', 5])
    const before: unknown[] = []
    const reads = async (): Promise<void> => {
      for await (const item of reading.all({})) before.push(item)
    }
    await expect(reads()).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED', details: { damage: [lost.gap] } })
    expect(before).toHaveLength(2)
    // Who has all that was asked for hears nothing of what lies behind it.
    expect(await numbers(reading.all({ limit: 2 }))).toEqual([1, 2])
  })
})

test('commits are given with what each event is today, and with what the engine added apart', async () => {
  const { store, reading } = await setUp(added(1), [['pair', 10]])
  const commits = await all(reading.commits({}))
  expect(commits).toMatchObject([
    { stream: 's', position: 1, version: 1, events: [{ type: 'added' }], added: [] },
    { stream: 's', position: 2, version: 2, events: [{ data: { n: 10 } }, { data: { n: 11 } }], added: [] },
  ])
  expect(await all(reading.commits({ stream: 's' }))).toEqual(commits)
  expect(await all(reading.commits({ stream: 't' }))).toEqual([])
  expect('commitId' in (commits[0] as object)).toBe(false)
  store.read = async function* (): AsyncGenerator<CommitGroup> {
    yield lost as unknown as CommitGroup
  }
  expect(await all(reading.commits({ onGap: 'yield' }))).toEqual([{ gap: lost.gap }])
  await expect(all(reading.commits({}))).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
})
