import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineUpcaster } from '../../src/define.js'
import { isReceiptOf, receiptCommit, Rewriter, sameForReaders, UPGRADES } from '../../src/engine/rewrite.js'
import { Schemas, UPGRADED } from '../../src/engine/schemas.js'
import { ADDED, IGNORABLE, type Gap, type StoredCommit, type StoredEvent } from '../../src/storage/commit-store.js'
import { decodeCommit, encodeCommit, putRecord, RECORD_HEAD_BYTES } from '../../src/storage/record.js'

const schemas = new Schemas(defineEvents({ named: { schema: 2, data: z.looseObject({ name: z.string() }) } }), [
  defineUpcaster({
    type: 'named',
    from: 1,
    up: ({ text }: { text: string }) => {
      if (text.startsWith('bad')) throw new Error('cannot be named')
      return { name: text }
    },
  }),
])

/** A commit as it is read from the disk. */
function read(data: object, schema = 1): StoredCommit {
  const body = encodeCommit({ stream: 's', version: 1, at: 5, events: [{ type: 'named', schema, data, flags: 0 }] })
  const record = Buffer.alloc(RECORD_HEAD_BYTES + body.length)
  putRecord(record, 0, body)
  return decodeCommit(record, 0, record.length, 1)
}

test('an event that is rewritten is the same for readers where they are told the same', () => {
  expect(sameForReaders(schemas, read({ text: 'ann' }), read({ name: 'ann' }, 2))).toBe(true)
  expect(sameForReaders(schemas, read({ text: 'ann' }), read({ name: 'bob' }, 2))).toBe(false)
})

test('an event that no step can bring up is the same only where it stands as it did', () => {
  expect(sameForReaders(schemas, read({ text: 'bad', n: 1 }), read({ text: 'bad', n: 1 }))).toBe(true)
  expect(sameForReaders(schemas, read({ text: 'bad', n: 1 }), read({ text: 'bad', n: 2 }))).toBe(false)
  expect(sameForReaders(schemas, read({ text: 'bad', n: 1 }), read({ name: 'bad' }, 2))).toBe(false)
})

describe('a commit that is rewritten', () => {
  const shapes = new Schemas(
    defineEvents({
      named: { schema: 2, data: z.looseObject({}) },
      part: { schema: 1, data: z.looseObject({}) },
    }),
    [
      defineUpcaster({
        type: 'named',
        from: 1,
        up: ({ text }: { text: string }): object => {
          if (text === 'bad') throw new Error('cannot be named')
          return text === 'odd' ? { name: undefined } : { name: text }
        },
      }),
      defineUpcaster({
        type: 'pair',
        from: 1,
        to: [{ type: 'part', schema: 1 }],
        up: ({ n }: { n: number }) => Array.from({ length: n }, () => ({ type: 'part' as const, data: { n } })),
      }),
      defineUpcaster({ type: 'gone', from: 1, to: [], up: () => [] }),
    ],
  )
  const event = (type: string, schema: number, data: object, more: object = {}) => ({ type, schema, data, flags: 1, ...more })
  const commitOf = (...events: StoredEvent[]): StoredCommit => ({
    stream: 's',
    version: 7,
    position: 9,
    at: 5,
    commitId: 'c',
    meta: { by: 'me' },
    events,
  })

  test('has each event in today’s shape where that is one event that can be stored, and all else as it was', () => {
    const rewriter = new Rewriter(shapes)
    const left = [
      event('named', 1, { text: 'bad' }),
      event('named', 1, { text: 'odd' }),
      event('pair', 1, { n: 2 }),
      event('gone', 1, {}),
      event('other', 4, {}),
      event('other', 4, {}),
      event(UPGRADED, 1, {}),
    ]
    const given = commitOf(
      event('named', 2, { name: 'today' }),
      event('named', 1, { text: 'ann' }, { meta: { why: 'so' } }),
      event('pair', 1, { n: 1 }),
      ...left,
    )
    const { position: _, ...rest } = given
    expect(rewriter.commit(given)).toEqual({
      ...rest,
      events: [
        event('named', 2, { name: 'today' }),
        event('named', 2, { name: 'ann' }, { meta: { why: 'so' } }),
        event('part', 1, { n: 1 }),
        ...left,
      ],
    })
    expect(rewriter.rewritten).toBe(2)
    expect(rewriter.left).toEqual([
      { type: 'named', schema: 1, events: 2, why: 'fails' },
      { type: 'pair', schema: 1, events: 1, why: 'splits' },
      { type: 'gone', schema: 1, events: 1, why: 'drops' },
      { type: 'other', schema: 4, events: 2, why: 'unknown' },
    ])
  })

  test('is the same for readers where all else is, and gaps are only like themselves', () => {
    const before = commitOf(event('named', 1, { text: 'ann' }), event('named', 2, { name: 'bob' }))
    const after = commitOf(event('named', 2, { name: 'ann' }), event('named', 2, { name: 'bob' }))
    expect(sameForReaders(shapes, before, after)).toBe(true)
    const others: StoredCommit[] = [
      { ...after, at: 6 },
      { ...after, commitId: 'd' },
      { ...after, events: after.events.slice(0, 1) },
      { ...after, events: after.events.map((one, i) => (i === 0 ? { ...one, flags: 0 } : one)) },
      { ...after, events: after.events.map((one, i) => (i === 1 ? { ...one, data: { name: 'eve' } } : one)) },
    ]
    expect(others.map((other) => sameForReaders(shapes, before, other))).toEqual(others.map(() => false))
    const gap: Gap = { gap: { segment: 'x', offset: 0, bytes: 1, firstPosition: 3, lastPosition: 4, reason: 'lost' } }
    expect(sameForReaders(shapes, gap, structuredClone(gap))).toBe(true)
    expect(sameForReaders(shapes, gap, { gap: { ...gap.gap, bytes: 2 } })).toBe(false)
    expect([sameForReaders(shapes, gap, after), sameForReaders(shapes, before, gap)]).toEqual([false, false])
  })

  test('is told from the one that says what was upgraded', () => {
    const head = { position: 20, digest: 'ab' }
    const receipt = { from: { format: 1, ...head }, to: { format: 2 }, rewritten: 1, left: [] }
    const commit = receiptCommit(receipt, 3, 77)
    expect(commit).toEqual({
      stream: UPGRADES,
      version: 3,
      at: 77,
      events: [{ type: UPGRADED, schema: 1, data: receipt, flags: IGNORABLE | ADDED }],
    })
    const stored = { ...commit, position: 21 }
    expect(isReceiptOf(stored, head)).toBe(true)
    expect([isReceiptOf(stored, { ...head, position: 19 }), isReceiptOf(stored, { ...head, digest: 'cd' })]).toEqual([false, false])
    for (const other of [undefined, commitOf(), commitOf(event('named', 2, receipt))]) expect(isReceiptOf(other, head)).toBe(false)
  })
})
