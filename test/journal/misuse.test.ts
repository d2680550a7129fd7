/** What is no use of the library at all is a TypeError that says what is meant, and does nothing; what just fits is taken. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineDowncaster,
  defineEvents,
  defineProjection,
  defineUpcaster,
  openJournal,
  type AppendOptions,
  type JournalOptions,
  type ReadOptions,
} from '../../src/index.js'
import { all, note, notes, openNotes, tally, temporary } from '../support/journal.js'

const LONGEST = 'é'.repeat(256)

describe('append', () => {
  test.each<[string, AppendOptions | undefined, string?]>([
    ['A stream id is a string of 1 to 512 bytes', {}, ''],
    ['A stream id is a string of 1 to 512 bytes', {}, `${LONGEST}x`],
    ['A stream id is a string of 1 to 512 bytes', {}, 'half a \ud800'],
    ['A stream id is a string of 1 to 512 bytes', {}, 7 as unknown as string],
    ['A commit id is a string of 1 to 512 bytes', { commitId: '' }],
    ['A commit id is a string of 1 to 512 bytes', { commitId: `${LONGEST}x` }],
    ['A commit id is a string of 1 to 512 bytes', { commitId: 'half a \udc00' }],
    ['A commit id is a string of 1 to 512 bytes', { commitId: 7 as unknown as string }],
    ['expectedVersion is a whole number from 0', { expectedVersion: -1 }],
    ['expectedVersion is a whole number from 0', { expectedVersion: 0.5 }],
    ['at is a whole number of milliseconds', { at: -1 }],
    ['at is a whole number of milliseconds', { at: 0.5 }],
    ["durability is 'disk' or 'os'", { durability: 'ram' as 'os' }],
  ])('%s: %j', async (says, options, stream = 's') => {
    await using journal = await openNotes(temporary())
    await expect(async () => journal.append(stream, [note('a')], options)).rejects.toThrow(new RegExp(`^${says}`))
    expect(journal.head.position).toBe(0)
  })

  test.each<[string, unknown]>([
    ['append takes an array of at least one event', []],
    ['append takes an array of at least one event', note('a')],
    ['meta is an object', [{ ...note('a'), meta: 'ann' }]],
    ['meta is an object', [{ ...note('a'), meta: null }]],
    ['meta is an object', [{ ...note('a'), meta: ['ann'] }]],
    ['meta.occurredAt is a number', [{ ...note('a'), meta: { occurredAt: Number.NaN } }]],
    ['Event 1 is not { type, data }', [note('a'), 'b']],
  ])('%s: %j', async (says, events) => {
    await using journal = await openNotes(temporary())
    const error = await journal.append('s', events as never).catch((one: unknown) => one)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as TypeError).message.startsWith(says)).toBe(true)
    expect(journal.head.position).toBe(0)
  })

  test('takes what just fits', async () => {
    await using journal = await openNotes(temporary())
    const receipt = await journal.append(LONGEST, [note('a')], { commitId: LONGEST, expectedVersion: 0, at: 0 })
    expect(receipt).toMatchObject({ version: 1, position: 1 })
    expect((await all(journal.read(LONGEST))).length).toBe(1)
  })
})

describe('reading', () => {
  test.each<[string, ReadOptions]>([
    ['after is a whole number from 0', { after: -1 }],
    ['after is a whole number from 0', { after: 0.5 }],
    ['after is a whole number from 0', { after: Number.NaN }],
    ['limit is a number from 0', { limit: -1 }],
    ['limit is a number from 0', { limit: Number.NaN }],
  ])('%s: %j', async (says, options) => {
    await using journal = await openNotes(temporary())
    await journal.append('s', [note('a')])
    for (const read of [() => journal.read('s', options), () => journal.readAll(options)]) {
      const error = await (async () => all(read()))().catch((one: unknown) => one)
      expect(error).toBeInstanceOf(TypeError)
      expect((error as TypeError).message).toBe(says)
    }
  })

  test('takes from 0 on, and none where the limit is 0', async () => {
    await using journal = await openNotes(temporary())
    await journal.append('s', [note('a'), note('b')])
    expect((await all(journal.readAll({ after: 0 }))).length).toBe(2)
    expect((await all(journal.readAll({ after: 1 }))).length).toBe(1)
    expect((await all(journal.readAll({ limit: 0 }))).length).toBe(0)
    expect((await all(journal.read('s', { limit: 0 }))).length).toBe(0)
    expect((await all(journal.list(tally, { limit: 0 }))).length).toBe(0)
  })

  test.each([-1, 0.5, Number.NaN])('a follower begins at a position from 0, not at %d', async (after) => {
    await using journal = await openNotes(temporary())
    await expect(async () => all(journal.follow({ after }))).rejects.toThrow(new TypeError('after is a position, from 0'))
  })

  test.each([
    ['limit is a number from 0', { limit: -1 }],
    ['limit is a number from 0', { limit: Number.NaN }],
    ['tally has no order "height"; it has ', { by: 'height' }],
    ['The cursor belongs to another list', { cursor: Buffer.from('elsewhere').toString('base64url') }],
  ])('a list: %s', async (says, options) => {
    await using journal = await openNotes(temporary())
    await journal.append('s', [note('a')])
    const error = await all(journal.list(tally, options)).catch((one: unknown) => one)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as TypeError).message.startsWith(says)).toBe(true)
  })

  test.each([0, -1, 1.5])('a transcript’s end has entries from 1 on, not %d', async (last) => {
    await using journal = await openJournal(temporary())
    await expect(async () => journal.transcript('s', 'main', { last })).rejects.toThrow(new TypeError('last is a whole number from 1'))
  })
})

describe('opening', () => {
  test.each<[string, object]>([
    ['onDamage is one of "isolate", "refuse"', { onDamage: 'ignore' }],
    ['onInterrupted is one of "close", "leave"', { onInterrupted: true }],
    ['onUnknown is one of "refuse", "keep"', { onUnknown: '' }],
    ['durability is one of "disk", "os"', { durability: 'ram' }],
    ['readOnly is one of true, false', { readOnly: 'yes' }],
    ['blocking is one of true, false', { blocking: 1 }],
    ['compress is one of true, false', { compress: 'zstd' }],
    ['lockWaitMs is a number from 0', { lockWaitMs: -1 }],
    ['segmentBytes is a number from 1', { segmentBytes: 0 }],
    ['queueBytes is a number from 0', { queueBytes: '1' }],
    ['cacheRows is a number from 0', { cacheRows: Number.NaN }],
    ['sectorBytes is 8, 512 or 4096', { sectorBytes: 1024 }],
    ['limits.depthMax is a whole number from 1 to ', { limits: { depthMax: 0 } }],
    ['limits.keysMax is a whole number from 1 to ', { limits: { keysMax: 0.5 } }],
    ['limits.textBytesMax is a whole number from 1 to ', { limits: { textBytesMax: 2 ** 40 } }],
    ['limits.commitBytesMax is a whole number from 1 to ', { limits: { commitBytesMax: -1 } }],
  ])('%s: %j', async (says, options) => {
    const error = await openJournal(temporary(), options as JournalOptions).catch((one: unknown) => one)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as TypeError).message.startsWith(says)).toBe(true)
  })

  test.each(['', 7 as unknown as string])('takes the path of a directory, not %j', async (directory) => {
    await expect(openJournal(directory)).rejects.toThrow(new TypeError('openJournal takes the path of a directory'))
  })

  test('takes what just fits', async () => {
    const limits = { depthMax: 1, keysMax: 1, textBytesMax: 1, commitBytesMax: 1 }
    const journal = await openJournal(temporary(), {
      lockWaitMs: 0,
      segmentBytes: 1,
      queueBytes: 0,
      cacheRows: 0,
      sectorBytes: 512,
      limits,
    })
    await journal.close()
  })
})

describe('defining', () => {
  const data = z.object({ text: z.string() })
  const up = (one: unknown): unknown => one

  test.each<[string, () => unknown]>([
    ["An event type's name has 1 to 200 characters", () => defineEvents({ '': { schema: 1, data } })],
    ["An event type's name has 1 to 200 characters", () => defineEvents({ ['n'.repeat(201)]: { schema: 1, data } })],
    ['note: schema is a whole number from 1, not 0', () => defineEvents({ note: { schema: 0, data } })],
    ['note: schema is a whole number from 1, not 1.5', () => defineEvents({ note: { schema: 1.5, data } })],
    ['An upcaster names an event type', () => defineUpcaster({ type: '', from: 1, up })],
    ['An upcaster names a schema, a whole number from 1: note', () => defineUpcaster({ type: 'note', from: 0, up })],
    ['note: an upcaster has a function up', () => defineUpcaster({ type: 'note', from: 1, up: undefined as never })],
    [
      'note@1: what an upcaster leads to names an event type',
      () => defineUpcaster({ type: 'note', from: 1, to: { type: '', schema: 1 }, up }),
    ],
    ['A downcaster names an event type', () => defineDowncaster({ type: '', from: 2, down: up })],
    ['note@1: what a downcaster leads to names a schema', () => defineDowncaster({ type: 'note', from: 1, down: up })],
    ['note: a downcaster has a function down', () => defineDowncaster({ type: 'note', from: 2, down: undefined as never })],
  ])('%s', (says, define) => {
    expect(define).toThrow(TypeError)
    expect(define).toThrow(new RegExp(`^${says}`))
  })

  test.each<[string, { name?: string; revision?: number; on?: object }]>([
    ['A projection.s name has letters, digits, - and _, 64 at most: ""', { name: '' }],
    ['A projection.s name has letters, digits, - and _, 64 at most: "1st"', { name: '1st' }],
    ['A projection.s name has letters, digits, - and _, 64 at most', { name: 'n'.repeat(65) }],
    ['p: revision is a whole number from 1', { revision: 0 }],
    ['p: revision is a whole number from 1', { revision: 1.5 }],
    ['p: handles note.eaten, which is not in the catalogue', { on: { 'note.eaten': () => ({}) } }],
  ])('%s', (says, wrong) => {
    const right = { name: 'p', revision: 1, state: z.object({}), key: () => 'k', initial: () => ({}), on: {} }
    expect(() => defineProjection(notes, { ...right, ...wrong })).toThrow(new RegExp(`^${says}`))
    expect(() => defineProjection(notes, { ...right, name: 'n'.repeat(64) })).not.toThrow()
  })
})
