/** What vouches for a derived store: which files it names, what it finds of them, and what it does not read again. */
import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { fromBase, seal, sealOf, unseal } from '../../src/storage/derived-seal.js'
import type { Clock, Stat } from '../../src/storage/files.js'
import { MemoryFiles } from './support/memory-files.js'

const PLACE = '/derived'
const DATA = ['000003.ldb', '000004.sst', '000005.log', 'CURRENT', 'MANIFEST-000002']
const OTHERS = ['LOG', 'LOG.old', 'LOCK', 'unclean-1', '000003.ldb.bak', 'x000003.ldb', 'CURRENT.bak', 'MANIFEST-x', '000007.txt']

/** Files whose stamps change with what is written, and stay with a second name. */
class Stamped extends MemoryFiles {
  readonly #stamps = new Map<object, string>()
  #next = 1
  /** None where the file system tells none. */
  stampless = false

  override stat(path: string): Stat | undefined {
    const inode = this.inodes.get(path)
    if (inode === undefined || this.stampless) return super.stat(path)
    const stamp = this.#stamps.get(inode.bytes) ?? `${this.#next++}`
    this.#stamps.set(inode.bytes, stamp)
    return { kind: 'file', mine: true, stamp }
  }
}

let files: Stamped
let draw = 0
const clock: Clock = {
  now: () => 0,
  random: (bytes) => {
    const drawn = Buffer.alloc(bytes)
    drawn.writeUInt32LE(draw)
    return drawn
  },
}

const put = (name: string, content: string | Buffer): unknown =>
  files.inodes.set(`${PLACE}/${name}`, { bytes: Buffer.from(content), lock: undefined })
const names = (): string[] => files.names(PLACE)

/** Which files are read meanwhile. */
async function readBy<T>(work: () => Promise<T>): Promise<{ result: T; read: string[] }> {
  const read = new Set<string>()
  files.watched = (path) => void read.add(path.slice(PLACE.length + 1))
  const result = await work()
  files.watched = undefined
  return { result, read: [...read].toSorted() }
}

const worth = async (): Promise<string> => (await sealOf(files, PLACE)).worth

beforeEach(async () => {
  files = new Stamped()
  draw = 0
  await files.mkdir(PLACE)
  for (const name of [...DATA, ...OTHERS]) put(name, `content of ${name}`)
})

