/** The file port on the real file system, as a process sees it that dies at its nth operation that changes something: nothing after that goes through. */
import type { FileHandle, Files } from '../../src/storage/files.js'
import { nodeFiles } from '../../src/storage/node-files.js'

export interface DyingFiles extends Files {
  /** Operations so far that change something. */
  readonly operations: number
}

/** `half`: a write at which it dies goes through in half. */
export function dyingFiles(at = Number.POSITIVE_INFINITY, half = false): DyingFiles {
  let operations = 0
  const step = (): boolean => ++operations >= at
  const alive = (): void => {
    if (step()) throw dead()
  }
  const change =
    <A extends unknown[]>(call: (...args: A) => Promise<void>) =>
    async (...args: A): Promise<void> => {
      alive()
      await call(...args)
    }
  return {
    ...nodeFiles,
    get operations() {
      return operations
    },
    async open(path, flag) {
      if (flag === 'wx') alive()
      return new DyingFile(await nodeFiles.open(path, flag), step, () => operations === at && half)
    },
    mkdir: change((path: string) => nodeFiles.mkdir(path)),
    link: change((from: string, to: string) => nodeFiles.link(from, to)),
    rename: change((from: string, to: string) => nodeFiles.rename(from, to)),
    unlink: change((path: string) => nodeFiles.unlink(path)),
    syncDir: change((path: string) => nodeFiles.syncDir(path)),
  }
}

class DyingFile implements FileHandle {
  readonly #file: FileHandle
  readonly #step: () => boolean
  readonly #half: () => boolean

  constructor(file: FileHandle, step: () => boolean, half: () => boolean) {
    this.#file = file
    this.#step = step
    this.#half = half
  }

  write(bytes: Uint8Array, offset: number): number | Promise<number> {
    if (!this.#step()) return this.#file.write(bytes, offset)
    if (this.#half()) void this.#file.write(bytes.subarray(0, bytes.length >> 1), offset)
    throw dead()
  }

  async datasync(): Promise<void> {
    if (this.#step()) throw dead()
    return this.#file.datasync()
  }

  read(bytes: Uint8Array, offset: number): number | Promise<number> {
    return this.#file.read(bytes, offset)
  }

  size(): Promise<number> {
    return this.#file.size()
  }

  tryLock(mode: 'exclusive' | 'shared'): boolean {
    return this.#file.tryLock(mode)
  }

  /** A dead process's descriptors are closed by the system. */
  close(): Promise<void> {
    return this.#file.close()
  }
}

function dead(): Error {
  return Object.assign(new Error('the process is dead'), { code: 'EIO', syscall: 'die' })
}
