/** What a measure is: one row of the table, with all that is compared in it and the bars that it is held to. */
import type { Bench } from './bench.js'
import type { Role } from './stores/store.js'

export type Unit = 'appends/s' | 'commits/s' | 'events/s' | 'ms' | 'µs' | 'MB' | 'bytes' | '×'

export interface Measure {
  /** What is done; titles the row. */
  work: string
  unit: Unit
  /** How often everything is run in turn. */
  rounds: number
  /** Where nobody has much time: how often, 0 for not at all. */
  quick: number
  /** What is compared. */
  runs(bench: Bench): Run[]
  /** What is compared comes out of one life, so that the order matters. */
  inOrder?: true
  bars: readonly Bar[]
}

export interface Run {
  name: string
  role: Role
  /** One round of it. Throws where what was measured did not do its work. */
  take(): Promise<number>
}

/** All values of one run. */
export interface Figure {
  name: string
  role: Role
  values: number[]
}

export interface Bar {
  /** As in the table of bars. */
  text: string
  judge(rounds: readonly Round[]): { value: number; held: boolean }
}

/** What one round found. What it compares was measured one after another, so that a ratio within it is less of the machine's moods. */
export interface Round {
  of(name: string): number
  /** Of the fastest of the peers that promise the same. */
  fastest: number
}

/** The middle one, or what is halfway between the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) / 2
  return ((sorted[Math.floor(at)] as number) + (sorted[Math.ceil(at)] as number)) / 2
}

/** More is better of what is counted by the second, less of all else. */
export const isRate = (unit: Unit): boolean => unit.endsWith('/s')

export function roundsOf(figures: readonly Figure[], unit: Unit): Round[] {
  const { length: count } = figures[0]?.values ?? []
  const fastest = fastestOf(figures, unit)
  return Array.from({ length: count }, (_, round) => ({
    of: (name) =>
      valueOf(
        figures.find((one) => one.name === name),
        round,
      ),
    get fastest() {
      return valueOf(fastest, round)
    },
  }))
}

/**
 * The peer with the best median, in all rounds. The best of each round would be a store that nobody can choose: the luckier one of several
 * each time, and all the faster the more peers there are and the more the machine wavers.
 */
function fastestOf(figures: readonly Figure[], unit: Unit): Figure | undefined {
  const better = isRate(unit) ? -1 : 1
  return figures.filter(({ role }) => role === 'peer').toSorted((a, b) => better * (median(a.values) - median(b.values)))[0]
}

function valueOf(figure: Figure | undefined, round: number): number {
  const value = figure?.values[round]
  if (value === undefined) throw new Error(`nothing was measured of ${figure?.name ?? 'what a bar is about'} in round ${round + 1}`)
  return value
}

export function atLeast(limit: number, text: string, value: (round: Round) => number): Bar {
  return {
    text: `≥ ${limit} ${text}`,
    judge(rounds) {
      const found = median(rounds.map(value))
      return { value: found, held: found >= limit }
    },
  }
}

export function atMost(limit: number, text: string, value: (round: Round) => number): Bar {
  return {
    text: `≤ ${limit} ${text}`,
    judge(rounds) {
      const found = median(rounds.map(value))
      return { value: found, held: found <= limit }
    },
  }
}
