/** Open files for reading, shared and bounded in number. */
import { ioError } from '../errors.js'
import { handleOver } from './delegate.js'
import type { FileHandle, Files } from './files.js'
import { closeAll } from './io.js'

const OPEN_MAX = 48

interface Entry {
  file: Promise<FileHandle>
  users: number
  forgotten: boolean
}

export class Handles {
  readonly #files: Files
  readonly #open = new Map<string, Entry>()
  #closed = false

  constructor(files: Files) {
    this.#files = files
  }

  /** Runs `use` on a file opened for reading. */
  async with<T>(path: string, use: (file: FileHandle) => T | Promise<T>): Promise<T> {
    const { file, release } = await this.acquire(path)
    try {
      return await use(file)
    } finally {
      await release()
    }
  }

  /** The file, open until released. */
  async acquire(path: string): Promise<{ file: FileHandle; release: () => Promise<void> }> {
    let entry = this.#open.get(path)
    if (entry === undefined) entry = { file: this.#named(path), users: 0, forgotten: false }
    else this.#open.delete(path)
    this.#open.set(path, entry)
    entry.users++
    const used = entry
    try {
      const file = await used.file
      return { file, release: () => this.#release(path, used) }
    } catch (error) {
      if (this.#open.get(path) === used) this.#open.delete(path)
      throw ioError(error, 'Opening', path)
    }
  }

  /** The file, with errors of its reads that name it. */
  async #named(path: string): Promise<FileHandle> {
    const file = await this.#files.open(path, 'r')
    const failed = (error: unknown): never => {
      throw ioError(error, 'Reading', path)
    }
    const read: FileHandle['read'] = (bytes, offset) => {
      try {
        const got = file.read(bytes, offset)
        return typeof got === 'number' ? got : got.catch(failed)
      } catch (error) {
        return failed(error)
      }
    }
    return handleOver(file, {
      read,
      write: () => failed(new Error('the file was opened for reading')),
      size: () => file.size().catch(failed),
    })
  }

  /** Closes the file once nobody uses it, so that another of its name is seen. */
  async forget(path: string): Promise<void> {
    const entry = this.#open.get(path)
    if (entry === undefined) return
    this.#open.delete(path)
    entry.forgotten = true
    if (entry.users === 0) await (await entry.file).close()
  }

  /** A read that is still going on may open files yet; each is closed when it is released. */
  async close(): Promise<void> {
    this.#closed = true
    await closeAll([...this.#open.keys()].map((path) => ({ close: () => this.forget(path) })))
  }

  async #release(path: string, entry: Entry): Promise<void> {
    entry.users--
    if (entry.users > 0) return
    if (entry.forgotten) return (await entry.file).close()
    if (this.#closed) return this.forget(path)
    if (this.#open.size <= OPEN_MAX) return
    for (const [other, { users }] of this.#open) {
      if (users > 0) continue
      await this.forget(other)
      return
    }
  }
}