describe('a voucher', () => {
  test('names each file in which LevelDB keeps data with its length and checksum, and gives each a second name', async () => {
    const found = await seal(files, clock, PLACE, new Map())
    const content = (name: string): string => `content of ${name}`
    expect([...found].map(([name, { length, crc }]) => [name, length, crc])).toEqual(
      DATA.map((name) => [name, content(name).length, crc32(content(name))]),
    )
    expect(names()).toEqual([...DATA, ...OTHERS, 'closed', ...DATA.map((name) => `base-${name}`)].toSorted())
    expect(await sealOf(files, PLACE)).toEqual({ worth: 'whole', files: found })
    expect(files.opened).toBe(0)
  })

  test('that is not there vouches for nothing', async () => {
    expect(await sealOf(files, PLACE)).toEqual({ worth: 'none', files: new Map() })
  })

  test('of an empty store is whole until there is a file', async () => {
    for (const name of DATA) await files.unlink(`${PLACE}/${name}`)
    await seal(files, clock, PLACE, new Map())
    expect(await worth()).toBe('whole')
    put('000009.log', '')
    expect(await worth()).toBe('changed')
  })

  test('finds a file that is changed, longer, shorter, missing or new', async () => {
    const changes: Record<string, () => unknown> = {
      changed: () => put('000003.ldb', 'CONTENT of 000003.ldb'),
      longer: () => put('CURRENT', 'content of CURRENT\0'),
      shorter: () => put('000005.log', 'content of 000005.lo'),
      missing: () => files.inodes.delete(`${PLACE}/MANIFEST-000002`),
      new: () => put('000009.ldb', ''),
    }
    for (const [change, make] of Object.entries(changes)) {
      const before = new Map(files.inodes)
      await seal(files, clock, PLACE, new Map())
      expect(await worth()).toBe('whole')
      make()
      expect(await sealOf(files, PLACE), change).toEqual({ worth: 'changed', files: new Map() })
      files.inodes.clear()
      for (const [path, inode] of before) files.inodes.set(path, inode)
    }
  })

  test('does not look at what says nothing', async () => {
    await seal(files, clock, PLACE, new Map())
    for (const name of OTHERS) put(name, 'another content')
    put('LOG.more', '')
    expect(await worth()).toBe('whole')
  })

  test('is none where it is not as it was written', async () => {
    await seal(files, clock, PLACE, new Map())
    const whole = files.inodes.get(`${PLACE}/closed`)?.bytes as Buffer
    for (let at = 0; at < whole.length; at++) {
      const hurt = Buffer.from(whole)
      hurt[at]! ^= 1
      put('closed', hurt)
      expect(await worth(), `at ${at}`).toBe('changed')
    }
    for (let length = 0; length < whole.length; length++) {
      put('closed', whole.subarray(0, length))
      expect(await worth(), `of ${length}`).toBe('changed')
    }
    put('closed', Buffer.concat([whole, Buffer.from('\n')]))
    expect(await worth()).toBe('changed')
    put('closed', whole)
    expect(await worth()).toBe('whole')
  })

  test('takes over what it knows of tables that nobody touched, and reads all else again', async () => {
    const known = await seal(files, clock, PLACE, new Map())
    const sealAgain = async (): Promise<typeof known> => {
      files.inodes.delete(`${PLACE}/closed`)
      return seal(files, clock, PLACE, known)
    }
    const again = await readBy(sealAgain)
    expect(again.read).toEqual(['000005.log', 'CURRENT', 'MANIFEST-000002'])
    expect(again.result).toEqual(known)
    put('000003.ldb', 'content of 000003.LDB')
    const { result, read } = await readBy(sealAgain)
    expect(read).toEqual(['000003.ldb', '000005.log', 'CURRENT', 'MANIFEST-000002'])
    expect(result.get('000003.ldb')?.crc).toBe(crc32('content of 000003.LDB'))
  })

  test('keeps the last base until it vouches for the next', async () => {
    await seal(files, clock, PLACE, new Map())
    put('CURRENT', 'another')
    const base = (): string | undefined => files.inodes.get(`${PLACE}/base-CURRENT`)?.bytes.toString()
    let before: string | undefined
    files.fault = (call, path) => void (call === 'link' && path.endsWith('/closed') && (before = base()))
    files.inodes.delete(`${PLACE}/closed`)
    await seal(files, clock, PLACE, new Map())
    expect([before, base()]).toEqual(['content of CURRENT', 'another'])
  })
})

