/** Scripts for bugs that no layer of torture meets; each says why none does, and what it found, if anything. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { defineEvents, defineProjection, isJournalError, openJournal } from '../../src/index.js'
import { HEADER_BYTES, makeFrame, parseHeader } from '../../src/storage/frame.js'
import { putRecord, recordEnd } from '../../src/storage/record.js'
import { Appending, event, list, openStore } from '../storage/support/journal.js'
import { earlyWrites } from '../storage/support/early-writes.js'
import { MemoryFiles } from '../storage/support/memory-files.js'
import { MemoryDerived, memoryStores } from '../support/memory-derived.js'
import { DIRECTORY, goldenJournal, strangersTo, type Golden } from '../torture/rot/golden.js'
import { judgeReading } from '../torture/rot/judge.js'

const SMALL = [4 << 10, 1500] as const
const golden = (): Promise<Golden> => goldenJournal(...SMALL)

/** The last group rots, and nothing vouches for it: that is not how an incomplete write looks. D hurts journals that were closed, whose end is proven. */
export async function lastGroup(): Promise<string | undefined> {
  const files = new MemoryFiles()
  const open = await openStore(DIRECTORY, { files })
  const writer = new Appending(open)
  for (let n = 0; n < 3; n++) await writer.append('s', [event(n, 'added', 'text '.repeat(40))])
  // Taken at once, before a mark proves the group.
  const whole = files.copy()
  const hurts: [string, (frame: Buffer) => void][] = [['begins with zeros', (frame) => void frame.fill(0, 0, 8)]]
  for (const at of [9, 33, 100, 200]) hurts.push([`has a bit turned over at ${at}`, (frame) => void (frame[at]! ^= 1)])
  for (const [what, hurt] of hurts) {
    const image = whole.copy()
    image.inodes.delete(`${DIRECTORY}/head`)
    const { bytes } = [...image.inodes].find(([name]) => name.endsWith('.seg'))![1]
    hurt(bytes.subarray(bytes.lastIndexOf('TLF1')))
    const store = await openStore(DIRECTORY, { files: image })
    const { damage } = store.recovery
    await store.close()
    if (damage.length === 0) return `a last group that ${what} is no damage`
  }
  await open.close()
  return undefined
}

/** Sectors that were written to an earlier place of the same segment: what lies well behind is still read. D asks only that what is not read is reported. */
export async function misdirected(): Promise<string | undefined> {
  const journal = await goldenJournal(13 << 10, 3300)
  for (const { path, records, first, last } of journal.segments) {
    const { bytes } = journal.files.inodes.get(path) as { bytes: Buffer }
    for (let from = 512; from + 512 <= bytes.length; from += 512) {
      // Not over the header: without it nothing says how many frames can be missing.
      for (let to = 512; to < from; to += 512) {
        const before = Buffer.from(bytes)
        before.copy(bytes, to, from, from + 512)
        const store = await openStore(DIRECTORY, { ...journal.options, readOnly: true })
        const items = await list(store.read({ after: first - 1, upTo: last }))
        await store.close()
        before.copy(bytes)
        const read = new Set(items.flatMap((item) => ('gap' in item ? [] : item.commits.map((one) => `${one.stream} ${one.version}`))))
        const lost = records.filter((one) => one.from > to + 1200 && !read.has(`${one.stream} ${one.version}`))
        if (lost.length > 0) return `sector ${from} of ${path} at ${to}: ${lost.length} intact commits are not read`
      }
    }
  }
  return undefined
}

/** A frame of another journal at its own place, after which everything else follows. D exchanges whole files, whose header tells. */
export async function foreign(): Promise<string | undefined> {
  const journal = await golden()
  const { foreign: other } = await strangersTo(...SMALL)
  for (const { path } of journal.segments.slice(0, -1)) {
    const files = journal.files.copy()
    const ours = files.inodes.get(path)?.bytes as Buffer
    const theirs = other.inodes.get(path)?.bytes as Buffer
    // Behind the header, so that the segment itself is still ours.
    const from = HEADER_BYTES + ours.readUInt32LE(32)
    theirs.copy(ours, from - (from % 8) + 8, from - (from % 8) + 8)
    const { problems, noticed } = await judgeReading(journal, files, { thorough: true })
    if (problems.length > 0 || !noticed) return problems[0] ?? 'frames of another journal are not noticed'
  }
  return undefined
}

