/** Repair: what cannot be read is kept and written down as lost; everything else stays as it was, and the journal takes appends again. */
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import { carryOut, planRepair, type RepairPlan } from '../../src/storage/repair-plan.js'
import { bytesOf, change, contentEnd, damages, DIRECTORY, frameAt, image, namesOf, SEGMENT_BYTES, wholeJournal } from './support/damage.js'
import { Appending, contents, event, list, listed, notes, numbers, openStore } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const open = (files: MemoryFiles, readOnly = false) => openStore(DIRECTORY, { files, readOnly, segmentBytes: SEGMENT_BYTES })
const given = (files: MemoryFiles) => ({ files, notes, admit: () => {}, segmentBytes: SEGMENT_BYTES })
const plan = (files: MemoryFiles): Promise<RepairPlan> => planRepair(DIRECTORY, given(files))

async function repaired(files: MemoryFiles): Promise<void> {
  const made = await plan(files)
  // One defect is one finding.
  expect(made.damage).toHaveLength(1)
  expect(await carryOut(made, given(files))).toHaveLength(1)
}

/** Opens for reading, and tells what is there. */
async function seen(files: MemoryFiles): Promise<{ numbers: number[]; gaps: number[][]; ok: boolean; damage: number }> {
  const store = await open(files, true)
  try {
    const { commits, gaps } = await contents(store)
    const report = await store.verify()
    const ranges = gaps.map(({ firstPosition, lastPosition }) => [firstPosition, lastPosition ?? -1])
    return { numbers: numbers(commits), gaps: ranges, ok: report.ok, damage: store.recovery.damage.length }
  } finally {
    await store.close()
  }
}

async function damaged(how: string, which: number, indexes: boolean): Promise<MemoryFiles> {
  const files = await wholeJournal()
  const segment = namesOf(files, '.seg').at(which) as string
  damages[how]!(files, segment)
  if (!indexes) for (const index of namesOf(files, '.idx')) files.inodes.delete(index)
  return files
}

const CASES = Object.keys(damages).flatMap((how) =>
  [0, 1, -1].flatMap((which) => [true, false].map((indexes) => [how, which, indexes] as const)),
)

