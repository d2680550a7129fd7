/** What is intact in a journal's directory, in whatever state that is: groups in the order of their positions. Touches nothing. */
import { isJournalError } from '../errors.js'
import type { Before, SegmentFile } from './core.js'
import type { FileHandle, Files } from './files.js'
import { Kind, payloadOf, type Frame } from './frame.js'
import type { Lost } from './gap-record.js'
import { readGroup } from './group.js'
import type { Handles } from './handles.js'
import type { HeadMark } from './head-file.js'
import { SEGMENT_POSITIONS } from './losses.js'
import type { Paths } from './paths.js'
import { lastPosition } from './record.js'
import { isOf, openRemains, type Remains } from './remains.js'
import { fromStart, salvage, type Saved } from './salvage.js'
import { contentEnd, factsOf, headerBehind, type SegmentList } from './segments.js'
import { judgeTail } from './tail.js'
import type { Unread } from './tolerant-files.js'
import { beginning, isHole, Walk, type Hole } from './walk.js'

/** Records that stood together, as they are on the disk. The payload is valid until the next is asked for. */
export interface Intact {
  first: number
  events: number
  records: number
  payload: Buffer
}

export class SalvageSource {
  readonly journal: Buffer
  readonly mark: HeadMark | undefined
  /** What was known to be lost before. */
  readonly known: readonly Lost[]
  /** Files of it that could not be opened. */
  readonly unread: readonly Unread[]
  /** Bytes that are read, and how many have been. */
  readonly bytes: number
  done = 0
  /** Once all is read: the last position that the history is known to have had. */
  end = 0
  /** Up to where the damaged end of the history may have gone. */
  #reach = 0
  readonly #list: SegmentList
  /** By number, of segments whose header does not check. */
  readonly #before = new Map<number, Before>()
  readonly #handles: Handles
  readonly #paths: Paths

  private constructor({ journal, mark, list, unread, paths, handles }: Remains) {
    this.journal = journal
    this.mark = mark
    this.unread = unread
    this.#list = renamed(list, journal)
    this.#paths = paths
    this.#handles = handles
    const { files } = this.#list
    this.bytes = files.reduce((sum, { size }) => sum + size, 0)
    const head = files.findLast((file) => file.head !== undefined)?.head
    this.known = head === undefined ? [] : factsOf(head).gaps
  }

  /** @throws JournalError JOURNAL_NOT_FOUND where not one frame is left, JOURNAL_NEWER_FORMAT, JOURNAL_IO */
  static async open(directory: string, given: Files): Promise<SalvageSource> {
    const remains = await openRemains(directory, given)
    try {
      return new SalvageSource(remains)
    } catch (error) {
      await remains.handles.close()
      throw error
    }
  }

