/** Reads and writes that are whole or fail, files that appear whole or not at all, and what is thrown where several things fail. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { JournalError } from '../../src/errors.js'
import type { Clock, FileHandle } from '../../src/storage/files.js'
import {
  chunksOf,
  closeAll,
  coded,
  giveUp,
  hasCode,
  hashOf,
  makeDirectory,
  placeFile,
  readFully,
  removeFile,
  replaceFile,
  TEMPORARY,
  writeFully,
} from '../../src/storage/io.js'
import { all } from '../support/all.js'
import { MemoryFiles, type Call } from './support/memory-files.js'

const PATH = '/file'
const clock: Clock = { now: () => 0, random: (bytes) => new Uint8Array(bytes).fill(7) }

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** A file of which no call reads or writes more than `most` bytes, at once or later. */
function file(content: Buffer, most: number, later = false): FileHandle & { reads: number } {
  const soon = (count: number): number | Promise<number> => (later ? Promise.resolve(count) : count)
  return {
    reads: 0,
    read(into, offset) {
      this.reads++
      return soon(content.copy(into, 0, offset, Math.min(offset + most, offset + into.length)))
    },
    write: (bytes) => soon(Math.min(most, bytes.length)),
    datasync: async () => {},
    size: async () => content.length,
    tryLock: () => true,
    close: async () => {},
  }
}

async function filesWith(...names: string[]): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  for (const name of names) await (await files.open(name, 'wx')).close()
  return files
}

/** Fails every call of a kind, of one path or of any. */
function failing(files: MemoryFiles, which: Call, code = 'EIO', of = ''): void {
  files.fault = (call, path) => {
    if (call === which && path.startsWith(of)) throw failure(code)
    return undefined
  }
}

describe('a read', () => {
  const content = Buffer.from('0123456789')

  test.each([
    { most: 100, wanted: 6, from: 2, got: '234567', reads: 1 },
    { most: 4, wanted: 6, from: 2, got: '234567', reads: 2 },
    { most: 1, wanted: 3, from: 0, got: '012', reads: 3 },
    { most: 4, wanted: 8, from: 6, got: '6789', reads: 2 },
    { most: 4, wanted: 8, from: 10, got: '', reads: 1 },
  ])(
    'of $wanted bytes at $from, $most at most at once, goes on until it has all or the file ends',
    async ({ most, wanted, from, got, reads }) => {
      for (const later of [false, true]) {
        const open = file(content, most, later)
        const into = Buffer.alloc(wanted)
        const count = await readFully(open, into, from)
        expect(into.subarray(0, count).toString()).toBe(got)
        expect(open.reads).toBe(reads)
      }
    },
  )

  test('that a file answers at once is answered at once', () => {
    expect(readFully(file(content, 100), Buffer.alloc(4), 0)).toBe(4)
    expect(readFully(file(content, 100), Buffer.alloc(4), 10)).toBe(0)
  })

  test('of a part comes in chunks of a mebibyte that follow each other, as far as the file has it', async () => {
    const long = Buffer.alloc((2 << 20) + 1000, 'turnlog')
    const parts = async (from: number, to: number): Promise<{ at: number; length: number }[]> =>
      (await all(chunksOf(file(long, 1 << 30), from, to))).map(({ at, chunk }) => ({ at, length: chunk.length }))
    expect(await parts(10, 30)).toEqual([{ at: 10, length: 20 }])
    expect(await parts(10, 10)).toEqual([])
    expect(await parts(10, 10 + (1 << 20))).toEqual([{ at: 10, length: 1 << 20 }])
    expect(await parts(10, long.length + 50)).toEqual([
      { at: 10, length: 1 << 20 },
      { at: 10 + (1 << 20), length: 1 << 20 },
      { at: 10 + (2 << 20), length: 990 },
    ])
    const sum = createHash('sha256').update(long.subarray(5, 1_100_000)).digest('hex')
    expect((await hashOf(file(long, 1 << 16), 5, 1_100_000)).toString('hex')).toBe(sum)
  })
})

