/** What is known of a stream while commits of it are on their way to the disk. */
import type { LawStates } from './laws.js'

/** A stream with commits on their way: its head with them in it. */
export interface Lane {
  tail: Promise<unknown>
  /** Commits that are being decided; who comes now has to wait for them. */
  deciding: number
  /** Commits that are being decided or waiting to be written. */
  commits: number
  version: number
  states: LawStates | undefined
  claims: Set<string>
}

export function newLane(): Lane {
  return { tail: Promise.resolve(), deciding: 0, commits: 0, version: 0, states: undefined, claims: new Set() }
}
