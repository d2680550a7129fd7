/** A sealed segment's index as a file of checked pages: its streams, a seek table, and a table of fingerprints. */
import type { Sealed } from './core.js'
import { ownCopy } from './frame.js'
import { ENTRY_BYTES, KeyTable, type KeyPlace } from './key-table.js'
import { PLACE } from './memory-index.js'
import { PAGE_BYTES, PAGE_DATA, PageFault, type Pages } from './pages.js'
import { readVarint, type VarintReader } from './varint.js'

const MAGIC = 'TLX1'
const GUESS_BYTES = 1024

export interface IndexHeader {
  segment: number
  /** Bytes of the segment that the index covers. */
  end: number
  /** Positions after the segment's last event. */
  position: number
  digest: Buffer
  /** Of the directory: offsets of the streams' parts, in the order in which the streams first appear. */
  directoryAt: number
  streams: number
  seeksAt: number
  seeks: number
  /** How many segments before it were not all there when it was made; their numbers stand behind the seek table. */
  without: number
  /** A multiple of {@link PAGE_DATA}. */
  tableAt: number
  keys: number
}

/** What a segment holds of one stream. */
export interface StreamPart {
  stream: string
  segment: number
  firstVersion: number
  lastVersion: number
  lastPosition: number
  /** The newest earlier segment with the stream, and its number there; undefined if there is none. */
  previous: KeyPlace | undefined
  note: Uint8Array
  /** Where its commits lie, {@link PLACE} numbers for each. */
  places: () => Promise<number[]>
}

export function encodeHeader(header: IndexHeader): Buffer {
  const bytes = Buffer.alloc(128)
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt32LE(header.segment, 4)
  bytes.writeDoubleLE(header.end, 8)
  bytes.writeDoubleLE(header.position, 16)
  bytes.writeUInt32LE(header.streams, 24)
  bytes.writeUInt32LE(header.seeksAt, 28)
  bytes.writeUInt32LE(header.seeks, 32)
  bytes.writeUInt32LE(header.tableAt, 36)
  bytes.writeDoubleLE(header.keys, 40)
  header.digest.copy(bytes, 48)
  bytes.writeUInt32LE(header.directoryAt, 80)
  bytes.writeUInt32LE(header.without, 84)
  return bytes
}

export const INDEX_HEADER_BYTES = 128

function decodeHeader(bytes: Buffer): IndexHeader | undefined {
  if (bytes.toString('latin1', 0, 4) !== MAGIC) return undefined
  return {
    segment: bytes.readUInt32LE(4),
    end: bytes.readDoubleLE(8),
    position: bytes.readDoubleLE(16),
    streams: bytes.readUInt32LE(24),
    seeksAt: bytes.readUInt32LE(28),
    seeks: bytes.readUInt32LE(32),
    tableAt: bytes.readUInt32LE(36),
    keys: bytes.readDoubleLE(40),
    digest: ownCopy(bytes, 48, 80),
    directoryAt: bytes.readUInt32LE(80),
    without: bytes.readUInt32LE(84),
  }
}

export class IndexFile {
  readonly header: IndexHeader
  readonly table: KeyTable
  readonly #pages: Pages

  private constructor(pages: Pages, header: IndexHeader) {
    this.#pages = pages
    this.header = header
    this.table = new KeyTable(pages, header.tableAt, header.keys)
  }

  /** @throws PageFault if the file is not the index that it should be. */
  static async open(pages: Pages, size: number): Promise<IndexFile> {
    const header = decodeHeader(await pages.read(0, INDEX_HEADER_BYTES))
    if (header === undefined || header.segment !== pages.segment) throw new PageFault(pages.segment, 'not the index of this segment')
    const length = header.tableAt + header.keys * ENTRY_BYTES
    if (size !== Math.ceil(length / PAGE_DATA) * PAGE_BYTES) throw new PageFault(pages.segment, 'the index does not have its size')
    return new IndexFile(pages, header)
  }

  /** @throws PageFault if it was made of another history than the segment's. */
  mustBeOf({ number, end, position, digest }: Pick<Sealed, 'number' | 'end' | 'position' | 'digest'>): void {
    const { header } = this
    if (end !== header.end || position !== header.position || digest?.equals(header.digest) === false)
      throw new PageFault(number, 'the index is of another history')
  }

  /** The stream with this number in the order of first appearance; undefined if there are not so many. @throws PageFault */
  async part(ordinal: number): Promise<StreamPart | undefined> {
    return ordinal < this.header.streams ? this.#checked(() => this.#part(ordinal)) : undefined
  }

  async #part(ordinal: number): Promise<StreamPart> {
    const { directoryAt } = this.header
    const location = (await this.#pages.read(directoryAt + ordinal * 4, 4)).readUInt32LE(0)
    let bytes = await this.#pages.read(location, Math.min(GUESS_BYTES, directoryAt - location))
    const needed = bytes.readUInt32LE(0)
    if (needed > bytes.length) bytes = await this.#pages.read(location, needed)
    const reader: VarintReader = { bytes, at: 8 }
    const placesBytes = bytes.readUInt32LE(4)
    const idLength = readVarint(reader)
    const stream = bytes.toString('utf8', reader.at, (reader.at += idLength))
    const segment = readVarint(reader)
    if (segment >= this.header.segment) throw new RangeError('what comes before a part lies in an older segment')
    const previous = { segment, location: readVarint(reader) }
    const firstVersion = readVarint(reader)
    const lastVersion = readVarint(reader)
    const lastPosition = readVarint(reader)
    const noteLength = readVarint(reader)
    const note = Uint8Array.prototype.slice.call(bytes, reader.at, reader.at + noteLength)
    const places = (): Promise<number[]> =>
      this.#checked(async () => readPlaces(await this.#pages.read(location + needed, placesBytes), firstVersion))
    return {
      stream,
      segment: this.header.segment,
      firstVersion,
      lastVersion,
      lastPosition,
      previous: segment === 0 ? undefined : previous,
      note,
      places,
    }
  }

  /** Runs a reading of pages that check; what does not make sense in them was not written by us. */
  async #checked<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new PageFault(this.#pages.segment, 'the index does not hold what its pages say', { cause: error })
    }
  }

  /** Position and offset of frames, about one for every 64 KiB. */
  async seeks(): Promise<number[]> {
    const bytes = await this.#pages.read(this.header.seeksAt, this.header.seeks * 16)
    const seeks: number[] = []
    for (let at = 0; at < bytes.length; at += 8) seeks.push(bytes.readDoubleLE(at))
    return seeks
  }

  /** Segments before this one of which not all was known when it was made: what they held beyond that is named nowhere here. */
  async without(): Promise<number[]> {
    const { seeksAt, seeks, without } = this.header
    const bytes = await this.#pages.read(seeksAt + seeks * 16, without * 4)
    return Array.from({ length: without }, (_, i) => bytes.readUInt32LE(i * 4))
  }
}

/** Places as written by `putPlaces`: differences to what would follow the commit before without a gap. */
function readPlaces(bytes: Buffer, firstVersion: number): number[] {
  const places: number[] = []
  const reader: VarintReader = { bytes, at: 0 }
  let version = firstVersion
  let position = 0
  let offset = 0
  while (reader.at < bytes.length) {
    version += readVarint(reader)
    position += readVarint(reader)
    offset += readVarint(reader)
    const length = readVarint(reader)
    places.push(version, position, offset, length)
  }
  if (places.length % PLACE !== 0) throw new RangeError('places end early')
  return places
}
