import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ENTRY_BYTES, KeyList, KeyTable, searchAll } from '../../src/storage/key-table.js'
import { mergeTables } from '../../src/storage/merge-tables.js'
import { PageCache, Pages, pageSeed, PageWriter, type Search } from '../../src/storage/pages.js'

import { propertyParameters, withSeed } from '../support/seed.js'

const JOURNAL = Buffer.alloc(16, 7)

/** Entries in order, each with a number of its own in place of where it was met. */
function entries(prints: readonly number[], table: number): Buffer {
  const bytes = Buffer.alloc(prints.length * ENTRY_BYTES)
  for (const [i, print] of prints.toSorted((a, b) => a - b).entries()) {
    // Few of each half, so that there are equal ones, and ones of which only the first half is.
    bytes.writeUInt32BE(Math.floor(print / 4) * 0x2000_0000, i * ENTRY_BYTES)
    bytes.writeUInt32BE((print % 4) * 0x4000_0000, i * ENTRY_BYTES + 4)
    bytes.writeUInt32LE(table, i * ENTRY_BYTES + 8)
    bytes.writeUInt32LE(i, i * ENTRY_BYTES + 12)
  }
  return bytes
}

async function tableOf(bytes: Buffer, segment: number): Promise<KeyTable> {
  const chunks: Buffer[] = []
  const writer = new PageWriter(pageSeed(JOURNAL, segment), bytes.length, async (pages) => void chunks.push(pages))
  await writer.put(bytes)
  await writer.end()
  const image = Buffer.concat(chunks)
  const source = { name: `${segment}`, read: (into: Buffer, offset: number) => image.copy(into, 0, offset) }
  return new KeyTable(new Pages(source, new PageCache(), JOURNAL, segment), 0, bytes.length / ENTRY_BYTES)
}

const piece = (bytes: Buffer): Buffer[] =>
  Array.from({ length: bytes.length / ENTRY_BYTES }, (_, i) => bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES))

test(withSeed('merged tables hold every entry of each, in order, and of equal ones those of the first table first'), async () => {
  const prints = fc.oneof(fc.array(fc.nat(31), { maxLength: 20 }), fc.array(fc.nat(31), { minLength: 250, maxLength: 600 }))
  await fc.assert(
    fc.asyncProperty(prints, fc.array(prints, { maxLength: 4 }), async (own, others) => {
      const all = [own, ...others].map((some, table) => entries(some, table))
      const merged: Buffer[] = []
      const tables = await Promise.all(all.slice(1).map((bytes, i) => tableOf(bytes, i + 1)))
      for await (const chunk of mergeTables([all[0] as Buffer].filter(({ length }) => length > 0).values(), tables))
        merged.push(Buffer.from(chunk))
      // A sort that leaves equal ones where they were.
      const wanted = all.flatMap(piece).toSorted((a, b) => a.compare(b, 0, 8, 0, 8))
      expect(Buffer.concat(merged).equals(Buffer.concat(wanted))).toBe(true)
    }),
    propertyParameters(60),
  )
})

test('pages of one file are forgotten, and those of others kept', () => {
  const cache = new PageCache()
  const places = ['a', 'b', 'c'].map((file) => cache.base(file))
  expect(new Set(places).size).toBe(3)
  const last = (places[1] as number) - 1
  for (const key of [...places, last]) cache.set(key, Buffer.alloc(1))
  cache.forget('a')
  expect([...places, last].map((key) => cache.get(key) !== undefined)).toEqual([false, true, true, false])
  cache.forget('c')
  expect(places.map((key) => cache.get(key) !== undefined)).toEqual([false, true, false])
  expect(cache.base('a')).toBe(places[0])
})

