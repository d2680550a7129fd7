/** The file port on which a packed segment is read under its segment's name, as the bytes that it was packed from. */
import { basename } from 'node:path'
import { filesOver } from './delegate.js'
import type { FileHandle, Files } from './files.js'
import { giveUp, hasCode, readFully } from './io.js'
import { BLOCK_BYTES, readLayout, THREADS_FROM, unpack, type PackedBlock, type PackedLayout } from './packed.js'
import { packedOf, parsePacked, parseSegment, type SegmentName } from './paths.js'
import { Recent } from './recent.js'

/** Unpacked at once at most; a longer read is short. */
const AT_ONCE = 16
/** Blocks of all files together that were read in part are kept: the rest of them is asked for soon. */
const KEPT = 64
const keptBlocks = (): Recent<PackedBlock, Buffer> => new Recent(KEPT)

/** Whether a segment lies there packed. */
export function isPacked(files: Files, path: string): boolean {
  return parseSegment(basename(path)) !== undefined && files.stat(packedOf(path)) !== undefined
}

export function withPacked(files: Files): Files {
  const kept = keptBlocks()
  return filesOver(files, {
    async open(path, flag) {
      try {
        return await files.open(path, flag)
      } catch (error) {
        // A segment is packed before its file goes, so whoever finds neither finds none.
        if (flag !== 'r' || !hasCode(error, 'ENOENT') || !isPacked(files, path)) throw error
        return openPacked(files, packedOf(path), path, kept)
      }
    },
    async readdir(path) {
      const names = await files.readdir(path)
      if (!names.some((name) => name.includes('.segz'))) return names
      // One is packed while the directory is read, and may be missed under both names; what a second look misses was there in the first.
      const all = [...names, ...(await files.readdir(path))]
      return [...new Set([...all, ...all.flatMap((name) => parsePacked(name)?.name ?? [])])]
    },
    async link(from, to) {
      if (isPacked(files, to)) throw Object.assign(new Error(`EEXIST: ${to} is there, packed`), { code: 'EEXIST' })
      return files.link(from, to)
    },
    exists: (path) => files.exists(path) || isPacked(files, path),
    stat(path) {
      const found = files.stat(path)
      if (found !== undefined || parseSegment(basename(path)) === undefined) return found
      const packed = files.stat(packedOf(path))
      return packed && { ...packed, packed: true }
    },
  })
}

/** Opens a packed segment, whatever its file is called yet. One that says nothing of itself is empty: all of it is damage. */
export async function openPacked(files: Files, path: string, segment: string, kept = keptBlocks()): Promise<FileHandle> {
  const file = await files.open(path, 'r')
  try {
    const { number } = parseSegment(basename(segment)) as SegmentName
    return new PackedFile(file, (await readLayout(file, number)) ?? { bytes: 0, blocks: [] }, kept)
  } catch (error) {
    return giveUp(error, [file])
  }
}

class PackedFile implements FileHandle {
  readonly #file: FileHandle
  readonly #layout: PackedLayout
  readonly #kept: Recent<PackedBlock, Buffer>

  constructor(file: FileHandle, layout: PackedLayout, kept: Recent<PackedBlock, Buffer>) {
    this.#file = file
    this.#layout = layout
    this.#kept = kept
  }

  read(into: Uint8Array, offset: number): number | Promise<number> {
    const { bytes, blocks } = this.#layout
    const first = Math.floor(offset / BLOCK_BYTES)
    const wanted = into.subarray(0, Math.max(0, Math.min(bytes, (first + AT_ONCE) * BLOCK_BYTES) - offset))
    if (wanted.length === 0) return 0
    const last = Math.floor((offset + wanted.length - 1) / BLOCK_BYTES)
    const block = first === last ? this.#kept.get(blocks[first] as PackedBlock) : undefined
    if (block === undefined) return this.#read(wanted, offset, first, last)
    return block.copy(wanted, 0, offset - first * BLOCK_BYTES)
  }

  async #read(into: Uint8Array, offset: number, first: number, last: number): Promise<number> {
    const threads = last - first >= THREADS_FROM
    const blocks = await Promise.all(Array.from({ length: last + 1 - first }, (_, i) => this.#block(first + i, threads)))
    for (const [i, block] of blocks.entries()) {
      const at = (first + i) * BLOCK_BYTES - offset
      const copied = block.copy(into, Math.max(0, at), Math.max(0, -at))
      if (copied < block.length) this.#kept.set(this.#layout.blocks[first + i] as PackedBlock, block)
    }
    return into.length
  }

  /** What does not check reads as zeros, which are no frame. */
  async #block(number: number, threads: boolean): Promise<Buffer> {
    const block = this.#layout.blocks[number] as PackedBlock
    const kept = this.#kept.get(block)
    if (kept !== undefined) return kept
    const packed = Buffer.allocUnsafe(block.length)
    const got = await readFully(this.#file, packed, block.offset)
    const bytes = Math.min(BLOCK_BYTES, this.#layout.bytes - number * BLOCK_BYTES)
    return (await unpack(packed.subarray(0, got), block.crc, bytes, threads)) ?? Buffer.alloc(bytes)
  }

  write(): never {
    throw sealed()
  }

  async datasync(): Promise<never> {
    throw sealed()
  }

  tryLock(): never {
    throw sealed()
  }

  async size(): Promise<number> {
    return this.#layout.bytes
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

function sealed(): Error {
  return Object.assign(new Error('a packed segment is only read'), { code: 'EROFS' })
}
