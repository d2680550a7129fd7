/**
 * Files in memory with a disk beneath that keeps as little as it may: what was synced, under the names whose directory was. A sync
 * that fails loses what it was for, and the next one says that all is well.
 */
import { dirname } from 'node:path'
import { handleOver } from '../../src/storage/delegate.js'
import type { FileHandle } from '../../src/storage/files.js'
import { MemoryFiles } from '../storage/support/memory-files.js'

type Inode = MemoryFiles['inodes'] extends Map<string, infer I> ? I : never

const SECTOR = 4096

export class Pessimist extends MemoryFiles {
  readonly #onDisk = new Map<Inode, Buffer>()
  readonly #dirty = new Map<Inode, [from: number, to: number][]>()
  readonly #names = new Map<string, Inode>()
  readonly #directories = new Set<string>(['/'])
  /** Is told before every call that changes something. */
  step: () => void = () => {}
  /** Fails the next sync of a segment. */
  failSync = false

  override async open(path: string, flag: 'r' | 'r+' | 'wx'): Promise<FileHandle> {
    this.step()
    const file = await super.open(path, flag)
    const inode = this.inodes.get(path) as Inode
    let open = true
    const mustBeOpen = (): void => {
      if (!open) throw Object.assign(new Error('the file is closed'), { code: 'EBADF' })
    }
    return handleOver(file, {
      write: (bytes, offset) => {
        mustBeOpen()
        this.step()
        const count = file.write(bytes, offset) as number
        this.#dirty.set(inode, [...(this.#dirty.get(inode) ?? []), [offset, offset + count]])
        return count
      },
      datasync: async () => {
        this.step()
        const fails = this.failSync && path.endsWith('.seg')
        this.failSync &&= !fails
        if (fails) this.#dirty.delete(inode)
        if (fails) throw Object.assign(new Error('made to fail'), { code: 'EIO' })
        // A disk takes its time: whoever is told too early is told before.
        await new Promise((resolve) => setImmediate(resolve))
        mustBeOpen()
        await file.datasync()
        this.#flush(inode)
      },
      close: () => {
        open = false
        return file.close()
      },
    })
  }

  override async syncDir(path: string): Promise<void> {
    this.step()
    await super.syncDir(path)
    for (const name of this.#names.keys()) if (dirname(name) === path) this.#names.delete(name)
    for (const [name, inode] of this.inodes) if (dirname(name) === path) this.#names.set(name, inode)
    for (const name of this.directories) if (dirname(name) === path) this.#directories.add(name)
  }

  override async link(from: string, to: string): Promise<void> {
    this.step()
    await super.link(from, to)
  }

  override async rename(from: string, to: string): Promise<void> {
    this.step()
    await super.rename(from, to)
  }

  override async unlink(path: string): Promise<void> {
    this.step()
    await super.unlink(path)
  }

  /** What is left when the power goes now; files that `kept` names were written out whole by chance. */
  crashed(kept: (path: string) => boolean = () => false): MemoryFiles {
    return this.#left((path, inode) => (kept(path) ? inode.bytes : (this.#onDisk.get(inode) ?? Buffer.alloc(0))), kept)
  }

  /** Whether a file has bytes that are not on the disk. */
  unsynced(path: string): boolean {
    const inode = this.inodes.get(path)
    return inode !== undefined && !this.#onDisk.has(inode)
  }

  /** What is left where each sector that was being written holds garbage. */
  garbled(): MemoryFiles {
    return this.#left((_path, inode) => {
      const bytes = Buffer.from(this.#onDisk.get(inode) ?? [])
      for (const [from, to] of this.#dirty.get(inode) ?? [])
        bytes.subarray(from - (from % SECTOR), Math.ceil(to / SECTOR) * SECTOR).fill(0xe7)
      return bytes
    })
  }

  #left(content: (path: string, inode: Inode) => Buffer, kept: (path: string) => boolean = () => false): MemoryFiles {
    const left = new MemoryFiles()
    for (const path of this.#directories) left.directories.add(path)
    const names = new Map([...this.#names, ...[...this.inodes].filter(([path]) => kept(path) && this.#directories.has(dirname(path)))])
    for (const [path, inode] of names) left.inodes.set(path, { bytes: Buffer.from(content(path, inode)), lock: undefined })
    return left
  }

  #flush(inode: Inode): void {
    let bytes = this.#onDisk.get(inode) ?? Buffer.alloc(0)
    if (bytes.length < inode.bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(inode.bytes.length - bytes.length)])
    for (const [from, to] of this.#dirty.get(inode) ?? []) inode.bytes.copy(bytes, from, from, to)
    this.#onDisk.set(inode, bytes)
    this.#dirty.delete(inode)
  }
}
