/** What docs/mutants.md says is what was found, and every mutant that was not is explained. */
import { expect, test } from 'vitest'
import { interval, readDocument, readTried, withTried } from './tried.js'

test('docs/mutants.md shows what is kept, and why each mutant that is left is', () => {
  const kept = readTried()!
  expect(readDocument()).toBe(withTried(readDocument(), kept))
  expect(kept.left.filter(({ why }) => why === undefined).map(({ file, line }) => `${file}:${line}`)).toEqual([])
  const found = Object.values(kept.found).reduce((sum, one) => sum + one)
  expect(kept.tried).toBe(found + kept.left.length)
})

test('how sure a share is depends on how many were drawn', () => {
  const round = (of: [number, number]): number[] => of.map((share) => Math.round(1000 * share) / 1000)
  expect(round(interval(85, 100))).toEqual([0.767, 0.907])
  expect(round(interval(8500, 10_000))).toEqual([0.843, 0.857])
})
