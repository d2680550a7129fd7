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
