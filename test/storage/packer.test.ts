/** Sealed segments that are packed in the background: nothing of the history changes, and whatever goes wrong, one whole copy is there. */
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { planRepair, carryOut } from '../../src/storage/repair-plan.js'
import { backUp, restoreTo } from '../../src/storage/backup.js'
import { salvageInto } from '../../src/storage/salvage-journal.js'
import { Appending, contents, event, notes, numbers, openStore, type Options, type Store } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const DIRECTORY = '/journal'
const SEGMENT_BYTES = 700
const ADMIT = { notes, admit: () => {} }

const open = (files: MemoryFiles, options: Options = {}): Promise<Store> =>
  openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES, compress: true, ...options })
const names = (files: MemoryFiles, ending: string): string[] => files.names(`${DIRECTORY}/journal`).filter((name) => name.endsWith(ending))
const pathOf = (name: string): string => `${DIRECTORY}/journal/${name}`
const formatOf = (files: MemoryFiles): string => String(files.inodes.get(`${DIRECTORY}/FORMAT`)?.bytes)

/** Runs on until something is so. */
async function until(done: () => boolean): Promise<void> {
  for (const began = performance.now(); !done(); await setTimeout(1)) if (performance.now() - began > 60_000) throw new Error('it never is')
}

/** Until nothing but the newest segment lies there as it was written. */
const packed = (files: MemoryFiles): Promise<void> => until(() => names(files, '.seg').length === 1)

async function write(store: Store, from: number, to: number): Promise<void> {
  const writer = new Appending(store)
  for (let n = from; n < to; n++) await writer.append(`s${n % 3}`, [event(n, 'added', 'text '.repeat(20))])
}

/** A journal with several segments, all packed but the newest, closed. */
async function written(): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  const store = await open(files)
  await write(store, 0, 12)
  await packed(files)
  await store.close()
  expect(names(files, '.segz').length).toBeGreaterThan(3)
  return files
}

const TWELVE = Array.from({ length: 12 }, (_, n) => n)

async function read(files: MemoryFiles, options: Options = {}): Promise<{ read: number[]; gaps: number; ok: boolean }> {
  const store = await open(files, { compress: undefined, ...options })
  try {
    const { commits, gaps } = await contents(store)
    return { read: numbers(commits), gaps: gaps.length, ok: (await store.verify()).ok }
  } finally {
    await store.close()
  }
}

