/** Reading a journal's groups in order, around whatever does not check. */
import type { CommitGroup, Gap, Head } from '../storage/commit-store.js'
import { Kind } from './frame.js'
import { asGroups, damageOf, placed, salvaged, type PlacedCommit } from './group.js'
import { segmentName, type SegmentName } from './segment.js'
import type { Place, Segments } from './segments.js'
import { walk, type BadRange, type Expected, type Step } from './walk.js'

export interface ReadRange {
  /** Exclusive. */
  after: number
  /** Position of the last group to read. */
  upTo: number
  journalId: string
  /** Recomputes the history digests. */
  digests: boolean
  signal?: AbortSignal
  /** Hears of damage that takes no positions too. */
  damaged?(range: BadRange, segment: SegmentName, firstPosition: number): void
}

/** A group with its place. */
export interface PlacedGroup {
  segment: SegmentName
  /** Offset of its frame. */
  frame: number
  commits: PlacedCommit[]
  head: Head
}

/** Groups behind `after` up to `upTo`; a gap stands wherever positions are missing. */
export async function* readGroups(segments: Segments, range: ReadRange): AsyncGenerator<CommitGroup | Gap, void, undefined> {
  for await (const item of readPlaced(segments, range)) yield 'gap' in item ? item : { commits: item.commits.map(({ commit }) => commit), head: item.head }
}

/** The same with places. */
export async function* readPlaced(segments: Segments, range: ReadRange): AsyncGenerator<PlacedGroup | Gap, void, undefined> {
  let at = range.after
  const place = segments.placeBehind(range.after)
  const first = place?.segment ?? segments.holding(range.after + 1)?.number ?? 0
  const list = segments.all.filter(({ number }) => number >= first)
  const gapTo = (lastPosition: number, segment: SegmentName, bad?: BadRange): Gap => {
    const where = bad ?? { at: 0, end: 0, reason: 'the frames before are missing' }
    return { gap: damageOf(segmentName(segment), where, at + 1, lastPosition) }
  }
  for (const segment of list) {
    if (at >= range.upTo) return
    let bad: BadRange | undefined
    for await (const step of framesOf(segments, segment, range, segment.number === place?.segment ? place : undefined)) {
      range.signal?.throwIfAborted()
      if ('bad' in step) {
        bad = step.bad
        range.damaged?.(bad, segment, at + 1)
        if (bad.header?.kind !== Kind.data || bad.frame === undefined || bad.header.journalId !== range.journalId || bad.header.firstPosition !== at + 1) continue
        for (const item of asGroups(salvaged(segmentName(segment), bad.at, bad.header, bad.frame, bad.reason), bad.header.digest)) {
          at = 'gap' in item ? (item.gap.lastPosition as number) : item.head.position
          yield 'gap' in item ? item : { ...item, segment, frame: bad.at }
        }
        continue
      }
      const { at: offset, header, payload } = step.frame
      if (header.firstPosition > range.upTo) break
      if (header.firstPosition > at + 1) {
        yield gapTo(header.firstPosition - 1, segment, bad)
        at = header.firstPosition - 1
      }
      bad = undefined
      const last = header.firstPosition - 1 + header.events
      if (header.kind !== Kind.data || last <= at) continue
      at = last
      segments.remember(last, { segment: segment.number, offset: offset + header.bytes, expected: { journalId: range.journalId, group: header.group, position: last, digest: header.digest } })
      yield { segment, frame: offset, commits: placed(offset, header, payload), head: { position: last, digest: header.digest } }
      if (at >= range.upTo) return
    }
    const next = segments.name(segment.number + 1)
    const end = next === undefined ? range.upTo : Math.min(next.firstPosition - 1, range.upTo)
    if (at < end) {
      yield gapTo(end, segment, bad)
      at = end
    }
  }
}

async function* framesOf(segments: Segments, segment: SegmentName, range: ReadRange, place: Place | undefined): AsyncGenerator<Step, void, undefined> {
  const beginning = place === undefined ? await segments.beginning(segment) : undefined
  const limit = await segments.limit(segment)
  const handle = await segments.open(segment)
  const size = await handle.size()
  const expected: Expected = place === undefined ? {
    journalId: range.journalId,
    group: beginning?.header.group ?? 0,
    position: beginning?.header.position ?? segment.firstPosition - 1,
    digest: beginning?.header.digest ?? '',
  } : { ...place.expected }
  const isLast = segment === segments.last
  for await (const step of walk(handle, expected, { path: segments.path(segment), from: place?.offset ?? 0, limit: Math.min(limit, size), digests: range.digests })) {
    // Behind the last good frame of the last segment lies what is being written, or what opening judged.
    if (isLast && 'bad' in step && !step.bad.followed && expected.position >= range.upTo) return
    yield step
  }
  if (limit > size) yield { bad: { at: size, end: limit, reason: 'the segment is shorter than it was', header: undefined, followed: true } }
}
