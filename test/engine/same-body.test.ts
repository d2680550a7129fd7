/** Whether a retry says the same as what stands for its commit id. */
import { expect, test } from 'vitest'
import { sameBody } from '../../src/engine/same-body.js'

const event = (data: unknown, meta?: Record<string, unknown>, type = 't') => ({ type, data, ...(meta === undefined ? {} : { meta }) })

test.each<[what: string, stored: unknown, given: unknown, same: boolean]>([
  ['equal objects', { a: [1, { b: 'x' }] }, { a: [1, { b: 'x' }] }, true],
  ['keys in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ['another value', { a: 1 }, { a: 2 }, false],
  ['a key more', { a: 1, b: 2 }, { a: 1 }, false],
  ['a key less', { a: 1 }, { a: 1, b: 2 }, false],
  ['plain values', null, null, true],
  ['a value and none', null, undefined, false],
  ['nothing and an object', null, { a: 1 }, false],
  ['an object and nothing', { threadId: 't' }, null, false],
  ['a list and an object', [1], { 0: 1 }, false],
  ['an object and a list', { threadId: 't', 0: 1 }, [1], false],
  ['lists of other lengths', [1, 2], [1], false],
  ['bytes of another kind', { b: Buffer.from('x') }, { b: Uint8Array.from(Buffer.from('x')) }, true],
  ['bytes of another kind, within', [[{ b: Buffer.from('x') }]], [[{ b: Uint8Array.from(Buffer.from('x')) }]], true],
  ['other bytes', { b: Buffer.from('x') }, { b: Uint8Array.of(1) }, false],
  ['bytes and a list', { b: Buffer.of(1) }, { b: [1] }, false],
  ['what append filled in', { a: 1, threadId: 't', attempt: 1 }, { a: 1 }, true],
  ['one of what append filled in', { a: 1, threadId: 't', attempt: 1 }, { a: 1, attempt: 1 }, true],
  ['what append filled in, and another value', { a: 1, threadId: 't' }, { a: 2 }, false],
  ['another attempt', { attempt: 1 }, { attempt: 2 }, false],
  ['what append would have filled in, and did not', { a: 1 }, { a: 1, threadId: 't' }, false],
  ['what it fills in, deeper', { a: { threadId: 't' } }, { a: {} }, false],
  ['what append filled in beside bytes', { b: Buffer.from('x'), threadId: 't' }, { b: Uint8Array.from(Buffer.from('x')) }, true],
])('%s: %o stands, %o is given: %s', (_, stored, given, same) => {
  expect(sameBody([event(stored)], [event(given)])).toBe(same)
  // Of several, each is looked at.
  expect(sameBody([event(1), event(stored)], [event(1), event(given)])).toBe(same)
})

test('types, meta and how many events there are count, too', () => {
  expect(sameBody([event(1)], [event(1, undefined, 'u')])).toBe(false)
  expect(sameBody([event(1, { by: 'me' })], [event(1, { by: 'me' })])).toBe(true)
  expect(sameBody([event(1, { by: 'me' })], [event(1)])).toBe(false)
  expect(sameBody([event(1)], [event(1, { by: 'me' })])).toBe(false)
  expect(sameBody([event(1)], [event(1), event(1)])).toBe(false)
  expect(sameBody([event(1), event(1)], [event(1)])).toBe(false)
  expect(sameBody([], [])).toBe(true)
})
