/** What files that are none of the segments still have of the places that the segments have lost. */
import { nextDigest, NO_HISTORY } from './frame.js'
import { between, lastOf, type Intact } from './intact.js'

/** A file that may be a copy of a segment, and what is intact of it, with growing positions. */
export interface Copy {
  /** No group of it stands before this position. */
  first: number
  /** Number of the segment that it is a copy of, 0 where that is not known. */
  number: number
  groups: () => AsyncGenerator<Intact>
}

/** How far salvage has come. */
export interface Reached {
  position: number
  /** The history's digest there; undefined where it is not known. */
  digest: Buffer | undefined
}

export class Copies {
  readonly reached: Reached = { position: 0, digest: NO_HISTORY }
  /** Highest number of a segment of which a copy gave anything. */
  highest = 0
  readonly #sources: Source[]

  constructor(copies: readonly Copy[]) {
    this.#sources = copies.map((copy) => new Source(copy))
  }

  /** What copies have between what was reached and a group of the segments, and then as much of that as was not given yet. */
  async *upTo(next: Intact | undefined): AsyncGenerator<Intact> {
    const left = next && between(next, this.reached.position, Number.POSITIVE_INFINITY)
    if (next !== undefined && left === undefined) return
    while (this.reached.position + 1 < (left?.first ?? Number.POSITIVE_INFINITY)) {
      const found = await this.#lowest(left)
      if (found === undefined) break
      this.highest = Math.max(this.highest, found.source.copy.number)
      yield* this.#give(found.offer)
    }
    if (left !== undefined) yield* this.#give(left)
  }

  async close(): Promise<void> {
    for (const source of this.#sources) await source.close()
  }

  *#give(group: Intact): Generator<Intact> {
    yield group
    Object.assign(this.reached, { position: lastOf(group), digest: group.digest } satisfies Reached)
  }

  async #lowest(next: Intact | undefined): Promise<{ offer: Intact; source: Source } | undefined> {
    let lowest: { offer: Intact; source: Source } | undefined
    for (const source of this.#sources) {
      const offer = await source.offer(this.reached, next)
      if (offer !== undefined && (lowest === undefined || offer.first < lowest.offer.first)) lowest = { offer, source }
    }
    return lowest
  }
}

/** Read only where something is missing at or behind its beginning, and no further than what was reached. */
class Source {
  readonly copy: Copy
  #groups: AsyncGenerator<Intact> | undefined
  #group: Intact | undefined
  #ended = false
  /** Its history's digests, by the last positions of its groups. */
  #digests: Map<number, Buffer> | undefined
  /** First position of the group of the segments that it was held against. */
  #held = 0

  constructor(copy: Copy) {
    this.copy = copy
  }

  /** What it has behind what was reached and before the next group. */
  async offer(reached: Reached, next: Intact | undefined): Promise<Intact | undefined> {
    const before = next?.first ?? Number.POSITIVE_INFINITY
    if (this.copy.first >= before) return undefined
    while (!this.#ended) {
      this.#group ??= await this.#take()
      if (this.#group === undefined || this.#group.first >= before) return undefined
      if (isForked(this.#group, reached, next)) return this.close()
      const offer = between(this.#group, reached.position, before)
      if (offer !== undefined) return next !== undefined && (await this.#isDenied(next)) ? this.close() : offer
      if (lastOf(this.#group) > reached.position) return undefined
      this.#group = undefined
    }
    return undefined
  }

  async close(): Promise<undefined> {
    this.#ended = true
    this.#group = undefined
    this.#digests = undefined
    await this.#groups?.return(undefined)
  }

  /** Whether the next group of the segments goes on from another history than this. Where it forked is not known: nothing of it can be given then. */
  async #isDenied({ first, payload, digest }: Intact): Promise<boolean> {
    if (digest === undefined || this.#held === first) return false
    this.#held = first
    this.#digests ??= await digestsOf(this.copy)
    const before = this.#digests.get(first - 1)
    return before !== undefined && !nextDigest(before, first, payload).equals(digest)
  }

  async #take(): Promise<Intact | undefined> {
    this.#groups ??= this.copy.groups()
    const { done, value } = await this.#groups.next()
    this.#ended = done === true
    return value ?? undefined
  }
}

async function digestsOf({ groups }: Copy): Promise<Map<number, Buffer>> {
  const digests = new Map<number, Buffer>()
  for await (const group of groups()) if (group.digest !== undefined) digests.set(lastOf(group), group.digest)
  return digests
}

/** Whether a group is none of this history, but of a copy that went on by itself: digests differ, or groups end elsewhere. */
function isForked(group: Intact, { position, digest }: Reached, next: Intact | undefined): boolean {
  const last = lastOf(group)
  if (last < position) return false
  if (last === position) return differ(group.digest, digest)
  if (group.first <= position && digest !== undefined) return true
  if (group.first === position + 1 && differ(group.before, digest)) return true
  if (next?.before === undefined || last < next.first - 1) return false
  return last >= next.first || differ(group.digest, next.before)
}

function differ(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a !== undefined && b !== undefined && !a.equals(b)
}
