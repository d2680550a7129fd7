/** What every segment's header says of all that was written before it, kept up to date as groups are written. */
import { IGNORABLE, type NewCommit, type SnapshotRecord, type TypeSeen } from './commit-store.js'
import { pack, unpack } from './record.js'

/** Snapshots of one projection that stay vouched for. */
const SNAPSHOTS_KEPT = 2

/** The payload of a segment header, as packed. */
interface PackedFacts {
  /** Number of the segment. */
  segment: number
  /** Time of the last commit. */
  at: number
  types: [type: string, schema: number, ignorable: boolean][]
  open: string[]
  snapshots: SnapshotRecord[]
}

export class Facts {
  lastAt = 0
  readonly types = new Map<string, TypeSeen>()
  readonly open = new Set<string>()
  /** Newest first. */
  snapshots: SnapshotRecord[] = []

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

  copy(): Facts {
    const copy = new Facts()
    copy.lastAt = this.lastAt
    for (const [type, seen] of this.types) copy.types.set(type, seen)
    for (const stream of this.open) copy.open.add(stream)
    copy.snapshots = [...this.snapshots]
    return copy
  }

  encode(segment: number): Buffer {
    const types = Array.from(this.types, ([type, { schema, ignorable }]): PackedFacts['types'][0] => [type, schema, ignorable])
    return pack({ segment, at: this.lastAt, types, open: [...this.open], snapshots: this.snapshots } satisfies PackedFacts)
  }

  static decode(payload: Buffer): Facts {
    const packed = unpack(payload) as PackedFacts
    const facts = new Facts()
    facts.lastAt = packed.at
    for (const [type, schema, ignorable] of packed.types) facts.types.set(type, { schema, ignorable })
    for (const stream of packed.open) facts.open.add(stream)
    facts.snapshots = packed.snapshots
    return facts
  }
}

export function packSnapshot(record: SnapshotRecord): Buffer {
  return pack(record)
}

export function unpackSnapshot(payload: Buffer): SnapshotRecord {
  return unpack(payload) as SnapshotRecord
}
