/**
 * Packed segments: a sealed segment's bytes in blocks, each compressed by itself, so that any place of it is read without the rest.
 *
 *     header ‖ (length, CRC-32, block) … ‖ table of all lengths and CRC-32s ‖ CRC-32 of the table ‖ header
 *
 * What says where the blocks lie stands there twice, so that no damage in one place costs more than the block it is in.
 */
import { promisify } from 'node:util'
import { crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { setImmediate } from 'node:timers/promises'
import type { FileHandle } from './files.js'
import { readFully } from './io.js'

export const BLOCK_BYTES = 1 << 16
/** So many blocks at once are worth a trip to other threads. */
export const THREADS_FROM = 4

const deflated = promisify(deflateRaw)
const inflated = promisify<Buffer, ZlibOptions, Buffer>(inflateRaw)

const MAGIC = 0x315a4c54
const HEADER_BYTES = 28
const ENTRY_BYTES = 8
const CRC_BYTES = 4
/** Deflate makes nothing longer than this of a block. */
const PACKED_MAX = BLOCK_BYTES + 64

/** A block as it lies in the file. */
export interface PackedBlock {
  offset: number
  /** 0 where nothing says where it lies. */
  length: number
  crc: number
}

export interface PackedLayout {
  /** Length of the segment. */
  bytes: number
  blocks: PackedBlock[]
}

/** Hands out the packed form of the first `bytes` of a segment, piece by piece. What the file does not have counts as zeros. */
export async function pack(from: FileHandle, number: number, bytes: number, emit: (piece: Buffer) => Promise<void>): Promise<void> {
  const header = encodeHeader(number, bytes)
  const entries: Buffer[] = []
  await emit(header)
  const threads = bytes > THREADS_FROM * BLOCK_BYTES
  const buffer = Buffer.alloc(BLOCK_BYTES)
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    const block = buffer.subarray(0, Math.min(BLOCK_BYTES, bytes - at))
    block.fill(0, await readFully(from, block, at))
    const packed = threads ? await deflated(block) : deflateRawSync(block)
    const entry = Buffer.alloc(ENTRY_BYTES)
    entry.writeUInt32LE(packed.length, 0)
    entry.writeUInt32LE(crc32(packed), 4)
    entries.push(entry)
    await emit(Buffer.concat([entry, packed]))
    await setImmediate()
  }
  const table = Buffer.concat(entries)
  const crc = Buffer.alloc(CRC_BYTES)
  crc.writeUInt32LE(crc32(table), 0)
  await emit(Buffer.concat([table, crc, header]))
}

/** Where the blocks of a packed segment lie; undefined where neither of its headers checks. */
export async function readLayout(file: FileHandle, number: number): Promise<PackedLayout | undefined> {
  const size = await file.size()
  const bytes = (await lengthAt(file, 0, size, number)) ?? (await lengthAt(file, size - HEADER_BYTES, size, number))
  if (bytes === undefined) return undefined
  const count = Math.ceil(bytes / BLOCK_BYTES)
  return { bytes, blocks: (await fromTable(file, size, count)) ?? (await fromBlocks(file, count)) }
}

/** The bytes of a block; undefined where they do not check. */
export async function unpack(packed: Buffer, crc: number, bytes: number, threads: boolean): Promise<Buffer | undefined> {
  if (packed.length === 0 || crc32(packed) !== crc) return undefined
  const options = { chunkSize: BLOCK_BYTES, maxOutputLength: BLOCK_BYTES }
  try {
    const block = threads ? await inflated(packed, options) : inflateRawSync(packed, options)
    return block.length === bytes ? block : undefined
  } catch {
    // Whoever wrote a checksum for this did not write what it stands for.
    return undefined
  }
}

function encodeHeader(number: number, bytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(MAGIC, 0)
  header.writeBigUInt64LE(BigInt(number), 8)
  header.writeBigUInt64LE(BigInt(bytes), 16)
  header.writeUInt32LE(BLOCK_BYTES, 24)
  header.writeUInt32LE(crc32(header.subarray(8)), 4)
  return header
}

/** The segment's length, as a header says it that checks and is of this segment. No length is believed that the file has no room for. */
async function lengthAt(file: FileHandle, at: number, size: number, number: number): Promise<number | undefined> {
  const header = Buffer.alloc(HEADER_BYTES)
  if (at < 0 || (await readFully(file, header, at)) < HEADER_BYTES) return undefined
  if (header.readUInt32LE(0) !== MAGIC || header.readUInt32LE(4) !== crc32(header.subarray(8))) return undefined
  if (header.readBigUInt64LE(8) !== BigInt(number) || header.readUInt32LE(24) !== BLOCK_BYTES) return undefined
  const bytes = Number(header.readBigUInt64LE(16))
  return Math.ceil(bytes / BLOCK_BYTES) * ENTRY_BYTES > size ? undefined : bytes
}

async function fromTable(file: FileHandle, size: number, count: number): Promise<PackedBlock[] | undefined> {
  const table = Buffer.alloc(count * ENTRY_BYTES + CRC_BYTES)
  const at = size - HEADER_BYTES - table.length
  if (at < 0 || (await readFully(file, table, at)) < table.length) return undefined
  const entries = table.subarray(0, -CRC_BYTES)
  if (crc32(entries) !== table.readUInt32LE(entries.length)) return undefined
  let offset = HEADER_BYTES
  return Array.from({ length: count }, (_, i) => {
    const block = blockAt(entries.subarray(i * ENTRY_BYTES), offset)
    offset = block.offset + block.length
    return block
  })
}

/** The same from what stands before each block, as far as that leads from one to the next. */
async function fromBlocks(file: FileHandle, count: number): Promise<PackedBlock[]> {
  const blocks: PackedBlock[] = []
  const entry = Buffer.alloc(ENTRY_BYTES)
  for (let offset = HEADER_BYTES, leads = true; blocks.length < count;) {
    entry.fill(0, leads ? await readFully(file, entry, offset) : 0)
    const block = blockAt(entry, offset)
    leads &&= block.length > 0
    offset = block.offset + block.length
    blocks.push(block)
  }
  return blocks
}

function blockAt(entry: Buffer, offset: number): PackedBlock {
  const length = entry.readUInt32LE(0)
  return { offset: offset + ENTRY_BYTES, length: length > PACKED_MAX ? 0 : length, crc: entry.readUInt32LE(4) }
}
