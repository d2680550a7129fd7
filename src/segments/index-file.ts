/**
 * The index file of one sealed segment: which streams it has with which commits, which commit ids and names it took.
 * Derived from the segment, immutable, and checked wherever it is read.
 *
 *     header (64) · stream entries · table of fingerprints in blocks of 4,096
 *
 * A stream entry is length (u32), CRC-32 (u32) and MessagePack. A block holds up to 255 entries of 16 bytes, each a
 * fingerprint and a value, then their count (u32) and the block's CRC-32 (u32); all entries are sorted.
 */
import { Packr } from 'msgpackr'
import { crc32 } from 'node:zlib'
import type { ActiveIndex, Ref } from './active-index.js'
import type { StreamNotes } from '../storage/commit-store.js'
import type { FileHandle } from '../storage/files.js'
import { fingerprint, KeyKind } from './fingerprint.js'

const MAGIC = 'TLIX0001'
const HEADER_BYTES = 64
const BLOCK_BYTES = 4096
const ENTRY_BYTES = 16
const BLOCK_ENTRIES = Math.floor((BLOCK_BYTES - 8) / ENTRY_BYTES)

/** An index file does not check: it is deleted and made again from its segment. */
export class IndexDamaged extends Error {}

/** What a segment knows of a stream. */
export interface SealedEntry {
  stream: string
  /** Version of the stream's last event in the segment. */
  version: number
  /** The floor above's note at the segment's end, encoded. */
  note: Uint8Array
  refs: Ref[]
}

const packr = new Packr({ useRecords: false, moreTypes: false })


interface TableEntry {
  high: number
  low: number
  value: number
}

/** The bytes of a segment's index file. */
export function encodeIndex<Note>(number: number, index: ActiveIndex<Note>, notes: StreamNotes<Note>): Buffer {
  const table: TableEntry[] = []
  const entries: Buffer[] = []
  let at = HEADER_BYTES
  for (const [stream, { version, note, refs }] of index.streams) {
    const body = packr.pack([stream, version, notes.encode(note), deltas(refs)])
    const head = Buffer.alloc(8)
    head.writeUInt32LE(body.length, 0)
    head.writeUInt32LE(crc32(body), 4)
    entries.push(head, body)
    table.push({ ...fingerprint(KeyKind.stream, stream), value: at })
    at += 8 + body.length
  }
  for (const [id, frame] of index.commitIds) table.push({ ...fingerprint(KeyKind.commit, id), value: frame })
  for (const claim of index.claims) table.push({ ...fingerprint(KeyKind.claim, claim), value: 0 })
  table.sort((a, b) => a.high - b.high || a.low - b.low)
  const blocks = encodeBlocks(table)
  return Buffer.concat([encodeHeader(number, at, table.length, blocks.length), ...entries, blocks])
}

function encodeHeader(number: number, tableAt: number, count: number, tableBytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC, 0)
  header.writeUInt32LE(number, 12)
  header.writeUInt32LE(tableAt, 16)
  header.writeUInt32LE(count, 20)
  header.writeUInt32LE(tableAt + tableBytes, 24)
  header.writeUInt32LE(crc32(header.subarray(12)), 8)
  return header
}

function encodeBlocks(table: readonly TableEntry[]): Buffer {
  const blocks = Buffer.alloc(Math.ceil(table.length / BLOCK_ENTRIES) * BLOCK_BYTES)
  for (let first = 0, at = 0; first < table.length; first += BLOCK_ENTRIES, at += BLOCK_BYTES) {
    const entries = table.slice(first, first + BLOCK_ENTRIES)
    entries.forEach(({ high, low, value }, i) => {
      blocks.writeUInt32LE(high, at + i * ENTRY_BYTES)
      blocks.writeUInt32LE(low, at + i * ENTRY_BYTES + 4)
      blocks.writeUInt32LE(value, at + i * ENTRY_BYTES + 8)
    })
    blocks.writeUInt32LE(entries.length, at + BLOCK_BYTES - 8)
    blocks.writeUInt32LE(crc32(blocks.subarray(at, at + BLOCK_BYTES - 4)), at + BLOCK_BYTES - 4)
  }
  return blocks
}

/** An index file open for looking things up. Each look reads about one block. */
export class IndexFile {
  readonly #read: (at: number, length: number) => Promise<Buffer>
  readonly #tableAt: number
  readonly #blocks: number
  readonly #cache = new Map<number, TableEntry[]>()

  private constructor(read: (at: number, length: number) => Promise<Buffer>, tableAt: number, blocks: number) {
    this.#read = read
    this.#tableAt = tableAt
    this.#blocks = blocks
  }

