import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineUpcaster } from '../../src/define.js'
import { sameForReaders } from '../../src/engine/rewrite.js'
import { Schemas } from '../../src/engine/schemas.js'
import type { StoredCommit } from '../../src/storage/commit-store.js'
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
