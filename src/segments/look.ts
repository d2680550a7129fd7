/**
 * The look at a journal that opening begins with: reads the newest segment whose beginning checks and all behind it, and
 * changes nothing. What it returns is enough to refuse, to read, or to go on writing.
 */
import { JournalError, type Damage } from '../errors.js'
import { ActiveIndex } from './active-index.js'
import { Carried } from './carried.js'
import type { StreamNotes } from '../storage/commit-store.js'
import type { FileHandle, Files } from '../storage/files.js'
import { Kind, type FrameHeader } from './frame.js'
import { damageOf, placed, salvaged, type PlacedCommit } from './group.js'
import { readHead, type HeadSlot } from './head-file.js'
import { segmentName, type SegmentName } from './segment.js'
import { decodeSnapshot } from './snapshot-frame.js'
import { Segments, type Beginning } from './segments.js'
import { isTorn } from './tail.js'
import { isZero, walk, type BadRange, type Expected, type WalkedFrame } from './walk.js'

/** The last frame that checks. Nothing behind it proves that it was durable; its commits are not in the indexes yet. */
export interface FinalFrame {
  at: number
  header: FrameHeader
  payload: Buffer
  /** History before it. */
  before: Expected
}

export interface Looked<Note> {
  segments: Segments
  head: HeadSlot | undefined
  carried: Carried
  /** End of what checks. */
  end: Expected
  /** The last segment, the offset behind its last good frame, and its size. */
  last: { segment: SegmentName; offset: number; size: number }
  final: FinalFrame | undefined
  /** Indexes of the segments that were read, by number. */
  indexes: Map<number, ActiveIndex<Note>>
  damage: Damage[]
  /** What lies behind the last good frame: nothing, an incomplete last write, or bytes that once were promised. */
  tail: 'clean' | 'torn' | 'damaged'
  /** Takes the final frame's commits into the index, as they lie in a segment at an offset. */
  accept(segment: SegmentName, at: number): Promise<void>
}

export interface LookOptions<Note> {
  files: Files
  directory: string
  notes: StreamNotes<Note>
  /** The stream's note at the end of the segments before `number`. */
  noteBefore(segments: Segments, stream: string, number: number): Note | Promise<Note>
  /** Position behind which frames are left alone, because another process writes there now. */
  upTo?: number
}

export async function look<Note>(options: LookOptions<Note>): Promise<Looked<Note>> {
  const list = await Segments.list(options.files, options.directory)
  const segments = new Segments(options.files, options.directory, list)
  const from = await base(segments, options.directory)
  const seeing = new Seeing(options, segments, from.beginning, await readHead(options.files, options.directory))
  seeing.missing(list)
  for (const segment of list.filter(({ number }) => number >= from.segment.number)) await seeing.segment(segment)
  await seeing.prove()
  return seeing.result()
}

/** The newest segment whose beginning checks. @throws JournalError JOURNAL_DAMAGED if none does. */
async function base(segments: Segments, directory: string): Promise<{ segment: SegmentName; beginning: Beginning }> {
  for (const segment of segments.all.toReversed()) {
    const beginning = await segments.beginning(segment)
    if (beginning !== undefined) return { segment, beginning }
  }
  const damage = segments.all.map((segment) => ({ segment: segmentName(segment), offset: 0, bytes: 0, firstPosition: segment.firstPosition, reason: 'the beginning of the segment does not check' }))
  throw new JournalError('JOURNAL_DAMAGED', `No segment in ${directory} has a beginning that checks. Copy the directory before anything else, then salvage what is intact.`, { directory, damage })
}

class Seeing<Note> {
  readonly #options: LookOptions<Note>
  readonly #segments: Segments
  readonly #head: HeadSlot | undefined
  readonly #carried: Carried
  readonly #end: Expected
  readonly #indexes = new Map<number, ActiveIndex<Note>>()
  readonly #damage: Damage[]
  #last: Looked<Note>['last'] | undefined
  #final: FinalFrame | undefined
  #finalIn: SegmentName | undefined
  /** History behind the last good frame, before the next is looked at. */
  #before: Expected
  #tail: Looked<Note>['tail'] = 'clean'

