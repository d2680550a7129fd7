/**
 * Snapshot files: the saved rows of one projection at one position, in checked chunks behind a header that says what it
 * is. Written under another name and renamed when it is on the disk; trusted only with a record in the journal that
 * names its digest.
 */
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ioError } from '../errors.js'
import type { Head, SnapshotRecord } from './commit-store.js'
import type { Clock, FileHandle, Files } from './files.js'
import { hashOf, makeDirectory, readFully, replaceFile } from './io.js'

const MAGIC = Buffer.from('turnlog snapshot 1\n')
const CHUNK_HEAD_BYTES = 8

/** What a snapshot is of. */
export type SnapshotOf = Pick<SnapshotRecord, 'projection' | 'revision'> & { head: Head }

export class SnapshotFiles {
  readonly #files: Files
  readonly #clock: Clock
  readonly #directory: string

  constructor(files: Files, clock: Clock, directory: string) {
    this.#files = files
    this.#clock = clock
    this.#directory = directory
  }

  /** Writes the chunks to a new file and makes it durable. Nothing refers to it until the journal does. */
  async write(of: SnapshotOf, chunks: AsyncIterable<Uint8Array>): Promise<SnapshotRecord> {
    const file = `snapshots/${of.projection}/${String(of.head.position).padStart(12, '0')}.snap`
    const path = join(this.#directory, file)
    for (const directory of [dirname(dirname(path)), dirname(path)]) await makeDirectory(this.#files, directory)
    try {
      const written = await replaceFile(this.#files, this.#clock, path, (handle) => fill(handle, of, chunks))
      return { ...of, file, ...written }
    } catch (error) {
      throw ioError(error, 'Writing the snapshot', path)
    }
  }

  isMissing(record: SnapshotRecord): boolean {
    return !this.#files.exists(join(this.#directory, record.file))
  }

  /** Why the file is not what the journal vouched for, or undefined. `whole` reads all of it, else its size and header are compared. */
  async refuse(record: SnapshotRecord, whole: boolean): Promise<string | undefined> {
    try {
      const handle = await this.#files.open(join(this.#directory, record.file), 'r')
      try {
        return await difference(handle, record, whole)
      } finally {
        await handle.close()
      }
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'the file is missing' : `the file cannot be read: ${String(error)}`
    }
  }

  /** The chunks of a file that was not refused. @throws JournalError JOURNAL_IO, also for a chunk that no longer checks. */
  async *read(record: SnapshotRecord): AsyncGenerator<Uint8Array, void, undefined> {
    const path = join(this.#directory, record.file)
    try {
      const handle = await this.#files.open(path, 'r')
      try {
        for (let at = headerOf(record).length; at < record.bytes;) {
          const chunk = await chunkAt(handle, at, record.bytes)
          yield chunk
          at += CHUNK_HEAD_BYTES + chunk.length
        }
      } finally {
        await handle.close()
      }
    } catch (error) {
      throw ioError(error, 'Reading the snapshot', path)
    }
  }

  /** Deletes a file that the journal no longer vouches for. */
  async remove(record: SnapshotRecord): Promise<void> {
    await this.#files.unlink(join(this.#directory, record.file)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw ioError(error, 'Removing the snapshot', record.file)
    })
  }
}

async function fill(handle: FileHandle, of: SnapshotOf, chunks: AsyncIterable<Uint8Array>): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let at = 0
  const put = async (bytes: Uint8Array): Promise<void> => {
    if ((await handle.write(bytes, at)) !== bytes.length) throw Object.assign(new Error('short write'), { code: 'ENOSPC' })
    hash.update(bytes)
    at += bytes.length
  }
  await put(headerOf(of))
  for await (const chunk of chunks) {
    const head = Buffer.alloc(CHUNK_HEAD_BYTES)
    head.writeUInt32LE(chunk.length, 0)
    head.writeUInt32LE(crc32(chunk), 4)
    await put(head)
    await put(chunk)
  }
  return { bytes: at, sha256: hash.digest('hex') }
}

/** The first bytes of the file: magic, then one line of JSON. */
function headerOf({ projection, revision, head }: SnapshotOf): Buffer {
  return Buffer.concat([MAGIC, Buffer.from(`${JSON.stringify({ projection, revision, position: head.position, digest: head.digest })}\n`)])
}

/** What the file holds in place of what was vouched for. */
async function difference(handle: FileHandle, record: SnapshotRecord, whole: boolean): Promise<string | undefined> {
  if ((await handle.size()) !== record.bytes) return 'the file does not have the size that the journal names'
  const header = headerOf(record)
  const start = await readAt(handle, 0, header.length)
  if (!start.equals(header)) return 'the header is damaged'
  const same = !whole || (await hashOf(handle, 0, record.bytes)).toString('hex') === record.sha256
  return same ? undefined : 'the file does not have the digest that the journal names'
}

async function chunkAt(handle: FileHandle, at: number, end: number): Promise<Buffer> {
  const head = await readAt(handle, at, CHUNK_HEAD_BYTES)
  const length = head.readUInt32LE(0)
  if (length > end - at - CHUNK_HEAD_BYTES) throw new Error('a chunk is longer than its file')
  const chunk = await readAt(handle, at + CHUNK_HEAD_BYTES, length)
  if (crc32(chunk) !== head.readUInt32LE(4)) throw new Error('a chunk does not check')
  return chunk
}

async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  if ((await readFully(handle, bytes, at)) !== length) throw new Error('the file ends too early')
  return bytes
}
