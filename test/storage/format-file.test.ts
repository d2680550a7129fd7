/** FORMAT: what it says is read as it is written, and what it does not say is refused by name. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/storage/files.js'
import { allowPacked, formatState, hasPacked, restoreFormat, writeFormat } from '../../src/storage/format-file.js'
import { Paths } from '../../src/storage/paths.js'
import { MemoryFiles } from './support/memory-files.js'

const paths = new Paths('/place')
const clock: Clock = { now: () => 0, random: (bytes) => new Uint8Array(bytes).fill(7) }

async function place(text?: string): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  await files.mkdir('/place')
  if (text !== undefined) files.inodes.set(paths.format, { bytes: Buffer.from(text), lock: undefined })
  return files
}

const said = (files: MemoryFiles): string | undefined => files.inodes.get(paths.format)?.bytes.toString()

describe('FORMAT', () => {
  test.each([
    ['turnlog 1\n', { format: 1, packed: false }],
    ['turnlog 1 packed\n', { format: 1, packed: true }],
  ])('%j is a format that is read', async (text, state) => {
    expect(await formatState(await place(text), paths, ['FORMAT'])).toEqual(state)
  })

  test.each([
    ['turnlog 2\n', { found: 2, supported: 1 }],
    ['turnlog 999999999 packed\n', { found: 999_999_999, supported: 1 }],
    ['turnlog 1 packed sealed\n', { found: 2, supported: 1 }],
    ['turnlog 1 twisted\n', { found: 2, supported: 1 }],
  ])('%j is one that a later program writes', async (text, details) => {
    await expect(formatState(await place(text), paths, ['FORMAT'])).rejects.toMatchObject({ code: 'JOURNAL_NEWER_FORMAT', details })
  })

  test.each([
    '',
    'turnlog 1',
    'turnlog 0\n',
    'turnlog 01\n',
    'turnlog 1000000000\n',
    'turnlog 1 \n',
    'turnlog 1  packed\n',
    'turnlog 1 PACKED\n',
    'turnlog 1 packed7\n',
    `turnlog 1 ${'p'.repeat(17)}\n`,
    ' turnlog 1\n',
    'turnlog 1\n\n',
    'journal 1\n',
    `turnlog 1\n${' '.repeat(100)}`,
  ])('%j says nothing, and is damage', async (text) => {
    const state = await formatState(await place(text), paths, ['FORMAT'])
    const damage = [{ segment: 'FORMAT', offset: 0, bytes: Math.min(64, text.length), firstPosition: 0 }]
    expect(state.fault).toMatchObject({ code: 'JOURNAL_DAMAGED', details: { directory: '/place', damage } })
  })

  test('that is missing is no journal, unless the directory holds nothing but what a creation leaves that was cut off', async () => {
    const files = await place()
    const remains = ['FORMAT.0123456789ab.tmp', 'LOCK', 'epoch-00000001']
    expect(await formatState(files, paths, [])).toEqual({ format: undefined, packed: false })
    expect(await formatState(files, paths, remains)).toEqual({ format: undefined, packed: false })
    for (const other of ['notes.txt', 'FORMAT.xyz.tmp', 'FORMAT.0123456789ab.tmp.txt', 'a FORMAT.0123456789ab.tmp', 'epoch-x']) {
      const { fault } = await formatState(files, paths, [...remains, other])
      expect(fault).toMatchObject({ code: 'JOURNAL_NOT_FOUND', details: { directory: '/place' } })
      expect(fault?.message).toContain(`holds ${JSON.stringify(other)} and no FORMAT`)
    }
  })

  test('that cannot be read is told of by name', async () => {
    const files = await place('turnlog 1\n')
    files.fault = (call) => {
      if (call === 'read') throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return undefined
    }
    const told = { code: 'JOURNAL_IO', message: 'Reading /place/FORMAT: EIO' }
    await expect(formatState(files, paths, ['FORMAT'])).rejects.toMatchObject(told)
    expect(files.opened).toBe(0)
  })

  test('is written once, and left as it is where somebody else wrote it first', async () => {
    const files = await place()
    await writeFormat(files, clock, paths)
    expect(said(files)).toBe('turnlog 1\n')
    files.inodes.get(paths.format)!.bytes = Buffer.from('turnlog 1 packed\n')
    await writeFormat(files, clock, paths)
    expect(said(files)).toBe('turnlog 1 packed\n')
    const broken = await place()
    broken.fault = (call) => {
      if (call === 'link') throw Object.assign(new Error('EROFS'), { code: 'EROFS' })
      return undefined
    }
    const told = { code: 'JOURNAL_IO', message: 'Creating /place/FORMAT: EROFS' }
    await expect(writeFormat(broken, clock, paths)).rejects.toMatchObject(told)
    expect(broken.inodes.size).toBe(0)
  })

  test('says that segments may be packed from when they are to be, and for ever', async () => {
    const files = await place('turnlog 1\n')
    expect(await allowPacked(files, clock, paths, false)).toBe(false)
    expect(said(files)).toBe('turnlog 1\n')
    expect(await allowPacked(files, clock, paths, true)).toBe(true)
    expect(said(files)).toBe('turnlog 1 packed\n')
    let replaced = 0
    files.fault = (call) => void (call === 'rename' && replaced++)
    expect(await allowPacked(files, clock, paths, true)).toBe(true)
    expect(await allowPacked(files, clock, paths, false)).toBe(true)
    expect({ replaced, said: said(files) }).toEqual({ replaced: 0, said: 'turnlog 1 packed\n' })
    await expect(allowPacked(await place('nothing'), clock, paths, true)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
  })

  test('cannot be said to allow it on a disk that takes nothing', async () => {
    const files = await place('turnlog 1\n')
    files.fault = (call) => {
      if (call === 'rename') throw Object.assign(new Error('EROFS'), { code: 'EROFS' })
      return undefined
    }
    const told = { code: 'JOURNAL_IO', message: 'Writing /place/FORMAT: EROFS' }
    await expect(allowPacked(files, clock, paths, true)).rejects.toMatchObject(told)
    await expect(restoreFormat(files, clock, paths)).rejects.toMatchObject(told)
    expect(said(files)).toBe('turnlog 1\n')
  })
})

describe('a FORMAT that is written again', () => {
  const kept = (text: string): string => `/place/quarantine/FORMAT.${createHash('sha256').update(text).digest('hex').slice(0, 16)}.bytes`

  test('leaves what it said in quarantine, once for the same words', async () => {
    const files = await place('garbage')
    await restoreFormat(files, clock, paths)
    expect(said(files)).toBe('turnlog 1\n')
    expect(files.inodes.get(kept('garbage'))?.bytes.toString()).toBe('garbage')
    files.inodes.set(paths.format, { bytes: Buffer.from('garbage'), lock: undefined })
    await restoreFormat(files, clock, paths)
    expect(said(files)).toBe('turnlog 1\n')
    expect([...files.inodes.keys()]).toEqual([paths.format, kept('garbage')])
  })

  test('is written where there was none, and nothing is kept', async () => {
    const files = await place()
    await restoreFormat(files, clock, paths)
    expect([...files.inodes.keys()]).toEqual([paths.format])
  })

  test('says that segments may be packed where some are', async () => {
    for (const [name, text] of [
      ['00000001-000000000001.seg', 'turnlog 1\n'],
      ['00000001-000000000001.segz', 'turnlog 1 packed\n'],
    ] as const) {
      const files = await place()
      await files.mkdir('/place/journal')
      files.inodes.set(`/place/journal/${name}`, { bytes: Buffer.alloc(0), lock: undefined })
      await restoreFormat(files, clock, paths)
      expect(said(files)).toBe(text)
    }
  })

  test('is not, where it cannot be known whether some are', async () => {
    const files = await place()
    await files.mkdir('/place/journal')
    files.fault = (call) => {
      if (call === 'readdir') throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return undefined
    }
    await expect(hasPacked(files, paths)).rejects.toMatchObject({ code: 'EIO' })
    await expect(restoreFormat(files, clock, paths)).rejects.toMatchObject({ code: 'JOURNAL_IO' })
    expect(said(files)).toBeUndefined()
  })
})
