/** Answers about streams, commit ids and claims: from memory, else from the indexes; never "no" where damage may hide a "yes". */
import { JournalError, type Damage } from '../errors.js'
import type { Head, NewCommit, StoredCommit, StreamHead } from './commit-store.js'
import { FrameCursor } from './cursor.js'
import { Kind, type Frame } from './frame.js'
import { commitNamed, headOf, readGroup } from './group.js'
import { versionIn } from './gap-record.js'
import type { KeyPlace } from './key-table.js'
import { claimKey, PLACE } from './memory-index.js'
import type { State } from './state.js'
import type { StreamReading } from './stream-reading.js'

/** Most frames are small; a larger one is read again. */
const FRAME_CHUNK = 1 << 14

export class Lookup<Note> {
  readonly #state: State<Note>
  readonly #streams: StreamReading<Note>
  /** Streams that were read whole in spite of damage elsewhere. */
  readonly #whole = new Set<string>()

  constructor(state: State<Note>, streams: StreamReading<Note>) {
    this.#state = state
    this.#streams = streams
  }

  stream(stream: string): StreamHead<Note> | Promise<StreamHead<Note>> {
    const active = this.#state.index.streams.get(stream)
    if (active !== undefined) {
      this.#mustBeLast(stream, active.lastPosition)
      return { version: this.#version(stream, active), note: active.note }
    }
    return this.#sealedStream(stream)
  }

  async findCommit(commitId: string): Promise<{ commit: StoredCommit; head: Head } | undefined> {
    const { index, indexes, active, gaps } = this.#state
    const frame = index.ids.get(commitId)
    const found =
      frame === undefined
        ? await this.#among(await indexes.commit(commitId), commitId)
        : await this.#commitIn({ segment: active.number, location: frame }, commitId)
    if (found === undefined && gaps.length > 0) throw unknowable(`Whether commit ${JSON.stringify(commitId)} was written`, gaps)
    return found
  }

  claimed(stream: string, claims: readonly string[]): string | undefined | Promise<string | undefined> {
    if (claims.length === 0) return undefined
    const { index, gaps } = this.#state
    const active = claims.find((claim) => index.claims.has(claimKey(stream, claim)))
    // A stream that began in the active segment took no name before that.
    if (active !== undefined || (gaps.length === 0 && index.streams.get(stream)?.firstVersion === 1)) return active
    const places = this.#state.indexes.claims(stream, claims)
    if (gaps.length === 0 && !(places instanceof Promise) && places.every(({ length }) => length === 0)) return undefined
    return this.#claimedBefore(stream, claims, places)
  }

  async #claimedBefore(stream: string, claims: readonly string[], met: KeyPlace[][] | Promise<KeyPlace[][]>): Promise<string | undefined> {
    const { gaps } = this.#state
    const places = await met
    for (const [i, claim] of claims.entries())
      for (const place of places[i] as KeyPlace[]) if (await this.#claimedIn(place, stream, claim)) return claim
    if (gaps.length > 0 && (await this.#mayHide(stream)))
      throw unknowable(`Whether ${JSON.stringify(claims[0])} was used in ${JSON.stringify(stream)}`, gaps)
    return undefined
  }

  async #claimedIn(place: KeyPlace, stream: string, claim: string): Promise<boolean> {
    const { commits } = await this.#inFrame(place, readGroup)
    return commits.some((commit) => commit.stream === stream && this.#state.core.notes.claims(commit).includes(claim))
  }

  async #sealedStream(stream: string): Promise<StreamHead<Note>> {
    const { indexes, core } = this.#state
    const part = await indexes.stream(stream)
    this.#mustBeLast(stream, part?.lastPosition ?? 0)
    return {
      version: this.#version(stream, part ?? { lastVersion: 0, lastPosition: 0 }),
      note: part === undefined ? core.notes.initial() : await indexes.noteOf(stream, part),
    }
  }

  /** Versions that are known to be lost are not given again. */
  #version(stream: string, { lastVersion, lastPosition }: { lastVersion: number; lastPosition: number }): number {
    return Math.max(lastVersion, ...this.#state.lostBehind(stream, lastPosition, lastVersion).map((gap) => versionIn(gap, stream)))
  }

  #mustBeLast(stream: string, position: number): void {
    const hidden = this.#state.hiddenBehind(position)
    if (hidden.length > 0) throw unknowable(`Where stream ${JSON.stringify(stream)} ends`, hidden)
  }

  /** Whether a gap may hold commits of a stream: it may unless the stream reads from its first version to its end without one. */
  async #mayHide(stream: string): Promise<boolean> {
    if (this.#whole.has(stream)) return false
    for await (const batch of this.#streams.read(stream)) if (batch.some((item) => 'gap' in item)) return true
    this.#whole.add(stream)
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
    const found = await this.#inFrame(place, (frame) => {
      const commit = commitNamed(frame, commitId)
      return commit === undefined ? undefined : { commit, head: headOf(frame) }
    })
    if (found === undefined) return undefined
    const position = await this.#positionOf(place.segment, found.commit)
    return position === undefined ? undefined : { commit: { ...found.commit, position }, head: found.head }
  }

  /** Where the index has a commit of a segment. */
  async #positionOf(segment: number, { stream, version }: NewCommit): Promise<number | undefined> {
    const { index, indexes, active } = this.#state
    const part = segment === active.number ? indexes.memoryPart(index, stream) : await indexes.stream(stream, segment + 1)
    const places = (await part?.places()) ?? []
    for (let at = 0; at < places.length; at += PLACE) if (places[at] === version) return places[at + 1]
    return undefined
  }

  /** @throws JournalError JOURNAL_DAMAGED if the frame does not check. */
  async #inFrame<T>({ segment, location }: KeyPlace, use: (frame: Frame) => T): Promise<T> {
    const { segments, active, end, head, core } = this.#state
    const name = segments.get(segment) ?? active
    return core.handles.with(core.paths.segment(name), async (file) => {
      const cursor = new FrameCursor(file, core.journal, location, segments.get(segment)?.end ?? end, FRAME_CHUNK)
      let step = cursor.step()
      while (step === undefined) {
        await cursor.fill()
        step = cursor.step()
      }
      if (!('fault' in step) && step.header.kind === Kind.data) return use(step)
      // Which of the segment's positions it had only those know who read all of it; it is not kept as damage therefore.
      const damage: Damage = {
        segment: name.name,
        offset: location,
        bytes: 0,
        firstPosition: name.first,
        lastPosition: segments.get(segment)?.position ?? head.position,
        reason: 'fault' in step ? step.fault : 'a frame of the wrong kind',
      }
      throw unknowable('What the index refers to', [damage])
    })
  }
}

function unknowable(what: string, damage: readonly Damage[]): JournalError {
  return new JournalError(
    'JOURNAL_DAMAGED',
    `${what} cannot be known, because a part of the journal is damaged. Run verify to see what is lost.`,
    { damage: [...damage] },
  )
}
