/** The quick test of a shape, kind by kind: what fits without asking zod, what does not, and what is left to zod. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { fits } from '../../src/engine/fits.js'

class Custom {
  a = 'x'
}
const bare = (fields: object): object => Object.assign(Object.create(null) as object, fields)
const symbol = Symbol('s')
const holey = Array<string>(1).concat('x')

test.each<[what: string, schema: z.ZodType, fit: unknown[], others: unknown[]]>([
  ['anything', z.unknown(), [undefined, null, 1, {}, Symbol.iterator], []],
  ['a text', z.string(), ['', 'x'], [1, null, undefined, ['x'], new String('x')]],
  ['a number', z.number(), [0, -1.5, 1e300], ['1', Number.NaN, Infinity, 1n, null]],
  ['yes or no', z.boolean(), [true, false], [0, 'true', null]],
  ['null', z.null(), [null], [undefined, 0, '']],
  ['a word', z.literal('a'), ['a'], ['b', '', null]],
  ['one of several values', z.literal(['a', null, true]), ['a', null, true], ['b', false, undefined]],
  ['one of several words', z.enum(['a', 'b']), ['a', 'b'], ['c', 0, undefined]],
  ['what may be left out', z.string().optional(), ['x', undefined], [null, 1]],
  ['what may be null', z.string().nullable(), ['x', null], [undefined, 1]],
  ['a list', z.array(z.string()), [[], ['x', 'y']], [['x', 1], [undefined], holey, { 0: 'x', length: 1 }, 'x', null]],
  ['a list of what may be left out', z.array(z.string().optional()), [[undefined], holey], [[null]]],
  ['a list of one or more', z.array(z.string()).min(1), [['x'], ['x', 'y']], [[], [1]]],
  ['a text of two or more', z.string().min(2), ['ab', 'abc'], ['a', '', 12]],
  ['a whole number', z.number().int(), [1, -1, 0, Number.MAX_SAFE_INTEGER], [1.5, 2 ** 53, '1']],
  ['a number above', z.number().gt(1), [1.5, 2], [1, 0, '2']],
  ['a number from', z.number().gte(1), [1, 2], [0.5, '1']],
  ['a number from 0', z.number().nonnegative(), [0, 1], [-1]],
  ['a number above 0', z.number().positive(), [1, 0.1], [0, -1]],
  ['a whole number above 0', z.number().int().positive(), [1], [0, 1.5]],
  ['one of several shapes', z.union([z.string(), z.null()]), ['x', null], [1, undefined]],
  [
    'one of several objects that say which',
    z.discriminatedUnion('kind', [z.object({ kind: z.literal('a'), n: z.number() }), z.object({ kind: z.literal('b') })]),
    [{ kind: 'a', n: 1 }, { kind: 'b' }],
    [{ kind: 'a' }, { kind: 'c' }, {}],
  ],
  [
    'a record',
    z.record(z.string(), z.string()),
    [{}, { a: 'x', b: 'y' }, bare({ a: 'x' })],
    [{ a: 1 }, { a: 'x', b: 1 }, ['x'], new Custom(), new Map(), { [symbol]: 'x' }, null, 'x'],
  ],
  [
    'an object',
    z.looseObject({ a: z.string(), b: z.string().optional() }),
    [{ a: 'x' }, { a: 'x', b: 'y' }, { a: 'x', b: undefined }, { a: 'x', c: 1 }, bare({ a: 'x' })],
    [{}, { b: 'y' }, { a: 1 }, { a: 'x', b: 1 }, { a: undefined }, new Custom(), ['x'], null, undefined, 'x'],
  ],
  ['an object that drops what it does not know', z.object({ a: z.string() }), [{ a: 'x' }, { a: 'x', c: 1 }], [{}]],
])('%s', (_, schema, fit, others) => {
  expect(fit.map(fits(schema))).toEqual(fit.map(() => true))
  expect(others.map(fits(schema))).toEqual(others.map(() => false))
  // Whoever is asked again answers the same.
  expect(fit.map(fits(schema))).toEqual(fit.map(() => true))
})

test.each<[what: string, schema: z.ZodType, fine: unknown]>([
  ['a format', z.email(), 'ann@example.org'],
  ['a pattern', z.string().regex(/x/), 'x'],
  ['a text that is not too long', z.string().max(3), 'x'],
  ['a number of a format', z.int32(), 1],
  ['a number below', z.number().lt(3), 1],
  ['a number that is a word', z.literal(1), 1],
  ['an enum of numbers', z.enum({ A: 1 } as never), 1],
  ['a refinement', z.string().refine(() => true), 'x'],
  ['what may be missing, but not undefined', z.exactOptional(z.string()), 'x'],
  ['one shape and no other', z.xor([z.string(), z.number()]), 'x'],
  ['a union with what is left', z.union([z.string(), z.email()]), 'x'],
  ['what may be null of what is left', z.email().nullable(), null],
  ['what may be left out of what is left', z.email().optional(), undefined],
  ['a list of what is left', z.array(z.email()), []],
  ['an object with what is left', z.object({ a: z.email() }), { a: 'ann@example.org' }],
  ['an object that refuses more', z.strictObject({ a: z.string() }), { a: 'x' }],
  ['an object whose other fields are of a kind', z.object({ a: z.string() }).catchall(z.string()), { a: 'x' }],
  ['a record of what is left', z.record(z.string(), z.email()), {}],
  ['a record whose keys are words', z.record(z.enum(['a']), z.string()), { a: 'x' }],
  ['a record whose keys are of a format', z.record(z.email(), z.string()), {}],
  ['a record whose keys are not empty', z.record(z.string().min(1), z.string()), { a: 'x' }],
  ['a default', z.string().default('x'), 'x'],
  ['a transform', z.string().transform((text) => text), 'x'],
  ['a tuple', z.tuple([z.string()]), ['x']],
  ['a date', z.date(), new Date(0)],
])('%s is left to zod', (_, schema, fine) => {
  expect(schema.safeParse(fine).success).toBe(true)
  expect(fits(schema)(fine)).toBe(false)
})
