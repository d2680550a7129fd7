/** Bits of a small journal turned over before it is opened: never a wrong event, never one lost without a word. rot.test.ts turns over every bit of a larger one. */
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import type { StoredCommit } from '../../src/storage/commit-store.js'
import { Appending, contents, event, list, listed, numbers, openStore, type Options, withData } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const SEGMENT_BYTES = 700
const DIRECTORY = '/journal'

/** Three segments, the last of them active, with a clean end. */
async function small(): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  const store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
  const writer = new Appending(store)
  for (let n = 0; n < 7; n++) await Promise.all([writer.now('s0', [event(n)], { commitId: `c${n}` }), writer.now('s1', [event(n + 100)])])
  await store.close()
  // Without the zeros that were prepared: they are no part of what is tried, and slow.
  for (const inode of files.inodes.values()) inode.bytes = inode.bytes.subarray(0, inode.bytes.findLastIndex((byte) => byte !== 0) + 1)
  return files
}

const events = new Map(
  [0, 1, 2, 3, 4, 5, 6].flatMap((n): [number, [string, number, number]][] => [
    [n * 2 + 1, ['s0', n + 1, n]],
    [n * 2 + 2, ['s1', n + 1, n + 100]],
  ]),
)

function wrong(commits: readonly StoredCommit[]): unknown[] {
  return commits.filter(
    ({ position, stream, version, events: [only] }) =>
      JSON.stringify(events.get(position)) !== JSON.stringify([stream, version, (only?.data as { n: number } | undefined)?.n]),
  )
}

