/** The file port of one process on a simulated disk. It counts its calls, fails where it is told to, and dies where it is told to. */
import type { FileHandle, Files, Stat } from '../../../src/storage/files.js'
import { Seeded, type Choice } from './choice.js'
import { Directory } from './directory.js'
import type { Disk } from './disk.js'
import { Faults, type Call, type Fault, type FaultCode } from './faults.js'
import { failure } from './failure.js'
import { Inode } from './inode.js'

export interface ProcessOptions {
  choice?: Choice
  faults?: readonly Fault[]
  /** Where locks do not work every try succeeds. */
  locks?: boolean
  /** Latency: awaited, where there is any, before each call that may take time. */
  turn?: Turn | undefined
}

/** Does to a disk, this one or a copy of it, what a call leaves of itself when the process dies in it. */
export type Torn = (disk: Disk, choice: Choice) => void

/** `torn` is undefined for a call that changes nothing. */
export type Turn = (call: Call, path: string, torn: Torn | undefined) => Promise<void> | undefined

const NOTHING = (): void => {}

export class Process implements Files {
  readonly disk: Disk
  readonly choice: Choice
  faults: Faults
  readonly #locks: boolean
  readonly #turn: ProcessOptions['turn']
  readonly #open = new Set<SimulatedFile>()
  /** Calls so far. */
  calls = 0
  dead = false
  /** Resolves when it dies. */
  readonly died: Promise<void>
  #die: () => void = () => {}

  constructor(disk: Disk, { choice = new Seeded(1), faults = [], locks = true, turn }: ProcessOptions = {}) {
    this.disk = disk
    this.choice = choice
    this.faults = new Faults(faults)
    this.#locks = locks
    this.#turn = turn
    this.died = new Promise((resolve) => (this.#die = resolve))
  }

  /** Open handles. */
  get opened(): number {
    return this.#open.size
  }

  /** The next process on the machine: what was to happen to this one and did not will happen to it. */
  successor(): Process {
    this.kill()
    const next = new Process(this.disk, { choice: this.choice, locks: this.#locks, turn: this.#turn })
    next.calls = this.calls
    next.faults = this.faults
    return next
  }

  /** Ends it as SIGKILL would: locks and handles are gone, what it wrote is in the page cache. */
  kill(): void {
    if (this.dead) return
    this.dead = true
    for (const file of this.#open) file.drop()
    this.#open.clear()
    this.#die()
  }

  open(path: string, flag: 'r' | 'r+' | 'wx'): Promise<FileHandle> {
    return this.#call('open', path, flag !== 'r', (fault) => {
      if (fault !== undefined) throw failure(fault, path)
      const inode = flag === 'wx' ? (this.disk.create(path, 'file') as Inode) : this.disk.file(path)
      const file = new SimulatedFile(this, path, inode, (closed) => this.#open.delete(closed))
      this.#open.add(file)
      return file
    })
  }

  readdir(path: string): Promise<string[]> {
    return this.#simple('readdir', path, false, () => [...this.disk.directory(path).names.keys()])
  }

  mkdir(path: string): Promise<void> {
    return this.#simple('mkdir', path, true, () => void this.disk.create(path, 'directory'))
  }

  link(from: string, to: string): Promise<void> {
    return this.#simple('link', to, true, () => this.disk.link(from, to))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#simple('rename', to, true, () => this.disk.rename(from, to))
  }

  unlink(path: string): Promise<void> {
    return this.#simple('unlink', path, true, () => this.disk.unlink(path))
  }

  syncDir(path: string): Promise<void> {
    return this.#call('syncDir', path, true, (fault) => {
      if (fault === 'lie') return
      if (fault !== undefined) throw failure(fault, path)
      this.disk.syncDirectory(path)
    })
  }

  /** What cannot be looked at is not there. */
  exists(path: string): boolean {
    if (this.dead) throw failure('EIO', path)
    return this.faults.strike('exists', path, false) === undefined && this.disk.node(path) !== undefined
  }

  stat(path: string): Stat | undefined {
    const fault = this.faults.strike('stat', path, false)
    if (fault !== undefined) throw failure(fault, path)
    const node = this.dead ? undefined : this.disk.node(path.endsWith('/.') ? path.slice(0, -2) : path)
    if (node === undefined) return undefined
    return { kind: node instanceof Directory ? 'directory' : 'file', mine: true }
  }

  /** Of no kind that says anything about itself. */
  fileSystem(): number {
    return 0
  }

  watch(): () => void {
    return () => {}
  }

  /** Whether a lock may be taken. */
  mayLock(inode: Inode): boolean {
    if (this.dead) throw failure('EIO', 'LOCK')
    return !this.#locks || !inode.locked
  }

  /** One call: it takes its turn, and the process may die in it; `torn` is what a death leaves of it. Nothing answers the dead. */
  call<T>(call: Call, path: string, changes: boolean, act: (fault: FaultCode | undefined) => T, torn: Torn = NOTHING): T | Promise<T> {
    const turn = this.#turn?.(call, path, changes ? torn : undefined)
    return turn === undefined ? this.#now(call, path, changes, act, torn) : turn.then(() => this.#now(call, path, changes, act, torn))
  }

  #now<T>(call: Call, path: string, changes: boolean, act: (fault: FaultCode | undefined) => T, torn: Torn): T | Promise<T> {
    if (!this.dead) {
      this.calls++
      const fault = this.faults.strike(call, path, changes)
      if (fault !== 'death') return act(fault)
      torn(this.disk, this.choice)
      this.kill()
    }
    return new Promise(() => {})
  }

  /** The same, always as a promise. */
  async #call<T>(call: Call, path: string, changes: boolean, act: (fault: FaultCode | undefined) => T): Promise<T> {
    return this.call(call, path, changes, act)
  }

