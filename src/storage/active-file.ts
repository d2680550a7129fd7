/** The active segment's file: one write at a time, at its end, into space that was filled with zeros before. */
import type { FileHandle, Files } from './files.js'
import { ioError } from '../errors.js'
import { giveUp, writeFully } from './io.js'

/** Behind a frame of this size or more nothing is prepared: what such ones cost is their bytes, not the file's growth. */
const SMALL_BYTES = 1 << 16
const STEP_MIN = 1 << 16
const STEP_MAX = 1 << 20
const ZEROS = Buffer.alloc(STEP_MAX)

export class ActiveFile {
  readonly #file: FileHandle
  readonly #path: string
  readonly #limit: number
  end: number
  #allocated: number
  /** Bytes of the last frame. */
  #last = 0
  /** The disk was full when space was to be prepared. */
  #full = false

  private constructor(file: FileHandle, path: string, end: number, size: number, limit: number) {
    this.#file = file
    this.#path = path
    this.end = end
    this.#allocated = size
    this.#limit = limit
  }

  /** `limit` is the size up to which space is prepared. */
  static async open(files: Files, path: string, end: number, limit: number): Promise<ActiveFile> {
    let file: FileHandle | undefined
    try {
      file = await files.open(path, 'r+')
      return new ActiveFile(file, path, end, await file.size(), limit)
    } catch (error) {
      return giveUp(ioError(error, 'Opening', path), [file])
    }
  }

  /** Undefined where it is done already. */
  write(frame: Buffer): Promise<void> | undefined {
    const written = writeFully(this.#file, frame, this.end, this.#path)
    if (written !== undefined) return written.then(() => this.#grow(frame.length))
    this.#grow(frame.length)
    return undefined
  }

  #grow(bytes: number): void {
    this.end += bytes
    if (this.end > this.#allocated) this.#allocated = this.end
    this.#last = bytes
  }

  async sync(): Promise<void> {
    try {
      await this.#file.datasync()
    } catch (error) {
      throw ioError(error, 'Syncing', this.#path)
    }
  }

  /**
   * Fills space ahead with zeros, so that the next syncs need not make a new file size durable. The more was written, the
   * larger the step. A disk that is full now says so again when the space is needed; every other error is the file's end.
   */
  prepare(): Promise<void> | undefined {
    const step = Math.min(STEP_MAX, Math.max(STEP_MIN, this.end))
    if (this.#last >= SMALL_BYTES || this.#full) return undefined
    if (this.#allocated - this.end > step / 4 || this.#allocated >= this.#limit) return undefined
    return this.#fill(step)
  }

  async #fill(step: number): Promise<void> {
    try {
      const length = Math.min(step, this.#limit - this.#allocated)
      await writeFully(this.#file, ZEROS.subarray(0, length), this.#allocated, this.#path)
      this.#allocated += length
    } catch (error) {
      this.#full = true
      if (ioError(error, 'Preparing', this.#path).code !== 'JOURNAL_DISK_FULL') throw error
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
