/** Bytes that rot under a journal of 13 KB: every event that is read is right, and every other is reported. The rest is in rot-odd. */
import { describe, expect, test } from 'vitest'
import { rot, SMALL } from '../torture/layers/rot.js'
import { campaign } from '../torture/layer.js'
import { everyBit, everyFile, everySector, nothingAtAll, type Tried } from '../torture/rot/exhaustive.js'
import { DIRECTORY, goldenJournal, type Segment } from '../torture/rot/golden.js'
import { judgeReading, judgeWriting } from '../torture/rot/judge.js'
import { seed, withSeed } from '../support/seed.js'

const golden = await goldenJournal(SMALL.bytes, SMALL.segmentBytes)

function expectAll({ probes, problems }: Tried, least: number): void {
  expect(problems.slice(0, 5)).toEqual([])
  expect(probes).toBeGreaterThanOrEqual(least)
}

describe('a journal of 13 KB', () => {
  test('that is intact gives no alarm', async () => {
    expect(
      [...golden.files.inodes].reduce((sum, [path, { bytes }]) => sum + (path.endsWith('.seg') ? bytes.length : 0), 0),
    ).toBeGreaterThan(13 << 10)
    expectAll(await nothingAtAll(golden), 1)
  })

  test('with any bit of its even bytes turned over is never wrong and loses nothing without a word', { timeout: 300_000 }, async () => {
    expectAll(await everyBit(golden, { of: 2, index: 0, verifyEvery: 8 }), (13 << 10) * 4)
  })

  test('with any sector zeroed, filled with garbage or with what belongs elsewhere is never wrong', { timeout: 120_000 }, async () => {
    expectAll(await everySector(golden), 800)
  })

  test('with any file deleted, doubled, swapped or renamed is never wrong', { timeout: 120_000 }, async () => {
    expectAll(await everyFile(golden), 300)
  })

  test('with an index missing and another hurt where its table lies is never wrong', async () => {
    const files = golden.files.copy()
    const [, second, , fourth] = [...files.inodes.keys()].filter((path) => path.endsWith('.idx')).toSorted()
    files.inodes.get(second!)!.bytes[4096 + 100]! ^= 1
    files.inodes.delete(fourth!)
    const { problems, noticed } = await judgeReading(golden, files.copy(), { thorough: true })
    expect({ problems, noticed }).toEqual({ problems: [], noticed: false })
    expect((await judgeWriting(golden, files)).problems).toEqual([])
  })

  test('with garbage in a segment’s place, and another file that has its number, is read to its end in both directions', async () => {
    const files = golden.files.copy()
    const [, second, third] = golden.segments as [Segment, Segment, Segment]
    files.inodes.get(second.path)!.bytes.fill(0xa7)
    const name = `00000002-${String(second.first - 6).padStart(12, '0')}.seg`
    files.inodes.set(`${DIRECTORY}/journal/${name}`, { bytes: Buffer.alloc(8192, 0x5c), lock: undefined })
    expect(third.first).toBeGreaterThan(second.first)
    const { problems, noticed } = await judgeReading(golden, files.copy(), { thorough: true })
    expect({ problems, noticed }).toEqual({ problems: [], noticed: true })
    expect((await judgeWriting(golden, files)).problems).toEqual([])
  })

  test('with an empty file named as a segment that would begin inside the last group reads the same in both directions', async () => {
    const files = golden.files.copy()
    const last = golden.segments.at(-1)!
    expect(last.first).toBeLessThan(golden.last)
    const name = `00000006-${String(golden.last).padStart(12, '0')}.seg`
    files.inodes.set(`${DIRECTORY}/journal/${name}`, { bytes: Buffer.alloc(0), lock: undefined })
    const verdict = await judgeReading(golden, files.copy(), { thorough: true })
    expect(verdict).toEqual({ problems: [], noticed: true, silentEnd: 0 })
    expect((await judgeWriting(golden, files)).problems).toEqual([])
  })

  test(withSeed('hurt in several ways at once is never wrong'), { timeout: 120_000 }, async () => {
    const { failures, done } = await rot.run(campaign({ seed, limit: 600 }))
    expect(failures).toEqual([])
    expect(done).toBe(600)
  })
})
