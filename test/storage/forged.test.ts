/** Frames that check and that no program wrote which keeps to the format: said to be such, and never passed over. */
import { describe, expect, test } from 'vitest'
import { frameBytes, HEADER_BYTES, Kind, makeFrame, nextDigest, parseHeader } from '../../src/storage/frame.js'
import { packGaps, type Lost } from '../../src/storage/gap-record.js'
import { indexImage } from '../../src/storage/index-build.js'
import { indexSegment } from '../../src/storage/rebuild.js'
import { putRecord } from '../../src/storage/record.js'
import { salvageInto } from '../../src/storage/salvage-journal.js'
import { seeJournal } from '../../src/storage/see.js'
import { change, DIRECTORY, namesOf, SEGMENT_BYTES, wholeJournal } from './support/damage.js'
import { Appending, contents, event, list, listed, notes, numbers, openStore, type Sum } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const FORGED = {
  code: 'JOURNAL_DAMAGED',
  message: expect.stringContaining('somebody changed it on purpose') as string,
  details: { damage: [{ offset: expect.any(Number) as number, firstPosition: expect.any(Number) as number }] },
}

/** Makes a list of five of the first commit of a segment's last frame, with every checksum and the digest made right. */
function forge(files: MemoryFiles, segment: string): void {
  change(files, segment, (bytes) => {
    const at = bytes.lastIndexOf('TLF1')
    const { digest } = parseHeader(bytes, bytes.lastIndexOf('TLF1', at - 1))!
    const header = parseHeader(bytes, at)!
    const payload = Buffer.from(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.length))
    const body = Buffer.from(payload.subarray(8, 8 + payload.readUInt32LE(4)))
    expect(body[0]).toBe(0x96)
    body[0] = 0x95
    putRecord(payload, 0, body)
    makeFrame({ ...header, digest: nextDigest(digest, header.first, payload) }, payload).copy(bytes, at)
  })
}

test('a frame whose records are no commits stops whoever reads it', async () => {
  const files = await wholeJournal()
  forge(files, namesOf(files, '.seg')[0]!)
  const store = await openStore(DIRECTORY, { files, readOnly: true })
  await expect(list(store.read())).rejects.toMatchObject(FORGED)
  await expect(list(store.readReverse())).rejects.toMatchObject(FORGED)
  await expect(store.findCommit('c2')).rejects.toMatchObject(FORGED)
  expect((await listed(store.readStream('s0')))[2]).toMatchObject({
    gap: { firstPosition: 5, reason: 'a record that checks is no commit' },
  })
  await expect(store.verify()).rejects.toMatchObject(FORGED)
  await store.close()
  expect(files.opened).toBe(0)
})

test('all that is intact around it, and in it, can be salvaged', async () => {
  const files = await wholeJournal()
  forge(files, namesOf(files, '.seg')[0]!)
  const report = await salvageInto(DIRECTORY, '/new', { files, notes })
  expect(report).toMatchObject({ commits: 19, position: 20, gaps: [{ firstPosition: 5, lastPosition: 5 }] })
  const store = await openStore('/new', { files, readOnly: true })
  const all = Array.from({ length: 10 }, (_, n) => [n, n + 100]).flat()
  expect(numbers((await contents(store)).commits)).toEqual(all.filter((n) => n !== 2))
  await store.close()
})

test('in the segment that opening reads it refuses the journal', async () => {
  const files = new MemoryFiles()
  const writing = await openStore(DIRECTORY, { files })
  await new Appending(writing).append('s', [event(1)])
  const left = files.copy()
  await writing.close()
  forge(left, namesOf(left, '.seg')[0]!)
  for (const readOnly of [true, false]) await expect(openStore(DIRECTORY, { files: left, readOnly })).rejects.toMatchObject(FORGED)
  expect(left.opened).toBe(0)
})

