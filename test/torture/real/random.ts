/** Repeatable chance: the same seed, the same run. */

export interface Random {
  /** At least 0 and below 1. */
  next(): number
  /** A whole number at least 0 and below `n`. */
  below(n: number): number
  /** True with this probability. */
  chance(p: number): boolean
}

/** Mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
  return { next, below: (n) => Math.floor(next() * n), chance: (p) => next() < p }
}
