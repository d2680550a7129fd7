/** The file port on Node's own file system: what is made is the owner's alone, what is no file is refused, and locks hold. */
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { blockingFiles, nodeFiles, removeTemporary, temporaryDirectory } from '../../src/storage/node-files.js'
import { temporary } from './support/journal.js'

const ports = [
  ['syncs elsewhere', nodeFiles],
  ['syncs at once', blockingFiles],
] as const

describe.each(ports)('a file port that %s', (_, files) => {
  test('writes and reads what it is asked to, and makes it durable', async () => {
    const path = join(temporary(), 'file')
    const file = await files.open(path, 'wx')
    const [small, large] = [Buffer.from('head'), Buffer.alloc((1 << 20) + 1, 'x')]
    expect(file.write(small, 0)).toBe(4)
    const later = file.write(large, 10)
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe(large.length)
    expect(file.write(Buffer.alloc(1 << 20, 'y'), 10)).toBe(1 << 20)
    expect(await file.datasync()).toBeUndefined()
    expect(await file.size()).toBe(large.length + 10)
    await file.close()
    await expect(files.open(path, 'wx')).rejects.toMatchObject({ code: 'EEXIST' })
    const again = await files.open(path, 'r')
    const into = Buffer.alloc(16)
    expect(again.read(into, 0)).toBe(16)
    expect(into.toString()).toBe('head\0\0\0\0\0\0yyyyyy')
    expect(again.read(into, large.length + 8)).toBe(2)
    expect(() => again.write(small, 0)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    await again.close()
    const both = await files.open(path, 'r+')
    expect([both.write(small, 2), both.read(into, 0)]).toEqual([4, 16])
    expect(into.toString('latin1', 0, 6)).toBe('hehead')
    await both.close()
  })

  test('tells that nothing was made durable', async () => {
    const file = await files.open(join(temporary(), 'file'), 'wx')
    await file.close()
    await expect(file.datasync()).rejects.toMatchObject({ code: expect.stringMatching(/^E/) as string })
  })

  test('holds a lock for one, also within this process, until its file is closed', async () => {
    const path = join(temporary(), 'file')
    await (await files.open(path, 'wx')).close()
    const [first, second] = [await files.open(path, 'r+'), await files.open(path, 'r+')]
    expect(second.tryLock('shared')).toBe(true)
    await second.close()
    expect(first.tryLock('exclusive')).toBe(true)
    const third = await files.open(path, 'r+')
    expect([third.tryLock('exclusive'), third.tryLock('shared')]).toEqual([false, false])
    // Who did not get it takes nothing away.
    await third.close()
    const fourth = await files.open(path, 'r+')
    expect(fourth.tryLock('exclusive')).toBe(false)
    await first.close()
    expect(fourth.tryLock('exclusive')).toBe(true)
    await fourth.close()
  })

  test('refuses what is no file, and does not wait for it', async () => {
    const directory = temporary()
    const [target, link, fifo] = [join(directory, 'target'), join(directory, 'link'), join(directory, 'fifo')]
    writeFileSync(target, '')
    symlinkSync(target, link)
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0)
    await expect(files.open(link, 'r')).rejects.toMatchObject({ code: 'ELOOP' })
    await expect(files.open(fifo, 'r')).rejects.toMatchObject({ code: 'EINVAL', message: `${fifo} is no file` })
    await expect(files.open(directory, 'r')).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await openedBelow(directory)).toEqual([])
  })
})

