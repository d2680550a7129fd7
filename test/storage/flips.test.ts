/** Every bit of a small journal turned over: never a wrong event, never one lost without a word. */
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import type { StoredCommit } from '../../src/storage/commit-store.js'
import { Appending, contents, event, list, numbers, openStore, segmentsIn, temporary, type Options } from './support/journal.js'

const SEGMENT_BYTES = 700

/** Three segments, the last of them active, with a clean end. */
async function small(): Promise<string> {
  const directory = temporary()
  const store = await openStore(directory, { segmentBytes: SEGMENT_BYTES })
  const writer = new Appending(store)
  for (let n = 0; n < 7; n++) await Promise.all([writer.now('s0', [event(n)], { commitId: `c${n}` }), writer.now('s1', [event(n + 100)])])
  await store.close()
  return directory
}

const events = new Map([0, 1, 2, 3, 4, 5, 6].flatMap((n) => [[n * 2 + 1, ['s0', n + 1, n]] as const, [n * 2 + 2, ['s1', n + 1, n + 100]] as const]))

function wrong(commits: readonly StoredCommit[]): unknown[] {
  return commits.filter(({ position, stream, version, events: [only] }) => JSON.stringify(events.get(position)) !== JSON.stringify([stream, version, (only?.data as { n: number }).n]))
}

/** Opens a changed journal, reads it both ways, and says what is wrong. */
async function judge(directory: string, options: Options): Promise<{ problems: unknown[]; noticed: boolean }> {
  let store
  try {
    store = await openStore(directory, { segmentBytes: SEGMENT_BYTES, ...options })
  } catch (error) {
    return { problems: isJournalError(error) ? [] : [error], noticed: true }
  }
  try {
    const { commits, gaps } = await contents(store)
    const problems: unknown[] = wrong(commits)
    const covered = new Set(gaps.flatMap(({ firstPosition, lastPosition = 14 }) => Array.from({ length: Math.max(0, lastPosition - firstPosition + 1) }, (_, i) => firstPosition + i)))
    const seen = new Set(commits.map(({ position }) => position))
    for (let position = 1; position <= 14; position++) if (!seen.has(position) && !covered.has(position)) problems.push(`position ${position} is lost without a word`)
    if (seen.size !== commits.length) problems.push('a commit twice')
    const backwards = await list(store.readReverse())
    const reversed = backwards.flatMap((item) => ('gap' in item ? [] : item.commits.toReversed()))
    if (JSON.stringify(reversed.toReversed()) !== JSON.stringify(commits)) problems.push('backwards reads otherwise')
    for (const stream of ['s0', 's1']) {
      const all = await list(store.readStream(stream))
      const versions = all.flatMap((item) => ('gap' in item ? [] : [item]))
      problems.push(...wrong(versions))
      if (versions.length < 7 && !all.some((item) => 'gap' in item)) problems.push(`${stream} is short without a word: ${JSON.stringify(numbers(versions))}`)
    }
    const report = await store.verify()
    return { problems, noticed: !report.ok || store.recovery.damage.length > 0 || !store.recovery.clean || store.recovery.tornBytes > 0 }
  } catch (error) {
    return { problems: [error], noticed: true }
  } finally {
    await store.close()
  }
}

/** Tries every change of every file on a copy. */
async function tryAll(directory: string, files: readonly string[], changes: (bytes: Buffer) => Iterable<[what: string, changed: Buffer]>, options: Options, mustNotice: boolean): Promise<void> {
  const scratch = `${directory}.changed`
  const failures: unknown[] = []
  for (const file of files) {
    for (const [what, changed] of changes(readFileSync(join(directory, file)))) {
      rmSync(scratch, { recursive: true, force: true })
      cpSync(directory, scratch, { recursive: true })
      writeFileSync(join(scratch, file), changed)
      const { problems, noticed } = await judge(scratch, options)
      if (problems.length > 0) failures.push([file, what, ...problems])
      else if (mustNotice && !noticed) failures.push([file, what, 'not noticed'])
      if (failures.length > 3) break
    }
  }
  rmSync(scratch, { recursive: true, force: true })
  expect(failures).toEqual([])
}

/** Every bit up to the last byte that is not zero, one of each byte where `each` asks for less. */
function* flips(bytes: Buffer, every: number): Generator<[string, Buffer]> {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  for (let bit = 0; bit < end * 8; bit += every) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    yield [`bit ${bit & 7} of byte ${bit >> 3}`, changed]
  }
}

