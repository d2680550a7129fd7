/** Segments: their names, and what the frame at their beginning says. */
import { Packr } from 'msgpackr'
import type { Damage } from '../errors.js'
import type { SnapshotRecord, TypeSeen } from '../storage/commit-store.js'

/** Version of everything in this directory. 1: the first. */
export const FORMAT = 1
export const FORMAT_TEXT = `turnlog ${FORMAT}\n`
/** Digest of a history without events. */
export const NO_DIGEST = '0'.repeat(64)

export interface SegmentName {
  number: number
  firstPosition: number
}

export function segmentName({ number, firstPosition }: SegmentName, extension: 'seg' | 'idx' = 'seg'): string {
  return `${String(number).padStart(8, '0')}-${String(firstPosition).padStart(12, '0')}.${extension}`
}

export function parseSegmentName(name: string): SegmentName | undefined {
  const match = /^(\d{8,})-(\d{12,})\.seg$/.exec(name)
  return match === null ? undefined : { number: Number(match[1]), firstPosition: Number(match[2]) }
}

/** What a segment begins with: all that a boot needs to know of the segments before. */
export interface SegmentHeader {
  /** Where the segment before truly ended, in bytes; what lies behind is no part of the history. 0 for the first. */
  sealedEnd: number
  /** Number of the last group before. */
  group: number
  /** Last position and history digest before. */
  position: number
  digest: string
  /** Time of the last commit before, in milliseconds since 1970. */
  lastAt: number
  /** Every event type before: highest schema, and whether all its events are ignorable. */
  types: Map<string, TypeSeen>
  /** Streams with unfinished work before. */
  open: Set<string>
  /** Snapshots vouched for before, newest first, two of each projection. */
  snapshots: SnapshotRecord[]
  /** Damage before of which no index knows what it held. */
  blind: Damage[]
}

const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true })

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  return packr.pack({
    ...header,
    types: [...header.types].map(([type, { schema, ignorable }]) => [type, schema, ignorable]),
    open: [...header.open],
  })
}

export function decodeSegmentHeader(payload: Uint8Array): SegmentHeader {
  const raw = packr.unpack(payload) as Omit<SegmentHeader, 'types' | 'open'> & { types: [string, number, boolean][]; open: string[] }
  return { ...raw, types: new Map(raw.types.map(([type, schema, ignorable]) => [type, { schema, ignorable }])), open: new Set(raw.open) }
}

/** The newest two snapshots of each projection, newest first, once `added` is among them. */
export function withSnapshot(snapshots: readonly SnapshotRecord[], added: SnapshotRecord): SnapshotRecord[] {
  const kept = [added, ...snapshots.filter(({ file }) => file !== added.file)].toSorted((a, b) => b.head.position - a.head.position)
  return kept.filter((snapshot, i) => kept.slice(0, i).filter(({ projection }) => projection === snapshot.projection).length < 2)
}
