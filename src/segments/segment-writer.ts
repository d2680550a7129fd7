/**
 * The file that is being written: one frame at a time, each synced before the next begins, so that a frame proves that the
 * ones before it were durable. After a failure nothing more is written to it.
 */
import { dirname } from 'node:path'
import { ioError } from '../errors.js'
import type { Clock, FileHandle, Files } from '../storage/files.js'
import { encodeFrame, Kind, nextDigest } from './frame.js'
import { encodeSegmentHeader, type SegmentHeader, type SegmentName } from './segment.js'
import type { Segments } from './segments.js'

/** Frames up to this size are written into space that was filled with zeros before, which makes their sync cheaper. */
const SMALL_FRAME_BYTES = 64 << 10
const FILL_MIN_BYTES = 64 << 10
const FILL_MAX_BYTES = 1 << 20

/** Where the history ends and the next frame goes. */
export interface WriterEnd {
  journalId: string
  group: number
  position: number
  digest: string
}

export interface WrittenFrame {
  at: number
  digest: string
}

export class SegmentWriter {
  readonly #files: Files
  readonly #clock: Clock
  readonly #segments: Segments
  readonly #align: number
  readonly end: WriterEnd
  #handle: FileHandle | undefined
  /** Where the next frame goes. */
  offset = 0
  /** Up to where the file is filled with zeros. */
  #filled = 0

  constructor(files: Files, clock: Clock, segments: Segments, align: number, end: WriterEnd) {
    this.#files = files
    this.#clock = clock
    this.#segments = segments
    this.#align = align
    this.end = end
  }

  /** Goes on in a segment whose end is clean and proven. */
  async resume(segment: SegmentName, offset: number): Promise<void> {
    const path = this.#segments.path(segment)
    try {
      this.#handle = await this.#files.open(path, 'r+')
      this.offset = offset
      this.#filled = await this.#handle.size()
    } catch (error) {
      throw ioError(error, 'Opening', path)
    }
  }

  /**
   * Begins a new segment; `again` is the payload of a last group that nothing proved, which is written here once more. The file
   * gets its name only when it is on the disk. Resolves with the segment, and where in it that group lies.
   */
  async begin(number: number, header: SegmentHeader, again?: { payload: Buffer; records: number; events: number }): Promise<{ segment: SegmentName; again: number | undefined }> {
    const segment = { number, firstPosition: this.end.position + 1 }
    const path = this.#segments.path(segment)
    const temporary = `${path}.${Buffer.from(this.#clock.random(6)).toString('hex')}.tmp`
    let at: number | undefined
    try {
      const handle = await this.#files.open(temporary, 'wx')
      await this.#handle?.close()
      this.#handle = handle
      this.offset = 0
      this.#filled = 0
      await this.write(Kind.segment, [encodeSegmentHeader(header)], 0, 0)
      if (again !== undefined) at = (await this.write(Kind.data, [again.payload], again.records, again.events)).at
      await handle.datasync()
      await this.#files.link(temporary, path)
      await this.#files.unlink(temporary)
      await this.#files.syncDir(dirname(path))
    } catch (error) {
      throw ioError(error, 'Beginning the segment', path)
    }
    this.#segments.add(segment, header.sealedEnd)
    return { segment, again: at }
  }

  /** Writes one frame. A short count is a failure: the rest is never tried. */
  async write(kind: Kind, payload: readonly Uint8Array[], records: number, events: number): Promise<WrittenFrame> {
    const { end } = this
    const firstPosition = end.position + 1
    const digest = kind === Kind.data ? nextDigest(end.digest, firstPosition, payload) : end.digest
    const bytes = encodeFrame({ kind, align: this.#align, records, events, group: end.group + 1, firstPosition, journalId: end.journalId, digest }, payload)
    const at = this.offset
    await this.#fill(bytes.length)
    await this.#put(bytes, at)
    this.offset += bytes.length
    end.group += 1
    end.position += events
    end.digest = digest
    return { at, digest }
  }

  sync(): Promise<void> {
    return this.#open.datasync()
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  /** Fills space ahead of small frames with zeros; more of it the more there is, so that a small journal stays small. */
  async #fill(length: number): Promise<void> {
    if (length > SMALL_FRAME_BYTES || this.offset < FILL_MIN_BYTES || this.offset + length <= this.#filled) return
    const from = Math.max(this.#filled, this.offset)
    const bytes = Math.min(FILL_MAX_BYTES, Math.max(FILL_MIN_BYTES, from))
    await this.#put(Buffer.alloc(bytes), from)
    this.#filled = from + bytes
  }

  async #put(bytes: Uint8Array, at: number): Promise<void> {
    const count = await this.#open.write(bytes, at)
    if (count !== bytes.length) throw Object.assign(new Error(`only ${count} of ${bytes.length} bytes were written`), { code: 'ENOSPC' })
  }

  get #open(): FileHandle {
    if (this.#handle === undefined) throw new Error('no segment is open for writing')
    return this.#handle
  }
}
