/** Salvage: whatever is left of a directory, every commit that is intact in it arrives in the new journal, and nothing else. */
import fc from 'fast-check'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import type { StoredCommit } from '../../src/storage/commit-store.js'
import { filesOver } from '../../src/storage/delegate.js'
import { dumpSegments, type Dumped } from '../../src/storage/dump.js'
import { parseSegment, segmentName, type SegmentName } from '../../src/storage/paths.js'
import { salvageInto, type SalvageReport } from '../../src/storage/salvage-journal.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { bytesOf, change, contentEnd, damages, DIRECTORY, frameAt, image, namesOf, SEGMENT_BYTES, wholeJournal } from './support/damage.js'
import { Appending, contents, event, notes, numbers, openStore } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const TARGET = '/new'
const options = (files: MemoryFiles) => ({ files, notes, segmentBytes: SEGMENT_BYTES })
const salvage = (files: MemoryFiles): Promise<SalvageReport> => salvageInto(DIRECTORY, TARGET, options(files))

async function commitsIn(files: MemoryFiles, directory: string): Promise<{ commits: StoredCommit[]; gaps: number[][]; digest: string }> {
  const store = await openStore(directory, { files, readOnly: true })
  try {
    const { commits, gaps } = await contents(store)
    expect((await store.verify()).damage).toEqual([])
    return { commits, gaps: gaps.map(({ firstPosition, lastPosition = -1 }) => [firstPosition, lastPosition]), digest: store.head.digest }
  } finally {
    await store.close()
  }
}

/** Where each commit's record lies, read off the bytes as docs/format.md has them. */
interface Copy {
  position: number
  path: string
  segment: SegmentName
  segmentHeader: [from: number, to: number]
  frame: [from: number, to: number]
  header: [from: number, to: number]
  record: [from: number, to: number]
}

function copiesIn(files: MemoryFiles, commits: readonly StoredCommit[]): Copy[] {
  const events = new Map(commits.map(({ position, events: { length } }) => [position, length]))
  return namesOf(files, '.seg').flatMap((path) => {
    const bytes = bytesOf(files, path)
    const copies: Copy[] = []
    const segment = parseSegment(basename(path)) as SegmentName
    const segmentHeader: [number, number] = [0, 96 + bytes.readUInt32LE(32) + 8]
    for (let at = 0; bytes.toString('latin1', at, at + 4) === 'TLF1';) {
      const length = bytes.readUInt32LE(at + 32)
      const end = at + Math.ceil((96 + length + 8) / 8) * 8
      let position = bytes.readUInt32LE(at + 24)
      for (let record = at + 96; bytes[at + 8] === 2 && record < at + 96 + length;) {
        const to = record + 8 + bytes.readUInt32LE(record + 4)
        copies.push({ position, path, segment, segmentHeader, frame: [at, end], header: [at, at + 96], record: [record, to] })
        position += events.get(position) ?? 1
        record = to
      }
      at = end
    }
    return copies
  })
}

/**
 * What must arrive: commits whose frame is as it was, in a segment that the next one that is left does not put an end to before. A file
 * with another name is the segment that its header says it is, where that is as it was and no file has both.
 */
function intact(before: MemoryFiles, after: MemoryFiles, copies: readonly Copy[]): Set<number> {
  const same = (path: string, [from, to]: [number, number], original: string): boolean =>
    bytesOf(after, path).subarray(from, to).equals(bytesOf(before, original).subarray(from, to))
  const headers = new Map(copies.map(({ path, segmentHeader }) => [path, segmentHeader]))
  const there = namesOf(after, '.seg').map((path) => {
    const is = [...headers].find(([original, header]) => same(path, header, original))?.[0]
    return { path, is: is ?? path, headed: is !== undefined }
  })
  const left = there.map(({ is }) => parseSegment(basename(is)) as SegmentName)
  const holders = (original: string): typeof there => {
    const all = there.filter(({ is }) => is === original)
    const right = all.find(({ path, headed }) => path === original && headed)
    return right === undefined ? all : [right]
  }
  return new Set(
    copies
      .filter(
        ({ path, frame, position, segment }) =>
          holders(path).some((holder) => same(holder.path, frame, path)) &&
          !left.some(({ number, first }) => number > segment.number && first <= position),
      )
      .map(({ position }) => position),
  )
}

interface Life {
  groups: number[][]
  closed: boolean
}

