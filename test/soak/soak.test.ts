/** Some seconds of it, so that it works when it is asked for a minute, or ten. */
import { describe, expect, test } from 'vitest'
import { temporary } from '../support/journal.js'
import { seed, withSeed } from '../support/seed.js'
import { soak } from './soak.js'

/** A machine that is busy with other things may need many times as long. */
const TIMEOUT_MS = 300_000

describe(withSeed('a soak of some seconds'), () => {
  test('ends with all views right, those of a follower and of the journal alone too', { timeout: TIMEOUT_MS }, async () => {
    const { wrong, counts } = await soak({ directory: temporary(), seconds: 3, seed })
    expect(wrong).toEqual([])
    expect(counts.sessions).toBeGreaterThanOrEqual(100)
  })
})
