/** What may be stored, what is refused by name, and how large a value is taken to be. */
import { describe, expect, test } from 'vitest'
import { checkValue, CEILINGS, defaultLimits, isWellFormed, limitsOf, type ValueLimits } from '../../src/engine/values.js'

const check = (value: unknown, limits: Partial<ValueLimits> = {}) => checkValue(value, 'data', 't', { ...defaultLimits, ...limits })

class Custom {
  a = 1
}

describe('a value', () => {
  const symbol = { [Symbol('s')]: 1 }
  const named = Object.defineProperty({}, '__proto__', { value: 1, enumerable: true })

  test.each<[value: unknown, bytes: number]>([
    [null, 1],
    [true, 1],
    [false, 1],
    [0, 9],
    [-1.5, 9],
    [Number.MAX_VALUE, 9],
    ['', 5],
    ['abc', 14],
    ['é', 8],
    // Up to 1024 bytes a text is taken to be as long as it may be, beyond that as it is.
    ['x'.repeat(341), 1028],
    ['x'.repeat(342), 347],
    ['é'.repeat(342), 689],
    [new Uint8Array(7), 12],
    [[], 5],
    [[1, null], 15],
    [{}, 5],
    [{ a: 1 }, 22],
    [{ a: { b: [true] } }, 32],
    [Object.assign(Object.create(null) as object, { a: 1 }), 22],
  ])('%j is stored as it is, in %d bytes at the most', (value, bytes) => {
    const checked = check(value)
    expect(checked.value).toEqual(
      typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null ? { ...value } : value,
    )
    expect(checked.bytes).toBe(bytes)
  })

  test.each<[what: string, value: unknown, path: (string | number)[], reason: string]>([
    ['NaN', Number.NaN, [], 'NaN is no JSON number'],
    ['infinity', { a: -Infinity }, ['a'], '-Infinity is no JSON number'],
    ['-0', [[-0]], [0, 0], '-0 would be read back as 0'],
    ['undefined', { a: { b: undefined } }, ['a', 'b'], 'undefined is no JSON; leave the key out'],
    ['a hole', Array.of(1).concat(Array(1) as number[]), [1], 'undefined is no JSON; leave the key out'],
    ['a function', { a: () => {} }, ['a'], 'a function is neither JSON nor bytes'],
    ['a big integer', [1n], [0], 'a bigint is neither JSON nor bytes'],
    ['a symbol', [Symbol('s')], [0], 'a symbol is neither JSON nor bytes'],
    ['a date', { a: [new Date(0)] }, ['a', 0], 'a Date instance is neither JSON nor bytes'],
    ['a map', new Map(), [], 'a Map instance is neither JSON nor bytes'],
    ['an instance', new Custom(), [], 'a Custom instance is neither JSON nor bytes'],
    ['a key that is a symbol', { a: symbol }, ['a'], 'a symbol key is no JSON'],
    ['a key named __proto__', { a: named }, ['a'], 'a key named __proto__ would not be read back'],
    ['half a pair', '\ud800', [], 'the text holds half of a surrogate pair'],
    ['half a pair in a key', { '\udc00': 1 }, [], 'the text holds half of a surrogate pair'],
  ])('that is or holds %s is refused, with its place', (_, value, path, reason) => {
    const details = { type: 't', path: ['data', ...path], reason }
    const message = `t: ${['data', ...path].join('.')}: ${reason}.`
    expect(() => check(value)).toThrow(expect.objectContaining({ code: 'JOURNAL_EVENT_INVALID', message, details }))
  })

  test('behind one that was left is refused with its own place', () => {
    expect(() => check({ a: [1, { b: 2 }], c: -0 })).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ path: ['data', 'c'] }) }),
    )
  })

  test('is copied and frozen, bytes as well, however they were given', () => {
    const given = { list: [{ n: 1 }], bytes: Buffer.from('ab') }
    const { value } = check(given)
    given.list[0]!.n = 2
    given.bytes[0] = 0
    expect(value).toEqual({ list: [{ n: 1 }], bytes: Uint8Array.from(Buffer.from('ab')) })
    const { list, bytes } = value as { list: object[]; bytes: Uint8Array }
    expect([value, list, list[0]].every(Object.isFrozen)).toBe(true)
    expect(Buffer.isBuffer(bytes)).toBe(false)
  })

  test('is an object of another realm or without a prototype, and no instance that pretends', () => {
    expect(check(Object.create(null)).value).toEqual({})
    // What another realm calls Object has the same shape.
    const other = Object.create(Object.create(null) as object) as object
    expect(check(other).value).toEqual({})
    expect(() => check(Object.create({ a: 1 }))).toThrow('a Object instance')
    const nameless = Object.create(Object.create({}) as object) as object
    Object.defineProperty(nameless, 'constructor', { value: undefined })
    expect(() => check(nameless)).toThrow('a class instance')
  })
})

