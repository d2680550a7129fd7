/** Answers about streams, commit ids and claims: from memory, else from the indexes; never "no" where damage may hide a "yes". */
import { JournalError, type Damage } from '../errors.js'
import type { Head, StoredCommit, StreamHead } from './commit-store.js'
import { FrameCursor } from './cursor.js'
import { Kind } from './frame.js'
import { readGroup, type ReadGroup } from './group.js'
import type { Part } from './indexes.js'
import type { KeyPlace } from './key-table.js'
import { claimKey } from './memory-index.js'
import type { State } from './state.js'

export class Lookup<Note> {
  readonly #state: State<Note>

  constructor(state: State<Note>) {
    this.#state = state
  }

  /** The newest part of a stream; undefined if there is none that is intact. */
  part(stream: string): Part<Note> | undefined | Promise<Part<Note> | undefined> {
    const { index, indexes } = this.#state
    return indexes.memoryPart(index, stream) ?? indexes.stream(stream)
  }

  stream(stream: string): StreamHead<Note> | Promise<StreamHead<Note>> {
    const active = this.#state.index.streams.get(stream)
    if (active !== undefined) {
      this.#mustBeLast(stream, active.lastPosition)
      return { version: active.lastVersion, note: active.note }
    }
    return this.#sealedStream(stream)
  }

  async findCommit(commitId: string): Promise<{ commit: StoredCommit; head: Head } | undefined> {
    const { index, indexes, active, gaps } = this.#state
    const frame = index.ids.get(commitId)
    const found = frame === undefined ? await this.#among(await indexes.commit(commitId), commitId) : await this.#commitIn({ segment: active.number, location: frame }, commitId)
    if (found === undefined && gaps.length > 0) throw unknowable(`Whether commit ${JSON.stringify(commitId)} was written`, gaps)
    return found
  }

  async claimed(stream: string, claim: string): Promise<boolean> {
    const { index, indexes, active, gaps, core } = this.#state
    const frame = index.claims.get(claimKey(stream, claim))
    if (frame !== undefined) return true
    for (const place of await indexes.claim(stream, claim)) {
      const { commits } = await this.#groupAt(place)
      if (commits.some((commit) => commit.stream === stream && core.notes.claims(commit).includes(claim))) return true
    }
    if (gaps.length > 0 && (await this.#mayHide(stream, active.number))) throw unknowable(`Whether ${JSON.stringify(claim)} was used in ${JSON.stringify(stream)}`, gaps)
    return false
  }

  async #sealedStream(stream: string): Promise<StreamHead<Note>> {
    const { indexes, core } = this.#state
    const part = await indexes.stream(stream)
    this.#mustBeLast(stream, part?.lastPosition ?? 0)
    return part === undefined ? { version: 0, note: core.notes.initial() } : { version: part.lastVersion, note: await indexes.noteOf(stream, part) }
  }

  #mustBeLast(stream: string, position: number): void {
    const hidden = this.#state.hiddenBehind(position)
    if (hidden.length > 0) throw unknowable(`Where stream ${JSON.stringify(stream)} ends`, hidden)
  }

  /** Whether a gap may hold commits of a stream: it may unless the versions around it have no hole. */
  async #mayHide(stream: string, _active: number): Promise<boolean> {
    let part = await this.part(stream)
    if (part === undefined || this.#state.hiddenBehind(part.lastPosition).length > 0) return true
    for (let first: number; part !== undefined; ) {
      if (await hasHole(part)) return true
      first = part.firstVersion
      const before: Part<Note> | undefined = await part.previous()
      if ((before?.lastVersion ?? 0) + 1 !== first) return true
      part = before
    }
    return false
  }

  async #among(places: readonly KeyPlace[], commitId: string): Promise<{ commit: StoredCommit; head: Head } | undefined> {
    for (const place of places) {
      const found = await this.#commitIn(place, commitId)
      if (found !== undefined) return found
    }
    return undefined
  }

  async #commitIn(place: KeyPlace, commitId: string): Promise<{ commit: StoredCommit; head: Head } | undefined> {
    const { commits, head } = await this.#groupAt(place)
    const commit = commits.find((one) => one.commitId === commitId)
    return commit === undefined ? undefined : { commit, head }
  }

  /** @throws JournalError JOURNAL_DAMAGED if the frame does not check. */
  async #groupAt({ segment, location }: KeyPlace): Promise<ReadGroup> {
    const { segments, active, end, core } = this.#state
    const name = segments.get(segment) ?? active
    return core.handles.with(core.paths.segment(name), async (file) => {
      const cursor = new FrameCursor(file, core.journal, location, segments.get(segment)?.end ?? end)
      let step = cursor.step()
      while (step === undefined) {
        await cursor.fill()
        step = cursor.step()
      }
      if (!('fault' in step) && step.header.kind === Kind.data) return readGroup(step)
      const damage: Damage = { segment: name.name, offset: location, bytes: 0, firstPosition: name.first, reason: 'fault' in step ? step.fault : 'a frame of the wrong kind' }
      this.#state.remember(damage)
      throw unknowable('What the index refers to', [damage])
    })
  }
}

async function hasHole(part: Part<unknown>): Promise<boolean> {
  // Only the first and last versions are known here; within a segment the number of positions tells nothing of one stream.
  return part.lastVersion < part.firstVersion
}

function unknowable(what: string, damage: readonly Damage[]): JournalError {
  return new JournalError('JOURNAL_DAMAGED', `${what} cannot be known, because a part of the journal is damaged. Run verify to see what is lost.`, { damage: [...damage] })
}
