/** Bytes that rot under a journal of 13 KB: every event that is read is right, and every other is reported. The rest is in rot-odd. */
import { describe, expect, test } from 'vitest'
import { mendedRot, rot } from '../torture/layers/rot.js'
import { campaign } from '../torture/layer.js'
import { everyBit, everyFile, everySector, nothingAtAll, type Tried } from '../torture/rot/exhaustive.js'
import { DIRECTORY, goldenJournal, type Segment } from '../torture/rot/golden.js'
import { SMALL } from '../torture/rot/harm.js'
import { judgeReading, judgeWriting } from '../torture/rot/judge.js'
import { seed, withSeed } from '../support/seed.js'
import { Appending, contents, event, list, openStore } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

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

  test('with zeros in a segment’s place and the one behind it missing tells every stream of what is lost', async () => {
    const files = golden.files.copy()
    const [, , third, fourth] = golden.segments as [Segment, Segment, Segment, Segment]
    files.inodes.get(third.path)!.bytes.fill(0)
    files.inodes.delete(fourth.path)
    const { problems, noticed } = await judgeReading(golden, files.copy(), { thorough: true })
    expect({ problems, noticed }).toEqual({ problems: [], noticed: true })
    const store = await openStore(DIRECTORY, { files: files.copy(), readOnly: true })
    expect(store.recovery.damage).toContainEqual(
      expect.objectContaining({ firstPosition: third.first, lastPosition: fourth.last, reason: 'the segment holds nothing' }),
    )
    await store.close()
    expect((await judgeWriting(golden, files)).problems).toEqual([])
  })

  test('with garbage named as a first segment that does not begin at position 1 tells of all that is lost', async () => {
    const files = golden.files.copy()
    const [first] = golden.segments as [Segment]
    files.inodes.delete(first.path)
    files.inodes.set(`${DIRECTORY}/journal/00000001-000000000002.seg`, { bytes: Buffer.alloc(8192, 0x5c), lock: undefined })
    const { problems, noticed } = await judgeReading(golden, files.copy(), { thorough: true })
    expect({ problems, noticed }).toEqual({ problems: [], noticed: true })
    expect((await judgeWriting(golden, files)).problems).toEqual([])
  })

  test('with garbage in a segment’s place, and another file that has its number, keeps all of the segment before', async () => {
    const files = golden.files.copy()
    const [first, second] = golden.segments as [Segment, Segment]
    files.inodes.get(second.path)!.bytes.fill(0xa7)
    const whole = await openStore(DIRECTORY, { files: golden.files.copy(), readOnly: true })
    const ends = (await list(whole.read({ upTo: first.last }))).map((item) => ('gap' in item ? 0 : item.head.position))
    await whole.close()
    const name = `00000002-${String(ends.at(-2)! + 1).padStart(12, '0')}.seg`
    files.inodes.set(`${DIRECTORY}/journal/${name}`, { bytes: Buffer.alloc(8192, 0x5c), lock: undefined })
    const store = await openStore(DIRECTORY, { files, readOnly: true })
    const items = await list(store.read({ upTo: first.last }))
    expect(items.map((item) => ('gap' in item ? 0 : item.head.position))).toEqual(ends)
    expect(store.recovery.damage).toContainEqual(
      expect.objectContaining({ segment: name, reason: 'another file is the segment of its number' }),
    )
    await store.close()
  })

  test('with another journal’s segment in the place of one, named as if it began behind the next, keeps all of the next', async () => {
    const others = new MemoryFiles()
    const other = new Appending(await openStore(DIRECTORY, { files: others, segmentBytes: 1000 }))
    for (let n = 0; n < 2; n++)
      await other.append(
        's',
        Array.from({ length: 80 }, (_, i) => event(i)),
      )
    await other.store.close()
    const stranger = [...others.inodes.keys()].find((path) => path.includes('/00000003-'))!
    const [, , third, fourth] = golden.segments as [Segment, Segment, Segment, Segment]
    expect(Number(stranger.slice(-16, -4))).toBeGreaterThan(fourth.first)
    const files = golden.files.copy()
    files.inodes.delete(third.path)
    files.inodes.set(stranger, others.inodes.get(stranger)!)
    const store = await openStore(DIRECTORY, { files, readOnly: true })
    const { commits } = await contents(store, { after: third.last, upTo: fourth.last })
    expect(commits.reduce((sum, { events }) => sum + events.length, 0)).toBe(fourth.last - third.last)
    expect(store.recovery.damage).toContainEqual(expect.objectContaining({ segment: stranger.split('/').at(-1) }))
    await store.close()
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
    const { failures, done } = await rot.run(campaign({ seed, limit: 400 }))
    expect(failures).toEqual([])
    expect(done).toBe(400)
  })

  test(withSeed('hurt so, and repaired or salvaged, is whole and lost nothing that could be read'), { timeout: 120_000 }, async () => {
    const { failures, done } = await mendedRot.run(campaign({ seed, limit: 100 }))
    expect(failures).toEqual([])
    expect(done).toBe(100)
  })
})
