/** An open store's knowledge of its journal: what is written, what is durable, what is damaged. Readers and writer share it. */
import type { Damage } from '../errors.js'
import type { CommitGroup, CommitStore, Head } from './commit-store.js'
import type { Core, Sealed } from './core.js'
import type { Facts } from './facts.js'
import { NO_HISTORY } from './frame.js'
import { covers, damageOf, forget, versionIn, type RecordedGap } from './gap-record.js'
import type { Indexes } from './indexes.js'
import type { Sight } from './sight.js'
import { MemoryIndex } from './memory-index.js'
import type { SegmentName } from './paths.js'
import { missing, nameOf } from './segments.js'

export type Listener = Parameters<CommitStore<unknown>['subscribe']>[0]

export class State<Note> {
  readonly core: Core<Note>
  /** All segments but the active one, by number. */
  readonly segments: Map<number, Sealed>
  readonly indexes: Indexes<Note>
  facts: Facts
  active: SegmentName
  /** Index of the active segment. */
  index: MemoryIndex<Note>
  /** Where the active segment ends as far as it is written, or may be shown. */
  end: number
  group: number
  digest: Buffer
  head: Head
  synced: Head
  readonly damage: Damage[]
  /** Damage of which no index says what it held. */
  readonly gaps: Damage[]
  readonly #listeners = new Set<Listener>()

  constructor(core: Core<Note>, sight: Sight<Note>) {
    this.core = core
    this.segments = sight.segments
    this.indexes = sight.indexes
    this.facts = sight.facts
    this.active = sight.newest === undefined ? { number: 0, first: 1, name: '' } : nameOf(sight.newest)
    this.index = sight.index
    this.end = sight.end
    this.group = sight.chain.group
    this.digest = sight.chain.digest ?? NO_HISTORY
    this.head = { position: sight.chain.position, digest: this.digest.toString('hex') }
    this.synced = this.head
    this.damage = sight.damage
    this.gaps = sight.gaps
  }

  /** Seals the active segment where it ended, and goes on in another that has a header; a number between the two is that of none that is there. */
  goOnIn(next: SegmentName, sealedEnd: number, end: number): void {
    const { active, index, head, digest } = this
    if (active.number > 0) this.#seal({ ...active, end: sealedEnd, position: head.position, digest }, index)
    for (let number = active.number + 1; number < next.number; number++) {
      const segment = missing(number, number === 1 ? 1 : next.first, next.first - 1)
      const nothing = new MemoryIndex<Note>(segment)
      nothing.complete = false
      this.#seal(segment, nothing)
    }
    this.active = next
    this.index = new MemoryIndex(next)
    this.end = end
  }

  #seal(segment: Sealed, index: MemoryIndex<Note>): void {
    this.segments.set(segment.number, segment)
    this.indexes.seal({ segment, index })
  }

  /** What was written down as lost. */
  get recorded(): readonly RecordedGap[] {
    return this.facts.gaps
  }

  /** A place that cannot be read, as it is known: as it was written down, else as damage, which is kept. */
  known(found: Damage): Damage {
    const recorded = this.recorded.findLast((gap) => covers(gap, found))
    if (recorded === undefined) this.remember(found)
    return recorded === undefined ? found : { ...damageOf(recorded), ...positionsOf(found) }
  }

  /** Damage that was written down counts as damage no more. */
  settle(): void {
    forget(this.damage, this.recorded)
    forget(this.gaps, this.recorded)
  }

  /** Keeps a damage that was met while reading, once. */
  remember(found: Damage): void {
    const known = this.damage.some(
      (other) => other.segment === found.segment && other.firstPosition === found.firstPosition && other.offset <= found.offset,
    )
    if (!known) this.damage.push(found)
  }

  /** Damage that may hide commits behind a position. */
  hiddenBehind(position: number): Damage[] {
    return this.gaps.filter(
      ({ firstPosition, lastPosition }) =>
        (lastPosition ?? Number.POSITIVE_INFINITY) > position && (lastPosition === undefined || lastPosition >= firstPosition),
    )
  }

  /** Recorded gaps behind a position in which a stream is known to have gone on from a version. */
  lostBehind(stream: string, position: number, version: number): RecordedGap[] {
    return this.recorded.filter((gap) => gap.last > position && versionIn(gap, stream) > version)
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tellWritten(group: CommitGroup): void {
    for (const listener of this.#listeners) listener.written?.(group)
  }

  tellSynced(): void {
    for (const listener of this.#listeners) listener.synced?.(this.synced)
  }

  tellFailed(error: unknown): void {
    for (const listener of this.#listeners) listener.failed?.(error)
  }
}

function positionsOf({ firstPosition, lastPosition }: Damage): Partial<Damage> {
  return lastPosition === undefined ? { firstPosition } : { firstPosition, lastPosition }
}