describe('repair', () => {
  test.each(CASES)('of %s in segment %i (indexes there: %s) makes the journal whole again, with a gap', async (how, which, indexes) => {
    const files = await damaged(how, which, indexes)
    const before = await seen(files)
    expect(before.ok).toBe(false)
    const old = image(files)
    await repaired(files)
    const after = await seen(files)
    expect(after).toEqual({ ...before, ok: true, damage: 0 })
    for (const [path, bytes] of Object.entries(image(files))) {
      if (path.includes('/quarantine/') || old[path] === undefined || path.endsWith('.idx')) continue
      // The active segment may have grown into the zeros behind its end.
      const [is, was] = [Buffer.from(bytes, 'base64'), Buffer.from(old[path], 'base64')]
      expect(is.subarray(0, contentEnd(was)).equals(was.subarray(0, contentEnd(was)))).toBe(true)
    }
    const store = await open(files)
    const writer = new Appending(store)
    for (const stream of ['s0', 's1', 'new']) await writer.append(stream, [event(500)], { commitId: `later ${stream}` })
    expect(await store.findCommit('never')).toBeUndefined()
    await store.close()
    expect((await seen(files)).numbers).toEqual([...before.numbers, 500, 500, 500])
    const again = await plan(files)
    expect(again).toMatchObject({ damage: [], format: false })
    const now = image(files)
    expect(await carryOut(again, given(files))).toEqual([])
    expect(image(files)).toEqual(now)
  })

  test('keeps the bytes in the quarantine, with a note beside them, and names the streams that an index knows', async () => {
    const files = await damaged('a bit of a payload', 0, true)
    const segment = namesOf(files, '.seg')[0] as string
    const at = frameAt(bytesOf(files, segment), 1)
    const end = frameAt(bytesOf(files, segment), 2)
    const { damage } = await plan(files)
    expect(damage).toMatchObject([{ offset: at, bytes: end - at, firstPosition: 1, lastPosition: 1, streams: ['s0'] }])
    await repaired(files)
    const [kept] = namesOf(files, '.bytes')
    expect(bytesOf(files, kept as string)).toEqual(bytesOf(files, segment).subarray(at, end))
    const note: unknown = JSON.parse(bytesOf(files, (kept as string).replace(/bytes$/, 'json')).toString())
    expect(note).toMatchObject({ offset: at, bytes: end - at })
  })

  test('gives a version that is known to be lost to no other event', async () => {
    const files = await wholeJournal()
    const store = await open(files)
    await new Appending(store).append('gone', [event(1), event(2)])
    await new Appending(store).append(
      's0',
      Array.from({ length: 40 }, (_, n) => event(n)),
    )
    await store.close()
    const segment = namesOf(files, '.seg').find((path) => bytesOf(files, path).includes('gone')) as string
    change(files, segment, (bytes) => void (bytes[bytes.indexOf('gone')]! ^= 1))
    await repaired(files)
    for (const indexes of [true, false]) {
      if (!indexes) for (const index of namesOf(files, '.idx')) files.inodes.delete(index)
      const again = await open(files)
      expect(await again.stream('gone')).toMatchObject({ version: 2 })
      expect(await again.gapsOf('gone')).toMatchObject([{ streams: ['gone'] }])
      expect(await again.gapsOf('s0')).toEqual([])
      await again.close()
    }
  })

  test('passes over more positions than can be lost where only an index tells that segments are', async () => {
    const files = await wholeJournal()
    files.inodes.delete(`${DIRECTORY}/head`)
    files.inodes.delete(namesOf(files, '.seg').at(-1) as string)
    expect((await seen(files)).numbers.length).toBeLessThan(20)
    await repaired(files)
    const store = await open(files)
    const receipt = await new Appending(store).append('new', [event(1)])
    expect(receipt.position).toBeGreaterThan(1 << 21)
    await store.close()
    expect(await seen(files)).toMatchObject({ ok: true, damage: 0 })
  })

  test('says of each stream whether a gap that names none may be its own', async () => {
    const files = await damaged('the whole file', 1, false)
    await repaired(files)
    const store = await open(files)
    expect(await store.gapsOf('s0')).toHaveLength(1)
    const writer = new Appending(store)
    await writer.append('young', [event(1)])
    expect(await store.gapsOf('young')).toEqual([])
    expect(await store.gapsOf('never seen')).toHaveLength(1)
    await store.close()
  })

  test('lets what was folded before a gap or after it was written down count, and nothing folded in between', async () => {
    const files = await damaged('the whole file', 1, true)
    await repaired(files)
    const store = await open(files)
    const recorded = store.head
    await new Appending(store).append('s0', [event(1)])
    const heads = (await list(store.read())).flatMap((item) => ('gap' in item ? [] : [item.head]))
    const [gap] = store.gaps()
    for (const head of heads) {
      const isBehind = head.position > gap!.lastPosition! && head.position <= recorded.position
      expect([head.position, await store.foldsTo(head)]).toEqual([head.position, !isBehind])
    }
    expect(await store.foldsTo(recorded)).toBe(true)
    expect(await store.foldsTo({ ...recorded, digest: '0'.repeat(64) })).toBe(false)
    await store.close()
  })

  test('is refused when the journal changed since it was planned, and touches nothing then', async () => {
    const files = await damaged('a bit of a payload', 0, true)
    const made = await plan(files)
    const store = await open(files)
    await new Appending(store).append('s0', [event(9)])
    await store.close()
    const before = image(files)
    await expect(carryOut(made, given(files))).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_HISTORY_CHANGED'))
    expect(image(files)).toEqual(before)
  })

  test('is refused beside a writer, where planning works', async () => {
    const files = await damaged('a bit of a payload', 0, true)
    const store = await open(files)
    const made = await plan(files)
    expect(made.damage).toHaveLength(1)
    const refused = carryOut(made, { ...given(files), lockWaitMs: 0 })
    await expect(refused).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_LOCKED') && error.message.includes('planning works'))
    await store.close()
  })

  test('notices what changes at a gap that was recorded, and what changes beside it', async () => {
    const files = await damaged('a bit of a payload', 0, true)
    await repaired(files)
    const segment = namesOf(files, '.seg')[0] as string
    const inside = files.copy()
    change(inside, segment, (bytes) => void (bytes[frameAt(bytes, 1) + 112]! ^= 1))
    expect(await seen(inside)).toMatchObject({ ok: false })
    await repaired(inside)
    expect(await seen(inside)).toMatchObject({ ok: true })
  })

  test('writes FORMAT again where it says nothing or is gone, and keeps what it said', async () => {
    for (const how of ['damaged', 'gone']) {
      const files = await wholeJournal()
      if (how === 'gone') files.inodes.delete(`${DIRECTORY}/FORMAT`)
      else change(files, `${DIRECTORY}/FORMAT`, () => Buffer.from('turnlag 1\n'))
      await expect(open(files)).rejects.toSatisfy((error) => isJournalError(error) && error.message.includes('repair'))
      const made = await plan(files)
      expect(made).toMatchObject({ format: true, damage: [] })
      await carryOut(made, given(files))
      expect(bytesOf(files, `${DIRECTORY}/FORMAT`).toString()).toBe('turnlog 1\n')
      expect(namesOf(files, '.bytes').map((path) => bytesOf(files, path).toString())).toEqual(how === 'gone' ? [] : ['turnlag 1\n'])
      expect(await seen(files)).toMatchObject({ ok: true, gaps: [] })
    }
  })

  test('is refused where there is no journal to repair', async () => {
    const files = new MemoryFiles()
    files.directories.add(DIRECTORY)
    files.inodes.set(`${DIRECTORY}/letter.txt`, { bytes: Buffer.from('dear'), lock: undefined })
    await expect(plan(files)).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_NOT_FOUND'))
  })
})

