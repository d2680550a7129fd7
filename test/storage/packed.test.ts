/** Packed segments as files: whatever becomes of one, its bytes are those of the segment, or zeros. */
import { basename } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fill, readFully, writeFully } from '../../src/storage/io.js'
import { openPacked, withPacked } from '../../src/storage/packed-files.js'
import { BLOCK_BYTES, pack } from '../../src/storage/packed.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { MemoryFiles } from './support/memory-files.js'

const DIRECTORY = '/journal'
const SEGMENT = `${DIRECTORY}/00000007-000000000100.seg`
const PACKED = `${SEGMENT}z`
const OTHER = `${DIRECTORY}/00000008-000000000100.seg`
/** What stands beside the blocks: a header at each end, an entry before each block and in the table, the table's checksum. */
const HEADER = 28
const ENTRY = 8

/** Bytes that compress, and of which no two blocks are the same. */
function text(length: number): Buffer {
  const words = Array.from({ length: Math.ceil(length / 5) }, (_, i) => String((i * 7919) % 10_007).padStart(4, '0'))
  return Buffer.from(words.join(' ').padEnd(length).slice(0, length))
}

async function packedFrom(bytes: Buffer): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  await files.mkdir(DIRECTORY)
  files.inodes.set(SEGMENT, { bytes, lock: undefined })
  const from = await files.open(SEGMENT, 'r')
  await fill(await files.open(PACKED, 'wx'), PACKED, async (to) => {
    let at = 0
    await pack(from, 7, bytes.length, async (piece) => {
      await writeFully(to, piece, at, PACKED)
      at += piece.length
    })
  })
  await from.close()
  files.inodes.delete(SEGMENT)
  return files
}

async function read(files: MemoryFiles, from = 0, length = 1 << 22): Promise<Buffer> {
  const file = await openPacked(files, PACKED, SEGMENT)
  const into = Buffer.alloc(length)
  const got = await readFully(file, into, from)
  await file.close()
  return into.subarray(0, got)
}

const packedBytes = (files: MemoryFiles): Buffer => files.inodes.get(PACKED)?.bytes as Buffer

/** Where the entries of the table lie, and the header behind them. */
function backOf(bytes: Buffer, blocks: number): number {
  return bytes.length - HEADER - 4 - blocks * ENTRY
}

