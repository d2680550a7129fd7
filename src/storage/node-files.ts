/** The file port on Node's own file system. */
import * as fs from 'node:fs'
import { tryLock } from 'fs-native-extensions'
import { ioError } from '../errors.js'
import type { FileHandle, Files, Stat } from './files.js'

/** A write of this size into the page cache is quicker than a trip to another thread. */
const SYNC_WRITE_BYTES = 1 << 20

/** What is created is for its owner alone. */
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** A link is not followed, and a pipe nobody writes to is not waited for. Windows has neither flag, which then counts as none. */
const { O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants
const FLAGS = { r: O_RDONLY, 'r+': O_RDWR, wx: O_WRONLY | O_CREAT | O_EXCL }

/** Files that this process has locked, by device and inode: not every system's locks hold within a process. */
const held = new Set<string>()

/**
 * Files that are open. Node closes one that nobody refers to any more, and with it would go the lock of a journal that a program opened, and
 * keeps no word of.
 */
const opened = new Set<fs.promises.FileHandle>()

export const nodeFiles: Files = {
  async open(path, flag) {
    return new NodeFile(await openFile(path, flag))
  },
  readdir: (path) => fs.promises.readdir(path),
  async mkdir(path) {
    await fs.promises.mkdir(path, DIRECTORY_MODE)
  },
  link: (from, to) => fs.promises.link(from, to),
  rename: (from, to) => fs.promises.rename(from, to),
  unlink: (path) => fs.promises.unlink(path),

  async syncDir(path) {
    if (process.platform === 'win32') return
    const directory = await fs.promises.open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },

  exists: (path) => fs.existsSync(path),

  stat(path) {
    const found = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
    if (found === undefined) return undefined
    const { ino, size, mtimeNs, ctimeNs } = found
    const mine = process.getuid === undefined || Number(found.uid) === process.getuid()
    return { kind: kindOf(found), mine, stamp: `${ino}-${size}-${mtimeNs}-${ctimeNs}` }
  },

  // Some systems number types with a sign.
  fileSystem: (path) => fs.statfsSync(path).type >>> 0,

  watch(path, changed) {
    try {
      const watcher = fs.watch(path, { persistent: false }, changed)
      // A watcher that breaks is no loss: the poll behind it goes on.
      watcher.on('error', () => watcher.close())
      return () => watcher.close()
    } catch {
      // No watchers left, or none on this file system: the poll serves alone.
      return () => {}
    }
  },
}

/** The same, but syncs on the calling thread: each is quicker, and nothing else runs meanwhile. */
export const blockingFiles: Files = {
  ...nodeFiles,
  async open(path, flag) {
    return new BlockingFile(await openFile(path, flag))
  },
}

/** Whoever opens has looked at the name before; that it is still a file is certain only now. */
async function openFile(path: string, flag: keyof typeof FLAGS): Promise<fs.promises.FileHandle> {
  const file = await fs.promises.open(path, FLAGS[flag] | O_NOFOLLOW | O_NONBLOCK, FILE_MODE)
  try {
    if (!fs.fstatSync(file.fd).isFile()) throw Object.assign(new Error(`${path} is no file`), { code: 'EINVAL' })
    return file
  } catch (error) {
    // A disk that is gone may let a file be opened and not be looked at.
    await file.close()
    throw error
  }
}

function kindOf(found: fs.BigIntStats): Stat['kind'] {
  if (found.isFile()) return 'file'
  if (found.isDirectory()) return 'directory'
  if (found.isSymbolicLink()) return 'symbolic link'
  if (found.isFIFO()) return 'FIFO'
  return found.isSocket() ? 'socket' : 'device'
}

/** A new directory of our own among the system's temporary ones. @throws JournalError JOURNAL_DISK_FULL, JOURNAL_IO */
export function temporaryDirectory(): string {
  const parent = process.env['TMPDIR'] ?? process.env['TEMP'] ?? '/tmp'
  try {
    return fs.mkdtempSync(`${parent}/turnlog-`)
  } catch (error) {
    throw ioError(error, 'Making room for what a reader folds (TMPDIR says where), in', parent)
  }
}

/** Removes a directory made by {@link temporaryDirectory}, with all that is in it. */
export async function removeTemporary(directory: string): Promise<void> {
  await fs.promises.rm(directory, { recursive: true, force: true })
}

class NodeFile implements FileHandle {
  readonly #file: fs.promises.FileHandle
  #lock: string | undefined

  constructor(file: fs.promises.FileHandle) {
    this.#file = file
    opened.add(file)
  }

  write(bytes: Uint8Array, offset: number): number | Promise<number> {
    if (bytes.length <= SYNC_WRITE_BYTES) return fs.writeSync(this.#file.fd, bytes, 0, bytes.length, offset)
    return this.#file.write(bytes, 0, bytes.length, offset).then(({ bytesWritten }) => bytesWritten)
  }

  read(bytes: Uint8Array, offset: number): number {
    return fs.readSync(this.#file.fd, bytes, 0, bytes.length, offset)
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#file.fd, (error) => (error === null ? resolve() : reject(error)))
    })
  }

  protected get fd(): number {
    return this.#file.fd
  }

  async size(): Promise<number> {
    return fs.fstatSync(this.#file.fd).size
  }

  tryLock(mode: 'exclusive' | 'shared'): boolean {
    const { dev, ino } = fs.fstatSync(this.#file.fd, { bigint: true })
    const key = `${dev}:${ino}`
    if (held.has(key)) return false
    if (!tryLock(this.#file.fd, 0, 0, { shared: mode === 'shared' })) return false
    if (mode === 'exclusive') {
      held.add(key)
      this.#lock = key
    }
    return true
  }

  async close(): Promise<void> {
    if (this.#lock !== undefined) held.delete(this.#lock)
    opened.delete(this.#file)
    await this.#file.close()
  }
}

class BlockingFile extends NodeFile {
  override async datasync(): Promise<void> {
    fs.fdatasyncSync(this.fd)
  }
}
