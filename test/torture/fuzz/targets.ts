/**
 * The decoders. What one accepts with its checksums as they were found is one of the inputs it was made from; with checksums that
 * were made right again it is a value that comes back the same when it is encoded and decoded once more.
 */
import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import type { NewCommit, SnapshotRecord } from '../../../src/storage/commit-store.js'
import { FrameCursor } from '../../../src/storage/cursor.js'
import { Facts, packSnapshot, unpackSnapshot } from '../../../src/storage/facts.js'
import type { FileHandle } from '../../../src/storage/files.js'
import { HEADER_BYTES, Kind, makeFrame, NO_HISTORY, nextDigest, type Frame } from '../../../src/storage/frame.js'
import { readGroup } from '../../../src/storage/group.js'
import { encodeHead, readMark, type HeadMark } from '../../../src/storage/head-file.js'
import { indexImage as imageOf } from '../../../src/storage/index-build.js'
import { IndexFile } from '../../../src/storage/index-file.js'
import { fingerprint } from '../../../src/storage/key-table.js'
import { MemoryIndex } from '../../../src/storage/memory-index.js'
import { answer, PAGE_BYTES, PageCache, Pages, pageSeed, sealPage } from '../../../src/storage/pages.js'
import { decodeCommit, encodeCommit, pack, putRecord, recordEnd, RECORD_HEAD_BYTES, unpack } from '../../../src/storage/record.js'
import { SnapshotFiles } from '../../../src/storage/snapshot-file.js'
import { event, notes, withData } from '../../storage/support/journal.js'
import { MemoryFiles } from '../../storage/support/memory-files.js'
import { countingClock } from '../rot/golden.js'

export interface Target {
  name: string
  /** Encodings that are right. */
  inputs: Buffer[]
  /** Inputs that were harmful once, or could be. */
  corpus?: Buffer[]
  /** Makes the checksums of an input right again, as far as it has any. */
  repair?(input: Buffer): Buffer
  /** What an input decodes to, in a form to compare; undefined if it is refused without an error. */
  decode(input: Buffer): Promise<unknown>
  /** What a decoded value comes to if it is encoded and decoded again; absent where nothing but a right input is accepted. */
  again?(value: unknown): Promise<unknown>
}

const JOURNAL = Buffer.alloc(16, 0x5a)

export const commits: NewCommit[] = [
  { stream: 'session-1', version: 1, at: 1_700_000_000_000, commitId: 'op-1', events: [event(1), event(2, 'claim', 'some text')] },
  {
    stream: 's',
    version: 300,
    at: 2,
    events: [
      {
        type: 'item.completed',
        schema: 3,
        flags: 1,
        data: { bytes: Buffer.from([1, 2, 3]), list: [null, true, -1.5, { a: 2 ** 40 }] },
        meta: { actor: 'ä' },
      },
    ],
  },
]

const snapshot: SnapshotRecord = {
  projection: 'tally',
  revision: 2,
  head: { position: 7, digest: 'ab'.repeat(32) },
  file: 'snapshots/tally/000000000007.snap',
  bytes: 4711,
  sha256: 'cd'.repeat(32),
}

/** MessagePack that a checksum may vouch for and that is no value of ours. */
const harmful = [
  Buffer.alloc(100_000, 0x91),
  Buffer.alloc(100_000, 0x81),
  Buffer.concat([Buffer.alloc(1003, 0x91), Buffer.of(1)]),
  Buffer.concat([Buffer.alloc(1004, 0x91), Buffer.of(1)]),
  Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x41]),
  Buffer.from([0xc6, 0x7f, 0xff, 0xff, 0xff, 0x41]),
  Buffer.from([0xd6, 0xff, 0, 0, 0, 0]),
  Buffer.from([0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61]),
  Buffer.from([0xc1]),
  Buffer.from([0x81, 0x01, 0x02]),
  Buffer.from([0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]),
  Buffer.from([0x01, 0x02]),
  Buffer.alloc(0),
]

const message: Target = {
  name: 'message',
  inputs: [...commits.map(encodeCommit), packSnapshot(snapshot), pack({ a: [1, 'b', null, { c: Buffer.from('d') }] })],
  corpus: harmful,
  decode: async (input) => ({ value: unpack(input) }),
  again: async (found) => ({ value: unpack(pack((found as { value: unknown }).value)) }),
}

