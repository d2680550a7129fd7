/** Mixed harm to copies of one small journal, each drawn from a number, and what the judges say of it. */
import type { MemoryFiles } from '../../storage/support/memory-files.js'
import { Chance } from '../chance.js'
import { goldenJournal, strangersTo, type Golden } from './golden.js'
import { judgeReading, judgeWriting } from './judge.js'
import { judgeMending } from './mend.js'
import { mutate, type Strangers } from './mutations.js'
import type { Verdict } from './verdict.js'

export const SMALL = { bytes: 13 << 10, segmentBytes: 3300 }

export class Harm {
  readonly #golden: Golden
  readonly #strangers: Strangers

  private constructor(golden: Golden, strangers: Strangers) {
    this.#golden = golden
    this.#strangers = strangers
  }

  static async toSmall(): Promise<Harm> {
    return new Harm(await goldenJournal(SMALL.bytes, SMALL.segmentBytes), await strangersTo(SMALL.bytes, SMALL.segmentBytes))
  }

  /** A hurt copy, read, or written to and read. */
  async judged(seed: number): Promise<{ what: string } & Verdict> {
    const { files, chance, what, paths } = this.#hurt(seed)
    const verdict = chance.oneIn(4)
      ? await judgeWriting(this.#golden, files)
      : await judgeReading(this.#golden, files, { thorough: chance.oneIn(4) })
    // Whole groups at the end can go unseen only together with the one file that vouches for them.
    if (verdict.silentEnd > 0 && ![...paths].some((path) => path.endsWith('/head')))
      verdict.problems.push(`the last ${verdict.silentEnd} positions are lost without a word`)
    return { what, ...verdict }
  }

  /** The same copy, mended in each way there is. */
  async mended(seed: number): Promise<{ what: string; problems: string[] }> {
    const { files, what } = this.#hurt(seed)
    return { what, problems: await judgeMending(this.#golden, files) }
  }

  #hurt(seed: number): { files: MemoryFiles; chance: Chance; what: string; paths: Set<string> } {
    const chance = new Chance(seed)
    const files = this.#golden.files.copy()
    return { files, chance, ...mutate(files, chance, this.#strangers) }
  }
}
