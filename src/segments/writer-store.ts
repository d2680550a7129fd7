/** The store of the one writer. */
import { ActiveIndex } from './active-index.js'
import type { CommitGroup, Durability, Head, NewCommit, Receipt, SnapshotRecord } from '../storage/commit-store.js'
import type { FileHandle } from '../storage/files.js'
import { GroupCommit, type Sink } from './group-commit.js'
import type { PlacedCommit } from './group.js'
import type { HeadFile } from './head-file.js'
import type { Epoch } from './lock.js'
import { JournalError } from '../errors.js'
import { SegmentStore, type Base } from './segment-store.js'
import type { SegmentName } from './segment.js'
import type { SegmentWriter } from './segment-writer.js'

export interface WriterParts {
  writer: SegmentWriter
  segment: SegmentName
  lock: FileHandle
  epoch: Epoch
  headFile: HeadFile
  segmentBytes: number
  queueBytes: number
  sealedBytes: number
}

export class WriterStore<Note> extends SegmentStore<Note> implements Sink<Note> {
  readonly readOnly = false
  readonly #parts: WriterParts
  readonly #commits: GroupCommit<Note>
  #active: ActiveIndex<Note>
  #segment: SegmentName
  #sealedBytes: number
  #closing: Promise<void> | undefined

  constructor(base: Base<Note>, parts: WriterParts) {
    super(base)
    this.#parts = parts
    this.#segment = parts.segment
    this.#sealedBytes = parts.sealedBytes
    this.#active = base.looked.indexes.get(parts.segment.number) ?? new ActiveIndex(base.notes)
    for (const [number, index] of base.looked.indexes) {
      base.indexes.hold(number, index)
      const segment = this.segments.name(number)
      if (segment !== undefined && number !== parts.segment.number) base.indexes.seal(this.segments, segment)
    }
    base.indexes.hold(parts.segment.number, this.#active)
    this.#commits = new GroupCommit<Note>(parts.writer, this, base.directory, parts.queueBytes)
  }

  append(commit: NewCommit, note: Note, durability: Durability): Promise<Receipt> {
    return this.#commits.append(commit, note, durability)
  }

  room(): Promise<void> | undefined {
    return this.#commits.room()
  }

  flush(): Promise<void> {
    return this.#commits.flush()
  }

  recordSnapshot(snapshot: SnapshotRecord): Promise<void> {
    return this.#commits.snapshot(snapshot)
  }

  bytes(): number {
    return this.#sealedBytes + this.#parts.writer.offset
  }

  written(frame: number, commits: readonly PlacedCommit[], notes: readonly Note[], group: CommitGroup): void {
    commits.forEach((one, i) => {
      const note = notes[i] as Note
      this.#active.add(one, note, frame)
      this.carried.commit(one.commit, this.notes.isOpen(note))
    })
    this.head = group.head
    const { writer } = this.#parts
    this.segments.remember(group.head.position, { segment: this.#segment.number, offset: writer.offset, expected: { ...writer.end } })
    for (const listener of this.listeners) listener.written?.(group)
  }

  async durable(head: Head): Promise<void> {
    this.#parts.epoch.check()
    this.synced = head
    await this.#writeHead(0)
    for (const listener of this.listeners) listener.synced?.(head)
  }

  snapshot(record: SnapshotRecord): void {
    this.#parts.epoch.check()
    this.carried.snapshot(record)
  }

  isFull(): boolean {
    return this.#parts.writer.offset >= this.#parts.segmentBytes
  }

  /** Seals the segment and begins the next. */
  async rotate(): Promise<void> {
    const { writer, epoch, headFile } = this.#parts
    epoch.check()
    const sealed = this.#segment
    const sealedEnd = writer.offset
    const { group, position, digest } = writer.end
    this.#segment = (await writer.begin(sealed.number + 1, this.carried.header({ sealedEnd, group, position, digest }))).segment
    this.#sealedBytes += sealedEnd
    this.#active = new ActiveIndex(this.notes)
    this.indexes.hold(this.#segment.number, this.#active)
    this.indexes.seal(this.segments, sealed)
    await this.#writeHead(0)
    await headFile.sync()
    await this.segments.trim()
  }

  close({ clean = true }: { clean?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#end(clean)
    return this.#closing
  }

  protected get active(): ActiveIndex<Note> {
    return this.#active
  }

  protected get activeNumber(): number {
    return this.#segment.number
  }

  #writeHead(cleanEnd: number): number | Promise<number> {
    const { writer, epoch, headFile } = this.#parts
    const { group } = writer.end
    return headFile.write({ epoch: epoch.number, group, ...this.synced, segment: this.#segment.number, cleanEnd })
  }

  async #end(clean: boolean): Promise<void> {
    const { writer, headFile, lock } = this.#parts
    try {
      await this.#commits.close(clean)
      await this.indexes.close()
      if (clean && !this.#commits.failed) {
        await this.#writeHead(writer.offset)
        await headFile.sync()
      }
    } finally {
      const closed = new JournalError('JOURNAL_CLOSED', `The journal in ${this.directory} is closed.`, { directory: this.directory })
      for (const listener of this.listeners) listener.failed?.(closed)
      await writer.close()
      await this.segments.close()
      await headFile.close()
      await lock.close()
    }
  }
}