describe('a store that was opened', () => {
  test('is vouched for as it was, under its second names, whatever is written then', async () => {
    const known = await seal(files, clock, PLACE, new Map())
    await unseal(files, PLACE)
    expect(names()).not.toContain('closed')
    expect(await worth()).toBe('none')
    put('CURRENT', 'another')
    put('000009.log', 'more')
    files.inodes.delete(`${PLACE}/000003.ldb`)
    expect(await fromBase(files, PLACE, clock)).toEqual(known)
    expect(names().filter((name) => !name.startsWith('base') && !OTHERS.includes(name))).toEqual(DATA)
    expect(files.inodes.get(`${PLACE}/CURRENT`)?.bytes.toString()).toBe('content of CURRENT')
  })

  test('keeps no second name for what is no part of it any more', async () => {
    await seal(files, clock, PLACE, new Map())
    put('base-000001.ldb', 'old')
    put('bases', 'no second name')
    put('a-base-000001.ldb', 'no second name')
    files.inodes.delete(`${PLACE}/closed`)
    await unseal(files, PLACE)
    expect(names()).toContain('base-000001.ldb')
    await seal(files, clock, PLACE, new Map())
    const synced: string[] = []
    files.fault = (call, path) => void (call === 'syncDir' && synced.push(path))
    await unseal(files, PLACE)
    expect(synced).toEqual([PLACE])
    expect(
      names()
        .filter((name) => name.startsWith('base'))
        .toSorted(),
    ).toEqual(['base', 'bases', ...DATA.map((name) => `base-${name}`)].toSorted())
  })

  test('keeps no base where nothing says what it was', async () => {
    await seal(files, clock, PLACE, new Map())
    put('closed', 'nothing')
    await unseal(files, PLACE)
    expect(names().filter((name) => name.startsWith('base'))).toEqual(['base'])
    expect(await fromBase(files, PLACE, clock)).toBeUndefined()
  })

  test('does not come back from a base that is not whole', async () => {
    const hurt: Record<string, () => unknown> = {
      'a file is changed': () => put('base-CURRENT', 'another'),
      'a file is missing': () => files.inodes.delete(`${PLACE}/base-CURRENT`),
      'a table is missing': () => files.inodes.delete(`${PLACE}/base-000003.ldb`),
      'nothing vouches for it': () => files.inodes.delete(`${PLACE}/base`),
    }
    for (const [what, make] of Object.entries(hurt)) {
      files.inodes.delete(`${PLACE}/closed`)
      await seal(files, clock, PLACE, new Map())
      await unseal(files, PLACE)
      make()
      const before = names()
      expect(await fromBase(files, PLACE, clock), what).toBeUndefined()
      expect(names()).toEqual(before)
      for (const name of DATA) await files.unlink(`${PLACE}/base-${name}`).catch(() => {})
    }
  })
})

describe('of a store of many megabytes', () => {
  const TABLES = Array.from({ length: 6 }, (_, i) => `10000${i}.ldb`)
  const rest = ['000003.ldb', '000004.sst']

  beforeEach(() => {
    for (const [i, name] of TABLES.entries()) put(name, Buffer.alloc(2 << 20, i))
  })

  const tablesReadBy = async (): Promise<string[]> => {
    const { result, read } = await readBy(() => sealOf(files, PLACE, clock))
    expect(result.worth).toBe('whole')
    expect(read).toEqual(expect.arrayContaining(['000005.log', 'CURRENT', 'MANIFEST-000002', 'closed']))
    return read.filter((name) => /\.(ldb|sst)$/.test(name))
  }

  test('a sample of the tables that nobody touched is read, another one each time, going round', async () => {
    await seal(files, clock, PLACE, new Map())
    const sample = async (drawn: number): Promise<string[]> => {
      draw = drawn
      return tablesReadBy()
    }
    expect(await sample(2)).toEqual(TABLES.slice(0, 2))
    expect(await sample(3)).toEqual(TABLES.slice(1, 3))
    expect(await sample(7)).toEqual([...rest, ...TABLES.filter((_, i) => i === 0 || i === 5)])
    expect(await sample(8)).toEqual([...rest, ...TABLES.slice(0, 2)])
    expect(await sample(10)).toEqual(TABLES.slice(0, 2))
  })

  test('all is read where no sample is asked for, where somebody touched it, and where nothing tells who did', async () => {
    await seal(files, clock, PLACE, new Map())
    const all = [...rest, ...TABLES]
    const { read } = await readBy(() => sealOf(files, PLACE))
    expect(read.filter((name) => /\.(ldb|sst)$/.test(name))).toEqual(all)
    draw = 2
    put(TABLES[5] as string, Buffer.alloc(2 << 20, 5))
    expect(await tablesReadBy()).toEqual([...TABLES.slice(0, 2), TABLES[5]])
    files.stampless = true
    files.inodes.delete(`${PLACE}/closed`)
    await seal(files, clock, PLACE, new Map())
    expect(await tablesReadBy()).toEqual(all)
  })
})
