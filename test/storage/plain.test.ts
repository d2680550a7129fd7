/** MessagePack that is looked over before anything is made of it: what each first byte says, and what is refused. */
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { isCount, itemsIn, ITEMS_MAX, mustBePlain, NESTING_MAX, NotPlain, PlainReader } from '../../src/storage/plain.js'

const packr = new Packr({ useRecords: false, moreTypes: false })
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const reader = (text: string): PlainReader => new PlainReader(hex(text), 0, hex(text).length)

/** What is read of some bytes, or why not. */
function told<T>(read: () => T): T | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof NotPlain) return error.message
    throw error
  }
}

const early = 'a value ends early'
const noPlain = 'a type that is no plain MessagePack'

/** For each first byte: how many bytes follow of a value whose lengths are all zero, or why it is none. */
function bytesBehind(code: number): number | string {
  if (code < 0x80 || code >= 0xe0) return 0
  if (code < 0xa0) return 0
  if (code < 0xc0) return code - 0xa0
  const widths: Record<number, number> = {
    0xc0: 0,
    0xc2: 0,
    0xc3: 0,
    0xc4: 1,
    0xc5: 2,
    0xc6: 4,
    0xca: 4,
    0xcb: 8,
    0xcc: 1,
    0xcd: 2,
    0xce: 4,
    0xcf: 8,
    0xd0: 1,
    0xd1: 2,
    0xd2: 4,
    0xd3: 8,
    0xd9: 1,
    0xda: 2,
    0xdb: 4,
    0xdc: 2,
    0xdd: 4,
    0xde: 2,
    0xdf: 4,
  }
  return widths[code] ?? noPlain
}

describe('a value', () => {
  test('is as long as its first byte says, whichever that is', () => {
    for (let code = 0; code < 256; code++) {
      const items = code >= 0x80 && code < 0x90 ? (code & 15) * 2 : code >= 0x90 && code < 0xa0 ? code & 15 : 0
      const behind = bytesBehind(code)
      // Keys are empty texts, values nothing.
      const pieces = Buffer.alloc(items, code < 0x90 ? Buffer.of(0xa0, 0xc0) : Buffer.of(0xc0))
      const bytes = Buffer.concat([Buffer.of(code), Buffer.alloc(typeof behind === 'number' ? behind : 0), pieces])
      const pass = (given: Buffer): (() => string) => {
        return () => (mustBePlain(given), 'plain')
      }
      const name = code.toString(16)
      expect(told(pass(bytes)), name).toBe(typeof behind === 'string' ? behind : 'plain')
      if (typeof behind === 'string') continue
      expect(told(pass(Buffer.concat([bytes, Buffer.of(0)]))), name).toBe('bytes are left behind a value')
      if (bytes.length > 1) expect(told(pass(bytes.subarray(0, -1))), name).toMatch(/a value ends early|more items than there are bytes/)
    }
    expect(told(() => mustBePlain(Buffer.alloc(0)))).toBe(early)
  })

  test.each<[text: string, found: string]>([
    ['c4 02 00 00', 'plain'],
    ['c4 02 00', early],
    ['c5 0100' + '00'.repeat(256), 'plain'],
    ['c5 0100' + '00'.repeat(255), early],
    ['c6 00000100' + '00'.repeat(256), 'plain'],
    ['d9 03 61 61 61', 'plain'],
    ['d9 03 61 61', early],
    ['da 0003 61 61 61', 'plain'],
    ['db 00000003 61 61 61', 'plain'],
    ['db ffffffff 61', early],
    ['dc 0002 c0 c0', 'plain'],
    ['dc 0002 c0', 'more items than there are bytes'],
    ['dd 00000002 c0 c0', 'plain'],
    ['dd ffffffff c0', 'more items than there are bytes'],
    ['de 0001 a0 c0', 'plain'],
    ['de 0001 a0', 'more items than there are bytes'],
    ['df 00000001 a0 c0', 'plain'],
    ['81 a1 61 92 01 81 a0 90', 'plain'],
    ['92 91 01 02', 'plain'],
    ['82 a1 61 01 a1 62 02', 'plain'],
    ['81 01 02', 'a key that is no text'],
    ['81 c0 02', 'a key that is no text'],
    ['81 90 02', 'a key that is no text'],
    ['81 d8 02', 'a key that is no text'],
    ['81 dc 0000', 'a key that is no text'],
    ['81 d9 01 61 02', 'plain'],
    ['81 da 0001 61 02', 'plain'],
    ['81 db 00000001 61 02', 'plain'],
    ['81 c4 01 61 02', 'a key that is no text'],
    ['82 a0 01 01 02', 'a key that is no text'],
    ['81 a9 5f5f70726f746f5f5f 02', 'a key named __proto__'],
    ['81 d9 09 5f5f70726f746f5f5f 02', 'a key named __proto__'],
    ['81 a8 5f5f70726f746f5f 02', 'plain'],
    ['81 a9 785f70726f746f5f5f 02', 'plain'],
    ['a9 5f5f70726f746f5f5f', 'plain'],
    ['81 a0 a9 5f5f70726f746f5f5f', 'plain'],
  ])('%s: %s', (text, found) => {
    expect(told(() => (mustBePlain(hex(text)), 'plain'))).toBe(found)
  })

  test('nests so deep and no deeper, and has so many items and no more', () => {
    const nested = (depth: number): Buffer => Buffer.concat([Buffer.alloc(depth - 1, 0x91), Buffer.of(0x90)])
    expect(told(() => (mustBePlain(nested(NESTING_MAX)), 'plain'))).toBe('plain')
    expect(told(() => (mustBePlain(nested(NESTING_MAX + 1)), 'plain'))).toBe(`values nest deeper than ${NESTING_MAX}`)
    const beside = (text: string, max: number): (() => string) => {
      return () => (new PlainReader(hex(text), 0, hex(text).length, max).pass(), 'plain')
    }
    expect(told(beside('93 01 02 91 03', 4))).toBe('plain')
    expect(told(beside('93 01 02 91 03', 3))).toBe('more than 3 items and keys')
    expect(told(beside('82 a0 01 a1 61 02', 2))).toBe('plain')
    expect(told(beside('82 a0 01 a1 61 02', 1))).toBe('more than 1 items and keys')
    const many = Buffer.concat([hex('dd'), Buffer.alloc(4), Buffer.alloc(ITEMS_MAX + 1, 0xc0)])
    many.writeUInt32BE(ITEMS_MAX + 1, 1)
    expect(told(() => (mustBePlain(many), 'plain'))).toBe(`more than ${ITEMS_MAX} items and keys`)
    expect(itemsIn(many)).toBe(ITEMS_MAX + 1)
    expect(itemsIn(packr.pack({ a: [1, 2], b: { c: null } }))).toBe(5)
    expect(itemsIn(packr.pack('text'))).toBe(0)
  })
})

