/** A new journal that is filled from an old one: groups and gaps at the positions they had. It is a journal once FORMAT is there, at the end. */
import { join } from 'node:path'
import type { Head, StreamNotes } from './commit-store.js'
import { Feed } from './feed.js'
import type { Clock, Files } from './files.js'
import { writeFormat } from './format-file.js'
import { frameBytes, HEADER_BYTES, Kind, makeFrame, movesDigest, nextDigest, parseHeader, type Frame, type FrameHeader } from './frame.js'
import { packGaps, unpackGaps, type Lost } from './gap-record.js'
import { HeadFile } from './head-file.js'
import { makeDirectory } from './io.js'
import { beginEpoch, lock } from './lock.js'
import { Paths } from './paths.js'
import { Roll } from './roll.js'
import type { Intact } from './intact.js'
import { mustBeEmpty, namesIn } from './segments.js'
import { State } from './state.js'
import { empty } from './take-over.js'

const ALIGN = 3

export class SalvageTarget<Note> {
  readonly #state: State<Note>
  readonly #roll: Roll<Note>
  readonly #segmentBytes: number

  private constructor(state: State<Note>, roll: Roll<Note>, segmentBytes: number) {
    this.#state = state
    this.#roll = roll
    this.#segmentBytes = segmentBytes
  }

  /** @throws JournalError JOURNAL_IO if there is something in the directory. */
  static async begin<Note>(
    directory: string,
    journal: Buffer,
    {
      files,
      clock,
      notes,
      segmentBytes = 16 << 20,
    }: { files: Files; clock: Clock; notes: StreamNotes<Note>; segmentBytes?: number | undefined },
  ): Promise<SalvageTarget<Note>> {
    const paths = new Paths(directory)
    await mustBeEmpty(files, directory)
    await makeDirectory(files, paths.journal)
    const held = await lock(files, paths, 0)
    let head: HeadFile | undefined
    let roll: Roll<Note> | undefined
    try {
      const epoch = await beginEpoch(files, paths, 0)
      head = await HeadFile.open(files, paths.head, undefined)
      const { core, sight } = empty(files, clock, paths, notes, journal)
      const state = new State(core, sight)
      roll = new Roll(state, epoch, held, head, { align: ALIGN, segmentBytes, taken: sight.strays })
      await roll.next(1, 0)
      return new SalvageTarget(state, roll, segmentBytes)
    } catch (error) {
      await roll?.abandon()
      await head?.close()
      await held.close()
      throw error
    }
  }

  get head(): Head {
    return this.#state.head
  }

  /** Writes what stood together, in one frame again. */
  async group({ first, events, records, payload }: Intact): Promise<void> {
    const frame = await this.#put({ kind: Kind.data, count: records, first, aux: events }, payload, first + events - 1)
    const { core, indexes, index, facts } = this.#state
    await new Feed(core, indexes, index, facts).frame(frame)
  }

  /** Writes down that the positions up to one are lost. */
  async gap(lost: Lost, at: number): Promise<void> {
    const payload = packGaps(at, [lost])
    await this.#put({ kind: Kind.gap, count: 0, first: lost.last + 1, aux: lost.last + 1 - lost.first }, payload, lost.last)
    this.#state.facts.addGaps(unpackGaps(payload, this.#state.head))
  }

  /** Makes a journal of it. */
  async end(): Promise<void> {
    const { core, head } = this.#state
    await this.#sync()
    await this.#roll.sealIfLarge()
    await this.#put({ kind: Kind.clean, count: 0, first: head.position + 1, aux: 0 }, Buffer.alloc(0), head.position)
    await this.#sync()
    await this.#roll.mark(true)
    await this.#withoutIndexes()
    await writeFormat(core.files, core.clock, core.paths)
  }

  /** Indexes hold what laws say of streams: whoever opens the journal makes them by the laws that it has. */
  async #withoutIndexes(): Promise<void> {
    const { core, indexes } = this.#state
    await indexes.settle()
    const names = await namesIn(core.files, core.paths.journal)
    for (const name of names) if (name.endsWith('.idx')) await core.files.unlink(join(core.paths.journal, name))
    await core.files.syncDir(core.paths.journal)
  }

  async close(): Promise<void> {
    const { indexes, core } = this.#state
    await this.#roll.close()
    await indexes.settle()
    await core.handles.close()
  }

  async #put(
    { kind, count, first, aux }: Pick<FrameHeader, 'kind' | 'count' | 'first' | 'aux'>,
    payload: Uint8Array,
    position: number,
  ): Promise<Frame> {
    const state = this.#state
    const bytes = frameBytes(payload.length, ALIGN)
    if (state.end + bytes > this.#segmentBytes) {
      await this.#sync()
      await this.#roll.room(bytes)
      await state.indexes.settle()
    }
    const digest = movesDigest({ kind }) ? nextDigest(state.digest, first, payload) : state.digest
    const header = { kind, align: ALIGN, flags: 0, count, group: state.group + 1, first, journal: state.core.journal, aux, digest }
    const frame = makeFrame(header, payload)
    const offset = state.end
    await this.#roll.write(frame)
    this.#roll.count()
    state.group++
    state.digest = digest
    state.head = { position, digest: digest.toString('hex') }
    return { header: parseHeader(frame, 0) as FrameHeader, offset, end: state.end, bytes: frame, at: HEADER_BYTES }
  }

  async #sync(): Promise<void> {
    await this.#roll.sync()
    this.#state.synced = this.#state.head
  }
}
