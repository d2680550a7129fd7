/** A frame's commits, with where their records lie. */
import type { CommitGroup, Head, StoredCommit } from './commit-store.js'
import { HEADER_BYTES, Kind, type Frame } from './frame.js'
import { decodeCommit, RECORD_HEAD_BYTES, saidEnd } from './record.js'

export interface ReadGroup extends CommitGroup {
  /** Offset of the frame in its segment. */
  offset: number
  /** Offset and length of each commit's record in the segment. */
  records: number[]
}

/**
 * Decodes a data frame that checks.
 * @throws Error if what checks is not what a data frame holds.
 */
export function readGroup({ header, bytes, at, offset }: Frame): ReadGroup {
  const commits = new Array<CommitGroup['commits'][0]>(header.count)
  const records = new Array<number>(header.count * 2)
  const limit = at + header.length
  const shift = offset + HEADER_BYTES - at
  let position = header.first
  let place = at
  for (let i = 0; i < header.count; i++) {
    const end = place + RECORD_HEAD_BYTES <= limit ? saidEnd(bytes, place) : limit + 1
    if (end > limit) throw new Error('a record leaves its frame')
    const commit = decodeCommit(bytes, place, end, position)
    commits[i] = commit
    records[i * 2] = place + shift
    records[i * 2 + 1] = end - place
    position += commit.events.length
    place = end
  }
  if (place !== limit || position !== header.first + header.aux) throw new Error('a frame holds other records than its header says')
  return { commits, records, offset, head: { position: position - 1, digest: header.digest.toString('hex') } }
}

/** The head of the history behind a frame. */
export function headOf({ header }: Frame): Head {
  const position = header.kind === Kind.data ? header.first + header.aux - 1 : header.first - 1
  return { position, digest: header.digest.toString('hex') }
}

/** The commit with an id in a data frame, with position 0; only records in which the id's bytes stand are decoded. */
export function commitNamed({ header, bytes, at }: Frame, commitId: string): StoredCommit | undefined {
  const limit = at + header.length
  const needle = Buffer.from(commitId)
  let start = at
  for (let hit = bytes.indexOf(needle, at); hit >= 0 && hit < limit; hit = bytes.indexOf(needle, start)) {
    let end = start
    do {
      start = end
      end = saidEnd(bytes, start)
    } while (end <= hit)
    const commit = decodeCommit(bytes, start, end, 0)
    if (commit.commitId === commitId) return commit
    start = end
  }
  return undefined
}
