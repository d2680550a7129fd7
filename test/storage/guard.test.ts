/** Ports before the port: one that refuses what is not a journal's own, and one that gives what is left where a disk gives no more. */
import { describe, expect, test } from 'vitest'
import { handleOver } from '../../src/storage/delegate.js'
import type { FileHandle, Files, Stat } from '../../src/storage/files.js'
import { guarded, mustBeFile } from '../../src/storage/guard.js'
import { tolerant, type Unread } from '../../src/storage/tolerant-files.js'
import { MemoryFiles } from './support/memory-files.js'

const ROOT = '/home/journal'
const SEGMENT = `${ROOT}/journal/00000001-000000000001.seg`

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** Files in which names stand for something else than they are. */
class Odd extends MemoryFiles {
  readonly odd = new Map<string, Stat>()

  override stat(path: string): Stat | undefined {
    return this.odd.get(path) ?? super.stat(path)
  }
}

async function journal(): Promise<Odd> {
  const files = new Odd()
  for (const path of ['/home', ROOT, `${ROOT}/journal`]) await files.mkdir(path)
  for (const path of [SEGMENT, '/home/other']) files.inodes.set(path, { bytes: Buffer.alloc(10_000, 'x'), lock: undefined })
  return files
}

const misplaced = (path: string, kind: string, wanted: string) => ({
  code: 'JOURNAL_IO',
  message: `${path} is a ${kind} where a journal has a ${wanted} of its own. Nothing was opened; remove it, or put back what belongs there.`,
  details: { path },
})

const foreign = (path: string) => ({
  code: 'JOURNAL_IO',
  message: `${path} belongs to another user. Nothing was opened; run as that user, or make it yours (chown) first.`,
  details: { path },
})

