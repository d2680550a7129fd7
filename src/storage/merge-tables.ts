/** Tables of fingerprints made into one, run by run. */
import { ENTRY_BYTES, type KeyTable } from './key-table.js'
import { PAGE_DATA } from './pages.js'

/** Merges tables into one, in order; of equal fingerprints those of the first table come first. */
export async function* mergeTables(own: Iterator<Buffer>, tables: readonly KeyTable[]): AsyncGenerator<Buffer> {
  const heads: Head[] = []
  for (const source of [own, ...tables.map((table) => table.chunks())]) {
    const head = new Head(source, heads.length)
    if (await head.fill()) heads.push(head)
  }
  let out = Buffer.allocUnsafe(PAGE_DATA)
  let used = 0
  while (heads.length > 0) {
    const { least, next } = firstTwo(heads)
    used += least.take(next, out, used)
    if (used === PAGE_DATA) {
      yield out
      out = Buffer.allocUnsafe(PAGE_DATA)
      used = 0
    }
    if (least.isEmpty && !(await least.fill())) heads.splice(heads.indexOf(least), 1)
  }
  if (used > 0) yield out.subarray(0, used)
}

/** A table on its way into a merge: the piece of it that is taken from, and the fingerprint that comes next there. */
class Head {
  high = 0
  low = 0
  readonly #source: Iterator<Buffer> | AsyncIterator<Buffer>
  readonly #rank: number
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0

  constructor(source: Iterator<Buffer> | AsyncIterator<Buffer>, rank: number) {
    this.#source = source
    this.#rank = rank
  }

  get isEmpty(): boolean {
    return this.#at === this.#chunk.length
  }

  /** Goes on to the next piece; false if there is none. */
  async fill(): Promise<boolean> {
    const next = await this.#source.next()
    if (next.done === true) return false
    this.#chunk = next.value
    this.#at = 0
    this.#look()
    return true
  }

  isBefore(other: Head): boolean {
    return (this.high - other.high || this.low - other.low || this.#rank - other.#rank) < 0
  }

  /** Copies what comes before another's next, as far as the piece and the page go; returns how many bytes. */
  take(next: Head | undefined, into: Buffer, at: number): number {
    const start = this.#at
    const end = Math.min(this.#chunk.length, start + into.length - at)
    do {
      this.#at += ENTRY_BYTES
      if (this.#at < this.#chunk.length) this.#look()
    } while (this.#at < end && (next === undefined || this.isBefore(next)))
    return this.#chunk.copy(into, at, start, this.#at)
  }

  #look(): void {
    this.high = this.#chunk.readUInt32BE(this.#at)
    this.low = this.#chunk.readUInt32BE(this.#at + 4)
  }
}

/** The head whose entry comes first, and the one that comes behind it. */
function firstTwo(heads: readonly Head[]): { least: Head; next: Head | undefined } {
  let least = heads[0] as Head
  let next: Head | undefined
  for (let i = 1; i < heads.length; i++) {
    const head = heads[i] as Head
    if (head.isBefore(least)) {
      next = least
      least = head
    } else if (next === undefined || head.isBefore(next)) next = head
  }
  return { least, next }
}
