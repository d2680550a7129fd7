/** Writes a segment's index from what is known of it in memory, a slice at a time so that nothing else has to wait. */
import { setImmediate } from 'node:timers/promises'
import type { StreamNotes } from './commit-store.js'
import type { FileHandle } from './files.js'
import { encodeHeader, INDEX_HEADER_BYTES, type IndexHeader } from './index-file.js'
import { writeFully } from './io.js'
import { ENTRY_BYTES, fingerprint, KeyList, type KeyPlace, type KeyTable } from './key-table.js'
import { mergeTables } from './merge-tables.js'
import { PLACE, type MemoryIndex, type MemoryStream } from './memory-index.js'
import { PAGE_DATA, PageWriter, pageSeed } from './pages.js'
import { VarintWriter } from './varint.js'

const SLICE = 125

export interface IndexSource<Note> {
  index: MemoryIndex<Note>
  notes: StreamNotes<Note>
  journal: Buffer
  /** Where the segment ends, and the history there. */
  end: number
  position: number
  digest: Buffer
  /** The newest earlier part of a stream. */
  previous: (stream: string) => Promise<KeyPlace | undefined>
  /** Segments before this one of which not all was known. */
  without: readonly number[]
  /** Tables that the new one takes over; see `coveredBy`. */
  tables: readonly KeyTable[]
}

/** The segments whose tables go into the table of segment `k`: together with its own keys they cover (k − lowbit(k), k]. */
export function tablesBelow(k: number): number[] {
  const below: number[] = []
  for (let j = k - 1; j > k - lowbit(k); j -= lowbit(j)) below.push(j)
  return below
}

/** The segments whose tables together cover all from 1 to `k`, newest first. */
export function tablesFor(k: number): number[] {
  const tables: number[] = []
  for (let j = k; j > 0; j -= lowbit(j)) tables.push(j)
  return tables
}

function lowbit(k: number): number {
  return k & -k
}

/** Writes the index into a file that is empty. */
export async function writeIndex<Note>(source: IndexSource<Note>, file: FileHandle, path: string): Promise<void> {
  let offset = 0
  await build(source, async (pages) => {
    await writeFully(file, pages, offset, path)
    offset += pages.length
  })
}

/** The index as it would lie in a file. */
export async function indexImage<Note>(source: IndexSource<Note>): Promise<Buffer> {
  const chunks: Buffer[] = []
  await build(source, async (pages) => void chunks.push(pages))
  return Buffer.concat(chunks)
}

async function build<Note>(source: IndexSource<Note>, emit: (pages: Buffer) => Promise<void>): Promise<void> {
  const { index, tables } = source
  const segment = index.segment.number
  const keys = new KeyList()
  const parts: Buffer[] = []
  const offsets: number[] = []
  let at = INDEX_HEADER_BYTES
  for (const [id, stream] of index.streams) {
    const part = encodePart(id, stream, await previousOf(source, id, stream), source.notes)
    keys.add(fingerprint('stream', id), parts.length)
    offsets.push(at)
    parts.push(part)
    at += part.length
    if (parts.length % SLICE === 0) await setImmediate()
  }
  await addAll(keys, 'commit', index.ids)
  await addAll(keys, 'claim', index.claims)
  const directory = encodeNumbers(offsets)
  const seeks = encodeSeeks(index.seeks)
  const without = encodeNumbers(source.without)
  const seeksAt = at + directory.length
  const listsEnd = seeksAt + seeks.length + without.length
  const tableAt = Math.ceil(listsEnd / PAGE_DATA) * PAGE_DATA
  const count = tables.reduce((sum, table) => sum + table.count, keys.length)
  const header: IndexHeader = {
    segment,
    end: source.end,
    position: source.position,
    digest: source.digest,
    directoryAt: at,
    streams: parts.length,
    seeksAt,
    seeks: seeks.length / 16,
    without: source.without.length,
    tableAt,
    keys: count,
  }
  const writer = new PageWriter(pageSeed(source.journal, segment), tableAt + count * ENTRY_BYTES, emit)
  await writer.put(encodeHeader(header))
  for (const part of parts) await writer.put(part)
  await writer.put(directory)
  await writer.put(seeks)
  await writer.put(without)
  await writer.put(Buffer.alloc(tableAt - listsEnd))
  if (count > SLICE) await setImmediate()
  let pages = 0
  for await (const chunk of mergeTables(keys.sorted(segment), tables)) {
    await writer.put(chunk)
    if (++pages % 16 === 0) await setImmediate()
  }
  await writer.end()
  if (writer.length !== tableAt + count * ENTRY_BYTES) throw new Error(`the tables below segment ${segment} changed while they were read`)
}

/** A stream that begins in this segment has no part before it. */
function previousOf<Note>(
  { previous }: IndexSource<Note>,
  id: string,
  { firstVersion }: MemoryStream<Note>,
): Promise<KeyPlace | undefined> | undefined {
  return firstVersion === 1 ? undefined : previous(id)
}

async function addAll(keys: KeyList, kind: 'commit' | 'claim', all: ReadonlyMap<string, number>): Promise<void> {
  let done = 0
  for (const [key, frame] of all) {
    keys.add(fingerprint(kind, key), frame)
    if (++done % (SLICE * 2) === 0) await setImmediate()
  }
}

function encodePart<Note>(id: string, stream: MemoryStream<Note>, previous: KeyPlace | undefined, notes: StreamNotes<Note>): Buffer {
  const writer = new VarintWriter()
  writer.putBytes(Buffer.from(id))
  writer.put(previous?.segment ?? 0)
  writer.put(previous?.location ?? 0)
  writer.put(stream.firstVersion)
  writer.put(stream.lastVersion)
  writer.put(stream.lastPosition)
  writer.putBytes(notes.encode(stream.note))
  const head = writer.take()
  putPlaces(writer, stream)
  const places = writer.take()
  const lengths = Buffer.allocUnsafe(8)
  lengths.writeUInt32LE(8 + head.length, 0)
  lengths.writeUInt32LE(places.length, 4)
  return Buffer.concat([lengths, head, places])
}

function putPlaces<Note>(writer: VarintWriter, { places, firstVersion }: MemoryStream<Note>): void {
  let version = firstVersion
  let position = 0
  let offset = 0
  for (let i = 0; i < places.length; i += PLACE) {
    writer.put((places[i] as number) - version)
    writer.put((places[i + 1] as number) - position)
    writer.put((places[i + 2] as number) - offset)
    writer.put(places[i + 3] as number)
    version = places[i] as number
    position = places[i + 1] as number
    offset = places[i + 2] as number
  }
}

function encodeSeeks(seeks: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(seeks.length * 8)
  for (const [i, value] of seeks.entries()) bytes.writeDoubleLE(value, i * 8)
  return bytes
}

function encodeNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 4)
  for (const [i, number] of numbers.entries()) bytes.writeUInt32LE(number, i * 4)
  return bytes
}
