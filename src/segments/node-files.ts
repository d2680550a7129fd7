/** The file port on Node's own file system: thin, and the only place that imports it. */
import { close, closeSync, existsSync, fdatasync, fsyncSync, link, mkdir, open, openSync, readdir, readSync, rename, fstat, unlink, watch, write, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FileHandle, Files } from '../storage/files.js'

/** Open-file-description locks: they belong to the open file, die with its process, and no other open of the file releases them. */
const locks = createRequire(import.meta.url)('fs-native-extensions') as { tryLock(fd: number, offset: number, length: number, options: { shared: boolean }): boolean }

/** Writes up to this size go into the page cache at once; larger ones take the trip to another thread. */
const SYNC_WRITE_BYTES = 256 << 10

const onDisk = { open: promisify(open), write: promisify(write), close: promisify(close), fstat: promisify(fstat) }

export const nodeFiles: Files = {
  async open(path, flag) {
    const fd = await onDisk.open(path, flag === 'wx' ? 'wx+' : flag, 0o600)
    return new NodeFile(fd)
  },
  readdir: promisify(readdir) as (path: string) => Promise<string[]>,
  mkdir: async (path) => void (await promisify(mkdir)(path, 0o700)),
  link: promisify(link),
  rename: promisify(rename),
  unlink: promisify(unlink),
  // A directory's names are rarely made durable, and never while somebody waits for anything else.
  async syncDir(path) {
    if (process.platform === 'win32') return
    const fd = openSync(path, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  },
  exists: existsSync,
  watch(path, changed) {
    const watcher = watch(path, { persistent: false }, changed)
    // A watcher that fails is no loss: a poll stands behind it.
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  },
}

class NodeFile implements FileHandle {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  write(bytes: Uint8Array, offset: number): number | Promise<number> {
    if (bytes.length <= SYNC_WRITE_BYTES) return writeSync(this.#fd, bytes, 0, bytes.length, offset)
    return onDisk.write(this.#fd, bytes, 0, bytes.length, offset).then(({ bytesWritten }) => bytesWritten)
  }

  read(bytes: Uint8Array, offset: number): number {
    return readSync(this.#fd, bytes, 0, bytes.length, offset)
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error))))
  }

  async size(): Promise<number> {
    return (await onDisk.fstat(this.#fd)).size
  }

  tryLock(mode: 'exclusive' | 'shared'): boolean {
    return locks.tryLock(this.#fd, 0, 0, { shared: mode === 'shared' })
  }

  close(): Promise<void> {
    return onDisk.close(this.#fd)
  }
}

export const systemClock = {
  now: () => Date.now(),
  random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
}


/** A directory outside every journal that goes away with whoever asked for it. */
export async function temporaryDirectory(): Promise<{ directory: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'turnlog-'))
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) }
}
