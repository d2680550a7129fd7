/** The writer: order, groups, durability, and what it does when the disk fails it. */
import { setImmediate, setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { isJournalError, type JournalError } from '../../src/errors.js'
import { ITEMS_MAX } from '../../src/storage/plain.js'
import { Queue } from '../../src/storage/queue.js'
import { heapUsed } from '../support/heap.js'
import { earlyWrites } from './support/early-writes.js'
import { Appending, contents, event, list, numbers, openStore } from './support/journal.js'
import { MemoryFiles, type Call } from './support/memory-files.js'

const DIRECTORY = '/journal'

function failing(code: string): never {
  throw Object.assign(new Error(code), { code })
}

const codeOf = (error: unknown): string => (isJournalError(error) ? `${error.code} ${error.details.outcome ?? ''}`.trim() : String(error))
const outcome = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'resolved', codeOf)

describe('appending', () => {
  test('has space prepared ahead behind small groups, not behind a large one, and again behind the next small one', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    const writer = new Appending(store)
    const ahead = async (size: number): Promise<boolean> => {
      await writer.now('s', [event(1, 'added', 'x'.repeat(size))])
      await store.flush()
      await setImmediate()
      const { bytes } = [...files.inodes].find(([path]) => path.endsWith('.seg'))![1]
      return bytes.length - bytes.findLastIndex((byte) => byte !== 0) > 1000
    }
    expect([await ahead(10), await ahead(2_000_000), await ahead(10), await ahead(2_000_000)]).toEqual([true, false, true, false])
    await store.close()
  })

  test('gives positions in the order of the calls, and one sync to all who wait', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    const writer = new Appending(store)
    let syncs = 0
    files.fault = (call) => void (call === 'datasync' && syncs++)
    const receipts = await Promise.all(Array.from({ length: 100 }, (_, n) => writer.now(`s${n % 3}`, [event(n), event(n)])))
    expect(receipts.map(({ position }) => position)).toEqual(Array.from({ length: 100 }, (_, n) => n * 2 + 2))
    expect(new Set(receipts.map(({ digest }) => digest))).toEqual(new Set([store.head.digest]))
    expect(syncs).toBe(1)
    await store.close()
    expect(files.opened).toBe(0)
  })

  test.for([512 << 10, 100])(
    'writes nothing more to a segment while a sync of it is under way (groups of %i bytes)',
    async (groupBytes) => {
      expect(await earlyWrites(groupBytes)).toEqual([])
    },
  )

  test('cuts groups at 512 KiB, and a larger commit goes alone', async () => {
    const store = await openStore(DIRECTORY, { files: new MemoryFiles() })
    const writer = new Appending(store)
    const text = 'x'.repeat(200_000)
    await Promise.all([
      ...[0, 1, 2, 3, 4].map((n) => writer.now('s', [event(n, 'added', text)])),
      writer.now('s', [event(5, 'added', 'x'.repeat(600_000))]),
      writer.now('s', [event(6)]),
    ])
    const groups = await list(store.read())
    expect(groups.map((group) => ('gap' in group ? group : numbers(group.commits)))).toEqual([[0, 1], [2, 3], [4], [5], [6]])
    await store.close()
  })

  test('refuses a commit above commitBytesMax and writes nothing of it', async () => {
    const store = await openStore(DIRECTORY, { files: new MemoryFiles(), commitBytesMax: 1000 })
    expect(await outcome(new Appending(store).now('s', [event(1, 'added', 'x'.repeat(1000))]))).toBe('JOURNAL_LIMIT none')
    expect(store.head.position).toBe(0)
    await store.close()
  })

  test('with `os` resolves while the sync runs, with `disk` behind it; listeners hear of it first', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    const seen: string[] = []
    store.subscribe({
      written: ({ head }) => seen.push(`written ${head.position}`),
      synced: ({ position }) => seen.push(`synced ${position}`),
    })
    files.fault = (call) => void (call === 'datasync' && seen.push('sync'))
    const writer = new Appending(store)
    await Promise.all([
      writer.now('a', [event(1)], { durability: 'os' }).then(({ durability }) => seen.push(durability)),
      writer.now('b', [event(2)]).then(({ durability }) => seen.push(durability)),
    ])
    expect(seen).toEqual(['sync', 'written 2', 'os', 'synced 2', 'disk'])
    await store.close()
  })

  test('makes callers wait for room when the queue is full', async () => {
    const store = await openStore(DIRECTORY, { files: new MemoryFiles(), queueBytes: 1000 })
    const writer = new Appending(store)
    expect(store.room()).toBeUndefined()
    const first = writer.now('s', [event(1, 'added', 'x'.repeat(2000))])
    const room = store.room()
    expect(room).toBeInstanceOf(Promise)
    await room
    await first
    expect(store.room()).toBeUndefined()
    await store.close()
  })

  test('lets go of what is written, also where something waits all the time', async () => {
    const queue = new Queue<undefined>(8 << 20, 1)
    const commit = { stream: 's', version: 1, at: 0, events: [] }
    const push = (): void =>
      queue.push({ commit, note: undefined, claims: [], bytes: Buffer.alloc(1 << 20), durability: 'disk', resolve() {}, reject() {} })
    push()
    const before = heapUsed()
    for (let n = 0; n < 100; n++) {
      push()
      expect(queue.take()).toHaveLength(1)
      queue.release(1 << 20)
    }
    expect(queue).toMatchObject({ length: 1, bytes: 1 << 20, waiting: 1 << 20 })
    expect(heapUsed() - before).toBeLessThan(50 << 20)
  })

  test('refuses a commit with more items than readers take, however many its events are', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files, commitBytesMax: 1 << 26 })
    const many = { ...event(1), data: { n: 1, list: Array.from({ length: ITEMS_MAX / 2 }, () => 0) } }
    const writer = new Appending(store)
    await expect(writer.append('s', [many, many])).rejects.toMatchObject({
      code: 'JOURNAL_LIMIT',
      details: { limit: 'items', max: ITEMS_MAX, outcome: 'none' },
    })
    expect(store.head.position).toBe(0)
    await store.close()
  })

  test('lets a large commit in when the next group is taken where one waits already, and a small one at once', async () => {
    const queue = new Queue<undefined>(8 << 20, 1000)
    const commit = { stream: 's', version: 1, at: 0, events: [] }
    const push = (): void =>
      queue.push({ commit, note: undefined, claims: [], bytes: Buffer.alloc(999), durability: 'disk', resolve() {}, reject() {} })
    push()
    expect(queue.room(true)).toBeUndefined()
    for (let n = 0; n < 3; n++) push()
    expect(queue.room(false)).toBeUndefined()
    const entered: string[] = []
    const large = queue.room(true)?.then(() => entered.push('large'))
    await setImmediate()
    expect(entered).toEqual([])
    // Also where as much as a group waits behind the one that is taken: else somebody might wait for ever.
    queue.take()
    await large
    expect(queue.waiting).toBeGreaterThan(1000)
    const other = queue.room(true)?.then(() => entered.push('another'))
    queue.drain()
    await other
    expect(entered).toEqual(['large', 'another'])
  })

  test('proves the last group with a mark once it is idle', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    await new Appending(store).now('s', [event(1)])
    await setTimeout(120)
    files.inodes.delete(`${DIRECTORY}/head`)
    const reader = await openStore(DIRECTORY, { files: files.copy(), readOnly: true })
    expect(reader.head.position).toBe(1)
    await reader.close()
    await store.close()
  })
})

