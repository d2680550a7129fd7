/** Reads and writes that are whole or fail, and files that appear whole or not at all. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { ioError } from '../errors.js'
import type { Clock, FileHandle, Files } from './files.js'

/** Reads until the buffer is full or the file ends; how much, at once where the file answers at once. */
export function readFully(file: FileHandle, into: Uint8Array, offset: number): number | Promise<number> {
  const got = file.read(into, offset)
  return got === into.length || got === 0 ? got : readOn(file, into, offset, got)
}

async function readOn(file: FileHandle, into: Uint8Array, offset: number, first: number | Promise<number>): Promise<number> {
  let done = await first
  while (done > 0 && done < into.length) {
    const got = file.read(into.subarray(done), offset + done)
    const count = typeof got === 'number' ? got : await got
    if (count === 0) break
    done += count
  }
  return done
}

const CHUNK_BYTES = 1 << 20

/** The bytes between two offsets, as far as the file has them; each chunk is valid until the next. */
export async function* chunksOf(file: FileHandle, from: number, to: number): AsyncGenerator<{ at: number; chunk: Buffer }> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - from))
  for (let at = from; at < to;) {
    const got = await readFully(file, buffer.subarray(0, Math.min(buffer.length, to - at)), at)
    if (got === 0) return
    yield { at, chunk: buffer.subarray(0, got) }
    at += got
  }
}

/** SHA-256 of the bytes between two offsets. */
export async function hashOf(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const { chunk } of chunksOf(file, from, to)) hash.update(chunk)
  return hash.digest()
}

/**
 * Writes all or fails. A short count is a failure: the system's own loop has tried already, so what is missing would not
 * go through now either, and half a write must never be continued in place. Undefined where it is done already.
 */
export function writeFully(file: FileHandle, bytes: Uint8Array, offset: number, path: string): Promise<void> | undefined {
  let written: number | Promise<number>
  try {
    written = file.write(bytes, offset)
  } catch (error) {
    throw ioError(error, 'Writing', path)
  }
  if (typeof written !== 'number') return isWritten(written, bytes.length, path)
  if (written !== bytes.length) throw shortWrite(path, written, bytes.length)
  return undefined
}

async function isWritten(written: Promise<number>, length: number, path: string): Promise<void> {
  let count: number
  try {
    count = await written
  } catch (error) {
    throw ioError(error, 'Writing', path)
  }
  if (count !== length) throw shortWrite(path, count, length)
}

export function shortWrite(path: string, count: number, wanted: number): Error {
  return ioError(Object.assign(new Error(`only ${count} of ${wanted} bytes were written`), { code: 'ENOSPC' }), 'Writing', path)
}

/** The names that files have before they are whole. */
export const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/

/** A name beside another, for what is not whole yet. */
function temporaryName(clock: Clock, path: string): string {
  return `${path}.${Buffer.from(clock.random(6)).toString('hex')}.tmp`
}

export type Write<T> = (file: FileHandle, temporary: string) => Promise<T> | T

/** Writes a new file, makes its content durable, and closes it. */
export async function fill<T>(file: FileHandle, temporary: string, write: Write<T>): Promise<T> {
  try {
    const result = await write(file, temporary)
    await file.datasync()
    return result
  } finally {
    await file.close()
  }
}

/**
 * Makes a file appear under its name whole and durable, in place of one that may be there: written under another name, synced, renamed,
 * the directory synced. What fails leaves nothing of it.
 */
export async function replaceFile<T>(files: Files, clock: Clock, path: string, write: Write<T>): Promise<T> {
  const temporary = temporaryName(clock, path)
  const file = await files.open(temporary, 'wx')
  let result: T
  try {
    result = await fill(file, temporary, write)
    await files.rename(temporary, path)
  } catch (error) {
    return giveUp(error, [{ close: () => removeFile(files, temporary) }])
  }
  await files.syncDir(dirname(path))
  return result
}

/**
 * Makes a file appear under its name whole, durable, and only if the name is free: written under another name, synced,
 * linked, the directory synced. Throws the system's EEXIST if the name is taken.
 */
export async function placeFile(files: Files, clock: Clock, path: string, write: Write<void>): Promise<void> {
  const temporary = temporaryName(clock, path)
  const file = await files.open(temporary, 'wx')
  try {
    await fill(file, temporary, write)
    await files.link(temporary, path)
  } finally {
    await files.unlink(temporary)
  }
  await files.syncDir(dirname(path))
}

/** Creates a directory and those above it that are missing, and makes its name durable, also where it was there: whoever made it may have died. */
export async function makeDirectory(files: Files, path: string): Promise<void> {
  try {
    await files.mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeDirectory(files, dirname(path))
      return makeDirectory(files, path)
    }
    if (code !== 'EEXIST') throw ioError(error, 'Creating the directory', path)
  }
  try {
    await files.syncDir(dirname(path))
  } catch (error) {
    throw ioError(error, 'Creating the directory', path)
  }
}

/** Closes all of them, also when closing one fails; what failed first is thrown. */
export async function closeAll(all: readonly ({ close(): Promise<void> } | undefined)[]): Promise<void> {
  const failed: unknown[] = []
  for (const one of all) {
    try {
      await one?.close()
    } catch (error) {
      failed.push(error)
    }
  }
  if (failed.length > 0) throw failed[0]
}

/** Closes all of them and throws what led here. */
export async function giveUp(error: unknown, all: readonly ({ close(): Promise<void> } | undefined)[]): Promise<never> {
  try {
    await closeAll(all)
  } catch {
    // What fails besides is of no more use to anybody.
  }
  throw error
}

/** The system's error as one of ours; every other as it is. */
export function coded(error: unknown, doing: string, path: string): unknown {
  return typeof (error as NodeJS.ErrnoException | undefined)?.code === 'string' && !(error instanceof TypeError)
    ? ioError(error, doing, path)
    : error
}

/** Whether an error is the system's of this code. */
export function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === code
}

/** Removes a file that may be gone already. @throws JournalError JOURNAL_IO and its like */
export async function removeFile(files: Files, path: string): Promise<void> {
  try {
    await files.unlink(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw ioError(error, 'Removing', path)
  }
}
