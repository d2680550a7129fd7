/** Losses that no bytes show: segments that are not there, or hold less than something else knows of, and files that are no segments. */
import type { Damage } from '../errors.js'
import { Kind } from './frame.js'
import type { HeadMark } from './head-file.js'
import { segmentName } from './paths.js'
import type { SegmentList } from './segments.js'
import type { Role, Sight } from './sight.js'

/** More events than a segment of the usual size has room for. */
export const SEGMENT_POSITIONS = 1 << 21

/** What is or names a segment that cannot be, and is left out. No position is known to be missing for it. */
export function reportStrays<Note>(
  { mark, chain }: Sight<Note>,
  { strays }: SegmentList,
  found: HeadMark | undefined,
  report: (damage: Damage) => void,
): void {
  const nothing = { offset: 0, firstPosition: chain.position + 1, lastPosition: chain.position }
  for (const { file, reason } of strays) report({ segment: file.name, bytes: file.size, ...nothing, reason })
  if (mark !== found) report({ segment: 'head', bytes: 0, ...nothing, reason: `it names segment ${found?.segment}, which cannot be` })
}

/** Segments that are not there, or less than something else knows of. */
export function reportLost<Note>(
  sight: Sight<Note>,
  { files, elsewhere }: SegmentList,
  role: Role,
  report: (damage: Damage) => void,
): void {
  const { mark, chain, newest, index, known } = sight
  const at = { segment: newest?.name ?? 'journal', offset: sight.end, bytes: 0 }
  let number = 1
  let last = 0
  for (const file of files) {
    // Whoever wrote a header knew which was the one before it.
    if (file.number !== number && file.head?.before !== number - 1)
      report({
        segment: segmentName(number, last + 1).name,
        offset: 0,
        bytes: 0,
        firstPosition: last + 1,
        lastPosition: file.first - 1,
        reason: `segments ${number} to ${file.number - 1} are missing`,
      })
    const sealed = sight.segments.get(file.number)
    // Nothing but zeros, and no header behind it that says what it held.
    if (sealed?.end === 0 && sealed.first <= sealed.position)
      report({
        segment: file.name,
        offset: 0,
        bytes: 0,
        firstPosition: sealed.first,
        lastPosition: sealed.position,
        reason: 'the segment holds nothing',
      })
    number = file.number + 1
    last = sealed?.position ?? last
  }
  if (role === 'beside') return
  const position = Math.max(
    chain.position,
    sight.unproven?.header.kind === Kind.data ? sight.unproven.header.first + sight.unproven.header.aux - 1 : 0,
  )
  if (mark !== undefined && (mark.segment >= number || mark.position > position)) {
    const known = sight.damage.some(({ lastPosition }) => lastPosition !== undefined && lastPosition >= mark.position)
    const lastPosition = Math.max(position, mark.position)
    // A segment that is missing at the end is named as it will be once another stands behind it.
    const place = mark.segment >= number ? { segment: segmentName(number, lastPosition + 1).name, offset: 0, bytes: 0 } : at
    const reason = `the head file knows segment ${mark.segment} and position ${mark.position}`
    if (mark.segment >= number || !known) report({ ...place, firstPosition: position + 1, lastPosition, reason })
    if (mark.position > chain.position) {
      Object.assign(chain, { position: mark.position, digest: mark.digest })
      index.complete = false
    }
  } else if (known >= number - 1 && known > 0) {
    // Nothing says how many positions are lost, and none of them may be given again.
    chain.position = Math.max(position, elsewhere.position) + SEGMENT_POSITIONS
    index.complete = false
    sight.clean = false
    const reason = `there was a segment ${known}, and what followed is missing`
    report({ ...at, firstPosition: position + 1, lastPosition: chain.position, reason })
  }
}
