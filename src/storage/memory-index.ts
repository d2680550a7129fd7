/** The index of one segment, in memory: the active segment's, and that of a sealed one until its file is written. */
import type { Sealed } from './core.js'
import type { StoredCommit } from './commit-store.js'
import type { KeyPlace } from './key-table.js'
import type { SegmentName } from './paths.js'
import { lastPosition, lastVersion } from './record.js'

/** Bytes of a segment between two entries of its seek table. */
const SEEK_BYTES = 1 << 16

/** Numbers per commit in a flat list: version and position of its first event, offset and length of its record. */
export const PLACE = 4

export interface MemoryStream<Note> {
  firstVersion: number
  lastVersion: number
  lastPosition: number
  /** Where the stream's commits lie, {@link PLACE} numbers for each. */
  places: number[]
  note: Note
}

export class MemoryIndex<Note> {
  readonly segment: SegmentName
  readonly streams = new Map<string, MemoryStream<Note>>()
  /** Commit id to offset of its frame. */
  readonly ids = new Map<string, number>()
  /** Stream and claim to offset of its frame. */
  readonly claims = new Map<string, number>()
  /** Position and offset of a frame, about every {@link SEEK_BYTES}. */
  readonly seeks: number[] = []
  /** Whether everything the segment held is in here. */
  complete = true

  constructor(segment: SegmentName) {
    this.segment = segment
  }

  addFrame(first: number, offset: number): void {
    const { seeks } = this
    if (seeks.length === 0 || offset - (seeks.at(-1) as number) >= SEEK_BYTES) seeks.push(first, offset)
  }

  add(commit: StoredCommit, frame: number, offset: number, length: number, note: Note, claims: readonly string[]): void {
    const stream = this.streams.get(commit.stream)
    if (stream === undefined) {
      this.streams.set(commit.stream, {
        firstVersion: commit.version,
        lastVersion: lastVersion(commit),
        lastPosition: lastPosition(commit),
        places: [commit.version, commit.position, offset, length],
        note,
      })
    } else {
      stream.lastVersion = lastVersion(commit)
      stream.lastPosition = lastPosition(commit)
      stream.places.push(commit.version, commit.position, offset, length)
      stream.note = note
    }
    if (commit.commitId !== undefined) this.ids.set(commit.commitId, frame)
    for (const claim of claims) this.claims.set(claimKey(commit.stream, claim), frame)
  }
}

/** A claim is unique within its stream; the length keeps two pairs from reading the same. */
export function claimKey(stream: string, claim: string): string {
  return `${stream.length}:${stream}${claim}`
}

/** Offset of the last frame of a seek table that begins at or before a position; 0 if there is none. */
export function seek(seeks: readonly number[], position: number): { first: number; offset: number } | undefined {
  let low = 0
  let high = seeks.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((seeks[middle * 2] as number) <= position) low = middle + 1
    else high = middle
  }
  return low === 0 ? undefined : { first: seeks[low * 2 - 2] as number, offset: seeks[low * 2 - 1] as number }
}

/** A sealed segment and its index in memory. */
export interface Unbuilt<Note> {
  segment: Sealed
  index: MemoryIndex<Note>
}

/** Of an index, where keys of one kind were met. */
export type Met<Note> = (index: MemoryIndex<Note>) => ReadonlyMap<string, number>

/** Where a key was met in segments whose indexes lie in memory, in their order. */
export function placesIn<Note>(unbuilt: readonly Unbuilt<Note>[], met: Met<Note>, key: string): KeyPlace[] {
  return unbuilt.flatMap(({ segment, index }) => {
    const location = met(index).get(key)
    return location === undefined ? [] : [{ segment: segment.number, location }]
  })
}
