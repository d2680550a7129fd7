/** What a crash can leave: the journal cut at every byte. Written to a disk, and cut in memory. */
import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import { Appending, contents, copyOf, event, numbers, openStore, segmentsIn, temporary } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const DIRECTORY = '/journal'

interface Image {
  files: MemoryFiles
  /** The segment's bytes. */
  whole: Buffer
  /** Where the segment's content ends after each commit; the first is before all that are cut. */
  ends: number[]
}

/** A journal with some commits, then three more, copied while open; its head file is as old as `staleHead` asks. */
async function image(options: { staleHead?: boolean; close?: boolean; text?: string } = {}): Promise<Image> {
  const directory = temporary()
  const store = await openStore(directory)
  const writer = new Appending(store)
  for (let n = 0; n < 3; n++) await writer.append(`s${n % 2}`, [event(n, 'added', options.text), event(n + 100)], { commitId: `c${n}` })
  const [segment] = segmentsIn(directory)
  const end = (): number => {
    const bytes = readFileSync(segment!)
    let at = bytes.length
    while (at > 0 && bytes[at - 1] === 0) at--
    return at
  }
  const ends = [end()]
  const head = join(directory, 'head')
  copyFileSync(head, `${head}.old`)
  for (let n = 3; n < 6; n++) {
    await writer.append(`s${n % 2}`, [event(n, 'added', options.text), event(n + 100)], { commitId: `c${n}` })
    ends.push(end())
  }
  if (options.close === true) {
    await store.close()
    ends.push(end())
  }
  const copy = copyOf(directory)
  if (options.staleHead === true) copyFileSync(`${head}.old`, join(copy, 'head'))
  rmSync(join(copy, 'head.old'))
  if (options.close !== true) await store.close()
  const files = MemoryFiles.from(copy, DIRECTORY)
  return { files, whole: bytesIn(files), ends }
}

const wholeCommits = (ends: readonly number[], cut: number): number => 3 + ends.slice(1, 4).filter((end) => end <= cut).length
const expected = (commits: number): number[] => Array.from({ length: commits }, (_, n) => [n, n + 100]).flat()

describe('a crash image cut at every byte of its last three commits', () => {
  for (const behind of ['nothing', 'zeros'] as const) {
    test(
      `holds exactly the whole commits before the cut, and takes the next append (${behind} behind it)`,
      { timeout: 120_000 },
      async () => {
        const { files, whole, ends } = await image({ staleHead: true })
        for (let cut = ends[0]!; cut <= ends[3]!; cut++) {
          const rest = behind === 'zeros' ? Buffer.alloc(whole.length - cut) : Buffer.alloc(0)
          const scratch = copyWith(files, Buffer.concat([whole.subarray(0, cut), rest]))
          await goesOn(scratch, wholeCommits(ends, cut), !ends.includes(cut), `cut at ${cut}`)
        }
      },
    )
  }

  test('holds exactly the whole commits where sectors of the last write are still zero', { timeout: 120_000 }, async () => {
    const { files, whole: bytes, ends } = await image({ staleHead: true, text: 'x'.repeat(1500) })
    for (const [i, end] of ends.slice(1).entries()) {
      const begin = ends[i]!
      const sectors = [...sectorsOf(begin, end, 0), ...sectorsOf(begin, end, begin % 512)]
      for (const [from, to] of sectors) {
        const parts = [bytes.subarray(0, from), Buffer.alloc(to - from), bytes.subarray(to, end), Buffer.alloc(bytes.length - end)]
        const scratch = copyWith(files, Buffer.concat(parts))
        await goesOn(scratch, 3 + i, true, `zeros from ${from} to ${to}`)
      }
    }
  })

  test('is damaged where the last group does not check, and not as a cut write would look', { timeout: 120_000 }, async () => {
    const { files, whole, ends } = await image({ staleHead: true })
    for (let at = ends[2]!; at < ends[3]! - 8; at++) {
      const changed = Buffer.from(whole)
      changed[at] = changed[at] === 0xff ? 0x7f : 0xff
      const store = await openStore(DIRECTORY, { files: copyWith(files, changed) })
      const { commits, gaps } = await contents(store)
      expect(store.recovery.damage.length, `at ${at}`).toBe(1)
      expect(store.recovery.tornBytes).toBe(0)
      // Damage in the header or in the record costs the commit, and says so; elsewhere it is still readable.
      expect(numbers(commits), `at ${at}`).toEqual(expected(gaps.length === 0 ? 6 : 5))
      // Somebody may have been told the positions of what is damaged, however many they were: none is given twice.
      expect(store.head.position, `at ${at}`).toBeGreaterThanOrEqual(12)
      await store.close()
    }
  })

  test('is damaged where the head file vouches for what was cut', { timeout: 120_000 }, async () => {
    const { files, ends } = await image()
    for (let cut = ends[0]!; cut < ends[3]!; cut++) await reportsDamage(files, cut, wholeCommits(ends, cut))
  })
})

