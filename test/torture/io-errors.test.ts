/** Layers C and K, a share of them: every call of twenty scripts with every error that it can meet, and a disk that is full. */
import { expect, test } from 'vitest'
import { seed } from '../support/seed.js'
import { campaign } from './layer.js'
import { diskFull } from './layers/disk-full.js'
import { ioErrors } from './layers/io-errors.js'
import { share } from './share.js'

test('an error in every call of 20 scripts, once and for ever: no promise is broken', { timeout: 900_000 }, async () => {
  const { done, counts, failures } = await ioErrors.run(campaign({ seed, only: String(seed) }))
  expect(failures).toEqual([])
  // One whole round.
  expect(counts['rounds']).toBe(1)
  expect(done).toBeGreaterThan(4000)
})

share('a disk that is full again and again breaks no promise, and is opened when it has room', diskFull, 100)
