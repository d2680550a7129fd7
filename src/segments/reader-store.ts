/** The store of a reader: takes no lock, changes nothing, and follows the writer's head. */
import { JournalError, ioError } from '../errors.js'
import { ActiveIndex } from './active-index.js'
import type { Receipt } from '../storage/commit-store.js'
import type { Files } from '../storage/files.js'
import { readHead } from './head-file.js'
import type { Looked } from './look.js'
import { readPlaced, type PlacedGroup } from './reading.js'
import { Segments } from './segments.js'
import { SegmentStore, type Base } from './segment-store.js'

/** A change of a file wakes the reader at once where the platform tells of it; this stands behind it. */
const POLL_MS = 100

export class ReaderStore<Note> extends SegmentStore<Note> {
  readonly readOnly = true
  readonly #files: Files
  readonly #unwatch: () => void
  readonly #poll: NodeJS.Timeout
  #active: ActiveIndex<Note>
  #activeNumber: number
  #refreshing: Promise<void> | undefined
  #bytes: number
  #turn = 0
  #closed = false

  constructor(base: Base<Note>, files: Files) {
    super(base)
    this.#files = files
    this.#bytes = base.looked.last.offset
    this.#turn = base.looked.head?.turn ?? 0
    this.#activeNumber = base.looked.last.segment.number
    this.#active = this.#hold(base.looked)
    this.#unwatch = files.watch(base.directory, () => this.#refresh())
    this.#poll = setInterval(() => this.#refresh(), POLL_MS).unref()
  }

  append(): Promise<Receipt> {
    return Promise.reject(this.#readOnly())
  }

  recordSnapshot(): Promise<void> {
    return Promise.reject(this.#readOnly())
  }

  room(): undefined {}

  async flush(): Promise<void> {}

  bytes(): number {
    return this.#bytes
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#poll)
    this.#unwatch()
    await this.#refreshing
    this.#tell(new JournalError('JOURNAL_CLOSED', `The journal in ${this.directory} is closed.`, { directory: this.directory }))
    await this.indexes.close()
    await this.segments.close()
  }

  protected get active(): ActiveIndex<Note> {
    return this.#active
  }

  protected get activeNumber(): number {
    return this.#activeNumber
  }

  #refresh(): void {
    if (this.#closed) return
    this.#refreshing ??= this.#advance()
      .catch((error: unknown) => this.#tell(ioError(error, 'Following', this.directory)))
      .finally(() => {
        this.#refreshing = undefined
      })
  }

  /** Shows what the writer made durable since. */
  async #advance(): Promise<void> {
    const slot = await readHead(this.#files, this.directory)
    if (slot === undefined || slot.turn === this.#turn) return
    if (slot.position < this.head.position || (slot.position === this.head.position && slot.digest !== this.head.digest)) throw this.#changed(slot.position)
    this.#turn = slot.turn
    if (slot.position === this.head.position) return
    await this.#relist(slot.segment)
    for await (const item of readPlaced(this.segments, { after: this.head.position, upTo: slot.position, journalId: this.journalId, digests: true })) {
      if ('gap' in item) this.carried.blind.push(item.gap)
      else await this.#show(item)
    }
    this.head = { position: slot.position, digest: slot.digest }
    this.synced = this.head
    for (const listener of this.listeners) listener.synced?.(this.synced)
  }

  async #relist(newest: number): Promise<void> {
    if ((this.segments.last?.number ?? 0) >= newest) return
    for (const segment of await Segments.list(this.#files, this.directory)) if (this.segments.name(segment.number) === undefined) this.segments.add(segment)
  }

  async #show({ segment, frame, commits, head }: PlacedGroup): Promise<void> {
    if (segment.number !== this.#activeNumber) {
      this.#activeNumber = segment.number
      this.#active = new ActiveIndex(this.notes)
      this.indexes.hold(segment.number, this.#active)
    }
    for (const one of commits) {
      const before = await this.stream(one.commit.stream)
      const note = this.notes.fold(before.note, one.commit)
      this.#active.add(one, note, frame)
      this.carried.commit(one.commit, this.notes.isOpen(note))
    }
    this.#bytes += commits.reduce((sum, { bytes }) => sum + bytes, 0)
    this.head = head
    for (const listener of this.listeners) listener.written?.({ commits: commits.map(({ commit }) => commit), head })
  }

  #hold(looked: Looked<Note>): ActiveIndex<Note> {
    for (const [number, index] of looked.indexes) this.indexes.hold(number, index)
    const active = looked.indexes.get(looked.last.segment.number) ?? new ActiveIndex(this.notes)
    this.indexes.hold(looked.last.segment.number, active)
    return active
  }

  #tell(error: unknown): void {
    for (const listener of this.listeners) listener.failed?.(error)
  }

  #changed(position: number): JournalError {
    return new JournalError('JOURNAL_HISTORY_CHANGED', `The journal in ${this.directory} was replaced: it ended at ${this.head.position} and now ends at ${position} with another history. Open it again.`, {
      position: this.head.position,
      digest: this.head.digest,
    })
  }

  #readOnly(): JournalError {
    return new JournalError('JOURNAL_READ_ONLY', `${this.directory} was opened for reading.`, { directory: this.directory, outcome: 'none' })
  }
}
