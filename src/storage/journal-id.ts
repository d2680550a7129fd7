/** Finds the journal's id, which every frame carries. */
import { FrameCursor } from './cursor.js'
import type { Handles } from './handles.js'
import type { HeadMark } from './head-file.js'
import type { Paths } from './paths.js'
import type { SegmentFile } from './core.js'

/**
 * From the head file, else from the first segment header that checks, else from any frame that does; undefined if there
 * never was a segment.
 */
export async function findJournal(
  segments: readonly SegmentFile[],
  handles: Handles,
  paths: Paths,
  mark: HeadMark | undefined,
): Promise<Buffer | undefined> {
  const heads = [...segments.map(({ head }) => head), ...segments.map(({ misnamed }) => misnamed)]
  const ids = heads.flatMap((head) => (head === undefined ? [] : [head.header.journal]))
  if (mark !== undefined && (ids.length === 0 || ids.some((id) => id.equals(mark.journal)))) return mark.journal
  if (ids[0] !== undefined) return ids[0]
  for (const segment of segments) {
    const found = await handles.with(paths.segment(segment), async (file) => {
      const cursor = new FrameCursor(file, undefined, 0, segment.size)
      for (let at = 0; await cursor.seekMagic(at); at = cursor.offset + 8) {
        let step = cursor.step()
        while (step === undefined) {
          await cursor.fill()
          step = cursor.step()
        }
        if (!('fault' in step)) return step.header.journal
      }
      return undefined
    })
    if (found !== undefined) return found
  }
  return undefined
}