/** A journal that lived more than once, and did not always end in order. */
async function lived(lives: readonly Life[]): Promise<MemoryFiles> {
  let files = new MemoryFiles()
  let n = 0
  for (const { groups, closed } of lives) {
    const store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
    const writer = new Appending(store)
    for (const group of groups) {
      const appends = group.map((stream) =>
        writer.append(
          `s${stream}`,
          Array.from({ length: 1 + (stream % 2) }, () => event(n++, 'added', 'x'.repeat(n % 90))),
        ),
      )
      await Promise.all(appends)
    }
    const crashed = files.copy()
    await store.close()
    if (!closed) files = crashed
  }
  return files
}

const lifeArb = fc.record({
  groups: fc.array(fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }), { maxLength: 8 }),
  closed: fc.boolean(),
})
const harmArb = fc.record({
  how: fc.constantFrom('delete', 'flip', 'zero', 'cut', 'noise', 'rename', 'double'),
  file: fc.nat(),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  bytes: fc.integer({ min: 1, max: 300 }),
})

function harm(files: MemoryFiles, { how, file, at, bytes: length }: { how: string; file: number; at: number; bytes: number }): void {
  const paths = [...files.inodes.keys()].toSorted()
  const path = paths[file % paths.length]
  if (path === undefined) return
  if (how === 'delete') return void files.inodes.delete(path)
  if (how === 'rename' || how === 'double') {
    if (!path.endsWith('.seg')) return
    const { name } = segmentName(1 + (length % 7), 1 + Math.floor(at * 60))
    files.inodes.set(join(DIRECTORY, 'journal', name), { bytes: Buffer.from(bytesOf(files, path)), lock: undefined })
    if (how === 'rename' && basename(path) !== name) files.inodes.delete(path)
    return
  }
  change(files, path, (bytes) => {
    const from = Math.floor(at * (bytes.findLastIndex((byte) => byte !== 0) + 1))
    if (how === 'cut') return bytes.subarray(0, from)
    if (how === 'flip' && from < bytes.length) bytes[from]! ^= 1 << (length % 8)
    if (how === 'zero') bytes.fill(0, from, Math.min(bytes.length, from + length))
    if (how === 'noise') for (let i = from; i < Math.min(bytes.length, from + length); i++) bytes[i] = (i * 131 + length) & 255
    return undefined
  })
}

/** A segment's name that says nothing true. */
const named = (number: number): string => join(DIRECTORY, 'journal', segmentName(number, 500 + number).name)

function rename(files: MemoryFiles, path: string, number: number): void {
  files.inodes.set(named(number), { bytes: bytesOf(files, path), lock: undefined })
  files.inodes.delete(path)
}

const without = ({ position, ...commit }: StoredCommit): unknown => [position, commit]

test.each(Object.keys(damages))('that is only looked at says what it would carry over, and changes nothing: %s', async (name) => {
  for (const which of [0, 1, -1]) {
    const files = await wholeJournal()
    damages[name]!(files, namesOf(files, '.seg').at(which) as string)
    const before = image(files)
    const looked = await salvageInto(DIRECTORY, TARGET, { ...options(files), dryRun: true })
    expect(image(files)).toEqual(before)
    const { digest: _, ...carried } = await salvage(files)
    const timeless = ({ gaps, ...rest }: typeof carried): object => ({ ...rest, gaps: gaps.map(({ recordedAt: _at, ...gap }) => gap) })
    expect(timeless(looked)).toEqual({ ...timeless(carried), dryRun: true })
    expect('digest' in looked).toBe(false)
  }
})

