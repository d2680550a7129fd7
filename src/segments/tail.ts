/** Telling an incomplete last write from damage. */
import type { FileHandle } from '../storage/files.js'
import { HEADER_BYTES, frameBytes } from './frame.js'
import type { BadRange, Expected } from './walk.js'

/** What a disk writes at a time: of a write that did not finish, each of these is old or new. */
const SECTOR_BYTES = 512

/**
 * Whether bytes behind the last good frame are what an unfinished write leaves: the file ends inside the frame, or the
 * part of it that lies in one sector is all zero, because that sector never came. Sectors are counted from the
 * frame's first byte and from the file's start, since a write may be torn at either.
 */
export async function isTorn(handle: FileHandle, bad: BadRange, size: number, expected: Expected): Promise<boolean> {
  const { at, header } = bad
  const isNext = header !== undefined && header.journalId === expected.journalId && header.group === expected.group + 1
  if (header !== undefined && !isNext) return false
  const length = isNext ? header.bytes : frameBytes(0, HEADER_BYTES)
  if (at + length > size) return true
  const end = isNext ? at + length : size
  const bytes = Buffer.alloc(Math.min(end - at, isNext ? length : SECTOR_BYTES))
  await handle.read(bytes, at)
  if (!isNext) return someSectorZero(bytes, at, Math.min(bytes.length, HEADER_BYTES))
  return someSectorZero(bytes, at, bytes.length)
}

/** Whether a sector's part of the first `length` bytes is all zero. `at` is where the bytes lie in the file. */
function someSectorZero(bytes: Buffer, at: number, length: number): boolean {
  for (const start of [0, -(at % SECTOR_BYTES)]) {
    for (let from = start; from < length; from += SECTOR_BYTES) {
      const part = bytes.subarray(Math.max(0, from), Math.min(from + SECTOR_BYTES, bytes.length))
      if (part.length > 0 && part.every((byte) => byte === 0)) return true
    }
  }
  return false
}