describe('a file port', () => {
  const files = nodeFiles

  test('makes what its owner alone may read', async () => {
    const directory = join(temporary(), 'new')
    await files.mkdir(directory)
    await (await files.open(join(directory, 'file'), 'wx')).close()
    const modeOf = (path: string): number => lstatSync(path).mode & 0o777
    expect([modeOf(directory), modeOf(join(directory, 'file'))]).toEqual([0o700, 0o600])
    await expect(files.mkdir(directory)).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('gives and takes names', async () => {
    const directory = temporary()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(directory, name)) as [string, string, string]
    writeFileSync(a, 'a')
    writeFileSync(c, 'c')
    await files.link(a, b)
    await expect(files.link(a, c)).rejects.toMatchObject({ code: 'EEXIST' })
    await files.rename(a, c)
    await files.syncDir(directory)
    expect((await files.readdir(directory)).toSorted()).toEqual(['b', 'c'])
    expect([readFileSync(b, 'utf8'), readFileSync(c, 'utf8'), files.exists(a), files.exists(b)]).toEqual(['a', 'a', false, true])
    await files.unlink(b)
    expect(files.exists(b)).toBe(false)
    await expect(files.syncDir(a)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await openedBelow(directory)).toEqual([])
  })

  test('says what stands under a name, and when it became another', async () => {
    const directory = temporary()
    const path = (name: string): string => join(directory, name)
    writeFileSync(path('file'), '1')
    mkdirSync(path('directory'))
    symlinkSync('file', path('link'))
    expect(spawnSync('mkfifo', [path('fifo')]).status).toBe(0)
    const server = createServer().listen(path('socket'))
    onTestFinished(() => void server.close())
    const kinds = ['file', 'directory', 'link', 'fifo', 'socket'].map((name) => files.stat(path(name))?.kind)
    expect(kinds).toEqual(['file', 'directory', 'symbolic link', 'FIFO', 'socket'])
    expect(files.stat('/dev/null')?.kind).toBe('device')
    expect(files.stat(path('nothing'))).toBeUndefined()
    const { mine, stamp } = files.stat(path('file'))!
    expect(mine).toBe(true)
    expect(files.stat(path('file'))?.stamp).toBe(stamp)
    writeFileSync(path('file'), '22')
    expect(files.stat(path('file'))?.stamp).not.toBe(stamp)
    expect(files.fileSystem(directory)).toBe(statfsSync(directory).type >>> 0)
  })

  test('says of what another user has that it is not ours', ({ skip }) => {
    if (process.getuid?.() !== 0) skip('needs root, to give a file away')
    const path = join(temporary(), 'file')
    writeFileSync(path, '')
    expect(spawnSync('chown', ['12345', path]).status).toBe(0)
    expect(files.stat(path)?.mine).toBe(false)
  })

  test('calls whoever watches a directory when it changes, until nobody does', async () => {
    const directory = temporary()
    let changes = 0
    const end = files.watch(directory, () => changes++)
    writeFileSync(join(directory, 'file'), '1')
    await expect.poll(() => changes).toBeGreaterThan(0)
    end()
    const nowhere = files.watch(join(directory, 'nothing'), () => changes++)
    expect(nowhere()).toBeUndefined()
  })

  test('makes room among the temporary files, and says where none can be made', async () => {
    const [before, place] = [process.env['TMPDIR'], temporary()]
    onTestFinished(() => {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    })
    process.env['TMPDIR'] = place
    const directory = temporaryDirectory()
    expect(directory.startsWith(`${place}/turnlog-`)).toBe(true)
    writeFileSync(join(directory, 'file'), '')
    await removeTemporary(directory)
    await removeTemporary(directory)
    expect(await files.readdir(place)).toEqual([])
    process.env['TMPDIR'] = join(place, 'nothing')
    const told = { code: 'JOURNAL_IO', details: { path: join(place, 'nothing'), errno: 'ENOENT' } }
    expect(() => temporaryDirectory()).toThrow(expect.objectContaining(told))
  })
})

/** What this process has open below a directory, where the system says so. */
async function openedBelow(directory: string): Promise<string[]> {
  if (!nodeFiles.exists('/proc/self/fd')) return []
  const { readlink } = await import('node:fs/promises')
  const links = await Promise.all((await nodeFiles.readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return links.filter((path) => path.startsWith(directory))
}
