/** What a process takes while it is soaked, and whether that grows once it is warm. */
import { readFileSync } from 'node:fs'
import { heapUsed } from '../support/heap.js'

/** Bytes. */
export interface Sample {
  /** In use once nothing is left that could be freed. */
  heap: number
  /** Resident and of no file; what the libraries in C take is in it, and what the allocator keeps. */
  anonymous: number
}

export interface Growth {
  from: number
  to: number
  /** What it may be at the end. */
  most: number
}

/**
 * A cache of index pages, of 8 MiB, may still fill, and buffers that are in use come and go: in ten minutes, a leak of a hundred bytes a
 * commit is seen. What the allocator keeps moves by more than that, hence more room for what is resident.
 */
const ROOM: Sample = { heap: 16 << 20, anonymous: 48 << 20 }

export function sample(): Sample {
  const heap = heapUsed()
  return { heap, anonymous: anonymous() }
}

function anonymous(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss()
  const [, kilobytes = '0'] = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

/** The median of the last quarter of a life against that of the second: the first is warm-up. */
export function growthOf(samples: readonly Sample[], what: keyof Sample): Growth {
  const quarter = (n: number): readonly Sample[] =>
    samples.slice(Math.floor(((n - 1) * samples.length) / 4), Math.ceil((n * samples.length) / 4))
  const median = (some: readonly Sample[]): number => some.map((one) => one[what]).toSorted((a, b) => a - b)[some.length >> 1] ?? Number.NaN
  const from = median(quarter(2))
  return { from, to: median(quarter(4)), most: from + ROOM[what] }
}