  constructor(options: LookOptions<Note>, segments: Segments, { frame, header }: Beginning, head: HeadSlot | undefined) {
    this.#options = options
    this.#segments = segments
    this.#head = head
    this.#carried = new Carried(header)
    this.#damage = [...header.blind]
    this.#end = { journalId: frame.journalId, group: header.group, position: header.position, digest: header.digest }
    this.#before = { ...this.#end }
  }

  /** Segments that are not there though their neighbours are. */
  missing(list: readonly SegmentName[]): void {
    let before: SegmentName = { number: 0, firstPosition: 1 }
    for (const segment of list) {
      if (segment.number > before.number + 1) this.#damage.push(gone(before.number + 1, before.firstPosition, segment.firstPosition - 1))
      if (segment.number === before.number) this.#damage.push({ ...gone(segment.number, segment.firstPosition, segment.firstPosition - 1), reason: 'a second file has the number of this segment' })
      before = segment
    }
  }

  async segment(segment: SegmentName): Promise<void> {
    const handle = await this.#segments.open(segment)
    const size = await handle.size()
    const limit = await this.#segments.limit(segment)
    const path = this.#segments.path(segment)
    await this.#settle()
    let offset = 0
    if (limit > size) this.#blind({ at: size, end: limit, reason: 'the segment is shorter than it was' }, segment, undefined)
    for await (const step of walk(handle, this.#end, { path, from: 0, limit: Math.min(limit, size), digests: true })) {
      if ('bad' in step) {
        const isLast = segment.number === this.#segments.last?.number && !step.bad.followed
        if (isLast) await this.#judge(handle, segment, step.bad, size)
        else await this.#damaged(segment, step.bad)
        continue
      }
      if (this.#beyond(step.frame.header)) break
      await this.#frame(segment, step.frame)
      offset = step.frame.at + step.frame.header.bytes
    }
    this.#last = { segment, offset, size }
  }

  /** Holds what was found against the writer's own word of how far it got, and takes the final frame in where it is proven. */
  async prove(): Promise<void> {
    const position = this.#head?.position ?? 0
    const ahead = this.#options.upTo === undefined && position > this.#end.position
    if (ahead || this.#tail === 'damaged' || this.#options.upTo !== undefined || (this.#final?.header.kind === Kind.data && position === this.#end.position)) await this.#settle()
    if (ahead) this.#lost(this.#head as HeadSlot)
  }

  /** The writer got further than what is there. */
  #lost(head: HeadSlot): void {
    const { segment, offset, size } = this.#last as Looked<Note>['last']
    this.#blind({ at: offset, end: size, reason: 'the journal ends before what was promised' }, segment, head.position)
    this.#end.position = head.position
    this.#end.digest = head.digest
    this.#end.group = Math.max(this.#end.group, head.group)
    this.#tail = 'damaged'
  }

  result(): Looked<Note> {
    return {
      segments: this.#segments,
      head: this.#head,
      carried: this.#carried,
      end: this.#end,
      last: this.#last as Looked<Note>['last'],
      final: this.#final,
      indexes: this.#indexes,
      damage: this.#damage,
      tail: this.#tail,
      accept: (segment, at) => this.#accept(segment, at),
    }
  }

  #beyond(header: FrameHeader): boolean {
    const { upTo } = this.#options
    return upTo !== undefined && header.kind === Kind.data && header.firstPosition > upTo
  }

  async #frame(segment: SegmentName, { at, header, payload }: WalkedFrame): Promise<void> {
    await this.#settle()
    const before = this.#before
    this.#before = { ...this.#end }
    if (header.kind === Kind.segment) return
    if (header.kind === Kind.snapshot) this.#carried.snapshot(decodeSnapshot(payload))
    this.#final = { at, header, payload: Buffer.from(payload), before }
    this.#finalIn = segment
  }

