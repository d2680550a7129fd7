/** The segment files of a journal: which there are, how far each counts, and open handles to read them. */
import { join } from 'node:path'
import { ioError } from '../errors.js'
import type { Ref } from './active-index.js'
import type { CommitGroup, Gap, StoredCommit } from '../storage/commit-store.js'
import type { FileHandle, Files } from '../storage/files.js'
import { bodyFault, HEADER_BYTES, Kind, parseHeader, type FrameHeader } from './frame.js'
import { placed } from './group.js'
import { decodeRecord } from './record.js'
import { decodeSegmentHeader, parseSegmentName, segmentName, type SegmentHeader, type SegmentName } from './segment.js'
import type { Expected } from './walk.js'

const OPEN_MAX = 16
const PLACES_MAX = 4096

/** Where reading goes on behind a group: what must follow there. */
export interface Place {
  segment: number
  offset: number
  expected: Expected
}

export interface Beginning {
  frame: FrameHeader
  header: SegmentHeader
}

export class Segments {
  readonly directory: string
  readonly #files: Files
  readonly #list: SegmentName[]
  readonly #handles = new Map<number, FileHandle>()
  /** Where each sealed segment ends, as the one behind it says. */
  readonly #limits = new Map<number, number>()
  /** Ends of groups that were lately written or read, by position, so that who goes on from there need not search. */
  readonly #places = new Map<number, Place>()

  constructor(files: Files, directory: string, list: readonly SegmentName[]) {
    this.#files = files
    this.directory = join(directory, 'journal')
    this.#list = [...list]
  }

  /** The segments there are, by number. Files of other names are none of ours. */
  static async list(files: Files, directory: string): Promise<SegmentName[]> {
    const path = join(directory, 'journal')
    try {
      return (await files.readdir(path)).flatMap((name) => parseSegmentName(name) ?? []).toSorted((a, b) => a.number - b.number || a.firstPosition - b.firstPosition)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw ioError(error, 'Listing', path)
    }
  }

  get all(): readonly SegmentName[] {
    return this.#list
  }

  get last(): SegmentName | undefined {
    return this.#list.at(-1)
  }

  name(number: number): SegmentName | undefined {
    const guess = this.#list[number - (this.#list[0]?.number ?? 1)]
    return guess?.number === number ? guess : this.#list.find((segment) => segment.number === number)
  }

  path(segment: SegmentName, extension: 'seg' | 'idx' = 'seg'): string {
    return join(this.directory, segmentName(segment, extension))
  }

  /** A segment that came into being; where the one before ended, if that is known. */
  add(segment: SegmentName, sealedEndBefore?: number): void {
    const before = this.last
    if (before !== undefined && sealedEndBefore !== undefined) this.#limits.set(before.number, sealedEndBefore)
    this.#list.push(segment)
  }

  remember(position: number, place: Place): void {
    this.#places.set(position, place)
    if (this.#places.size > PLACES_MAX) this.#places.delete(this.#places.keys().next().value as number)
  }

  placeBehind(position: number): Place | undefined {
    return this.#places.get(position)
  }

  /** The segment that would hold a position. */
  holding(position: number): SegmentName | undefined {
    return this.#list.findLast(({ firstPosition }) => firstPosition <= position) ?? this.#list[0]
  }

  async open(segment: SegmentName): Promise<FileHandle> {
    const known = this.#handles.get(segment.number)
    if (known !== undefined) {
      this.#handles.delete(segment.number)
      this.#handles.set(segment.number, known)
      return known
    }
    const path = this.path(segment)
    try {
      const handle = await this.#files.open(path, 'r')
      this.#handles.set(segment.number, handle)
      return handle
    } catch (error) {
      throw ioError(error, 'Opening', path)
    }
  }

  /** Closes what was read longest ago. Call it where no read is under way. */
  async trim(): Promise<void> {
    while (this.#handles.size > OPEN_MAX) {
      const [number, handle] = this.#handles.entries().next().value as [number, FileHandle]
      this.#handles.delete(number)
      await handle.close()
    }
  }

  /** What a segment begins with; undefined if that does not check. */
  async beginning(segment: SegmentName): Promise<Beginning | undefined> {
    const handle = await this.open(segment)
    const head = await this.read(handle, segment, 0, HEADER_BYTES)
    const frame = parseHeader(head, 0)
    if (frame === undefined || frame.kind !== Kind.segment) return undefined
    const bytes = await this.read(handle, segment, 0, frame.bytes)
    if (bytes.length < frame.bytes || bodyFault(bytes, 0, frame) !== undefined) return undefined
    return { frame, header: decodeSegmentHeader(bytes.subarray(HEADER_BYTES, HEADER_BYTES + frame.payloadBytes)) }
  }

  /** How far a segment counts: its sealed end, as the next one says; the whole file where none does. */
  async limit(segment: SegmentName): Promise<number> {
    const known = this.#limits.get(segment.number)
    if (known !== undefined) return known
    const next = this.name(segment.number + 1)
    const sealed = next === undefined ? undefined : (await this.beginning(next))?.header.sealedEnd
    if (sealed === undefined) return (await this.open(segment)).size()
    this.#limits.set(segment.number, sealed)
    return sealed
  }

  /** Bytes of a segment, fewer at its end. */
  async read(handle: FileHandle, segment: SegmentName, at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length)
    try {
      let done = 0
      while (done < length) {
        const count = await handle.read(bytes.subarray(done), at + done)
        if (count === 0) break
        done += count
      }
      return bytes.subarray(0, done)
    } catch (error) {
      throw ioError(error, 'Reading', this.path(segment))
    }
  }

  /** The commit at a place the index names, or the gap where it does not check or is not that commit. */
  async commit(segment: SegmentName, ref: Ref, stream: string): Promise<StoredCommit | Gap> {
    const bytes = await this.read(await this.open(segment), segment, ref.offset, ref.bytes)
    const commit = decodeRecord(bytes, ref.position)
    if (commit !== undefined && commit.stream === stream && commit.version === ref.version && commit.events.length === ref.events) return commit
    return {
      gap: {
        segment: segmentName(segment),
        offset: ref.offset,
        bytes: ref.bytes,
        firstPosition: ref.position,
        lastPosition: ref.position + ref.events - 1,
        streams: [stream],
        reason: commit === undefined ? 'the record does not match its checksum' : 'the record is not the one that was written here',
      },
    }
  }

  /** The group in the frame at an offset; undefined if that does not check. */
  async group(segment: SegmentName, at: number): Promise<CommitGroup | undefined> {
    const handle = await this.open(segment)
    const header = parseHeader(await this.read(handle, segment, at, HEADER_BYTES), 0)
    if (header === undefined || header.kind !== Kind.data) return undefined
    const frame = await this.read(handle, segment, at, header.bytes)
    if (frame.length < header.bytes || bodyFault(frame, 0, header) !== undefined) return undefined
    const commits = placed(at, header, frame.subarray(HEADER_BYTES, HEADER_BYTES + header.payloadBytes)).map(({ commit }) => commit)
    return { commits, head: { position: header.firstPosition - 1 + header.events, digest: header.digest } }
  }

  async close(): Promise<void> {
    for (const handle of this.#handles.values()) await handle.close()
    this.#handles.clear()
  }
}
