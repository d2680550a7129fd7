/**
 * Frames: how the bytes of one write group lie in a segment. docs/format.md draws this; the two change together.
 *
 *     header (96) · payload · padding of A5 · trailer (8), together a multiple of the alignment
 *
 * Header, little endian:
 *      0  magic "TLF1"          4  CRC-32 of bytes 8…95      8  kind        9  0      10  alignment (u16)
 *     12  records (u32)        16  group number (u64)       24  first position (u64)
 *     32  payload bytes (u32)  36  CRC-32 of the payload    40  journal id (16)
 *     56  events (u32)         60  0 (u32)                  64  history digest at the group's end (32)
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const HEADER_BYTES = 96
export const TRAILER_BYTES = 8
export const MAGIC_BYTES = Buffer.from('TLF1')
const MAGIC = MAGIC_BYTES.readUInt32LE(0)
const END = 0x31444e45
const PADDING = 0xa5

/** What a frame holds. Only data frames hold records and take positions. */
export const Kind = { segment: 1, data: 2, mark: 3, snapshot: 4, clean: 5, gap: 6 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]

export interface FrameHeader {
  kind: Kind
  /** Alignment of the frame's length in bytes. */
  align: number
  records: number
  events: number
  group: number
  firstPosition: number
  payloadBytes: number
  payloadCrc: number
  journalId: string
  digest: string
  /** Length of the whole frame in bytes. */
  bytes: number
}

export interface NewFrame {
  kind: Kind
  align: number
  records: number
  events: number
  group: number
  firstPosition: number
  journalId: string
  digest: string
}

/** Length of a frame with this payload. */
export function frameBytes(payloadBytes: number, align: number): number {
  return Math.ceil((HEADER_BYTES + payloadBytes + TRAILER_BYTES) / align) * align
}

export function encodeFrame(frame: NewFrame, payload: readonly Uint8Array[]): Buffer {
  const payloadBytes = payload.reduce((sum, part) => sum + part.length, 0)
  const bytes = Buffer.allocUnsafe(frameBytes(payloadBytes, frame.align))
  let at = HEADER_BYTES
  for (const part of payload) {
    bytes.set(part, at)
    at += part.length
  }
  bytes.fill(PADDING, at, bytes.length - TRAILER_BYTES)
  bytes.writeUInt32LE(~frame.group >>> 0, bytes.length - 8)
  bytes.writeUInt32LE(END, bytes.length - 4)
  writeHeader(bytes, frame, payloadBytes, crc32(bytes.subarray(HEADER_BYTES, at)))
  return bytes
}

function writeHeader(bytes: Buffer, frame: NewFrame, payloadBytes: number, payloadCrc: number): void {
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt8(frame.kind, 8)
  bytes.writeUInt8(0, 9)
  bytes.writeUInt16LE(frame.align, 10)
  bytes.writeUInt32LE(frame.records, 12)
  writeU64(bytes, frame.group, 16)
  writeU64(bytes, frame.firstPosition, 24)
  bytes.writeUInt32LE(payloadBytes, 32)
  bytes.writeUInt32LE(payloadCrc, 36)
  bytes.write(frame.journalId, 40, 'hex')
  bytes.writeUInt32LE(frame.events, 56)
  bytes.writeUInt32LE(0, 60)
  bytes.write(frame.digest, 64, 'hex')
  bytes.writeUInt32LE(crc32(bytes.subarray(8, HEADER_BYTES)), 4)
}

/** The header at an offset if it checks; says nothing of the rest of the frame. */
export function parseHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== MAGIC) return undefined
  if (crc32(bytes.subarray(at + 8, at + HEADER_BYTES)) !== bytes.readUInt32LE(at + 4)) return undefined
  const align = bytes.readUInt16LE(at + 10)
  const payloadBytes = bytes.readUInt32LE(at + 32)
  return {
    kind: bytes.readUInt8(at + 8) as Kind,
    align,
    records: bytes.readUInt32LE(at + 12),
    events: bytes.readUInt32LE(at + 56),
    group: readU64(bytes, at + 16),
    firstPosition: readU64(bytes, at + 24),
    payloadBytes,
    payloadCrc: bytes.readUInt32LE(at + 36),
    journalId: bytes.toString('hex', at + 40, at + 56),
    digest: bytes.toString('hex', at + 64, at + 96),
    bytes: frameBytes(payloadBytes, align),
  }
}

/** What is wrong with a frame whose header checks and whose bytes are all there; undefined if nothing is. */
export function bodyFault(bytes: Buffer, at: number, header: FrameHeader): string | undefined {
  const end = at + header.bytes
  const payloadEnd = at + HEADER_BYTES + header.payloadBytes
  if (crc32(bytes.subarray(at + HEADER_BYTES, payloadEnd)) !== header.payloadCrc) return 'the payload does not match its checksum'
  for (let i = payloadEnd; i < end - TRAILER_BYTES; i++) if (bytes[i] !== PADDING) return 'the padding is not as it was written'
  if (bytes.readUInt32LE(end - 8) !== ~header.group >>> 0 || bytes.readUInt32LE(end - 4) !== END) return 'the trailer is not as it was written'
  return undefined
}

/** SHA-256(previous digest ‖ first position ‖ payload): the history digest at the end of a data group. */
export function nextDigest(previous: string, firstPosition: number, payload: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(previous, 'hex')
  const position = Buffer.alloc(8)
  writeU64(position, firstPosition, 0)
  hash.update(position)
  for (const part of payload) hash.update(part)
  return hash.digest('hex')
}

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value >>> 0, at)
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}

export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)
}
