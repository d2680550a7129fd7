/** Looks at a journal and touches nothing: what is there, what of it is proven, what is torn, what is damaged. */
import type { Damage } from '../errors.js'
import type { Core, Sealed, SegmentFile } from './core.js'
import { Facts, snapshotIn } from './facts.js'
import { Feed } from './feed.js'
import type { FileHandle } from './files.js'
import { Kind, NO_HISTORY, positionAfter, type Frame, type FrameHeader } from './frame.js'
import type { HeadMark } from './head-file.js'
import { forget, gapsIn } from './gap-record.js'
import { Indexes } from './indexes.js'
import { passOverLostEnd, reportBetween, reportStrays } from './losses.js'
import { MemoryIndex } from './memory-index.js'
import { indexSegment } from './rebuild.js'
import { salvage } from './salvage.js'
import { factsOf, nameOf, sealedOf, type SegmentList } from './segments.js'
import { MISSING_MAX } from './strays.js'
import { judgeTail } from './tail.js'
import type { Sight } from './sight.js'
import { beginning, isHole, Walk, type Chain, type Hole } from './walk.js'

/** What the look is for: a writer and a reader judge the tail; beside a live writer it is not theirs to judge. */
type Role = 'alone' | 'beside'

export async function look<Note>(core: Core<Note>, list: SegmentList, found: HeadMark | undefined, role: Role): Promise<Sight<Note>> {
  const mark = found !== undefined && isInReach(found, list) ? found : undefined
  const files = role === 'beside' && mark !== undefined ? list.files.filter(({ number }) => number <= mark.segment) : list.files
  const segments = await sealedOf(files, core.handles, core.paths)
  const damage: Damage[] = []
  const gaps: Damage[] = []
  const report = (one: Damage, vouched = false): void => {
    damage.push(one)
    if (!vouched) gaps.push(one)
  }
  const indexes: Indexes<Note> = new Indexes(core, segments, (segment) => indexSegment(core, indexes, segment, report))
  const base = await startOf(core, files, segments, indexes)
  const newest = files.at(-1)
  // What the head file names and is not there is lost, whoever writes meanwhile; it was read before the names of the segments were.
  const isGone = mark !== undefined && mark.segment > (newest?.number ?? 0)
  const judges: Role = isGone ? 'alone' : role
  const index = new MemoryIndex<Note>(newest === undefined ? { number: 0, first: 1, name: '' } : nameOf(newest))
  const sight: Sight<Note> = {
    mark,
    segments,
    indexes,
    newest,
    ...base,
    known: knownOf(list, mark),
    strays: new Set(list.strays.map(({ file }) => file.name)),
    index,
    end: 0,
    unproven: undefined,
    tail: { kind: 'end' },
    clean: false,
    damage,
    gaps,
  }
  if (newest !== undefined) {
    const sealed = sight.known >= newest.number || (mark?.segment ?? 0) > newest.number
    await core.handles.with(core.paths.segment(newest), (file) => new Newest(core, sight, newest, file, judges, sealed, report).read())
  }
  reportBetween(sight, list, report)
  if (judges === 'alone') passOverLostEnd(sight, list, report)
  reportStrays(sight, list, found, report)
  // A number that no frame before can have, as far as anything tells.
  sight.chain.group = Math.max(sight.chain.group, sight.damage.length > 0 ? (mark?.group ?? 0) : 0)
  forget(damage, sight.facts.gaps)
  forget(gaps, sight.facts.gaps)
  return sight
}

/** Highest number of a segment that there was, for all that is known beside the segments themselves and the head file. */
function knownOf({ indexed, elsewhere }: SegmentList, mark: HeadMark | undefined): number {
  // A copy that went on by itself leaves such files too: where a head file is there, it is believed.
  return mark === undefined ? Math.max(indexed, elsewhere.number) : indexed
}

/** Whether the segment that a head file names can be one of these, or be missing behind them. */
function isInReach({ segment }: HeadMark, { files }: SegmentList): boolean {
  return segment - (files.at(-1)?.number ?? 0) <= MISSING_MAX
}

/** Loads the sealed segments' indexes and finds what was known when the newest segment began. */
async function startOf<Note>(
  core: Core<Note>,
  files: readonly SegmentFile[],
  segments: ReadonlyMap<number, Sealed>,
  indexes: Indexes<Note>,
): Promise<{ facts: Facts; chain: Chain }> {
  const known = files.findLast(({ head }) => head !== undefined)
  let facts = new Facts()
  let chain: Chain = { group: 0, position: 0, digest: NO_HISTORY }
  const ordered = [...segments.values()].toSorted((a, b) => a.number - b.number)
  await indexes.load(ordered)
  for (const segment of ordered) {
    if (known !== undefined && segment.number < known.number) continue
    // Only where the newest header is damaged: what it said is gathered again from the segments before.
    if (segment.number === known?.number && known.head !== undefined) facts = factsOf(known.head)
    await indexSegment(core, indexes, segment, () => {}, facts)
  }
  const newest = files.at(-1)
  if (newest?.head !== undefined) {
    const { header } = newest.head
    facts = factsOf(newest.head)
    chain = { group: header.group - 1, position: header.first - 1, digest: header.digest }
  } else if (newest !== undefined) chain = beginning(core.before.get(newest.number), newest)
  return { facts, chain }
}

/** Reads the newest segment. A frame counts as proven once a later one follows or the head file vouches for it. */
class Newest<Note> {
  readonly #core: Core<Note>
  readonly #sight: Sight<Note>
  readonly #segment: SegmentFile
  readonly #file: FileHandle
  readonly #report: (damage: Damage) => void
  readonly #feed: Feed<Note>
  readonly #alone: boolean
  /** How far the head file vouches for the segment. */
  readonly #promised: number
  /** Something knows of a later segment, so that this one was synced to its end. */
  readonly #sealed: boolean
  #held: Frame | undefined
  #lastKind = 0

