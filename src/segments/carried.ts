/** What a boot must know without reading the whole journal, kept up as commits are written and put into each new segment's header. */
import type { Damage } from '../errors.js'
import { IGNORABLE, type NewCommit, type SnapshotRecord, type TypeSeen } from '../storage/commit-store.js'
import { withSnapshot, type SegmentHeader } from './segment.js'

export class Carried {
  readonly types: Map<string, TypeSeen>
  readonly open: Set<string>
  readonly blind: Damage[]
  snapshots: readonly SnapshotRecord[]
  lastAt: number

  constructor(header?: SegmentHeader) {
    this.types = new Map(header?.types)
    this.open = new Set(header?.open)
    this.blind = [...(header?.blind ?? [])]
    this.snapshots = header?.snapshots ?? []
    this.lastAt = header?.lastAt ?? 0
  }

  /** A commit was written; `isOpen` says whether its stream has unfinished work now. */
  commit(commit: NewCommit, isOpen: boolean): void {
    for (const { type, schema, flags } of commit.events) {
      const seen = this.types.get(type)
      const ignorable = (flags & IGNORABLE) !== 0
      if (seen === undefined) this.types.set(type, { schema, ignorable })
      else if (schema > seen.schema || (seen.ignorable && !ignorable)) this.types.set(type, { schema: Math.max(schema, seen.schema), ignorable: seen.ignorable && ignorable })
    }
    if (isOpen) this.open.add(commit.stream)
    else this.open.delete(commit.stream)
    this.lastAt = Math.max(this.lastAt, commit.at)
  }

  snapshot(record: SnapshotRecord): void {
    this.snapshots = withSnapshot(this.snapshots, record)
  }

  header(end: Pick<SegmentHeader, 'sealedEnd' | 'group' | 'position' | 'digest'>): SegmentHeader {
    return { ...end, lastAt: this.lastAt, types: this.types, open: this.open, snapshots: [...this.snapshots], blind: this.blind }
  }
}
