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
  judge(medians: Medians): { value: number; held: boolean }
}

/** The medians of a row. */
export interface Medians {
  of(name: string): number
  /** Of the peers that promise the same. */
  fastest: number
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number

/** More is better of what is counted by the second, less of all else. */
export const isRate = (unit: Unit): boolean => unit.endsWith('/s')

export function mediansOf(figures: readonly Figure[], unit: Unit): Medians {
  const peers = figures.filter(({ role }) => role === 'peer').map(({ values }) => median(values))
  return {
    of(name) {
      const figure = figures.find((one) => one.name === name)
      if (figure === undefined) throw new Error(`nothing was measured of ${name}`)
      return median(figure.values)
    },
    fastest: isRate(unit) ? Math.max(...peers) : Math.min(...peers),
  }
}

export function atLeast(limit: number, text: string, value: (medians: Medians) => number): Bar {
  return {
    text: `≥ ${limit} ${text}`,
    judge(medians) {
      const found = value(medians)
      return { value: found, held: found >= limit }
    },
  }
}

export function atMost(limit: number, text: string, value: (medians: Medians) => number): Bar {
  return {
    text: `≤ ${limit} ${text}`,
    judge(medians) {
      const found = value(medians)
      return { value: found, held: found <= limit }
    },
  }
}
