/** What finds the planted bugs: shares of the layers of torture, and small scripts of their own. Each says what it found, if anything. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { defineEvents, defineProjection, isJournalError, openJournal } from '../../src/index.js'
import { HEADER_BYTES, makeFrame, parseHeader } from '../../src/storage/frame.js'
import { putRecord, recordEnd } from '../../src/storage/record.js'
import { SnapshotFiles } from '../../src/storage/snapshot-file.js'
import { Appending, event, list, openStore } from '../storage/support/journal.js'
import { MemoryFiles } from '../storage/support/memory-files.js'
import { MemoryDerived, memoryStores } from '../support/memory-derived.js'
import { campaign } from '../torture/layer.js'
import { decoders } from '../torture/layers/decoders.js'
import { bits, everyBitBeside, nothingAtAll, type Tried } from '../torture/rot/exhaustive.js'
import { DIRECTORY, goldenJournal, strangersTo, countingClock, type Golden } from '../torture/rot/golden.js'
import { judgeReading } from '../torture/rot/judge.js'
import { closing, earlyWriting, failedSync, garbage, namesKept, powerCuts, shortWrite, snapshotCuts, twoWriters } from './crashes.js'

export type Finder = () => Promise<string | undefined>

const SMALL = [4 << 10, 1500] as const
const golden = (): Promise<Golden> => goldenJournal(...SMALL)
const problem = ({ problems }: Tried): string | undefined => problems[0]

/** The bits of some bytes of a journal of 4 KB, each held against verify. */
async function flips(): Promise<string | undefined> {
  const tried: Tried = { probes: 0, problems: [] }
  for await (const _ of bits(await golden(), { of: 11, index: 0, verifyEvery: 1 }, tried)) if (tried.problems.length > 0) break
  return problem(tried)
}

/** The newest segment cut at every length, with and without the zeros behind. */
async function cuts(): Promise<string | undefined> {
  const journal = await golden()
  const inode = journal.files.inodes.get(journal.segments.at(-1)?.path as string) as { bytes: Buffer }
  const { bytes } = inode
  for (let length = 0; length < bytes.length; length++) {
    inode.bytes = bytes.subarray(0, length)
    const { problems, noticed, silentEnd } = await judgeReading(journal, journal.files, { thorough: false })
    if (problems.length > 0 || silentEnd > 0 || !noticed) return `cut to ${length}: ${problems[0] ?? 'is not noticed'}`
  }
  return undefined
}

