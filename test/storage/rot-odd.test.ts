/** The other half of rot.test.ts, so that both run side by side. */
import { describe, expect, test } from 'vitest'
import { everyBit, everyBitBeside, everyCut, type Tried } from '../torture/rot/exhaustive.js'
import { goldenJournal } from '../torture/rot/golden.js'
import { SMALL } from '../torture/rot/harm.js'

const golden = await goldenJournal(SMALL.bytes, SMALL.segmentBytes)

function expectAll({ probes, problems }: Tried, least: number): void {
  expect(problems.slice(0, 5)).toEqual([])
  expect(probes).toBeGreaterThanOrEqual(least)
}

describe('a journal of 13 KB', () => {
  test('with any bit of its odd bytes turned over is never wrong and loses nothing without a word', { timeout: 300_000 }, async () => {
    expectAll(await everyBit(golden, { of: 2, index: 1, verifyEvery: 8 }), (13 << 10) * 4)
  })

  test('with a segment cut to any length is never wrong and loses nothing without a word', { timeout: 300_000 }, async () => {
    expectAll(await everyCut(golden), 13 << 10)
  })

  test('with a bit of its evidence or its indexes turned over loses nothing', { timeout: 120_000 }, async () => {
    expectAll(await everyBitBeside(golden, 1021), 1500)
  })
})
