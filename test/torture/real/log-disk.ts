/** The disk that remembers (native/logdisk.c): what it wrote down, and telling it to fail. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** Fields of the control file, as native/logdisk.c has them. */
const CONTROL = { writes: 0, flushes: 4, reads: 8, mark: 12, failed: 16, patternLength: 20, pattern: 24 }
const CONTROL_BYTES = 4096
const ENTRY_BYTES = 24

/** A write, or a flush where there are no bytes; with what was acknowledged before it. */
export interface Entry {
  mark: number
  offset: number
  bytes?: Buffer
}

export class LogDisk {
  /** To be mounted. */
  readonly file: string
  readonly control: string
  readonly #log: string
  readonly #control: number
  readonly #daemon: ChildProcess

  /** A disk that holds at first what the image holds; the image stays as it is. */
  static async start(programs: string, place: string, image: string): Promise<LogDisk> {
    mkdirSync(place, { recursive: true })
    const disk = new LogDisk(programs, place, image)
    while (!existsSync(disk.file)) {
      if (disk.#daemon.exitCode !== null) throw new Error(`logdisk ended with ${disk.#daemon.exitCode}`)
      await setTimeout(2)
    }
    return disk
  }

  private constructor(programs: string, place: string, image: string) {
    const mountPoint = join(place, 'fuse')
    mkdirSync(mountPoint, { recursive: true })
    this.file = join(mountPoint, 'disk')
    this.control = join(place, 'control')
    this.#log = join(place, 'log')
    this.#control = openSync(this.control, 'w+')
    ftruncateSync(this.#control, CONTROL_BYTES)
    this.#daemon = spawn(join(programs, 'logdisk'), [image, this.#log, this.control, mountPoint], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }

  /** Every write fails, or every one that holds this text, or none. */
  failWrites(which: 'none' | 'all' | { with: string }): void {
    const pattern = typeof which === 'object' ? Buffer.from(which.with) : Buffer.alloc(0)
    this.#set(CONTROL.patternLength, pattern.length)
    if (pattern.length > 0) writeSync(this.#control, pattern, 0, pattern.length, CONTROL.pattern)
    this.#set(CONTROL.writes, which === 'none' ? 0 : which === 'all' ? 1 : 2)
  }

  failFlushes(yes: boolean): void {
    this.#set(CONTROL.flushes, Number(yes))
  }

  /** How often it was made to fail. */
  get failed(): number {
    const bytes = Buffer.alloc(4)
    readSync(this.#control, bytes, 0, 4, CONTROL.failed)
    return bytes.readUInt32LE()
  }

  /** Everything written so far, in order. */
  entries(): Entry[] {
    const log = readFileSync(this.#log)
    const entries: Entry[] = []
    for (let at = 0; at + ENTRY_BYTES <= log.length;) {
      const mark = log.readUInt32LE(at + 4)
      const offset = Number(log.readBigUInt64LE(at + 8))
      const length = Number(log.readBigUInt64LE(at + 16))
      const isWrite = log.readUInt32LE(at) === 1
      at += ENTRY_BYTES
      entries.push(isWrite ? { mark, offset, bytes: log.subarray(at, at + length) } : { mark, offset })
      at += length
    }
    return entries
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#daemon.once('close', resolve))
    this.#daemon.kill('SIGTERM')
    await ended
    closeSync(this.#control)
  }

  #set(field: number, value: number): void {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    writeSync(this.#control, bytes, 0, 4, field)
  }
}

/** Counts acknowledged appends for a disk's log; shared with the disk by its control file. */
export class Mark {
  readonly #file: number
  #count: number

  constructor(control: string) {
    this.#file = openSync(control, 'r+')
    const bytes = Buffer.alloc(4)
    readSync(this.#file, bytes, 0, 4, CONTROL.mark)
    this.#count = bytes.readUInt32LE()
  }

  add(): void {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(++this.#count)
    writeSync(this.#file, bytes, 0, 4, CONTROL.mark)
  }
}
