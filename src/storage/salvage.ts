/** What can still be read of a damaged frame: every record has a checksum of its own. */
import type { StoredCommit } from './commit-store.js'
import { Kind } from './frame.js'
import { decodeCommit, lastPosition, recordEnd, RECORD_HEAD_BYTES, saidEnd } from './record.js'
import type { Hole } from './walk.js'

/** A commit's record and where it lies in the payload. */
export interface Saved {
  commit: StoredCommit
  at: number
  end: number
}

export interface Salvage {
  before: Saved[]
  /** Positions between that are lost; undefined if none are. */
  lost: { first: number; last: number | undefined } | undefined
  after: Saved[]
}

/** Splits a hole into what is intact before and after the part that is lost. */
export function salvage({ header, payload, first, last }: Pick<Hole, 'header' | 'payload' | 'first' | 'last'>): Salvage {
  const missing = lostFrom(first, last)
  if (missing === undefined || payload === undefined || (header !== undefined && header.kind !== Kind.data))
    return { before: [], lost: missing, after: [] }
  const { before, at, position } = fromStart(payload, first)
  // Without a header nothing says where the frame ends; its first records follow what came before all the same.
  if (header === undefined) return { before, lost: lostFrom(position, last), after: [] }
  const end = header.first + header.aux - 1
  if (position > end) return { before, lost: lostFrom(position, last ?? end), after: [] }
  // Frames behind it are lost altogether, and what may be left of its own end is lost with them.
  if (last !== undefined && last > end) return { before, lost: { first: position, last }, after: [] }
  const after = fromBehind(payload, at, header.length, position, end)
  const [next] = after
  return { before, lost: lostFrom(position, next === undefined ? (last ?? end) : next.commit.position - 1), after }
}

function lostFrom(first: number, last: number | undefined): Salvage['lost'] {
  return last !== undefined && last < first ? undefined : { first, last }
}

/** The intact records before the first bad one, where that stands, and the position it would have. */
export function fromStart(payload: Buffer, first: number): { before: Saved[]; at: number; position: number } {
  const before: Saved[] = []
  let at = 0
  let position = first
  for (let saved = savedAt(payload, at, position); saved !== undefined; saved = savedAt(payload, at, position)) {
    before.push(saved)
    at = saved.end
    position = lastPosition(saved.commit) + 1
  }
  return { before, at, position }
}

/** The intact records behind the last bad one; their positions are counted from the frame's end, down to the first that is not known yet. */
function fromBehind(payload: Buffer, from: number, length: number, first: number, end: number): Saved[] {
  let intact: [at: number, end: number][] = []
  let at = from
  while (at + RECORD_HEAD_BYTES <= payload.length) {
    const next = recordEnd(payload, at, payload.length)
    if (next === undefined) intact = []
    else intact.push([at, next])
    at = next ?? saidEnd(payload, at)
  }
  if (at !== length) return []
  const saved: Saved[] = []
  let position = end
  for (const [start, stop] of intact.toReversed()) {
    const one = decoded(payload, start, stop, 0)
    if (one === undefined) return saved
    position -= one.events.length
    // A header that counts fewer events than there are numbers none of them rightly.
    if (position + 1 < first) return []
    saved.unshift({ commit: { ...one, position: position + 1 }, at: start, end: stop })
  }
  return saved
}

function savedAt(payload: Buffer, at: number, position: number): Saved | undefined {
  const end = recordEnd(payload, at, payload.length)
  if (end === undefined) return undefined
  const commit = decoded(payload, at, end, position)
  return commit === undefined ? undefined : { commit, at, end }
}

/** A record that checks and is no commit was written so; it counts as lost. */
function decoded(payload: Buffer, at: number, end: number, position: number): StoredCommit | undefined {
  try {
    return decodeCommit(payload, at, end, position)
  } catch {
    return undefined
  }
}
