/** Layers C and K, a share of them: every call of twenty scripts with every error that it can meet, and a disk that is full. */
import { expect, test } from 'vitest'
import { seed } from '../support/seed.js'
import { inStandingTime } from './each.js'
import { campaign, type Outcome } from './layer.js'
import { diskFull } from './layers/disk-full.js'
import { round } from './layers/io-errors.js'
import { share } from './share.js'

test('an error in every call of 20 scripts, once and for ever: no promise is broken', { timeout: 900_000 }, async () => {
  const outcome: Outcome = { done: 0, counts: {}, failures: [] }
  await inStandingTime(true, (time) => round(seed, campaign({ seed }), time, outcome))
  expect(outcome.failures).toEqual([])
  expect(outcome.done).toBeGreaterThan(4000)
})

share('a disk that is full again and again breaks no promise, and is opened when it has room', diskFull, 100)
