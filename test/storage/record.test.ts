import { describe, expect, test } from 'vitest'
import { ITEMS_MAX, NotPlain } from '../../src/storage/plain.js'
import { decodeCommit, encodeCommit, putRecord, RECORD_HEAD_BYTES } from '../../src/storage/record.js'

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