describe(withSeed('salvage'), () => {
  test('of a journal that is whole makes the same history, to the digest', async () => {
    const files = await wholeJournal()
    const before = await commitsIn(files, DIRECTORY)
    const old = image(files)
    const report = await salvage(files)
    const after = await commitsIn(files, TARGET)
    expect(after).toEqual(before)
    expect(report).toMatchObject({ commits: 20, events: 20, gaps: [], digest: before.digest })
    expect(image(files)).toMatchObject(old)
  })

  test('brings every commit that is intact, and nothing else, whatever was deleted and damaged', { timeout: 240_000 }, async () => {
    let gaps = 0
    const property = fc.asyncProperty(
      fc.array(lifeArb, { minLength: 1, maxLength: 4 }),
      fc.array(harmArb, { minLength: 1, maxLength: 8 }),
      async (lives, harms) => {
        const before = await lived(lives)
        const all = new Map((await commitsIn(before.copy(), DIRECTORY)).commits.map((commit) => [commit.position, commit]))
        // What the last crash left unproven is shown to nobody yet; it is on the disk all the same.
        const opened = before.copy()
        await (await openStore(DIRECTORY, { files: opened, segmentBytes: SEGMENT_BYTES })).close()
        for (const commit of (await commitsIn(opened, DIRECTORY)).commits) all.set(commit.position, commit)
        const after = before.copy()
        for (const one of harms) harm(after, one)
        const source = image(after)
        const must = intact(before, after, copiesIn(before, [...all.values()]))
        let report: SalvageReport
        try {
          report = await salvage(after)
        } catch (error) {
          // A FORMAT that names a later format is believed.
          if (isJournalError(error, 'JOURNAL_NEWER_FORMAT')) return
          if (!isJournalError(error, 'JOURNAL_NOT_FOUND')) throw error
          expect(must.size).toBe(0)
          return
        }
        expect(image(after)).toMatchObject(source)
        const found = await commitsIn(after, TARGET)
        for (const commit of found.commits) expect(without(commit)).toEqual(without(all.get(commit.position) as StoredCommit))
        const arrived = new Set(found.commits.map(({ position }) => position))
        expect([...must].filter((position) => !arrived.has(position))).toEqual([])
        expect(report).toMatchObject({ commits: found.commits.length, digest: found.digest })
        expect(found.gaps).toEqual(report.gaps.map(({ firstPosition, lastPosition }) => [firstPosition, lastPosition]))
        gaps += found.gaps.length
        const store = await openStore(TARGET, { files: after })
        await new Appending(store).append('s0', [event(1)])
        await store.close()
      },
    )
    await fc.assert(property, propertyParameters(60))
    expect(gaps).toBeGreaterThan(20)
  })

  test.each([
    ['all segments have wrong names', (files: MemoryFiles, paths: string[]) => paths.forEach((path, i) => rename(files, path, 90 - i))],
    [
      'one lies beside its copy, which is damaged',
      (files: MemoryFiles, [, second]: string[]) => {
        files.inodes.set(named(77), { bytes: Buffer.from(bytesOf(files, second!)), lock: undefined })
        change(files, second!, (bytes) => void bytes.fill(0))
      },
    ],
    [
      'one lies beside a copy that is cut',
      (files: MemoryFiles, [, second]: string[]) => {
        files.inodes.set(named(77), {
          bytes: bytesOf(files, second!).subarray(0, frameAt(bytesOf(files, second!), 3) - 20),
          lock: undefined,
        })
        change(files, second!, (bytes) => void bytes.fill(0, 0, frameAt(bytes, 1) + 110))
      },
    ],
  ] as const)('takes a file for the segment that its header says it is: %s', async (_, hurt) => {
    const files = await wholeJournal()
    const before = await commitsIn(files, DIRECTORY)
    hurt(files, namesOf(files, '.seg'))
    const report = await salvage(files)
    expect(report).toMatchObject({ commits: 20, gaps: [] })
    expect((await commitsIn(files, TARGET)).commits).toEqual(before.commits)
  })

  test('reads behind a frame header that does not check, where the digest proves what stands there', async () => {
    const files = await wholeJournal()
    change(files, namesOf(files, '.seg')[0] as string, (bytes) => void (bytes[frameAt(bytes, 1) + 20]! ^= 1))
    expect(await salvage(files)).toMatchObject({ commits: 20, gaps: [] })
  })

  test.each(Object.keys(damages))('writes down what is lost to %s, and tells the gaps that were known', async (how) => {
    const files = await wholeJournal()
    damages[how]!(files, namesOf(files, '.seg')[1] as string)
    const report = await salvage(files)
    const again = await salvageInto(TARGET, '/again', options(files))
    expect(again.gaps).toMatchObject(report.gaps.map((gap) => ({ ...gap, recordedAt: expect.any(Number) as number })))
    expect((await commitsIn(files, '/again')).commits).toEqual((await commitsIn(files, TARGET)).commits)
  })

  test('gives no position again that the head file knows of', async () => {
    const files = await wholeJournal()
    files.inodes.delete(namesOf(files, '.seg').at(-1) as string)
    const report = await salvage(files)
    expect(report.position).toBe(20)
    expect(report.gaps.at(-1)).toMatchObject({ lastPosition: 20 })
  })

  test('keeps what a repair wrote down in the newest segment, apart from what was lost since', async () => {
    const files = await wholeJournal()
    const [, second] = namesOf(files, '.seg') as [string, string]
    change(files, second, (bytes) => void (bytes[frameAt(bytes, 1) + 110]! ^= 1))
    const store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
    const [repaired] = await store.repair()
    const { version } = await store.stream('s0')
    await store.close()
    expect(repaired).toMatchObject({ firstPosition: 7, lastPosition: 7, streams: ['s0'] })
    for (const path of [second, second.replace('.seg', '.idx')]) files.inodes.delete(path)
    const report = await salvage(files)
    expect(report.gaps.map(({ firstPosition, lastPosition, streams }) => [firstPosition, lastPosition, streams])).toEqual([
      [7, 7, ['s0']],
      [8, 12, undefined],
    ])
    const salvaged = await openStore(TARGET, { files, readOnly: true })
    expect(salvaged.gaps().map(({ reason }) => reason)).toEqual([repaired!.reason, 'not intact where it was salvaged from'])
    expect((await salvaged.stream('s0')).version).toBe(version)
    await salvaged.close()
  })

  test.each([false, true])('keeps all that repairs wrote down, in whatever order they did (a later header has it: %s)', async (isLater) => {
    const files = await wholeJournal(20)
    const [, second, third] = namesOf(files, '.seg') as [string, string, string]
    for (const segment of [third, second]) {
      change(files, segment, (bytes) => void (bytes[frameAt(bytes, 1) + 110]! ^= 1))
      const store = await openStore(DIRECTORY, { files, segmentBytes: 1 << 20 })
      expect(await store.repair()).toHaveLength(1)
      await store.close()
    }
    if (isLater) {
      const store = await openStore(DIRECTORY, { files, segmentBytes: 300 })
      const writer = new Appending(store)
      for (let n = 0; n < 4; n++) await writer.append('s1', [event(n)])
      await store.close()
    }
    for (const path of [second, third].flatMap((name) => [name, name.replace('.seg', '.idx')])) files.inodes.delete(path)
    const { gaps } = await salvage(files)
    expect(gaps.map(({ firstPosition, lastPosition, streams }) => [firstPosition, lastPosition, streams])).toEqual([
      [7, 7, ['s0']],
      [8, 12, undefined],
      [13, 13, ['s0']],
      [14, 18, undefined],
    ])
  })

  test('brings nothing of a write that did not finish, and nothing that a writer wrote after it was succeeded', async () => {
    const start = await wholeJournal(3)
    const store = await openStore(DIRECTORY, { files: start, segmentBytes: 1 << 20 })
    const writer = new Appending(store)
    await Promise.all([writer.append('s0', [event(50)]), writer.append('s1', [event(51)])])
    const segment = namesOf(start, '.seg').at(-1) as string
    const torn = start.copy()
    torn.inodes.delete(`${DIRECTORY}/head`)
    const [from, to] = [bytesOf(torn, segment).lastIndexOf('TLF1'), contentEnd(bytesOf(torn, segment))]
    change(torn, segment, (bytes) => bytes.subarray(0, to - 30))
    expect(to - from).toBeGreaterThan(150)
    expect(await salvage(torn)).toMatchObject({ commits: 6, gaps: [] })

    // The same writer goes on, while another opens what is there.
    const successor = start.copy()
    const next = await openStore(DIRECTORY, { files: successor, segmentBytes: 1 << 20 })
    await new Appending(next).append('s0', [event(60)])
    await next.close()
    await writer.append('s0', [event(70)])
    successor.inodes.set(segment, { bytes: Buffer.from(bytesOf(start, segment)), lock: undefined })
    const newer = namesOf(successor, '.seg').at(-1) as string
    expect(newer).not.toBe(segment)
    for (const readable of [true, false]) {
      const files = successor.copy()
      if (!readable) change(files, newer, (bytes) => void (bytes[20]! ^= 1))
      expect(await salvage(files)).toMatchObject({ commits: 9, gaps: [] })
      expect(numbers((await commitsIn(files, TARGET)).commits).slice(6)).toEqual([50, 51, 60])
    }
    await store.close()
  })

  test('passes over sectors that the disk does not give', async () => {
    const files = await wholeJournal()
    const segment = namesOf(files, '.seg')[1] as string
    files.fault = (call, path) => {
      if (call === 'read' && path === segment) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return undefined
    }
    const report = await salvage(files)
    expect(report.gaps).toHaveLength(1)
    expect(report.commits).toBeGreaterThan(10)
  })

  test.each([
    ['does not open', { code: 'EIO' }],
    ['is not for us', { code: 'EACCES' }],
    ['does not say how long it is', { code: 'EIO', call: 'size' }],
    ['is a link', { kind: 'symbolic link' }],
    ['is a FIFO', { kind: 'FIFO' }],
    ['is a directory', { kind: 'directory' }],
    ["is another user's", { mine: false }],
  ] as const)('passes over a file that %s, and names it', async (_, how) => {
    const files = await wholeJournal()
    const segments = namesOf(files, '.seg')
    const withheld = [segments[1] as string, `${DIRECTORY}/head`, `${DIRECTORY}/FORMAT`]
    files.fault = (call, path) => {
      if ('code' in how && call === ('call' in how ? how.call : 'open') && withheld.includes(path))
        throw Object.assign(new Error(`${how.code}: no`), { code: how.code })
      return undefined
    }
    const port = filesOver(files, {
      stat: (path) => {
        const found = files.stat(path)
        return found && withheld.includes(path) ? { ...found, ...('code' in how ? {} : how) } : found
      },
    })
    const report = await salvageInto(DIRECTORY, TARGET, { ...options(files), files: port })
    expect(report.unread.map(({ file }) => `${DIRECTORY}/${file}`).toSorted()).toEqual(withheld.toSorted())
    expect(report.gaps).toHaveLength(1)
    expect(report.commits).toBeGreaterThan(10)
    expect((await commitsIn(files, TARGET)).commits).toHaveLength(report.commits)
    expect(files.opened).toBe(0)
    const dumped: Dumped[] = []
    for await (const item of dumpSegments(DIRECTORY, { files: port })) dumped.push(item)
    expect(dumped.flatMap((item) => (item.what === 'unread' ? [item.file] : []))).toEqual(report.unread.map(({ file }) => file))
    const one: Dumped[] = []
    for await (const item of dumpSegments(DIRECTORY, { files: port, segment: '2' })) one.push(item)
    expect(one.map(({ what }) => what)).toEqual(['unread', 'segment', 'fault'])
    expect(files.opened).toBe(0)
  })

  /** All of these files are there, and cannot be opened. */
  function withhold(files: MemoryFiles, withheld: readonly string[]): void {
    files.fault = (call, path) => {
      if (call === 'open' && withheld.includes(path)) throw Object.assign(new Error('EACCES: no'), { code: 'EACCES' })
      return undefined
    }
  }

  test('gives no position again where the newest segment and the head file cannot be opened', async () => {
    const files = await wholeJournal()
    const newest = namesOf(files, '.seg').at(-1) as string
    withhold(files, [newest, `${DIRECTORY}/head`])
    const report = await salvage(files)
    expect(report.commits).toBeLessThan(20)
    expect(report.position).toBeGreaterThan(20)
    expect(report.gaps.at(-1)).toMatchObject({ firstPosition: report.commits + 1, lastPosition: report.position })
  })

  test('says what is in the way where no segment can be opened, and not that nothing is left', async () => {
    const files = await wholeJournal()
    const segments = namesOf(files, '.seg')
    withhold(files, segments)
    const refused = (error: unknown): boolean =>
      isJournalError(error, 'JOURNAL_IO') && error.message.includes('EACCES') && error.message.includes(`${segments.length - 1} more`)
    await expect(salvage(files)).rejects.toSatisfy(refused)
    const all = async (): Promise<void> => {
      for await (const _ of dumpSegments(DIRECTORY, { files })) void _
    }
    await expect(all()).rejects.toSatisfy(refused)
    expect(files.opened).toBe(0)
  })

  test("reads no directory that is a link or another user's, and writes into none", async () => {
    for (const [stands, found] of [
      [`${DIRECTORY}/journal`, { kind: 'symbolic link' }],
      [`${DIRECTORY}/.`, { mine: false }],
      [`${TARGET}/.`, { mine: false }],
    ] as const) {
      const files = await wholeJournal()
      files.directories.add(TARGET)
      const port = filesOver(files, { stat: (path) => (path === stands ? { kind: 'directory', mine: true, ...found } : files.stat(path)) })
      const refused = salvageInto(DIRECTORY, TARGET, { ...options(files), files: port })
      await expect(refused).rejects.toSatisfy(
        (error) => isJournalError(error, 'JOURNAL_IO') && error.message.includes('Nothing was opened'),
      )
      expect(files.opened).toBe(0)
    }
  })

  test('is refused where something lies in the new directory, and where nothing is left of the old', async () => {
    const files = await wholeJournal()
    files.directories.add(TARGET)
    files.inodes.set(`${TARGET}/letter.txt`, { bytes: Buffer.from('dear'), lock: undefined })
    await expect(salvage(files)).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_IO') && error.message.includes('not empty'))
    for (const segment of namesOf(files, '.seg')) files.inodes.delete(segment)
    await expect(salvage(files)).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_NOT_FOUND'))
  })

  test('that is cut off leaves no journal behind', async () => {
    const files = await wholeJournal()
    let writes = 0
    files.fault = (call) => {
      if (call === 'write' && ++writes > 6) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      return undefined
    }
    await expect(salvage(files)).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_DISK_FULL'))
    files.fault = () => undefined
    await expect(openStore(TARGET, { files })).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_NOT_FOUND'))
    expect(files.opened).toBe(0)
  })
})
