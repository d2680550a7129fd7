/** Files whose own header does not say which segment they are: what the others say of them. */
import type { Before, SegmentFile } from './core.js'
import { Kind } from './frame.js'
import type { Handles } from './handles.js'
import type { Paths } from './paths.js'
import { contentEnd, type SegmentList } from './segments.js'
import { outOfPlace } from './strays.js'
import { beginning, isHole, Walk } from './walk.js'

export interface Sorted {
  list: SegmentList
  /** By number, of segments whose header does not check. */
  before: Map<number, Before>
}

/** Leaves out files that cannot be the segment that they are named. */
export async function withoutImpostors(list: SegmentList, handles: Handles, paths: Paths, journal: Buffer): Promise<Sorted> {
  const files: SegmentFile[] = []
  const strays = [...list.strays]
  const begins = new Map<number, Before>()
  for (const file of list.files.toSorted(byNumber)) {
    const before = files.at(-1)
    // Once more: the header of another journal, which spoke for a file, is none by now.
    let reason = outOfPlace(file, list.files)
    if (reason === undefined && before?.number === file.number) reason = 'another file is the segment of its number'
    if (reason === undefined && before !== undefined && file.first < before.first) reason = 'it begins before the segment before it'
    if (reason === undefined && file.head === undefined && before !== undefined) {
      const end = await endOf(before, begins.get(before.number), file.first, handles, paths.segment(before), journal)
      if (end === undefined) reason = 'its first position lies inside a group of the segment before it'
      else begins.set(file.number, before.number === file.number - 1 ? end : { ...end, group: -1 })
    }
    if (reason === undefined) files.push(file)
    else strays.push({ file, reason })
  }
  return { list: { ...list, files, strays }, before: begins }
}

/** Of two with one number first the one that takes less from the segment before. */
function byNumber(a: SegmentFile, b: SegmentFile): number {
  return a.number - b.number || b.first - a.first
}

/**
 * Where the frames of a segment end if the next one begins at a position; undefined if that lies inside a group. Without a header that checks
 * only the name says where the next begins, and positions are read by that. A segment begins where a group ended, so a name that
 * cuts a group in two is wrong, and half of that group would be taken for lost.
 */
function endOf(
  { first, size }: SegmentFile,
  before: Before | undefined,
  next: number,
  handles: Handles,
  path: string,
  journal: Buffer,
): Promise<Before | undefined> {
  return handles.with(path, async (file) => {
    const walk = new Walk(file, journal, 0, await contentEnd(file, 0, size), beginning(before, { first }), { digests: false })
    let end: Before & { position: number } = { group: -1, digest: undefined, position: first - 1 }
    for (let item = await walk.next(); item !== undefined; item = await walk.next()) {
      if (isHole(item)) {
        if (item.final) break
        continue
      }
      const { header } = item
      if (header.kind === Kind.data && header.first >= next) break
      if (header.kind === Kind.data && next < header.first + header.aux) return undefined
      end = { group: header.group, digest: Buffer.from(header.digest), position: walk.chain.position }
    }
    // Frames that are lost at the end had numbers too.
    return { digest: end.digest, group: end.position === next - 1 ? end.group : -1 }
  })
}