  /** Groups with growing positions. */
  async *intact(): AsyncGenerator<Intact, void, undefined> {
    const { files, indexed } = this.#list
    let position = 0
    for (const [i, file] of files.entries()) {
      const next = files.slice(i + 1).find(({ number }) => number > file.number)
      for await (const group of this.#segment(file, next)) {
        const left = group.first > position ? group : behind(group, position)
        if (left === undefined) continue
        yield left
        position = left.first + left.events - 1
      }
      this.done += file.size
    }
    const last = files.at(-1)
    // Of what is proven to have been there and cannot be read nobody knows how long it was; nor of what could be opened at times only.
    const isMissing = indexed > 0 && indexed >= (last?.number ?? 0)
    const isUnread = last !== undefined && this.unread.some((what) => isOf(what, last))
    const { segment = 0, position: marked = 0 } = this.mark ?? {}
    const isMarked = segment > (last?.number ?? 0) || marked > position
    const unknown = !isMarked && (isMissing || isUnread) ? SEGMENT_POSITIONS : 0
    this.end = Math.max(position + unknown, this.#reach, marked)
  }

  close(): Promise<void> {
    return this.#handles.close()
  }

  /** What a segment holds up to where the next begins. */
  async *#segment(file: SegmentFile, next: SegmentFile | undefined): AsyncGenerator<Intact> {
    const limit = (next?.first ?? Number.POSITIVE_INFINITY) - 1
    // That it was begun says that there was what comes before it.
    if (next === undefined) this.#reach = file.first - 1
    const header = headerBehind(file, next)
    const { file: handle, release } = await this.#handles.acquire(this.#paths.segment(file))
    try {
      const end = next === undefined ? file.size : (header?.aux ?? (await contentEnd(handle, 0, file.size)))
      const walk = new Walk(handle, this.journal, 0, end, beginning(this.#before.get(file.number), file), { vouches: true })
      for (let item = await walk.next(); item !== undefined; item = await walk.next()) {
        if (isHole(item)) yield* this.#hole(item, file, next, limit, handle)
        else if (item.header.first > limit) continue
        else if (item.header.kind === Kind.data) yield* commitsIn(item)
        const { group, position, digest } = walk.chain
        if (next === undefined) this.#reach = Math.max(this.#reach, position)
        // Frames that are lost at the end had numbers too.
        if (next?.head === undefined) this.#before.set(file.number + 1, { group: position === limit ? group : -1, digest })
      }
    } finally {
      await release()
    }
  }

  async *#hole(hole: Hole, file: SegmentFile, next: SegmentFile | undefined, limit: number, handle: FileHandle): AsyncGenerator<Intact> {
    if (hole.final && next === undefined) {
      const promised = this.mark?.segment === file.number ? this.mark.end : 0
      const sealed = this.#list.indexed >= file.number || (this.mark?.segment ?? 0) > file.number
      const tail = await judgeTail(handle, hole.offset, file.size, hole.header, promised, sealed)
      // Nobody was promised what a last write held that did not finish.
      if (tail.kind !== 'damaged') return
      // More than the bytes could have held, where nothing says how many positions are lost.
      this.#reach = hole.last ?? (promised > hole.offset ? 0 : hole.first - 1 + Math.ceil((tail.end - hole.offset) / 8))
    }
    const { before, after } = salvage(hole.final && next !== undefined ? { ...hole, last: limit } : hole)
    for (const saved of [before, after]) if (saved.length > 0) yield together(hole.payload as Buffer, saved)
  }
}

/** Files with the name of another segment in their own place, unless somebody stands there whose name and header agree. */
function renamed({ files, strays, ...rest }: SegmentList, journal: Buffer): SegmentList {
  const found = strays.flatMap(({ file }) => {
    const { misnamed: head } = file
    if (head === undefined || !head.header.journal.equals(journal)) return []
    const isThere = files.some((other) => other.number === head.number && other.head !== undefined)
    return isThere ? [] : [{ ...file, number: head.number, first: head.header.first, head }]
  })
  return { ...rest, strays, files: [...found, ...files].toSorted((a, b) => a.number - b.number) }
}

/** A frame that checks, whole; where its records are not what its header says, those that are commits. */
function* commitsIn(frame: Frame): Generator<Intact> {
  const { header, offset, end } = frame
  const { first, aux: events, count: records } = header
  const payload = payloadOf(frame)
  const reason = whyUnfit(frame)
  if (reason === undefined) {
    yield { first, events, records, payload }
    return
  }
  const last = first + events - 1
  const { before, after } = salvage({ offset, end, reason, first, last, final: false, header, payload })
  for (const saved of [before, after]) {
    const fitting = saved.filter(({ commit }) => lastPosition(commit) <= last)
    if (fitting.length > 0) yield together(payload, fitting)
  }
}

/** Why no program that keeps to the format wrote a frame that checks; undefined if one did. */
function whyUnfit(frame: Frame): string | undefined {
  try {
    readGroup(frame)
    return undefined
  } catch (error) {
    if (isJournalError(error, 'JOURNAL_DAMAGED')) return error.message
    throw error
  }
}

/** Of records that another copy had some of, those behind a position. */
function behind({ first, payload }: Intact, position: number): Intact | undefined {
  const left = fromStart(payload, first).before.filter(({ commit }) => commit.position > position)
  return left.length === 0 ? undefined : together(payload, left)
}

/** Records that stand side by side in a payload. */
function together(payload: Buffer, saved: readonly Saved[]): Intact {
  const [first, last] = [saved[0] as Saved, saved.at(-1) as Saved]
  const events = saved.reduce((sum, { commit }) => sum + commit.events.length, 0)
  return { first: first.commit.position, events, records: saved.length, payload: payload.subarray(first.at, last.end) }
}