const recordOf = (body: Buffer): Buffer => {
  const bytes = Buffer.alloc(RECORD_HEAD_BYTES + body.length)
  putRecord(bytes, 0, body)
  return bytes
}

const record: Target = {
  name: 'record',
  inputs: commits.map((commit) => recordOf(encodeCommit(commit))),
  corpus: harmful.map(recordOf),
  repair: (input) => (input.length < RECORD_HEAD_BYTES ? input : recordOf(input.subarray(RECORD_HEAD_BYTES))),
  async decode(input) {
    const end = recordEnd(input, 0, input.length)
    return end === undefined ? undefined : withData(decodeCommit(input, 0, end, 1))
  },
  async again(value) {
    const bytes = recordOf(encodeCommit(value as NewCommit))
    return withData(decodeCommit(bytes, 0, bytes.length, 1))
  },
}

const facts = (): Buffer => {
  const all = new Facts()
  for (const commit of commits) all.addCommit(commit, true)
  all.addSnapshot(snapshot)
  return all.encode(3, 1)
}

const header: Target = {
  name: 'segment header',
  inputs: [facts(), new Facts().encode(1, 0)],
  corpus: harmful,
  decode: async (input) => plainFacts(Facts.decode(input)),
  again: async (value) => plainFacts(Facts.decode((value as ReturnType<typeof plainFacts>).facts.encode(3, 1))),
}

function plainFacts(of: Facts): { facts: Facts; plain: unknown } {
  return { facts: of, plain: [of.lastAt, [...of.types], [...of.open], of.snapshots] }
}

const vouching: Target = {
  name: 'snapshot record',
  inputs: [packSnapshot(snapshot)],
  corpus: [
    ...harmful,
    packSnapshot({ ...snapshot, file: '../../etc/passwd' }),
    packSnapshot({ ...snapshot, file: 'snapshots/../x/1.snap' }),
  ],
  decode: async (input) => unpackSnapshot(input),
  again: async (value) => unpackSnapshot(packSnapshot(value as SnapshotRecord)),
}

/** A file that holds these bytes, whatever is asked of it. */
function fileOf(bytes: Buffer): FileHandle {
  return {
    read: (into, offset) => bytes.copy(into, 0, offset),
    size: async () => bytes.length,
    write: () => 0,
    datasync: async () => {},
    tryLock: () => false,
    close: async () => {},
  }
}

function frameOf(all: readonly NewCommit[]): Buffer {
  const payload = Buffer.concat(all.map((commit) => recordOf(encodeCommit(commit))))
  const count = all.reduce((sum, { events }) => sum + events.length, 0)
  const base = { kind: Kind.data, align: 3, flags: 0, count: all.length, group: 2, first: 1, journal: JOURNAL, aux: count }
  return makeFrame({ ...base, digest: nextDigest(NO_HISTORY, 1, payload) }, payload)
}

const frame: Target = {
  name: 'frame',
  inputs: [frameOf(commits), frameOf(commits.slice(0, 1))],
  repair(input) {
    if (input.length < HEADER_BYTES + 8) return input
    const length = Math.min(input.readUInt32LE(32), input.length - HEADER_BYTES - 8)
    const fixed = Buffer.from(input)
    fixed.writeUInt32LE(crc32(fixed.subarray(HEADER_BYTES, HEADER_BYTES + length)), 36)
    fixed.writeUInt32LE(crc32(fixed.subarray(8, HEADER_BYTES)), 4)
    return fixed
  },
  async decode(input) {
    const found = await frameIn(input)
    return found?.header.kind === Kind.data ? readGroup(found) : undefined
  },
  again: async (value) => value,
}

async function frameIn(input: Buffer): Promise<Frame | undefined> {
  const cursor = new FrameCursor(fileOf(input), JOURNAL, 0, input.length)
  let step = cursor.step()
  while (step === undefined) {
    await cursor.fill()
    step = cursor.step()
  }
  return 'fault' in step ? undefined : step
}

const marks = [1, 2].map((sequence) =>
  encodeHead(
    {
      epoch: 3,
      segment: 4,
      end: 5000,
      group: 60,
      position: 70,
      digest: Buffer.alloc(32, 8),
      journal: JOURNAL,
      clean: sequence === 2,
    },
    sequence,
  ),
)
const head = Buffer.concat([marks[1] as Buffer, Buffer.alloc(4096 - (marks[1] as Buffer).length), marks[0] as Buffer])