  /** @throws IndexDamaged */
  static async open(source: FileHandle | Buffer, number: number): Promise<IndexFile> {
    const read = async (at: number, length: number): Promise<Buffer> => {
      if (Buffer.isBuffer(source)) return source.subarray(at, at + length)
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, await source.read(bytes, at))
    }
    const header = await read(0, HEADER_BYTES)
    const good = header.length === HEADER_BYTES && header.toString('latin1', 0, 8) === MAGIC && crc32(header.subarray(12)) === header.readUInt32LE(8)
    if (!good || header.readUInt32LE(12) !== number) throw new IndexDamaged('the header of the index does not check')
    const tableAt = header.readUInt32LE(16)
    return new IndexFile(read, tableAt, (header.readUInt32LE(24) - tableAt) / BLOCK_BYTES)
  }

  /** What the segment has of a stream. @throws IndexDamaged */
  async stream(stream: string): Promise<SealedEntry | undefined> {
    for (const at of await this.#find(KeyKind.stream, stream)) {
      const entry = await this.#entry(at)
      if (entry.stream === stream) return entry
    }
    return undefined
  }

  /** Offsets of frames that may hold the commit with an id. @throws IndexDamaged */
  frames(commitId: string): Promise<number[]> {
    return this.#find(KeyKind.commit, commitId)
  }

  /** Whether the segment may have taken a name; false is certain. @throws IndexDamaged */
  async mayClaim(claim: string): Promise<boolean> {
    return (await this.#find(KeyKind.claim, claim)).length > 0
  }

  async #entry(at: number): Promise<SealedEntry> {
    const head = await this.#read(at, 8)
    const body = head.length === 8 ? await this.#read(at + 8, head.readUInt32LE(0)) : head
    if (head.length < 8 || body.length !== head.readUInt32LE(0) || crc32(body) !== head.readUInt32LE(4)) throw new IndexDamaged('an entry of the index does not check')
    const [stream, version, note, flat] = packr.unpack(body) as [string, number, Uint8Array, number[]]
    return { stream, version, note, refs: refs(flat) }
  }

  /** Values of the entries with the key's fingerprint. Fingerprints are spread evenly, so the first guess is near. */
  async #find(kind: KeyKind, key: string): Promise<number[]> {
    if (this.#blocks === 0) return []
    const { high, low } = fingerprint(kind, key)
    const compare = (entry: TableEntry): number => entry.high - high || entry.low - low
    let block = Math.min(this.#blocks - 1, Math.floor((high / 2 ** 32) * this.#blocks))
    while (block > 0 && compare((await this.#block(block))[0] as TableEntry) >= 0) block--
    const values: number[] = []
    for (; block < this.#blocks; block++) {
      const entries = await this.#block(block)
      for (const entry of entries) if (compare(entry) === 0) values.push(entry.value)
      if (compare(entries.at(-1) as TableEntry) > 0) break
    }
    return values
  }

  async #block(number: number): Promise<TableEntry[]> {
    const known = this.#cache.get(number)
    if (known !== undefined) return known
    const bytes = await this.#read(this.#tableAt + number * BLOCK_BYTES, BLOCK_BYTES)
    if (bytes.length !== BLOCK_BYTES || crc32(bytes.subarray(0, BLOCK_BYTES - 4)) !== bytes.readUInt32LE(BLOCK_BYTES - 4)) throw new IndexDamaged('a block of the index does not check')
    const entries = Array.from({ length: bytes.readUInt32LE(BLOCK_BYTES - 8) }, (_, i) => ({
      high: bytes.readUInt32LE(i * ENTRY_BYTES),
      low: bytes.readUInt32LE(i * ENTRY_BYTES + 4),
      value: bytes.readUInt32LE(i * ENTRY_BYTES + 8),
    }))
    if (this.#cache.size >= 8) this.#cache.clear()
    this.#cache.set(number, entries)
    return entries
  }
}

/** Where a stream's commits lie, each number as the step from the one before. */
function deltas(list: readonly Ref[]): number[] {
  const flat: number[] = []
  let before: Ref = { offset: 0, bytes: 0, position: 0, version: 0, events: 0 }
  for (const ref of list) {
    flat.push(ref.offset - before.offset, ref.bytes, ref.position - before.position, ref.version - before.version, ref.events)
    before = ref
  }
  return flat
}

function refs(flat: readonly number[]): Ref[] {
  const list: Ref[] = []
  let [offset, position, version] = [0, 0, 0]
  for (let i = 0; i < flat.length; i += 5) {
    offset += flat[i] as number
    position += flat[i + 2] as number
    version += flat[i + 3] as number
    list.push({ offset, bytes: flat[i + 1] as number, position, version, events: flat[i + 4] as number })
  }
  return list
}
