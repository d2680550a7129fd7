/** Takes groups that were read into a segment's index and into what is known of the journal. */
import type { StoredCommit } from './commit-store.js'
import type { Core } from './core.js'
import type { Facts } from './facts.js'
import type { Frame } from './frame.js'
import { HEADER_BYTES } from './frame.js'
import { readGroup, type ReadGroup } from './group.js'
import type { Indexes } from './indexes.js'
import type { MemoryIndex } from './memory-index.js'
import type { Salvage } from './salvage.js'

export class Feed<Note> {
  readonly #core: Core<Note>
  readonly #indexes: Indexes<Note>
  readonly index: MemoryIndex<Note>
  readonly #facts: Facts | undefined

  constructor(core: Core<Note>, indexes: Indexes<Note>, index: MemoryIndex<Note>, facts?: Facts) {
    this.#core = core
    this.#indexes = indexes
    this.index = index
    this.#facts = facts
  }

  async frame(frame: Frame): Promise<ReadGroup> {
    const group = readGroup(frame)
    await this.group(group)
    return group
  }

  async group({ commits, records, offset }: ReadGroup): Promise<void> {
    this.index.addFrame((commits[0] as StoredCommit).position, offset)
    for (let i = 0; i < commits.length; i++) {
      const added = this.#commit(commits[i] as StoredCommit, offset, records[i * 2] as number, records[i * 2 + 1] as number)
      if (added !== undefined) await added
    }
  }

  /** What was rescued of a damaged frame. */
  async rescued(offset: number, { before, lost, after }: Salvage): Promise<void> {
    if (lost !== undefined) this.index.complete = false
    for (const { commit, at, end } of [...before, ...after]) await this.#commit(commit, offset, offset + HEADER_BYTES + at, end - at)
  }

  #commit(commit: StoredCommit, frame: number, offset: number, length: number): Promise<void> | undefined {
    const known = this.index.streams.get(commit.stream)
    if (known !== undefined) return this.#add(commit, frame, offset, length, known.note)
    if (commit.version === 1) return this.#add(commit, frame, offset, length, this.#core.notes.initial())
    return this.#addOnTop(commit, frame, offset, length)
  }

  async #addOnTop(commit: StoredCommit, frame: number, offset: number, length: number): Promise<void> {
    const before = await this.#indexes.noteBelow(commit.stream, this.index.segment.number)
    this.#add(commit, frame, offset, length, before ?? this.#core.notes.initial())
  }

  #add(commit: StoredCommit, frame: number, offset: number, length: number, before: Note): undefined {
    const { notes } = this.#core
    const note = notes.fold(before, commit)
    this.index.add(commit, frame, offset, length, note, notes.claims(commit))
    this.#facts?.addCommit(commit, notes.isOpen(note))
  }
}