describe(withSeed('a packed segment'), () => {
  test('gives back any part of what was packed', async () => {
    const edge = fc.constantFrom(0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES, 20 * BLOCK_BYTES + 7)
    const content = fc.oneof(
      edge.map(text),
      fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
    )
    const parts = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(content, parts, async (bytes, ranges) => {
        const files = await packedFrom(bytes)
        expect((await read(files)).equals(bytes)).toBe(true)
        for (const [a, b] of ranges) {
          const from = a % (bytes.length + 10)
          const length = 1 + (b % (bytes.length + 10))
          expect((await read(files, from, length)).equals(bytes.subarray(from, from + length))).toBe(true)
        }
        expect(files.opened).toBe(0)
      }),
      propertyParameters(40),
    )
  })

  test('with any bit turned over gives right bytes or zeros, block by block, and loses none for a bit beside the blocks', async () => {
    const bytes = Buffer.concat([Buffer.alloc(BLOCK_BYTES, 'ab'), Buffer.alloc(BLOCK_BYTES, 'cd'), text(1200)])
    const files = await packedFrom(bytes)
    const whole = packedBytes(files)
    /** Where the packed blocks lie. */
    const blocks: [from: number, to: number][] = []
    for (let at = HEADER + ENTRY; blocks.length < 3; at = (blocks.at(-1)?.[1] ?? 0) + ENTRY)
      blocks.push([at, at + whole.readUInt32LE(at - ENTRY)])
    expect(blocks[2]?.[1]).toBe(backOf(whole, 3))
    const wrong: string[] = []
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const hurt = Buffer.from(whole)
      hurt[bit >> 3]! ^= 1 << (bit & 7)
      files.inodes.set(PACKED, { bytes: hurt, lock: undefined })
      const got = await read(files, 0, bytes.length + 1)
      const expected = Buffer.from(bytes)
      const inBlock = blocks.findIndex(([from, to]) => bit >> 3 >= from && bit >> 3 < to)
      if (inBlock >= 0) expected.fill(0, inBlock * BLOCK_BYTES, Math.min((inBlock + 1) * BLOCK_BYTES, bytes.length))
      if (!got.equals(expected)) wrong.push(`bit ${bit}`)
    }
    expect(wrong).toEqual([])
  })

  test('of which either end is gone is read from the other; cut to any length it gives right bytes or zeros', async () => {
    const bytes = Buffer.concat([text(2 * BLOCK_BYTES), Buffer.from('the rest')])
    const files = await packedFrom(bytes)
    const whole = packedBytes(files)
    const put = (hurt: Buffer): void => void files.inodes.set(PACKED, { bytes: hurt, lock: undefined })
    put(Buffer.from(whole).fill(0xee, 0, HEADER + 4))
    expect((await read(files)).equals(bytes)).toBe(true)
    put(Buffer.from(whole).fill(0xee, backOf(whole, 3) + 1))
    expect((await read(files)).equals(bytes)).toBe(true)
    for (let length = 0; length < whole.length; length += length < 40 || length > whole.length - 120 ? 1 : 1013) {
      put(whole.subarray(0, length))
      const got = await read(files)
      expect(got.length).toBe(length < HEADER ? 0 : bytes.length)
      for (let i = 0; i < got.length; i += 509) if (got[i] !== 0) expect(got[i]).toBe(bytes[i])
    }
  })

  test('is not read as another segment’s, and no length in it is believed that it has no room for', async () => {
    const files = await packedFrom(text(100))
    const other = await openPacked(files, PACKED, OTHER)
    expect(await other.size()).toBe(0)
    const whole = packedBytes(files)
    for (const at of [0, whole.length - HEADER]) {
      whole.writeBigUInt64LE(2n ** 62n, at + 16)
      whole.writeUInt32LE(crc32(whole.subarray(at + 8, at + HEADER)), at + 4)
    }
    expect((await read(files)).length).toBe(0)
    // A block may say that it is larger than any block.
    const large = await packedFrom(text(100))
    packedBytes(large).writeUInt32LE(0xff_ff_ff_ff, HEADER)
    packedBytes(large).fill(0xee, backOf(packedBytes(large), 1))
    let longest = 0
    large.watched = (_path, _offset, length) => (longest = Math.max(longest, length))
    expect((await read(large)).equals(Buffer.alloc(100))).toBe(true)
    expect(longest).toBeLessThan(100)
  })

  test.each<[string, (block: Buffer) => Buffer]>([
    ['is nothing that was compressed', (block) => Buffer.alloc(block.length, 0xff)],
    ['is longer than the block it stands for', () => deflateRawSync(Buffer.alloc(BLOCK_BYTES + 1))],
    ['is shorter than the block it stands for', () => deflateRawSync(Buffer.alloc(BLOCK_BYTES - 1))],
  ])('of which a block %s gives zeros there, though its checksums are right', async (_, made) => {
    const bytes = text(BLOCK_BYTES + 100)
    const files = await packedFrom(bytes)
    const whole = packedBytes(files)
    const length = whole.readUInt32LE(HEADER)
    const block = made(whole.subarray(HEADER + ENTRY, HEADER + ENTRY + length))
    const entry = Buffer.alloc(ENTRY)
    entry.writeUInt32LE(block.length, 0)
    entry.writeUInt32LE(crc32(block), 4)
    const back = backOf(whole, 2)
    const table = Buffer.concat([entry, whole.subarray(back + ENTRY, back + 2 * ENTRY)])
    const crc = Buffer.alloc(4)
    crc.writeUInt32LE(crc32(table))
    const rest = whole.subarray(HEADER + ENTRY + length, back)
    const forged = Buffer.concat([whole.subarray(0, HEADER), entry, block, rest, table, crc, whole.subarray(-HEADER)])
    files.inodes.set(PACKED, { bytes: forged, lock: undefined })
    const expected = Buffer.from(bytes).fill(0, 0, BLOCK_BYTES)
    expect((await read(files)).equals(expected)).toBe(true)
  })

  test('stands under its segment’s name, and takes nothing', async () => {
    const files = await packedFrom(text(100))
    const seen = withPacked(files)
    expect(await seen.readdir(DIRECTORY)).toEqual([basename(PACKED), basename(SEGMENT)])
    expect(seen.exists(SEGMENT)).toBe(true)
    expect(seen.stat(SEGMENT)).toMatchObject({ kind: 'file', packed: true })
    expect(seen.stat(PACKED)).not.toHaveProperty('packed')
    expect(seen.exists(OTHER)).toBe(false)
    await expect(seen.open(SEGMENT, 'r+')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(seen.open(OTHER, 'r')).rejects.toMatchObject({ code: 'ENOENT' })
    files.inodes.set(`${DIRECTORY}/new`, { bytes: Buffer.alloc(0), lock: undefined })
    await expect(seen.link(`${DIRECTORY}/new`, SEGMENT)).rejects.toMatchObject({ code: 'EEXIST' })
    const file = await seen.open(SEGMENT, 'r')
    expect(() => file.write(Buffer.from('x'), 0)).toThrow(/only read/)
    await file.close()
    // Where the segment's own file is there, it counts.
    files.inodes.set(SEGMENT, { bytes: Buffer.from('its own'), lock: undefined })
    const own = await seen.open(SEGMENT, 'r')
    expect(await own.size()).toBe(7)
    expect(seen.stat(SEGMENT)).not.toHaveProperty('packed')
    await own.close()
  })
})