describe('a piece', () => {
  const list = 'something else stands where a list should'
  const text = 'something else stands where a text should'
  const count = 'something else stands where a count should'
  const number = 'something else stands where a number should'

  test.each<[bytes: string, found: number | string]>([
    ['90', 0],
    ['92 00 00', 2],
    ['9f' + '00'.repeat(15), 15],
    ['dc 0001 00', 1],
    ['dd 00000001 00', 1],
    ['92 00', 'more items than there are bytes'],
    ['8f', list],
    ['a0', list],
    ['db 00000000', list],
    ['de 0000', list],
    ['c0', list],
    ['', early],
  ])('that is a list: %s says %s', (bytes, found) => {
    expect(told(() => reader(bytes).list())).toBe(found)
  })

  test.each<[bytes: string, found: string]>([
    ['a0', ''],
    ['a2 c3a9', 'é'],
    ['bf' + '61'.repeat(31), 'a'.repeat(31)],
    ['d9 01 61', 'a'],
    ['da 0001 61', 'a'],
    ['db 00000001 61', 'a'],
    ['a2 61', early],
    ['9f', text],
    ['c0', text],
    ['d8', text],
    ['dc 0000', text],
    ['c4 01 61', text],
  ])('that is a text: %s says %j', (bytes, found) => {
    expect(told(() => reader(bytes).text())).toBe(found)
    const after = reader(`${bytes} 01`)
    if (told(() => after.text()) === found && ![early, text].includes(found)) expect(after.number()).toBe(1)
  })

  test.each<[bytes: string, value: number | string, asCount: number | string]>([
    ['00', 0, 0],
    ['7f', 127, 127],
    ['ff', -1, count],
    ['e0', -32, count],
    ['cc ff', 255, 255],
    ['cd 0100', 256, 256],
    ['ce 80000000', 2 ** 31, 2 ** 31],
    ['cf 0000000100000005', 2 ** 32 + 5, 2 ** 32 + 5],
    ['cf 001fffffffffffff', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['cf 0020000000000000', 2 ** 53, count],
    ['d0 80', -128, count],
    ['d0 05', 5, 5],
    ['d1 8000', -32768, count],
    ['d1 0100', 256, 256],
    ['d2 80000000', -(2 ** 31), count],
    ['d2 00000100', 256, 256],
    ['d3 ffffffffffffffff', -1, count],
    ['d3 0000000100000000', 2 ** 32, 2 ** 32],
    ['ca 3fc00000', 1.5, count],
    ['ca 40000000', 2, 2],
    ['cb 3ff8000000000000', 1.5, count],
    ['cb 4000000000000000', 2, 2],
    ['80', number, number],
    ['df', number, number],
    ['c0', number, number],
    ['a0', number, number],
    ['c9', number, number],
    ['d4', number, number],
    ['cd 01', early, early],
    ['cb 3ff80000000000', early, early],
    ['', early, early],
  ])('that is a number: %s is %s, as a count %s', (bytes, value, asCount) => {
    expect(told(() => reader(bytes).number())).toBe(value)
    expect(told(() => reader(bytes).count())).toBe(asCount)
  })

  test('may be nothing, which is passed over only where it stands', () => {
    const nothing = reader('c0 01')
    expect([nothing.nil(), nothing.nil(), nothing.number(), nothing.nil()]).toEqual([true, false, 1, false])
    const texts = reader('c0 a1 61 01')
    expect([texts.optionalText(), texts.optionalText()]).toEqual([undefined, 'a'])
    expect(told(() => texts.optionalText())).toBe(text)
    // What stands behind the end is none of it.
    const ended = new PlainReader(hex('01 c0'), 0, 1)
    expect([ended.number(), ended.nil()]).toEqual([1, false])
    expect(told(() => (ended.end(), 'ended'))).toBe('ended')
    expect(told(() => (reader('01').end(), 'ended'))).toBe('bytes are left behind a value')
  })

  test('is passed over whole, and what follows is read', () => {
    for (const value of [1, 'text', null, [1, [2, { a: [3] }]], { a: { b: [] }, c: {} }, Buffer.alloc(300), 1.5]) {
      const bytes = Buffer.concat([packr.pack(value), Buffer.of(7)])
      const passed = new PlainReader(bytes, 0, bytes.length)
      passed.pass()
      expect(passed.number()).toBe(7)
      passed.end()
    }
  })
})

test('a count is a whole number from 0 on that is exact', () => {
  expect([0, 1, Number.MAX_SAFE_INTEGER].every(isCount)).toBe(true)
  expect([-1, 0.5, 2 ** 53, Number.NaN, '1', null, undefined, 1n].some(isCount)).toBe(false)
})
