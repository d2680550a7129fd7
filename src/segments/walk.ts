/**
 * Walks the frames of one segment file. Every frame is checked by itself and against the one before; where one does not
 * check, the walk goes on at the next frame that can only have been written after it.
 */
import { ioError } from '../errors.js'
import { bodyFault, HEADER_BYTES, Kind, MAGIC_BYTES, nextDigest, parseHeader, type FrameHeader } from './frame.js'
import type { FileHandle } from '../storage/files.js'

/** What the next frame must be: one group on, at the next position, of this journal, with this history behind it. */
export interface Expected {
  journalId: string
  group: number
  position: number
  digest: string
}

export interface WalkedFrame {
  at: number
  header: FrameHeader
  /** The payload; shares memory with the read buffer until the next step. */
  payload: Buffer
}

/** Bytes in which no frame checks, before one that does, or before the end of what was to be walked. */
export interface BadRange {
  at: number
  end: number
  reason: string
  /** The header at `at`, if that much checks. */
  header: FrameHeader | undefined
  /** The bytes of the frame at `at` if header and length are good and only its payload is not. */
  frame?: Buffer
  /** Whether frames that check follow, so that these bytes were promised. */
  followed: boolean
}

export type Step = { frame: WalkedFrame } | { bad: BadRange }

const WINDOW_BYTES = 1 << 20
/** Alignment at which frames may begin. */
const STEP = 8

/** A window on a file that moves forward. */
class Window {
  #bytes: Buffer = Buffer.alloc(0)
  #from = 0
  readonly #handle: FileHandle
  readonly limit: number
  readonly #path: string

  constructor(handle: FileHandle, limit: number, path: string) {
    this.#handle = handle
    this.limit = limit
    this.#path = path
  }

  /** The bytes from `at`, up to `length` of them, fewer at the limit. */
  async at(at: number, length: number): Promise<Buffer> {
    const end = Math.min(at + length, this.limit)
    if (at < this.#from || end > this.#from + this.#bytes.length) await this.#load(at, Math.max(end - at, Math.min(WINDOW_BYTES, this.limit - at)))
    return this.#bytes.subarray(at - this.#from, Math.max(at, end) - this.#from)
  }

  async #load(at: number, length: number): Promise<void> {
    const bytes = Buffer.allocUnsafe(length)
    let done = 0
    try {
      while (done < length) {
        const count = await this.#handle.read(bytes.subarray(done), at + done)
        if (count === 0) break
        done += count
      }
    } catch (error) {
      throw ioError(error, 'Reading', this.#path)
    }
    this.#from = at
    this.#bytes = bytes.subarray(0, done)
  }
}

export interface WalkOptions {
  path: string
  from: number
  /** Where the walk ends; bytes behind are not looked at. */
  limit: number
  /** Also recomputes the history digest of each data frame. */
  digests: boolean
}

/** The frames from an offset on. `expected` moves along with what was seen. */
export async function* walk(handle: FileHandle, expected: Expected, options: WalkOptions): AsyncGenerator<Step, void, undefined> {
  const window = new Window(handle, options.limit, options.path)
  let at = options.from
  while (at < options.limit) {
    const head = await window.at(at, HEADER_BYTES)
    const header = parseHeader(head, 0)
    const frame = header === undefined ? head : await window.at(at, header.bytes)
    const fault = header === undefined ? 'no frame begins here' : faultOf(frame, header, expected, options.digests)
    if (header !== undefined && fault === undefined) {
      const payload = frame.subarray(HEADER_BYTES, HEADER_BYTES + header.payloadBytes)
      advance(expected, header)
      yield { frame: { at, header, payload } }
      at += header.bytes
      continue
    }
    const bad = await badRange(window, at, header, fault ?? '', expected)
    if (header !== undefined && frame.length === header.bytes) bad.frame = Buffer.from(frame)
    yield { bad }
    if (!bad.followed) return
    const next = parseHeader(await window.at(bad.end, HEADER_BYTES), 0) as FrameHeader
    expected.group = next.group - 1
    expected.position = next.firstPosition - 1
    expected.digest = ''
    at = bad.end
  }
}

/** What the frame behind this one must be. */
export function advance(expected: Expected, header: FrameHeader): void {
  expected.group = header.group
  expected.position = header.firstPosition - 1 + header.events
  expected.digest = header.digest
}

function faultOf(frame: Buffer, header: FrameHeader, expected: Expected, digests: boolean): string | undefined {
  if (header.journalId !== expected.journalId) return 'the frame belongs to another journal'
  if (header.group !== expected.group + 1) return `the frame is group ${header.group}, not ${expected.group + 1}`
  if (header.firstPosition !== expected.position + 1) return `the frame begins at position ${header.firstPosition}, not ${expected.position + 1}`
  if (frame.length < header.bytes) return 'the frame goes beyond the end'
  const fault = bodyFault(frame, 0, header)
  if (fault !== undefined) return fault
  // Behind damage the digest before is not known, and the frame's own word has to do.
  if (expected.digest === '') return undefined
  if (header.kind !== Kind.data) return header.digest === expected.digest ? undefined : 'the digest does not continue the history'
  if (!digests) return undefined
  const payload = frame.subarray(HEADER_BYTES, HEADER_BYTES + header.payloadBytes)
  return nextDigest(expected.digest, header.firstPosition, [payload]) === header.digest ? undefined : 'the digest does not continue the history'
}

/** From a frame that does not check to the next that does and can only have been written later. */
async function badRange(window: Window, at: number, header: FrameHeader | undefined, reason: string, expected: Expected): Promise<BadRange> {
  for (let from = at + 1; from < window.limit; from += WINDOW_BYTES) {
    const chunk = Buffer.from(await window.at(from, WINDOW_BYTES + HEADER_BYTES))
    for (let q = chunk.indexOf(MAGIC_BYTES); q !== -1 && q < WINDOW_BYTES; q = chunk.indexOf(MAGIC_BYTES, q + 1)) {
      if ((from + q) % STEP === 0 && (await isLater(window, from + q, expected))) return { at, end: from + q, reason, header, followed: true }
    }
  }
  return { at, end: window.limit, reason, header, followed: false }
}

async function isLater(window: Window, at: number, expected: Expected): Promise<boolean> {
  const next = parseHeader(await window.at(at, HEADER_BYTES), 0)
  if (next === undefined || next.journalId !== expected.journalId || next.group <= expected.group + 1 || next.firstPosition <= expected.position) return false
  const frame = await window.at(at, next.bytes)
  return frame.length === next.bytes && bodyFault(frame, 0, next) === undefined
}

/** Whether there is anything but zeros in a range of a file. */
export async function isZero(handle: FileHandle, from: number, to: number, path: string): Promise<boolean> {
  const window = new Window(handle, to, path)
  for (let at = from; at < to; at += WINDOW_BYTES) if ((await window.at(at, WINDOW_BYTES)).some((byte) => byte !== 0)) return false
  return true
}