describe('a write', () => {
  const bytes = Buffer.alloc(8)

  test('that is whole is done, at once where the file answers at once', async () => {
    expect(writeFully(file(bytes, 8), bytes, 0, PATH)).toBeUndefined()
    await expect(writeFully(file(bytes, 8, true), bytes, 0, PATH)).resolves.toBeUndefined()
  })

  test('that is short is a full disk, and is not gone on with', async () => {
    const error = { code: 'JOURNAL_DISK_FULL', details: { path: PATH, errno: 'ENOSPC' } }
    const short = { ...error, cause: expect.objectContaining({ message: 'only 7 of 8 bytes were written' }) as Error }
    expect(() => writeFully(file(bytes, 7), bytes, 0, PATH)).toThrow(expect.objectContaining(short))
    await expect(writeFully(file(bytes, 7, true), bytes, 0, PATH)).rejects.toMatchObject(short)
  })

  test('that fails, at once or later, is told of with the file', async () => {
    const error = { code: 'JOURNAL_IO', details: { path: PATH, errno: 'EIO' } }
    const fails = (write: FileHandle['write']): FileHandle => ({ ...file(bytes, 8), write })
    const atOnce = fails(() => {
      throw failure('EIO')
    })
    expect(() => writeFully(atOnce, bytes, 0, PATH)).toThrow(expect.objectContaining(error))
    const later = fails(() => Promise.reject(failure('EIO')))
    await expect(writeFully(later, bytes, 0, PATH)).rejects.toMatchObject(error)
  })
})

test('what is not whole yet is known by its name', () => {
  for (const name of ['head.0123456789ab.tmp', 'a/b.seg.ffffffffffff.tmp']) expect(TEMPORARY.test(name)).toBe(true)
  for (const name of [
    'head',
    'head.tmp',
    'head.0123456789a.tmp',
    'head.0123456789ag.tmp',
    'head.0123456789ab.tmp.bak',
    'head.0123456789abxtmp',
  ])
    expect(TEMPORARY.test(name)).toBe(false)
})

describe('a file that appears', () => {
  const write = async (open: FileHandle): Promise<string> => {
    await open.write(Buffer.from('new'), 0)
    return 'written'
  }

  test('in the place of another has its name once it is durable, and nothing else is left', async () => {
    const files = await filesWith(PATH)
    const calls: string[] = []
    files.fault = (call, path) => void calls.push(`${call} ${TEMPORARY.test(path) ? 'temporary' : path}`)
    expect(await replaceFile(files, clock, PATH, write)).toBe('written')
    expect(calls).toEqual(['open temporary', 'write temporary', 'datasync temporary', `rename ${PATH}`, 'syncDir /'])
    expect([...files.inodes].map(([path, { bytes }]) => [path, bytes.toString()])).toEqual([[PATH, 'new']])
    expect(files.opened).toBe(0)
  })

  test.each(['write', 'datasync', 'rename'] as const)('in the place of another leaves that one where a %s fails', async (call) => {
    const files = await filesWith(PATH)
    failing(files, call)
    await expect(replaceFile(files, clock, PATH, write)).rejects.toThrow('EIO')
    expect([...files.inodes].map(([path, { bytes }]) => [path, bytes.toString()])).toEqual([[PATH, '']])
    expect(files.opened).toBe(0)
  })

  test('tells what failed first, also where what is left cannot be removed', async () => {
    const files = await filesWith(PATH)
    files.fault = (call) => {
      if (call === 'datasync' || call === 'unlink') throw failure(call === 'unlink' ? 'EROFS' : 'EIO')
      return undefined
    }
    await expect(replaceFile(files, clock, PATH, write)).rejects.toMatchObject({ code: 'EIO' })
  })

  test('where nothing may be has its name once it is durable, and takes no name that is taken', async () => {
    const files = await filesWith('/taken')
    const calls: string[] = []
    files.fault = (call, path) => void calls.push(`${call} ${TEMPORARY.test(path) ? 'temporary' : path}`)
    const placed = (path: string): Promise<void> => placeFile(files, clock, path, async (open) => void (await write(open)))
    await placed(PATH)
    expect(calls).toEqual(['open temporary', 'write temporary', 'datasync temporary', `link ${PATH}`, 'unlink temporary', 'syncDir /'])
    await expect(placed('/taken')).rejects.toMatchObject({ code: 'EEXIST' })
    expect([...files.inodes].map(([path, { bytes }]) => [path, bytes.toString()])).toEqual([
      ['/taken', ''],
      [PATH, 'new'],
    ])
    expect(files.opened).toBe(0)
  })
})