describe('a write or sync that fails', () => {
  for (const [call, code] of [
    ['write', 'EIO'],
    ['datasync', 'EIO'],
    ['write', 'ENOSPC'],
  ] as const) {
    test(`stops the writer for good, and says what is not known (${call}, ${code})`, async () => {
      const files = new MemoryFiles()
      let store = await openStore(DIRECTORY, { files })
      const writer = new Appending(store)
      await writer.now('s', [event(1)])
      files.fault = (name, path) => (name === call && path.endsWith('.seg') ? failing(code) : undefined)
      const failed = outcome(writer.now('s', [event(2)]))
      await setTimeout(0)
      const queued = outcome(writer.now('s', [event(3)]))
      expect(await failed).toBe(code === 'ENOSPC' ? 'JOURNAL_DISK_FULL unknown' : 'JOURNAL_IO unknown')
      expect(await queued).toBe('JOURNAL_POISONED none')
      files.fault = () => undefined
      expect(await outcome(writer.now('s', [event(4)]))).toBe('JOURNAL_POISONED none')
      expect(numbers((await contents(store)).commits)[0]).toBe(1)
      await store.close()
      store = await openStore(DIRECTORY, { files })
      expect([[1], [1, 2]]).toContainEqual(numbers((await contents(store)).commits))
      expect(store.recovery).toMatchObject({ clean: false, damage: [] })
      await store.close()
      expect(files.opened).toBe(0)
    })
  }

  test('leaves nothing of the group that was made ready meanwhile, and says so', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files, groupBytes: 100 })
    const writer = new Appending(store)
    await writer.now('s', [event(1)])
    files.fault = (name, path) => (name === 'datasync' && path.endsWith('.seg') ? failing('EIO') : undefined)
    const outcomes = await Promise.all([2, 3, 4, 5].map((n) => outcome(writer.now('s', [event(n, 'added', '.'.repeat(100))]))))
    expect(outcomes).toEqual(['JOURNAL_IO unknown', ...Array.from({ length: 3 }, () => 'JOURNAL_POISONED none')])
    files.fault = () => undefined
    await store.close()
    const again = await openStore(DIRECTORY, { files })
    expect([[1], [1, 2]]).toContainEqual(numbers((await contents(again)).commits))
    await again.close()
    expect(files.opened).toBe(0)
  })

  test('that is short counts as failed, and what it left is set aside', async () => {
    const files = new MemoryFiles()
    let store = await openStore(DIRECTORY, { files })
    const writer = new Appending(store)
    await writer.now('s', [event(1)])
    files.fault = (call, path) => (call === 'write' && path.endsWith('.seg') ? 100 : undefined)
    expect(await outcome(writer.now('s', [event(2, 'added', 'x'.repeat(3000))]))).toBe('JOURNAL_DISK_FULL unknown')
    files.fault = () => undefined
    await store.close()
    store = await openStore(DIRECTORY, { files })
    expect(numbers((await contents(store)).commits)).toEqual([1])
    expect(store.recovery.tornBytes).toBeGreaterThan(90)
    expect(store.recovery.tornBytes).toBeLessThanOrEqual(100)
    const aside = files.names(`${DIRECTORY}/quarantine`)
    expect(aside.map((name) => name.split('.').at(-1))).toEqual(['bytes', 'json'])
    await store.close()
  })

  test('while preparing space on a full disk is no error', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    const writer = new Appending(store)
    files.fault = (call, path) => (call === 'write' && path.endsWith('.seg') && prepared(files, path) ? failing('ENOSPC') : undefined)
    for (let n = 0; n < 20; n++) await writer.now('s', [event(n)])
    await store.close()
    expect(numbers((await contents(await openStore(DIRECTORY, { files: files.copy(), readOnly: true }))).commits)).toHaveLength(20)
  })
})