  /** The final frame turned out not to be the last, or is proven: its commits count where they lie. */
  async #settle(): Promise<void> {
    const final = this.#final
    if (final === undefined) return
    await this.#accept(this.#finalIn as SegmentName, final.at)
    this.#final = undefined
  }

  async #accept(segment: SegmentName, at: number): Promise<void> {
    const final = this.#final
    if (final?.header.kind === Kind.data) for (const one of placed(at, final.header, final.payload)) await this.#commit(segment, one, at)
  }

  async #commit(segment: SegmentName, one: PlacedCommit, frame: number): Promise<void> {
    const { notes, noteBefore } = this.#options
    const { stream } = one.commit
    const index = this.#index(segment)
    const before = index.streams.get(stream)?.note ?? (await this.#earlier(stream, segment)) ?? (await noteBefore(this.#segments, stream, this.#first()))
    const note = notes.fold(before, one.commit)
    index.add(one, note, frame)
    this.#carried.commit(one.commit, notes.isOpen(note))
  }

  #first(): number {
    return Math.min(...this.#indexes.keys())
  }

  async #earlier(stream: string, segment: SegmentName): Promise<Note | undefined> {
    const earlier = [...this.#indexes].filter(([number]) => number < segment.number).toReversed()
    return earlier.find(([, index]) => index.streams.has(stream))?.[1].streams.get(stream)?.note
  }

  #index(segment: SegmentName): ActiveIndex<Note> {
    const known = this.#indexes.get(segment.number)
    if (known !== undefined) return known
    const index = new ActiveIndex(this.#options.notes)
    this.#indexes.set(segment.number, index)
    return index
  }

  /** Bytes that were promised and do not check: what is intact in them counts, the rest is damage. */
  async #damaged(segment: SegmentName, bad: BadRange): Promise<void> {
    const name = segmentName(segment)
    const intact = bad.header?.kind === Kind.data && bad.frame !== undefined && bad.header.firstPosition === this.#end.position + 1
    if (!intact) return this.#blind(bad, segment, bad.followed ? undefined : this.#end.position)
    const header = bad.header as FrameHeader
    for (const item of salvaged(name, bad.at, header, bad.frame as Buffer, bad.reason)) {
      if ('gap' in item) this.#report(item.gap)
      else await this.#commit(segment, item, bad.at)
    }
  }

  #blind(range: { at: number; end: number; reason: string }, segment: SegmentName, lastPosition: number | undefined): void {
    this.#report(damageOf(segmentName(segment), range, this.#end.position + 1, lastPosition))
  }

  #report(damage: Damage): void {
    this.#damage.push(damage)
    this.#carried.blind.push(damage)
  }

  /** What lies behind the last good frame of the last segment. */
  async #judge(handle: FileHandle, segment: SegmentName, bad: BadRange, size: number): Promise<void> {
    if (this.#options.upTo !== undefined || (await isZero(handle, bad.at, size, this.#segments.path(segment)))) return
    if (bad.at > 0 && (await isTorn(handle, bad, size, this.#end))) {
      this.#tail = 'torn'
      return
    }
    this.#tail = 'damaged'
    await this.#settle()
    await this.#damaged(segment, bad)
    const promised = bad.header?.group === this.#end.group + 1 && bad.header.journalId === this.#end.journalId ? bad.header.firstPosition - 1 + bad.header.events : undefined
    // Positions of a gap are never used again; where it is not known how many it took, more than it can have held are left out.
    this.#end.position = promised ?? this.#end.position + Math.ceil((size - bad.at) / LEAST_EVENT_BYTES)
    this.#end.group += 1
    const last = this.#carried.blind.at(-1)
    if (last !== undefined && last.lastPosition === undefined) last.lastPosition = this.#end.position
  }
}

/** No event takes fewer bytes. */
const LEAST_EVENT_BYTES = 8

function gone(number: number, firstPosition: number, lastPosition: number): Damage {
  return { segment: segmentName({ number, firstPosition }), offset: 0, bytes: 0, firstPosition, lastPosition, reason: 'the segment is missing' }
}
