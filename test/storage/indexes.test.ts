/** Indexes over many segments: every stream, commit id and claim is found, absence is proven, and what is lost is made again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StreamNotes } from '../../src/storage/commit-store.js'
import { tablesBelow, tablesFor } from '../../src/storage/index-build.js'
import { Appending, event, listed, notes, numbers, openStore, type Store, type Sum, withData } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const DIRECTORY = '/journal'
const SEGMENT_BYTES = 1500
const COMMITS = 400

/** Some streams in every segment, some in few, some in one. */
const streamOf = (n: number): string => (n % 3 === 0 ? 'often' : n % 7 === 0 ? 'seldom' : `once-${n}`)

async function written(): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  const store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
  const writer = new Appending(store)
  for (let n = 0; n < COMMITS; n++) await writer.now(streamOf(n), [event(n, n % 5 === 0 ? 'claim' : 'added')], { commitId: `c${n}`, at: n })
  await store.close()
  return files
}

const indexesIn = (files: MemoryFiles): string[] => [...files.inodes.keys()].filter((path) => path.endsWith('.idx')).toSorted()

async function checkAll(store: Store): Promise<void> {
  const streams = await checkLookups(store)
  const open = [...streams].filter(([, all]) => all.reduce((one, other) => one + other, 0) % 2 === 1).map(([stream]) => stream)
  expect([...store.openStreams()].toSorted()).toEqual(open.toSorted())
  expect(store.lastAt).toBe(COMMITS - 1)
}

/** Numbers of each stream. */
async function checkLookups(store: Store): Promise<Map<string, number[]>> {
  const streams = new Map<string, number[]>()
  for (let n = 0; n < COMMITS; n++) streams.set(streamOf(n), [...(streams.get(streamOf(n)) ?? []), n])
  for (const [stream, all] of streams) {
    const sum = all.reduce((one, other) => one + other, 0)
    expect(await store.stream(stream), stream).toEqual({ version: all.length, note: { events: all.length, sum } })
    const commits = (await listed(store.readStream(stream))).flatMap((item) => ('gap' in item ? [] : [withData(item)]))
    expect(numbers(commits), stream).toEqual(all)
    const backwards = (await listed(store.readStream(stream, { reverse: true }))).flatMap((item) => ('gap' in item ? [] : [withData(item)]))
    expect(backwards, stream).toEqual(commits.toReversed())
  }
  for (let n = 0; n < COMMITS; n++) {
    const found = await store.findCommit(`c${n}`)
    expect(found?.commit, `c${n}`).toMatchObject({ position: n + 1, stream: streamOf(n), commitId: `c${n}`, at: n })
    expect(await store.holds(found!.head)).toBe(true)
    expect(await store.claimed(streamOf(n), ['never', String(n)])).toBe(n % 5 === 0 ? String(n) : undefined)
    expect(await store.findCommit(`d${n}`)).toBeUndefined()
  }
  expect(await store.claimed('seldom', ['0'])).toBeUndefined()
  expect(await store.stream('never')).toEqual({ version: 0, note: { events: 0, sum: 0 } })
  return streams
}

