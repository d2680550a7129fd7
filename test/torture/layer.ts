/** What a layer of torture is: one way to hurt a journal, again and again, and to look whether it kept its promises. */

export interface Layer {
  /** How the command line names it. */
  letter: string
  name: string
  /** What it counts, in the plural: crash states, flips, rounds. */
  unit: string
  /** It can run in parts: see {@link Campaign.part}. */
  parts?: true
  /** What it needs of the machine and does not find there; empty if it can run. */
  missing(): Promise<string[]>
  run(campaign: Campaign): Promise<Outcome>
}

/** How much of a layer to run. */
export interface Campaign {
  /** All that is drawn is drawn from it. */
  seed: number
  /** The case that a failure named; nothing else is run then. */
  only?: string | undefined
  /** Of so many parts of the cases, which run at the same time, this one. */
  part: Part
  /** Whether that was enough; to be asked after each unit with how many are done. */
  readonly over: (done: number) => boolean
  /** Aborted when the time is up, for whoever waits. Where nothing waits no timer fires, so `over` must be asked as well. */
  signal: AbortSignal
  readonly progress: (done: number) => void
}

export interface Part {
  index: number
  of: number
}

export interface Outcome {
  /** Units done. */
  done: number
  /** What else was counted, by name. */
  counts: Record<string, number>
  /** A handful at most: a layer stops where a promise is broken again and again. */
  failures: Failure[]
}

export interface Failure {
  /** What to name with the campaign's seed to see it again: a seed of its own, a script, a place. */
  case: string
  /** Which promise was broken, and how. */
  what: string
}

export interface Extent {
  seed: number
  only?: string | undefined
  part?: Part | undefined
  minutes?: number | undefined
  /** Units to do. */
  limit?: number | undefined
  progress?: (done: number) => void
  /** Ends it early. */
  signal?: AbortSignal | undefined
}

/** A campaign that ends after some minutes, after some units, or when it is told to. */
export function campaign({ seed, only, part = { index: 0, of: 1 }, minutes, limit, progress = () => {}, signal }: Extent): Campaign {
  const end = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000
  const signals = [...(signal === undefined ? [] : [signal]), ...(minutes === undefined ? [] : [AbortSignal.timeout(minutes * 60_000)])]
  const either = AbortSignal.any(signals)
  const most = limit ?? Number.POSITIVE_INFINITY
  return {
    seed,
    only,
    part,
    over: (done) => done >= most || performance.now() >= end || either.aborted,
    signal: either,
    progress,
  }
}
