/** Files that no header of this journal speaks for, or several: what the frames of the others say of them. */
import type { Before, SegmentFile } from './core.js'
import { Kind, positionAfter } from './frame.js'
import type { Handles } from './handles.js'
import type { Paths } from './paths.js'
import { contentEnd, type SegmentList } from './segments.js'
import { beginning, isHole, Walk } from './walk.js'

export interface Sorted {
  /** One file for each number, with ascending first positions. */
  list: SegmentList
  /** By number, how the segment before one ends of which no header says it. */
  before: Map<number, Before>
}

/** Leaves out files that cannot be the segment that they are named. */
export async function withoutImpostors(list: SegmentList, handles: Handles, paths: Paths, journal: Buffer): Promise<Sorted> {
  const files: SegmentFile[] = []
  const strays = [...list.strays]
  const begins = new Map<number, Before>()
  for (const same of byNumber(list.files)) {
    const before = files.at(-1)
    for (const file of same) {
      const found = await judge(file, same.length > 1)
      if (typeof found === 'string') strays.push({ file, reason: found })
      else files.push(file)
      if (typeof found === 'object') begins.set(file.number, found)
    }

    /** Why it is none, or how the one before ends, where that had to be looked for. */
    async function judge(file: SegmentFile, isOneOfMany: boolean): Promise<string | Before | undefined> {
      if (files.at(-1)?.number === file.number) return 'another file is the segment of its number'
      if (before === undefined) return undefined
      if (file.first < before.first) return 'it begins before the segment before it'
      if (file.head !== undefined && !isOneOfMany) return undefined
      const end = await endOf(before, begins.get(before.number), file.first, handles, paths.segment(before), journal)
      if (end === undefined) return 'its first position lies inside a group of the segment before it'
      if (file.head !== undefined) {
        const isForked = end.position === file.first - 1 && end.digest?.equals(file.head.header.digest) === false
        return isForked ? 'its history is not that of the segment before it' : undefined
      }
      if (end.goesOn && !(await holdsFrames(file, handles, paths.segment(file), journal)))
        return 'it holds nothing, and the segment before it goes on'
      // Frames that are lost at the end had numbers too.
      const isSure = before.number === file.number - 1 && end.position === file.first - 1
      return { digest: end.digest, group: isSure ? end.group : -1 }
    }
  }
  return { list: { ...list, files, strays }, before: begins }
}

/** Those of one number together, first the one that takes less from the segment before. */
function byNumber(files: readonly SegmentFile[]): SegmentFile[][] {
  const all: SegmentFile[][] = []
  for (const file of files.toSorted((a, b) => a.number - b.number || b.first - a.first)) {
    if (all.at(-1)?.[0]?.number === file.number) all.at(-1)?.push(file)
    else all.push([file])
  }
  return all
}

interface End extends Before {
  position: number
  /** A group stands behind. */
  goesOn: boolean
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
): Promise<End | undefined> {
  return handles.with(path, async (file) => {
    const walk = new Walk(file, journal, 0, await contentEnd(file, 0, size), beginning(before, { first }), { digests: false })
    let end: End = { group: -1, digest: undefined, position: first - 1, goesOn: false }
    for (let item = await walk.next(); item !== undefined; item = await walk.next()) {
      if (isHole(item)) {
        if (item.final) break
        continue
      }
      const { header } = item
      if (header.kind === Kind.data && header.first >= next) return { ...end, goesOn: true }
      if (header.kind === Kind.data && next <= positionAfter(header)) return undefined
      end = { group: header.group, digest: Buffer.from(header.digest), position: walk.chain.position, goesOn: false }
    }
    return end
  })
}

/** Whether any frame of this journal stands in it that could stand behind its header. */
function holdsFrames({ first, size }: SegmentFile, handles: Handles, path: string, journal: Buffer): Promise<boolean> {
  return handles.with(path, async (file) => {
    const walk = new Walk(file, journal, 0, size, beginning(undefined, { first }), { digests: false })
    const item = await walk.next()
    return item !== undefined && (!isHole(item) || !item.final)
  })
}