/** A payload that somebody changed, with all its checksums made right: chance makes none right. */
export async function forged(): Promise<string | undefined> {
  const journal = await golden()
  const segment = journal.segments[0]!
  const { bytes } = journal.files.inodes.get(segment.path) as { bytes: Buffer }
  const at = segment.records.find(({ from }, i) => i > 1 && parseHeader(bytes, from - HEADER_BYTES) !== undefined)!.from - HEADER_BYTES
  const header = parseHeader(bytes, at)!
  const payload = Buffer.from(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.length))
  const n = payload.indexOf(Buffer.from([0xa1, 0x6e])) + 2
  payload[n]! ^= 1
  for (let start = 0; start < payload.length; start += 8 + payload.readUInt32LE(start))
    if (recordEnd(payload, start, payload.length) === undefined)
      putRecord(payload, start, Buffer.from(payload.subarray(start + 8, start + 8 + payload.readUInt32LE(start))))
  makeFrame(header, payload).copy(bytes, at)
  const store = await openStore(DIRECTORY, { ...journal.options, readOnly: true })
  const { ok } = await store.verify()
  await store.close()
  return ok ? 'verify says that a forged history is whole' : undefined
}

const notes = defineEvents({ 'note.added': { schema: 1, data: z.object({ n: z.number() }) } })
const tally = defineProjection(notes, {
  name: 'tally',
  revision: 1,
  state: z.object({ sum: z.number() }),
  key: (one) => one.stream,
  initial: () => ({ sum: 0 }),
  index: { sum: ({ sum }) => sum },
  on: { 'note.added': (state, { data }) => ({ sum: state.sum + data.n }) },
})

/** Values of derived state that rot below a store that is open. What N hurts is met by the checksums of whole files before. */
export async function derivedRot(): Promise<string | undefined> {
  const files = new MemoryFiles()
  const derived = new MemoryDerived()
  const journal = await openJournal(DIRECTORY, { events: notes, projections: [tally], files, derived: memoryStores(derived) })
  for (let n = 1; n < 4; n++) await journal.append(`s${n}`, [{ type: 'note.added', data: { n } }])
  await journal.close()
  const good = new Map(derived.entries)
  for (const [key, value] of good) {
    for (const hurt of value.keys()) {
      derived.entries.clear()
      for (const [k, v] of good) derived.entries.set(k, Buffer.from(v))
      derived.entries.get(key)![hurt]! ^= 1
      const again = await openJournal(DIRECTORY, {
        events: notes,
        projections: [tally],
        files: files.copy(),
        derived: memoryStores(derived),
      })
      const rows: unknown[] = []
      try {
        for await (const row of again.list(tally, { by: 'sum' })) rows.push([row.key, row.state.sum])
        for (let n = 1; n < 4; n++) rows.push((await again.view(tally, `s${n}`)).state?.sum)
      } catch (error) {
        rows.push(String(error))
      }
      await again.close()
      const expected = '[["s1",1],["s2",2],["s3",3],1,2,3]'
      if (JSON.stringify(rows) !== expected) return `entry ${key}, byte ${hurt}: ${JSON.stringify(rows)}`
    }
  }
  return undefined
}

/** A link in the place of a file. The simulated disk has none. */
export async function linked(): Promise<string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'turnlog-planted-'))
  try {
    await (await openJournal(directory, { events: notes, projections: [tally] })).close()
    const path = join(directory, 'head')
    writeFileSync(`${path}.elsewhere`, readFileSync(path))
    rmSync(path)
    symlinkSync(`${path}.elsewhere`, path)
    const error: unknown = await openJournal(directory, { events: notes, projections: [tally], readOnly: true }).catch(
      (one: unknown) => one,
    )
    return isJournalError(error) && error.message.includes('is a symbolic link') ? undefined : 'a symbolic link is not refused by name'
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Groups so small that one waits while another is synced. On the simulated disk a sync takes no time. */
export async function earlyWriting(): Promise<string | undefined> {
  const [path] = await earlyWrites(100)
  return path && `${path} is written to while a sync of it is under way`
}
