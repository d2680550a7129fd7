/** One writer at a time: who waits, who is told no, and whose epoch ends all others. */
import { describe, expect, test } from 'vitest'
import type { FileHandle } from '../../src/storage/files.js'
import { beginEpoch, epochsOf, isLocked, lock } from '../../src/storage/lock.js'
import { Paths } from '../../src/storage/paths.js'
import { MemoryFiles, type Call } from './support/memory-files.js'

const paths = new Paths('/j')

async function place(...epochs: string[]): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  await files.mkdir('/j')
  for (const name of epochs) files.inodes.set(`/j/${name}`, { bytes: Buffer.alloc(0), lock: undefined })
  return files
}

function failing(files: MemoryFiles, which: Call, code: string): void {
  files.fault = (call) => {
    if (call === which) throw Object.assign(new Error(code), { code })
    return undefined
  }
}

const told = (message: string) => ({ code: 'JOURNAL_IO', message: `${message}: EIO` })
const taken = { code: 'JOURNAL_LOCKED', details: { directory: '/j' } }

describe('the writer’s lock', () => {
  test('is held by one until that one closes it, and is seen by who looks', async () => {
    const files = await place()
    expect(await isLocked(files, paths)).toBe(false)
    expect([...files.inodes.keys()]).toEqual([])
    const held = await lock(files, paths, 0)
    expect([...files.inodes.keys()]).toEqual(['/j/LOCK'])
    expect(await isLocked(files, paths)).toBe(true)
    await expect(lock(files, paths, 0)).rejects.toMatchObject(taken)
    await held.close()
    expect(await isLocked(files, paths)).toBe(false)
    await (await lock(files, paths, 0)).close()
    expect(files.opened).toBe(0)
  })

  test('is waited for as long as is said, and for a moment in any case', async () => {
    const files = await place()
    for (const [tries, waitMs] of [
      [2, 0],
      [4, 50],
    ] as const) {
      let refused = 0
      files.fault = (call) => {
        if (call === 'lock' && refused < tries) refused++
        return undefined
      }
      const held = await lock(files, paths, 0)
      const soon = lock(files, paths, waitMs)
      await expect.poll(() => refused, { interval: 1 }).toBe(tries)
      await held.close()
      await (await soon).close()
    }
    expect(files.opened).toBe(0)
  })

  test('is refused to who waited in vain', async () => {
    const files = await place()
    const held = await lock(files, paths, 0)
    for (const [waitMs, tries] of [
      [0, 3],
      [20, 3],
      [30, 4],
      [45, 6],
    ] as const) {
      let asked = 0
      files.fault = (call) => void (call === 'lock' && asked++)
      await expect(lock(files, paths, waitMs)).rejects.toMatchObject(taken)
      expect(asked).toBe(tries)
    }
    await held.close()
    expect(files.opened).toBe(0)
  })

  test('of a journal that was replaced meanwhile is taken again, of the one that is there now', async () => {
    const files = await place()
    await (await lock(files, paths, 0)).close()
    let replaced = 0
    files.fault = (call) => {
      if (call === 'lock' && replaced === 0) {
        replaced++
        files.inodes.set('/j/LOCK', { bytes: Buffer.alloc(0), lock: undefined })
      }
      return undefined
    }
    const held = await lock(files, paths, 0)
    expect(files.inodes.get('/j/LOCK')?.lock).toBe('exclusive')
    expect(files.opened).toBe(1)
    await held.close()
  })

  test('where locks do not work is taken for what it is: the epoch serves alone', async () => {
    const files = await place()
    const open = files.open.bind(files)
    files.open = async (path, flag): Promise<FileHandle> => Object.assign(await open(path, flag), { tryLock: () => true })
    await (await lock(files, paths, 0)).close()
    expect(files.opened).toBe(0)
  })

  test('is made by whoever comes first, when two come at once', async () => {
    const files = await place()
    let made = false
    files.fault = (call, path) => {
      if (call === 'open' && !made && !files.inodes.has(path)) {
        // Somebody else makes it between a look and the next.
        made = true
        queueMicrotask(() => files.inodes.set(path, { bytes: Buffer.alloc(0), lock: undefined }))
      }
      return undefined
    }
    await (await lock(files, paths, 0)).close()
    expect(files.opened).toBe(0)
  })

  test('that cannot be opened or asked for is told of, and leaves nothing open', async () => {
    const files = await place()
    failing(files, 'open', 'EIO')
    await expect(lock(files, paths, 0)).rejects.toMatchObject(told('Opening /j/LOCK'))
    await expect(isLocked(files, paths)).rejects.toMatchObject(told('Opening /j/LOCK'))
    files.fault = () => undefined
    await (await lock(files, paths, 0)).close()
    failing(files, 'lock', 'EIO')
    await expect(lock(files, paths, 0)).rejects.toMatchObject(told('Locking /j/LOCK'))
    await expect(isLocked(files, paths)).rejects.toMatchObject(told('Locking /j/LOCK'))
    expect(files.opened).toBe(0)
  })
})

describe('an epoch', () => {
  const epochs = (files: MemoryFiles): string[] => files.names('/j')

  test.each([
    { there: [], atLeast: 0, begun: 1 },
    { there: [], atLeast: 6, begun: 7 },
    { there: ['epoch-00000003', 'epoch-00000009'], atLeast: 5, begun: 10 },
    { there: ['epoch-00000003'], atLeast: 12, begun: 13 },
    { there: ['epoch-00000003', 'epoch-7', 'epoch-00000050.tmp', 'a epoch-00000050'], atLeast: 0, begun: 4 },
  ])('begins above every other ($there, at least $atLeast), and ends those', async ({ there, atLeast, begun }) => {
    const files = await place(...there)
    const calls: string[] = []
    files.fault = (call) => void calls.push(call)
    expect(await beginEpoch(files, paths, atLeast)).toBe(begun)
    expect(epochsOf(epochs(files))).toEqual([begun])
    expect(epochs(files).filter((name) => epochsOf([name]).length === 0)).toEqual(
      there.filter((name) => epochsOf([name]).length === 0).toSorted(),
    )
    // Nobody’s epoch ends before this one is durable.
    expect(calls.slice(0, 4)).toEqual(['readdir', 'open', 'syncDir', 'readdir'])
    expect(files.opened).toBe(0)
  })

  test('that another begins at the same time is left to that one, and the next is taken', async () => {
    const files = await place()
    files.fault = (call, path) => {
      if (call === 'open' && path.endsWith('1')) files.inodes.set(path, { bytes: Buffer.alloc(0), lock: undefined })
      return undefined
    }
    expect(await beginEpoch(files, paths, 0)).toBe(2)
    expect(epochs(files)).toEqual(['epoch-00000002'])
  })

  test('that somebody else ended meanwhile is ended', async () => {
    const files = await place('epoch-00000001')
    files.fault = (call, path) => void (call === 'unlink' && files.inodes.delete(path))
    expect(await beginEpoch(files, paths, 0)).toBe(2)
    expect(epochs(files)).toEqual(['epoch-00000002'])
  })

  test.each(['readdir', 'open', 'syncDir', 'unlink'] as const)('that cannot begin where a %s fails is told of', async (call) => {
    const files = await place('epoch-00000001')
    failing(files, call, 'EIO')
    await expect(beginEpoch(files, paths, 0)).rejects.toMatchObject(told('Beginning an epoch in /j'))
    expect(files.opened).toBe(0)
  })
})
