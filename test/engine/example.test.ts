/** Examples of a shape: the first as full as it can be, the others with one choice changed in each. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { exampleOf, otherExamplesOf, type JsonSchema } from '../../src/engine/example.js'

const text: JsonSchema = { type: 'string' }
const number: JsonSchema = { type: 'number' }

describe('an example', () => {
  test.each<[JsonSchema, unknown]>([
    [{ examples: ['given', 'other'], type: 'number' }, 'given'],
    [{ examples: [], type: 'number' }, 1],
    [{ const: null }, null],
    [{ const: 'c', type: 'string' }, 'c'],
    [{ enum: ['first', 'second'], type: 'string' }, 'first'],
    [{ anyOf: [number, text] }, 1],
    [{ oneOf: [text, number] }, 'text'],
    [{ anyOf: [] }, 'text'],
    [
      {
        allOf: [
          { type: 'object', properties: { a: text } },
          { type: 'object', properties: { b: number } },
        ],
      },
      { a: 'text', b: 1 },
    ],
    [number, 1],
    [{ type: 'integer' }, 1],
    [{ type: 'number', minimum: 0 }, 1],
    [{ type: 'number', minimum: 5 }, 5],
    [{ type: 'integer', exclusiveMinimum: 5 }, 6],
    [{ type: 'integer', exclusiveMinimum: -5 }, 1],
    [{ type: 'boolean' }, true],
    [{ type: 'null' }, null],
    [{}, 'text'],
    [text, 'text'],
    [{ type: 'string', minLength: 3 }, 'text'],
    [{ type: 'string', minLength: 7 }, 'text...'],
    [{ type: 'string', format: 'date-time' }, '2026-01-02T03:04:05Z'],
    [{ type: 'string', format: 'unheard of' }, 'text'],
    [{ format: 'bytes' }, new Uint8Array([1, 2, 3])],
    [{ type: 'array', items: number }, [1]],
    [{ type: 'array', items: number, minItems: 3 }, [1, 1, 1]],
    [{ type: 'array' }, []],
    [{ type: 'array', prefixItems: [text, number] }, ['text', 1]],
    [{ type: 'array', prefixItems: [text], items: number }, ['text', 1]],
    [{ type: 'array', prefixItems: [text], items: number, minItems: 4 }, ['text', 1, 1, 1]],
    [{ type: 'object' }, {}],
    [
      { type: 'object', properties: { a: text, b: number }, required: ['a'] },
      { a: 'text', b: 1 },
    ],
    [{ type: 'object', additionalProperties: number }, { text: 1 }],
    [{ type: 'object', additionalProperties: number, propertyNames: { enum: ['key'] } }, { key: 1 }],
    [{ type: 'object', additionalProperties: true }, {}],
    [{ type: 'object', properties: { a: text }, additionalProperties: number }, { a: 'text' }],
    [{ $ref: '#/$defs/a', $defs: { a: number } }, 1],
    [{ $ref: '#/$defs/none', $defs: { a: number } }, 'text'],
  ])('of %j is %j', (schema, example) => {
    expect(exampleOf(schema)).toEqual(example)
  })

  test('of a shape that holds itself comes to an end', () => {
    const list: JsonSchema = { type: 'object', properties: { n: number, next: { $ref: '#' } }, required: ['n'] }
    let depth = 0
    for (let at = exampleOf(list) as { next?: object } | undefined; at !== undefined; at = at.next) depth++
    expect(depth).toBe(5)
    // Of what must be there, a choice comes to the last alternative.
    const chain: JsonSchema = { type: 'object', properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } }, required: ['next'] }
    let links = 0
    for (let at = exampleOf(chain) as { next?: unknown } | null; at !== null; at = at.next as typeof at) links++
    expect(links).toBe(3)
    const nested: JsonSchema = { type: 'array', items: { $ref: '#' } }
    let lists = 0
    for (let at = exampleOf(nested) as unknown[] | undefined; at !== undefined; at = at[0] as typeof at) lists++
    expect(lists).toBe(5)
    const records: JsonSchema = { type: 'object', additionalProperties: { $ref: '#' } }
    let keys = 0
    for (let at = exampleOf(records) as { text?: object } | undefined; at !== undefined; at = at.text) keys++
    expect(keys).toBe(5)
  })
})

describe('other examples', () => {
  const object = (properties: Record<string, JsonSchema>, ...required: string[]): JsonSchema => ({ type: 'object', properties, required })

  test.each<[what: string, JsonSchema, unknown[]]>([
    ['a field that may be left out', object({ a: { const: 1 }, b: { const: 2 } }, 'a'), [{ a: 1 }]],
    ['fields that may all be left out', object({ a: { const: 1 }, b: { const: 2 } }), [{}, { b: 2 }, { a: 1 }]],
    ['fields that must all be there', object({ a: { const: 1 } }, 'a'), []],
    ['an object that says nothing of what must be there', { type: 'object', properties: { a: { const: 1 } } }, [{}]],
    ['a text', object({ a: text }, 'a'), [{ a: '' }]],
    ['a text that is not empty', object({ a: { type: 'string', minLength: 1 } }, 'a'), []],
    ['a text of a format', object({ a: { type: 'string', format: 'date' } }, 'a'), []],
    ['a number', object({ a: number }, 'a'), [{ a: 0 }]],
    ['a number from 0 on', object({ a: { type: 'integer', minimum: 0 } }, 'a'), [{ a: 0 }]],
    ['a number from 1 on', object({ a: { type: 'integer', minimum: 1 } }, 'a'), []],
    ['a number above 0', object({ a: { type: 'number', exclusiveMinimum: 0 } }, 'a'), []],
    ['a number above -1', object({ a: { type: 'number', exclusiveMinimum: -1 } }, 'a'), [{ a: 0 }]],
    ['yes or no', object({ a: { type: 'boolean' } }, 'a'), [{ a: false }]],
    ['nothing', object({ a: { type: 'null' } }, 'a'), []],
    ['a list', object({ a: { type: 'array', items: text } }, 'a'), [{ a: [] }]],
    ['a list of one or more', object({ a: { type: 'array', items: text, minItems: 1 } }, 'a'), []],
    ['a list that may be empty', object({ a: { type: 'array', items: text, minItems: 0 } }, 'a'), [{ a: [] }]],
    ['a tuple', object({ a: { type: 'array', prefixItems: [text] } }, 'a'), []],
    ['one of several words', object({ a: { enum: ['x', 'y', 'z'] } }, 'a'), [{ a: 'y' }, { a: 'z' }]],
    ['one word', object({ a: { const: 'x', type: 'string' } }, 'a'), []],
    ['one number', object({ a: { const: 1, type: 'number' } }, 'a'), []],
    ['one of several shapes', object({ a: { anyOf: [{ const: 1 }, { const: 2 }, text] } }, 'a'), [{ a: 2 }, { a: 'text' }]],
    ['one of several shapes, said otherwise', object({ a: { oneOf: [{ const: 1 }, { const: 2 }] } }, 'a'), [{ a: 2 }]],
    ['examples that are given', object({ a: { examples: [7, 8, 9], type: 'number' } }, 'a'), [{ a: 8 }, { a: 9 }]],
    ['an object within', object({ a: object({ b: { const: 1 } }) }, 'a'), [{ a: {} }]],
    ['an object within that may be left out', object({ a: object({ b: { const: 1 } }) }), [{}, { a: {} }]],
    ['an object deeper than that', object({ a: object({ b: object({ c: { const: 1 } }) }, 'b') }, 'a'), [{ a: { b: {} } }]],
    ['a shape by its name', { ...object({ a: { $ref: '#/$defs/n' } }, 'a'), $defs: { n: number } }, [{ a: 0 }]],
    ['an object by its name', { ...object({ a: { $ref: '#/$defs/o' } }, 'a'), $defs: { o: object({ b: { const: 1 } }) } }, [{ a: {} }]],
    ['a shape by its name, deeper', { ...object({ a: object({ b: { $ref: '#/$defs/n' } }, 'b') }, 'a'), $defs: { n: number } }, []],
    ['a list of objects', object({ a: { type: 'array', items: object({ b: text }) } }, 'a'), [{ a: [] }]],
    ['no object', number, [0]],
    ['an object whose examples are given', { ...object({ a: text }), examples: [{ a: 'one' }, { a: 'two' }] }, [{ a: 'two' }]],
  ])('of %s', (_, schema, others) => {
    expect(otherExamplesOf(schema)).toEqual(others)
  })

  test('do not end in a shape that holds itself, and each fits it', () => {
    const tree: z.ZodType = z.object({ n: z.number(), left: z.lazy(() => tree).optional(), right: z.lazy(() => tree).optional() })
    const schema = z.toJSONSchema(tree, { io: 'input' }) as JsonSchema
    const others = otherExamplesOf(schema)
    expect(others.length).toBeGreaterThan(3)
    for (const other of [exampleOf(schema), ...others]) expect(tree.safeParse(other).success).toBe(true)
  })
})