function* zeroed(bytes: Buffer): Generator<[string, Buffer]> {
  for (let at = 0; at < bytes.length; at += 512) {
    if (bytes.subarray(at, at + 512).every((byte) => byte === 0)) continue
    yield [`zeros at ${at}`, Buffer.concat([bytes.subarray(0, at), Buffer.alloc(Math.min(512, bytes.length - at)), bytes.subarray(at + 512)])]
  }
}

/** Sectors written to the place of others. */
function* misplaced(bytes: Buffer): Generator<[string, Buffer]> {
  for (let from = 0; from + 512 <= bytes.length; from += 512) {
    for (let to = 0; to + 512 <= bytes.length; to += 512) {
      if (bytes.subarray(from, from + 512).equals(bytes.subarray(to, to + 512))) continue
      const changed = Buffer.from(bytes)
      bytes.copy(changed, to, from, from + 512)
      yield [`sector ${from} at ${to}`, changed]
    }
  }
}

const names = (directory: string, ending: string): string[] => segmentsIn(directory, ending).map((path) => relative(directory, path))

describe('a journal with one bit turned over', () => {
  test('in a segment, read: is never wrong, and always noticed', { timeout: 300_000 }, async () => {
    const directory = await small()
    expect(names(directory, '.seg').length).toBeGreaterThan(2)
    await tryAll(directory, names(directory, '.seg'), (bytes) => flips(bytes, 3), { readOnly: true }, true)
  })

  test('in a segment, opened for writing: is never wrong, and always noticed', { timeout: 300_000 }, async () => {
    const directory = await small()
    await tryAll(directory, names(directory, '.seg'), (bytes) => flips(bytes, 11), {}, true)
  })

  test('in an index, the head file or FORMAT: is never wrong', { timeout: 300_000 }, async () => {
    const directory = await small()
    await tryAll(directory, [...names(directory, '.idx'), 'head', 'FORMAT'], (bytes) => flips(bytes, 13), {}, false)
  })

  test('in a segment without indexes: is never wrong, and always noticed', { timeout: 300_000 }, async () => {
    const directory = await small()
    for (const index of segmentsIn(directory, '.idx')) rmSync(index)
    await tryAll(directory, names(directory, '.seg'), (bytes) => flips(bytes, 17), { readOnly: true }, true)
  })
})

describe('a journal with a sector', () => {
  test('of zeros is never wrong, and always noticed', { timeout: 120_000 }, async () => {
    const directory = await small()
    await tryAll(directory, names(directory, '.seg'), zeroed, { readOnly: true }, true)
    await tryAll(directory, names(directory, '.seg'), zeroed, {}, true)
  })

  test('in the place of another is never wrong', { timeout: 120_000 }, async () => {
    const directory = await small()
    await tryAll(directory, names(directory, '.seg'), (bytes) => misplaced(bytes.subarray(0, Math.min(bytes.length, 1536))), { readOnly: true }, false)
  })
})

describe('a journal with a segment file', () => {
  test('missing, swapped or of another journal says so', { timeout: 120_000 }, async () => {
    const directory = await small()
    const [first, second, third, ...rest] = names(directory, '.seg') as [string, string, string, ...string[]]
    const other = await small()
    const scratch = `${directory}.changed`
    const cases: [string, () => void][] = []
    for (const name of [first, second, third, ...rest]) cases.push([`${name} missing`, () => rmSync(join(scratch, name))])
    cases.push(['two swapped', () => { writeFileSync(join(scratch, first), readFileSync(join(directory, second))); writeFileSync(join(scratch, second), readFileSync(join(directory, first))) }])
    cases.push(['one of another journal', () => writeFileSync(join(scratch, second), readFileSync(join(other, second)))])
    cases.push(['one twice', () => writeFileSync(join(scratch, third), readFileSync(join(directory, second)))])
    for (const readOnly of [true, false]) {
      for (const indexes of [true, false]) {
        for (const [what, change] of cases) {
          rmSync(scratch, { recursive: true, force: true })
          cpSync(directory, scratch, { recursive: true })
          if (!indexes) for (const index of segmentsIn(scratch, '.idx')) rmSync(index)
          change()
          expect({ what, readOnly, indexes, ...(await judge(scratch, { readOnly })) }).toEqual({ what, readOnly, indexes, problems: [], noticed: true })
        }
      }
    }
    rmSync(scratch, { recursive: true })
    expect(statSync(directory).isDirectory()).toBe(true)
  })
})
