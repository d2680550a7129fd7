/** A head of before holds today's journal to what it was: whoever rewrites history is found out, however well the checksums fit. */
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Head, SinceReport } from '../../src/storage/commit-store.js'
import { frameBytes, HEADER_BYTES, Kind, makeFrame, movesDigest, nextDigest, NO_HISTORY, parseHeader } from '../../src/storage/frame.js'
import { carryOut, planRepair } from '../../src/storage/repair-plan.js'
import { salvageInto } from '../../src/storage/salvage-journal.js'
import { bytesOf, change, damages, DIRECTORY, frameAt, namesOf, SEGMENT_BYTES, wholeJournal } from './support/damage.js'
import { Appending, contents, event, notes, openStore } from './support/journal.js'
import type { MemoryFiles } from './support/memory-files.js'

const open = (files: MemoryFiles, readOnly = true, directory = DIRECTORY) =>
  openStore(directory, { files, readOnly, segmentBytes: SEGMENT_BYTES })

async function since(files: MemoryFiles, head: Head, directory = DIRECTORY): Promise<SinceReport & { whole: boolean }> {
  const store = await open(files, true, directory)
  const report = await store.verify({ since: head })
  await store.close()
  return { ...(report.since as SinceReport), whole: report.ok }
}

async function headOf(files: MemoryFiles): Promise<Head> {
  const store = await open(files)
  await store.close()
  return store.head
}

async function more(files: MemoryFiles): Promise<Head> {
  const store = await open(files, false)
  await new Appending(store).append('s1', [event(7)])
  await store.close()
  return store.head
}

async function repair(files: MemoryFiles): Promise<void> {
  const given = { files, notes, admit: () => {}, segmentBytes: SEGMENT_BYTES }
  expect(await carryOut(await planRepair(DIRECTORY, given), given)).toHaveLength(1)
}

/** Every group end of a journal. */
async function ends(files: MemoryFiles): Promise<Head[]> {
  const store = await open(files)
  const heads: Head[] = []
  for await (const item of store.read()) if (!('gap' in item)) heads.push(item.head)
  await store.close()
  return heads
}

/** The end of the first group behind the one that is hurt; of that one, the last record is still read. */
function believedIn(heads: readonly Head[], { lost }: SinceReport): Head {
  const behind = heads.filter(({ position }) => position > (lost[0]?.lastPosition as number))
  expect(behind.length).toBeGreaterThan(2)
  return behind[1] as Head
}

/** A frame's payload, to be changed in place; its length stays. */
interface Part {
  kind: number
  payload: Buffer
}

/**
 * Rewrites history as somebody would who knows the format: every checksum and digest fits again, in all segments, up to a frame that does
 * not check. Evidence that would tell is deleted.
 */
function forge(files: MemoryFiles, edit: (parts: Part[]) => void): void {
  const segments = namesOf(files, '.seg')
  const frames = segments.flatMap((path) => {
    const bytes = Buffer.from(bytesOf(files, path))
    const found: (Part & { path: string; at: number })[] = []
    for (
      let at = 0, header = parseHeader(bytes, at);
      header !== undefined;
      header = at + HEADER_BYTES < bytes.length ? parseHeader(bytes, at) : undefined
    ) {
      found.push({
        path,
        at,
        kind: header.kind,
        payload: Buffer.from(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.length)),
      })
      at += frameBytes(header.length, header.align)
    }
    return found
  })
  edit(frames)
  let digest: Buffer = NO_HISTORY
  for (const { path, at, payload } of frames) {
    change(files, path, (bytes) => {
      const header = parseHeader(bytes, at)!
      if (movesDigest(header)) digest = nextDigest(digest, header.first, payload)
      makeFrame({ ...header, digest }, payload).copy(bytes, at)
    })
  }
  for (const path of [...namesOf(files, '.idx'), ...namesOf(files, '/head')]) files.inodes.delete(path)
}

/** Replaces a text in a record, with the record's checksum made right. */
function reword(payload: Buffer, from: Buffer, to: Buffer): boolean {
  const hit = payload.indexOf(from)
  if (hit < 0) return false
  to.copy(payload, hit)
  for (let at = 0; at < payload.length;) {
    const end = at + 8 + payload.readUInt32LE(at + 4)
    payload.writeUInt32LE(crc32(payload.subarray(at + 4, end)), at)
    at = end
  }
  return true
}

