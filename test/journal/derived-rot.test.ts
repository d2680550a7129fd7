import { expect, test } from 'vitest'
import { derivedRot } from '../torture/layers/derived-rot.js'
import { campaign } from '../torture/layer.js'
import { seed, withSeed } from '../support/seed.js'

test(
  withSeed('whatever happens to LevelDB’s files, the views stay right, and a boot after its death heals'),
  { timeout: 300_000 },
  async () => {
    const { failures, done, counts } = await derivedRot.run(campaign({ seed, limit: 60 }))
    expect(failures).toEqual([])
    expect(done).toBe(60)
    expect(counts['made again']).toBeGreaterThan(10)
  },
)

test.each([20_261_892, 20_264_438])(
  'a table in which a bit is turned over, below a store that was left open, is not gone by (case %i)',
  { timeout: 60_000 },
  async (one) => {
    expect((await derivedRot.run(campaign({ seed, only: String(one) }))).failures).toEqual([])
  },
)
