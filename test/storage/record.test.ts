import { describe, expect, test } from 'vitest'
import type { NewCommit } from '../../src/storage/commit-store.js'
import { ITEMS_MAX, NotPlain } from '../../src/storage/plain.js'
import {
  decodeCommit,
  decodeWhole,
  encodeCommit,
  lastPosition,
  lastVersion,
  mustFit,
  pack,
  putRecord,
  recordEnd,
  RECORD_HEAD_BYTES,
  saidEnd,
  unpack,
} from '../../src/storage/record.js'

const decode = (body: Buffer) => {
  const record = Buffer.alloc(RECORD_HEAD_BYTES + body.length)
  putRecord(record, 0, body)
  const commit = decodeCommit(record, 0, record.length, 7)
  return {
    ...commit,
    events: commit.events.map((event) => ({
      type: event.type,
      schema: event.schema,
      data: event.data,
      flags: event.flags,
      meta: event.meta,
    })),
  }
}
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('a record', () => {
  test('comes back as it was packed', () => {
    const commit = {
      stream: 's',
      version: 70_000,
      commitId: 'c',
      at: 1_700_000_000_123,
      meta: { who: 'me' },
      events: [
        { type: 'a', schema: 1, data: { n: [1, -1, 2.5, null, true, 'é'] }, flags: 1 },
        { type: 'b', schema: 300, data: null, flags: 2, meta: { why: 'so' } },
      ],
    }
    expect(decode(encodeCommit(commit))).toEqual({ ...commit, position: 7 })
  })

  test.each([
    ['in the least bytes', '96 a1 73 01 c0 05 c0 91 94 a1 61 01 a1 78 00'],
    ['with lengths in two bytes', 'dc 0006 da 0001 73 cd 0001 c0 d1 0005 c0 dc 0001 dc 0004 da 0001 61 cd 0001 da 0001 78 cd 0000'],
    [
      'with lengths in four bytes',
      'dd 00000006 db 00000001 73 ce 00000001 c0 d2 00000005 c0 dd 00000001 dd 00000004 db 00000001 61 ce 00000001 db 00000001 78 ce 00000000',
    ],
    [
      'with numbers in eight bytes',
      '96 d9 01 73 cf 0000000000000001 c0 d3 0000000000000005 c0 91 94 d9 01 61 cf 0000000000000001 d9 01 78 cf 0000000000000000',
    ],
    ['with numbers in one byte', '96 a1 73 cc 01 c0 d0 05 c0 91 94 a1 61 cc 01 a1 78 cc 00'],
    ['with numbers as floats', '96 a1 73 ca 3f800000 c0 cb 4014000000000000 c0 91 94 a1 61 cb 3ff0000000000000 a1 78 ca 00000000'],
  ])('that another program packed %s is the same', (_, body) => {
    expect(decode(hex(body))).toEqual({
      stream: 's',
      version: 1,
      at: 5,
      position: 7,
      events: [{ type: 'a', schema: 1, data: 'x', flags: 0 }],
    })
  })

  test.each([
    ['a map for the commit', '81 a1 73 01'],
    ['a list of five', '95 a1 73 01 c0 05 c0'],
    ['a number for the stream', '96 01 01 c0 05 c0 91 94 a1 61 01 a1 78 00'],
    ['a text for the version', '96 a1 73 a1 73 c0 05 c0 91 94 a1 61 01 a1 78 00'],
    ['a negative version', '96 a1 73 ff c0 05 c0 91 94 a1 61 01 a1 78 00'],
    ['a version that is not whole', '96 a1 73 cb 3fe0000000000000 c0 05 c0 91 94 a1 61 01 a1 78 00'],
    ['a version that no reader can hold', '96 a1 73 cf ffffffffffffffff c0 05 c0 91 94 a1 61 01 a1 78 00'],
    ['a number for the commit id', '96 a1 73 01 07 05 c0 91 94 a1 61 01 a1 78 00'],
    ['a text for the time', '96 a1 73 01 c0 a1 35 c0 91 94 a1 61 01 a1 78 00'],
    ['a text for the events', '96 a1 73 01 c0 05 c0 a1 61'],
    ['no event', '96 a1 73 01 c0 05 c0 90'],
    ['an event of three fields', '96 a1 73 01 c0 05 c0 91 93 a1 61 01 a1 78'],
    ['an event of six fields', '96 a1 73 01 c0 05 c0 91 96 a1 61 01 a1 78 00 c0 c0'],
    ['more events than bytes', '96 a1 73 01 c0 05 c0 df 7fffffff'],
    ['an extension for the data', '96 a1 73 01 c0 05 c0 91 94 a1 61 01 d4 01 00 00'],
    ['a key that is a number', '96 a1 73 01 c0 05 c0 91 94 a1 61 01 81 01 02 00'],
    ['data that end early', '96 a1 73 01 c0 05 c0 91 94 a1 61 01 a5 78'],
    ['bytes behind the commit', '96 a1 73 01 c0 05 c0 91 94 a1 61 01 a1 78 00 00'],
    ['nothing', ''],
  ])('with %s is no commit', (_, body) => {
    expect(() => decode(hex(body))).toThrow(NotPlain)
  })

  test.each([
    ['lists', '90'],
    ['maps', '80'],
  ])('with more %s in it than readers take memory for is no commit', (_, one) => {
    const most = ITEMS_MAX - 11
    const body = (items: number): Buffer =>
      Buffer.concat([hex('96 a1 73 01 c0 05 c0 91 94 a1 61 01 dd'), bigEndian(items), Buffer.alloc(items, hex(one)), hex('00')])
    const record = Buffer.alloc(RECORD_HEAD_BYTES + body(most).length)
    putRecord(record, 0, body(most))
    // Looked over, and not unpacked: nobody asks for it.
    expect(decodeCommit(record, 0, record.length, 7).events).toHaveLength(1)
    expect(() => decode(body(most + 1))).toThrow(NotPlain)
  })
})

