import { expect, test } from 'vitest'
import { decoders } from '../torture/layers/decoders.js'
import { campaign } from '../torture/layer.js'
import { seed, withSeed } from '../support/seed.js'

test(withSeed('every decoder gives what was encoded or refuses, in bounded time and memory'), { timeout: 120_000 }, async () => {
  const { failures, done } = await decoders.run(campaign({ seed, minutes: 20 / 60 }))
  expect(failures).toEqual([])
  expect(done).toBeGreaterThanOrEqual(20_000)
})
