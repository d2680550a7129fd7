/** Tries mutants, one batch after the other, until the time is over. */
import { spawnSync } from 'node:child_process'
import { root } from '../support/root.js'
import { checks } from './checks.js'
import { compileApart } from './copy.js'
import { meetings } from './met.js'
import { makeMutants, mutate, type Mutant } from './mutants.js'
import { readTried, writeTried, type Left, type Tried } from './tried.js'
import { Trial, type Verdict } from './trial.js'

/** So many for each worker are compiled at once, and what was tried is kept after each batch. */
const BATCH = 20

export interface Extent {
  minutes: number
  workers: number
  seed: number
  /** Whether those that are left are tried once more, instead of others: there may be new tests. */
  again: boolean
}

/** Goes on where the last campaign ended, as long as sources and seed are the same. */
export async function campaign({ minutes, workers, seed, again }: Extent, say: (line: string) => void): Promise<void> {
  const began = performance.now()
  const { drawn, marked, sources } = await makeMutants(seed)
  const tried = begun(seed, sources, drawn.length)
  const earlier = tried.seconds
  const met = await meetings(checks(), marked, ({ name, tookMs, mutants }) =>
    say(`${name}  meets ${mutants.size} mutants, ${(tookMs / 1000).toFixed(1)} s`),
  )
  const until = performance.now() + minutes * 60_000
  const trials = Array.from({ length: workers }, () => new Trial(met))
  try {
    await trials[0]?.expectNothing()
    const queue = again ? drawn.slice(0, tried.tried).filter((mutant) => tried.left.some(isSame(mutant))) : drawn.slice(tried.tried)
    while (queue.length > 0 && performance.now() < until) {
      const mutants = queue.splice(0, BATCH * workers)
      const verdicts = await tryAll(mutants, trials, say)
      for (const [i, mutant] of mutants.entries()) count(tried, mutant, verdicts[i] as Verdict)
      if (!again) tried.tried += mutants.length
      tried.seconds = earlier + Math.round((performance.now() - began) / 1000)
      writeTried(tried)
      say(`${told(tried)}; ${tried.seconds} s`)
    }
  } finally {
    for (const trial of trials) trial.remove()
  }
}

/** What was tried before of the same mutants in the same order, or nothing yet. */
function begun(seed: number, sources: string, mutants: number): Tried {
  const before = readTried()
  const now = { commit: headCommit(), day: new Date().toISOString().slice(0, 10), seed, sources, mutants }
  if (before?.sources === sources && before.seed === seed) return { ...before, ...now }
  return { ...now, seconds: 0, tried: 0, found: { test: 0, finder: 0, silence: 0, later: 0 }, left: [] }
}

/** The verdicts, in the order of the mutants, which are taken by whoever is free. */
async function tryAll(mutants: readonly Mutant[], trials: readonly Trial[], say: (line: string) => void): Promise<Verdict[]> {
  // Each in a directory of its own: they may be of one file.
  const apart = compileApart(new Map(mutants.map((mutant) => [`${mutant.id}/${mutant.file}`, mutate(mutant)])))
  const verdicts: Verdict[] = []
  let next = 0
  const work = async (trial: Trial): Promise<void> => {
    for (let i = next++; i < mutants.length; i = next++) {
      const mutant = mutants[i] as Mutant
      const verdict = await trial.of(mutant, `${apart.directory}/${mutant.id}`)
      verdicts[i] = verdict
      if (isLeft(verdict)) say(`left: ${mutant.file}:${mutant.line}:${mutant.column} ${mutant.original} → ${mutant.replacement}`)
    }
  }
  try {
    await Promise.all(trials.map(work))
    return verdicts
  } finally {
    apart.remove()
  }
}

function count(tried: Tried, mutant: Mutant, verdict: Verdict): void {
  const { file, line, column, mutator, original, replacement } = mutant
  const before = tried.left.findIndex(isSame(mutant))
  if (isLeft(verdict)) {
    const left = { file, line, column, mutator, original, replacement, met: verdict === 'nothing' }
    if (before < 0) tried.left.push(left)
    else tried.left[before] = { ...tried.left[before], ...left }
  } else if (before < 0) tried.found[verdict]++
  else {
    tried.found.later++
    tried.left.splice(before, 1)
  }
}

function isLeft(verdict: Verdict): verdict is 'nothing' | 'unmet' {
  return verdict === 'nothing' || verdict === 'unmet'
}

function isSame({ file, line, column, replacement }: Mutant): (left: Left) => boolean {
  return (left) => left.file === file && left.line === line && left.column === column && left.replacement === replacement
}

function told({ tried, left, mutants }: Tried): string {
  const found = tried - left.length
  return `${found} of ${tried} found (${((100 * found) / tried).toFixed(1)} %), of ${mutants} in all`
}

function headCommit(): string {
  return spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim()
}
