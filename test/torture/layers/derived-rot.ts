/**
 * N: LevelDB's own files, hurt until it ends the process: the views stay right, and the boot after that heals. Each round is a boot
 * in a process that other rounds share until one of them ends it.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programPath } from '../../support/compiled.js'
import { Chance } from '../chance.js'
import { hurtLevel } from '../level/hurt.js'
import { golden, type Golden } from '../level/notes.js'
import type { Campaign, Layer, Outcome } from '../layer.js'

const FAILURES_MAX = 5
/** A process that ends twice over the same files has not healed. */
const DEATHS_MAX = 1

export const derivedRot: Layer = {
  letter: 'N',
  name: 'hostile derived state',
  unit: 'rounds',
  missing: async () => [],
  run,
}

async function run({ seed, only, over, progress }: Campaign): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: { 'ended the process': 0, 'used as they were': 0, 'made again': 0 }, failures: [] }
  const base = mkdtempSync(join(tmpdir(), 'turnlog-level-'))
  const boots = new Boots()
  try {
    const journals = await golden(base)
    for (let next = Number(only ?? seed); !over(outcome.done) && outcome.failures.length < FAILURES_MAX; next++) {
      const what = await round(base, journals, next, boots, outcome)
      outcome.done++
      if (what !== undefined) outcome.failures.push({ case: String(next), what })
      if (only !== undefined) break
      progress(outcome.done)
    }
  } finally {
    boots.end()
    rmSync(base, { recursive: true, force: true })
  }
  return outcome
}

/** Hurts a copy of a journal's derived files and boots it until it shows what it should. */
async function round(base: string, { images, rows }: Golden, seed: number, boots: Boots, { counts }: Outcome): Promise<string | undefined> {
  const chance = new Chance(seed)
  const image = chance.one(images)
  const directory = join(base, `round-${seed}`)
  mkdirSync(directory)
  cpSync(image, directory, { recursive: true })
  const hurt = hurtLevel(join(directory, 'derived'), chance)
  try {
    for (let deaths = 0; ; deaths++) {
      const shown = await boots.boot(directory)
      if (shown === undefined) {
        counts['ended the process']!++
        if (deaths === DEATHS_MAX) return `${hurt}: ended the process ${deaths + 1} times`
        continue
      }
      counts[shown.derived === 'checked' ? 'used as they were' : 'made again']!++
      return shown.rows === rows ? undefined : `${hurt}: shows ${shown.rows.slice(0, 300)}`
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Shown {
  derived: string
  rows: string
}

/** A process that boots journals one after the other, and is started again when one of them ended it. */
class Boots {
  #child: ChildProcess | undefined

  /** What the journal shows; undefined if the process ended. */
  boot(directory: string): Promise<Shown | undefined> {
    const child = (this.#child ??= fork(programPath('test/torture/level/child.ts'), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    }))
    return new Promise((resolve) => {
      const ended = (): void => {
        this.#child = undefined
        child.off('message', told)
        resolve(undefined)
      }
      const told = (shown: unknown): void => {
        child.off('exit', ended)
        resolve(shown as Shown)
      }
      child.once('message', told)
      child.once('exit', ended)
      child.send(directory)
    })
  }

  end(): void {
    this.#child?.removeAllListeners('exit')
    this.#child?.kill()
  }
}