test(withSeed('entries are sorted by their fingerprints, and by where they were met'), () => {
  // Of few halves many are equal, of both as well.
  const half = fc.oneof(fc.nat(3), fc.constant(0xffff_ffff), fc.nat(0xffff_ffff))
  const entry = fc.record({ high: half, low: half, location: fc.nat(0xffff_ffff) })
  const some = fc.oneof(fc.array(entry, { maxLength: 20 }), fc.array(entry, { minLength: 250, maxLength: 600 }))
  fc.assert(
    fc.property(some, (given) => {
      const keys = new KeyList()
      for (const { high, low, location } of given) keys.add({ high, low }, location)
      const wanted = given.toSorted((a, b) => a.high - b.high || a.low - b.low || a.location - b.location)
      const bytes = Buffer.concat([...keys.sorted(9)])
      expect(piece(bytes).every((one) => one.readUInt32LE(8) === 9)).toBe(true)
      const found = piece(bytes).map((one) => ({
        high: one.readUInt32BE(0),
        low: one.readUInt32BE(4),
        location: one.readUInt32LE(12),
      }))
      expect(found).toEqual(wanted)
    }),
    propertyParameters(60),
  )
})

/** Runs a search, and says how many pages it looked at. */
async function searched<T>(search: Search<T>): Promise<{ found: T; pages: number }> {
  let pages = 0
  for (let step = search.next(); ; pages++) {
    if (step.done === true) return { found: step.value, pages }
    step = search.next(await step.value.pages.page(step.value.number))
  }
}

test(withSeed('a search finds every place of a fingerprint, in newer segments first, and of one segment later ones first'), async () => {
  const prints = fc.oneof(fc.array(fc.nat(31), { maxLength: 20 }), fc.array(fc.nat(31), { minLength: 250, maxLength: 1500 }))
  await fc.assert(
    fc.asyncProperty(prints, fc.integer({ min: 1, max: 4 }), async (given, segments) => {
      // As in a table that was merged: of one fingerprint those of one segment stand together, in any order of segments.
      const bytes = entries(given, 0)
      for (let i = 0; i < given.length; i++) bytes.writeUInt32LE(1 + ((i * 7) % segments), i * ENTRY_BYTES + 8)
      const table = await tableOf(bytes, 1)
      for (let print = 0; print < 32; print++) {
        const wanted = { high: Math.floor(print / 4) * 0x2000_0000, low: (print % 4) * 0x4000_0000 }
        const there = piece(bytes).filter((one) => one.readUInt32BE(0) === wanted.high && one.readUInt32BE(4) === wanted.low)
        const places = there.map((one) => ({ segment: one.readUInt32LE(8), location: one.readUInt32LE(12) }))
        const { found } = await searched(table.search(wanted))
        expect(found).toEqual(places.toSorted((a, b) => b.segment - a.segment || b.location - a.location))
        const both = await searched(searchAll([table, table], [wanted, { high: 1, low: 1 }]))
        expect(both.found).toEqual([[...found, ...found], []])
      }
    }),
    propertyParameters(40),
  )
})

test('a search among fingerprints that are spread evenly looks at few pages, however many there are', async () => {
  const count = 50_000
  const bytes = Buffer.alloc(count * ENTRY_BYTES)
  for (let i = 0; i < count; i++) {
    bytes.writeUInt32BE(Math.floor((i / count) * 0x1_0000_0000), i * ENTRY_BYTES)
    bytes.writeUInt32LE(i, i * ENTRY_BYTES + 12)
  }
  const table = await tableOf(bytes, 1)
  for (const i of [0, 1, 12_345, 25_000, count - 1]) {
    const { found, pages } = await searched(table.search({ high: bytes.readUInt32BE(i * ENTRY_BYTES), low: 0 }))
    expect(found).toEqual([{ segment: 0, location: i }])
    expect(pages).toBeLessThan(8)
  }
  // All at one end: the guesses are wrong, and the search still ends soon.
  for (let i = 0; i < count; i++) bytes.writeUInt32BE(i, i * ENTRY_BYTES)
  const crowded = await tableOf(bytes, 1)
  const { found, pages } = await searched(crowded.search({ high: 40_000, low: 0 }))
  expect(found).toEqual([{ segment: 0, location: 40_000 }])
  expect(pages).toBeLessThan(16)
})
