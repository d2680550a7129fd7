/** What every part of an open store shares. */
import type { StreamNotes } from './commit-store.js'
import type { Clock, Files } from './files.js'
import type { FrameHeader } from './frame.js'
import type { Handles } from './handles.js'
import type { PageCache } from './pages.js'
import type { Paths, SegmentName } from './paths.js'

export interface Core<Note> {
  files: Files
  clock: Clock
  paths: Paths
  handles: Handles
  cache: PageCache
  notes: StreamNotes<Note>
  /** The journal's id. */
  journal: Buffer
  readOnly: boolean
  /** By number, of segments whose header does not check: how the one before it ends. */
  before: ReadonlyMap<number, Before>
}

/** What the frames before a segment say of its beginning. */
export interface Before {
  /** Number of the frame right before it, negative where that is not known. */
  group: number
  /** Digest of the history, as far as it is known; undefined if none is. */
  digest: Buffer | undefined
}

/** A segment that takes no more. */
export interface Sealed extends SegmentName {
  /** Everything up to here was promised; what lies behind never was. */
  end: number
  /** Position and digest of the history at its end; the digest is not known where the next header is damaged. */
  position: number
  digest: Buffer | undefined
}

/** A segment's file as it lies in the directory. */
export interface SegmentFile extends SegmentName {
  size: number
  /** Its header, if that checks and belongs here. */
  head: SegmentHead | undefined
  /** Its header, if that checks and is that of another segment. */
  misnamed: (SegmentHead & { number: number }) | undefined
}

export interface SegmentHead {
  header: FrameHeader
  payload: Buffer
  /** Number of the segment of which it says where that ends. */
  before: number
  /** Where the frame behind it begins. */
  end: number
}