describe('a limit', () => {
  test.each<[what: string, value: unknown, limits: Partial<ValueLimits>, limit: keyof ValueLimits, found: number]>([
    ['nesting', [[[1]]], { depthMax: 3 }, 'depthMax', 4],
    ['keys', { a: 1, b: [1, 2] }, { keysMax: 4 }, 'keysMax', 5],
    ['a text', 'abcd', { textBytesMax: 4 }, 'textBytesMax', 5],
    ['a text with longer letters', 'éé', { textBytesMax: 4 }, 'textBytesMax', 5],
    ['a key', { abcd: 1 }, { textBytesMax: 4 }, 'textBytesMax', 5],
    ['bytes', new Uint8Array(4), { textBytesMax: 4 }, 'textBytesMax', 5],
    ['all of it', [1, 2], { commitBytesMax: 23 }, 'commitBytesMax', 24],
  ])('of %s is where it is said to be', (_, value, limits, limit, found) => {
    const max = limits[limit] as number
    expect(() => check(value, limits)).not.toThrow()
    const more = limit === 'depthMax' ? [value] : limit === 'keysMax' ? { ...(value as object), c: 1 } : longer(value)
    const details = { limit, value: found, max }
    const used = limit === 'commitBytesMax' ? { commitBytesMax: max } : limits
    expect(() => check(more, used)).toThrow(
      expect.objectContaining({
        code: 'JOURNAL_LIMIT',
        details: limit === 'commitBytesMax' ? expect.objectContaining({ limit, max }) : details,
      }),
    )
  })

  test('says what it is, what there is, and the way out', () => {
    const message = 't: keysMax is 1, this has 2 or more. Split it, store it by reference, or raise the limit.'
    expect(() => check([1, 2], { keysMax: 1 })).toThrow(message)
  })

  test('is a whole number that readers go along with', () => {
    expect(limitsOf()).toEqual(defaultLimits)
    for (const name of Object.keys(CEILINGS) as (keyof ValueLimits)[]) {
      for (const fine of [1, CEILINGS[name]]) expect(limitsOf({ [name]: fine })).toEqual({ ...defaultLimits, [name]: fine })
      const told = new TypeError(`limits.${name} is a whole number from 1 to ${CEILINGS[name]}`)
      for (const wrong of [0, -1, 1.5, CEILINGS[name] + 1, Number.NaN, '5'])
        expect(() => limitsOf({ [name]: wrong as number })).toThrow(told)
    }
  })
})

/** One unit more of it. */
function longer(value: unknown): unknown {
  if (typeof value === 'string') return `${value}x`
  if (value instanceof Uint8Array) return new Uint8Array(value.length + 1)
  if (Array.isArray(value)) return [...value, null]
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [`${key}x`, inner as unknown]))
}

test('a text is well formed where its pairs are whole', () => {
  for (const fine of ['', 'a', '\u{1f600}']) expect(isWellFormed(fine)).toBe(true)
  for (const half of ['\ud83d', '\ude00\ud83d']) expect(isWellFormed(half)).toBe(false)
})
