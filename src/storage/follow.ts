/** Follows another process's writer: the head file says how far, the segments say what. */
import { isDeepStrictEqual } from 'node:util'
import { JournalError, ioError } from '../errors.js'
import { Feed } from './feed.js'
import { Kind, type Frame } from './frame.js'
import { factsOf, headerBehind, listSegments, nameOf, segmentsOf } from './segments.js'
import { snapshotIn } from './facts.js'
import { HeadFile, type HeadMark } from './head-file.js'
import { gapsIn } from './gap-record.js'
import { headOf } from './group.js'
import type { SegmentFile } from './core.js'
import type { State } from './state.js'
import { isHole, Walk, type Chain } from './walk.js'

const POLL_MS = 100

export class Follow<Note> {
  readonly #state: State<Note>
  /** The mark that was caught up with. */
  #mark: HeadMark | undefined
  #timer: NodeJS.Timeout | undefined
  #unwatch: () => void = () => {}
  #checking: Promise<void> | undefined
  #stopped = false

  constructor(state: State<Note>) {
    this.#state = state
  }

  start(): void {
    const { core } = this.#state
    this.#unwatch = core.files.watch(core.paths.root, () => this.#check())
    this.#timer = setInterval(() => this.#check(), POLL_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    this.#unwatch()
    await this.#checking
  }

  #check(): void {
    if (this.#stopped) return
    this.#checking ??= this.#catchUp().finally(() => (this.#checking = undefined))
  }

  async #catchUp(): Promise<void> {
    const { core } = this.#state
    try {
      const mark = await HeadFile.read(core.files, core.paths.head)
      if (mark === undefined || (this.#mark !== undefined && isDeepStrictEqual(mark, this.#mark))) return
      // Another journal stands in the place of the one that was opened.
      if (!mark.journal.equals(core.journal)) throw this.#changed()
      await this.#to(mark)
      this.#mark = mark
    } catch (error) {
      this.#stopped = true
      clearInterval(this.#timer)
      this.#unwatch()
      this.#state.tellFailed(ioError(error, 'Following', core.paths.root))
    }
  }

  async #to(mark: HeadMark): Promise<void> {
    const state = this.#state
    const other = mark.position === state.head.position && mark.digest.toString('hex') !== state.head.digest
    // A gap that was written down moves the digest on at the same position.
    if (mark.position < state.head.position || (other && mark.group <= state.group)) throw this.#changed()
    // More was read already than the head file says.
    if (mark.segment < state.active.number) return
    if (mark.segment > state.active.number) await this.#across(mark)
    if (!this.#stopped) await this.#read(mark.end)
  }

  /** Reads the active segment to its end and goes on in the next, until the one that the head file names is active. */
  async #across(mark: HeadMark): Promise<void> {
    const state = this.#state
    const { core } = state
    const { files } = segmentsOf(await listSegments(core.files, core.handles, core.paths, state.active.number), core.journal)
    for (const next of files.filter(({ number }) => number <= mark.segment)) {
      const sealedEnd = headerBehind(state.active, next)?.aux
      if (sealedEnd === undefined) throw this.#changed()
      if (state.active.number > 0) {
        if (sealedEnd < state.end) throw this.#changed()
        await this.#read(sealedEnd)
      }
      // Who stops while a segment is read has not read all of it.
      if (this.#stopped) return
      this.#enter(next, sealedEnd)
    }
    if (state.active.number !== mark.segment) throw this.#changed()
  }

  #enter(next: SegmentFile, sealedEnd: number): void {
    const state = this.#state
    const { header, end } = next.head as NonNullable<SegmentFile['head']>
    if (!header.digest.equals(state.digest)) throw this.#changed()
    state.goOnIn(nameOf(next), sealedEnd, end)
    state.facts = factsOf(next.head as NonNullable<SegmentFile['head']>)
    state.group = header.group
  }

  async #read(to: number): Promise<void> {
    const state = this.#state
    const { core } = state
    if (to <= state.end) return
    const { file, release } = await core.handles.acquire(core.paths.segment(state.active))
    try {
      const chain: Chain = { group: state.group, position: state.head.position, digest: state.digest }
      const walk = new Walk(file, core.journal, state.end, to, chain)
      const feed = new Feed(core, state.indexes, state.index, state.facts)
      for (let item = await walk.next(); item !== undefined && !this.#stopped; item = await walk.next()) {
        if (isHole(item)) throw this.#changed()
        await this.#take(item, feed)
      }
    } finally {
      await release()
    }
  }

  async #take(frame: Frame, feed: Feed<Note>): Promise<void> {
    const state = this.#state
    const { header } = frame
    const group = header.kind === Kind.data ? await feed.frame(frame) : undefined
    if (header.kind === Kind.snapshot) state.facts.addSnapshot(snapshotIn(frame))
    if (header.kind === Kind.gap) this.#lost(frame)
    state.group = header.group
    state.end = frame.end
    state.digest = header.digest
    if (group === undefined) return
    state.head = group.head
    state.synced = group.head
    state.tellWritten({ commits: group.commits, head: group.head })
    state.tellSynced()
  }

  #lost(frame: Frame): void {
    const state = this.#state
    const head = headOf(frame)
    state.facts.addGaps(gapsIn(frame))
    state.settle()
    state.head = head
    state.synced = head
  }

  #changed(): JournalError {
    const { head, core } = this.#state
    return new JournalError(
      'JOURNAL_HISTORY_CHANGED',
      `The history in ${core.paths.root} is not the one that was followed up to position ${head.position}. Open it again.`,
      {
        position: head.position,
        digest: head.digest,
      },
    )
  }
}