/** Whether the next write to a segment is not the first since the last frame: only prepared zeros come so. */
function prepared(files: MemoryFiles, path: string): boolean {
  const { bytes } = files.inodes.get(path)!
  return new Error().stack?.includes('ActiveFile.prepare') === true && bytes.length > 0
}

describe('whatever call fails, at whatever time,', () => {
  for (const code of ['EIO', 'ENOSPC'] as const) {
    test(`nothing that was acknowledged is lost, and every error says its outcome (${code})`, { timeout: 120_000 }, async () => {
      for (let at = 400, calls = 0; at === 400 || at < calls; at = at === 400 ? 0 : at + 1) {
        const files = new MemoryFiles()
        await (await openStore(DIRECTORY, { files, segmentBytes: 600 })).close()
        const acked: number[] = []
        const problems: string[] = []
        let count = 0
        let failed = ''
        files.fault = (call: Call, path) =>
          count++ >= at && call !== 'read' && !path.endsWith('.tmp') && call !== 'unlink'
            ? ((failed ||= `${call} ${path}`), failing(code))
            : undefined
        const store = await openStore(DIRECTORY, { files, segmentBytes: 600 }).catch((error: unknown) => error as JournalError)
        if (store instanceof Error) {
          if (!isJournalError(store)) problems.push(`open: ${String(store)}`)
        } else {
          const writer = new Appending(store)
          for (let n = 0; n < 8; n++) {
            const result = await outcome(writer.now('s', [event(n)]).then(() => acked.push(n)))
            if (!/^(resolved|JOURNAL_\w+ (none|unknown))$/.test(result)) problems.push(`append: ${result}`)
          }
          await store.close().catch((error: unknown) => isJournalError(error) || problems.push(`close: ${String(error)}`))
        }
        calls = Math.max(calls, count)
        files.fault = () => undefined
        expect(calls).toBeLessThan(400)
        if (files.opened !== 0) problems.push(`${files.opened} files left open, ${failed}`)
        const again = await openStore(DIRECTORY, { files })
        const found = numbers((await contents(again)).commits)
        expect({ at, problems, damage: again.recovery.damage, acked: found.slice(0, acked.length) }).toEqual({
          at,
          problems: [],
          damage: [],
          acked,
        })
        await again.close()
      }
    })
  }
})

