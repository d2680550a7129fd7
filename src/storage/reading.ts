/** Reads groups in order, forwards and backwards, and one stream's commits; gaps stand where they lie. */
import { setImmediate } from 'node:timers/promises'
import type { Damage } from '../errors.js'
import type { CommitGroup, Gap, Head, ReadOptions, StoredCommit } from './commit-store.js'
import type { Sealed } from './core.js'
import { Kind, NO_HISTORY, passedOver, type Frame } from './frame.js'
import { damageOf, gapsIn } from './gap-record.js'
import { notAsWritten, readGroup } from './group.js'
import { seek } from './memory-index.js'
import { confined, isPast } from './rebuild.js'
import { NotPlain } from './plain.js'
import { lastPosition } from './record.js'
import { salvage } from './salvage.js'
import type { State } from './state.js'
import { beginning, isHole, Walk, type Chain, type Hole } from './walk.js'

/** Steps backwards between two turns of the event loop: one goes back to the seek before, 64 KiB or a larger frame. */
const TURN_STEPS = 4

export class Groups<Note> {
  readonly #state: State<Note>

  constructor(state: State<Note>) {
    this.#state = state
  }

  async *read({ after = 0, upTo = Number.POSITIVE_INFINITY, unpacked = false, signal }: ReadOptions = {}): AsyncGenerator<
    CommitGroup | Gap,
    void,
    undefined
  > {
    let at = after
    while (at < Math.min(upTo, this.#state.head.position)) {
      const segment = this.#holding(at + 1)
      let ended = false
      for await (const item of this.#segment(segment, at, unpacked)) {
        signal?.throwIfAborted()
        const reached = 'gap' in item ? (item.gap.lastPosition ?? segment.position) : item.head.position
        if (reached <= at) continue
        if (reached > upTo && !('gap' in item)) return
        yield item
        at = reached
        ended = at >= upTo
        if (ended) return
      }
      if (at >= segment.position) continue
      // The segment says that it goes further than it does.
      const gap = this.#lost(segment, at + 1)
      yield { gap }
      at = segment.position
    }
  }

  async *readReverse({
    before = Number.POSITIVE_INFINITY,
    signal,
  }: { before?: number | undefined; signal?: AbortSignal | undefined } = {}): AsyncGenerator<CommitGroup | Gap, void, undefined> {
    let to = Math.min(before - 1, this.#state.head.position)
    for (let steps = 1; to > 0; steps++) {
      // Each is too short for a turn of the event loop.
      if (steps % TURN_STEPS === 0) await setImmediate()
      const segment = this.#holding(to)
      const seeks = await this.#seeks(segment)
      const from = Math.min(to, Math.max(segment.first, seek(seeks, to)?.first ?? 0))
      const items: (CommitGroup | Gap)[] = []
      for await (const item of this.read({ after: from - 1, upTo: segment.position, signal })) {
        if (firstOf(item) > to) break
        items.push(item)
      }
      for (const item of items.toReversed()) yield item
      to = Math.min(from, items[0] === undefined ? from : firstOf(items[0])) - 1
    }
  }

  /** The group end at a position, if there is one. */
  async digestAt(position: number): Promise<string | Gap | undefined> {
    if (position === 0) return NO_HISTORY.toString('hex')
    if (position > this.#state.head.position) return undefined
    for await (const item of this.read({ after: position - 1 })) {
      if ('gap' in item) return item
      return item.head.position === position ? item.head.digest : undefined
    }
    return undefined
  }

  async holds({ position, digest }: Head): Promise<boolean | Gap> {
    const { head, recorded } = this.#state
    // Writing down what is lost moves the digest on, not the position.
    if ([head, ...recorded.map((gap) => gap.head)].some((end) => end.position === position && end.digest === digest)) return true
    const found = await this.digestAt(position)
    return typeof found === 'object' ? found : found === digest
  }

  /** The segment that holds a position, as far as it is to be read. */
  #holding(position: number): Sealed {
    const { segments, active, end, head } = this.#state
    if (position >= active.first) return { ...active, end, position: head.position, digest: undefined }
    let low = 1
    let high = active.number - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((segments.get(middle) as Sealed).first <= position) low = middle
      else high = middle - 1
    }
    return segments.get(low) as Sealed
  }

  async #seeks(segment: Sealed): Promise<readonly number[]> {
    const { active, index, indexes } = this.#state
    return segment.number === active.number ? index.seeks : indexes.seeks(segment.number)
  }

