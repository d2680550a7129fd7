/**
 * What a disk may hold after power was lost: everything up to the last flush, and of the writes behind it any, some of
 * them cut at sectors.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Entry } from './log-disk.js'
import type { Random } from './random.js'

const SECTOR = 512
const BLOCK = 4096

/** How likely a write behind the last flush is to have reached the disk, and one that did to be torn. */
const KEPT = 0.5
const TORN = 0.3

/** Makes images for crashes that lie later and later in a disk's log. */
export class CrashImages {
  readonly #entries: readonly Entry[]
  readonly #disk: Buffer
  /** Blocks that are not all zero. */
  readonly #used: Uint8Array
  /** How many entries the disk holds for good. */
  #durable = 0

  constructor(image: string, entries: readonly Entry[]) {
    this.#entries = entries
    this.#disk = readFileSync(image)
    this.#used = new Uint8Array(this.#disk.length / BLOCK)
    const zeros = Buffer.alloc(BLOCK)
    for (let i = 0; i < this.#used.length; i++) this.#used[i] = zeros.equals(this.#disk.subarray(i * BLOCK, (i + 1) * BLOCK)) ? 0 : 1
  }

  /** Writes what a crash before an entry may leave; cuts come in order. Returns how many appends had been acknowledged. */
  write(path: string, cut: number, chance: Random): number {
    let flush = cut
    while (flush > this.#durable && this.#entries[flush - 1]?.bytes !== undefined) flush--
    for (; this.#durable < flush; this.#durable++) this.#apply(this.#entries[this.#durable] as Entry)
    const file = openSync(path, 'w')
    try {
      ftruncateSync(file, this.#disk.length)
      this.#writeUsed(file)
      for (const entry of this.#entries.slice(flush, cut)) if (chance.chance(KEPT)) writeKept(file, entry, chance)
    } finally {
      closeSync(file)
    }
    return this.#entries[cut - 1]?.mark ?? 0
  }

  #apply({ offset, bytes }: Entry): void {
    if (bytes === undefined) return
    bytes.copy(this.#disk, offset)
    this.#used.fill(1, Math.floor(offset / BLOCK), Math.ceil((offset + bytes.length) / BLOCK))
  }

  /** Runs of blocks that hold something; the rest of the file stays a hole. */
  #writeUsed(file: number): void {
    for (let from = this.#used.indexOf(1); from >= 0;) {
      const end = this.#used.indexOf(0, from)
      const to = end < 0 ? this.#used.length : end
      writeSync(file, this.#disk, from * BLOCK, (to - from) * BLOCK, from * BLOCK)
      from = this.#used.indexOf(1, to)
    }
  }
}

function writeKept(file: number, { offset, bytes }: Entry, chance: Random): void {
  if (bytes === undefined) return
  if (!chance.chance(TORN)) return void writeSync(file, bytes, 0, bytes.length, offset)
  for (let at = 0; at < bytes.length; at += SECTOR) {
    if (chance.chance(0.5)) writeSync(file, bytes, at, Math.min(SECTOR, bytes.length - at), offset + at)
  }
}
