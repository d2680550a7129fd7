/** Files that cannot be the segment that they are named, because of what the others are. */
import type { SegmentFile } from './core.js'
import { Kind } from './frame.js'
import type { Handles } from './handles.js'
import type { Paths } from './paths.js'
import type { SegmentList } from './segments.js'
import { outOfPlace } from './strays.js'
import { isHole, Walk } from './walk.js'

export async function withoutImpostors(list: SegmentList, handles: Handles, paths: Paths, journal: Buffer): Promise<SegmentList> {
  const files: SegmentFile[] = []
  const strays = [...list.strays]
  for (const file of list.files.toSorted(byNumber)) {
    const before = files.at(-1)
    // Once more: the header of another journal, which spoke for a file, is none by now.
    const reason = outOfPlace(file, list.files) ?? (before && (await cannotFollow(file, before, handles, paths, journal)))
    if (reason === undefined) files.push(file)
    else strays.push({ file, reason })
  }
  return { ...list, files, strays }
}

/** Of two with one number first the one that takes less from the segment before. */
function byNumber(a: SegmentFile, b: SegmentFile): number {
  return a.number - b.number || b.first - a.first
}

/**
 * Without a header that checks only the name says where a file begins, and positions are read by that. A segment begins where a group
 * ended, so a name that cuts a group of the segment before in two is wrong, and half of that group would be taken for lost.
 */
async function cannotFollow(
  file: SegmentFile,
  before: SegmentFile,
  handles: Handles,
  paths: Paths,
  journal: Buffer,
): Promise<string | undefined> {
  if (file.number === before.number) return 'another file is the segment of its number'
  const cuts = file.head === undefined && (await cutsGroup(file.first, before, handles, paths.segment(before), journal))
  return cuts ? 'its first position lies inside a group of the segment before it' : undefined
}

function cutsGroup(position: number, before: SegmentFile, handles: Handles, path: string, journal: Buffer): Promise<boolean> {
  return handles.with(path, async (file) => {
    const chain = { group: -1, position: before.first - 1, digest: undefined }
    const walk = new Walk(file, journal, 0, before.size, chain, { digests: false })
    for (let item = await walk.next(); item !== undefined; item = await walk.next()) {
      if (isHole(item) || item.header.kind !== Kind.data) continue
      const { first, aux } = item.header
      if (first < position && position < first + aux) return true
    }
    return false
  })
}
