/** What every segment's header says of all that was written before it, kept up to date as groups are written. */
import { IGNORABLE, type NewCommit, type SnapshotRecord, type TypeSeen } from './commit-store.js'
import { payloadOf, type Frame } from './frame.js'
import { isHead, isRecorded, type RecordedGap } from './gap-record.js'
import { notAsWritten } from './group.js'
import { NotPlain } from './plain.js'
import { isCount } from './plain.js'
import { pack, unpack } from './record.js'

/** Snapshots of one projection that stay vouched for. */
const SNAPSHOTS_KEPT = 2

/** The payload of a segment header, as packed. */
interface PackedFacts {
  /** Number of the segment. */
  segment: number
  /** Number of the one before, where that is not one less. */
  before?: number
  /** Time of the last commit. */
  at: number
  types: [type: string, schema: number, ignorable: boolean][]
  open: string[]
  snapshots: SnapshotRecord[]
  /** Absent where nothing was lost. */
  gaps?: RecordedGap[]
}

export class Facts {
  lastAt = 0
  readonly types = new Map<string, TypeSeen>()
  readonly open = new Set<string>()
  /** Newest first. */
  snapshots: SnapshotRecord[] = []
  /** What was written down as lost, oldest record first. */
  gaps: RecordedGap[] = []

  addCommit(commit: NewCommit, isOpen: boolean): void {
    if (commit.at > this.lastAt) this.lastAt = commit.at
    for (const { type, schema, flags } of commit.events) {
      const seen = this.types.get(type)
      const ignorable = (flags & IGNORABLE) !== 0
      if (seen === undefined) this.types.set(type, { schema, ignorable })
      else if (schema > seen.schema || (seen.ignorable && !ignorable)) {
        this.types.set(type, { schema: Math.max(schema, seen.schema), ignorable: ignorable && seen.ignorable })
      }
    }
    if (isOpen) this.open.add(commit.stream)
    else this.open.delete(commit.stream)
  }

  addSnapshot(record: SnapshotRecord): void {
    const kept = new Map<string, number>()
    this.snapshots = [record, ...this.snapshots.filter((other) => other.file !== record.file)].filter(({ projection }) => {
      const before = kept.get(projection) ?? 0
      kept.set(projection, before + 1)
      return before < SNAPSHOTS_KEPT
    })
  }

  addGaps(gaps: readonly RecordedGap[]): void {
    this.gaps = [...this.gaps, ...gaps]
  }

  copy(): Facts {
    const copy = new Facts()
    copy.lastAt = this.lastAt
    for (const [type, seen] of this.types) copy.types.set(type, seen)
    for (const stream of this.open) copy.open.add(stream)
    copy.snapshots = [...this.snapshots]
    copy.gaps = [...this.gaps]
    return copy
  }

  /** `before`: number of the segment that was written to before. */
  encode(segment: number, before: number): Buffer {
    const types = Array.from(this.types, ([type, { schema, ignorable }]): PackedFacts['types'][0] => [type, schema, ignorable])
    const gaps = this.gaps.length === 0 ? {} : { gaps: this.gaps }
    const skips = before === segment - 1 ? {} : { before }
    return pack({
      segment,
      ...skips,
      at: this.lastAt,
      types,
      open: [...this.open],
      snapshots: this.snapshots,
      ...gaps,
    } satisfies PackedFacts)
  }

  /** @throws NotPlain */
  static decode(payload: Buffer): Facts {
    const packed = unpackFacts(payload)
    const facts = new Facts()
    facts.lastAt = packed.at
    for (const [type, schema, ignorable] of packed.types) facts.types.set(type, { schema, ignorable })
    for (const stream of packed.open) facts.open.add(stream)
    facts.snapshots = packed.snapshots
    facts.gaps = packed.gaps ?? []
    return facts
  }
}

export function packSnapshot(record: SnapshotRecord): Buffer {
  return pack(record)
}

/** The snapshot that a frame which checks vouches for. @throws JournalError JOURNAL_DAMAGED if it vouches for none. */
export function snapshotIn(frame: Frame): SnapshotRecord {
  try {
    return unpackSnapshot(payloadOf(frame))
  } catch (error) {
    throw notAsWritten(frame, error)
  }
}

/** @throws NotPlain */
export function unpackSnapshot(payload: Buffer): SnapshotRecord {
  const value = unpack(payload)
  if (!isSnapshot(value)) throw new NotPlain('it vouches for no snapshot')
  return value
}

/** Of which segment a header's payload speaks, and of the end of which one before. @throws NotPlain */
export function numbersOf(payload: Buffer): { segment: number; before: number } {
  const { segment, before = segment - 1 } = unpackFacts(payload)
  return { segment, before }
}

function unpackFacts(payload: Buffer): PackedFacts {
  const value = unpack(payload)
  if (!isFacts(value)) throw new NotPlain('it does not say what a segment header says')
  return value
}

function isFacts(value: unknown): value is PackedFacts {
  const { segment, before, at, types, open, snapshots, gaps } = (value ?? {}) as Partial<Record<keyof PackedFacts, unknown>>
  return (
    isCount(segment) &&
    (before === undefined || isCount(before)) &&
    typeof at === 'number' &&
    Array.isArray(types) &&
    types.every((one) => Array.isArray(one) && typeof one[0] === 'string' && isCount(one[1]) && typeof one[2] === 'boolean') &&
    Array.isArray(open) &&
    open.every((stream) => typeof stream === 'string') &&
    Array.isArray(snapshots) &&
    snapshots.every(isSnapshot) &&
    (gaps === undefined || (Array.isArray(gaps) && gaps.every(isRecorded)))
  )
}

/** Files are where snapshots lie and nowhere else: no record leads out of the journal's directory. */
function isSnapshot(value: unknown): value is SnapshotRecord {
  const { projection, revision, head, file, bytes, sha256 } = (value ?? {}) as Partial<Record<keyof SnapshotRecord, unknown>>
  return (
    typeof projection === 'string' &&
    isCount(revision) &&
    isHead(head) &&
    typeof file === 'string' &&
    /^snapshots\/[A-Za-z][A-Za-z0-9_-]*\/\d+\.snap$/.test(file) &&
    isCount(bytes) &&
    typeof sha256 === 'string'
  )
}
