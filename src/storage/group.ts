/** Groups: the commits that go together in a frame, with where their records lie. */
import { JournalError } from '../errors.js'
import type { CommitGroup, Head, NewCommit, StoredCommit } from './commit-store.js'
import { digestInPlace, frameBytes, HEADER_BYTES, Kind, payloadOf, positionAfter, sealFrame, type Frame } from './frame.js'
import { NotPlain } from './plain.js'
import { decodeCommit, decodeWhole, putRecord, RECORD_HEAD_BYTES, saidEnd } from './record.js'

export interface ReadGroup extends CommitGroup {
  /** Offset of the frame in its segment. */
  offset: number
  /** Offset and length of each commit's record in the segment. */
  records: number[]
}

/** A group as it goes into its segment. */
export interface MadeGroup extends ReadGroup {
  frame: Buffer
  digest: Buffer
}

/** What goes together in a frame: commits, and their bytes. */
type Entries = readonly { commit: NewCommit; bytes: Buffer }[]

/** Where a group goes, and what comes before it. */
export interface GroupPlace {
  journal: Buffer
  align: number
  offset: number
  group: number
  /** Position of its first event. */
  first: number
  /** Of the history so far. */
  digest: Buffer
}

/** Bytes of the frame that holds them. */
export function bytesOf(entries: Entries, align: number): number {
  return frameBytes(lengthOf(entries), align)
}

/** Makes the frame of a group, whose commits have their positions from then on. */
export function makeGroup(entries: Entries, { journal, align, offset, group, first, digest: before }: GroupPlace): MadeGroup {
  const length = lengthOf(entries)
  const frame = Buffer.allocUnsafe(frameBytes(length, align))
  const commits: StoredCommit[] = []
  const records: number[] = []
  let at = HEADER_BYTES
  let position = first
  for (const { commit, bytes } of entries) {
    const end = putRecord(frame, at, bytes)
    records.push(offset + at, end - at)
    commits.push(Object.assign(commit, { position }))
    position += commit.events.length
    at = end
  }
  const digest = digestInPlace(frame, before, first, length)
  const header = { kind: Kind.data, align, flags: 0, count: entries.length, group, first, length, journal, aux: position - first, digest }
  sealFrame(frame, header)
  return { frame, digest, commits, records, offset, head: { position: position - 1, digest: digest.toString('hex') } }
}

function lengthOf(entries: Entries): number {
  let length = 0
  for (const { bytes } of entries) length += RECORD_HEAD_BYTES + bytes.length
  return length
}

/**
 * Decodes a data frame that checks. `unpacked`: with all data taken out at once, for whoever looks at all of them.
 * @throws JournalError JOURNAL_DAMAGED if what checks is not what a data frame holds: no accident of the disk does that.
 */
export function readGroup(frame: Frame, unpacked = false): ReadGroup {
  try {
    return decodeGroup(frame, unpacked)
  } catch (error) {
    throw notAsWritten(frame, error)
  }
}

/** What a frame that checks is refused with when no program that keeps to the format could have written it. */
export function notAsWritten({ header, offset, end }: Frame, error: unknown): unknown {
  if (!(error instanceof NotPlain)) return error
  const damage = {
    segment: '',
    offset,
    bytes: end - offset,
    firstPosition: header.first,
    lastPosition: positionAfter(header),
    reason: error.message,
  }
  const message = `The frame at offset ${offset} with position ${header.first} checks, but ${error.message}: a program wrote it that does not keep to the format, or somebody changed it on purpose. Restore a backup, or salvage what is intact.`
  return new JournalError('JOURNAL_DAMAGED', message, { damage: [damage] }, { cause: error })
}

function decodeGroup(frame: Frame, unpacked: boolean): ReadGroup {
  const { header, offset } = frame
  if (header.count === 0) throw new NotPlain('a group holds no commit')
  // Each record takes more than its head, so a count that is not true takes no memory.
  if (header.count * RECORD_HEAD_BYTES > header.length) throw new NotPlain('a frame has no room for its records')
  const commits = new Array<CommitGroup['commits'][0]>(header.count)
  const records = new Array<number>(header.count * 2)
  // A copy: what the commits leave packed is unpacked when the frame's buffer may hold the next ones.
  const { bytes, at } = unpacked ? frame : { bytes: Buffer.from(payloadOf(frame)), at: 0 }
  const decode = unpacked ? decodeWhole : decodeCommit
  const limit = at + header.length
  const shift = offset + HEADER_BYTES - at
  let position = header.first
  let place = at
  for (let i = 0; i < header.count; i++) {
    const end = endOfRecord(bytes, place, limit)
    const commit = decode(bytes, place, end, position)
    commits[i] = commit
    records[i * 2] = place + shift
    records[i * 2 + 1] = end - place
    position += commit.events.length
    place = end
  }
  if (place !== limit || position !== header.first + header.aux) throw new NotPlain('a frame holds other records than its header says')
  return { commits, records, offset, head: { position: position - 1, digest: header.digest.toString('hex') } }
}

/** The head of the history behind a frame. */
export function headOf({ header }: Frame): Head {
  const position = positionAfter(header)
  return { position, digest: header.digest.toString('hex') }
}

/** The commit with an id in a data frame, with position 0; only records in which the id's bytes stand are decoded. */
export function commitNamed(frame: Frame, commitId: string): StoredCommit | undefined {
  try {
    return findNamed(frame, commitId)
  } catch (error) {
    throw notAsWritten(frame, error)
  }
}

function findNamed({ header, bytes, at }: Frame, commitId: string): StoredCommit | undefined {
  const limit = at + header.length
  const needle = Buffer.from(commitId)
  for (let start = at, end = at; start < limit; start = end) {
    end = endOfRecord(bytes, start, limit)
    const record = bytes.subarray(start, end)
    if (!record.includes(needle)) continue
    const commit = decodeCommit(Buffer.from(record), 0, record.length, 0)
    if (commit.commitId === commitId) return commit
  }
  return undefined
}

/** Where the record at a place of a frame that checks ends, by its length. */
function endOfRecord(bytes: Buffer, at: number, limit: number): number {
  const end = at + RECORD_HEAD_BYTES <= limit ? saidEnd(bytes, at) : limit + 1
  if (end > limit) throw new NotPlain('a record leaves its frame')
  return end
}
