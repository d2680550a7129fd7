/**
 * Records: one commit each, inside a data frame's payload.
 *
 *     length of the body (u32) · CRC-32 of length and body (u32) · body: MessagePack of
 *     [stream, version, commit id | nil, at, meta | nil, [[type, schema, data, flags, meta?], …]]
 */
import { Packr } from 'msgpackr'
import { crc32 } from 'node:zlib'
import { JournalError } from '../errors.js'
import { ADDED, IGNORABLE, type NewCommit, type StoredCommit, type StoredEvent } from '../storage/commit-store.js'

export const RECORD_HEAD_BYTES = 8
const KNOWN_FLAGS = IGNORABLE | ADDED

/** Plain MessagePack: no extensions, no shared structures; anybody's decoder reads it. */
const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number', mapsAsObjects: true, encodeUndefinedAsNil: false } as never)

type Body = [stream: string, version: number, commitId: string | null, at: number, meta: unknown, events: EventBody[]]
type EventBody = [type: string, schema: number, data: unknown, flags: number, meta?: unknown]

export function encodeRecord(commit: NewCommit): Buffer {
  const events = commit.events.map(({ type, schema, data, flags, meta }): EventBody => (meta === undefined ? [type, schema, data, flags] : [type, schema, data, flags, meta]))
  const body = packr.pack([commit.stream, commit.version, commit.commitId ?? null, commit.at, commit.meta ?? null, events] satisfies Body)
  const record = Buffer.allocUnsafe(body.length + RECORD_HEAD_BYTES)
  record.writeUInt32LE(body.length, 0)
  record.writeUInt32LE(checksum(record, body), 4)
  record.set(body, RECORD_HEAD_BYTES)
  return record
}

/** Where a record lies in its payload, and its commit if it checks. */
export interface RecordAt {
  at: number
  bytes: number
  commit?: StoredCommit
}

/**
 * The records of a payload in order. One that does not check has no commit; where even its length makes no sense, it is
 * the last. Positions count on from `firstPosition`; behind a record that does not check they are not known.
 */
export function* records(payload: Buffer, firstPosition: number): Generator<RecordAt, void, undefined> {
  let position = firstPosition
  for (let at = 0; at + RECORD_HEAD_BYTES <= payload.length; ) {
    const bytes = RECORD_HEAD_BYTES + payload.readUInt32LE(at)
    if (at + bytes > payload.length) return yield { at, bytes: payload.length - at }
    const commit = decodeRecord(payload.subarray(at, at + bytes), position)
    yield commit === undefined ? { at, bytes } : { at, bytes, commit }
    position += commit?.events.length ?? 0
    at += bytes
  }
}

/** One record by itself, as the index points to it; undefined if it does not check. */
export function decodeRecord(record: Buffer, position: number): StoredCommit | undefined {
  const body = record.subarray(RECORD_HEAD_BYTES)
  if (record.length < RECORD_HEAD_BYTES || record.readUInt32LE(0) !== body.length || checksum(record, body) !== record.readUInt32LE(4)) return undefined
  return decodeBody(body, position)
}

function checksum(record: Buffer, body: Uint8Array): number {
  return crc32(body, crc32(record.subarray(0, 4)))
}

function decodeBody(body: Buffer, position: number): StoredCommit {
  const [stream, version, commitId, at, meta, events] = packr.unpack(body) as Body
  const commit: StoredCommit = { stream, version, at, position, events: events.map(decodeEvent) }
  if (commitId !== null) commit.commitId = commitId
  if (meta !== null) commit.meta = meta
  return commit
}

function decodeEvent([type, schema, data, flags, meta]: EventBody): StoredEvent {
  if ((flags & ~KNOWN_FLAGS) !== 0) {
    throw new JournalError('JOURNAL_NEWER_FORMAT', `An event of type ${type} carries flags ${flags} that this program does not know. Use a newer version of turnlog.`, { found: 2, supported: 1 })
  }
  return meta === undefined ? { type, schema, data, flags } : { type, schema, data, flags, meta }
}