describe('a directory', () => {
  test('is made with those above it, and every name of them is made durable', async () => {
    const files = new MemoryFiles()
    const synced: string[] = []
    files.fault = (call, path) => void (call === 'syncDir' && synced.push(path))
    await makeDirectory(files, '/a/b/c')
    expect([...files.directories]).toEqual(['/', '/a', '/a/b', '/a/b/c'])
    expect(synced).toEqual(['/', '/a', '/a/b'])
  })

  test('that is there may have been made by somebody who died: its name is made durable', async () => {
    const files = new MemoryFiles()
    await files.mkdir('/a')
    const synced: string[] = []
    files.fault = (call, path) => void (call === 'syncDir' && synced.push(path))
    await makeDirectory(files, '/a')
    expect(synced).toEqual(['/'])
  })

  test.each(['mkdir', 'syncDir'] as const)('that cannot be made where a %s fails is told of by name', async (call) => {
    const files = new MemoryFiles()
    failing(files, call, 'EACCES')
    const told = { code: 'JOURNAL_IO', message: 'Creating the directory /a: EACCES', details: { path: '/a', errno: 'EACCES' } }
    await expect(makeDirectory(files, '/a')).rejects.toMatchObject(told)
  })

  test('is not asked for above the one that has nothing above it', async () => {
    const files = new MemoryFiles()
    failing(files, 'mkdir', 'ENOENT')
    await expect(makeDirectory(files, '/')).rejects.toMatchObject({ code: 'JOURNAL_IO', details: { path: '/', errno: 'ENOENT' } })
  })
})

describe('closing', () => {
  const closing = (closed: string[], name: string, error?: Error) => ({
    close: async () => {
      closed.push(name)
      if (error !== undefined) throw error
    },
  })

  test('goes on where one cannot be closed, and what failed first is thrown', async () => {
    const closed: string[] = []
    const given = [closing(closed, 'a'), undefined, closing(closed, 'b', failure('EIO')), closing(closed, 'c', failure('EBADF'))]
    await expect(closeAll(given)).rejects.toMatchObject({ code: 'EIO' })
    expect(closed).toEqual(['a', 'b', 'c'])
    await expect(closeAll(given.slice(0, 2))).resolves.toBeUndefined()
  })

  test('where something failed throws that, whatever fails besides', async () => {
    const closed: string[] = []
    const first = failure('ENOSPC')
    await expect(giveUp(first, [closing(closed, 'a', failure('EIO')), closing(closed, 'b')])).rejects.toBe(first)
    await expect(giveUp(first, [closing(closed, 'c')])).rejects.toBe(first)
    expect(closed).toEqual(['a', 'b', 'c'])
  })
})

describe('an error', () => {
  test('of the system becomes one of ours, every other stays as it is', () => {
    const ours = coded(failure('EIO'), 'Opening', PATH)
    expect(ours).toBeInstanceOf(JournalError)
    expect(ours).toMatchObject({ code: 'JOURNAL_IO', message: `Opening ${PATH}: EIO`, details: { path: PATH, errno: 'EIO' } })
    const others = [new Error('no code'), Object.assign(new TypeError('misuse'), { code: 'ERR_INVALID_ARG_TYPE' }), undefined, { code: 5 }]
    for (const other of others) expect(coded(other, 'Opening', PATH)).toBe(other)
  })

  test('has a code or not, whatever was thrown', () => {
    expect([failure('EIO'), failure('ENOENT'), new Error('EIO'), 'EIO', undefined].map((error) => hasCode(error, 'EIO'))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })

  test('that says that a file is gone already is none where it is to be removed', async () => {
    const files = await filesWith(PATH)
    await removeFile(files, PATH)
    expect([...files.inodes]).toEqual([])
    await expect(removeFile(files, PATH)).resolves.toBeUndefined()
    failing(files, 'unlink', 'EACCES')
    await expect(removeFile(files, PATH)).rejects.toMatchObject({ code: 'JOURNAL_IO', message: `Removing ${PATH}: EACCES` })
  })
})
