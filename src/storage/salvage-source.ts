/** What is intact in a journal's directory, in whatever state that is: groups in the order of their positions. Touches nothing. */
import { isJournalError } from '../errors.js'
import type { Before, Sealed, SegmentFile } from './core.js'
import type { FileHandle, Files } from './files.js'
import { Kind, type Frame } from './frame.js'
import { gapsIn, type Lost } from './gap-record.js'
import type { Handles } from './handles.js'
import type { HeadMark } from './head-file.js'
import { withoutImpostors } from './impostors.js'
import { commitsIn, together, type Intact } from './intact.js'
import type { Paths } from './paths.js'
import { confined, isPast } from './rebuild.js'
import { isOf, openRemains, type Remains } from './remains.js'
import { Copies, type Copy } from './salvage-copies.js'
import { salvage } from './salvage.js'
import { factsOf, sealedOf, type SegmentList } from './segments.js'
import { judgeTail } from './tail.js'
import type { Unread } from './tolerant-files.js'
import { SEGMENT_POSITIONS } from './strays.js'
import { beginning, isHole, Walk, type Hole } from './walk.js'

export class SalvageSource {
  readonly journal: Buffer
  readonly mark: HeadMark | undefined
  /** What was known to be lost before. */
  readonly known: Lost[]
  /** Files of it that could not be opened. */
  readonly unread: readonly Unread[]
  /** Bytes that are read, and how many have been. */
  readonly bytes: number
  done = 0
  /** Once all is read: the last position that the history is known to have had. */
  end = 0
  /** Up to where the damaged end of the history may have gone. */
  #reach = 0
  /** The segments, as every reader takes them. */
  readonly #list: SegmentList
  readonly #before: ReadonlyMap<number, Before>
  readonly #sealed: ReadonlyMap<number, Sealed>
  readonly #handles: Handles
  readonly #paths: Paths

  private constructor(
    { journal, mark, unread, paths, handles }: Remains,
    list: SegmentList,
    before: ReadonlyMap<number, Before>,
    sealed: ReadonlyMap<number, Sealed>,
  ) {
    this.journal = journal
    this.mark = mark
    this.unread = unread
    this.#list = list
    this.#before = before
    this.#sealed = sealed
    this.#paths = paths
    this.#handles = handles
    this.bytes = list.files.reduce((sum, { size }) => sum + size, 0)
    const head = list.files.findLast((file) => file.head !== undefined)?.head
    this.known = head === undefined ? [] : [...factsOf(head).gaps]
  }

  /** @throws JournalError JOURNAL_NOT_FOUND where not one frame is left, JOURNAL_NEWER_FORMAT, JOURNAL_IO */
  static async open(directory: string, given: Files): Promise<SalvageSource> {
    const remains = await openRemains(directory, given)
    const { journal, paths, handles } = remains
    try {
      const { list, before } = await withoutImpostors(remains.list, handles, paths, journal)
      const source = new SalvageSource(remains, list, before, await sealedOf(list.files, handles, paths))
      await source.#gatherKnown()
      return source
    } catch (error) {
      await handles.close()
      throw error
    }
  }

