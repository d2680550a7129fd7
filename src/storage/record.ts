/** Records: one commit as MessagePack that any library in any language reads, behind its checksum and length. */
import { crc32 } from 'node:zlib'
import { Packr } from 'msgpackr'
import { JournalError } from '../errors.js'
import { ADDED, IGNORABLE, type NewCommit, type StoredCommit, type StoredEvent } from './commit-store.js'
import { ITEMS_MAX, itemsIn, mustBePlain, NotPlain, PlainReader } from './plain.js'
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
  mustBePlain(bytes)
  return packr.unpack(bytes)
}

/** A commit's bytes, without length and checksum. */
export function encodeCommit(commit: NewCommit): Buffer {
  const events = commit.events.map(({ type, schema, data, flags, meta }) =>
    meta === undefined ? [type, schema, data, flags] : [type, schema, data, flags, meta],
  )
  return packr.pack([commit.stream, commit.version, commit.commitId ?? null, commit.at, commit.meta ?? null, events])
}

/** @throws JournalError JOURNAL_LIMIT for a commit that is too long, or that holds more than readers take memory for. */
export function mustFit(bytes: Buffer, max: number): void {
  if (bytes.length > max) {
    const message = `The commit is ${bytes.length} bytes long, more than commitBytesMax (${max}) allows. Put large content elsewhere and refer to it.`
    throw new JournalError('JOURNAL_LIMIT', message, { limit: 'commitBytesMax', value: bytes.length, max, outcome: 'none' })
  }
  // An item takes a byte or more.
  const items = bytes.length > ITEMS_MAX ? itemsIn(bytes) : 0
  if (items > ITEMS_MAX) {
    const message = `The commit has more than ${ITEMS_MAX} items of lists and keys, which no reader takes. Split it, or store long lists as bytes.`
    throw new JournalError('JOURNAL_LIMIT', message, { limit: 'items', value: items, max: ITEMS_MAX, outcome: 'none' })
  }
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

/**
 * The commit in a record whose checksum is known to be right. All of it is looked over; the data of its events are taken out of the
 * bytes only when somebody asks for them, so the bytes must stay as they are for as long as the commit is in use.
 * @throws NotPlain if it is no commit; JournalError JOURNAL_NEWER_FORMAT for flags of a later format. Neither is an accident of the disk.
 */
export function decodeCommit(bytes: Buffer, start: number, end: number, position: number): StoredCommit {
  return decode(bytes, start, end, position).commit
}

/** The same with all data taken out of the bytes, which may then be used for something else. */
export function decodeWhole(bytes: Buffer, start: number, end: number, position: number): StoredCommit {
  const { commit, packed } = decode(bytes, start, end, position)
  packed.unpack()
  return commit
}

function decode(bytes: Buffer, start: number, end: number, position: number): { commit: StoredCommit; packed: PackedEvents } {
  const from = new PlainReader(bytes, start + RECORD_HEAD_BYTES, end)
  if (from.list() !== 6) throw new NotPlain('a record that checks is no commit')
  const stream = from.text()
  const version = from.count()
  const commitId = from.optionalText()
  const at = from.number()
  const meta = from.nil() ? undefined : unpackNext(from, bytes)
  const packed = new PackedEvents(bytes, from.at, end)
  const events = new Array<StoredEvent>(from.list())
  if (events.length === 0) throw new NotPlain('a commit without events')
  for (let i = 0; i < events.length; i++) events[i] = decodeEvent(from, bytes, packed, i)
  from.end()
  const commit: StoredCommit = { stream, version, at, events, position }
  if (commitId !== undefined) commit.commitId = commitId
  if (meta !== undefined) commit.meta = meta
  return { commit, packed }
}

function decodeEvent(from: PlainReader, bytes: Buffer, packed: PackedEvents, index: number): StoredEvent {
  const fields = from.list()
  if (fields !== 4 && fields !== 5) throw new NotPlain('a record that checks is no commit')
  const type = from.text()
  const schema = from.count()
  from.pass()
  const flags = from.count()
  if ((flags & ~(IGNORABLE | ADDED)) !== 0) throw laterFormat(`an event with flags ${flags}`)
  const event: StoredEvent = new PackedEvent(type, schema, flags, packed, index)
  if (fields === 5) event.meta = unpackNext(from, bytes)
  return event
}

function unpackNext(from: PlainReader, bytes: Buffer): unknown {
  const start = from.at
  from.pass()
  return packr.unpack(bytes, { start, end: from.at })
}

/** A commit's events as they are packed, until the data of one are asked for: all are unpacked then, which costs less than one by one. */
class PackedEvents {
  /** Undefined once they are unpacked. */
  #bytes: Buffer | undefined
  readonly #start: number
  readonly #end: number
  #unpacked: readonly (readonly unknown[])[] = []

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
  }

  unpack(): void {
    if (this.#bytes === undefined) return
    this.#unpacked = packr.unpack(this.#bytes, { start: this.#start, end: this.#end }) as unknown[][]
    this.#bytes = undefined
  }

  data(index: number): unknown {
    this.unpack()
    return this.#unpacked[index]?.[2]
  }
}

class PackedEvent implements StoredEvent {
  readonly type: string
  readonly schema: number
  readonly flags: number
  readonly #packed: PackedEvents
  readonly #index: number

  constructor(type: string, schema: number, flags: number, packed: PackedEvents, index: number) {
    this.type = type
    this.schema = schema
    this.flags = flags
    this.#packed = packed
    this.#index = index
  }

  get data(): unknown {
    return this.#packed.data(this.#index)
  }
}

/** Position of a commit's last event. */
export function lastPosition(commit: StoredCommit): number {
  return commit.position + commit.events.length - 1
}

/** Version of a commit's last event. */
export function lastVersion(commit: NewCommit): number {
  return commit.version + commit.events.length - 1
}
