/** Files among the segments that are none of them: what a name or a header says of them cannot be. */
import { segmentName, type SegmentName } from './paths.js'

/** So many segments in a row are not lost: where a number says so, the number is wrong. */
export const MISSING_MAX = 10_000

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

/** Sorts out, of all that have a segment's name, one file for each number, in order. `above`: those up to that number are not among them. */
export function sortOut<F extends Candidate>(all: readonly F[], above = 0): { files: F[]; strays: Stray<F>[] } {
  const strays: Stray<F>[] = []
  const keep = (file: F, reason: string | undefined): boolean => {
    if (reason !== undefined) strays.push({ file, reason })
    return reason === undefined
  }
  const named = all.filter((file) => keep(file, isAnother(file)))
  const placed = named.filter((file) => keep(file, outOfPlace(file, named)))
  const files = placed.toSorted((a, b) => a.number - b.number)
  const reach = files.findIndex(({ number }, i) => number - (files[i - 1]?.number ?? above) > MISSING_MAX)
  const within = reach < 0 ? files : files.slice(0, reach)
  for (const file of files.slice(within.length)) strays.push({ file, reason: 'its number lies too far behind the segments before it' })
  return { files: within, strays }
}

function isAnother({ misnamed }: Candidate): string | undefined {
  return misnamed && `its header is that of ${segmentName(misnamed.number, misnamed.header.first).name}`
}

/** Why a file whose header does not check cannot be what it is named, beside those whose header does. */
export function outOfPlace({ number, first, name, head }: Candidate, all: readonly Candidate[]): string | undefined {
  if (head !== undefined) return undefined
  if (number === 1 && first !== 1) return 'the first segment begins with position 1'
  const others = all.filter((other) => other.name !== name && other.head !== undefined)
  if (others.some((other) => other.number === number)) return 'another file is the segment of its number'
  const against = others.some((other) => (other.number < number ? other.first > first : other.number > number && other.first < first))
  return against ? 'its first position does not lie between those of its neighbours' : undefined
}