describe('a segment that lies there packed', () => {
  const bytes = text(20 * BLOCK_BYTES + 7)

  test('is found under its own name, and read, but not written', async () => {
    const files = await packedFrom(bytes)
    const port = withPacked(files)
    expect(await port.readdir(DIRECTORY)).toEqual([basename(PACKED), basename(SEGMENT)])
    expect([port.exists(SEGMENT), port.exists(PACKED), port.exists(OTHER)]).toEqual([true, true, false])
    expect([port.stat(SEGMENT), port.stat(PACKED), port.stat(OTHER)]).toEqual([
      { kind: 'file', mine: true, packed: true },
      { kind: 'file', mine: true },
      undefined,
    ])
    const file = await port.open(SEGMENT, 'r')
    expect(await file.size()).toBe(bytes.length)
    const sealed = expect.objectContaining({ code: 'EROFS' }) as Error
    expect(() => file.write(Buffer.alloc(1), 0)).toThrow(sealed)
    expect(() => file.tryLock('shared')).toThrow(sealed)
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EROFS' })
    await file.close()
    for (const flag of ['r+', 'wx'] as const)
      await expect(withPacked(files).open(`${DIRECTORY}/nothing/x`, flag)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(port.open(SEGMENT, 'r+')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(port.open(OTHER, 'r')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(files.opened).toBe(0)
  })

  test('is read as it was written where both are there, and takes no name from another', async () => {
    const files = await packedFrom(bytes)
    const port = withPacked(files)
    files.inodes.set(OTHER, { bytes: Buffer.from('other'), lock: undefined })
    await expect(port.link(OTHER, SEGMENT)).rejects.toMatchObject({ code: 'EEXIST' })
    await port.link(OTHER, `${DIRECTORY}/head`)
    files.inodes.set(SEGMENT, { bytes: Buffer.from('plain'), lock: undefined })
    expect(port.stat(SEGMENT)).toEqual({ kind: 'file', mine: true })
    const file = await port.open(SEGMENT, 'r')
    expect(await file.size()).toBe(5)
    await file.close()
    files.fault = (call) => {
      if (call === 'open') throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return undefined
    }
    await expect(port.open(SEGMENT, 'r')).rejects.toMatchObject({ code: 'EIO' })
  })

  test('is looked for twice only where any is packed', async () => {
    const files = await packedFrom(bytes)
    let looks = 0
    files.fault = (call) => void (call === 'readdir' && looks++)
    await withPacked(files).readdir(DIRECTORY)
    expect(looks).toBe(2)
    files.inodes.set(OTHER, { bytes: Buffer.alloc(0), lock: undefined })
    files.inodes.delete(PACKED)
    expect(await withPacked(files).readdir(DIRECTORY)).toEqual([basename(OTHER)])
    expect(looks).toBe(3)
  })

  test('is unpacked once for all who read a part of a block, and not kept for whoever has read it whole', async () => {
    const files = await packedFrom(bytes)
    const port = withPacked(files)
    const file = await port.open(SEGMENT, 'r')
    let reads = 0
    files.watched = () => void reads++
    const readsOf = async (from: number, length: number): Promise<number> => {
      reads = 0
      const into = Buffer.alloc(length)
      expect(await file.read(into, from)).toBe(length)
      expect(into.equals(bytes.subarray(from, from + length))).toBe(true)
      return reads
    }
    expect(await readsOf(10, 100)).toBe(1)
    expect(await readsOf(0, 10)).toBe(0)
    expect(await readsOf(BLOCK_BYTES - 1, 1)).toBe(0)
    expect(await readsOf(0, BLOCK_BYTES)).toBe(0)
    expect(await readsOf(BLOCK_BYTES, BLOCK_BYTES)).toBe(1)
    expect(await readsOf(BLOCK_BYTES, 1)).toBe(1)
    expect(await readsOf(BLOCK_BYTES - 5, 10)).toBe(0)
    expect(await readsOf(3 * BLOCK_BYTES - 5, 10)).toBe(2)
    expect(await readsOf(3 * BLOCK_BYTES, 10)).toBe(0)
    // Another who opens it is given what is kept.
    const again = await port.open(SEGMENT, 'r')
    reads = 0
    expect(await again.read(Buffer.alloc(1), 3 * BLOCK_BYTES)).toBe(1)
    await file.close()
    await again.close()
  })

  test('is read some blocks at a time, and not beyond its end', async () => {
    const files = await packedFrom(bytes)
    const file = await withPacked(files).open(SEGMENT, 'r')
    const into = Buffer.alloc(bytes.length)
    expect(await file.read(into, 5)).toBe(16 * BLOCK_BYTES - 5)
    expect(into.subarray(0, 16 * BLOCK_BYTES - 5).equals(bytes.subarray(5, 16 * BLOCK_BYTES))).toBe(true)
    expect(await file.read(into, 20 * BLOCK_BYTES)).toBe(7)
    expect([await file.read(into, bytes.length), await file.read(into, bytes.length + 10), await file.read(Buffer.alloc(0), 0)]).toEqual([
      0, 0, 0,
    ])
    await file.close()
  })
})