const commitNumber = (n: number): Buffer => Buffer.from(`\u00a2c${n}`, 'latin1')

describe('a head of before', () => {
  test('is proven by the journal that goes on from it, whichever group end it was', async () => {
    const files = await wholeJournal()
    const heads = [{ position: 0, digest: '0'.repeat(64) }, ...(await ends(files))]
    expect(heads).toHaveLength(11)
    await more(files)
    for (const head of heads) expect(await since(files, head)).toEqual({ ok: true, ...head, lost: [], whole: true })
  })

  test('fails against a rewritten history in which every checksum fits', async () => {
    const files = await wholeJournal()
    const [early, late] = [(await ends(files))[1] as Head, await headOf(files)]
    const forged = files.copy()
    forge(forged, (parts) => expect(parts.some(({ payload }) => reword(payload, commitNumber(3), commitNumber(4)))).toBe(true))
    expect(await since(forged, late)).toMatchObject({ ok: false, whole: true, reason: 'another history stands up to position 20' })
    // What lies before the change is still what it was.
    expect(await since(forged, early)).toMatchObject({ ok: true, whole: true })
    const untouched = files.copy()
    forge(untouched, () => {})
    expect(await since(untouched, late)).toMatchObject({ ok: true, whole: true })
  })

  test('fails against a reordered history in which every checksum fits', async () => {
    const files = await wholeJournal()
    const head = await headOf(files)
    forge(files, (parts) => {
      const [a, b] = parts.filter(({ kind }) => kind === Kind.data).slice(2, 4) as [Part, Part]
      expect(a.payload.length).toBe(b.payload.length)
      ;[a.payload, b.payload] = [b.payload, a.payload]
    })
    expect(await since(files, head)).toMatchObject({ ok: false })
  })

  test('fails against a history that was cut short, and against another journal', async () => {
    const files = await wholeJournal()
    const head = await more(files)
    const short = await wholeJournal(6)
    expect(await since(short, head)).toMatchObject({ ok: false, reason: 'the history ends at position 12, before position 21' })
    const other = await wholeJournal(12)
    expect(await since(other, { ...head, digest: 'ab'.repeat(32) })).toMatchObject({ ok: false })
  })

  test('is proven only behind what is lost since, and says so', async () => {
    const files = await wholeJournal()
    const heads = await ends(files)
    const [first, last] = [heads[0] as Head, heads.at(-1) as Head]
    damages['a bit of a payload']!(files, namesOf(files, '.seg')[1] as string)
    for (const state of ['damaged', 'repaired', 'repaired, and gone on']) {
      if (state === 'repaired') await repair(files)
      if (state.endsWith('on')) await more(files)
      expect(await since(files, first)).toMatchObject({ ok: true })
      const report = await since(files, last)
      expect({ state, ...report }).toMatchObject({ state, ok: false, lost: [{ firstPosition: expect.any(Number) as number }] })
      expect(report.reason).toContain(`only positions ${report.provenFrom} to 20 are proven`)
      // The first group behind what is lost is believed, and what follows it is worked out.
      expect(report.provenFrom).toBe(believedIn(heads, report).position + 1)
    }
  })

  test('that stands right behind the first group after what is lost is believed, and nothing is proven of it', async () => {
    const files = await wholeJournal()
    const heads = await ends(files)
    damages['a bit of a payload']!(files, namesOf(files, '.seg')[1] as string)
    const believed = believedIn(heads, await since(files, heads.at(-1) as Head))
    const { ok, reason } = await since(files, believed)
    expect({ ok, reason }).toMatchObject({ ok: false, reason: expect.stringContaining('nothing before that is proven') as string })
  })

  test('that is of no group’s end is no head of this history, and it is said what is lost', async () => {
    const files = await wholeJournal()
    const [first, second] = (await ends(files)) as [Head, Head]
    expect(second.position).toBeGreaterThan(first.position + 1)
    const within = { position: second.position - 1, digest: second.digest }
    const reason = `no group ends at position ${within.position}, or what ended there is lost`
    expect(await since(files, within)).toEqual({ ok: false, ...within, lost: [], reason, whole: true })
    const behind = { position: 100, digest: second.digest }
    damages['a bit of a payload']!(files, namesOf(files, '.seg')[1] as string)
    expect(await since(files, behind)).toMatchObject({ ok: false, lost: [{ segment: namesOf(files, '.seg')[1]?.split('/').at(-1) }] })
  })

  test('that was taken after a repair is proven whole: the gap is part of what it commits to', async () => {
    const files = await wholeJournal()
    damages['a bit of a payload']!(files, namesOf(files, '.seg')[1] as string)
    await repair(files)
    const atOnce = await headOf(files)
    const later = await more(files)
    for (const head of [atOnce, later]) expect(await since(files, head)).toEqual({ ok: true, ...head, lost: [], whole: true })
  })

  test('that was taken after a repair fails when somebody rewrites what lies before the gap', async () => {
    const files = await wholeJournal()
    const segments = namesOf(files, '.seg')
    damages['a bit of a payload']!(files, segments[1] as string)
    await repair(files)
    const head = await more(files)
    // Up to the gap every checksum and digest fits; what follows it stays as it is.
    const [before, damaged] = [segments[0] as string, segments[1] as string]
    const rest = files.copy()
    for (const path of segments) if (path !== before) files.inodes.delete(path)
    forge(files, (parts) => expect(parts.some(({ payload }) => reword(payload, commitNumber(0), commitNumber(1)))).toBe(true))
    const forgedDigest = Buffer.from(
      bytesOf(files, before)
        .subarray(lastFrame(bytesOf(files, before)) + 64)
        .subarray(0, 32),
    )
    for (const [path, { bytes }] of rest.inodes) if (path !== before) files.inodes.set(path, { bytes: Buffer.from(bytes), lock: undefined })
    change(files, damaged, (bytes) => {
      const header = parseHeader(bytes, 0)!
      const frame = makeFrame({ ...header, digest: forgedDigest }, bytes.subarray(HEADER_BYTES, HEADER_BYTES + header.length))
      frame.copy(bytes, 0)
    })
    expect(await since(files, head)).toMatchObject({ ok: false, whole: false })
  })

  test('that was taken after a repair fails when somebody exchanges the first group behind the gap', async () => {
    const files = await wholeJournal()
    const segment = namesOf(files, '.seg')[1] as string
    damages['a bit of a payload']!(files, segment)
    await repair(files)
    const head = await more(files)
    // Its digest is believed, because what is before it is lost: it stays as it is, and every checksum fits.
    change(files, segment, (bytes) => {
      const at = frameAt(bytes, 2)
      const header = parseHeader(bytes, at)!
      const payload = Buffer.from(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.length))
      expect(header.kind).toBe(Kind.data)
      expect(reword(payload, Buffer.from('added'), Buffer.from('faked'))).toBe(true)
      makeFrame(header, payload).copy(bytes, at)
    })
    expect(await since(files, head)).toMatchObject({ ok: false, whole: false })
  })

  test('from before a salvage holds up to the first gap of the new journal', async () => {
    const files = await wholeJournal()
    const heads = await ends(files)
    change(files, namesOf(files, '.seg')[1] as string, (bytes) => void bytes.fill(0, frameAt(bytes, 1)))
    const { gaps } = await salvageInto(DIRECTORY, '/new', { files, notes, segmentBytes: SEGMENT_BYTES })
    const lost = gaps[0]?.firstPosition as number
    for (const head of heads) {
      const report = await since(files, head, '/new')
      expect(report.ok).toBe(head.position < lost)
    }
    expect((await contents(await open(files, true, '/new'))).gaps).toHaveLength(1)
    const signedAnew = await open(files, true, '/new')
    expect(await since(files, signedAnew.head, '/new')).toMatchObject({ ok: true })
  })
})

/** Offset of the last frame that checks. */
function lastFrame(bytes: Buffer): number {
  let last = 0
  for (
    let at = 0, header = parseHeader(bytes, 0);
    header !== undefined;
    header = at + HEADER_BYTES < bytes.length ? parseHeader(bytes, at) : undefined
  ) {
    last = at
    at += frameBytes(header.length, header.align)
  }
  return last
}