describe('a journal whose sealed segments are packed', () => {
  test('is salvaged whole where one lies there unpacked as well, and that file cannot be opened', async () => {
    const files = await written()
    const name = names(files, '.segz')[1]!.replace('segz', 'seg')
    files.inodes.set(pathOf(name), { bytes: Buffer.alloc(100), lock: undefined })
    files.fault = (call, path) => {
      if (call === 'open' && path === pathOf(name)) throw Object.assign(new Error('EIO: no'), { code: 'EIO' })
      return undefined
    }
    const report = await salvageInto(DIRECTORY, '/new', { files, notes })
    expect(report).toMatchObject({ commits: 12, gaps: [], unread: [{ file: `journal/${name}` }] })
    expect(files.opened).toBe(0)
  })

  test('is salvaged where every plain file is withheld, and each but the newest is there packed', async () => {
    const files = await written()
    const sealed = names(files, '.segz').map((name) => name.replace('segz', 'seg'))
    const plain = [...sealed, ...names(files, '.seg')].map(pathOf)
    for (const name of sealed) files.inodes.set(pathOf(name), { bytes: Buffer.alloc(100), lock: undefined })
    files.fault = (call, path) => {
      if (call === 'open' && plain.includes(path)) throw Object.assign(new Error('EIO: no'), { code: 'EIO' })
      return undefined
    }
    const report = await salvageInto(DIRECTORY, '/new', { files, notes })
    expect(report.unread).toHaveLength(plain.length)
    expect(report.commits).toBeGreaterThan(8)
    expect(files.opened).toBe(0)
  })

  test('says the same as one whose are not, and takes less room', async () => {
    const files = await written()
    const plain = new MemoryFiles()
    const store = await open(plain, { compress: false })
    await write(store, 0, 12)
    const { digest } = store.head
    await store.close()
    expect(names(plain, '.segz')).toEqual([])
    expect(formatOf(plain)).toBe('turnlog 1\n')
    const again = await open(files, { readOnly: true })
    expect(again.head.digest).toBe(digest)
    expect(again.recovery).toMatchObject({ format: 1, packed: true, damage: [] })
    expect((await again.stream('s1')).version).toBe(4)
    await again.close()
    expect(await read(files)).toEqual({ read: TWELVE, gaps: 0, ok: true })
    const room = (of: MemoryFiles, ending: string): number =>
      names(of, ending).reduce((sum, name) => sum + (of.inodes.get(pathOf(name))?.bytes.length ?? 0), 0)
    expect(room(files, '.segz')).toBeLessThan(room(plain, '.seg') * 0.8)
  })

  test('makes its indexes again from what is packed', async () => {
    const files = await written()
    for (const name of names(files, '.idx')) files.inodes.delete(pathOf(name))
    expect(await read(files)).toEqual({ read: TWELVE, gaps: 0, ok: true })
    expect(names(files, '.idx').length).toBe(names(files, '.segz').length + names(files, '.seg').length - 1)
  })

  test('goes on as it was opened last, unless it is told not to', async () => {
    const files = await written()
    const before = names(files, '.segz').length
    const store = await open(files, { compress: false })
    await write(store, 12, 18)
    await store.close()
    expect(names(files, '.segz').length).toBe(before)
    expect(names(files, '.seg').length).toBeGreaterThan(2)
    const again = await open(files, { compress: undefined })
    await packed(files)
    await again.close()
    expect(await read(files)).toEqual({ read: Array.from({ length: 18 }, (_, n) => n), gaps: 0, ok: true })
  })

  test('has its older segments packed when it is first opened so, and FORMAT says so before the first is', async () => {
    const files = new MemoryFiles()
    const store = await open(files, { compress: undefined })
    await write(store, 0, 12)
    await store.close()
    expect(formatOf(files)).toBe('turnlog 1\n')
    let formatThen: string | undefined
    files.fault = (call, path) => {
      if (call === 'open' && path.includes('.segz')) formatThen ??= formatOf(files)
      return undefined
    }
    const again = await open(files)
    expect(again.recovery.packed).toBe(true)
    await packed(files)
    await again.close()
    expect(formatThen).toBe('turnlog 1 packed\n')
    expect(await read(files)).toEqual({ read: TWELVE, gaps: 0, ok: true })
  })

  test('is read by whoever opened it before, and by whoever follows', async () => {
    const files = new MemoryFiles()
    const store = await open(files, { compress: undefined })
    await write(store, 0, 6)
    await store.close()
    const before = await open(files, { readOnly: true })
    const writer = await open(files)
    await write(writer, 6, 12)
    await packed(files)
    await until(() => before.head.position === 12)
    expect(numbers((await contents(before)).commits)).toEqual(TWELVE)
    await before.close()
    const beside = await open(files, { readOnly: true })
    expect(numbers((await contents(beside)).commits)).toEqual(TWELVE)
    expect(beside.recovery.damage).toEqual([])
    await beside.close()
    await writer.close()
    expect(files.opened).toBe(0)
  })

  test('goes on in a new segment where those behind a packed one are lost, and a head file of before calls it the end', async () => {
    const files = new MemoryFiles()
    const store = await open(files, { compress: false })
    await write(store, 0, 2)
    await store.close()
    const head = Buffer.from(files.inodes.get(`${DIRECTORY}/head`)?.bytes as Buffer)
    // Another alignment, so that this writer begins a segment behind the clean end.
    const writer = await open(files, { sectorBytes: 512 })
    await packed(files)
    await writer.close()
    for (const name of names(files, '.seg')) files.inodes.delete(pathOf(name))
    for (const name of names(files, '.idx')) files.inodes.delete(pathOf(name))
    files.inodes.set(`${DIRECTORY}/head`, { bytes: head, lock: undefined })
    const again = await open(files)
    await write(again, 2, 3)
    await again.close()
    expect(await read(files)).toEqual({ read: [0, 1, 2], gaps: 0, ok: true })
  })

  test('keeps no file open of which the name is gone, and closes behind the segment that is being packed', async () => {
    const files = await written()
    const store = await open(files, { compress: false })
    await write(store, 12, 20)
    await store.close()
    const again = await open(files, { compress: undefined })
    await again.close()
    expect(files.opened).toBe(0)
    expect(names(files, '.tmp')).toEqual([])
    const last = await open(files)
    await packed(files)
    let gone = 0
    files.fault = (call, path) => {
      if (call === 'read' && path.startsWith(pathOf('')) && !files.inodes.has(path)) gone++
      return undefined
    }
    expect(numbers((await contents(last)).commits)).toHaveLength(20)
    await last.close()
    expect(gone).toBe(0)
  })

  test('is backed up and restored as one whose are not', async () => {
    const files = await written()
    const { digest } = await backUp(DIRECTORY, '/backup', { files })
    expect(files.names('/backup/journal').filter((name) => name.endsWith('.segz'))).toEqual([])
    expect(String(files.inodes.get('/backup/FORMAT')?.bytes)).toBe('turnlog 1\n')
    const store = await open(files)
    await write(store, 12, 15)
    await packed(files)
    await store.close()
    const second = await backUp(DIRECTORY, '/backup', { files })
    expect(second.kept.length).toBeGreaterThan(3)
    expect(second.digest).not.toBe(digest)
    expect((await restoreTo('/backup', '/restored', { files })).digest).toBe(second.digest)
  })
})