describe('two writers', () => {
  test('exclude each other, in one process too', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    await expect(openStore(DIRECTORY, { files, lockWaitMs: 30 })).rejects.toMatchObject({ code: 'JOURNAL_LOCKED' })
    const waits = openStore(DIRECTORY, { files, lockWaitMs: 1000 })
    await setTimeout(30)
    await store.close()
    await (await waits).close()
  })

  test('that both hold the lock: the older acknowledges nothing once the newer has begun', async () => {
    const files = new MemoryFiles()
    const old = await openStore(DIRECTORY, { files })
    const writer = new Appending(old)
    await writer.now('s', [event(1)])
    files.inodes.get(`${DIRECTORY}/LOCK`)!.lock = undefined
    const young = await openStore(DIRECTORY, { files })
    expect(young.recovery.epoch).toBe(2)
    expect(await outcome(writer.now('s', [event(2)]))).toBe('JOURNAL_FENCED unknown')
    expect(await outcome(writer.now('s', [event(3)]))).toBe('JOURNAL_FENCED none')
    await old.close()
    await new Appending(young).append('s', [event(4)])
    expect(numbers((await contents(young)).commits)).toEqual([1, 4])
    await young.close()
    const last = await openStore(DIRECTORY, { files })
    expect(numbers((await contents(last)).commits)).toEqual([1, 4])
    expect(last.recovery).toMatchObject({ clean: true, damage: [] })
    await last.close()
  })
})

describe('frames', () => {
  test('begin at sectors where that is asked for, from the next segment on where it was not before', async () => {
    const files = new MemoryFiles()
    for (const [round, sectorBytes] of [8, 4096, 512, 4096].entries()) {
      const store = await openStore(DIRECTORY, { files, sectorBytes })
      const writer = new Appending(store)
      for (let n = 0; n < 3; n++) await writer.append('s', [event(round * 3 + n)])
      await store.close()
      const newest = files.names(`${DIRECTORY}/journal`).findLast((name) => name.endsWith('.seg'))!
      const { bytes } = files.inodes.get(`${DIRECTORY}/journal/${newest}`)!
      const starts: number[] = []
      for (let at = bytes.indexOf('TLF1'); at >= 0; at = bytes.indexOf('TLF1', at + 1)) starts.push(at)
      expect(starts.length).toBe(5)
      expect(starts.filter((at) => at % sectorBytes !== 0)).toEqual([])
    }
    const store = await openStore(DIRECTORY, { files, readOnly: true })
    expect(numbers((await contents(store)).commits)).toEqual(Array.from({ length: 12 }, (_, n) => n))
    expect((await store.verify()).ok).toBe(true)
    await store.close()
  })
})

describe('closing', () => {
  test('waits for what is queued, refuses what comes after, and a second call is the first', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    const writer = new Appending(store)
    const append = writer.now('s', [event(1)])
    const first = store.close()
    expect(store.close()).toBe(first)
    await first
    expect((await append).position).toBe(1)
    expect(await outcome(writer.now('s', [event(2)]))).toBe('JOURNAL_CLOSED none')
    const again = await openStore(DIRECTORY, { files })
    expect(again.recovery.clean).toBe(true)
    await again.close({ clean: false })
    const third = await openStore(DIRECTORY, { files })
    expect(third.recovery.clean).toBe(false)
    await third.close()
  })
})
