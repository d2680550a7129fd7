/** LevelDB is opened only where its files are as it left them, or as it left them before. */
import { createCipheriv } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { filesOver, handleOver } from '../../src/storage/delegate.js'
import { sealOf } from '../../src/storage/derived-seal.js'
import type { DerivedStore } from '../../src/storage/derived-store.js'
import type { Files } from '../../src/storage/files.js'
import { doubtIn, levelStores } from '../../src/storage/level-store.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { systemClock } from '../../src/storage/system-clock.js'
import { copyTo } from '../support/journal.js'
import { temporary } from './support/journal.js'

const stores = levelStores(nodeFiles, systemClock)
const text = (from: string): Uint8Array => Buffer.from(from)

async function filled(directory: string): Promise<DerivedStore> {
  const store = await stores.open(directory)
  for (let i = 0; i < 50; i++) await store.batch([[{ type: 'put', key: text(`k${i}`), value: text(`v${i}`.repeat(20)) }]])
  return store
}

/** That the store opens, or why not. */
async function howItOpens(directory: string): Promise<string> {
  try {
    await (await stores.open(directory)).close(true)
    return 'opens'
  } catch (error) {
    return (error as Error).message
  }
}

describe('a derived store', () => {
  test('gives a range as of the call, whatever is written before the first entry is asked for', async () => {
    const store = await stores.open(join(temporary(), 'derived'))
    await store.batch([[{ type: 'put', key: text('a'), value: text('old') }]])
    const range = store.range({ from: text('a'), to: text('z') })
    await store.batch([
      [
        { type: 'put', key: text('a'), value: text('new') },
        { type: 'put', key: text('b'), value: text('new') },
      ],
    ])
    const found: string[] = []
    for await (const [key, value] of range) found.push(`${Buffer.from(key).toString()} ${Buffer.from(value).toString()}`)
    expect(found).toEqual(['a old'])
    await store.close(true)
  })

  test('answers at once where few keys are asked for, and what it answers otherwise', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(0)
    const store = await filled(join(temporary(), 'derived'))
    const keys = Array.from({ length: 65 }, (_, i) => text(`k${i}`))
    expect(store.getAtOnce(keys)).toBe(undefined)
    const few = keys.slice(20, 60)
    expect(store.getAtOnce(few)).toEqual(await store.getMany(few))
    expect(store.getAtOnce(few)?.filter((value) => value !== undefined)).toHaveLength(30)
    const rested = store.rest(0)
    expect(store.getAtOnce(few)).toBe(undefined)
    await rested
    expect(store.getAtOnce(few)).toEqual(await store.getMany(few))
    await store.close(true)
    expect(() => store.getAtOnce(few)).toThrow(expect.objectContaining({ code: 'JOURNAL_IO' }))
  })

  test('rests once so many bytes of keys and values were written since it last did, and nobody reads a range', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(0)
    const store = await stores.open(join(temporary(), 'derived'))
    /** Whoever asks while it rests has to wait. */
    const rests = async (least: number): Promise<boolean> => {
      const done = store.rest(least)
      const waits = store.getAtOnce([text('k')]) === undefined
      await done
      return waits
    }
    await store.batch([[{ type: 'put', key: text('k'), value: new Uint8Array(99) }]])
    expect([await rests(101), await rests(100), await rests(1)]).toEqual([false, true, false])
    await store.batch([[{ type: 'del', key: text('k') }], [{ type: 'put', key: text('kk'), value: new Uint8Array(2) }]])
    const range = store.range({ from: text('a'), to: text('z') })
    expect(await rests(5)).toBe(false)
    for await (const [key] of range) expect(Buffer.from(key).toString()).toBe('kk')
    expect([await rests(6), await rests(5)]).toEqual([false, true])
    await store.close(true)
  })

  test('lets others wait for what its disk takes long to give', async () => {
    let now = 0
    let takes = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += takes))
    const store = await stores.open(join(temporary(), 'derived'))
    await store.batch([[{ type: 'put', key: text('a'), value: text('one') }]])
    const keys = [text('a'), text('b'), text('c')]
    expect(store.getAtOnce(keys)).toEqual([text('one'), undefined, undefined])
    takes = 2
    expect(store.getAtOnce(keys)).toBe(undefined)
    expect(store.getAtOnce(keys.slice(0, 1))).toEqual([text('one')])
    await store.close(true)
  })

  test('that was closed soundly opens, and only once for each close', async () => {
    const directory = join(temporary(), 'derived')
    await (await filled(directory)).close(true)
    expect(await howItOpens(directory)).toBe('opens')
    const store = await stores.open(directory)
    await store.batch([[{ type: 'put', key: text('k0'), value: text('later') }]])
    const copy = join(temporary(), 'derived')
    copyTo(directory, copy)
    rmSync(join(copy, 'base'))
    expect(await howItOpens(copy)).toContain('nothing vouches for its files')
    await store.close(true)
  })

  test('with a bit turned over, a byte less, a file less or a file more is not opened', async () => {
    const directory = join(temporary(), 'derived')
    await (await filled(directory)).close(true)
    const data = readdirSync(directory).filter((name) => /^(\d+\.|MANIFEST|CURRENT)/.test(name))
    expect(data.length).toBeGreaterThan(2)
    for (const name of [...data, 'closed']) {
      const bytes = readFileSync(join(directory, name))
      const changes = [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])]
      if (bytes.length === 0) changes.shift()
      for (let bit = 0; bit < bytes.length * 8; bit += 97) {
        const flipped = Buffer.from(bytes)
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        changes.push(flipped)
      }
      for (const changed of changes) {
        const copy = join(temporary(), 'derived')
        copyTo(directory, copy)
        writeFileSync(join(copy, name), changed)
        expect(await howItOpens(copy)).toContain('are not as they were left')
      }
    }
    const more = join(temporary(), 'derived')
    copyTo(directory, more)
    writeFileSync(join(more, '999999.log'), '')
    expect(await howItOpens(more)).toContain('are not as they were left')
  })

  test('is opened, rests, is closed and is looked over without its lock being opened: closing that would give the lock back', async () => {
    const opened = new Set<string>()
    const files = filesOver(nodeFiles, {
      open: (path, flag) => {
        opened.add(basename(path))
        return nodeFiles.open(path, flag)
      },
    })
    const directory = join(temporary(), 'derived')
    const watched = levelStores(files, systemClock)
    for (let life = 0; life < 2; life++) {
      const store = await watched.open(directory)
      await store.batch([[{ type: 'put', key: text('k'), value: text(`v${life}`) }]])
      await store.rest(0)
      await store.close(true)
    }
    expect(await doubtIn(files, directory)).toBeUndefined()
    expect(existsSync(join(directory, 'LOCK'))).toBe(true)
    expect([...opened].filter((name) => name.includes('MANIFEST')).length).toBeGreaterThan(0)
    expect([...opened].filter((name) => name.includes('LOCK'))).toEqual([])
  })

  test('that was left open before it ever rested is not opened, nor one that was left open twice in a row', async () => {
    const directory = join(temporary(), 'derived')
    await (await filled(directory)).close(false)
    expect(await howItOpens(directory)).toContain('nothing vouches for its files')
    await stores.destroy(directory)
    await (await filled(directory)).close(true)
    await (await stores.open(directory)).close(false)
    await (await stores.open(directory)).close(false)
    expect(await howItOpens(directory)).toContain('was left open 2 times in a row')
  })

  describe('whose process has died', () => {
    /** What is left of a store that was closed once, then written to and, if asked, rested. */
    async function left(...rests: boolean[]): Promise<string> {
      const directory = join(temporary(), 'derived')
      await (await filled(directory)).close(true)
      const store = await stores.open(directory)
      for (const [i, rests_] of rests.entries()) {
        await store.batch([[{ type: 'put', key: text('k0'), value: text(`later-${i}`) }]])
        if (rests_) await store.rest(0)
      }
      const image = join(temporary(), 'derived')
      copyTo(directory, image)
      await store.close(false)
      return image
    }

    const valueIn = async (directory: string): Promise<string> => {
      const store = await stores.open(directory)
      const value = await store.get(text('k0'))
      await store.close(false)
      return Buffer.from(value ?? []).toString()
    }

    test('is as it was at its last close, or at its last rest', async () => {
      expect(await valueIn(await left(false))).toBe('v0'.repeat(20))
      expect(await valueIn(await left(true, false))).toBe('later-0')
      expect(await valueIn(await left(true, true, false))).toBe('later-1')
    })

    test('is not opened where what it was is not whole', async () => {
      const image = await left(true, false)
      for (const name of readdirSync(image).filter((one) => one.startsWith('base'))) {
        const bytes = readFileSync(join(image, name))
        if (bytes.length === 0) continue
        bytes[bytes.length >> 1]! ^= 1
        const copy = join(temporary(), 'derived')
        copyTo(image, copy)
        writeFileSync(join(copy, name), bytes)
        expect(await howItOpens(copy), name).toContain('nothing vouches for its files')
      }
    })

    test('once is not counted any more after a rest', async () => {
      const directory = await left(false)
      const store = await stores.open(directory)
      expect(existsSync(join(directory, 'unclean-2'))).toBe(true)
      await store.rest(0)
      await store.close(false)
      expect(await howItOpens(directory)).toBe('opens')
    })
  })

  test('that cannot even be looked at says so as an error of ours', async () => {
    const failing = filesOver(nodeFiles, {
      stat: () => {
        throw Object.assign(new Error('made to fail'), { code: 'EIO' })
      },
    })
    await expect(levelStores(failing, systemClock).exists(join(temporary(), 'derived'))).rejects.toMatchObject({ code: 'JOURNAL_IO' })
  })

  test('in whose opening a process ended is not opened', async () => {
    const directory = join(temporary(), 'derived')
    await (await filled(directory)).close(true)
    const image = join(temporary(), 'derived')
    await stores.open(directory, async () => copyTo(directory, image)).then((store) => store.close(true))
    expect(existsSync(join(image, 'opening'))).toBe(true)
    expect(await howItOpens(image)).toContain('a process ended while it opened')
  })

  test('that is in doubt rejects, and is not opened again', async () => {
    const directory = join(temporary(), 'derived')
    await (await filled(directory)).close(true)
    const doubt = new Error('in doubt')
    await expect(stores.open(directory, () => Promise.reject(doubt))).rejects.toBe(doubt)
    expect(await howItOpens(directory)).toContain('a process ended while it opened')
  })

  describe('of many megabytes', () => {
    const SAMPLE_BYTES = 4 << 20
    const VALUE_BYTES = 64 << 10
    const tables = (directory: string): string[] => readdirSync(directory).filter((name) => /^\d+\.ldb$/.test(name))
    const bytesOf = (directory: string, names: readonly string[]): number =>
      names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

    /** The file port, which counts what is read of each table; `stamp` is told instead of the true ones. */
    function watched(stamp?: string): { files: Files; read: Map<string, number> } {
      const read = new Map<string, number>()
      const files = filesOver(nodeFiles, {
        async open(path, flag) {
          const file = await nodeFiles.open(path, flag)
          if (!/\d+\.ldb$/.test(path)) return file
          return handleOver(file, {
            async read(into, offset) {
              const got = await file.read(into, offset)
              read.set(basename(path), (read.get(basename(path)) ?? 0) + got)
              return got
            },
          })
        },
        stat(path) {
          const found = nodeFiles.stat(path)
          return found === undefined || stamp === undefined ? found : { ...found, stamp }
        },
      })
      return { files, read }
    }

    async function large(files: Files = nodeFiles): Promise<string> {
      const directory = join(temporary(), 'derived')
      const store = await levelStores(files, systemClock).open(directory)
      // Nothing that could be compressed.
      const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
      for (let i = 0; i < 576; i++)
        await store.batch([[{ type: 'put', key: text(`k${i}`), value: noise.update(Buffer.alloc(VALUE_BYTES)) }]])
      await store.close(true)
      expect(bytesOf(directory, tables(directory))).toBeGreaterThan(SAMPLE_BYTES * 3)
      return directory
    }

    test('is opened and closed at the price of a sample of it', async () => {
      const directory = await large()
      const { files, read } = watched()
      const stamps = (): Map<string, string | undefined> =>
        new Map(tables(directory).map((name) => [name, nodeFiles.stat(join(directory, name))?.stamp]))
      const before = stamps()
      const store = await levelStores(files, systemClock).open(directory)
      const sampled = [...read.values()].reduce((sum, bytes) => sum + bytes)
      expect(sampled).toBeGreaterThanOrEqual(SAMPLE_BYTES)
      expect(sampled).toBeLessThan(SAMPLE_BYTES + Math.max(...tables(directory).map((name) => statSync(join(directory, name)).size)))
      read.clear()
      await store.batch([[{ type: 'put', key: text('one'), value: text('more') }]])
      await store.close(true)
      const after = stamps()
      expect([...before].filter(([name, stamp]) => after.get(name) === stamp).length).toBeGreaterThan(0)
      expect([...read.keys()].toSorted()).toEqual([...after].flatMap(([name, stamp]) => (before.get(name) === stamp ? [] : [name])))
      expect(await howItOpens(directory)).toBe('opens')
    })

    test('with a table that somebody touched is read there, whatever the sample', async () => {
      const directory = await large()
      for (const name of tables(directory)) {
        const bytes = readFileSync(join(directory, name))
        bytes[bytes.length >> 1]! ^= 1
        const copy = join(temporary(), 'derived')
        copyTo(directory, copy)
        writeFileSync(join(copy, name), bytes)
        expect(await howItOpens(copy)).toContain('are not as they were left')
      }
    })

    test('whose disk changed a table without a trace is found out when the sample comes to it', async () => {
      const { files } = watched('same')
      const directory = await large(files)
      const name = tables(directory).at(-2) as string
      const bytes = readFileSync(join(directory, name))
      bytes[bytes.length >> 1]! ^= 1
      writeFileSync(join(directory, name), bytes)
      const worth = new Set<string>()
      for (let first = 0; first < tables(directory).length; first++) {
        const clock = { ...systemClock, random: () => Buffer.of(first, 0, 0, 0) }
        worth.add((await sealOf(files, directory, clock)).worth)
      }
      expect([...worth].toSorted()).toEqual(['changed', 'whole'])
      expect((await sealOf(files, directory)).worth).toBe('changed')
    })
  })
})