const headFile: Target = {
  name: 'head',
  // Where the newer slot does not check, the older one counts.
  inputs: [head, head.subarray(0, 112), Buffer.concat([Buffer.alloc(4096), head.subarray(4096)])],
  repair(input) {
    const fixed = Buffer.from(input)
    for (const at of [0, 4096]) if (fixed.length >= at + 112) fixed.writeUInt32LE(crc32(fixed.subarray(at + 8, at + 112)), at + 4)
    return fixed
  },
  decode: async (input) => readMark(fileOf(input)),
  again: async (value) => readMark(fileOf(encodeHead(value as HeadMark, (value as HeadMark).sequence))),
}

const index: Target = {
  name: 'index',
  inputs: [await indexImage()],
  repair(input) {
    const fixed = Buffer.from(input)
    for (let page = 0; (page + 1) * PAGE_BYTES <= fixed.length; page++)
      sealPage(fixed.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), pageSeed(JOURNAL, 1), page)
    return fixed
  },
  async decode(input) {
    // Behind the end of a file there is nothing, and nothing is no error.
    const read = async (into: Buffer, offset: number): Promise<number> => (offset < input.length ? input.copy(into, 0, offset) : 0)
    const file = await IndexFile.open(new Pages({ name: 'image', read }, new PageCache(), JOURNAL, 1), input.length)
    const found = []
    for (const stream of ['s0', 's9', 'none']) {
      for (const { location } of await answer(file.table.search(fingerprint('stream', stream)))) {
        const part = await file.part(location)
        found.push(part === undefined ? undefined : { ...part, places: await part.places() })
      }
    }
    return { found, seeks: await file.seeks() }
  },
  again: async (value) => value,
}

async function indexImage(): Promise<Buffer> {
  const memory = new MemoryIndex<{ events: number; sum: number }>({ number: 1, first: 1, name: '' })
  for (let n = 0; n < 400; n++) {
    const commit = { stream: `s${n % 20}`, version: 1 + Math.floor(n / 20), at: 1, commitId: `c${n}`, events: [event(n)], position: n + 1 }
    memory.addFrame(n + 1, n * 200)
    memory.add(commit, n * 200, n * 200 + 96, 90, { events: 1, sum: n }, [])
  }
  return imageOf({
    index: memory,
    notes,
    journal: JOURNAL,
    end: 80_000,
    position: 400,
    digest: NO_HISTORY,
    without: [],
    previous: async () => undefined,
    tables: [],
  })
}

/** A snapshot file, read by the record that vouches for it; its chunks' checksums can be made right, its digest cannot. */
const snapshotFile: Target = await snapshotTarget()

async function snapshotTarget(): Promise<Target> {
  const files = new MemoryFiles()
  files.directories.add('/j')
  const saved = new SnapshotFiles(files, countingClock(), '/j')
  const chunks = (async function* () {
    for (let i = 0; i < 3; i++) yield Buffer.alloc(100 + i, i)
  })()
  const of = await saved.write({ projection: 'tally', revision: 2, head: snapshot.head }, chunks)
  const path = `/j/${of.file}`
  return {
    name: 'snapshot',
    inputs: [Buffer.from(files.inodes.get(path)?.bytes as Buffer)],
    async decode(input) {
      files.inodes.set(path, { bytes: input, lock: undefined })
      const whole = (await saved.refuse(of, true)) === undefined
      const read = []
      // Reading checks each chunk by itself, for what changes after the file was looked at as a whole.
      for await (const chunk of saved.read(of)) read.push(Buffer.from(chunk).toString('base64'))
      return whole ? read : undefined
    },
  }
}

export const targets: readonly Target[] = [frame, header, snapshotFile, vouching, headFile, record, index, message]

/** Whether what was accepted is as it should be. */
export async function isSound(target: Target, value: unknown, repaired: boolean): Promise<boolean> {
  for (const input of target.inputs) if (isDeepStrictEqual(await target.decode(input), value)) return true
  if (target.again === undefined || !repaired) return false
  const second = await target.again(value)
  const plain = (one: unknown): unknown => (one as { plain?: unknown }).plain ?? one
  return isDeepStrictEqual(unsigned(plain(second)), unsigned(plain(value)))
}

/** A zero that was negative is written as any other, as JSON writes it. */
function unsigned(value: unknown): unknown {
  if (value === 0) return 0
  if (Array.isArray(value)) return value.map(unsigned)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, unsigned(one)]))
}
