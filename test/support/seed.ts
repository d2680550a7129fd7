/**
 * One seed for every property test, so that a failure anywhere is the same failure everywhere.
 * Pinned unless `TURNLOG_SEED` names another, or says `random` to draw one; every run prints it before its first test.
 */

const PINNED = 20_261_121

/** The seed of this run. */
export const seed = read(process.env['TURNLOG_SEED'])

/** Parameters for `fc.assert`: how many cases, from the seed of this run. */
export function propertyParameters(numRuns: number): { numRuns: number; seed: number } {
  return { numRuns, seed }
}

/** A suite's title with the seed in it, so that a report names what to run again. */
export function withSeed(title: string): string {
  return `${title} (TURNLOG_SEED=${seed})`
}

function read(value: string | undefined): number {
  if (value === undefined || value === '') return PINNED
  if (value === 'random') return Math.floor(Math.random() * 0x7fff_ffff)
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new TypeError(`TURNLOG_SEED is a whole number or "random", not ${JSON.stringify(value)}`)
  return number
}
