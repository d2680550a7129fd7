/**
 * One file of a simulated disk: what the page cache holds, and every version that the disk may hold of each sector.
 *
 * The cache is kept whole; of the disk only what differs from it: for each sector written since the last sync what it held
 * before each of those writes. A power loss leaves in each sector any of its versions, and as size any that the file had.
 */
import { createHash } from 'node:crypto'
import { oneIn, type Choice } from './choice.js'

const ZEROS = Buffer.alloc(1 << 20)

/** What a sector held before a write. */
interface Version {
  write: number
  before: Buffer
}

export class Inode {
  readonly #sector: number
  /** Stored bytes; behind them, up to `size`, all is zero. */
  #bytes: Buffer
  #stored = 0
  /** Of the content, once it was asked for and until it changes. */
  #digest: string | undefined
  /** A copy has the same bytes and versions, until one of the two changes them. */
  #shared = false
  size = 0
  /** Sizes since the last sync: the disk's, then after each write. */
  #sizes: number[] = [0]
  #versions = new Map<number, Version[]>()
  /** Sectors of which the cache says that they are clean, and of which the disk holds something else: what a failed sync leaves. */
  #stale = new Map<number, Buffer>()
  /** Names of it, and handles on it. */
  names = 0
  handles = 0
  locked = false

  constructor(sector: number) {
    this.#sector = sector
    this.#bytes = Buffer.alloc(0)
  }

