/**
 * Frames: the bytes of one write group. Header, payload, padding, trailer; every byte of it is checked.
 * The layout is described, byte by byte, in docs/format.md.
 */
import { createHash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { laterFormat } from './format-file.js'

export const HEADER_BYTES = 96
export const TRAILER_BYTES = 8
/** A longer payload is none: nobody has to take more memory than this because a number says so. */
export const PAYLOAD_MAX = 256 << 20
const MAGIC = 0x31_46_4c_54
const TRAILER = 0x31_44_4e_45
const PADDING = 0xa5
const PADDED = Buffer.alloc(1 << 12, PADDING)

export const Kind = { segment: 1, data: 2, mark: 3, snapshot: 4, clean: 5, gap: 6 } as const
const LAST_KIND = Kind.gap

/** Bit of a frame's flags: the group was written again by a recovery, because nothing proved its first copy. */
export const REWRITTEN = 1

export interface FrameHeader {
  kind: number
  /** Alignment of the frame, as a power of two. */
  align: number
  flags: number
  /** Records in the payload; 0 for frames that are not data. */
  count: number
  /** Number of the frame in the journal, one more than the frame before. */
  group: number
  /** Position of the first event; in frames without events the position that the next event gets. */
  first: number
  length: number
  payloadCrc: number
  journal: Buffer
  /** Data: number of events. Segment header: sealed end of the segment before. Gap: how many positions it passes over. Else 0. */
  aux: number
  /** History digest after this frame. */
  digest: Buffer
}

/** A frame that checks, in a buffer that is valid until the next read. */
export interface Frame {
  header: FrameHeader
  offset: number
  end: number
  bytes: Buffer
  /** Where in `bytes` the payload begins. */
  at: number
}

export function payloadOf({ bytes, at, header }: Frame): Buffer {
  return bytes.subarray(at, at + header.length)
}

export function frameBytes(length: number, align: number): number {
  const unit = 1 << align
  return Math.ceil((HEADER_BYTES + length + TRAILER_BYTES) / unit) * unit
}

/** Completes a frame whose payload stands at `HEADER_BYTES` of `frame`, which has exactly the frame's size. */
export function sealFrame(frame: Buffer, header: Omit<FrameHeader, 'payloadCrc'>): void {
  const end = HEADER_BYTES + header.length
  frame.fill(PADDING, end, frame.length - TRAILER_BYTES)
  frame.writeUInt32LE(~header.group >>> 0, frame.length - TRAILER_BYTES)
  frame.writeUInt32LE(TRAILER, frame.length - 4)
  frame.writeUInt32LE(MAGIC, 0)
  frame[8] = header.kind
  frame[9] = header.align
  frame.writeUInt16LE(header.flags, 10)
  frame.writeUInt32LE(header.count, 12)
  writeU64(frame, header.group, 16)
  writeU64(frame, header.first, 24)
  frame.writeUInt32LE(header.length, 32)
  frame.writeUInt32LE(crc32(frame.subarray(HEADER_BYTES, end)), 36)
  header.journal.copy(frame, 40, 0, 16)
  writeU64(frame, header.aux, 56)
  header.digest.copy(frame, 64, 0, 32)
  frame.writeUInt32LE(crc32(frame.subarray(8, HEADER_BYTES)), 4)
}

/** A whole frame around a payload. */
export function makeFrame(header: Omit<FrameHeader, 'payloadCrc' | 'length'>, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameBytes(payload.length, header.align))
  frame.set(payload, HEADER_BYTES)
  sealFrame(frame, { ...header, length: payload.length })
  return frame
}

/**
 * The header at a place in a buffer that holds at least {@link HEADER_BYTES} from there; undefined if it does not check.
 * @throws JournalError JOURNAL_NEWER_FORMAT for one that checks and has a kind or flags of a later format.
 */
