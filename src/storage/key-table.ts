/**
 * Sorted tables of fingerprints: 64 bits of a stream id, commit id or claim, and where it was met. A hit is a hint
 * that must be held against what lies there; no hit is proof of absence.
 */
import { hash } from 'node:crypto'
import { PAGE_DATA, type Pages, type Search, type WantedPage } from './pages.js'

export const ENTRY_BYTES = 16
const ENTRIES_PER_PAGE = PAGE_DATA / ENTRY_BYTES

export type KeyKind = 'stream' | 'commit' | 'claim'

/** 64 bits as two halves. */
export interface Fingerprint {
  high: number
  low: number
}

/** Where a key was met: in which segment, and there (streams) as the how-manieth stream or (others) in the frame at which offset. */
export interface KeyPlace {
  segment: number
  location: number
}

export function fingerprint(kind: KeyKind, key: string): Fingerprint {
  const digest = hash('sha256', `${kind}\0${key}`, 'buffer')
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) }
}

/** Where a machine keeps the upper half of a whole number of 64 bits: most keep it behind the lower one. */
const UPPER = new Uint32Array(BigUint64Array.of(1n).buffer)[0] === 1 ? 1 : 0

/** Entries of one segment, collected and then sorted. */
export class KeyList {
  readonly #high: number[] = []
  readonly #low: number[] = []
  readonly #locations: number[] = []

  get length(): number {
    return this.#locations.length
  }

  add({ high, low }: Fingerprint, location: number): void {
    this.#high.push(high)
    this.#low.push(low)
    this.#locations.push(location)
  }

  /** All entries as table bytes, in order, a page at a time. */
  *sorted(segment: number): Generator<Buffer, void, undefined> {
    const order = this.#order()
    for (let first = 0; first < order.length; first += ENTRIES_PER_PAGE) {
      const some = order.subarray(first, first + ENTRIES_PER_PAGE)
      const bytes = Buffer.allocUnsafe(some.length * ENTRY_BYTES)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      some.forEach((entry, i) => {
        const at = i * ENTRY_BYTES
        view.setUint32(at, this.#high[entry] as number)
        view.setUint32(at + 4, this.#low[entry] as number)
        view.setUint32(at + 8, segment, true)
        view.setUint32(at + 12, this.#locations[entry] as number, true)
      })
      yield bytes
    }
  }

  /**
   * The numbers of the entries, in order. They are sorted as whole numbers, half a fingerprint above and the entry's number below, because
   * nobody else has a turn meanwhile, and a sort that calls a function for each two takes several times as long. Few share a half; they are
   * put in order behind it.
   */
  #order(): Uint32Array {
    const halves = new Uint32Array(this.length * 2)
    for (let entry = 0; entry < this.length; entry++) {
      halves[entry * 2 + UPPER] = this.#high[entry] as number
      halves[entry * 2 + 1 - UPPER] = entry
    }
    new BigUint64Array(halves.buffer).sort()
    const order = new Uint32Array(this.length)
    for (let i = 0; i < order.length; i++) {
      order[i] = halves[i * 2 + 1 - UPPER] as number
      for (let j = i; j > 0 && this.#isAfter(order[j - 1] as number, order[j] as number); j--) swap(order, j)
    }
    return order
  }

  #isAfter(one: number, other: number): boolean {
    return (
      (numberAt(this.#high, one) - numberAt(this.#high, other) ||
        numberAt(this.#low, one) - numberAt(this.#low, other) ||
        numberAt(this.#locations, one) - numberAt(this.#locations, other)) > 0
    )
  }
}

const numberAt = (list: readonly number[], at: number): number => list[at] as number

function swap(order: Uint32Array, at: number): void {
  const before = order[at - 1] as number
  order[at - 1] = order[at] as number
  order[at] = before
}

/** A table inside a file of pages; it begins at a page. */
export class KeyTable {
  readonly #pages: Pages
  readonly #firstPage: number
  readonly count: number

  constructor(pages: Pages, offset: number, count: number) {
    this.#pages = pages
    this.#firstPage = offset / PAGE_DATA
    this.count = count
  }

  /** The table's bytes page by page, in order. */
  async *chunks(): AsyncGenerator<Buffer> {
    for (let first = 0; first < this.count; first += ENTRIES_PER_PAGE) {
      const page = await this.#pages.page(this.#firstPage + first / ENTRIES_PER_PAGE)
      yield page.subarray(0, Math.min(ENTRIES_PER_PAGE, this.count - first) * ENTRY_BYTES)
    }
  }

  /** Everything met under a fingerprint, in newer segments first. */
  *search({ high, low }: Fingerprint): Search<KeyPlace[]> {
    const found: KeyPlace[] = []
    if (this.count === 0) return found
    for (let at = yield* this.#lowerBound(high, low); at < this.count; at++) {
      const page = yield this.#page(Math.floor(at / ENTRIES_PER_PAGE))
      const offset = (at % ENTRIES_PER_PAGE) * ENTRY_BYTES
      if (compareAt(page, offset, high, low) !== 0) break
      found.push({ segment: page.readUInt32LE(offset + 8), location: page.readUInt32LE(offset + 12) })
    }
    return found.length < 2 ? found : found.toSorted((a, b) => b.segment - a.segment || b.location - a.location)
  }

  /** Index of the first entry that is not below a fingerprint. Fingerprints are spread evenly, so the first guess is close. */
  *#lowerBound(high: number, low: number): Search<number> {
    let from = 0
    let to = Math.ceil(this.count / ENTRIES_PER_PAGE) - 1
    let guess = Math.floor((high / 0x1_0000_0000) * (to + 1))
    // The first page whose last entry is not below: the answer lies in it.
    for (let step = 1; from < to; step *= 2) {
      const at = Math.min(Math.max(guess, from), to - 1)
      const page = yield this.#page(at)
      if (compareAt(page, (ENTRIES_PER_PAGE - 1) * ENTRY_BYTES, high, low) < 0) {
        from = at + 1
        guess = step > 4 ? (from + to) >>> 1 : at + step
      } else {
        to = at
        guess = step > 4 ? (from + to) >>> 1 : at - step
      }
    }
    const page = yield this.#page(from)
    let left = 0
    let right = Math.min(ENTRIES_PER_PAGE, this.count - from * ENTRIES_PER_PAGE)
    while (left < right) {
      const middle = (left + right) >>> 1
      if (compareAt(page, middle * ENTRY_BYTES, high, low) < 0) left = middle + 1
      else right = middle
    }
    return from * ENTRIES_PER_PAGE + left
  }

  #page(number: number): WantedPage {
    return { pages: this.#pages, number: this.#firstPage + number }
  }
}

/** Everything met in some tables under each of some fingerprints, in the order of the tables. */
export function* searchAll(tables: readonly KeyTable[], wanted: readonly Fingerprint[]): Search<KeyPlace[][]> {
  const found: KeyPlace[][] = []
  for (const print of wanted) {
    const places: KeyPlace[] = []
    for (const table of tables) places.push(...(yield* table.search(print)))
    found.push(places)
  }
  return found
}

function compareAt(bytes: Buffer, at: number, high: number, low: number): number {
  return bytes.readUInt32BE(at) - high || bytes.readUInt32BE(at + 4) - low
}
