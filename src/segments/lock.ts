/**
 * One writer: the lock of the operating system, and behind it the epoch, a number that each writer takes for itself. A
 * writer whose epoch file is gone has been succeeded, even where the lock did not hold.
 */
import { join } from 'node:path'
import { ioError, JournalError } from '../errors.js'
import type { FileHandle, Files } from '../storage/files.js'

const POLL_MS = 20

/** Opens LOCK and takes it, waiting up to `waitMs`. @throws JournalError JOURNAL_LOCKED */
export async function takeLock(files: Files, directory: string, waitMs: number): Promise<FileHandle> {
  const path = join(directory, 'LOCK')
  const handle = await openLock(files, path)
  const until = performance.now() + waitMs
  try {
    while (!handle.tryLock('exclusive')) {
      if (performance.now() >= until) {
        throw new JournalError('JOURNAL_LOCKED', `${directory} is being written by another process or handle. Close that one, or open with readOnly to read beside it.`, { directory })
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, Math.max(1, until - performance.now()))))
    }
    return handle
  } catch (error) {
    await handle.close()
    throw ioError(error, 'Locking', path)
  }
}

async function openLock(files: Files, path: string): Promise<FileHandle> {
  try {
    return files.exists(path) ? await files.open(path, 'r+') : await files.open(path, 'wx')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return openLock(files, path)
    throw ioError(error, 'Opening', path)
  }
}

/** Whether somebody holds the lock; takes nothing, creates nothing. */
export async function isLocked(files: Files, directory: string): Promise<boolean> {
  let handle: FileHandle
  try {
    handle = await files.open(join(directory, 'LOCK'), 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw ioError(error, 'Opening', join(directory, 'LOCK'))
  }
  try {
    return !handle.tryLock('shared')
  } finally {
    await handle.close()
  }
}

const epochName = (epoch: number): string => `epoch-${String(epoch).padStart(8, '0')}`

/** The highest epoch that was taken; 0 if none was. */
export async function readEpoch(files: Files, directory: string): Promise<number> {
  return Math.max(0, ...(await epochs(files, directory)))
}

/** A writer's epoch. */
export class Epoch {
  readonly number: number
  readonly #files: Files
  readonly #directory: string

  private constructor(files: Files, directory: string, number: number) {
    this.#files = files
    this.#directory = directory
    this.number = number
  }

  /** Takes the next number, which ends every earlier writer's right to acknowledge anything. */
  static async take(files: Files, directory: string): Promise<Epoch> {
    const taken = await epochs(files, directory)
    const number = Math.max(0, ...taken) + 1
    try {
      await (await files.open(join(directory, epochName(number)), 'wx')).close()
      for (const old of taken) await files.unlink(join(directory, epochName(old)))
      await files.syncDir(directory)
    } catch (error) {
      throw ioError(error, 'Taking an epoch in', directory)
    }
    return new Epoch(files, directory, number)
  }

  /** @throws JournalError JOURNAL_FENCED if a newer writer took over. */
  check(): void {
    if (this.#files.exists(join(this.#directory, epochName(this.number)))) return
    throw new JournalError('JOURNAL_FENCED', `A newer writer has taken ${this.#directory} over. Close this handle; what it did not acknowledge is not promised.`, {
      directory: this.#directory,
      epoch: this.number,
    })
  }
}

async function epochs(files: Files, directory: string): Promise<number[]> {
  return (await files.readdir(directory)).flatMap((name) => {
    const match = /^epoch-(\d+)$/.exec(name)
    return match === null ? [] : [Number(match[1])]
  })
}