describe('a guard', () => {
  test.each(['symbolic link', 'directory', 'FIFO', 'socket', 'device'] as const)('refuses a %s in the place of a file', async (kind) => {
    const files = await journal()
    const guard = guarded(files, ROOT)
    files.odd.set(SEGMENT, { kind, mine: true })
    await expect(guard.open(SEGMENT, 'r')).rejects.toMatchObject(misplaced(SEGMENT, kind, 'file'))
    expect(() => mustBeFile(files, SEGMENT)).toThrow(expect.objectContaining(misplaced(SEGMENT, kind, 'file')))
    expect(files.opened).toBe(0)
  })

  test('refuses what another user has, a file as well as a directory above it', async () => {
    for (const path of [SEGMENT, `${ROOT}/journal`, `${ROOT}/.`]) {
      const files = await journal()
      const { kind } = files.stat(path) as Stat
      files.odd.set(path, { kind, mine: false })
      await expect(guarded(files, ROOT).open(SEGMENT, 'r')).rejects.toMatchObject(foreign(path.replace('/.', '')))
    }
  })

  test.each([
    ['its own', `${ROOT}/.`, ROOT],
    ['one within', `${ROOT}/journal`, `${ROOT}/journal`],
  ])('refuses what stands in the place of a directory: %s', async (_, path, named) => {
    const files = await journal()
    const guard = guarded(files, ROOT)
    files.odd.set(path, { kind: 'file', mine: true })
    const refusal = misplaced(named, 'file', 'directory')
    await expect(guard.open(SEGMENT, 'r')).rejects.toMatchObject(refusal)
    await expect(guard.readdir(`${ROOT}/journal/`)).rejects.toMatchObject(refusal)
    await expect(guard.mkdir(`${ROOT}/journal`)).rejects.toMatchObject(refusal)
  })

  test('lets the journal’s own directory be reached through a link, named with or without a slash', async () => {
    for (const directory of [ROOT, `${ROOT}/`, `${ROOT}//`]) {
      const files = await journal()
      files.odd.set(ROOT, { kind: 'symbolic link', mine: true })
      const guard = guarded(files, directory)
      expect(await guard.readdir(ROOT)).toEqual(['journal'])
      await (await guard.open(SEGMENT, 'r')).close()
      await expect(guard.mkdir(ROOT)).rejects.toMatchObject({ code: 'EEXIST' })
    }
  })

  test('asks nothing of directories that are not the journal’s, and lets the system say what is not there', async () => {
    const files = await journal()
    files.odd.set('/home', { kind: 'symbolic link', mine: false })
    const guard = guarded(files, ROOT)
    await (await guard.open('/home/other', 'r')).close()
    expect(await guard.readdir('/home')).toEqual(['journal', 'other'])
    await expect(guard.mkdir('/home')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(guard.open(`${ROOT}/nothing`, 'r')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(guard.open(`${ROOT}/nothing/of it`, 'r')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(() => mustBeFile(files, `${ROOT}/nothing`)).not.toThrow()
    expect(() => mustBeFile(files, SEGMENT)).not.toThrow()
    files.odd.set(`${ROOT}-of another`, { kind: 'directory', mine: false })
    files.inodes.set(`${ROOT}-of another/file`, { bytes: Buffer.alloc(1), lock: undefined })
    await (await guard.open(`${ROOT}-of another/file`, 'r')).close()
  })

  test('lets a directory be made, and tells what fails besides', async () => {
    const files = await journal()
    const guard = guarded(files, ROOT)
    await guard.mkdir(`${ROOT}/backups`)
    expect(files.stat(`${ROOT}/backups`)?.kind).toBe('directory')
    files.odd.set(`${ROOT}/.`, { kind: 'file', mine: true })
    await expect(guard.mkdir(`${ROOT}/no/more`)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a reader of what is left', () => {
  /** Files of which sectors cannot be read. */
  class Rotten extends MemoryFiles {
    readonly bad = new Set<number>()
    code = 'EIO'
    sizeFails = false

    override async open(path: string, flag: 'r' | 'r+' | 'wx'): Promise<FileHandle> {
      const file = await super.open(path, flag)
      return handleOver(file, {
        read: (into, offset) => {
          for (let at = Math.floor(offset / 4096); at * 4096 < offset + into.length; at++) if (this.bad.has(at)) throw failure(this.code)
          return file.read(into, offset)
        },
        size: () => (this.sizeFails ? Promise.reject(failure(this.code)) : file.size()),
      })
    }
  }

  async function rotten(): Promise<{ files: Rotten; unread: Unread[]; port: Files }> {
    const [files, unread]: [Rotten, Unread[]] = [new Rotten(), []]
    for (const path of ['/home', ROOT, `${ROOT}/journal`]) await files.mkdir(path)
    files.inodes.set(SEGMENT, { bytes: Buffer.alloc(10_000, 'x'), lock: undefined })
    return { files, unread, port: tolerant(files, ROOT, (what) => unread.push(what)) }
  }

  /** All of a file, read with calls of so many bytes. */
  async function contentOf(port: Files, step: number): Promise<string> {
    const file = await port.open(SEGMENT, 'r')
    const parts: Buffer[] = []
    for (let at = 0; ;) {
      const into = Buffer.alloc(step)
      const got = await file.read(into, at)
      if (got === 0) break
      parts.push(into.subarray(0, got))
      at += got
    }
    await file.close()
    return Buffer.concat(parts)
      .toString()
      .replace(/(.)\1*/gs, (run) => `${run[0] === '\0' ? '0' : run[0]}${run.length} `)
      .trim()
  }

  test.each(['EIO', 'EUCLEAN', 'EBADMSG'])('gets zeros for a sector that is %s, and all of every other', async (code) => {
    const { files, port } = await rotten()
    files.code = code
    expect(await contentOf(port, 10_000)).toBe('x10000')
    for (const [bad, content] of [
      [[0], '04096 x5904'],
      [[1], 'x4096 04096 x1808'],
      [[2], 'x8192 01808'],
      [[0, 2], '04096 x4096 01808'],
      [[0, 1, 2], '010000'],
    ] as const) {
      files.bad.clear()
      for (const one of bad) files.bad.add(one)
      for (const step of [10_000, 4096, 1000]) expect(await contentOf(port, step), `${bad.join()} by ${step}`).toBe(content)
    }
  })

  test('is told of every other error', async () => {
    const { files, port } = await rotten()
    files.bad.add(1)
    files.code = 'EAGAIN'
    await expect(contentOf(port, 4096)).rejects.toMatchObject({ code: 'EAGAIN' })
    files.fault = (call) => {
      if (call === 'open') throw failure('EMFILE')
      return undefined
    }
    await expect(port.open(SEGMENT, 'r')).rejects.toMatchObject({ code: 'EMFILE' })
  })

  test.each(['EIO', 'EUCLEAN', 'EBADMSG', 'EACCES', 'EPERM', 'ELOOP', 'ENXIO', 'ESTALE'])(
    'gets nothing of a file that is not opened (%s), and says so once',
    async (code) => {
      const { files, port, unread } = await rotten()
      files.fault = (call) => {
        if (call === 'open') throw failure(code)
        return undefined
      }
      for (let i = 0; i < 2; i++) {
        const file = await port.open(SEGMENT, 'r')
        expect([await file.read(Buffer.alloc(10), 0), await file.size(), file.tryLock('shared')]).toEqual([0, 0, true])
        expect(() => file.write(Buffer.alloc(1), 0)).toThrow('only read')
        expect(() => file.datasync()).toThrow('only read')
        await file.close()
      }
      expect(unread).toEqual([{ file: 'journal/00000001-000000000001.seg', reason: code }])
      await expect(port.open(SEGMENT, 'r+')).rejects.toMatchObject({ code })
    },
  )

  test('gets nothing of a file that does not say how long it is, or that is none of ours, and leaves none open', async () => {
    const { files, port, unread } = await rotten()
    files.sizeFails = true
    const file = await port.open(SEGMENT, 'r')
    expect([await file.size(), files.opened]).toEqual([0, 0])
    const odd = await journal()
    odd.odd.set(SEGMENT, { kind: 'FIFO', mine: true })
    expect(await (await tolerant(odd, ROOT, (what) => unread.push(what)).open(SEGMENT, 'r')).size()).toBe(0)
    expect(unread).toMatchObject([{ reason: 'EIO' }, { reason: expect.stringContaining('is a FIFO') as string }])
  })

  test('takes for a file what cannot be looked at, and reads a segment where it lies packed', async () => {
    const { files, port } = await rotten()
    files.stat = (path) => {
      if (path === SEGMENT) throw failure('EACCES')
      if (path === `${SEGMENT}.`) throw failure('EMFILE')
      return MemoryFiles.prototype.stat.call(files, path)
    }
    expect(port.stat(SEGMENT)).toEqual({ kind: 'file', mine: true })
    expect(() => port.stat(`${SEGMENT}.`)).toThrow('EMFILE')
    expect(port.stat(`${ROOT}/nothing`)).toBeUndefined()
    files.inodes.set(`${SEGMENT}z`, { bytes: Buffer.alloc(10), lock: undefined })
    files.fault = (call, path) => {
      if (call === 'open' && path === SEGMENT) throw failure('EIO')
      return undefined
    }
    await expect(port.open(SEGMENT, 'r')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
