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
    expect(counts['rotten tables read']).toBeGreaterThan(10)
  },
)

test('a table that rotted and ends the process is made again (case 20261229)', { timeout: 60_000 }, async () => {
  const { failures, counts } = await derivedRot.run(campaign({ seed, only: '20261229' }))
  expect(failures).toEqual([])
  expect(counts['ended the process']).toBeGreaterThan(0)
})

test('a table that rotted and shows wrong rows is made again once it is read (case 20261276)', { timeout: 60_000 }, async () => {
  const { failures, counts } = await derivedRot.run(campaign({ seed, only: '20261276' }))
  expect(failures).toEqual([])
  expect(counts['wrong rows without a word']).toBe(1)
})