describe('indexes', () => {
  let files: MemoryFiles
  beforeAll(async () => {
    files = await written()
  })
  afterAll(() => expect(files.opened).toBe(0))

  test('cover every segment once, with as many tables as its number has bits', () => {
    for (let k = 1; k < 200; k++) {
      const covered = tablesFor(k).flatMap((table) => Array.from({ length: table & -table }, (_, i) => table - i))
      expect(covered).toEqual(Array.from({ length: k }, (_, i) => k - i))
      const merged = [k, ...tablesBelow(k).flatMap((table) => Array.from({ length: table & -table }, (_, i) => table - i))]
      expect(merged).toEqual(Array.from({ length: k & -k }, (_, i) => k - i))
    }
  })

  test('find everything, and prove that the rest is not there', async () => {
    expect(indexesIn(files).length).toBeGreaterThan(30)
    const store = await openStore(DIRECTORY, { files: files.copy(), segmentBytes: SEGMENT_BYTES })
    await checkAll(store)
    await store.close()
  })

  test('prove without waiting that a name is free, once their pages are in memory; one that is taken is looked up', async () => {
    const store = await openStore(DIRECTORY, { files: files.copy(), segmentBytes: SEGMENT_BYTES })
    const free = Array.from({ length: 20 }, (_, n) => `free-${n}`)
    const first = store.claimed('often', free)
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toBeUndefined()
    for (const name of free) expect(store.claimed('often', [name])).toBeUndefined()
    for (let n = 0; n < COMMITS; n += 15) {
      const taken = store.claimed('often', [String(n)])
      expect(taken).toBeInstanceOf(Promise)
      expect(await taken).toBe(String(n))
    }
    await store.close()
  })

  for (const readOnly of [true, false]) {
    test(`that are missing are made again, the same to the byte (${readOnly ? 'reading: in memory' : 'writing'})`, async () => {
      const copy = files.copy()
      for (const [i, path] of indexesIn(copy).entries()) if (i % 3 !== 1) copy.inodes.delete(path)
      const store = await openStore(DIRECTORY, { files: copy, readOnly, segmentBytes: SEGMENT_BYTES })
      await checkAll(store)
      await store.close()
      if (readOnly) expect(indexesIn(copy).length).toBeLessThan(indexesIn(files).length)
      else for (const path of indexesIn(files)) expect(copy.inodes.get(path)?.bytes.equals(files.inodes.get(path)!.bytes), path).toBe(true)
      expect(copy.opened).toBe(0)
    })
  }

  test('that are damaged or of other segments are never believed', async () => {
    const copy = files.copy()
    const paths = indexesIn(copy)
    for (const [i, path] of paths.entries()) {
      const { bytes } = copy.inodes.get(path)!
      // All over the streams' parts, and the table of fingerprints.
      for (let at = 130 + i; i % 4 === 0 && at < bytes.length; at += 37) bytes[at]! ^= 0x10
      if (i % 4 === 2) copy.inodes.get(path)!.bytes = Buffer.from(files.inodes.get(paths[i - 1]!)!.bytes)
    }
    const store = await openStore(DIRECTORY, { files: copy, segmentBytes: SEGMENT_BYTES })
    await checkAll(store)
    await store.close()
  })

  test('that are damaged are made again once, however many need them', async () => {
    const reads = async (lookups: number): Promise<number> => {
      const copy = files.copy()
      const store = await openStore(DIRECTORY, { files: copy, segmentBytes: SEGMENT_BYTES })
      const sizeOf = (name: string): number => copy.inodes.get(name)!.bytes.length
      const path = indexesIn(copy).toSorted((a, b) => sizeOf(b) - sizeOf(a))[0]!
      // All pages behind the one that opening has read.
      for (let at = 4096 + 100; at < sizeOf(path); at += 4096) copy.inodes.get(path)!.bytes[at]! ^= 1
      const segment = path.replace(/idx$/, 'seg')
      let count = 0
      copy.fault = (call, at) => {
        if (call === 'read' && at === segment) count++
        return undefined
      }
      await Promise.all(Array.from({ length: lookups }, async (_, n) => store.findCommit(`never-${n}`)))
      await store.close()
      return count
    }
    const once = await reads(1)
    expect(once).toBeGreaterThan(0)
    expect(await reads(20)).toBe(once)
  })

  test('that the disk spoils whenever they are read are made again in memory, and keep nobody waiting', async () => {
    const copy = files.copy()
    for (const path of indexesIn(copy).slice(3)) copy.inodes.delete(path)
    copy.watched = (path, offset) => {
      if (path.endsWith('.idx') && offset >= 4096) copy.inodes.get(path)!.bytes.fill(0, offset + 4092, offset + 4096)
    }
    const store = await openStore(DIRECTORY, { files: copy, segmentBytes: SEGMENT_BYTES })
    await checkAll(store)
    await store.close()
  })

  test('that the disk does not take stay in memory, and no append fails for it; the next open makes them', async () => {
    const failing = new MemoryFiles()
    failing.fault = (call, path) => {
      if (call !== 'unlink' && path.includes('.idx')) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return undefined
    }
    const store = await openStore(DIRECTORY, { files: failing, segmentBytes: SEGMENT_BYTES })
    const writer = new Appending(store)
    for (let n = 0; n < COMMITS; n++)
      await writer.now(streamOf(n), [event(n, n % 5 === 0 ? 'claim' : 'added')], { commitId: `c${n}`, at: n })
    await checkAll(store)
    await store.close()
    expect(indexesIn(failing)).toEqual([])
    failing.fault = () => undefined
    await (await openStore(DIRECTORY, { files: failing, segmentBytes: SEGMENT_BYTES })).close()
    expect(indexesIn(failing).length).toBe([...failing.inodes.keys()].filter((path) => path.endsWith('.seg')).length - 1)
  })

  test('whose notes are of another revision fold them again from the first commit', async () => {
    const other: StreamNotes<Sum> = { ...notes, decode: () => undefined }
    const store = await openStore(DIRECTORY, { files: files.copy(), notes: other, segmentBytes: SEGMENT_BYTES })
    await checkAll(store)
    await store.close()
  })
})