  /** Groups with growing positions: those of the segments, and where these have lost some, those of copies. */
  async *intact(): AsyncGenerator<Intact, void, undefined> {
    const { files, strays } = this.#list
    const copies = new Copies(strays.map(({ file }) => this.#copy(file)))
    try {
      for (const file of files) {
        for await (const group of this.#segment(file)) yield* copies.upTo(group)
        this.done += file.size
      }
      yield* copies.upTo(undefined)
    } finally {
      await copies.close()
    }
    this.end = this.#endBehind(copies)
  }

  close(): Promise<void> {
    return this.#handles.close()
  }

  /** What was written down as lost since the newest header that says all of it. */
  async #gatherKnown(): Promise<void> {
    const { files } = this.#list
    const from = files.findLastIndex(({ head }) => head !== undefined)
    for (const file of files.slice(Math.max(0, from))) {
      await this.#handles.with(this.#paths.segment(file), async (handle) => {
        const walk = new Walk(handle, this.journal, 0, file.size, beginning(this.#before.get(file.number), file), { digests: false })
        for (let item = await walk.next(); item !== undefined; item = await walk.next())
          if (!isHole(item) && item.header.kind === Kind.gap) this.known.push(...lostIn(item))
      })
    }
  }

  #endBehind({ reached: { position }, highest }: Copies): number {
    const { files, indexed, elsewhere } = this.#list
    const last = files.at(-1)
    const number = Math.max(last?.number ?? 0, highest)
    const { segment = 0, position: marked = 0 } = this.mark ?? {}
    // Of what is proven to have been there and cannot be read nobody knows how long it was; nor of what could be opened at times only.
    const isElsewhere = this.mark === undefined && elsewhere.number > number
    const isMissing = isElsewhere || (indexed > 0 && indexed >= number)
    const isUnread = last !== undefined && this.unread.some((what) => isOf(what, last))
    const isMarked = segment > number || marked > position
    const unknown = !isMarked && (isMissing || isUnread) ? SEGMENT_POSITIONS : 0
    return Math.max((isElsewhere ? Math.max(position, elsewhere.position) : position) + unknown, this.#reach, marked)
  }

  /** What a segment holds, as every reader takes it. */
  async *#segment(file: SegmentFile): AsyncGenerator<Intact> {
    const sealed = this.#sealed.get(file.number)
    // That it was begun says that there was what comes before it.
    this.#reach = file.first - 1
    const { file: handle, release } = await this.#handles.acquire(this.#paths.segment(file))
    try {
      const walk = new Walk(handle, this.journal, 0, sealed?.end ?? file.size, beginning(this.#before.get(file.number), file), {
        vouches: true,
        upTo: sealed?.position,
      })
      let isAfterGap = false
      for (;;) {
        const { digest } = walk.chain
        const item = await walk.next()
        if (item === undefined || (sealed !== undefined && isPast(item, sealed))) break
        if (isHole(item)) yield* this.#hole(item, file, sealed, handle)
        else if (item.header.kind === Kind.data) yield* commitsIn(item, isAfterGap ? undefined : digest)
        isAfterGap = !isHole(item) && (item.header.kind === Kind.gap || (isAfterGap && item.header.kind !== Kind.data))
        this.#reach = Math.max(this.#reach, walk.chain.position)
      }
    } finally {
      await release()
    }
  }

  async *#hole(hole: Hole, { number, size }: SegmentFile, sealed: Sealed | undefined, handle: FileHandle): AsyncGenerator<Intact> {
    if (hole.final && sealed === undefined) {
      const promised = this.mark?.segment === number ? this.mark.end : 0
      const isSealed = this.#list.indexed >= number || (this.mark?.segment ?? 0) > number
      const tail = await judgeTail(handle, hole.offset, size, hole.header, promised, isSealed)
      // Nobody was promised what a last write held that did not finish.
      if (tail.kind !== 'damaged') return
      this.#reach = Math.max(this.#reach, reachOf(hole, tail.end, promised > hole.offset))
    }
    yield* savedIn(sealed === undefined ? hole : confined(hole, sealed))
  }

  /** A file with a segment's name that is not the one of that name, or is none. */
  #copy(file: SegmentFile): Copy {
    const first = file.misnamed?.header.first ?? 1
    const number = file.misnamed?.number ?? 0
    return { first, number, groups: () => this.#groupsOf(file, first, number) }
  }

  async *#groupsOf(file: SegmentFile, first: number, number: number): AsyncGenerator<Intact> {
    const { file: handle, release } = await this.#handles.acquire(this.#paths.segment(file))
    const isNewest = number > (this.#list.files.at(-1)?.number ?? 0)
    try {
      const walk = new Walk(handle, this.journal, 0, file.size, beginning(undefined, { first }), { vouches: true })
      for (;;) {
        const { digest } = walk.chain
        const item = await walk.next()
        if (item === undefined) break
        if (isHole(item)) yield* savedIn(item)
        else if (item.header.kind === Kind.data) yield* commitsIn(item, digest)
        if (!isNewest || !isHole(item) || !item.final) continue
        const tail = await judgeTail(handle, item.offset, file.size, item.header, 0)
        if (tail.kind === 'damaged') this.#reach = Math.max(this.#reach, reachOf(item, tail.end, false))
      }
    } finally {
      await release()
    }
  }
}

function* savedIn(hole: Hole): Generator<Intact> {
  const { before, after } = salvage(hole)
  for (const saved of [before, after]) if (saved.length > 0) yield together(hole.payload as Buffer, saved)
}

/** What a frame that checks says is lost: of one that says nothing of the kind, nothing is known. */
function lostIn(frame: Frame): Lost[] {
  try {
    return gapsIn(frame)
  } catch (error) {
    if (isJournalError(error, 'JOURNAL_DAMAGED')) return []
    throw error
  }
}

/** More positions than the bytes could have held, where nothing says how many are lost. */
function reachOf({ offset, first, last }: Hole, end: number, isMarked: boolean): number {
  return last ?? (isMarked ? 0 : first - 1 + Math.ceil((end - offset) / 8))
}