export function parseHeader(bytes: Buffer, at: number): FrameHeader | undefined {
  if (bytes.readUInt32LE(at) !== MAGIC) return undefined
  if (crc32(bytes.subarray(at + 8, at + HEADER_BYTES)) !== bytes.readUInt32LE(at + 4)) return undefined
  const kind = bytes[at + 8] as number
  const align = bytes[at + 9] as number
  const flags = bytes.readUInt16LE(at + 10)
  if (kind > LAST_KIND || flags > REWRITTEN) throw laterFormat(`a frame of kind ${kind} with flags ${flags}`)
  if (kind < 1 || (align !== 3 && align !== 9 && align !== 12)) return undefined
  if (bytes.readUInt32LE(at + 32) > PAYLOAD_MAX) return undefined
  for (const number of [16, 24, 56]) if (readU64(bytes, at + number) > Number.MAX_SAFE_INTEGER) return undefined
  return {
    kind,
    align,
    flags,
    count: bytes.readUInt32LE(at + 12),
    group: readU64(bytes, at + 16),
    first: readU64(bytes, at + 24),
    length: bytes.readUInt32LE(at + 32),
    payloadCrc: bytes.readUInt32LE(at + 36),
    journal: Buffer.from(bytes.subarray(at + 40, at + 56)),
    aux: readU64(bytes, at + 56),
    digest: ownCopy(bytes, at + 64, at + 96),
  }
}

/**
 * A copy with memory of its own, for what is kept for each segment. A small copy as Node makes it lies in a piece of memory with others that
 * came before and after it, and holds all of that for as long as it is kept: some 8 KiB.
 */
export function ownCopy(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.alloc(end - start)
  bytes.copy(copy, 0, start, end)
  return copy
}

/** What is wrong with the bytes behind a header, if anything; the buffer holds all of them. */
export function bodyFault(bytes: Buffer, at: number, header: FrameHeader): string | undefined {
  const from = at + HEADER_BYTES
  const end = from + header.length
  const trailer = at + frameBytes(header.length, header.align) - TRAILER_BYTES
  if (crc32(bytes.subarray(from, end)) !== header.payloadCrc) return 'payload checksum'
  if (bytes.compare(PADDED, 0, trailer - end, end, trailer) !== 0) return 'padding'
  if (bytes.readUInt32LE(trailer) !== ~header.group >>> 0 || bytes.readUInt32LE(trailer + 4) !== TRAILER) return 'trailer'
  return undefined
}

/** Whether a header could begin at a place: the first thing to ask when looking for the next frame. */
export function hasMagic(bytes: Buffer, at: number): boolean {
  return bytes.readUInt32LE(at) === MAGIC
}

/** Where the history stands behind a frame. */
export function positionAfter({ kind, first, aux: events }: Pick<FrameHeader, 'kind' | 'first' | 'aux'>): number {
  return kind === Kind.data ? first + events - 1 : first - 1
}

/** Positions between the last event before a frame and the one it names: what a gap frame says was lost just there. */
export function passedOver({ kind, aux }: FrameHeader): number {
  return kind === Kind.gap ? aux : 0
}

/** Whether a frame is part of the history that the digest commits to: what happened, and what is known to be lost of it. */
export function movesDigest({ kind }: Pick<FrameHeader, 'kind'>): boolean {
  return kind === Kind.data || kind === Kind.gap
}

export const NO_HISTORY = Buffer.alloc(32)

/** SHA-256(previous digest ‖ first position ‖ payload). */
export function nextDigest(previous: Buffer, first: number, payload: Uint8Array): Buffer {
  const start = Buffer.allocUnsafe(40)
  previous.copy(start, 0)
  writeU64(start, first, 32)
  return createHash('sha256').update(start).update(payload).digest()
}

/** The same for a frame that is being made: the header's last 40 bytes, not yet written, stand right before the payload. */
export function digestInPlace(frame: Buffer, previous: Buffer, first: number, length: number): Buffer {
  previous.copy(frame, HEADER_BYTES - 40)
  writeU64(frame, first, HEADER_BYTES - 8)
  return hash('sha256', frame.subarray(HEADER_BYTES - 40, HEADER_BYTES + length), 'buffer')
}

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at)
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}

export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 0x1_0000_0000 + bytes.readUInt32LE(at)
}