/** Opens a changed journal, reads it both ways, and says what is wrong. */
async function judge(files: MemoryFiles, options: Options): Promise<{ problems: unknown[]; noticed: boolean }> {
  let store
  try {
    store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES, ...options })
  } catch (error) {
    return { problems: isJournalError(error) ? [] : [error], noticed: true }
  }
  try {
    const { commits, gaps } = await contents(store)
    const problems: unknown[] = wrong(commits)
    const covered = new Set(
      gaps.flatMap(({ firstPosition, lastPosition = 14 }) =>
        Array.from({ length: Math.max(0, lastPosition - firstPosition + 1) }, (_, i) => firstPosition + i),
      ),
    )
    const seen = new Set(commits.map(({ position }) => position))
    for (let position = 1; position <= 14; position++)
      if (!seen.has(position) && !covered.has(position)) problems.push(`position ${position} is lost without a word`)
    if (seen.size !== commits.length) problems.push('a commit twice')
    const backwards = await list(store.readReverse())
    const reversed = backwards.flatMap((item) => ('gap' in item ? [] : item.commits.toReversed().map(withData)))
    if (JSON.stringify(reversed.toReversed()) !== JSON.stringify(commits)) problems.push('backwards reads otherwise')
    for (const stream of ['s0', 's1']) {
      const all = await listed(store.readStream(stream))
      const versions = all.flatMap((item) => ('gap' in item ? [] : [item]))
      problems.push(...wrong(versions))
      if (versions.length < 7 && !all.some((item) => 'gap' in item))
        problems.push(`${stream} is short without a word: ${JSON.stringify(numbers(versions))}`)
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
async function tryAll(
  files: MemoryFiles,
  paths: readonly string[],
  changes: (bytes: Buffer) => Iterable<[what: string, changed: Buffer]>,
  options: Options,
  mustNotice: boolean,
): Promise<void> {
  const failures: unknown[] = []
  for (const path of paths) {
    for (const [what, changed] of changes(bytesOf(files, path))) {
      const scratch = files.copy()
      put(scratch, path, changed)
      const { problems, noticed } = await judge(scratch, options)
      if (problems.length > 0) failures.push([path, what, ...problems])
      else if (mustNotice && !noticed) failures.push([path, what, 'not noticed'])
      if (scratch.opened !== 0) failures.push([path, what, `${scratch.opened} files left open`])
      if (failures.length > 3) break
    }
  }
  expect(failures).toEqual([])
}

function bytesOf(files: MemoryFiles, path: string): Buffer {
  return files.inodes.get(path)!.bytes
}

function put(files: MemoryFiles, path: string, bytes: Buffer): void {
  files.inodes.set(path, { bytes: Buffer.from(bytes), lock: undefined })
}

/** Bits up to the last byte that is not zero, so many apart: with an odd number every bit of some byte. */
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
    yield [
      `zeros at ${at}`,
      Buffer.concat([bytes.subarray(0, at), Buffer.alloc(Math.min(512, bytes.length - at)), bytes.subarray(at + 512)]),
    ]
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

const names = (files: MemoryFiles, ending: string): string[] => [...files.inodes.keys()].filter((path) => path.endsWith(ending)).toSorted()

describe('a journal with one bit turned over', () => {
  test('in a segment, read: is never wrong, and always noticed', { timeout: 300_000 }, async () => {
    const files = await small()
    expect(names(files, '.seg').length).toBeGreaterThan(2)
    await tryAll(files, names(files, '.seg'), (bytes) => flips(bytes, 41), { readOnly: true }, true)
  })

  test('in a segment, opened for writing: is never wrong, and always noticed', { timeout: 300_000 }, async () => {
    const files = await small()
    await tryAll(files, names(files, '.seg'), (bytes) => flips(bytes, 27), {}, true)
  })

  test('in an index, the head file or FORMAT: is never wrong', { timeout: 300_000 }, async () => {
    const files = await small()
    await tryAll(files, [...names(files, '.idx'), `${DIRECTORY}/head`, `${DIRECTORY}/FORMAT`], (bytes) => flips(bytes, 251), {}, false)
  })

  test('in a segment without indexes: is never wrong, and always noticed', { timeout: 300_000 }, async () => {
    const files = await small()
    for (const index of names(files, '.idx')) files.inodes.delete(index)
    await tryAll(files, names(files, '.seg'), (bytes) => flips(bytes, 41), { readOnly: true }, true)
  })
})

describe('a journal with a sector', () => {
  test('of zeros is never wrong, and always noticed', { timeout: 120_000 }, async () => {
    const files = await small()
    await tryAll(files, names(files, '.seg'), zeroed, { readOnly: true }, true)
    await tryAll(files, names(files, '.seg'), zeroed, {}, true)
  })

  test('in the place of another is never wrong', { timeout: 120_000 }, async () => {
    const files = await small()
    await tryAll(files, names(files, '.seg'), misplaced, { readOnly: true }, false)
  })
})

describe('a journal with a segment file', () => {
  test('missing, swapped or of another journal says so', { timeout: 120_000 }, async () => {
    const files = await small()
    const segments = names(files, '.seg')
    const [first, second, third] = segments as [string, string, string]
    const other = await small()
    const cases: [string, (scratch: MemoryFiles) => void][] = segments.map((name) => [
      `${name} missing`,
      (scratch) => void scratch.inodes.delete(name),
    ])
    cases.push([
      'two swapped',
      (scratch) => {
        put(scratch, first, bytesOf(files, second))
        put(scratch, second, bytesOf(files, first))
      },
    ])
    cases.push(['one of another journal', (scratch) => put(scratch, second, bytesOf(other, second))])
    cases.push(['one twice', (scratch) => put(scratch, third, bytesOf(files, second))])
    for (const readOnly of [true, false]) {
      for (const indexes of [true, false]) {
        for (const [what, change] of cases) {
          const scratch = files.copy()
          if (!indexes) for (const index of names(scratch, '.idx')) scratch.inodes.delete(index)
          change(scratch)
          expect({ what, readOnly, indexes, ...(await judge(scratch, { readOnly })) }).toEqual({
            what,
            readOnly,
            indexes,
            problems: [],
            noticed: true,
          })
        }
      }
    }
  })

  test('missing, or cut, is told to whoever reads as it was told to whoever opened', async () => {
    const files = await small()
    for (const name of names(files, '.seg').slice(1, -1)) {
      for (const left of [undefined, 0, 400]) {
        const scratch = files.copy()
        if (left === undefined) scratch.inodes.delete(name)
        else put(scratch, name, bytesOf(files, name).subarray(0, left))
        const store = await openStore(DIRECTORY, { files: scratch })
        const { gaps } = await contents(store)
        const lost = store.recovery.damage.filter(({ firstPosition, lastPosition = Infinity }) => lastPosition >= firstPosition)
        expect(gaps, `${name}, of which ${left ?? 'nothing'} is left`).toEqual(lost)
        expect(gaps).not.toEqual([])
        await store.close()
      }
    }
  })
})
