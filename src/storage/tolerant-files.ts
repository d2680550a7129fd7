/**
 * A journal's files for whoever reads what is left of it: a sector that the disk does not give reads as zeros, which are no frame, and a
 * file that cannot be opened, or is none of ours, as an empty one.
 */
import { relative } from 'node:path'
import { isJournalError } from '../errors.js'
import { filesOver, handleOver } from './delegate.js'
import type { FileHandle, Files } from './files.js'
import { guarded } from './guard.js'
import { hasCode } from './io.js'
import { isPacked } from './packed-files.js'

const SECTOR_BYTES = 4096

/** What the system says of a part of one file that it does not give; of the rest, and of others, it still may. */
const UNREADABLE = ['EIO', 'EUCLEAN', 'EBADMSG']
const WITHHELD = [...UNREADABLE, 'EACCES', 'EPERM', 'ELOOP', 'ENXIO', 'ESTALE']

/** A file of a journal that could not be opened. */
export interface Unread {
  /** Its name in the journal's directory. */
  file: string
  reason: string
}

/** `unread` is told of each file that could not be opened, once. */
export function tolerant(port: Files, directory: string, unread: (what: Unread) => void): Files {
  const files = guarded(port, directory)
  const told = new Set<string>()
  const over = filesOver(files, {
    async open(path, flag) {
      try {
        return bySectors(await opened(files, path, flag))
      } catch (error) {
        if (flag !== 'r' || !isWithheld(error)) throw error
        if (!told.has(path)) unread({ file: relative(directory, path), reason: error instanceof Error ? error.message : String(error) })
        told.add(path)
        // A segment that is there packed as well is read there.
        if (isPacked(over, path)) throw Object.assign(new Error(`ENOENT: ${path} is only there packed`), { code: 'ENOENT' })
        return NOTHING
      }
    },
    stat(path) {
      try {
        return files.stat(path)
      } catch (error) {
        if (!isWithheld(error)) throw error
        // It is there, and whoever opens it will hear of it.
        return { kind: 'file', mine: true }
      }
    },
  })
  return over
}

function isUnreadable(error: unknown): boolean {
  return UNREADABLE.some((code) => hasCode(error, code))
}

function isWithheld(error: unknown): boolean {
  return isJournalError(error, 'JOURNAL_IO') || WITHHELD.some((code) => hasCode(error, code))
}

/** One that does not say how long it is cannot be read either. */
async function opened(files: Files, path: string, flag: 'r' | 'r+' | 'wx'): Promise<FileHandle> {
  const file = await files.open(path, flag)
  try {
    await file.size()
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

function bySectors(file: FileHandle): FileHandle {
  return handleOver(file, {
    async read(into, offset) {
      try {
        return await file.read(into, offset)
      } catch (error) {
        if (!isUnreadable(error)) throw error
        return bySector(file, into, offset)
      }
    },
  })
}

/** As much of one sector as is wanted; zeros if it cannot be read. */
async function bySector(file: FileHandle, into: Uint8Array, offset: number): Promise<number> {
  const most = Math.min(into.length, SECTOR_BYTES - (offset % SECTOR_BYTES), Math.max(0, (await file.size()) - offset))
  try {
    return await file.read(into.subarray(0, most), offset)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    into.fill(0, 0, most)
    return most
  }
}

function refused(): never {
  throw new Error('a file that could not be opened is only read, and holds nothing')
}

const NOTHING: FileHandle = {
  read: () => 0,
  size: async () => 0,
  tryLock: () => true,
  write: refused,
  datasync: refused,
  close: async () => {},
}
