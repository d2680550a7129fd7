/** A simulated disk with the page cache in front of it. Processes come and go; the disk stays, until the power fails. */
import { createHash } from 'node:crypto'
import { failure } from './failure.js'
import type { Choice } from './choice.js'
import { applyTo, Directory, durableFiles, type NameChange, type Node } from './directory.js'
import { Inode } from './inode.js'

export interface DiskOptions {
  /** Bytes that reach the disk together: 512 or 4096. */
  sector?: number
  /** Bytes that fit. */
  capacity?: number
  /** `ordered`: names become durable in the order of their changes, as with a journal; `posix`: any of them do. */
  names?: 'ordered' | 'posix'
  /** Sectors that were being written may hold anything after a power loss. */
  garbage?: boolean
}

export class Disk {
  readonly sector: number
  readonly names: 'ordered' | 'posix'
  readonly garbage: boolean
  capacity: number
  #root = new Directory()
  /** Changes of names since they were made durable, oldest first. */
  #changes: NameChange[] = []
  #used = 0
  /** Directories by path, once looked up; a loss of power may take one away, and a rename lead elsewhere. */
  #directories = new Map<string, Directory>()

  constructor({ sector = 512, capacity = Number.POSITIVE_INFINITY, names = 'ordered', garbage = false }: DiskOptions = {}) {
    this.sector = sector
    this.capacity = capacity
    this.names = names
    this.garbage = garbage
  }

