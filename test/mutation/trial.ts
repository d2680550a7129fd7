/** Tries mutants in a copy of the sources: the checks that meet one run, the short ones first, until something is found. */
import { commandOf, foundIn, KINDS } from './checks.js'
import { Copy } from './copy.js'
import type { Met } from './met.js'
import type { Mutant } from './mutants.js'

/** What found it; `silence`: a check that waited for ever; `nothing`; `unmet`: no check comes by it. */
export type Verdict = 'test' | 'finder' | 'silence' | 'nothing' | 'unmet'

/** A check that says nothing for so many times as long as it takes, and some time for a machine that is busy, waits for ever. */
const PATIENCE = 4
const PATIENCE_LEAST_MS = 15_000

export class Trial {
  readonly #copy = new Copy()
  readonly #met: readonly Met[]

  constructor(met: readonly Met[]) {
    this.#met = met.toSorted((a, b) => a.tookMs - b.tookMs)
  }

  /** Asks all checks with no mutant there. @throws Error if one finds something. */
  async expectNothing(): Promise<void> {
    for (const kind of KINDS) {
      const verdict = await this.#ask(this.#met.filter((met) => met.kind === kind))
      if (verdict !== 'nothing') throw new Error(`with no mutant there is something to find: ${verdict} by a ${kind}`)
    }
  }

  /** `compiled`: where the mutant's file lies, compiled. */
  async of({ id, file }: Mutant, compiled: string): Promise<Verdict> {
    const meeting = this.#met.filter(({ mutants }) => mutants.has(id))
    if (meeting.length === 0) return 'unmet'
    const path = file.replace(/ts$/, 'js')
    this.#copy.put(compiled, path)
    try {
      for (const kind of KINDS) {
        const verdict = await this.#ask(meeting.filter((met) => met.kind === kind))
        if (verdict !== 'nothing') return verdict
      }
      return 'nothing'
    } finally {
      this.#copy.restore(path)
    }
  }

  remove(): void {
    this.#copy.remove()
  }

  /** Asks checks of one kind. */
  async #ask(checks: readonly Met[]): Promise<Verdict> {
    const [kind] = checks.map((check) => check.kind)
    if (kind === undefined) return 'nothing'
    const patience = PATIENCE_LEAST_MS + PATIENCE * Math.max(...checks.map(({ tookMs }) => tookMs))
    const { ended, out } = await this.#copy.run(
      commandOf(
        kind,
        checks.map(({ name }) => name),
      ),
      patience,
    )
    if (ended === 'silent') return 'silence'
    if (ended === 'fine' && !foundIn(out)) return 'nothing'
    return kind === 'finder' ? 'finder' : 'test'
  }
}
