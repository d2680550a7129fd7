/** Layers C and K, a share of them: every call of twenty scripts with every error that it can meet, and a disk that is full. */
import { expect, test } from 'vitest'
import { diskFull } from './layers/disk-full.js'
import { ioErrors } from './layers/io-errors.js'
import { runApart, share } from './share.js'

/** Some more than a round of all scripts has. */
const RUNS = 14_500

test('an error in every call of 20 scripts, once and for ever: no promise is broken', { timeout: 900_000 }, async () => {
  const { done, counts, failures } = await runApart(ioErrors, RUNS)
  expect(failures).toEqual([])
  expect(done).toBeGreaterThanOrEqual(RUNS)
  // The second was begun, so the first is whole.
  expect(counts['rounds']).toBe(2)
})

share('a disk that is full again and again breaks no promise, and is opened when it has room', diskFull, 100)
