/** Records: one commit as MessagePack that any library in any language reads, behind its checksum and length. */
import { crc32 } from 'node:zlib'
import { Packr } from 'msgpackr'
import { ADDED, IGNORABLE, type NewCommit, type StoredCommit, type StoredEvent } from './commit-store.js'
import { mustBePlain, NotPlain } from './plain.js'
import { laterFormat } from './format-file.js'

export const RECORD_HEAD_BYTES = 8

/** Plain MessagePack: no records, no extensions, numbers as they are. Buffers are copied because reads go through shared memory. */
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true, int64AsType: 'number', copyBuffers: true })

/** Packs a value of the engine's own frames. */
export function pack(value: unknown): Buffer {
  return packr.pack(value)
}

/** @throws NotPlain */
export function unpack(bytes: Buffer): unknown {
  mustBePlain(bytes, 0, bytes.length)
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
  into.writeUInt32LE(bytes.length, at + 4)
  into.set(bytes, at + RECORD_HEAD_BYTES)
  const end = at + RECORD_HEAD_BYTES + bytes.length
  into.writeUInt32LE(checksum(into, at, end), at)
  return end
}

/** Where the record at a place ends, or undefined if its length or checksum is wrong. */
export function recordEnd(bytes: Buffer, at: number, limit: number): number | undefined {
  if (at + RECORD_HEAD_BYTES > limit) return undefined
  const end = saidEnd(bytes, at)
  if (end > limit) return undefined
  return checksum(bytes, at, end) === bytes.readUInt32LE(at) ? end : undefined
}

/** Where the record at a place says that it ends. */
export function saidEnd(bytes: Buffer, at: number): number {
  return at + RECORD_HEAD_BYTES + bytes.readUInt32LE(at + 4)
}

/** Over length and body: zeros are no record, and a wrong length is found even where another body happens to follow. */
function checksum(bytes: Buffer, at: number, end: number): number {
  return crc32(bytes.subarray(at + 4, end))
}

type PackedEvent = [type: string, schema: number, data: unknown, flags: number, meta?: unknown]
type PackedCommit = [stream: string, version: number, commitId: string | null, at: number, meta: unknown, events: PackedEvent[]]

/**
 * The commit in a record whose checksum is known to be right.
 * @throws NotPlain if it is no commit; JournalError JOURNAL_NEWER_FORMAT for flags of a later format. Neither is an accident of the disk.
 */
export function decodeCommit(bytes: Buffer, start: number, end: number, position: number): StoredCommit {
  mustBePlain(bytes, start + RECORD_HEAD_BYTES, end)
  const value: unknown = packr.unpack(bytes, { start: start + RECORD_HEAD_BYTES, end })
  if (!isCommit(value)) throw new NotPlain('a record that checks is no commit')
  const [stream, version, commitId, at, commitMeta, packed] = value
  const events = new Array<StoredEvent>(packed.length)
  for (let i = 0; i < packed.length; i++) {
    const [type, schema, data, flags, meta] = packed[i] as PackedEvent
    if (typeof type !== 'string' || !isCount(schema) || !isCount(flags)) throw new NotPlain('a record that checks is no commit')
    if ((flags & ~(IGNORABLE | ADDED)) !== 0) throw laterFormat(`an event with flags ${flags}`)
    events[i] = meta === undefined ? { type, schema, data, flags } : { type, schema, data, flags, meta }
  }
  const commit: StoredCommit = { stream, version, at, events, position }
  if (commitId !== null) commit.commitId = commitId
  if (commitMeta !== null) commit.meta = commitMeta
  return commit
}

function isCommit(value: unknown): value is PackedCommit {
  if (!Array.isArray(value)) return false
  const [stream, version, commitId, at, , events] = value as unknown[]
  return (
    typeof stream === 'string' &&
    isCount(version) &&
    (commitId === null || typeof commitId === 'string') &&
    typeof at === 'number' &&
    Array.isArray(events) &&
    events.length > 0 &&
    events.every(Array.isArray)
  )
}

/** A whole number from 0 that every reader can hold exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Position of a commit's last event. */
export function lastPosition(commit: StoredCommit): number {
  return commit.position + commit.events.length - 1
}

/** Version of a commit's last event. */
export function lastVersion(commit: NewCommit): number {
  return commit.version + commit.events.length - 1
}