  #simple<T>(call: Call, path: string, changes: boolean, act: () => T): Promise<T> {
    return this.#call(call, path, changes, (fault) => {
      if (fault !== undefined) throw failure(fault, path)
      return act()
    })
  }
}

class SimulatedFile implements FileHandle {
  readonly #process: Process
  readonly #path: string
  readonly #inode: Inode
  readonly #closed: (file: SimulatedFile) => void
  #locked = false
  /** A sync through a handle that wrote nothing is promised to flush nothing. */
  #wrote = false

  constructor(process: Process, path: string, inode: Inode, closed: (file: SimulatedFile) => void) {
    this.#process = process
    this.#path = path
    this.#inode = inode
    this.#closed = closed
    inode.handles++
  }

  write(bytes: Uint8Array, offset: number): number | Promise<number> {
    this.#wrote = true
    const { choice } = this.#process
    const some = (): number => choice.int(bytes.length)
    return this.#process.call(
      'write',
      this.#path,
      true,
      (fault) => {
        if (fault === undefined) return this.#take(bytes, offset)
        if (fault === 'short') return this.#take(bytes.subarray(0, some()), offset)
        // Before a device fails it may have taken a part.
        if (fault === 'EIO') this.#take(bytes.subarray(0, some()), offset)
        throw failure(fault, this.#path)
      },
      (disk, drawn) => this.#torn(disk, bytes.subarray(0, drawn.int(bytes.length)), offset),
    )
  }

  read(into: Uint8Array, offset: number): number | Promise<number> {
    return this.#process.call('read', this.#path, false, (fault) => {
      if (fault !== undefined && fault !== 'rot') throw failure(fault, this.#path)
      const count = this.#inode.read(into, offset)
      if (fault === 'rot' && count > 0) {
        const at = this.#process.choice.int(count)
        into[at] = (into[at] as number) ^ (1 << this.#process.choice.int(8))
      }
      return count
    })
  }

  async datasync(): Promise<void> {
    return this.#process.call('datasync', this.#path, true, (fault) => {
      if (fault === 'lie') return
      if (fault === undefined) return this.#wrote ? this.#inode.sync() : undefined
      this.#inode.failSync(this.#process.choice)
      throw failure(fault, this.#path)
    })
  }

  async size(): Promise<number> {
    return this.#process.call('size', this.#path, false, (fault) => {
      if (fault !== undefined) throw failure(fault, this.#path)
      return this.#inode.size
    })
  }

  tryLock(mode: 'exclusive' | 'shared'): boolean {
    if (!this.#process.mayLock(this.#inode)) return false
    if (mode === 'exclusive') this.#inode.locked = this.#locked = true
    return true
  }

  async close(): Promise<void> {
    return this.#process.call('close', this.#path, false, (fault) => {
      this.drop()
      this.#closed(this)
      // The handle is gone all the same.
      if (fault !== undefined) throw failure(fault, this.#path)
    })
  }

  /** Gives up the handle and its lock. */
  drop(): void {
    if (this.#locked) this.#inode.locked = false
    this.#locked = false
    this.#process.disk.release(this.#inode)
  }

  /** A part of a write came through; on a copy of the disk the file is known by its name alone. */
  #torn(disk: Disk, bytes: Uint8Array, offset: number): void {
    const inode = disk === this.#process.disk ? this.#inode : disk.node(this.#path)
    if (inode instanceof Inode) take(disk, inode, bytes, offset)
  }

  /** Writes as much as there is space for. */
  #take(bytes: Uint8Array, offset: number): number {
    const count = take(this.#process.disk, this.#inode, bytes, offset)
    if (count <= 0 && bytes.length > 0) throw failure('ENOSPC', this.#path)
    return count
  }
}

function take(disk: Disk, inode: Inode, bytes: Uint8Array, offset: number): number {
  const wanted = Math.max(0, offset + bytes.length - inode.size)
  const count = bytes.length - wanted + disk.take(wanted)
  if (count > 0) inode.write(bytes.subarray(0, count), offset)
  return count
}