function bigEndian(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(number)
  return bytes
}

/** A record of a commit, with something before and behind it. */
function recordOf(commit: NewCommit, before = 0, behind = 0): Buffer {
  const body = encodeCommit(commit)
  const bytes = Buffer.alloc(before + RECORD_HEAD_BYTES + body.length + behind, 0xee)
  expect(putRecord(bytes, before, body)).toBe(bytes.length - behind)
  return bytes
}

const two: NewCommit = {
  stream: 's',
  version: 4,
  at: 5,
  events: [
    { type: 'a', schema: 1, data: { n: 1 }, flags: 0 },
    { type: 'b', schema: 1, data: { n: 2 }, flags: 3, meta: 'why' },
  ],
}

describe('where a record ends', () => {
  const bytes = recordOf(two, 16, 16)
  const end = bytes.length - 16

  test('is known where all of it is there, which may be right at the limit', () => {
    for (const limit of [end, end + 1, bytes.length]) expect(recordEnd(bytes, 16, limit)).toBe(end)
    expect(saidEnd(bytes, 16)).toBe(end)
    for (const limit of [end - 1, 16 + RECORD_HEAD_BYTES, 16 + RECORD_HEAD_BYTES - 1, 16, 0])
      expect(recordEnd(bytes, 16, limit)).toBeUndefined()
    expect(recordEnd(bytes, 8, bytes.length)).toBeUndefined()
  })

  test('is not where any of its bytes is another, and zeros are none', () => {
    for (let at = 16; at < end; at++) {
      const hurt = Buffer.from(bytes)
      hurt[at] = (hurt[at] as number) ^ 0x10
      expect([at, recordEnd(hurt, 16, hurt.length)]).toEqual([at, undefined])
    }
    expect(recordEnd(Buffer.alloc(64), 0, 64)).toBeUndefined()
    // A body of nothing has a checksum all the same.
    const nothing = Buffer.alloc(RECORD_HEAD_BYTES)
    putRecord(nothing, 0, Buffer.alloc(0))
    expect(recordEnd(nothing, 0, RECORD_HEAD_BYTES)).toBe(RECORD_HEAD_BYTES)
  })
})