describe('repair that is cut off', () => {
  const FAILING = new Set(['open', 'write', 'datasync', 'syncDir', 'link', 'unlink', 'mkdir', 'rename', 'readdir', 'read'])

  /** Runs a repair in which every call from the nth on fails; undefined once there are fewer calls than that. */
  async function cutAt(damagedFiles: MemoryFiles, n: number, code: string): Promise<MemoryFiles | undefined> {
    const files = damagedFiles.copy()
    const made = await plan(files)
    let calls = 0
    files.fault = (call) => {
      if (FAILING.has(call) && calls++ >= n) throw Object.assign(new Error(code), { code })
      return undefined
    }
    const failure = await carryOut(made, given(files)).then(
      () => undefined,
      (error: unknown) => error,
    )
    files.fault = () => undefined
    if (failure === undefined) return undefined
    expect(failure).toSatisfy((error) => isJournalError(error))
    return files.copy()
  }

  test.each([
    ['a bit of a payload', 0],
    ['the whole file', 1],
    ['all but its beginning', -1],
  ])('of %s in segment %i leaves the journal as it was, or repaired, wherever it is cut', { timeout: 60_000 }, async (how, which) => {
    const start = await damaged(how, which, true)
    const before = await seen(start)
    let cut = 0
    for (let n = 0; ; n++) {
      const files = await cutAt(start, n, 'EIO')
      if (files === undefined) break
      cut++
      const after = await seen(files)
      expect({ n, numbers: after.numbers, gaps: after.gaps }).toEqual({ n, numbers: before.numbers, gaps: before.gaps })
      const made = await plan(files)
      expect(await carryOut(made, given(files))).toHaveLength(made.damage.length)
      expect(await seen(files)).toEqual({ ...before, ok: true, damage: 0 })
      // The same bytes are kept once, however often they were met.
      expect(namesOf(files, '.bytes').length).toBeLessThanOrEqual(1)
    }
    expect(cut).toBeGreaterThan(20)
  })

  test('by a full disk leaves the journal as it was, and planning needs no space', async () => {
    const files = await damaged('a bit of a payload', 0, true)
    const before = await seen(files)
    files.fault = (call) => {
      if (call === 'write') throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      return undefined
    }
    const made = await plan(files)
    expect(made.damage).toHaveLength(1)
    await expect(carryOut(made, given(files))).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_DISK_FULL'))
    files.fault = () => undefined
    expect(await seen(files.copy())).toEqual(before)
  })
})

