/** Reads everything, holds it against itself, and changes nothing. */
import type { Damage } from '../errors.js'
import type { StoreReport } from './commit-store.js'
import type { Sealed } from './core.js'
import { Kind } from './frame.js'
import { readGroup } from './group.js'
import { confined, isPast } from './rebuild.js'
import { lastVersion } from './record.js'
import { salvage } from './salvage.js'
import type { State } from './state.js'
import { isHole, Walk, type Chain } from './walk.js'

export interface VerifyOptions {
  signal?: AbortSignal
  progress?: (done: number, total: number) => void
}

export async function verify<Note>(state: State<Note>, { signal, progress }: VerifyOptions = {}): Promise<StoreReport> {
  const { head, active, end } = state
  const segments: Sealed[] = Array.from({ length: active.number - 1 }, (_, i) => state.segments.get(i + 1) as Sealed)
  if (active.number > 0) segments.push({ ...active, end, position: head.position, digest: undefined })
  const total = segments.reduce((sum, segment) => sum + segment.end, 0)
  const check = new Check(state)
  let done = 0
  for (const segment of segments) {
    signal?.throwIfAborted()
    await check.segment(segment)
    done += segment.end
    progress?.(done, total)
  }
  const damage = [
    ...check.damage,
    ...state.damage.filter((known) => !check.damage.some((found) => found.segment === known.segment && found.offset === known.offset)),
  ]
  return { ok: damage.length === 0, head, commits: check.commits, events: check.events, damage }
}

class Check<Note> {
  readonly #state: State<Note>
  readonly damage: Damage[] = []
  commits = 0
  events = 0
  #chain: Chain = { group: -1, position: 0, digest: undefined }

  constructor(state: State<Note>) {
    this.#state = state
  }

  async segment(segment: Sealed): Promise<void> {
    const { core } = this.#state
    if (segment.end > 0)
      await core.handles.with(core.paths.segment(segment), (file) =>
        this.#frames(new Walk(file, core.journal, 0, segment.end, this.#chain), segment),
      )
    if (this.#chain.position < segment.position) {
      this.#report(segment, segment.end, 0, this.#chain.position + 1, segment.position, 'the segment is missing or ends early')
      this.#chain = { group: -1, position: segment.position, digest: undefined }
    }
  }

  async #frames(walk: Walk, segment: Sealed): Promise<void> {
    const versions = new Map<string, number>()
    for (;;) {
      const next = walk.next()
      const item = next instanceof Promise ? await next : next
      if (item === undefined || isPast(item, segment)) break
      if (isHole(item)) {
        const { before, lost, after } = salvage(confined(item, segment))
        for (const { commit } of [...before, ...after]) this.#count(commit.events.length)
        const { first, last } = lost ?? { first: item.first, last: item.first - 1 }
        this.#report(segment, item.offset, item.end - item.offset, first, last ?? segment.position, item.reason)
        versions.clear()
        if (item.final) {
          this.#chain = { group: -1, position: segment.position, digest: undefined }
          return
        }
      } else if (item.header.kind === Kind.data) {
        for (const commit of readGroup(item).commits) {
          this.#count(commit.events.length)
          const before = versions.get(commit.stream)
          if (before !== undefined && commit.version !== before + 1) {
            this.#report(
              segment,
              item.offset,
              item.end - item.offset,
              commit.position,
              commit.position - 1,
              `stream ${JSON.stringify(commit.stream)} goes from version ${before} to ${commit.version}`,
            )
          }
          versions.set(commit.stream, lastVersion(commit))
        }
      }
    }
    this.#chain = { ...walk.chain }
  }

  #count(events: number): void {
    this.commits++
    this.events += events
  }

  #report(segment: Sealed, offset: number, bytes: number, firstPosition: number, lastPosition: number, reason: string): void {
    this.damage.push({ segment: segment.name, offset, bytes, firstPosition, lastPosition, reason })
  }
}