describe('damage in a sealed segment', () => {
  /** Turns one byte of the second record in the fifth segment. */
  function damaged(files: MemoryFiles): MemoryFiles {
    const copy = files.copy()
    const path = [...copy.inodes.keys()].filter((name) => name.endsWith('.seg')).toSorted()[4]!
    const { bytes } = copy.inodes.get(path)!
    bytes[bytes.lastIndexOf('TLF1', 1400) + 110]! ^= 1
    return copy
  }

  test('leaves streams, ids and claims provable by its index', async () => {
    const store = await openStore(DIRECTORY, { files: damaged(await written()), segmentBytes: SEGMENT_BYTES })
    expect((await store.verify()).damage).toHaveLength(1)
    expect(await store.findCommit('new')).toBeUndefined()
    expect((await store.stream('new')).version).toBe(0)
    expect((await store.stream('often')).version).toBe(134)
    await new Appending(store).append('new', [event(1)], { commitId: 'new' })
    await store.close()
  })

  test('without its index makes unknowable what it may hide, and nothing else', async () => {
    const files = damaged(await written())
    for (const path of indexesIn(files)) files.inodes.delete(path)
    const store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
    expect(store.recovery.damage).toHaveLength(1)
    await expect(store.findCommit('new')).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
    await expect(Promise.resolve(store.stream('new'))).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
    expect(await store.claimed('often', ['new'])).toBeUndefined()
    expect((await store.stream('often')).version).toBe(134)
    expect((await store.findCommit('c0'))?.commit.position).toBe(1)
    await new Appending(store).append('often', [event(1)])
    await store.close()
  })
})

describe('a segment that was not all there when indexes behind it were made', () => {
  const open = (files: MemoryFiles, readOnly = false): Promise<Store> =>
    openStore(DIRECTORY, { files, readOnly, segmentBytes: SEGMENT_BYTES })
  const segmentsIn = (files: MemoryFiles): string[] => [...files.inodes.keys()].filter((path) => path.endsWith('.seg')).toSorted()

  async function lived(files: MemoryFiles, use: (store: Store) => Promise<unknown> = async () => {}): Promise<string[]> {
    const changed: string[] = []
    files.fault = (call, path) => {
      if ((call === 'link' || call === 'unlink') && path.endsWith('.idx')) changed.push(`${call} ${path}`)
      return undefined
    }
    const store = await open(files)
    try {
      await use(store)
    } finally {
      await store.close()
      files.fault = () => undefined
    }
    return changed
  }

  /** Takes files away, has the indexes behind them made without them, and puts them back. */
  async function away(paths: (files: MemoryFiles) => string[], use?: (store: Store) => Promise<unknown>): Promise<MemoryFiles> {
    const files = await written()
    const kept = paths(files).map((path) => [path, files.inodes.get(path)!] as const)
    for (const [path] of kept) files.inodes.delete(path)
    expect((await lived(files, use)).length).toBeGreaterThan(0)
    for (const [path, inode] of kept) files.inodes.set(path, inode)
    return files
  }

  const withIndex = (path: string): string[] => [path, path.replace('.seg', '.idx')]

  test.each([0, 2, 3, 7, 20])('is found again once it is back (segment %i, and the indexes behind it were lost)', async (which) => {
    const files = await away((all) => {
      for (const path of indexesIn(all).slice(which + 1)) all.inodes.delete(path)
      return withIndex(segmentsIn(all)[which]!)
    })
    const reader = await open(files, true)
    expect((await reader.verify()).damage).toEqual([])
    await checkLookups(reader)
    await reader.close()
    expect((await lived(files, checkLookups)).length).toBeGreaterThan(0)
    // That was once: what the files say is true of what is there now.
    expect(await lived(files, checkLookups)).toEqual([])
  })

  test('is found again once it is back, after the journal was written on without it', async () => {
    const files = await away(
      (all) => withIndex(segmentsIn(all).at(-2)!),
      async (store) => {
        const writer = new Appending(store)
        for (let n = 0; n < 40; n++) await writer.append('often', [event(n)])
      },
    )
    await lived(files)
    const store = await open(files, true)
    for (let n = 0; n < COMMITS; n++) expect((await store.findCommit(`c${n}`))?.commit.at).toBe(n)
    expect(await listed(store.readStream('often'))).toHaveLength(134 + 40)
    await store.close()
  })

  test('and that is still damaged, under an index that opens and does not check further on, costs that work once', async () => {
    const files = await written()
    const path = indexesIn(files)[3]!
    for (let at = 4096 + 100; at < files.inodes.get(path)!.bytes.length; at += 4096) files.inodes.get(path)!.bytes[at]! ^= 1
    const { bytes } = files.inodes.get(path.replace('.idx', '.seg'))!
    bytes[bytes.indexOf('TLF1', 300) + 110]! ^= 1
    for (const index of indexesIn(files).slice(4)) files.inodes.delete(index)
    expect((await lived(files)).length).toBeGreaterThan(0)
    expect(await lived(files)).toEqual([])
  })
})
