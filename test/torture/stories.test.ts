/** Lives as fast-check tells them, on a tape: what fails shrinks to a story that one can read. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Tape } from '../support/disk/choice.js'
import type { Fault } from '../support/disk/faults.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { inStandingTime } from './each.js'
import { STEPS } from './floor/scripts.js'
import { tell, type Story } from './floor/story.js'

const steps = fc.string({ unit: fc.constantFrom(...Object.keys(STEPS).filter((step) => step !== 'B')), maxLength: 6 })
const fault: fc.Arbitrary<Fault> = fc.record({
  code: fc.constantFrom('death', 'death', 'EIO', 'ENOSPC', 'EMFILE', 'EROFS', 'short'),
  at: fc.integer({ min: 1, max: 80 }),
  forEver: fc.boolean(),
})
const life = fc.record({ steps, faults: fc.array(fault, { maxLength: 2 }), end: fc.constantFrom('kill', 'power') })
const story: fc.Arbitrary<Story> = fc.record({
  segmentBytes: fc.constantFrom(700, 2000, 8192),
  sectorBytes: fc.constantFrom(8, 512, 4096),
  // From none on: where one must be left, shrinking never leaves out the last of two.
  lives: fc.array(life, { maxLength: 5 }),
})
const tape = fc.uint8Array({ maxLength: 48 })

/** On a disk that takes every sync for done. */
function lying(honest: Story): Story {
  return { ...honest, lives: honest.lives.map((one) => ({ ...one, faults: [{ code: 'lie', at: 1, forEver: true }] })) }
}

describe(withSeed('stories'), () => {
  test('break no promise, whatever is on the tape', { timeout: 600_000 }, async () => {
    await inStandingTime(true, (time) =>
      fc.assert(
        fc.asyncProperty(story, tape, async (told, bytes) => {
          const { ledger } = await tell(told, new Tape(bytes), time)
          expect(ledger.broken).toEqual([])
        }),
        propertyParameters(700),
      ),
    )
  })

  test('on a disk that lies about its syncs are found out, and shrink to one open and a loss of power', { timeout: 600_000 }, async () => {
    const result = await inStandingTime(true, (time) =>
      fc.check(
        fc.asyncProperty(story, tape, async (told, bytes) => (await tell(lying(told), new Tape(bytes), time)).ledger.broken.length === 0),
        propertyParameters(250),
      ),
    )
    expect(result.failed).toBe(true)
    const [smallest] = result.counterexample!
    expect(smallest.lives).toEqual([{ steps: '', faults: [], end: 'power' }])
  })
})
