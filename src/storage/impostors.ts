/** Files with a segment's name and no header that checks: whether what stands before them lets them be what they are named. */
import type { SegmentFile } from './core.js'
import { Kind } from './frame.js'
import type { Handles } from './handles.js'
import type { Paths } from './paths.js'
import type { SegmentList } from './segments.js'
import { isHole, Walk } from './walk.js'

/**
 * Only its name says where such a file begins, and positions are read by that. A segment begins where a group ended, so a
 * name that cuts a group of the segment before in two is wrong, and half of that group would be taken for lost.
 */
export async function withoutImpostors(list: SegmentList, handles: Handles, paths: Paths, journal: Buffer): Promise<SegmentList> {
  const files: SegmentFile[] = []
  const strays = [...list.strays]
  for (const file of list.files) {
    const before = files.at(-1)
    const cuts =
      file.head === undefined && before !== undefined && (await cutsGroup(file.first, before, handles, paths.segment(before), journal))
    if (cuts) strays.push({ file, reason: 'its first position lies inside a group of the segment before it' })
    else files.push(file)
  }
  return { ...list, files, strays }
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