/** The last group rots, and nothing vouches for it: that is not how an incomplete write looks. */
async function lastGroup(): Promise<string | undefined> {
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

/** What an intact journal looks like. */
const intact: Finder = async () => problem(await nothingAtAll(await golden()))

/** Every byte that fills a frame up. */
async function padding(): Promise<string | undefined> {
  const journal = await golden()
  for (const { path } of journal.segments) {
    const { bytes } = journal.files.inodes.get(path) as { bytes: Buffer }
    for (let at = bytes.indexOf(0xa5); at >= 0; at = bytes.indexOf(0xa5, at + 1)) {
      bytes[at] = 0xa4
      const { problems, noticed } = await judgeReading(journal, journal.files, { thorough: true })
      bytes[at] = 0xa5
      if (problems.length > 0 || !noticed) return `byte ${at} of ${path}: ${problems[0] ?? 'is not noticed'}`
    }
  }
  return undefined
}

/** Sectors that were written to an earlier place of the same segment: what lies well behind is still read. */
async function misdirected(): Promise<string | undefined> {
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

/** A frame of another journal at its own place, after which everything else follows. */
async function foreign(): Promise<string | undefined> {
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

/** A payload that somebody changed, with all its checksums made right. */
async function forged(): Promise<string | undefined> {
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

/** Any byte of a snapshot's body changed, its chunks' checksums included. */
async function snapshotFlips(): Promise<string | undefined> {
  const files = new MemoryFiles()
  files.directories.add('/j')
  const saved = new SnapshotFiles(files, countingClock(), '/j')
  const chunks = (async function* () {
    yield Buffer.from('rows of a projection')
  })()
  const record = await saved.write({ projection: 'tally', revision: 1, head: { position: 1, digest: 'ab'.repeat(32) } }, chunks)
  const { bytes } = files.inodes.get(`/j/${record.file}`) as { bytes: Buffer }
  for (let at = 0; at < bytes.length; at++) {
    bytes[at]! ^= 4
    const reason = await saved.refuse(record, true)
    bytes[at]! ^= 4
    if (reason === undefined) return `byte ${at} of a snapshot may be anything`
  }
  return (await saved.refuse(record, true)) === undefined ? undefined : 'an intact snapshot is refused'
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

type Clocked = { files: MemoryFiles; derived: ReturnType<typeof memoryStores>; clock?: ReturnType<typeof countingClock> }

const openNotes = (options: Clocked) => openJournal(DIRECTORY, { events: notes, projections: [tally], ...options })

/** Values of derived state that rot. */
async function derivedRot(): Promise<string | undefined> {
  const files = new MemoryFiles()
  const derived = new MemoryDerived()
  const journal = await openNotes({ files, derived: memoryStores(derived) })
  for (let n = 1; n < 4; n++) await journal.append(`s${n}`, [{ type: 'note.added', data: { n } }])
  await journal.close()
  const good = new Map(derived.entries)
  for (const [key, value] of good) {
    for (const hurt of value.keys()) {
      derived.entries.clear()
      for (const [k, v] of good) derived.entries.set(k, Buffer.from(v))
      derived.entries.get(key)![hurt]! ^= 1
      const again = await openNotes({ files: files.copy(), derived: memoryStores(derived) })
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

/** An old snapshot goes only once the journal vouches for a newer one. */
async function snapshotsKept(): Promise<string | undefined> {
  const files = new MemoryFiles()
  const journal = await openNotes({ files, derived: memoryStores() })
  for (let n = 0; n < 2; n++) {
    await journal.append('s', [{ type: 'note.added', data: { n } }])
    await journal.snapshot()
  }
  await journal.append('s', [{ type: 'note.added', data: { n: 9 } }])
  let least = Number.POSITIVE_INFINITY
  files.fault = (call) => {
    const snapshots = [...files.inodes.keys()].filter((path) => path.endsWith('.snap')).length
    if (call === 'write') least = Math.min(least, snapshots)
    return undefined
  }
  await journal.snapshot()
  files.fault = () => undefined
  await journal.close()
  return least < 2 ? `only ${least} snapshots were left while a new one was written` : undefined
}

/** A clock that is set back. */
async function clockBack(): Promise<string | undefined> {
  let now = 1_000_000
  const clock = { ...countingClock(), now: () => now }
  const journal = await openNotes({ files: new MemoryFiles(), derived: memoryStores(), clock })
  const times: number[] = []
  for (let n = 0; n < 3; n++) {
    await journal.append('s', [{ type: 'note.added', data: { n } }])
    now -= 1000
  }
  for await (const { at } of journal.read('s')) times.push(at)
  await journal.close()
  return times.some((at, i) => at < (times[i - 1] ?? 0)) ? `time goes back: ${times.join(' ')}` : undefined
}

/** LevelDB's files changed after a close, and a link in the place of a file: on the real file system. */
async function onDisk(look: (directory: string) => Promise<string | undefined>): Promise<string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'turnlog-planted-'))
  try {
    const journal = await openJournal(directory, { events: notes, projections: [tally] })
    for (let n = 1; n < 9; n++) await journal.append(`s${n}`, [{ type: 'note.added', data: { n } }])
    await journal.close()
    return await look(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const levelRot: Finder = () =>
  onDisk(async (directory) => {
    const open = async () => openJournal(directory, { events: notes, projections: [tally] })
    const rows = async (journal: Awaited<ReturnType<typeof open>>): Promise<string> => {
      const all: unknown[] = []
      for await (const { key, state } of journal.list(tally)) all.push([key, state.sum])
      return JSON.stringify(all)
    }
    const writer = await open()
    // So many batches that LevelDB's log has more than one block: what is lost in the first leaves the last checkpoint standing.
    for (let n = 0; n < 120; n++) {
      await Promise.all(Array.from({ length: 5 }, (_, i) => writer.append(`stream ${n} ${i}`, [{ type: 'note.added', data: { n } }])))
      await writer.list(tally, { limit: 1 }).next()
    }
    const before = await rows(writer)
    await writer.close()
    const log = readdirSync(join(directory, 'derived')).find((name) => name.endsWith('.log')) as string
    const path = join(directory, 'derived', log)
    const bytes = readFileSync(path)
    if (bytes.length < 40_000) throw new Error(`the log has ${bytes.length} bytes only`)
    bytes[20_000]! ^= 1
    writeFileSync(path, bytes)
    const journal = await open()
    const after = await rows(journal)
    await journal.close()
    return after === before ? undefined : 'a list is shorter after a bit of LevelDB was turned over'
  })

const linked: Finder = () =>
  onDisk(async (directory) => {
    const path = join(directory, 'head')
    writeFileSync(`${path}.elsewhere`, readFileSync(path))
    rmSync(path)
    symlinkSync(`${path}.elsewhere`, path)
    const error: unknown = await openJournal(directory, { events: notes, projections: [tally], readOnly: true }).catch(
      (one: unknown) => one,
    )
    return isJournalError(error) && error.message.includes('is a symbolic link') ? undefined : 'a symbolic link is not refused by name'
  })

export const finders: Record<string, Finder> = {
  flips,
  cuts,
  lastGroup,
  intact,
  padding,
  misdirected,
  indexes: async () => problem(await everyBitBeside(await golden(), 997)),
  foreign,
  forged,
  decoders: async () => (await decoders.run(campaign({ seed: 1, limit: 3000 }))).failures[0]?.what,
  snapshotFlips,
  derivedRot,
  snapshotsKept,
  clockBack,
  levelRot,
  linked,
  powerCuts,
  earlyWriting,
  namesKept,
  garbage,
  failedSync,
  shortWrite,
  twoWriters,
  closing,
  snapshotCuts,
}