describe('a commit that was read', () => {
  test('ends where its events end', () => {
    const commit = decodeCommit(recordOf(two), 0, recordOf(two).length, 7)
    expect([lastPosition(commit), lastVersion(commit)]).toEqual([8, 5])
  })

  test('gives the data of each event, and the same whenever it is asked', () => {
    for (const read of [decodeCommit, decodeWhole]) {
      const bytes = recordOf(two, 16, 16)
      const { events } = read(bytes, 16, bytes.length - 16, 7)
      const [first, second] = events.map(({ data }) => data)
      expect([first, second, events[1]?.meta]).toEqual([{ n: 1 }, { n: 2 }, 'why'])
      bytes.fill(0)
      expect([events[0]?.data, events[1]?.data].map((data, i) => data === [first, second][i])).toEqual([true, true])
      expect('meta' in (events[0] as object)).toBe(false)
    }
  })

  test('whole needs the bytes no more', () => {
    const bytes = recordOf({ ...two, commitId: 'c', meta: [1] })
    const commit = decodeWhole(bytes, 0, bytes.length, 7)
    bytes.fill(0)
    expect(commit.events.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }])
    expect(commit).toMatchObject({ stream: 's', version: 4, commitId: 'c', at: 5, meta: [1], position: 7 })
  })

  test('has no id and says nothing of itself where none was given', () => {
    const bytes = recordOf(two)
    const commit = decodeCommit(bytes, 0, bytes.length, 7)
    expect(['commitId' in commit, 'meta' in commit]).toEqual([false, false])
  })

  test.each([4, 7, 128, 256])('with flags %i is one of a later format', (flags) => {
    const bytes = recordOf({ ...two, events: [{ type: 'a', schema: 1, data: 0, flags }] })
    expect(() => decodeCommit(bytes, 0, bytes.length, 7)).toThrow(expect.objectContaining({ code: 'JOURNAL_NEWER_FORMAT' }))
  })
})

describe('a commit fits', () => {
  test('that is as long as may be, and no longer', () => {
    expect(() => mustFit(Buffer.alloc(100), 100)).not.toThrow()
    expect(() => mustFit(Buffer.alloc(101), 100)).toThrow(
      expect.objectContaining({ code: 'JOURNAL_LIMIT', details: { limit: 'commitBytesMax', value: 101, max: 100, outcome: 'none' } }),
    )
  })

  test('that has as many items as readers take memory for, and no more', () => {
    const items = (count: number): Buffer => Buffer.concat([hex('dd'), bigEndian(count), Buffer.alloc(count, 0xc0)])
    expect(() => mustFit(items(ITEMS_MAX), 1 << 24)).not.toThrow()
    expect(() => mustFit(items(ITEMS_MAX + 1), 1 << 24)).toThrow(
      expect.objectContaining({
        code: 'JOURNAL_LIMIT',
        details: { limit: 'items', value: ITEMS_MAX + 1, max: ITEMS_MAX, outcome: 'none' },
      }),
    )
  })
})

test('a value of the engine’s own is plain, and comes back as it was', () => {
  const bytes = new Uint8Array([1, 2])
  expect(unpack(pack({ a: [1, 'x', null], big: 2 ** 40, bytes }))).toEqual({ a: [1, 'x', null], big: 2 ** 40, bytes: Buffer.from(bytes) })
  expect(pack([{ a: 1 }, { a: 2 }]).toString('hex')).toBe('9281a1610181a16102')
  expect(() => unpack(hex('d4 01 00'))).toThrow(NotPlain)
  expect(() => unpack(hex('01 02'))).toThrow(NotPlain)
})
