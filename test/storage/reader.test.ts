/** Readers: beside a writer, in other processes, and where there is no writer; they change nothing. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { programPath } from '../support/compiled.js'
import type { CommitGroup } from '../../src/storage/commit-store.js'
import { filesOver, handleOver } from '../../src/storage/delegate.js'
import type { FileHandle } from '../../src/storage/files.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { failure } from '../support/disk/failure.js'
import {
  Appending,
  contents,
  copyOf,
  event,
  hashOf,
  list,
  listed,
  numbers,
  openStore,
  segmentsIn,
  type Store,
  temporary,
} from './support/journal.js'
import { frameAt, namesOf } from './support/damage.js'
import { MemoryFiles } from './support/memory-files.js'

const child = (): string => programPath('test/storage/support/write-process.ts')

/** Runs a writer in a process of its own; resolves with its last position and digest. */
async function write(directory: string, count: number, segmentBytes: number): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [child(), directory, String(count), String(segmentBytes)])
  return stdout.trim()
}

async function until(met: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + 20_000; !(await met()); await setTimeout(10))
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`)
}

describe('a reader beside a writer', () => {
  test('in another process sees every group once, in order, across segments', { timeout: 60_000 }, async () => {
    const directory = temporary()
    await (await openStore(directory)).close()
    const store = await openStore(directory, { readOnly: true })
    const groups: CommitGroup[] = []
    const failures: unknown[] = []
    store.subscribe({ written: (group) => groups.push(group), failed: (error) => failures.push(error) })
    const wrote = await write(directory, 2000, 20_000)
    await until(() => store.head.position >= 2000 || failures.length > 0, 'the reader has seen all')
    expect(failures).toEqual([])
    expect(segmentsIn(directory).length).toBeGreaterThan(5)
    expect(numbers(groups.flatMap(({ commits }) => commits))).toEqual(Array.from({ length: 2000 }, (_, n) => n))
    expect(`${store.head.position} ${store.head.digest}`).toBe(wrote)
    expect(numbers((await contents(store)).commits)).toHaveLength(2000)
    expect(await store.stream('s1')).toMatchObject({ version: 667 })
    expect((await store.findCommit('c3'))?.commit.position).toBe(4)
    expect(await store.findCommit('c2000')).toBeUndefined()
    expect(await listed(store.readStream('s2', { after: 600 }))).toHaveLength(66)
    expect((await store.verify()).ok).toBe(true)
    await store.close()
  })

  test('uses the writer’s indexes of what it followed, and holds none of its own but of the newest', async () => {
    const directory = temporary()
    const writing = await openStore(directory, { segmentBytes: 4096 })
    const writer = new Appending(writing)
    const opened = new Set<string>()
    const files = filesOver(nodeFiles, {
      open: (path, flag) => {
        opened.add(basename(path))
        return nodeFiles.open(path, flag)
      },
    })
    const reader = await openStore(directory, { readOnly: true, files })
    for (let n = 0; n < 400; n++) await writer.now(`s${n % 3}`, [event(n)])
    await writer.now('last', [event(400)])
    await until(() => reader.head.position === 401, 'the reader has seen all')
    const sealed = segmentsIn(directory).slice(0, -2)
    expect(sealed.length).toBeGreaterThan(5)
    const isTaken = (segment: string): boolean => opened.has(basename(segment).replace(/seg$/, 'idx'))
    await until(() => sealed.every(isTaken), 'the reader has taken the indexes of what is sealed')
    expect(numbers((await listed(reader.readStream('s1'))) as never)).toHaveLength(133)
    await reader.close()
    await writing.close()
  })

  test('does not look back at segments that it has read when the next one begins', async () => {
    const directory = temporary()
    const writing = await openStore(directory, { segmentBytes: 4096 })
    const writer = new Appending(writing)
    for (let n = 0; n < 100; n++) await writer.now('s', [event(n)])
    const old = segmentsIn(directory).slice(0, -1)
    expect(old.length).toBeGreaterThan(2)
    let following = false
    const files = filesOver(nodeFiles, {
      open: async (path, flag) => {
        const file = await nodeFiles.open(path, flag)
        const read: FileHandle['read'] = (bytes, offset) => {
          if (following && old.includes(path)) throw failure('EIO', path)
          return file.read(bytes, offset)
        }
        return handleOver(file, { read })
      },
    })
    const reader = await openStore(directory, { readOnly: true, files })
    const failures: unknown[] = []
    reader.subscribe({ failed: (error) => failures.push(error) })
    following = true
    for (let n = 100; n < 200; n++) await writer.now('s', [event(n)])
    await until(() => reader.head.position === 200 || failures.length > 0, 'the reader has seen all')
    expect(failures).toEqual([])
    await reader.close()
    await writing.close()
  })

  test('shows what is durable, tells that a writer lives, and hears of what comes', async () => {
    const directory = temporary()
    const writing = await openStore(directory)
    const writer = new Appending(writing)
    await writer.now('s', [event(1)])
    const reader = await openStore(directory, { readOnly: true })
    expect(reader.recovery).toMatchObject({ liveWriter: true, unproven: 0, damage: [] })
    expect(numbers((await contents(reader)).commits)).toEqual([1])
    const seen: string[] = []
    reader.subscribe({
      written: ({ head }) => seen.push(`written ${head.position}`),
      synced: ({ position }) => seen.push(`synced ${position}`),
    })
    await writer.now('s', [event(2)])
    await until(() => reader.head.position === 2, 'the reader has seen the second event')
    expect(seen).toEqual(['written 2', 'synced 2'])
    expect(() => reader.append({ stream: 's', version: 3, at: 1, events: [event(3)] }, { events: 3, sum: 6 }, [], 'disk')).toThrow(
      expect.objectContaining({ code: 'JOURNAL_READ_ONLY' }),
    )
    await reader.close()
    await writing.close()
  })

  test('is told where the segment that is written is gone', async () => {
    const files = new MemoryFiles()
    const writing = await openStore('/journal', { files, segmentBytes: 700 })
    const writer = new Appending(writing)
    for (let n = 0; n < 12; n++) await writer.append('s', [event(n)])
    const gone = namesOf(files, '.seg').at(-1) as string
    const { inodes } = files.copy()
    files.inodes.delete(gone)
    const reader = await openStore('/journal', { files, readOnly: true })
    expect(reader.recovery).toMatchObject({ liveWriter: true, damage: [{ reason: 'the head file knows segment 3 and position 12' }] })
    expect((await reader.verify()).ok).toBe(false)
    expect((await contents(reader)).gaps).toMatchObject([{ lastPosition: 12 }])
    await reader.close()
    files.inodes.set(gone, inodes.get(gone)!)
    await writing.close()
  })

  test('is told where the last of what is promised does not check, and follows on behind that', async () => {
    const files = new MemoryFiles()
    const writing = await openStore('/journal', { files })
    const writer = new Appending(writing)
    for (let n = 0; n < 3; n++) await writer.append('s', [event(n)])
    const [segment] = namesOf(files, '.seg') as [string]
    const { bytes } = files.inodes.get(segment)!
    bytes[frameAt(bytes, 3) + 20]! ^= 1
    const reader = await openStore('/journal', { files, readOnly: true })
    expect(reader.recovery).toMatchObject({ liveWriter: true, damage: [{ firstPosition: 3, lastPosition: 3 }] })
    expect(reader.head).toEqual(writing.head)
    const failures: unknown[] = []
    reader.subscribe({ failed: (error) => failures.push(error) })
    await writer.append('s', [event(3)])
    await until(() => reader.head.position === 4 || failures.length > 0, 'the reader has seen the fourth event')
    expect(failures).toEqual([])
    expect(reader.head).toEqual(writing.head)
    expect(numbers((await contents(reader)).commits)).toEqual([0, 1, 3])
    await reader.close()
    await writing.close()
  })

  test('goes on over the end of one writer and the beginning of the next, clean or not', async () => {
    const directory = temporary()
    let store: Store = await openStore(directory)
    await new Appending(store).append('s', [event(0)])
    const reader = await openStore(directory, { readOnly: true })
    for (let n = 1; n < 6; n++) {
      await store.close({ clean: n % 2 === 0 })
      store = await openStore(directory)
      await new Appending(store).append('s', [event(n)])
      await until(() => reader.head.position === n + 1, `the reader has seen event ${n}`)
    }
    expect(numbers((await contents(reader)).commits)).toEqual([0, 1, 2, 3, 4, 5])
    await reader.close()
    await store.close()
  })

  test('is told when the history that it follows is another', async () => {
    const directory = temporary()
    let store = await openStore(directory)
    await new Appending(store).append('s', [event(0)])
    await store.close()
    const before = copyOf(directory)
    store = await openStore(directory)
    await new Appending(store).append('s', [event(1)])
    const reader = await openStore(directory, { readOnly: true })
    const failures: unknown[] = []
    reader.subscribe({ failed: (error) => failures.push(error) })
    await store.close()
    const other = await openStore(before)
    await new Appending(other).append('s', [event(2)])
    await other.close()
    for (const name of ['head', 'journal']) rmSync(join(directory, name), { recursive: true })
    const { cpSync } = await import('node:fs')
    cpSync(before, directory, { recursive: true })
    await until(() => failures.length > 0, 'the reader is told')
    expect(failures[0]).toMatchObject({ code: 'JOURNAL_HISTORY_CHANGED' })
    await reader.close()
  })
})

describe('reading', () => {
  test('changes nothing, indexes or not, torn or not', async () => {
    const directory = temporary()
    const store = await openStore(directory, { segmentBytes: 3000 })
    const writer = new Appending(store)
    for (let n = 0; n < 60; n++) await writer.now('s', [event(n)], { commitId: `c${n}` })
    await store.close({ clean: false })
    for (const path of segmentsIn(directory, '.idx')) rmSync(path)
    writeFileSync(segmentsIn(directory).at(-1)!, Buffer.from('TLF1 torn'), { flag: 'a' })
    const before = hashOf(directory)
    const reader = await openStore(directory, { readOnly: true })
    expect(numbers((await contents(reader)).commits)).toHaveLength(60)
    expect(await listed(reader.readStream('s'))).toHaveLength(60)
    expect(await reader.findCommit('c7')).toBeDefined()
    await reader.verify()
    await reader.close()
    expect(hashOf(directory)).toBe(before)
  })

  test('a directory that is not there, or empty, is JOURNAL_NOT_FOUND and stays as it is', async () => {
    const directory = temporary()
    const missing = join(directory, 'none')
    await expect(openStore(missing, { readOnly: true })).rejects.toMatchObject({ code: 'JOURNAL_NOT_FOUND' })
    expect(existsSync(missing)).toBe(false)
    await expect(openStore(directory, { readOnly: true })).rejects.toMatchObject({ code: 'JOURNAL_NOT_FOUND' })
    expect(hashOf(directory)).toBe(hashOf(temporary()))
  })
})

describe('opening', () => {
  for (const readOnly of [true, false]) {
    test(`refuses a newer format and touches nothing (${readOnly ? 'reading' : 'writing'})`, async () => {
      const directory = temporary()
      const store = await openStore(directory)
      await new Appending(store).append('s', [event(1)])
      await store.close()
      writeFileSync(join(directory, 'FORMAT'), 'turnlog 2\n')
      const before = hashOf(directory)
      await expect(openStore(directory, { readOnly })).rejects.toMatchObject({
        code: 'JOURNAL_NEWER_FORMAT',
        details: { found: 2, supported: 1 },
      })
      expect(hashOf(directory)).toBe(before)
    })
  }

  test('touches nothing of what `admit` refuses', async () => {
    const directory = temporary()
    const store = await openStore(directory)
    await new Appending(store).append('s', [{ ...event(1, 'future'), schema: 9 }])
    await store.close()
    const before = hashOf(directory)
    const refused = openStore(directory, {
      admit: ({ types, head }) => {
        expect(types.get('future')).toEqual({ schema: 9, ignorable: false })
        expect(head).toEqual(store.head)
        throw new RangeError('newer')
      },
    })
    await expect(refused).rejects.toThrow(RangeError)
    expect(hashOf(directory)).toBe(before)
  })

  test('refuses a directory that holds something else', async () => {
    const directory = temporary()
    writeFileSync(join(directory, 'letter.txt'), 'dear all')
    const before = hashOf(directory)
    for (const readOnly of [true, false])
      await expect(openStore(directory, { readOnly })).rejects.toMatchObject({ code: 'JOURNAL_NOT_FOUND' })
    expect(hashOf(directory)).toBe(before)
  })

  test('makes missing directories, and finishes a creation that was cut', async () => {
    const parent = temporary()
    const whole = join(parent, 'a', 'b', 'c')
    await (await openStore(whole)).close()
    const stages: ((directory: string) => void)[] = [
      (directory) => writeFileSync(join(directory, 'FORMAT.0123456789ab.tmp'), 'turn'),
      (directory) => writeFileSync(join(directory, 'FORMAT'), 'turnlog 1\n'),
      (directory) => mkdirSync(join(directory, 'journal')),
      (directory) => writeFileSync(join(directory, 'LOCK'), ''),
      (directory) => writeFileSync(join(directory, 'epoch-00000001'), ''),
      (directory) => writeFileSync(join(directory, 'head'), ''),
      (directory) => writeFileSync(join(directory, 'journal', '00000001-000000000001.seg.0123456789ab.tmp'), 'TLF1'),
    ]
    for (let stage = 0; stage <= stages.length; stage++) {
      const directory = temporary()
      for (const make of stages.slice(0, stage)) make(directory)
      const store = await openStore(directory)
      expect(store.recovery).toMatchObject({ clean: true, damage: [], tornBytes: 0 })
      await new Appending(store).append('s', [event(stage)])
      await store.close()
      const again = await openStore(directory)
      expect(numbers((await contents(again)).commits)).toEqual([stage])
      await again.close()
    }
  })
})

describe('others have a turn of the event loop', () => {
  /** How often one is had while something is done. */
  async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
    let turns = 0
    let over = false
    const count = (): void => {
      turns++
      if (!over) setImmediate(count)
    }
    setImmediate(count)
    await work()
    over = true
    return turns
  }

  test('while much is read, of all streams or of one, and while it is verified', async () => {
    const store = await openStore('/journal', { files: new MemoryFiles() })
    const writer = new Appending(store)
    const text = '.'.repeat(2000)
    for (let n = 0; n < 3000; n += 100)
      await Promise.all(Array.from({ length: 100 }, (_, i) => writer.now(n % 200 === 0 ? 'one' : 'other', [event(n + i, 'added', text)])))
    // Six megabytes.
    expect(await turnsDuring(() => list(store.read()))).toBeGreaterThanOrEqual(4)
    expect(await turnsDuring(() => store.verify())).toBeGreaterThanOrEqual(4)
    expect(await turnsDuring(() => listed(store.readStream('one')))).toBeGreaterThanOrEqual(2)
    expect(await turnsDuring(() => list(store.readReverse()))).toBeGreaterThanOrEqual(4)
    expect(await turnsDuring(() => listed(store.readStream('one', { reverse: true })))).toBeGreaterThanOrEqual(2)
    await store.close()
  })

  test('so a reader may be closed while it follows from one segment to the next, and tells of no other history', async () => {
    const files = new MemoryFiles()
    const store = await openStore('/journal', { files, segmentBytes: 4 << 20 })
    const reader = await openStore('/journal', { files, readOnly: true })
    const failures: unknown[] = []
    reader.subscribe({ failed: (error) => failures.push(error) })
    const writer = new Appending(store)
    for (let n = 0; n < 30; n++) await writer.now('s', [event(n, 'added', '.'.repeat(200_000))])
    let closed: Promise<void> | undefined
    await new Promise<void>((resolve) => {
      reader.subscribe({
        written: ({ head }) => {
          // In the middle of the first segment.
          if (head.position !== 8) return
          closed = reader.close()
          resolve()
        },
      })
    })
    await closed
    expect(failures).toMatchObject([{ code: 'JOURNAL_CLOSED' }])
    await store.close()
  })

  test('so others append while a journal is verified, which speaks of what was there when it began', async () => {
    const store = await openStore('/journal', { files: new MemoryFiles() })
    const writer = new Appending(store)
    for (let n = 0; n < 30; n++) await writer.now('s', [event(n, 'added', '.'.repeat(200_000))])
    const { head } = store
    const verified = store.verify()
    await writer.now('s', [event(30)])
    expect(await verified).toMatchObject({ ok: true, commits: 30, head })
    expect(store.head.position).toBe(31)
    await store.close()
  })
})
