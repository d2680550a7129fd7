/**
 * The `head` file: how far the last writer got, in two slots of one sector each that are written in turn, so that a torn
 * write leaves the other. Written after every sync and itself synced only when a segment begins or the journal closes:
 * after the death of a process it is exact, after power loss it may be old, and it is never ahead of what is durable.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ioError } from '../errors.js'
import type { FileHandle, Files } from '../storage/files.js'

const SLOT_BYTES = 512

export interface HeadSlot {
  /** Counts the writes; the higher of two good slots is the newer. */
  turn: number
  epoch: number
  group: number
  position: number
  digest: string
  /** Number of the newest segment. */
  segment: number
  /** Where that segment ends, after a clean close; 0 while somebody writes. */
  cleanEnd: number
}

/** The newer good slot; undefined if there is none. */
export async function readHead(files: Files, directory: string): Promise<HeadSlot | undefined> {
  let handle: FileHandle
  try {
    handle = await files.open(join(directory, 'head'), 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw ioError(error, 'Opening', join(directory, 'head'))
  }
  try {
    return await newest(handle)
  } catch (error) {
    throw ioError(error, 'Reading', join(directory, 'head'))
  } finally {
    await handle.close()
  }
}

async function newest(handle: FileHandle): Promise<HeadSlot | undefined> {
  const bytes = Buffer.alloc(2 * SLOT_BYTES)
  const count = await handle.read(bytes, 0)
  const slots = [0, 1].map((i) => decode(bytes.subarray(i * SLOT_BYTES, Math.min(count, (i + 1) * SLOT_BYTES))))
  return slots.reduce((best, slot) => (slot !== undefined && (best === undefined || slot.turn > best.turn) ? slot : best), undefined)
}

/** A head file open for writing. */
export class HeadFile {
  readonly #handle: FileHandle
  #turn: number

  private constructor(handle: FileHandle, turn: number) {
    this.#handle = handle
    this.#turn = turn
  }

  static async open(files: Files, directory: string): Promise<HeadFile> {
    const path = join(directory, 'head')
    try {
      const turn = (await readHead(files, directory))?.turn ?? 0
      const handle = files.exists(path) ? await files.open(path, 'r+') : await files.open(path, 'wx')
      return new HeadFile(handle, turn)
    } catch (error) {
      throw ioError(error, 'Opening', path)
    }
  }

  write(slot: Omit<HeadSlot, 'turn'>): number | Promise<number> {
    this.#turn++
    return this.#handle.write(encode({ ...slot, turn: this.#turn }), (this.#turn % 2) * SLOT_BYTES)
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** One line of JSON behind its checksum, filled with blanks: readable with `head -c`. */
function encode(slot: HeadSlot): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES, ' ')
  const body = JSON.stringify(slot)
  bytes.write(`${crc32(body).toString(16).padStart(8, '0')} ${body}`)
  bytes[SLOT_BYTES - 1] = 10
  return bytes
}

function decode(bytes: Buffer): HeadSlot | undefined {
  const text = bytes.toString('latin1').trimEnd()
  const body = text.slice(9)
  if (bytes.length !== SLOT_BYTES || text.slice(0, 8) !== crc32(body).toString(16).padStart(8, '0')) return undefined
  return JSON.parse(body) as HeadSlot
}
