/** A place in one segment file from which frames are read, in large chunks. Judges each frame by itself. */
import { setImmediate } from 'node:timers/promises'
import type { FileHandle } from './files.js'
import { bodyFault, frameBytes, hasMagic, HEADER_BYTES, parseHeader, TRAILER_BYTES, type Frame, type FrameHeader } from './frame.js'
import { readFully } from './io.js'

const CHUNK_BYTES = 1 << 20

/** Bytes that are no frame. */
export interface Fault {
  fault: string
  /** The frame's header, if at least that checks. */
  header?: FrameHeader
  /** The range ends inside the frame, or before it could begin. */
  cut: boolean
}

export class FrameCursor {
  readonly #file: FileHandle
  readonly #chunk: number
  /** Undefined takes the frames of any journal. */
  readonly #journal: Buffer | undefined
  #buffer = Buffer.alloc(0)
  /** Offset in the file of the buffer's first byte. */
  #base = 0
  #length = 0
  #wanted = 0
  /** Where the file ends, once that was asked. A range may go on behind it: it is what somebody else said. */
  #fileEnd = Number.POSITIVE_INFINITY
  offset: number
  readonly to: number

  constructor(file: FileHandle, journal: Buffer | undefined, from: number, to: number, chunk = CHUNK_BYTES) {
    this.#chunk = chunk
    this.#file = file
    this.#journal = journal
    this.offset = from
    this.to = to
  }

  get done(): boolean {
    return this.offset >= this.to
  }

  /** The frame at `offset`, or why there is none; undefined if `fill` must be called first. */
  step(): Frame | Fault | undefined {
    if (this.to - this.offset < HEADER_BYTES + TRAILER_BYTES) return { fault: 'the file ends inside a frame', cut: true }
    if (!this.#has(HEADER_BYTES)) return undefined
    const at = this.offset - this.#base
    const header = parseHeader(this.#buffer, at)
    if (header === undefined) return { fault: 'no frame header that checks', cut: false }
    if (this.#journal?.equals(header.journal) === false) return { fault: 'a frame of another journal', cut: false }
    const total = frameBytes(header.length, header.align)
    if (total > Math.min(this.to, this.#fileEnd) - this.offset) return { fault: 'the file ends inside a frame', header, cut: true }
    if (!this.#has(total)) return undefined
    const fault = bodyFault(this.#buffer, at, header)
    if (fault !== undefined) return { fault: `${fault} of a frame does not check`, header, cut: false }
    return { header, offset: this.offset, end: this.offset + total, bytes: this.#buffer, at: at + HEADER_BYTES }
  }

  /** Reads what `step` missed; others have a turn of the event loop between two pieces. What was handed out before is no longer valid. */
  async fill(): Promise<void> {
    if (this.#length > 0 && this.offset > this.#base) await setImmediate()
    if (this.#wanted > this.#chunk) this.#fileEnd = await this.#file.size()
    const there = this.offset + this.#wanted <= this.#fileEnd ? this.#wanted : 0
    const length = Math.min(Math.max(this.#chunk, there), this.to - this.offset)
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafe(length)
    const got = await readFully(this.#file, this.#buffer.subarray(0, length), this.offset)
    // What the file no longer has reads as zeros, which are no frame.
    if (got < length) {
      this.#fileEnd = this.offset + got
      this.#buffer.fill(0, got, length)
    }
    this.#base = this.offset
    this.#length = length
  }

  /** Moves to the next place from `from` on at which a header could begin; false if there is none. */
  async seekMagic(from: number): Promise<boolean> {
    for (this.offset = from; Math.min(this.to, this.#fileEnd) - this.offset >= HEADER_BYTES + TRAILER_BYTES;) {
      if (!this.#has(HEADER_BYTES)) await this.fill()
      const last = this.#base + this.#length - HEADER_BYTES
      for (; this.offset <= last; this.offset += 8) if (hasMagic(this.#buffer, this.offset - this.#base)) return true
    }
    return false
  }

  #has(bytes: number): boolean {
    this.#wanted = bytes
    return this.offset >= this.#base && this.offset + bytes <= this.#base + this.#length
  }
}
