/** Small parts that others stand on: numbers in few bytes, words that come again, what was asked for last, and text files. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/storage/files.js'
import { fingerprint } from '../../src/storage/fingerprint.js'
import { Paths } from '../../src/storage/paths.js'
import { warningsOf } from '../../src/storage/place.js'
import { Recent } from '../../src/storage/recent.js'
import { TextFiles } from '../../src/storage/text-files.js'
import { readVarint, VarintWriter } from '../../src/storage/varint.js'
import { word } from '../../src/storage/words.js'
import { MemoryFiles, type Call } from './support/memory-files.js'

function failing(files: MemoryFiles, which: Call): void {
  files.fault = (call) => {
    if (call === which) throw Object.assign(new Error('EIO'), { code: 'EIO' })
    return undefined
  }
}

describe('a whole number in as few bytes as it needs', () => {
  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2 ** 31, '8080808008'],
    [2 ** 32 + 5, '8580808010'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ])('%d is %s, there and back', (value, hex) => {
    const writer = new VarintWriter()
    writer.put(value)
    const bytes = writer.take()
    expect(bytes.toString('hex')).toBe(hex)
    const reader = { bytes, at: 0 }
    expect(readVarint(reader)).toBe(value)
    expect(reader.at).toBe(bytes.length)
  })

  test('that ends early is none', () => {
    for (const hex of ['', '80', 'ffff']) expect(() => readVarint({ bytes: Buffer.from(hex, 'hex'), at: 0 })).toThrow('a number ends early')
  })

  test('stands beside others, and beside bytes, however many there are', () => {
    const writer = new VarintWriter()
    const blocks = [0, 1, 100, 255, 256, 300, 5000].map((length) => Buffer.alloc(length, length))
    for (const block of blocks) writer.putBytes(block)
    for (let i = 0; i < 1000; i++) writer.put(i)
    const bytes = writer.take()
    const reader = { bytes, at: 0 }
    for (const block of blocks) {
      expect(readVarint(reader)).toBe(block.length)
      expect(bytes.subarray(reader.at, (reader.at += block.length))).toEqual(block)
    }
    for (let i = 0; i < 1000; i++) expect(readVarint(reader)).toBe(i)
    expect(reader.at).toBe(bytes.length)
    // What was taken is not written over by what is put next.
    writer.put(5)
    expect([writer.take().length, bytes[0]]).toEqual([1, 0])
  })
})

describe('a word', () => {
  test('is the text that its bytes hold, whether it is known, alike, long, or no ASCII', () => {
    const texts = ['', 'a', 'turn.started', 'turn.startee', 'né', 'nÃ©', 'x'.repeat(64), 'x'.repeat(65), '\u{1f600}', 'Ã', 'é']
    // Thousands more, so that many share a place.
    for (let i = 0; i < 5000; i++) texts.push(`type.${i}`)
    for (let round = 0; round < 2; round++) {
      for (const text of texts) {
        const bytes = Buffer.from(`<${text}>`)
        expect(word(bytes, 1, bytes.length - 1)).toBe(text)
      }
    }
  })

  test('of bytes that are no UTF-8 is what Node makes of them', () => {
    for (const hex of ['ff', 'c3', 'c328', 'e9']) {
      const bytes = Buffer.from(hex, 'hex')
      for (let round = 0; round < 2; round++) expect(word(bytes, 0, bytes.length)).toBe(bytes.toString('utf8'))
    }
  })
})

describe('what was asked for last', () => {
  test('is kept, and what was not asked for the longest goes first', () => {
    const recent = new Recent<string, number>(3)
    for (const [i, key] of ['a', 'b', 'c'].entries()) recent.set(key, i)
    expect([recent.get('a'), recent.get('nothing')]).toEqual([0, undefined])
    recent.set('d', 3)
    expect(['a', 'b', 'c', 'd'].map((key) => recent.get(key))).toEqual([0, undefined, 2, 3])
    // What is set again is as if it had been asked for, and takes no more room.
    recent.set('a', 10)
    recent.set('e', 4)
    expect(['a', 'c', 'd', 'e'].map((key) => recent.get(key))).toEqual([10, undefined, 3, 4])
  })

  test('is forgotten where it is meant', () => {
    const recent = new Recent<string, number>(3)
    for (const [i, key] of ['a', 'b', 'ab'].entries()) recent.set(key, i)
    recent.forget((key) => key.includes('a'))
    expect(['a', 'b', 'ab'].map((key) => recent.get(key))).toEqual([undefined, 1, undefined])
  })
})

describe('text files', () => {
  const clock: Clock = { now: () => 0, random: (bytes) => new Uint8Array(bytes).fill(7) }

  test('are read by their ending, in order, and added under names that are free', async () => {
    const files = new MemoryFiles()
    const texts = new TextFiles('/some/place', files, clock)
    expect(await texts.read('.json')).toEqual(new Map())
    await texts.add('b.json', 'é')
    await texts.add('a.json', '')
    await texts.add('a.txt', 'other')
    expect([...(await texts.read('.json'))]).toEqual([
      ['a.json', ''],
      ['b.json', 'é'],
    ])
    const taken = { code: 'JOURNAL_IO', details: { path: '/some/place/a.json', errno: 'EEXIST' } }
    await expect(texts.add('a.json', 'more')).rejects.toMatchObject(taken)
    expect((await texts.read('.json')).get('a.json')).toBe('')
    expect(files.opened).toBe(0)
  })

  test('on a disk that fails are told of by name', async () => {
    const files = new MemoryFiles()
    const texts = new TextFiles('/place', files, clock)
    await texts.add('a.json', '{}')
    for (const [call, message] of [
      ['readdir', 'Reading the directory /place: EIO'],
      ['open', 'Reading /place/a.json: EIO'],
      ['read', 'Reading /place/a.json: EIO'],
    ] as const) {
      failing(files, call)
      await expect(texts.read('.json')).rejects.toMatchObject({ code: 'JOURNAL_IO', message })
    }
    expect(files.opened).toBe(0)
  })
})

describe('a journal’s fingerprint', () => {
  const paths = new Paths('/j')
  const first = '00000001-000000000001.seg'
  const second = '00000002-000000000009.seg'

  async function journal(content: Record<string, string>): Promise<MemoryFiles> {
    const files = new MemoryFiles()
    for (const path of ['/j', '/j/journal', '/j/derived']) await files.mkdir(path)
    for (const [path, text] of Object.entries(content)) files.inodes.set(`/j/${path}`, { bytes: Buffer.from(text), lock: undefined })
    return files
  }

  const whole = { head: 'h', [`journal/${second}`]: '2', [`journal/${first}`]: '1' }
  const of = async (content: Record<string, string>): Promise<string> => fingerprint(await journal(content), paths)

  test('is made of the head file and every segment, by name, in order', async () => {
    const sum = (text: string): string => createHash('sha256').update(text).digest('hex')
    const text = `head ${sum('h')}\n${first} ${sum('1')}\n${second} ${sum('2')}\n`
    expect(await of(whole)).toBe(sum(text))
    expect(await of({})).toBe(sum(''))
  })

  test('is another once any of them is, and says nothing of what is derived', async () => {
    const same = await of(whole)
    const others = { 'journal/00000001-000000000001.idx': 'i', 'derived/CURRENT': 'c', FORMAT: 'f', 'journal/notes.txt': 'n' }
    expect(await of({ ...whole, ...others })).toBe(same)
    const changed = [
      { ...whole, head: 'H' },
      { [`journal/${second}`]: '2', [`journal/${first}`]: '1' },
      { ...whole, [`journal/${first}`]: '' },
      { ...whole, [`journal/${first}`]: '2', [`journal/${second}`]: '1' },
      { head: 'h', [`journal/${first}`]: '1' },
    ]
    const sums = new Set([same, ...(await Promise.all(changed.map(of)))])
    expect(sums.size).toBe(changed.length + 1)
  })

  test('that cannot be taken is told of', async () => {
    const files = await journal(whole)
    failing(files, 'read')
    await expect(fingerprint(files, paths)).rejects.toMatchObject({ code: 'JOURNAL_IO', message: 'Reading /j/head: EIO' })
    expect(files.opened).toBe(0)
  })
})

test.each([
  [0x6969, 'NFS: locks and syncs there are only as good as the server and the mount'],
  [0x01021997, '9p: locks'],
  [0x517b, 'SMB: locks'],
  [0xff534d42, 'CIFS: locks'],
  [0xfe534d42, 'SMB2: locks'],
  [0x65735546, 'FUSE: whether a sync there reaches a disk is up to the program behind it'],
  [0x01021994, 'tmpfs: nothing there outlives the machine'],
  [0x858458f6, 'ramfs: nothing'],
  [0xef53, undefined],
])('a place of type %i is warned of: %s', (type, warning) => {
  const files = new MemoryFiles()
  files.fileSystem = () => type
  const warnings = warningsOf(files, '/j')
  expect(warnings).toHaveLength(warning === undefined ? 0 : 1)
  if (warning !== undefined) expect(warnings[0]).toContain(`/j lies on ${warning}`)
})
