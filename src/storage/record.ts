/** Records: one commit as MessagePack that any library in any language reads, behind its length and checksum. */
import { crc32 } from 'node:zlib'
import { Packr } from 'msgpackr'
import { ADDED, IGNORABLE, type NewCommit, type StoredCommit, type StoredEvent } from './commit-store.js'
import { laterFormat } from './format-file.js'

export const RECORD_HEAD_BYTES = 8

/** Plain MessagePack: no records, no extensions, numbers as they are. Buffers are copied because reads go through shared memory. */
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true, int64AsType: 'number', copyBuffers: true })

/** Packs a value of the engine's own frames. */
export function pack(value: unknown): Buffer {
  return packr.pack(value)
}

export function unpack(bytes: Uint8Array): unknown {
  return packr.unpack(bytes)
}

/** A commit's bytes, without length and checksum. */
export function encodeCommit(commit: NewCommit): Buffer {
  const events = commit.events.map(({ type, schema, data, flags, meta }) =>
    meta === undefined ? [type, schema, data, flags] : [type, schema, data, flags, meta],
  )
  return packr.pack([commit.stream, commit.version, commit.commitId ?? null, commit.at, commit.meta ?? null, events])
}

/** Puts a record into a buffer and returns where it ends. */
export function putRecord(into: Buffer, at: number, bytes: Uint8Array): number {
  into.writeUInt32LE(bytes.length, at)
  into.set(bytes, at + RECORD_HEAD_BYTES)
  const end = at + RECORD_HEAD_BYTES + bytes.length
  into.writeUInt32LE(checksum(into, at, end), at + 4)
  return end
}

/** Where the record at a place ends, or undefined if its length or checksum is wrong. */
export function recordEnd(bytes: Buffer, at: number, limit: number): number | undefined {
  if (at + RECORD_HEAD_BYTES > limit) return undefined
  const end = at + RECORD_HEAD_BYTES + bytes.readUInt32LE(at)
  if (end > limit) return undefined
  return checksum(bytes, at, end) === bytes.readUInt32LE(at + 4) ? end : undefined
}

/** Over length and body: zeros are no record, and a wrong length is found even where another body happens to follow. */
function checksum(bytes: Buffer, at: number, end: number): number {
  return crc32(bytes.subarray(at + RECORD_HEAD_BYTES, end), crc32(bytes.subarray(at, at + 4)))
}

/**
 * The commit in a record whose checksum is known to be right.
 * @throws Error if it is no commit; JournalError JOURNAL_NEWER_FORMAT for flags of a later format. Neither is an accident of the disk.
 */
export function decodeCommit(bytes: Buffer, start: number, end: number, position: number): StoredCommit {
  const value = packr.unpack(bytes, { start: start + RECORD_HEAD_BYTES, end }) as [
    string,
    number,
    string | null,
    number,
    unknown,
    [string, number, unknown, number, unknown?][],
  ]
  if (!Array.isArray(value) || typeof value[0] !== 'string' || !Array.isArray(value[5]) || value[5].length === 0)
    throw new Error('a record that checks is no commit')
  const packed = value[5]
  const events = new Array<StoredEvent>(packed.length)
  for (let i = 0; i < packed.length; i++) {
    const [type, schema, data, flags, meta] = packed[i] as (typeof packed)[0]
    if ((flags & ~(IGNORABLE | ADDED)) !== 0) throw laterFormat(`an event with flags ${flags}`)
    events[i] = meta === undefined ? { type, schema, data, flags } : { type, schema, data, flags, meta }
  }
  const commit: StoredCommit = { stream: value[0], version: value[1], at: value[3], events, position }
  if (value[2] !== null) commit.commitId = value[2]
  if (value[4] !== null) commit.meta = value[4]
  return commit
}

/** Position of a commit's last event. */
export function lastPosition(commit: StoredCommit): number {
  return commit.position + commit.events.length - 1
}

/** Version of a commit's last event. */
export function lastVersion(commit: NewCommit): number {
  return commit.version + commit.events.length - 1
}
