/** Where all that a simulated disk may decide comes from: a seed for long runs, a tape for failures that shrink, every possibility in turn. */

/** Decisions. 0 is always the harmless one. */
export interface Choice {
  /** A whole number from 0 to below `n`. */
  int(n: number): number
}

/** Whether a thing happens that happens once in `n` times. */
export function oneIn(choice: Choice, n: number): boolean {
  return choice.int(n) === n - 1
}

export function pick<T>(choice: Choice, from: readonly T[]): T {
  return from[choice.int(from.length)] as T
}

/** Drawn from a seed (mulberry32). */
export class Seeded implements Choice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let i = 0; i < length; i++) bytes[i] = this.int(256)
    return bytes
  }

  /** Draws what this one would draw from now on. */
  copy(): Seeded {
    return new Seeded(this.#state)
  }

  int(n: number): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * n)
  }
}

/** Read from a tape, each byte one decision; behind its end nothing happens any more. A shorter tape is a simpler story. */
export class Tape implements Choice {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  int(n: number): number {
    if (n <= 1) return 0
    const low = this.#next()
    return n <= 256 ? low % n : (low + 256 * this.#next()) % n
  }

  #next(): number {
    return this.#bytes[this.#at++] ?? 0
  }
}

/** Every sequence of decisions in turn: decide, do, then ask for the `next` one until there is none. */
export class Everything implements Choice {
  #path: { taken: number; of: number }[] = []
  #at = 0

  int(n: number): number {
    const step = this.#path[this.#at++]
    if (step !== undefined) return step.taken
    this.#path.push({ taken: 0, of: n })
    return 0
  }

  /** Goes on to the next sequence; false after the last. */
  next(): boolean {
    this.#at = 0
    for (let last = this.#path.pop(); last !== undefined; last = this.#path.pop()) {
      if (last.taken + 1 === last.of) continue
      this.#path.push({ taken: last.taken + 1, of: last.of })
      return true
    }
    return false
  }
}