describe('after a clean close', () => {
  test('a cut at any byte is reported as damage', { timeout: 120_000 }, async () => {
    const { files, ends } = await image({ close: true })
    // Every byte of what was written last; before that every third, which meets every kind of field as well.
    for (let cut = 0; cut < ends[4]!; cut += cut < ends[2]! ? 3 : 1)
      await reportsDamage(files, cut, cut < ends[0]! ? undefined : wholeCommits(ends, cut))
  })
})

const segmentIn = (files: MemoryFiles): string => [...files.inodes.keys()].find((path) => path.endsWith('.seg'))!

function bytesIn(files: MemoryFiles): Buffer {
  return files.inodes.get(segmentIn(files))!.bytes
}

/** The same files with other bytes in the segment. */
function copyWith(files: MemoryFiles, bytes: Buffer): MemoryFiles {
  const copy = files.copy()
  copy.inodes.set(segmentIn(copy), { bytes: Buffer.from(bytes), lock: undefined })
  return copy
}

/** Parts of a range that lie in one sector, counted from a place. */
function sectorsOf(begin: number, end: number, shift: number): [number, number][] {
  const parts: [number, number][] = []
  for (let from = begin; from < end;) {
    const to = Math.min(end, from + 512 - ((from - shift) % 512))
    parts.push([from, to])
    from = to
  }
  return parts
}

/** A reader sees what is proven and counts the rest; a writer sees every whole commit, goes on, and leaves a clean end. */
async function goesOn(files: MemoryFiles, complete: number, torn: boolean, what: string): Promise<void> {
  const before = files.copy().inodes
  const reader = await openStore(DIRECTORY, { files, readOnly: true })
  const seen = numbers((await contents(reader)).commits)
  // The head file vouches for three commits; behind them, nothing proves the last whole one.
  const proven = Math.max(3, complete - 1)
  expect(seen, `reader, ${what}`).toEqual(expected(proven))
  expect(reader.recovery.unproven > 0, `unproven, ${what}`).toBe(torn || proven < complete)
  await reader.close()
  expect([...files.inodes.keys()]).toEqual([...before.keys()])
  for (const [path, { bytes }] of before) expect(files.inodes.get(path)!.bytes.equals(bytes), path).toBe(true)
  let store = await openStore(DIRECTORY, { files })
  expect(numbers((await contents(store)).commits), `writer, ${what}`).toEqual(expected(complete))
  expect(store.recovery.tornBytes > 0, `torn, ${what}`).toBe(torn)
  expect(store.recovery.damage).toEqual([])
  await new Appending(store).append('s9', [event(77)], { commitId: 'next' })
  await store.close()
  store = await openStore(DIRECTORY, { files })
  expect(numbers((await contents(store)).commits)).toEqual([...expected(complete), 77])
  expect(store.recovery.clean).toBe(true)
  expect(await store.findCommit(`c${complete}`)).toBeUndefined()
  expect((await store.findCommit(`c${complete - 1}`))?.commit.position).toBe(complete * 2 - 1)
  expect((await store.verify()).ok).toBe(true)
  await store.close()
}

/** Opens a copy of the image cut at a byte: the whole commits are there, the rest is a gap, and nothing can hide in it. */
async function reportsDamage(whole: MemoryFiles, cut: number, commitsLeft: number | undefined): Promise<void> {
  const files = copyWith(whole, bytesIn(whole).subarray(0, cut))
  const refused = await openStore(DIRECTORY, { files, onDamage: 'refuse' }).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(isJournalError(refused, 'JOURNAL_DAMAGED'), `refused at ${cut}: ${String(refused)}`).toBe(true)
  for (let round = 0; round < 2; round++) {
    const store = await openStore(DIRECTORY, { files })
    const { commits, gaps } = await contents(store)
    // Damage that cost nothing is told once; what is lost, each time.
    if (round === 0 || commits.length < 6) expect(store.recovery.damage, `damage at ${cut}, round ${round}`).not.toEqual([])
    // A record may be whole where its frame is not.
    if (commitsLeft !== undefined)
      expect([commitsLeft, commitsLeft + 1].map(expected), `at ${cut}, round ${round}`).toContainEqual(numbers(commits))
    if (commits.length < 6) {
      expect(
        gaps.map(({ firstPosition, lastPosition }) => [firstPosition, lastPosition]),
        `gaps at ${cut}, round ${round}`,
      ).toEqual([[commits.length * 2 + 1, 12]])
      await expect(Promise.resolve(store.stream('new'))).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
      await expect(store.findCommit('new')).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
    }
    expect(store.head.position).toBeGreaterThanOrEqual(12)
    expect((await store.verify()).ok).toBe(false)
    await store.close()
  }
}