  clone(): Disk {
    const copy = new Disk(this)
    const copies = new Map<Node, Node>()
    const copyOf = (node: Node): Node => {
      let made = copies.get(node)
      if (made !== undefined) return made
      made = node instanceof Directory ? new Directory() : node.clone()
      copies.set(node, made)
      if (node instanceof Directory && made instanceof Directory) {
        for (const [name, child] of node.names) made.names.set(name, copyOf(child))
        for (const [name, child] of node.durable) made.durable.set(name, copyOf(child))
      }
      return made
    }
    copy.#root = copyOf(this.#root) as Directory
    copy.#changes = this.#changes.map(({ directory, put, remove }) => ({
      directory: copyOf(directory) as Directory,
      ...(put === undefined ? {} : { put: { name: put.name, node: copyOf(put.node) } }),
      ...(remove === undefined ? {} : { remove }),
    }))
    copy.#count()
    return copy
  }

  /** How many states a power loss could leave, those that look the same included. */
  get states(): number {
    let states = this.names === 'ordered' ? this.#changes.length + 1 : 2 ** this.#changes.length
    for (const file of this.#reachable()) states *= file.states
    return states
  }

  /** The power fails. `mixed` favours plain states: all was written, or nothing, or a part in order. */
  powerLoss(choice: Choice, mixed = true): void {
    const changes = this.#changes
    if (this.names === 'ordered') {
      const kept = changes.length - choice.int(changes.length + 1)
      for (const change of changes.slice(0, kept)) applyTo(change.directory.durable, change)
    } else for (const change of changes) if (choice.int(2) === 0) applyTo(change.directory.durable, change)
    this.#changes = []
    for (const file of new Set(durableFiles(this.#root))) {
      if (this.garbage) file.garble(choice)
      file.settle(choice, mixed)
    }
    const forget = (directory: Directory): void => {
      directory.names = new Map(directory.durable)
      for (const node of directory.names.values()) if (node instanceof Directory) forget(node)
    }
    forget(this.#root)
    this.#directories = new Map()
    this.#count()
  }

  /** Names and contents, as processes see them: two disks with the same image behave the same after a power loss. */
  image(): string {
    const hash = createHash('sha1')
    for (const path of this.paths()) {
      const file = this.file(path)
      hash.update(`${path}\n${file.size}\n${file.digest}\n`)
    }
    return hash.digest('base64')
  }

  /** The file or directory of this path, as processes see it. */
  node(path: string): Node | undefined {
    const directory = this.#directoryOf(path)
    return directory === undefined ? undefined : path === '/' ? directory : directory.names.get(lastName(path))
  }

  file(path: string): Inode {
    const node = this.node(path)
    if (!(node instanceof Inode)) throw failure(node === undefined ? 'ENOENT' : 'EISDIR', path)
    return node
  }

  directory(path: string): Directory {
    const node = this.node(path)
    if (!(node instanceof Directory)) throw failure(node === undefined ? 'ENOENT' : 'ENOTDIR', path)
    return node
  }

  create(path: string, kind: 'file' | 'directory'): Node {
    if (this.node(path) !== undefined) throw failure('EEXIST', path)
    if (this.#used >= this.capacity) throw failure('ENOSPC', path)
    const node = kind === 'file' ? new Inode(this.sector) : new Directory()
    this.#name(path, node)
    return node
  }

  link(from: string, to: string): void {
    const file = this.file(from)
    if (this.node(to) !== undefined) throw failure('EEXIST', to)
    this.#name(to, file)
  }

  rename(from: string, to: string): void {
    const node = this.node(from)
    if (node === undefined) throw failure('ENOENT', from)
    const directory = this.#directoryOf(from) as Directory
    if (this.#directoryOf(to) !== directory) throw failure('EXDEV', to)
    const before = this.node(to)
    if (before instanceof Directory && (!(node instanceof Directory) || before.names.size > 0)) throw failure('ENOTEMPTY', to)
    if (before !== undefined) this.#unname(before)
    this.#change({ directory, remove: lastName(from), put: { name: lastName(to), node } })
    if (node instanceof Directory) this.#directories.clear()
  }

  unlink(path: string): void {
    const file = this.file(path)
    this.#change({ directory: this.#directoryOf(path) as Directory, remove: lastName(path) })
    this.#unname(file)
  }

  syncDirectory(path: string): void {
    const directory = this.directory(path)
    this.#changes = this.#changes.filter((change) => {
      if (change.directory !== directory) return true
      applyTo(directory.durable, change)
      return false
    })
  }

  /** Bytes of all files. */
  get used(): number {
    return this.#used
  }

  /** Takes space for a file that grows; returns how much of it there is. */
  take(bytes: number): number {
    const taken = Math.max(0, Math.min(bytes, this.capacity - this.#used))
    this.#used += taken
    return taken
  }

  /** A handle on a file was closed. */
  release(file: Inode): void {
    file.handles--
    if (file.names === 0 && file.handles === 0) this.#used -= file.size
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    const paths: string[] = []
    const visit = (directory: Directory, path: string): void => {
      for (const [name, node] of directory.names) {
        if (node instanceof Directory) visit(node, `${path}/${name}`)
        else paths.push(`${path}/${name}`)
      }
    }
    visit(this.#root, '')
    return paths.toSorted()
  }

  #name(path: string, node: Node): void {
    const directory = this.#directoryOf(path)
    if (directory === undefined) throw failure('ENOENT', path)
    if (node instanceof Inode) node.names++
    this.#change({ directory, put: { name: lastName(path), node } })
  }

  #unname(node: Node): void {
    if (!(node instanceof Inode)) return
    node.names--
    if (node.names === 0 && node.handles === 0) this.#used -= node.size
  }

  #change(change: NameChange): void {
    applyTo(change.directory.names, change)
    this.#changes.push(change)
  }

  #directoryOf(path: string): Directory | undefined {
    const name = path.slice(0, path.lastIndexOf('/'))
    if (name === '') return this.#root
    const known = this.#directories.get(name)
    if (known !== undefined) return known
    const found = this.#directoryOf(name)?.names.get(lastName(name))
    if (!(found instanceof Directory)) return undefined
    this.#directories.set(name, found)
    return found
  }

  /** Files that a name leads to, in the cache or on the disk, or may lead to. */
  #reachable(): Set<Inode> {
    const files = new Set(durableFiles(this.#root))
    for (const { put } of this.#changes) if (put?.node instanceof Inode) files.add(put.node)
    return files
  }

  #count(): void {
    const files = new Set<Inode>()
    const visit = (directory: Directory): void => {
      for (const node of directory.names.values()) {
        if (node instanceof Directory) visit(node)
        else {
          if (!files.has(node)) node.names = 0
          files.add(node)
          node.names++
          node.handles = 0
          node.locked = false
        }
      }
    }
    visit(this.#root)
    this.#used = 0
    for (const { size } of files) this.#used += size
  }
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
