/** One writer: a lock that dies with its process, and behind it an epoch file that fences writers whose lock was lost. */
import { setTimeout } from 'node:timers/promises'
import { ioError, JournalError } from '../errors.js'
import type { FileHandle, Files } from './files.js'
import { hasCode } from './io.js'
import { parseEpoch, type Paths } from './paths.js'

const POLL_MS = 10

/** Waits up to `waitMs` for the writer's lock. The lock is given back by closing what this resolves with. */
export async function lock(files: Files, paths: Paths, waitMs: number): Promise<FileHandle> {
  for (let first = true; ; first = false) {
    const file = await openLock(files, paths.lock)
    try {
      if (!(await takes(file, waitMs))) throw locked(paths.root)
      // Meanwhile the journal may have been replaced: then what is locked is the old one's file. Where locks do not work, the epoch serves alone.
      if (!first || (await isLocked(files, paths))) return file
    } catch (error) {
      await file.close()
      throw ioError(error, 'Locking', paths.lock)
    }
    await file.close()
  }
}

async function takes(file: FileHandle, waitMs: number): Promise<boolean> {
  // A reader that looks for a live writer holds the lock for a moment, so one refusal says little.
  for (let waited = 0; ; waited += POLL_MS) {
    if (file.tryLock('exclusive')) return true
    if (waited >= Math.max(waitMs, 2 * POLL_MS)) return false
    await setTimeout(POLL_MS)
  }
}

function locked(directory: string): JournalError {
  return new JournalError('JOURNAL_LOCKED', `Another process or handle writes to ${directory}. Close it, or open with readOnly.`, {
    directory,
  })
}

/** Whether somebody holds the writer's lock now. */
export async function isLocked(files: Files, paths: Paths): Promise<boolean> {
  let file: FileHandle
  try {
    file = await files.open(paths.lock, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw ioError(error, 'Opening', paths.lock)
  }
  try {
    return !file.tryLock('shared')
  } catch (error) {
    throw ioError(error, 'Locking', paths.lock)
  } finally {
    await file.close()
  }
}

/** Begins a new epoch, above every other that ever was, and ends the lower ones: their writers acknowledge nothing more. */
export async function beginEpoch(files: Files, paths: Paths, atLeast: number): Promise<number> {
  try {
    let epoch = Math.max(atLeast, 0, ...epochsOf(await files.readdir(paths.root))) + 1
    for (;;) {
      try {
        await (await files.open(paths.epoch(epoch), 'wx')).close()
        break
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error
        epoch++
      }
    }
    await files.syncDir(paths.root)
    // Asked again: another may have begun one meanwhile, and where locks lie it has no other sign to stop.
    const lower = epochsOf(await files.readdir(paths.root)).filter((other) => other < epoch)
    for (const old of lower) await removeEpoch(files, paths.epoch(old))
    return epoch
  } catch (error) {
    throw ioError(error, 'Beginning an epoch in', paths.root)
  }
}

async function removeEpoch(files: Files, path: string): Promise<void> {
  try {
    await files.unlink(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}

export function epochsOf(names: readonly string[]): number[] {
  return names.map(parseEpoch).filter((epoch) => epoch !== undefined)
}

async function openLock(files: Files, path: string): Promise<FileHandle> {
  for (;;) {
    for (const flag of ['r+', 'wx'] as const) {
      try {
        return await files.open(path, flag)
      } catch (error) {
        if (!hasCode(error, flag === 'r+' ? 'ENOENT' : 'EEXIST')) throw ioError(error, 'Opening', path)
      }
    }
  }
}