describe('behind the end', () => {
  /** Puts a frame there that everything before proves, and a mark behind it: it was synced. */
  async function endingIn(frame: { kind: number; aux: number; skip: number }, payload: Buffer): Promise<MemoryFiles> {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files })
    for (let n = 0; n < 3; n++) await new Appending(store).append('s', [event(n)])
    await store.close()
    change(files, namesOf(files, '.seg')[0]!, (bytes) => {
      const at = bytes.lastIndexOf('TLF1')
      const { digest, group, journal, length, align } = parseHeader(bytes, at)!
      const first = 4 + frame.skip
      const rest = { align, flags: 0, count: 0, journal, first, digest: nextDigest(digest, first, payload) }
      return Buffer.concat([
        bytes.subarray(0, at + frameBytes(length, align)),
        makeFrame({ ...rest, kind: frame.kind, aux: frame.aux, group: group + 1 }, payload),
        makeFrame({ ...rest, kind: Kind.mark, aux: 0, group: group + 2 }, Buffer.alloc(0)),
      ])
    })
    return files
  }

  const gap: Lost = { first: 4, last: 8, segment: '', offset: 0, bytes: 0, reason: 'somebody says so' }
  const forged: Record<string, [{ kind: number; aux: number; skip: number }, Buffer]> = {
    'a group that holds no commit': [{ kind: Kind.data, aux: 0, skip: 0 }, Buffer.alloc(0)],
    'a gap frame that names no gap': [{ kind: Kind.gap, aux: 5, skip: 5 }, packGaps(1, [])],
    'a gap frame that names another gap': [{ kind: Kind.gap, aux: 5, skip: 5 }, packGaps(1, [{ ...gap, last: 7 }])],
    'a gap that was found at no time': [{ kind: Kind.gap, aux: 5, skip: 5 }, packGaps(Number.NaN, [gap])],
    'a gap that was found at a time that no date has': [{ kind: Kind.gap, aux: 5, skip: 5 }, packGaps(8.64e15 + 1, [gap])],
  }

  test('what keeps to the format is read', async () => {
    const files = await endingIn({ kind: Kind.gap, aux: 5, skip: 5 }, packGaps(8.64e15, [gap]))
    const store = await openStore(DIRECTORY, { files, readOnly: true })
    expect((await contents(store)).gaps).toMatchObject([{ firstPosition: 4, lastPosition: 8, recordedAt: 8.64e15 }])
    await store.close()
  })

  test.each(Object.entries(forged))('%s is refused', async (_, [frame, payload]) => {
    const files = await endingIn(frame, payload)
    const read = async (): Promise<void> => {
      const store = await openStore(DIRECTORY, { files, readOnly: true })
      try {
        await contents(store)
      } finally {
        await store.close()
      }
    }
    await expect(read()).rejects.toMatchObject(FORGED)
    expect(files.opened).toBe(0)
    expect(await salvageInto(DIRECTORY, '/new', { files, notes })).toMatchObject({ commits: 3 })
  })
})

test('a header that says that the segment before ends far behind its file costs neither time nor memory', async () => {
  const files = await wholeJournal()
  const [first, second] = namesOf(files, '.seg') as [string, string]
  change(files, second, (bytes) => {
    const header = parseHeader(bytes, 0)!
    const payload = Buffer.from(bytes.subarray(HEADER_BYTES, HEADER_BYTES + header.length))
    makeFrame({ ...header, aux: 2 ** 50 }, payload).copy(bytes)
  })
  files.inodes.delete(first.replace('.seg', '.idx'))
  let read = 0
  files.watched = (_, __, length) => void (read += length)
  const store = await openStore(DIRECTORY, { files, readOnly: true })
  await contents(store)
  await store.verify()
  expect(read).toBeLessThan(16 << 20)
  await store.close()
})

test('an index whose parts say that what comes before them lies in themselves is made again', async () => {
  const files = new MemoryFiles()
  const writing = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
  const writer = new Appending(writing)
  for (let n = 0; n < 30; n++) await writer.append('s', [event(n)])
  await writing.close()
  const { core, sight } = await seeJournal<Sum>(
    DIRECTORY,
    files,
    { now: () => 1, random: (count) => Buffer.alloc(count) },
    { notes, admit: () => {}, readOnly: true },
  )
  const segment = sight.segments.get(3)!
  const index = await indexSegment(core, sight.indexes, segment, () => {})
  const image = await indexImage<Sum>({
    index,
    notes,
    journal: core.journal,
    end: segment.end,
    position: segment.position,
    digest: segment.digest!,
    previous: async () => ({ segment: 3, location: 0 }),
    without: [],
    tables: [],
  })
  await core.handles.close()
  files.inodes.get(namesOf(files, '.idx')[2]!)!.bytes = image
  const store = await openStore(DIRECTORY, { files, readOnly: true })
  const { length } = await listed(store.readStream('s'))
  expect(length).toBe(30)
  await store.close()
})