describe('reading one stream over gaps that nobody wrote down', () => {
  /** What opening for reading shows of a stream: positions of commits, and gaps from and to. */
  async function places(files: MemoryFiles, reverse = false): Promise<string[]> {
    const store = await open(files, true)
    const items = await listed(store.readStream('s0', { reverse }))
    await store.close()
    return items.map((item) => ('gap' in item ? `${item.gap.firstPosition} to ${item.gap.lastPosition}` : `${item.position}`))
  }

  test('yields each once, where it lies, and all that stands before and behind it', async () => {
    const files = await wholeJournal(20)
    const [, second, third] = namesOf(files, '.seg') as [string, string, string]
    damages['a bit of a payload']!(files, second)
    files.inodes.delete(third)
    const behind = [19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39].map(String)
    const all = ['1', '3', '5', '7 to 7', '9', '11', '13 to 18', ...behind]
    expect(await places(files)).toEqual(all)
    expect(await places(files, true)).toEqual(all.toReversed())
  })

  test('from any version on it is the same as among all, forwards and in reverse', async () => {
    const files = await wholeJournal(20)
    const [, second, third] = namesOf(files, '.seg') as [string, string, string]
    damages['a bit of a payload']!(files, second)
    files.inodes.delete(third)
    const store = await open(files, true)
    const of = async (options: object): Promise<string> =>
      (await listed(store.readStream('s0', options))).map((item) => ('gap' in item ? 'lost' : item.version)).join(' ')
    // Version 4 is lost, and 7 to 9.
    const whole = ['1', '2', '3', 'lost', '5', '6', 'lost', '10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20']
    const lastOf = (word: string, i: number): number => (word === 'lost' ? Number(whole[i + 1]) - 1 : Number(word))
    const firstOf = (word: string, i: number): number => (word === 'lost' ? Number(whole[i - 1]) + 1 : Number(word))
    for (let version = 0; version <= 21; version++) {
      expect(await of({ after: version })).toBe(whole.filter((word, i) => lastOf(word, i) > version).join(' '))
      const below = whole.filter((word, i) => firstOf(word, i) < version).toReversed()
      expect(await of({ reverse: true, before: version })).toBe(below.join(' '))
    }
    await store.close()
  })

  test('tells of both, where what stands right before or behind a lost segment does not check', async () => {
    const files = await wholeJournal(20)
    const [, second, third, fourth] = namesOf(files, '.seg') as [string, string, string, string]
    change(files, second, (bytes) => void (bytes[frameAt(bytes, 3) + 110]! ^= 1))
    files.inodes.delete(third)
    change(files, fourth, (bytes) => void (bytes[frameAt(bytes, 1) + 110]! ^= 1))
    const behind = [21, 23, 25, 27, 29, 31, 33, 35, 37, 39].map(String)
    const all = ['1', '3', '5', '7', '9', '11 to 18', '19 to 19', ...behind]
    expect(await places(files)).toEqual(all)
    expect(await places(files, true)).toEqual(all.toReversed())
  })

  test('also where an index names a segment of which that stream lost all', async () => {
    const files = await wholeJournal(20)
    const third = namesOf(files, '.seg')[2] as string
    files.inodes.delete(third)
    expect((await places(files)).slice(0, 7)).toEqual(['1', '3', '5', '7', '9', '11', '13 to 18'])
    await repaired(files)
    expect((await places(files)).slice(0, 7)).toEqual(['1', '3', '5', '7', '9', '11', '13 to 18'])
  })
})

describe('reading over a recorded gap', () => {
  test('yields it where it lies, and one stream yields it only where that lost something', async () => {
    const files = await damaged('a bit of a payload', 0, true)
    await repaired(files)
    const store = await open(files, true)
    const gaps = async (stream: string, reverse = false) =>
      (await listed(store.readStream(stream, { reverse }))).flatMap((item) => ('gap' in item ? [item.gap] : []))
    expect(await gaps('s0')).toMatchObject([{ firstPosition: 1, recordedAt: expect.any(Number) as number }])
    expect(await gaps('s0', true)).toHaveLength(1)
    expect(await gaps('s1')).toEqual([])
    expect(store.recovery.damage).toEqual([])
    await store.close()
  })

  test('a reader beside the repair learns of it without starting again', async () => {
    const files = await damaged('a bit of a payload', 0, true)
    const reader = await open(files, true)
    expect(reader.recovery.damage.length + reader.gaps().length).toBe(0)
    await repaired(files)
    await expect.poll(() => reader.gaps().length, { timeout: 5000 }).toBe(1)
    const writer = await open(files)
    await new Appending(writer).append('s1', [event(77)])
    await expect.poll(() => reader.head, { timeout: 5000 }).toEqual(writer.head)
    await writer.close()
    await reader.close()
  })
})
