/** Judges what stands behind the last frame that checks in the newest segment. */
import type { FileHandle } from './files.js'
import { frameBytes, HEADER_BYTES, TRAILER_BYTES, type FrameHeader } from './frame.js'
import { readFully } from './io.js'
import { contentEnd } from './segments.js'

const SECTOR = 512

export type Tail =
  /** Nothing was written there. */
  | { kind: 'end' }
  /** An incomplete last write that nobody was promised. */
  | { kind: 'torn'; end: number }
  /** Bytes that were promised, or that cannot be told from such. */
  | { kind: 'damaged'; end: number; reason: string }

/**
 * `promised` is how far the head file vouches for the segment. That it says so of a clean end proves nothing of what lies behind: what the
 * next writer told it may have been lost with the power. `sealed`: a later segment is known of, and was not begun before all of this one
 * was synced.
 */
export async function judgeTail(
  file: FileHandle,
  at: number,
  size: number,
  header: FrameHeader | undefined,
  promised: number,
  sealed = false,
): Promise<Tail> {
  const end = await contentEnd(file, at, size)
  if (promised > at) return { kind: 'damaged', end: Math.max(end, promised), reason: 'the head file vouches for more than is there' }
  if (end === at) return { kind: 'end' }
  if (sealed) return { kind: 'damaged', end, reason: 'something knows of a later segment' }
  if (await isTorn(file, at, end, size, header)) return { kind: 'torn', end }
  return { kind: 'damaged', end, reason: 'the last group does not check, and not as an incomplete write would look' }
}

/**
 * Whether a write could have been cut here: the file, or what was written over its zeros, ends inside the frame, whose last
 * byte is never zero; or what lies of the frame in one sector of 512 bytes, counted from the frame's first byte or from the
 * file's start, is all zero.
 */
async function isTorn(file: FileHandle, at: number, end: number, size: number, header: FrameHeader | undefined): Promise<boolean> {
  // Without a header the frame's length is not known; only what a header and a trailer take can be judged.
  const length = header === undefined ? HEADER_BYTES + TRAILER_BYTES : frameBytes(header.length, header.align)
  if (end < at + length || size < at + length) return true
  const bytes = Buffer.alloc(header === undefined ? HEADER_BYTES : length)
  await readFully(file, bytes, at)
  return hasZeroSector(bytes, 0) || hasZeroSector(bytes, at % SECTOR)
}

/** Whether the part of the bytes in one sector is all zero; the first sector began `shift` bytes before. */
function hasZeroSector(bytes: Buffer, shift: number): boolean {
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + SECTOR - (start === 0 ? shift : 0))
    if (bytes.subarray(start, end).every((byte) => byte === 0)) return true
    start = end
  }
  return false
}
