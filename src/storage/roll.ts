/** The writer's files: the active segment and its successor, the head file, the lock and the epoch. */
import { JournalError, ioError } from '../errors.js'
import { ActiveFile } from './active-file.js'
import type { FileHandle } from './files.js'
import { Kind, makeFrame, REWRITTEN, type Frame } from './frame.js'
import type { HeadFile } from './head-file.js'
import { closeAll, placeFile, writeFully } from './io.js'
import { segmentName, type SegmentName } from './paths.js'
import type { State } from './state.js'

/** A segment of more than this is sealed when the journal closes, so that the next open need not read it. */
const SEAL_AT_CLOSE_BYTES = 256 << 10

export interface RollOptions {
  align: number
  segmentBytes: number
  /** Names that files have which are none of ours. */
  taken: ReadonlySet<string>
}

export class Roll<Note> {
  readonly align: number
  readonly #state: State<Note>
  readonly #epoch: number
  readonly #lock: FileHandle
  readonly #head: HeadFile
  readonly #segmentBytes: number
  readonly #taken: ReadonlySet<string>
  readonly #epochPath: string
  #file: ActiveFile | undefined

  constructor(state: State<Note>, epoch: number, lock: FileHandle, head: HeadFile, { align, segmentBytes, taken }: RollOptions) {
    this.#state = state
    this.#epoch = epoch
    this.#epochPath = state.core.paths.epoch(epoch)
    this.#lock = lock
    this.#head = head
    this.align = align
    this.#segmentBytes = segmentBytes
    this.#taken = taken
  }

  /** Goes on in the segment as it is. */
  async resume(): Promise<void> {
    const { core, active, end } = this.#state
    this.#file = await ActiveFile.open(core.files, core.paths.segment(active), end, this.#segmentBytes)
  }

  /** Begins the next segment if a frame of this size does not fit. */
  room(bytes: number): Promise<void> | undefined {
    return this.fits(bytes) ? undefined : this.next(this.#state.active.number + 1, this.#state.end)
  }

  /** Whether a frame of this size goes into the segment: any does where there is no other yet. */
  fits(bytes: number): boolean {
    const { end, index } = this.#state
    return end + bytes <= this.#segmentBytes || index.streams.size === 0
  }

  /** Seals a segment that would take the next open long to read. */
  async sealIfLarge(): Promise<void> {
    const { end, index, active } = this.#state
    if (end > SEAL_AT_CLOSE_BYTES && index.streams.size > 0) await this.next(active.number + 1, end)
  }

  /**
   * Begins a segment: its header says where the one before truly ended, and what a boot must know. A group that nothing
   * proved is written again behind it; it is its only copy from then on.
   */
  async next(number: number, sealedEnd: number, again?: Frame): Promise<void> {
    const state = this.#state
    const { core, active, head, facts } = state
    const { files, clock, paths, journal } = core
    const { align } = this
    const first = head.position + 1
    const segment = this.#free(number, first)
    const base = { align, journal, digest: state.digest }
    const header = makeFrame(
      { ...base, kind: Kind.segment, flags: 0, count: 0, group: state.group + 1, first, aux: sealedEnd },
      facts.encode(segment.number, active.number),
    )
    const frames = [header]
    if (again !== undefined) {
      const { count, aux, digest } = again.header
      frames.push(
        makeFrame(
          { ...base, kind: Kind.data, flags: REWRITTEN, count, group: state.group + 2, first: again.header.first, aux, digest },
          again.bytes.subarray(again.at, again.at + again.header.length),
        ),
      )
    }
    const bytes = Buffer.concat(frames)
    this.mustBeOurs()
    try {
      await placeFile(files, clock, paths.segment(segment), (file, temporary) => writeFully(file, bytes, 0, temporary))
    } catch (error) {
      throw ioError(error, 'Beginning the segment', paths.segment(segment))
    }
    await this.#switch(segment, sealedEnd, header.length)
    state.group++
  }

  /** The next segment name that no file has which was there and is none of ours. One that came since is another writer's, and in the way. */
  #free(number: number, first: number): SegmentName {
    let segment = segmentName(number, first)
    while (this.#taken.has(segment.name)) segment = segmentName(segment.number + 1, first)
    return segment
  }

  async #switch(segment: SegmentName, sealedEnd: number, end: number): Promise<void> {
    const { core } = this.#state
    this.#state.goOnIn(segment, sealedEnd, end)
    await this.#file?.close()
    this.#file = undefined
    this.#file = await ActiveFile.open(core.files, core.paths.segment(segment), end, this.#segmentBytes)
    await this.mark(false)
    await this.#head.sync()
  }

  /** Writes a frame, which does not count yet. Undefined where it is done already. */
  write(frame: Buffer): Promise<void> | undefined {
    return (this.#file as ActiveFile).write(frame)
  }

  /**
   * Counts what was written. Whoever begins an epoch looks at the end afterwards: a frame that is in the file before that is
   * seen, and none other counts.
   * @throws JournalError JOURNAL_FENCED
   */
  count(): void {
    this.mustBeOurs()
    this.#state.end = (this.#file as ActiveFile).end
  }

  sync(): Promise<void> {
    return (this.#file as ActiveFile).sync()
  }

  prepare(): Promise<void> | undefined {
    return (this.#file as ActiveFile).prepare()
  }

  /** Another frame, already in the file, belongs to the history: see `again` of {@link next}. */
  skip(end: number): void {
    this.#state.end = end
    ;(this.#file as ActiveFile).end = end
  }

  /** Notes how far the journal is durable; synced where the writer leaves. */
  mark(clean: boolean): Promise<void> | undefined {
    const { core, active, end, group, digest, synced } = this.#state
    const written = this.#head.write({
      epoch: this.#epoch,
      segment: active.number,
      end,
      group,
      position: synced.position,
      digest,
      journal: core.journal,
      clean,
    })
    return clean ? this.#syncHead(written) : written
  }

  async #syncHead(written: Promise<void> | undefined): Promise<void> {
    await written
    await this.#head.sync()
  }

  /** @throws JournalError JOURNAL_FENCED once another writer has begun an epoch. */
  mustBeOurs(): void {
    const { files, paths } = this.#state.core
    if (files.exists(this.#epochPath)) return
    const message = `A newer writer has taken ${paths.root} over. Close this one and open the journal again.`
    throw new JournalError('JOURNAL_FENCED', message, { directory: paths.root, epoch: this.#epoch })
  }

  /** Gives up the segment alone, for whoever still answers for the rest. */
  async abandon(): Promise<void> {
    await this.#file?.close()
  }

  async close(): Promise<void> {
    await closeAll([this.#file, this.#head, this.#lock])
  }
}
