/** The quick test of schemas says yes only where zod does, and does say yes where it counts: for the built-in events. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fits, refusalOf } from '../../src/engine/fits.js'
import { events } from '../../src/index.js'
import { root } from '../support/root.js'
import { seed } from '../support/seed.js'

const leaf = fc.constantFrom<z.ZodType>(
  z.string(),
  z.string().min(2),
  z.string().max(1),
  z.email(),
  z.number(),
  z.number().int(),
  z.number().int().positive(),
  z.number().nonnegative(),
  z.int(),
  z.boolean(),
  z.null(),
  z.unknown(),
  z.literal('a'),
  z.literal([1, 'b']),
  z.enum(['a', 'b']),
  z.iso.date(),
  z.string().refine((text) => text !== 'a'),
)
const { schema } = fc.letrec<{ schema: z.ZodType }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    leaf,
    tie('schema').map((inner) => inner.optional()),
    tie('schema').map((inner) => z.exactOptional(inner)),
    tie('schema').map((inner) => inner.nullable()),
    tie('schema').map((inner) => z.array(inner)),
    tie('schema').map((inner) => z.array(inner).min(1)),
    tie('schema').map((inner) => z.record(z.string(), inner)),
    fc.tuple(tie('schema'), tie('schema')).map(([one, other]) => z.union([one, other])),
    fc.tuple(tie('schema'), tie('schema')).map(([one, other]) => z.xor([one, other])),
    tie('schema').map((b) => z.discriminatedUnion('a', [z.object({ a: z.literal('a'), b }), z.object({ a: z.literal('b') })])),
    fc.tuple(tie('schema'), tie('schema')).map(([a, b]) => z.object({ a, b })),
    fc.tuple(tie('schema'), tie('schema')).map(([a, b]) => z.looseObject({ a, b: b.optional() })),
    tie('schema').map((a) => z.strictObject({ a })),
  ),
}))
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(
      '',
      'a',
      'b',
      'long',
      0,
      1,
      -1,
      1.5,
      2 ** 60,
      Number.NaN,
      true,
      null,
      undefined,
      new Uint8Array(1),
      new Date(0),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'toString'), tie('value'), { maxKeys: 3 }),
    // oxlint-disable-next-line no-sparse-arrays -- a hole is what is tried
    fc.constant([, 'a']),
  ),
}))

test('whatever fits quickly fits for zod as well', () => {
  let quick = 0
  fc.assert(
    fc.property(schema, fc.array(value, { minLength: 20, maxLength: 20 }), (shape, values) => {
      for (const one of values) {
        const fine = shape.safeParse(one).success
        if (fits(shape)(one)) {
          quick++
          expect(fine).toBe(true)
        }
        expect(refusalOf(shape, one) === undefined).toBe(fine)
      }
    }),
    { seed, numRuns: 1500 },
  )
  expect(quick).toBeGreaterThan(300)
})

test('a schema that holds itself is left to zod', () => {
  const tree = z.object({
    name: z.string(),
    get children() {
      return z.array(tree)
    },
  })
  expect(fits(tree)({ name: 'a', children: [] })).toBe(false)
  expect(refusalOf(tree, { name: 'a', children: [{ name: 'b', children: [] }] })).toBeUndefined()
  expect(refusalOf(tree, { name: 'a', children: [{ name: 5, children: [] }] })).toBeDefined()
})

describe('the built-in events', () => {
  const folder = join(root, 'test/fixtures/events')
  test.each(Object.entries(events.definitions))('%s is judged quickly', (type, { schema: number, data }) => {
    const file = readdirSync(folder).find((name) => name === `${type}@${number}.json`)!
    const example = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { data: unknown }
    expect(fits(data)(example.data)).toBe(true)
  })
})
