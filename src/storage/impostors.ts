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
  const frames = new Frames(handles, paths, journal)
  const files: SegmentFile[] = []
  const strays = [...list.strays]
  const before = new Map<number, Before>()
  for (const same of byNumber(list.files)) {
    const last = files.at(-1)
    for (const file of same) {
      const isTaken = files.at(-1)?.number === file.number
      const found = isTaken ? 'another file is the segment of its number' : await frames.judge(file, same.length > 1, last, before)
      if (typeof found === 'string') strays.push({ file, reason: found })
      else files.push(file)
      if (typeof found === 'object') before.set(file.number, found)
    }
  }
  return { list: { ...list, files, strays }, before }
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

/** What the frames say that stand in files. */
class Frames {
  readonly #handles: Handles
  readonly #paths: Paths
  readonly #journal: Buffer

  constructor(handles: Handles, paths: Paths, journal: Buffer) {
    this.#handles = handles
    this.#paths = paths
    this.#journal = journal
  }

  /** Why a file is none of the segments; or how the one before it ends, where that had to be looked for. */
  async judge(
    file: SegmentFile,
    isOneOfMany: boolean,
    last: SegmentFile | undefined,
    before: ReadonlyMap<number, Before>,
  ): Promise<string | Before | undefined> {
    if (last === undefined) return undefined
    if (file.first < last.first) return 'it begins before the segment before it'
    if (file.head !== undefined && !isOneOfMany) return undefined
    const end = await this.#endOf(last, before.get(last.number), file.first)
    if (end === undefined) return 'its first position lies inside a group of the segment before it'
    const isWhole = end.position === file.first - 1
    if (file.head !== undefined) {
      const isForked = isWhole && end.digest?.equals(file.head.header.digest) === false
      return isForked ? 'its history is not that of the segment before it' : undefined
    }
    if (end.goesOn && !(await this.#isBegun(file))) return 'it holds nothing, and the segment before it goes on'
    // Frames that are lost at the end had numbers too.
    return { digest: end.digest, group: isWhole && last.number === file.number - 1 ? end.group : -1 }
  }

  /**
   * Where the frames of a segment end if the next one begins at a position; undefined if that lies inside a group. Without a header that checks
   * only the name says where the next begins, and positions are read by that. A segment begins where a group ended, so a name that
   * cuts a group in two is wrong, and half of that group would be taken for lost.
   */
  #endOf(segment: SegmentFile, before: Before | undefined, next: number): Promise<End | undefined> {
    return this.#handles.with(this.#paths.segment(segment), async (file) => {
      const chain = beginning(before, segment)
      const walk = new Walk(file, this.#journal, 0, await contentEnd(file, 0, segment.size), chain, { digests: false })
      let end: End = { group: -1, digest: undefined, position: chain.position, goesOn: false }
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

  /** Whether any frame stands in it that could stand behind its header. */
  #isBegun(segment: SegmentFile): Promise<boolean> {
    return this.#handles.with(this.#paths.segment(segment), async (file) => {
      const item = await new Walk(file, this.#journal, 0, segment.size, beginning(undefined, segment), { digests: false }).next()
      return item !== undefined && (!isHole(item) || !item.final)
    })
  }
}
