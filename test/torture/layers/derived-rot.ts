/**
 * N: LevelDB's own files, hurt until it ends the process, and snapshots with them: the views stay right, and a boot after that heals. In half
 * of the rounds LevelDB is given tables that rotted while nobody looked; in some of the others the journal has lost an event that its derived
 * state and its snapshot were made with. Each round is a boot in a process that other rounds share until one of them ends it.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programPath } from '../../support/compiled.js'
import { Chance } from '../chance.js'
import { hurtLevel, hurtSnapshot, rotTable } from '../level/hurt.js'
import { copy, golden, type Golden } from '../level/notes.js'
import type { Campaign, Layer, Outcome } from '../layer.js'

const FAILURES_MAX = 5
/** A process that ends twice over the same files has not healed. */
const DEATHS_MAX = 1
/** Of a table that rotted under both its names the base is no better: after two boots that went wrong all is made again. */
const WRONG_MAX = 2

export const derivedRot: Layer = {
  letter: 'N',
  name: 'hostile derived state',
  unit: 'rounds',
  missing: async () => [],
  run,
}

async function run({ seed, only, over, progress }: Campaign): Promise<Outcome> {
  const counts = {
    'ended the process': 0,
    'used as they were': 0,
    'made again': 0,
    'rotten tables read': 0,
    refused: 0,
    'wrong rows without a word': 0,
  }
  const outcome: Outcome = { done: 0, counts, failures: [] }
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
async function round(
  base: string,
  { images, rows, lost }: Golden,
  seed: number,
  boots: Boots,
  { counts }: Outcome,
): Promise<string | undefined> {
  const chance = new Chance(seed)
  const directory = join(base, `round-${seed}`)
  const rots = chance.oneIn(2)
  copy(rots ? images[0] : chance.one(images), directory)
  const loses = !rots && chance.oneIn(4)
  if (loses) copy(`${lost.directory}/.`, directory)
  const boot = async (): Promise<Shown | undefined> => {
    const shown = await boots.boot(directory)
    counts[shown === undefined ? 'ended the process' : shown.derived === 'checked' ? 'used as they were' : 'made again']!++
    return shown
  }
  try {
    return await (rots ? rotten : hurt)(join(directory, 'derived'), chance, loses ? lost.rows : rows, boot, counts)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

type Boot = () => Promise<Shown | undefined>

/** LevelDB never sees what is not as it was: whatever is shown is right. */
async function hurt(derived: string, chance: Chance, rows: string, boot: Boot): Promise<string | undefined> {
  const what = `${hurtLevel(derived, chance)}${chance.oneIn(4) ? hurtSnapshot(join(derived, '../snapshots/tally'), chance) : ''}`
  for (let deaths = 0; deaths <= DEATHS_MAX; deaths++) {
    const shown = await boot()
    if (shown !== undefined) return shown.rows === rows ? undefined : `${what}: shows ${shown.rows.slice(0, 300)}`
  }
  return `${what}: ended the process ${DEATHS_MAX + 1} times`
}

/**
 * LevelDB reads what has rotted, and may end the process or refuse; that heals. Where it shows wrong rows without a word nothing can
 * know before an open reads that table, so they are counted, and must be right once it did.
 */
async function rotten(derived: string, chance: Chance, rows: string, boot: Boot, counts: Outcome['counts']): Promise<string | undefined> {
  const { what, takeBack } = await rotTable(derived, chance)
  for (let wrong = 0; wrong <= WRONG_MAX; wrong++) {
    const shown = await boot()
    if (wrong === 0 && shown?.derived !== 'rebuilt') counts['rotten tables read']!++
    if (shown?.rows === rows) return undefined
    if (shown?.refused === true) counts['refused']!++
    if (shown === undefined || shown.refused) continue
    counts['wrong rows without a word']!++
    // Now the voucher is wrong about the table, as it is when the disk is.
    takeBack()
    const after = (await boot())?.rows
    return after === rows ? undefined : `${what}: shows wrong rows, and once that is seen ${after?.slice(0, 300)}`
  }
  return `${what}: went wrong ${WRONG_MAX + 1} times`
}

interface Shown {
  derived: string
  /** The journal refused, with a code. */
  refused: boolean
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