  constructor(
    core: Core<Note>,
    sight: Sight<Note>,
    segment: SegmentFile,
    file: FileHandle,
    role: Role,
    sealed: boolean,
    report: (damage: Damage) => void,
  ) {
    this.#core = core
    this.#sight = sight
    this.#segment = segment
    this.#file = file
    this.#report = report
    this.#alone = role === 'alone'
    this.#feed = new Feed(core, sight.indexes, sight.index, sight.facts)
    this.#promised = sight.mark?.segment === segment.number ? sight.mark.end : 0
    this.#sealed = sealed
  }

  async read(): Promise<void> {
    const { chain } = this.#sight
    const to = this.#alone || this.#sight.mark === undefined ? this.#segment.size : this.#promised
    const walk = new Walk(this.#file, this.#core.journal, 0, to, { ...chain })
    let item = walk.next()
    for (
      let one = item instanceof Promise ? await item : item;
      one !== undefined;
      item = walk.next(), one = item instanceof Promise ? await item : item
    ) {
      if (!isHole(one)) await this.#frame(one)
      else if (one.final) await (this.#alone ? this.#tail(one) : this.#promisedEnd(one))
      else await this.#hole(one)
    }
    const reached = this.#held?.end ?? this.#sight.end
    if (this.#alone && this.#sight.tail.kind === 'end' && this.#promised > this.#segment.size && reached === this.#segment.size) {
      await this.#tail({
        offset: reached,
        end: reached,
        reason: 'the file ends',
        first: walk.chain.position + 1,
        last: undefined,
        final: true,
      })
    }
    this.#sight.unproven = this.#held
    const { mark, tail, end } = this.#sight
    this.#sight.clean =
      mark?.clean === true && this.#lastKind === Kind.clean && mark.end === end && this.#held === undefined && tail.kind === 'end'
  }

  async #frame(frame: Frame): Promise<void> {
    await this.#release()
    if (frame.header.kind === Kind.segment || this.#isVouched(frame) || this.#sealed || !this.#alone) await this.#take(frame)
    else this.#held = { ...frame, bytes: Buffer.from(frame.bytes.subarray(frame.at, frame.at + frame.header.length)), at: 0 }
  }

  /** By its place, or, where what stands before it was moved, by its positions. */
  #isVouched({ header, end }: Frame): boolean {
    return end <= this.#promised || (this.#promised > 0 && header.kind === Kind.data && isBefore(header, this.#sight.mark))
  }

  /** The frame held back is proven by what follows it. */
  async #release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) await this.#take(held)
  }

  async #take(frame: Frame): Promise<void> {
    const { header } = frame
    const { chain, facts } = this.#sight
    if (header.kind === Kind.data) await this.#feed.frame(frame)
    if (header.kind === Kind.snapshot) facts.addSnapshot(snapshotIn(frame))
    if (header.kind === Kind.gap) facts.addGaps(gapsIn(frame))
    chain.group = header.group
    chain.position = positionAfter(header)
    chain.digest = header.digest
    this.#sight.end = frame.end
    this.#lastKind = header.kind
  }

  /** Frames that check follow, so what lies between was promised. */
  async #hole(hole: Hole): Promise<void> {
    await this.#release()
    const saved = salvage(hole)
    await this.#feed.rescued(hole.offset, saved)
    const { chain } = this.#sight
    const range = saved.lost === undefined ? { firstPosition: hole.first, lastPosition: hole.first - 1 } : positions(saved.lost)
    this.#report({ segment: this.#segment.name, offset: hole.offset, bytes: hole.end - hole.offset, ...range, reason: hole.reason })
    chain.position = hole.last ?? chain.position
    // History goes on from the last digest that is known.
    chain.digest = hole.header?.digest ?? chain.digest
    this.#sight.end = hole.end
  }

  /** Beside a writer nothing is read behind what the head file vouches for: history goes on from there. */
  async #promisedEnd(hole: Hole): Promise<void> {
    const { mark, chain } = this.#sight
    await this.#hole({ ...hole, last: hole.last ?? mark?.position })
    if (mark !== undefined) Object.assign(chain, { group: mark.group, position: mark.position, digest: mark.digest })
  }

  async #tail(hole: Hole): Promise<void> {
    const { mark } = this.#sight
    const { size } = this.#segment
    const tail = await judgeTail(this.#file, hole.offset, size, hole.header, this.#promised, this.#sealed)
    this.#sight.tail = tail
    if (tail.kind !== 'damaged') return
    const reason = tail.reason === '' ? hole.reason : `${hole.reason}; ${tail.reason}`
    const known = Math.max(mark !== undefined && this.#promised > hole.offset ? mark.position : 0, hole.last ?? 0)
    // Where nothing says how many positions were lost, more are left out than the bytes could have held.
    const last = known > 0 || hole.last !== undefined ? known : undefined
    await this.#hole({ ...hole, end: tail.end, last, reason })
    if (last === undefined) this.#sight.chain.position += Math.ceil((tail.end - hole.offset) / 8)
    else this.#sight.chain.position = Math.max(this.#sight.chain.position, last)
  }
}

function isBefore({ first, aux: events }: FrameHeader, mark: HeadMark | undefined): boolean {
  return mark !== undefined && first + events - 1 <= mark.position
}

function positions({ first, last }: { first: number; last: number | undefined }): { firstPosition: number; lastPosition?: number } {
  return last === undefined ? { firstPosition: first } : { firstPosition: first, lastPosition: last }
}
