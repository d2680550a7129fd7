/** Losses that no bytes show: segments that are not there, or hold less than something else knows of, and files that are no segments. */
import type { Damage } from '../errors.js'
import { positionAfter } from './frame.js'
import type { HeadMark } from './head-file.js'
import { segmentName } from './paths.js'
import type { SegmentList } from './segments.js'
import type { Sight } from './sight.js'
import { SEGMENT_POSITIONS } from './strays.js'

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

/** Segments that are not there, or hold nothing, before one that is there. */
export function reportBetween<Note>({ segments }: Sight<Note>, { files }: SegmentList, report: (damage: Damage) => void): void {
  let before = 0
  let last = 0
  for (const file of files) {
    const number = before + 1
    // Whoever wrote a header knew which was the one before it.
    if (file.number !== number && file.head?.before !== before)
      report({
        ...nothingOf(segmentName(number, last + 1).name),
        firstPosition: last + 1,
        lastPosition: file.first - 1,
        reason: `segments ${number} to ${file.number - 1} are missing`,
      })
    const sealed = segments.get(file.number)
    // Nothing but zeros, and no header behind it that says what it held.
    if (sealed?.end === 0 && sealed.first <= sealed.position)
      report({
        ...nothingOf(file.name),
        firstPosition: sealed.first,
        lastPosition: sealed.position,
        reason: 'the segment holds nothing',
      })
    before = file.number
    last = sealed?.position ?? last
  }
}

/** Moves the end of the history behind what something else knows of and is not there: no position of it may be given again. */
export function passOverLostEnd<Note>(sight: Sight<Note>, { files, elsewhere }: SegmentList, report: (damage: Damage) => void): void {
  const { mark, chain, index, known, unproven } = sight
  const next = (files.at(-1)?.number ?? 0) + 1
  const position = Math.max(chain.position, unproven === undefined ? 0 : positionAfter(unproven.header))
  if (mark !== undefined && (mark.segment >= next || mark.position > position)) {
    reportMarked(sight, mark, next, position, report)
    if (mark.position <= chain.position) return
    Object.assign(chain, { position: mark.position, digest: mark.digest })
    index.complete = false
  } else if (known >= next - 1 && known > 0) {
    // Nothing says how many positions are lost.
    chain.position = Math.max(position, elsewhere.position) + SEGMENT_POSITIONS
    index.complete = false
    sight.clean = false
    const reason = `there was a segment ${known}, and what followed is missing`
    report({ ...endOf(sight), firstPosition: position + 1, lastPosition: chain.position, reason })
  }
}

/** That the head file knows of more than is there. */
function reportMarked<Note>(sight: Sight<Note>, mark: HeadMark, next: number, position: number, report: (damage: Damage) => void): void {
  const isMissing = mark.segment >= next
  if (!isMissing && sight.damage.some(({ lastPosition }) => lastPosition !== undefined && lastPosition >= mark.position)) return
  const lastPosition = Math.max(position, mark.position)
  // A segment that is missing at the end is named as it will be once another stands behind it.
  const place = isMissing ? nothingOf(segmentName(next, lastPosition + 1).name) : endOf(sight)
  const reason = `the head file knows segment ${mark.segment} and position ${mark.position}`
  report({ ...place, firstPosition: position + 1, lastPosition, reason })
}

function endOf<Note>({ newest, end }: Sight<Note>): Pick<Damage, 'segment' | 'offset' | 'bytes'> {
  return { ...nothingOf(newest?.name ?? 'journal'), offset: end }
}

function nothingOf(segment: string): Pick<Damage, 'segment' | 'offset' | 'bytes'> {
  return { segment, offset: 0, bytes: 0 }
}
