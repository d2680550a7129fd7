/** Files among the segments that are none of them: what a name or a header says of them cannot be. */
import { segmentName, type SegmentName } from './paths.js'

/**
 * So many segments in a row may be missing where nothing but a name, an index or the head file says that there is one behind them: where more
 * would be, that is wrong. Whoever begins a segment behind such a word goes so far, too.
 */
export const MISSING_MAX = 1000
/** The same where a header that checks says it. */
const MISSING_KNOWN_MAX = 10 * MISSING_MAX

/** More events than a segment of the usual size has room for. */
export const SEGMENT_POSITIONS = 1 << 21
/** The same for any size: so far behind a header that checks the next segment may begin where nothing but a name says so. */
const NAMED_POSITIONS_MAX = MISSING_MAX * SEGMENT_POSITIONS

/** A file with a segment's name. */
export interface Candidate extends SegmentName {
  /** Its header, undefined if that does not check or is not one of this name. */
  head: unknown
  /** Its header, if that checks and is that of another segment. */
  misnamed: { number: number; header: { first: number } } | undefined
}

export interface Stray<F extends Candidate> {
  file: F
  reason: string
}

/** Sorts out all that have a segment's name and cannot be one, by what names and headers say. `above`: those up to that number are not among them. */
export function sortOut<F extends Candidate>(all: readonly F[], above = 0): { files: F[]; strays: Stray<F>[] } {
  const strays: Stray<F>[] = []
  const kept = (files: readonly F[], why: (file: F) => string | undefined): F[] =>
    files.filter((file) => {
      const reason = why(file)
      if (reason !== undefined) strays.push({ file, reason })
      return reason === undefined
    })
  const named = kept(all, isAnother).toSorted((a, b) => a.number - b.number)
  const placed = kept(named, outOfPlace(named))
  return { files: kept(placed, outOfReach(above)), strays }
}

function isAnother({ number, first, misnamed }: Candidate): string | undefined {
  if (misnamed !== undefined) return `its header is that of ${segmentName(misnamed.number, misnamed.header.first).name}`
  return number === 1 && first !== 1 ? 'the first segment begins with position 1' : undefined
}

/** Why one whose header does not check cannot be what it is named, beside those, in order, whose header does. */
function outOfPlace(sorted: readonly Candidate[]): (file: Candidate) => string | undefined {
  const known = sorted.filter(({ head }) => head !== undefined)
  const numbers = new Set(known.map(({ number }) => number))
  // The highest first position up to each, and the lowest from each on.
  const before = running(known, Math.max)
  const after = running(known.toReversed(), Math.min).toReversed()
  return ({ number, first, head }) => {
    if (head !== undefined) return undefined
    if (numbers.has(number)) return 'another file is the segment of its number'
    const next = lowerBound(known, number)
    const from = before[next - 1] ?? 0
    if (first < from || first > (after[next] ?? Number.POSITIVE_INFINITY))
      return 'its first position does not lie between those of its neighbours'
    const segments = number - (known[next - 1]?.number ?? 0)
    return first - from > segments * NAMED_POSITIONS_MAX ? 'its first position lies too far behind the segments before it' : undefined
  }
}

function running(files: readonly Candidate[], choose: (a: number, b: number) => number): number[] {
  const all: number[] = []
  for (const { first } of files) all.push(choose(all.at(-1) ?? first, first))
  return all
}

/** How many of them have a lower number. */
function lowerBound(sorted: readonly Candidate[], number: number): number {
  let low = 0
  for (let high = sorted.length; low < high;) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as Candidate).number < number) low = middle + 1
    else high = middle
  }
  return low
}

/** Asked of each in order: why a segment of its number cannot be. */
function outOfReach(above: number): (file: Candidate) => string | undefined {
  let before = above
  /** Since the last one whose header checks. */
  let missing = 0
  return ({ number, head }) => {
    const more = Math.max(0, number - before - 1)
    if (head === undefined ? missing + more > MISSING_MAX : more > MISSING_KNOWN_MAX)
      return 'its number lies too far behind the segments before it'
    before = number
    missing = head === undefined ? missing + more : 0
    return undefined
  }
}