  /** Groups and gaps of one segment from the group that holds the position behind `after`. */
  async *#segment(segment: Sealed, after: number, unpacked: boolean): AsyncGenerator<CommitGroup | Gap, void, undefined> {
    const { core } = this.#state
    if (segment.end === 0) return
    const start = seek(await this.#seeks(segment), after + 1)
    const { file, release } = await core.handles.acquire(core.paths.segment(segment))
    const from = (offset: number, chain: Chain): Walk =>
      new Walk(file, core.journal, offset, segment.end, chain, { digests: false, upTo: segment.position })
    const whole = (): Walk => from(0, beginning(core.before.get(segment.number), segment))
    try {
      let walk = start === undefined ? whole() : from(start.offset, { group: -1, position: start.first - 1, digest: undefined })
      let isFirst = start !== undefined
      for (;;) {
        const next = walk.next()
        const item = next instanceof Promise ? await next : next
        if (item === undefined || isPast(item, segment)) return
        // Where the frame that was sought does not check, those before it tell its successor from a stray copy of a later one.
        if (isFirst && isHole(item)) walk = whole()
        else if (isHole(item)) yield* this.#around(segment, confined(item, segment))
        else if (item.header.kind === Kind.data && item.header.first + item.header.aux - 1 > after) yield readGroup(item, unpacked)
        else if (passedOver(item.header) > 0 && item.header.first - 1 > after) yield { gap: passed(item) }
        isFirst = false
      }
    } finally {
      await release()
    }
  }

  /** What is intact of a damaged frame, and the gap in its place. */
  *#around(segment: Sealed, hole: Hole): Generator<CommitGroup | Gap, void, undefined> {
    const { before, lost, after } = salvage(hole)
    const digest = hole.header?.digest.toString('hex') ?? ''
    const group = (commits: StoredCommit[]): CommitGroup => ({
      commits,
      head: { position: lastPosition(commits.at(-1) as StoredCommit), digest },
    })
    if (before.length > 0) yield group(before.map(({ commit }) => commit))
    const { first, last } = lost ?? { first: hole.first, last: hole.first - 1 }
    const gap: Damage = {
      segment: segment.name,
      offset: hole.offset,
      bytes: hole.end - hole.offset,
      firstPosition: first,
      lastPosition: last ?? segment.position,
      reason: hole.reason,
    }
    const known = this.#state.known(gap)
    if (lost !== undefined) yield { gap: known }
    if (after.length > 0) yield group(after.map(({ commit }) => commit))
  }

  #lost(segment: Sealed, firstPosition: number): Damage {
    const range = { firstPosition, lastPosition: segment.position }
    const known = this.#state.damage.find(
      (one) => one.firstPosition <= firstPosition && (one.lastPosition ?? segment.position) >= segment.position,
    )
    const gap =
      known === undefined
        ? { segment: segment.name, offset: segment.end, bytes: 0, ...range, reason: 'the segment is missing or ends early' }
        : { ...known, ...range }
    return this.#state.known(gap)
  }
}

/** What a gap frame says was lost just there. */
function passed(frame: Frame): Damage {
  const { first } = frame.header
  const gap = gapsIn(frame).find(({ last }) => last === first - 1)
  if (gap === undefined) throw notAsWritten(frame, new NotPlain('it does not say what was lost before it'))
  return damageOf(gap)
}

function firstOf(item: CommitGroup | Gap): number {
  return 'gap' in item ? item.gap.firstPosition : (item.commits[0] as StoredCommit).position
}
