/**
 * The head file: two slots, written in turn after each sync, that say how far the journal is known to be durable.
 * It is evidence, not truth: whatever is older than the segments is ignored, whatever is newer proves a loss.
 */
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { ioError } from '../errors.js'
import type { FileHandle, Files } from './files.js'
import { readU64, writeU64 } from './frame.js'
import { giveUp, readFully, writeFully } from './io.js'

const MAGIC = 0x31_48_4c_54
const SLOT_BYTES = 4096
const MARK_BYTES = 112
const CLEAN = 1

export interface HeadMark {
  /** Counts the marks. */
  sequence: number
  epoch: number
  /** The newest segment, and how many bytes of it are durable. */
  segment: number
  end: number
  group: number
  position: number
  digest: Buffer
  journal: Buffer
  /** The writer left, and the segment ends with a clean end. */
  clean: boolean
}

export class HeadFile {
  readonly #path: string
  readonly #file: FileHandle
  /** Every mark is made in the same place. */
  readonly #bytes = Buffer.alloc(MARK_BYTES)
  #sequence: number

  private constructor(path: string, file: FileHandle, sequence: number) {
    this.#path = path
    this.#file = file
    this.#sequence = sequence
  }

  /** Opens the file for writing, creating it if need be; then its name is made durable, so that what it vouches for later is not lost with it. */
  static async open(files: Files, path: string, last: HeadMark | undefined): Promise<HeadFile> {
    let file: FileHandle | undefined
    try {
      const isNew = !files.exists(path)
      file = await files.open(path, isNew ? 'wx' : 'r+')
      if (isNew) await files.syncDir(dirname(path))
    } catch (error) {
      return giveUp(ioError(error, 'Opening', path), [file])
    }
    return new HeadFile(path, file, last?.sequence ?? 0)
  }

  /** The newest mark that checks; undefined if there is none. */
  static async read(files: Files, path: string): Promise<HeadMark | undefined> {
    let file: FileHandle
    try {
      file = await files.open(path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw ioError(error, 'Opening', path)
    }
    try {
      return await readMark(file)
    } catch (error) {
      throw ioError(error, 'Reading', path)
    } finally {
      await file.close()
    }
  }

  /** Undefined where it is done already. */
  write(mark: Omit<HeadMark, 'sequence'>): Promise<void> | undefined {
    const sequence = ++this.#sequence
    encodeHead(mark, sequence, this.#bytes)
    return writeFully(this.#file, this.#bytes, (sequence % 2) * SLOT_BYTES, this.#path)
  }

  async sync(): Promise<void> {
    try {
      await this.#file.datasync()
    } catch (error) {
      throw ioError(error, 'Syncing', this.#path)
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** The newest mark in an open head file. */
export async function readMark(file: FileHandle): Promise<HeadMark | undefined> {
  const bytes = Buffer.alloc(SLOT_BYTES + MARK_BYTES)
  await readFully(file, bytes, 0)
  const first = decode(bytes.subarray(0, MARK_BYTES))
  const second = decode(bytes.subarray(SLOT_BYTES))
  if (first === undefined || second === undefined) return first ?? second
  return first.sequence > second.sequence ? first : second
}

/** A head file that says one thing, in both its slots. */
export function encodeSlots(mark: Omit<HeadMark, 'sequence'>): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES + MARK_BYTES)
  encodeHead(mark, 2, bytes.subarray(0, MARK_BYTES))
  encodeHead(mark, 1, bytes.subarray(SLOT_BYTES))
  return bytes
}

/** A slot of the file. */
export function encodeHead(mark: Omit<HeadMark, 'sequence'>, sequence: number, bytes = Buffer.alloc(MARK_BYTES)): Buffer {
  bytes.writeUInt32LE(MAGIC, 0)
  writeU64(bytes, sequence, 8)
  writeU64(bytes, mark.epoch, 16)
  writeU64(bytes, mark.segment, 24)
  writeU64(bytes, mark.end, 32)
  writeU64(bytes, mark.group, 40)
  writeU64(bytes, mark.position, 48)
  bytes.writeUInt32LE(mark.clean ? CLEAN : 0, 56)
  mark.journal.copy(bytes, 64, 0, 16)
  mark.digest.copy(bytes, 80, 0, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return bytes
}

function decode(bytes: Buffer): HeadMark | undefined {
  if (bytes.readUInt32LE(0) !== MAGIC || crc32(bytes.subarray(8)) !== bytes.readUInt32LE(4)) return undefined
  for (const number of [8, 16, 24, 32, 40, 48]) if (readU64(bytes, number) > Number.MAX_SAFE_INTEGER) return undefined
  return {
    sequence: readU64(bytes, 8),
    epoch: readU64(bytes, 16),
    segment: readU64(bytes, 24),
    end: readU64(bytes, 32),
    group: readU64(bytes, 40),
    position: readU64(bytes, 48),
    clean: bytes.readUInt32LE(56) === CLEAN,
    journal: Buffer.from(bytes.subarray(64, 80)),
    digest: Buffer.from(bytes.subarray(80, 112)),
  }
}
