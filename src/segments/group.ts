/** A data frame as commits, and what is left of one whose payload is damaged. */
import type { Damage } from '../errors.js'
import type { Gap, Head, StoredCommit } from '../storage/commit-store.js'
import { HEADER_BYTES, type FrameHeader } from './frame.js'
import { records, type RecordAt } from './record.js'

/** A commit with its place in the segment, as the index keeps it. */
export interface PlacedCommit {
  commit: StoredCommit
  /** Offset of its record in the segment. */
  offset: number
  bytes: number
}

/** The commits of a data frame that checks. @throws Error for a payload that does not decode though its checksum is right. */
export function placed(at: number, header: FrameHeader, payload: Buffer): PlacedCommit[] {
  const commits: PlacedCommit[] = []
  let events = 0
  for (const record of records(payload, header.firstPosition)) {
    if (record.commit === undefined) throw new Error('a record does not check inside a frame that does')
    commits.push({ commit: record.commit, offset: at + HEADER_BYTES + record.at, bytes: record.bytes })
    events += record.commit.events.length
  }
  if (commits.length !== header.records || events !== header.events) throw new Error('a frame does not hold what its header says')
  return commits
}

/** What is left of a frame whose header is good and whose payload is not: intact commits, and gaps where there are none. */
export function salvaged(segment: string, at: number, header: FrameHeader, frame: Buffer, reason: string): (PlacedCommit | Gap)[] {
  const payload = frame.subarray(HEADER_BYTES, HEADER_BYTES + header.payloadBytes)
  const all = [...records(payload, header.firstPosition)]
  const front = all.findIndex(({ commit }) => commit === undefined)
  const back = all.findLastIndex(({ commit }) => commit === undefined)
  const last = header.firstPosition + header.events - 1
  const place = (record: RecordAt, commit: StoredCommit): PlacedCommit => ({ commit, offset: at + HEADER_BYTES + record.at, bytes: record.bytes })
  if (front === -1 && all.length === header.records) return all.map((record) => place(record, record.commit as StoredCommit))
  const before = all.slice(0, Math.max(front, 0)).map((record) => place(record, record.commit as StoredCommit))
  // Records behind the last bad one count back from the frame's end, but only if none is missing.
  const behind: PlacedCommit[] = []
  let next = last + 1
  for (const record of all.length === header.records ? all.slice(back + 1).toReversed() : []) {
    const commit = record.commit as StoredCommit
    next -= commit.events.length
    behind.unshift(place(record, { ...commit, position: next }))
  }
  const first = header.firstPosition + before.reduce((sum, { commit }) => sum + commit.events.length, 0)
  const from = before.length > 0 ? (before.at(-1) as PlacedCommit).offset + (before.at(-1) as PlacedCommit).bytes : at
  const to = behind[0]?.offset ?? at + header.bytes
  return [...before, { gap: { segment, offset: from, bytes: to - from, firstPosition: first, lastPosition: next - 1, reason } }, ...behind]
}

/** Groups and gaps in order, from what a frame was found to hold. */
export function asGroups(items: readonly (PlacedCommit | Gap)[], digest: string): ({ commits: PlacedCommit[]; head: Head } | Gap)[] {
  const groups: ({ commits: PlacedCommit[]; head: Head } | Gap)[] = []
  for (const item of items) {
    const last = groups.at(-1)
    if ('gap' in item) groups.push(item)
    else if (last === undefined || 'gap' in last) groups.push({ commits: [item], head: { position: endOf(item), digest } })
    else {
      last.commits.push(item)
      last.head = { position: endOf(item), digest }
    }
  }
  return groups
}

const endOf = ({ commit }: PlacedCommit): number => commit.position + commit.events.length - 1

/** Damage that covers a stretch of positions. */
export function damageOf(segment: string, range: { at: number; end: number; reason: string }, firstPosition: number, lastPosition: number | undefined): Damage {
  return { segment, offset: range.at, bytes: range.end - range.at, firstPosition, ...(lastPosition === undefined ? {} : { lastPosition }), reason: range.reason }
}
