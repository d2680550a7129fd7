/**
 * Whether a table of LevelDB's is as LevelDB wrote it: it does not hold the checksums of its blocks against what it reads itself, and
 * where a bit is turned over it shows keys to one way of reading that it hides from another. What follows is its table format.
 */
import type { Files } from './files.js'
import { readFully } from './io.js'
import { readVarint, type VarintReader } from './varint.js'

const FOOTER_BYTES = 48
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
/** Behind each block: how it is compressed, and a checksum. */
const TRAILER_BYTES = 5
const PLAIN = 0
const SNAPPY = 1
/** LevelDB makes tables of some megabytes. */
const TABLE_BYTES_MAX = 256 << 20

interface Place {
  offset: number
  size: number
}

export async function isTableWhole(files: Files, path: string): Promise<boolean> {
  const file = await files.open(path, 'r')
  try {
    const size = await file.size()
    if (size < FOOTER_BYTES || size > TABLE_BYTES_MAX) return false
    const bytes = Buffer.allocUnsafe(size)
    return (await readFully(file, bytes, 0)) === size && isWhole(bytes)
  } finally {
    await file.close()
  }
}

/** Its blocks lie one behind the other, and fill it up: so every byte before the footer is under a checksum. */
function isWhole(bytes: Buffer): boolean {
  const end = bytes.length - FOOTER_BYTES
  if (!bytes.subarray(-MAGIC.length).equals(MAGIC)) return false
  try {
    const footer = { bytes, at: end }
    const directories = [placeIn(footer), placeIn(footer)]
    const blocks = [...directories, ...directories.flatMap((place) => placesIn(contentOf(bytes, place)))]
    let at = 0
    for (const place of blocks.toSorted((a, b) => a.offset - b.offset)) {
      if (place.offset !== at || !isIntact(bytes, place)) return false
      at += place.size + TRAILER_BYTES
    }
    return at === end
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function placeIn(reader: VarintReader): Place {
  return { offset: readVarint(reader), size: readVarint(reader) }
}

function isIntact(bytes: Buffer, { offset, size }: Place): boolean {
  const end = offset + size + 1
  return end + 4 <= bytes.length && masked(crc32c(bytes.subarray(offset, end))) === bytes.readUInt32LE(end)
}

/** @throws RangeError where the block is not as it was written */
function contentOf(bytes: Buffer, place: Place): Buffer {
  if (!isIntact(bytes, place)) throw new RangeError('a block does not check')
  const block = bytes.subarray(place.offset, place.offset + place.size)
  const kind = bytes[place.offset + place.size]
  if (kind !== PLAIN && kind !== SNAPPY) throw new RangeError('a block is compressed in an unknown way')
  return kind === SNAPPY ? unpacked(block) : block
}

/** Where the values of a block's entries say that other blocks lie. */
function placesIn(block: Buffer): Place[] {
  const places: Place[] = []
  const restarts = block.readUInt32LE(block.length - 4)
  const end = block.length - 4 - restarts * 4
  for (const reader = { bytes: block, at: 0 }; reader.at < end;) {
    readVarint(reader)
    const key = readVarint(reader)
    const value = readVarint(reader)
    const from = reader.at + key
    places.push(placeIn({ bytes: block, at: from }))
    reader.at = from + value
  }
  return places
}

/** Snappy: literals, and copies of what came before. */
function unpacked(packed: Buffer): Buffer {
  const reader = { bytes: packed, at: 0 }
  const into = Buffer.alloc(Math.min(readVarint(reader), TABLE_BYTES_MAX))
  let to = 0
  while (reader.at < packed.length) {
    const tag = packed.readUInt8(reader.at++)
    if ((tag & 3) === 0) {
      const length = lengthOf(tag >> 2, reader)
      to += packed.copy(into, to, reader.at, reader.at + length)
      reader.at += length
      continue
    }
    const [length, back] = copyOf(tag, reader)
    if (back === 0 || back > to) throw new RangeError('a copy from before the beginning')
    for (const end = Math.min(into.length, to + length); to < end; to++) into[to] = into[to - back] as number
  }
  return into
}

function lengthOf(said: number, reader: VarintReader): number {
  return said < 60 ? said + 1 : little(reader, said - 59) + 1
}

/** How much to copy, from how far back. */
function copyOf(tag: number, reader: VarintReader): [length: number, back: number] {
  if ((tag & 3) === 1) return [4 + ((tag >> 2) & 7), ((tag >> 5) << 8) | little(reader, 1)]
  return [1 + (tag >> 2), little(reader, (tag & 3) === 2 ? 2 : 4)]
}

function little(reader: VarintReader, bytes: number): number {
  const number = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset, reader.bytes.length).readUIntLE(reader.at, bytes)
  reader.at += bytes
  return number
}

/** CRC-32 of Castagnoli, a byte at a time. */
const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff
  for (let at = 0; at < bytes.length; at++) crc = (CRC32C[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** As LevelDB stores it, so that a checksum over checksums is none. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
