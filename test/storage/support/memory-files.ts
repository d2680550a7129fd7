/** Files in memory behind the file port: quick enough for thousands of journals, and able to fail at the nth call. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { FileHandle, Files, Stat } from '../../../src/storage/files.js'

interface Inode {
  bytes: Buffer
  lock: 'exclusive' | undefined
}

export type Call = 'open' | 'write' | 'read' | 'datasync' | 'size' | 'lock' | 'syncDir' | 'link' | 'unlink' | 'mkdir' | 'readdir' | 'rename'

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

export class MemoryFiles implements Files {
  readonly inodes = new Map<string, Inode>()
  readonly directories = new Set<string>(['/'])
  /** Throws, or returns how many bytes of a write to let through. */
  fault: (call: Call, path: string) => number | undefined = () => undefined
  /** Is told of every read. */
  watched: ((path: string, offset: number, length: number) => void) | undefined
  /** Handles that are open. */
  opened = 0

  copy(): MemoryFiles {
    const copy = new MemoryFiles()
    for (const [path, { bytes }] of this.inodes) copy.inodes.set(path, { bytes: Buffer.from(bytes), lock: undefined })
    for (const path of this.directories) copy.directories.add(path)
    return copy
  }

  /** Takes in a directory from the disk. */
  static from(directory: string, as: string): MemoryFiles {
    const files = new MemoryFiles()
    files.directories.add(as)
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const path = join(directory, name)
      if (statSync(path).isDirectory()) files.directories.add(join(as, name))
      else files.inodes.set(join(as, name), { bytes: readFileSync(path), lock: undefined })
    }
    return files
  }

  names(directory: string): string[] {
    const all = [...this.inodes.keys(), ...this.directories].filter((path) => dirname(path) === directory && path !== directory)
    return all.map((path) => path.slice(directory.length + 1)).toSorted()
  }

  async open(path: string, flag: 'r' | 'r+' | 'wx'): Promise<FileHandle> {
    this.fault('open', path)
    let inode = this.inodes.get(path)
    if (flag === 'wx') {
      if (inode !== undefined) throw failure('EEXIST')
      if (!this.directories.has(dirname(path))) throw failure('ENOENT')
      inode = { bytes: Buffer.alloc(0), lock: undefined }
      this.inodes.set(path, inode)
    }
    if (inode === undefined) throw failure('ENOENT')
    this.opened++
    return new MemoryFile(this, path, inode)
  }

  async readdir(path: string): Promise<string[]> {
    this.fault('readdir', path)
    if (!this.directories.has(path)) throw failure('ENOENT')
    return this.names(path)
  }

  async mkdir(path: string): Promise<void> {
    this.fault('mkdir', path)
    if (this.directories.has(path)) throw failure('EEXIST')
    if (!this.directories.has(dirname(path))) throw failure('ENOENT')
    this.directories.add(path)
  }

  async link(from: string, to: string): Promise<void> {
    this.fault('link', to)
    const inode = this.inodes.get(from)
    if (inode === undefined) throw failure('ENOENT')
    if (this.inodes.has(to)) throw failure('EEXIST')
    this.inodes.set(to, inode)
  }

  async rename(from: string, to: string): Promise<void> {
    this.fault('rename', to)
    const inode = this.inodes.get(from)
    if (inode === undefined) throw failure('ENOENT')
    this.inodes.delete(from)
    this.inodes.set(to, inode)
  }

  async unlink(path: string): Promise<void> {
    this.fault('unlink', path)
    if (!this.inodes.delete(path)) throw failure('ENOENT')
  }

  async syncDir(path: string): Promise<void> {
    this.fault('syncDir', path)
  }

  exists(path: string): boolean {
    return this.inodes.has(path)
  }

  stat(path: string): Stat | undefined {
    const plain = path.replace(/\/\.$/, '')
    if (this.inodes.has(plain)) return { kind: 'file', mine: true }
    return this.directories.has(plain) ? { kind: 'directory', mine: true } : undefined
  }

  fileSystem(): number {
    return 0
  }

  watch(): () => void {
    return () => {}
  }
}

class MemoryFile implements FileHandle {
  readonly #files: MemoryFiles
  readonly #path: string
  readonly #inode: Inode
  #locked = false

  constructor(files: MemoryFiles, path: string, inode: Inode) {
    this.#files = files
    this.#path = path
    this.#inode = inode
  }

  write(bytes: Uint8Array, offset: number): number {
    const count = this.#files.fault('write', this.#path) ?? bytes.length
    const { bytes: old } = this.#inode
    if (offset + count > old.length) this.#inode.bytes = Buffer.concat([old, Buffer.alloc(offset + count - old.length)])
    this.#inode.bytes.set(bytes.subarray(0, count), offset)
    return count
  }

  read(into: Uint8Array, offset: number): number {
    this.#files.fault('read', this.#path)
    this.#files.watched?.(this.#path, offset, into.length)
    const { bytes } = this.#inode
    return offset < bytes.length ? bytes.copy(into, 0, offset, Math.min(bytes.length, offset + into.length)) : 0
  }

  async datasync(): Promise<void> {
    this.#files.fault('datasync', this.#path)
  }

  async size(): Promise<number> {
    this.#files.fault('size', this.#path)
    return this.#inode.bytes.length
  }

  tryLock(mode: 'exclusive' | 'shared'): boolean {
    this.#files.fault('lock', this.#path)
    if (this.#inode.lock !== undefined) return false
    if (mode === 'exclusive') {
      this.#inode.lock = mode
      this.#locked = true
    }
    return true
  }

  async close(): Promise<void> {
    if (this.#locked) this.#inode.lock = undefined
    this.#files.opened--
  }
}
