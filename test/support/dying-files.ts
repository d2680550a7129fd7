/** The file port on the real file system, as a process sees it that dies at its nth operation that changes something: nothing after that goes through. */
import { handleOver } from '../../src/storage/delegate.js'
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
      return dyingFile(await nodeFiles.open(path, flag), step, () => operations === at && half)
    },
    mkdir: change((path: string) => nodeFiles.mkdir(path)),
    link: change((from: string, to: string) => nodeFiles.link(from, to)),
    rename: change((from: string, to: string) => nodeFiles.rename(from, to)),
    unlink: change((path: string) => nodeFiles.unlink(path)),
    syncDir: change((path: string) => nodeFiles.syncDir(path)),
  }
}

/** A dead process's descriptors are closed by the system. */
function dyingFile(file: FileHandle, step: () => boolean, half: () => boolean): FileHandle {
  return handleOver(file, {
    write: (bytes, offset) => {
      if (!step()) return file.write(bytes, offset)
      if (half()) void file.write(bytes.subarray(0, bytes.length >> 1), offset)
      throw dead()
    },
    datasync: async () => {
      if (step()) throw dead()
      return file.datasync()
    },
  })
}

function dead(): Error {
  return Object.assign(new Error('the process is dead'), { code: 'EIO', syscall: 'die' })
}