  clone(): Inode {
    this.#shared = true
    const copy = new Inode(this.#sector)
    copy.#bytes = this.#bytes
    copy.#stored = this.#stored
    copy.#digest = this.#digest
    copy.#shared = true
    copy.size = this.size
    copy.#sizes = this.#sizes
    copy.#versions = this.#versions
    copy.#stale = this.#stale
    return copy
  }

  /** As the page cache shows it, without zeros at the end. */
  get content(): Buffer {
    return this.#bytes.subarray(0, this.#stored)
  }

  /** Two files with the same size and digest hold the same. */
  get digest(): string {
    return (this.#digest ??= createHash('sha1').update(this.content).digest('base64'))
  }

  read(into: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(into.length, this.size - offset))
    const stored = Math.max(0, Math.min(count, this.#stored - offset))
    if (stored > 0) this.#bytes.copy(into, 0, offset, offset + stored)
    if (count > stored) into.fill(0, stored, count)
    return count
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#own()
    const end = offset + bytes.length
    const filling = offset >= this.#stored && isZero(bytes)
    if (end > this.size) this.size = end
    this.#sizes.push(this.size)
    // Zeros over what was never written change nothing but the size.
    if (filling) return
    const write = this.#sizes.length - 1
    for (let sector = Math.floor(offset / this.#sector); sector * this.#sector < end; sector++) this.#keep(sector, write)
    this.#store(bytes, offset)
  }

  /** Everything is on the disk, but for what an earlier sync has lost and nobody wrote since. */
  sync(): void {
    this.#sizes = [this.size]
    if (this.#versions.size > 0) this.#versions = new Map()
  }

  /** A sync that fails: some sectors reach the disk, and the cache takes all of them for clean. */
  failSync(choice: Choice): void {
    this.#own()
    for (const [sector, versions] of this.#versions) {
      const landed = choice.int(versions.length + 1)
      if (landed > 0) this.#stale.set(sector, versions[versions.length - landed]!.before)
    }
    this.#sizes = [this.#sizes[this.#sizes.length - 1 - choice.int(this.#sizes.length)]!]
    this.#versions = new Map()
  }

  /** How many states a power loss could leave. */
  get states(): number {
    let states = new Set(this.#sizes).size
    for (const versions of this.#versions.values()) states *= versions.length + 1
    return states
  }

  /** The power fails: the cache is gone, and the disk holds one of its legal states. `mixed` favours the plain ones. */
  settle(choice: Choice, mixed: boolean): void {
    const mode = !mixed ? 3 : this.#sizes.length === 1 && this.#versions.size === 0 ? 0 : choice.int(4)
    const disk = new Map(this.#stale)
    let size = this.#sizes.at(-1)!
    if (mode === 1) {
      for (const [sector, versions] of this.#versions) disk.set(sector, versions[0]!.before)
      size = this.#sizes[0]!
    } else if (mode === 2) size = this.#inOrder(choice, disk)
    else if (mode === 3) {
      for (const [sector, versions] of this.#versions) {
        const taken = choice.int(versions.length + 1)
        if (taken > 0) disk.set(sector, versions[versions.length - taken]!.before)
      }
      const sizes = [...new Set(this.#sizes)]
      size = sizes[sizes.length - 1 - choice.int(sizes.length)]!
    }
    for (const [sector, bytes] of disk) this.#store(bytes, sector * this.#sector)
    this.#cut(size)
    this.#stale = new Map()
    this.sync()
  }

  /** Garbage where a write was in flight: not legal on a disk whose sectors are atomic, but met in the field. */
  garble(choice: Choice): void {
    for (const sector of this.#versions.keys()) {
      if (!oneIn(choice, 10)) continue
      this.#store(Buffer.from(Array.from({ length: this.#sector }, () => choice.int(256))), sector * this.#sector)
    }
  }

  /** Turns bits over, on the disk and in what is read from now on. */
  rot(offset: number, mask: number): void {
    this.#store(Buffer.from([(this.#bytes[offset] ?? 0) ^ mask]), offset)
  }

  /** Writes up to one of them reach the disk in order, the last of them as far as some sector. Returns the size. */
  #inOrder(choice: Choice, disk: Map<number, Buffer>): number {
    const writes = this.#sizes.length - 1
    const whole = writes - choice.int(writes + 1)
    const cut = choice.int(64)
    let last = 0
    for (const [sector, versions] of this.#versions) {
      const next = versions.find(({ write }) => write > whole)
      if (next === undefined) continue
      // The first write behind the whole ones may have come some sectors far.
      if (next.write === whole + 1 && last < cut) {
        last++
        const later = versions.find(({ write }) => write > whole + 1)
        if (later !== undefined) disk.set(sector, later.before)
      } else disk.set(sector, next.before)
    }
    return this.#sizes[Math.min(writes, whole + (last > 0 ? 1 : 0))]!
  }

  /** Parts from a copy of this file, or from the file that this is a copy of. */
  #own(): void {
    if (!this.#shared) return
    this.#shared = false
    this.#bytes = Buffer.from(this.#bytes.subarray(0, this.#stored))
    this.#sizes = [...this.#sizes]
    // Versions themselves are never changed.
    this.#versions = new Map(Array.from(this.#versions, ([sector, versions]) => [sector, [...versions]]))
    this.#stale = new Map(this.#stale)
  }

  #keep(sector: number, write: number): void {
    const before = this.#stale.get(sector) ?? this.#sectorNow(sector)
    this.#stale.delete(sector)
    const versions = this.#versions.get(sector)
    if (versions === undefined) this.#versions.set(sector, [{ write, before }])
    else versions.push({ write, before })
  }

  #sectorNow(sector: number): Buffer {
    const from = sector * this.#sector
    if (from >= this.#stored) return ZEROS.subarray(0, this.#sector)
    const bytes = Buffer.alloc(this.#sector)
    this.#bytes.copy(bytes, 0, from, Math.min(this.#stored, from + this.#sector))
    return bytes
  }

  #store(bytes: Uint8Array, offset: number): void {
    this.#own()
    this.#digest = undefined
    const end = offset + bytes.length
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(end, this.#bytes.length * 2, 1024))
      this.#bytes.copy(grown, 0, 0, this.#stored)
      this.#bytes = grown
    }
    this.#bytes.set(bytes, offset)
    if (end > this.#stored) this.#stored = end
  }

  #cut(size: number): void {
    if (this.#stored > size) {
      this.#own()
      this.#digest = undefined
      this.#bytes.fill(0, size, this.#stored)
      this.#stored = size
    }
    this.size = size
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length)
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false
  }
  return true
}