describe('a segment that is to be packed', () => {
  /** A closed journal that was never packed. */
  async function plain(): Promise<MemoryFiles> {
    const files = new MemoryFiles()
    const store = await open(files, { compress: undefined })
    await write(store, 0, 12)
    await store.close()
    return files
  }

  test('stays as it is if it has rotted, which is known from then on; the others are packed', async () => {
    const files = await plain()
    const [, second = ''] = names(files, '.seg')
    const { bytes } = files.inodes.get(pathOf(second)) as { bytes: Buffer }
    bytes[bytes.indexOf('text ')]! ^= 1
    const rotten = Buffer.from(bytes)
    const store = await open(files)
    expect(store.recovery.damage).toEqual([])
    await until(() => names(files, '.seg').length === 2 && store.recovery.damage.length > 0)
    expect(names(files, '.seg')[0]).toBe(second)
    expect(store.recovery.damage).toMatchObject([{ segment: second, reason: 'payload checksum of a frame does not check' }])
    expect(files.inodes.get(pathOf(second))?.bytes).toEqual(rotten)
    expect(names(files, '.tmp')).toEqual([])
    await store.close()
    await carryOut(await planRepair(DIRECTORY, { ...ADMIT, files }), { ...ADMIT, files })
    // What is known to be lost is not tried again.
    const tried: string[] = []
    files.fault = (call, path) => {
      if (call === 'open' && path.includes('.segz.')) tried.push(path)
      return undefined
    }
    const repaired = await open(files)
    await setTimeout(50)
    await repaired.close()
    expect(tried.filter((path) => path.includes(second))).toEqual([])
  })

  test.each([
    ['ENOSPC', 1],
    ['EIO', 4],
  ])('stays as it is where the disk takes no packed form (%s), and so many are tried in one life: %i', async (code, least) => {
    const files = new MemoryFiles()
    const tried = new Set<string>()
    files.fault = (call, path) => {
      if (call !== 'open' || !/segz\..*tmp$/.test(path)) return undefined
      tried.add(path.replace(/\..{12}\.tmp$/, ''))
      throw Object.assign(new Error(code), { code })
    }
    const store = await open(files)
    await write(store, 0, 12)
    await until(() => tried.size >= least)
    await setTimeout(20)
    await store.close()
    expect(names(files, '.segz')).toEqual([])
    expect(names(files, '.seg').length).toBeGreaterThan(5)
    expect(tried.size === 1).toBe(least === 1)
    files.fault = () => undefined
    expect(await read(files)).toEqual({ read: TWELVE, gaps: 0, ok: true })
  })

  test('stays as it is while the disk does not let it be looked at, and nothing else fails for it', async () => {
    const files = new MemoryFiles()
    const store = await open(files)
    const [first = ''] = names(files, '.seg')
    const stat = files.stat.bind(files)
    files.stat = (path) => {
      if (path === pathOf(first)) throw Object.assign(new Error('EIO: it cannot be looked at'), { code: 'EIO' })
      return stat(path)
    }
    await write(store, 0, 12)
    await until(() => names(files, '.seg').length === 2)
    expect(names(files, '.seg')[0]).toBe(first)
    files.stat = stat
    expect((await contents(store)).commits).toHaveLength(12)
    await store.close()
    const again = await open(files)
    await packed(files)
    await again.close()
  })

  test('stays as it is if what was packed is not what is in it', async () => {
    const files = await plain()
    const count = names(files, '.seg').length
    // Every write of a packed segment loses a bit on its way.
    files.fault = (call, path) => {
      const temporary = [...files.inodes].find(([name]) => name.includes('.segz.'))?.[1]
      if (call === 'open' && path.includes('.segz.') && temporary !== undefined && temporary.bytes.length > 50) temporary.bytes[45]! ^= 1
      return undefined
    }
    const store = await open(files)
    await setTimeout(50)
    await store.close()
    expect(names(files, '.segz')).toEqual([])
    expect(names(files, '.tmp')).toEqual([])
    expect(names(files, '.seg').length).toBe(count)
    expect(store.recovery.damage).toEqual([])
    files.fault = () => undefined
    expect(await read(files)).toEqual({ read: TWELVE, gaps: 0, ok: true })
  })

  test.each(['ENOSPC', 'EIO'])('stays as it is where a write says %s, and the journal takes appends all the while', async (code) => {
    const files = await plain()
    files.fault = (call, path) => {
      if (call === 'write' && path.includes('.segz')) throw Object.assign(new Error(code), { code })
      return undefined
    }
    const store = await open(files)
    await write(store, 12, 15)
    await setTimeout(50)
    await store.close()
    expect(names(files, '.segz').length + names(files, '.tmp').length).toBe(0)
    expect(files.opened).toBe(0)
    files.fault = () => undefined
    const again = await open(files)
    await packed(files)
    await again.close()
    expect((await read(files)).read.length).toBe(15)
  })

  test('counts as long as it is there, and is packed once more in place of what a death left beside it', async () => {
    const files = await plain()
    const [first = ''] = names(files, '.seg')
    files.inodes.set(pathOf(`${first}z`), { bytes: Buffer.from('what a death left'), lock: undefined })
    const reader = await open(files, { readOnly: true })
    expect(numbers((await contents(reader)).commits)).toEqual(TWELVE)
    await reader.close()
    const store = await open(files)
    await packed(files)
    await store.close()
    expect(files.inodes.get(pathOf(`${first}z`))?.bytes.subarray(0, 4)).toEqual(Buffer.from('TLZ1'))
    expect(await read(files)).toEqual({ read: TWELVE, gaps: 0, ok: true })
  })
})

