/** The head file: two slots written in turn, of which the newer that checks is believed, and neither where neither does. */
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { encodeHead, encodeSlots, HeadFile, readMark, type HeadMark } from '../../src/storage/head-file.js'
import { MemoryFiles, type Call } from './support/memory-files.js'

const PATH = '/head'
const SLOT = 4096
const MARK = 112

function mark(position: number, clean = false): Omit<HeadMark, 'sequence'> {
  const [journal, digest] = [Buffer.alloc(16, 1), Buffer.alloc(32, position)]
  return { epoch: 3, segment: 4, end: 5000, group: 6, position, digest, journal, clean }
}

async function write(files: MemoryFiles, ...marks: Omit<HeadMark, 'sequence'>[]): Promise<void> {
  const head = await HeadFile.open(files, PATH, await HeadFile.read(files, PATH))
  for (const one of marks) await head.write(one)
  await head.sync()
  await head.close()
}

const bytesOf = (files: MemoryFiles): Buffer => files.inodes.get(PATH)?.bytes as Buffer

describe('a head file', () => {
  test('gives what was written last, in this life or in the one before', async () => {
    const files = new MemoryFiles()
    expect(await HeadFile.read(files, PATH)).toBeUndefined()
    await write(files, mark(1))
    expect(await HeadFile.read(files, PATH)).toEqual({ ...mark(1), sequence: 1 })
    await write(files, mark(2), mark(3))
    expect(await HeadFile.read(files, PATH)).toEqual({ ...mark(3), sequence: 3 })
    await write(files, mark(4, true))
    expect(await HeadFile.read(files, PATH)).toEqual({ ...mark(4, true), sequence: 4 })
    expect(files.opened).toBe(0)
  })

  test('is given a name that is durable before it vouches for anything, once', async () => {
    const files = new MemoryFiles()
    const calls: string[] = []
    files.fault = (call, path) => void (call === 'read' || calls.push(`${call} ${path}`))
    await write(files, mark(1))
    expect(calls).toEqual(['open /head', 'open /head', 'syncDir /', 'write /head', 'datasync /head'])
    calls.length = 0
    await write(files, mark(2))
    expect(calls).toEqual(['open /head', 'open /head', 'write /head', 'datasync /head'])
  })

  test('of which the newer slot rotted gives the older, and of which both did gives none', async () => {
    for (let newest = 2; newest <= 3; newest++) {
      const files = new MemoryFiles()
      await write(files, ...Array.from({ length: newest }, (_, i) => mark(i + 1)))
      const place = (sequence: number): number => (sequence % 2) * SLOT
      bytesOf(files)[place(newest) + 50]! ^= 1
      expect(await HeadFile.read(files, PATH)).toMatchObject({ sequence: newest - 1, position: newest - 1 })
      bytesOf(files)[place(newest - 1) + 111]! ^= 1
      expect(await HeadFile.read(files, PATH)).toBeUndefined()
    }
  })

  test('believes no slot that is no mark, whatever its checksum says', async () => {
    const whole = encodeHead(mark(7), 1)
    const said = async (edit: (bytes: Buffer) => void): Promise<number | undefined> => {
      const bytes = Buffer.from(whole)
      edit(bytes)
      bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
      const files = new MemoryFiles()
      files.inodes.set(PATH, { bytes, lock: undefined })
      return (await HeadFile.read(files, PATH))?.position
    }
    expect(await said(() => {})).toBe(7)
    expect(await said((bytes) => bytes.writeUInt32LE(0x12345678, 0))).toBeUndefined()
    for (let at = 8; at < 56; at += 8) {
      expect(await said((bytes) => bytes.writeBigUInt64LE(BigInt(Number.MAX_SAFE_INTEGER) + 1n, at)), `at ${at}`).toBeUndefined()
      expect(await said((bytes) => bytes.writeBigUInt64LE(BigInt(Number.MAX_SAFE_INTEGER), at)), `at ${at}`).toBeDefined()
    }
  })

  test('that says one thing says it in both its slots', async () => {
    const files = new MemoryFiles()
    const bytes = encodeSlots(mark(9, true))
    expect(bytes.length).toBe(SLOT + MARK)
    files.inodes.set(PATH, { bytes, lock: undefined })
    expect(await HeadFile.read(files, PATH)).toEqual({ ...mark(9, true), sequence: 2 })
    bytes.fill(0, 0, MARK)
    expect(await HeadFile.read(files, PATH)).toEqual({ ...mark(9, true), sequence: 1 })
    const open = await files.open(PATH, 'r')
    bytes.fill(0, SLOT)
    expect(await readMark(open)).toBeUndefined()
  })
})

describe('a head file on a disk that fails', () => {
  const failing = (files: MemoryFiles, which: Call, code: string): void => {
    files.fault = (call) => {
      if (call === which) throw Object.assign(new Error(code), { code })
      return undefined
    }
  }
  const told = (message: string) => ({ code: 'JOURNAL_IO', message, details: { path: PATH, errno: 'EIO' } })

  test('is told of by what was done, and leaves nothing open', async () => {
    const files = new MemoryFiles()
    failing(files, 'syncDir', 'EIO')
    await expect(HeadFile.open(files, PATH, undefined)).rejects.toMatchObject(told('Opening /head: EIO'))
    expect(files.opened).toBe(0)
    failing(files, 'open', 'EIO')
    await expect(HeadFile.open(files, PATH, undefined)).rejects.toMatchObject(told('Opening /head: EIO'))
    await expect(HeadFile.read(files, PATH)).rejects.toMatchObject(told('Opening /head: EIO'))
    failing(files, 'read', 'EIO')
    await expect(HeadFile.read(files, PATH)).rejects.toMatchObject(told('Reading /head: EIO'))
    expect(files.opened).toBe(0)
  })

  test('tells that a mark was not written, or not made durable', async () => {
    const files = new MemoryFiles()
    const head = await HeadFile.open(files, PATH, undefined)
    failing(files, 'datasync', 'EIO')
    await expect(head.sync()).rejects.toMatchObject(told('Syncing /head: EIO'))
    failing(files, 'write', 'EIO')
    expect(() => head.write(mark(1))).toThrow(expect.objectContaining(told('Writing /head: EIO')))
    await head.close()
    expect(files.opened).toBe(0)
  })
})