describe('a packed segment that is damaged', () => {
  const hurts: [what: string, hurt: (bytes: Buffer) => Buffer][] = [
    ['has a block that does not check', (bytes) => Buffer.from(bytes).fill(0xee, 40, 60)],
    ['says nothing of itself', (bytes) => Buffer.alloc(bytes.length)],
    ['is empty', () => Buffer.alloc(0)],
  ]

  test.each(hurts)('and %s is reported by its segment’s name, and everything else is read', async (_what, hurt) => {
    const files = await written()
    const [, second = ''] = names(files, '.segz')
    const inode = files.inodes.get(pathOf(second)) as { bytes: Buffer }
    inode.bytes = hurt(inode.bytes)
    const store = await open(files)
    const { commits, gaps } = await contents(store)
    const lost = TWELVE.filter((n) => !numbers(commits).includes(n))
    expect(lost.length).toBeGreaterThan(0)
    expect(lost.length).toBeLessThan(5)
    expect(gaps).toMatchObject([{ segment: second.slice(0, -1), firstPosition: lost[0]! + 1, lastPosition: lost.at(-1)! + 1 }])
    const { ok, damage } = await store.verify()
    expect(ok).toBe(false)
    expect(damage.map(({ segment }) => segment)).toEqual([second.slice(0, -1)])
    await store.close()
  })

  test.each(hurts)('and %s is repaired, or salvaged around', async (_what, hurt) => {
    const files = await written()
    const [, second = ''] = names(files, '.segz')
    const inode = files.inodes.get(pathOf(second)) as { bytes: Buffer }
    inode.bytes = hurt(inode.bytes)
    const around = (await read(files)).read
    expect(around.length).toBeLessThan(12)
    const { events } = await salvageInto(DIRECTORY, '/salvaged', { notes, files })
    expect(events).toBe(around.length)
    expect(String(files.inodes.get('/salvaged/FORMAT')?.bytes)).toBe('turnlog 1\n')
    const plan = await planRepair(DIRECTORY, { ...ADMIT, files })
    expect(plan.damage).toHaveLength(1)
    await carryOut(plan, { ...ADMIT, files })
    expect((await planRepair(DIRECTORY, { ...ADMIT, files })).damage).toEqual([])
    const { read: after, gaps, ok } = await read(files)
    expect({ after, gaps, ok }).toEqual({ after: around, gaps: 1, ok: true })
    expect(formatOf(files)).toBe('turnlog 1 packed\n')
  })

  test('has a FORMAT that says what the files are, once it is written again', async () => {
    const files = await written()
    files.inodes.set(`${DIRECTORY}/FORMAT`, { bytes: Buffer.from('nothing'), lock: undefined })
    const plan = await planRepair(DIRECTORY, { ...ADMIT, files })
    expect(plan.format).toBe(true)
    await carryOut(plan, { ...ADMIT, files })
    expect(formatOf(files)).toBe('turnlog 1 packed\n')
    expect(await read(files)).toEqual({ read: TWELVE, gaps: 0, ok: true })
  })
})
