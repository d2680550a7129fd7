/** Reads one stream through the indexes, forwards or backwards. */
import type { Damage } from '../errors.js'
import type { Gap, StoredCommit } from './commit-store.js'
import { damageOf, versionIn } from './gap-record.js'
import { PLACE } from './memory-index.js'
import type { Part } from './part.js'
import { lastPosition, lastVersion } from './record.js'
import { commitsAt, isCommit, Window, type BadRecord } from './record-reader.js'
import type { State } from './state.js'

export interface StreamOptions {
  /** Forwards: a version, exclusive. */
  after?: number | undefined
  /** In reverse: a version, exclusive. */
  before?: number | undefined
  reverse?: boolean
  signal?: AbortSignal | undefined
}

/** A commit, or what is told of one that does not check, and which versions and positions it has. */
interface Found {
  item: StoredCommit | Gap
  version: number
  lastVersion: number
  position: number
  lastPosition: number
}

/** What is read of one part of a stream, and into what. */
interface Wanted {
  after: number
  before: number
  reverse: boolean
  window: Window
}

/** What stands together, and is handed out together. */
type Batch = readonly (StoredCommit | Gap)[]

const gapOf = (gap: Damage): Gap => ({ gap })

/** Events that are read at once backwards, unless one commit has more. */
const PAGE_EVENTS = 128

export class StreamReading<Note> {
  readonly #state: State<Note>

  constructor(state: State<Note>) {
    this.#state = state
  }

  /** In batches, in order. */
  async *read(
    stream: string,
    { after = 0, before = Number.POSITIVE_INFINITY, reverse = false, signal }: StreamOptions = {},
  ): AsyncGenerator<Batch, void, undefined> {
    yield* reverse ? this.#backwards(stream, before, signal) : this.#forwards(stream, after, signal)
  }

  async *#forwards(stream: string, after: number, signal: AbortSignal | undefined): AsyncGenerator<Batch> {
    const window = new Window()
    const newest = await this.#newest(stream)
    let tail = this.#behind(stream, newest, after)
    const parts: Part<Note>[] = []
    let older = newest
    for (; older !== undefined && older.lastVersion > after; older = await older.previous()) parts.push(older)
    /** What came last; what comes first is looked for when it is needed. */
    let known: Found | undefined
    for (const part of parts.toReversed()) {
      for await (const items of this.#part(stream, part, { after, before: Number.POSITIVE_INFINITY, reverse: false, window })) {
        signal?.throwIfAborted()
        const batch: (StoredCommit | Gap)[] = []
        for (const found of items) {
          // Where the commit behind it is lost, nothing but itself says how far one goes.
          if (found.lastVersion <= after) continue
          if (found.version > (known?.lastVersion ?? after) + 1) {
            const from = known?.lastPosition ?? (await positionUpTo(after, part, older))
            batch.push(...this.#between(stream, from, found.position).map(gapOf))
          }
          known = found
          batch.push(found.item)
        }
        yield batch
        tail = untold(tail, batch.at(-1))
      }
    }
    yield tail.map(gapOf)
  }

  async *#backwards(stream: string, before: number, signal: AbortSignal | undefined): AsyncGenerator<Batch> {
    const window = new Window()
    let part = await this.#newest(stream)
    const isToEnd = before > (part?.lastVersion ?? 0) + 1
    /** Behind the end of what is known of the stream nothing is. */
    const end = isToEnd ? 0 : before
    let tail = isToEnd ? this.#behind(stream, part).toReversed() : []
    /** What came last, as above. */
    let known: Found | undefined
    let newer: Part<Note> | undefined
    const lost = async (from: number): Promise<Gap[]> =>
      this.#between(stream, from, known?.position ?? (await positionFrom(before, part, newer)))
        .toReversed()
        .map(gapOf)
    for (; part !== undefined; part = await part.previous()) {
      if (part.firstVersion >= before) {
        newer = part
        continue
      }
      for await (const items of this.#part(stream, part, { after: 0, before, reverse: true, window })) {
        signal?.throwIfAborted()
        const batch: (StoredCommit | Gap)[] = untold(tail, items[0]?.item).map(gapOf)
        tail = []
        for (const found of items) {
          if (found.lastVersion + 1 < (known?.version ?? end)) batch.push(...(await lost(found.lastPosition)))
          known = found
          batch.push(found.item)
        }
        yield batch
      }
    }
    yield [...tail.map(gapOf), ...((known?.version ?? end) > 1 ? await lost(0) : [])]
  }

  /** The newest part of a stream; undefined if there is none that is intact. */
  #newest(stream: string): Part<Note> | undefined | Promise<Part<Note> | undefined> {
    const { index, indexes } = this.#state
    return indexes.memoryPart(index, stream) ?? indexes.stream(stream)
  }

  /** Commits of a part that have events with versions between two. */
  async *#part(stream: string, part: Part<Note>, { after, before, reverse, window }: Wanted): AsyncGenerator<Found[]> {
    const { core, segments, active } = this.#state
    const places = await part.places()
    const count = places.length / PLACE
    const segment = segments.get(part.segment) ?? active
    // A commit ends where the next begins; the last one is known to be wanted.
    let from = 0
    while (from + 1 < count && (places[(from + 1) * PLACE] as number) - 1 <= after) from++
    let to = count
    while (to > from && (places[(to - 1) * PLACE] as number) >= before) to--
    const { file, release } = await core.handles.acquire(core.paths.segment(segment))
    const found = (item: StoredCommit | BadRecord): Found => (isCommit(item) ? foundOf(item) : this.#bad(stream, segment.name, part, item))
    try {
      if (!reverse) for await (const batch of commitsAt(file, stream, places, from, to, window)) yield batch.map(found)
      for (let end = to; reverse && end > from;) {
        const begin = pageBefore(places, from, end, part.lastVersion)
        const page: Found[] = []
        for await (const batch of commitsAt(file, stream, places, begin, end, window)) page.push(...batch.map(found))
        yield page.toReversed()
        end = begin
      }
    } finally {
      await release()
    }
  }

  #bad(stream: string, segment: string, part: Part<Note>, { bad }: BadRecord): Found {
    const { version, position, offset, bytes, reason } = bad
    const last = bad.last ?? { version: part.lastVersion, position: part.lastPosition }
    const gap: Damage = { segment, offset, bytes, firstPosition: position, lastPosition: last.position, streams: [stream], reason }
    return { item: { gap: this.#state.known(gap) }, version, lastVersion: last.version, position, lastPosition: last.position }
  }

  /** Places in which a stream lost events, or may have. Reads one record for each place that names no streams. */
  async gapsOf(stream: string): Promise<Damage[]> {
    const { recorded, damage } = this.#state
    const found: Damage[] = []
    for (const gap of [...recorded.map(damageOf), ...damage]) {
      const last = gap.lastPosition ?? gap.firstPosition
      if (last < gap.firstPosition) continue
      if (gap.streams === undefined ? !(await this.#goesOn(stream, last)) : gap.streams.includes(stream)) found.push(gap)
    }
    return found
  }

  /** Whether the versions of a stream go on unbroken around a gap. */
  async #goesOn(stream: string, last: number): Promise<boolean> {
    let next: number | undefined
    for (let part = await this.#newest(stream); part !== undefined; part = await part.previous()) {
      const places = await part.places()
      for (let at = places.length - PLACE; at >= 0; at -= PLACE) {
        const version = places[at] as number
        if ((places[at + 1] as number) > last) next = version
        else return next !== undefined && (await this.#endsBefore(stream, version, next))
      }
    }
    return next === 1
  }

  /** Whether the commit that begins with a version ends right before another. */
  async #endsBefore(stream: string, version: number, next: number): Promise<boolean> {
    for await (const [item] of this.#forwards(stream, version - 1, undefined))
      return item !== undefined && !('gap' in item) && lastVersion(item) + 1 === next
    return false
  }

  /** Places behind the last part that is left of a stream in which it may go on; of those written down, in which it did, behind a version. */
  #behind(stream: string, newest: Part<Note> | undefined, after = 0): Damage[] {
    const position = newest?.lastPosition ?? 0
    const recorded = this.#state.lostBehind(stream, position, Math.max(newest?.lastVersion ?? 0, after))
    return [...this.#state.hiddenBehind(position), ...recorded.map(damageOf)]
  }

  /** Places between two positions that may have held what is missing of a stream. */
  #between(stream: string, after: number, before: number): Damage[] {
    const recorded = this.#state.recorded
      .filter((gap) => gap.first < before && gap.last > after && (gap.streams === undefined || versionIn(gap, stream) > 0))
      .map(damageOf)
    const found = [...this.#state.gaps.filter((gap) => gap.firstPosition < before && (gap.lastPosition ?? before) > after), ...recorded]
    return found.length > 0
      ? found
      : [
          {
            segment: '',
            offset: 0,
            bytes: 0,
            firstPosition: after + 1,
            lastPosition: before - 1,
            reason: 'versions of the stream are missing',
          },
        ]
  }
}

function foundOf(item: StoredCommit): Found {
  return { item, version: item.version, lastVersion: lastVersion(item), position: item.position, lastPosition: lastPosition(item) }
}

/** Places behind a stream's end, without those of which a record that does not check there is told of as a part. */
function untold(tail: readonly Damage[], last: StoredCommit | Gap | undefined): Damage[] {
  if (last === undefined || !('gap' in last)) return [...tail]
  const { firstPosition } = last.gap
  return tail.filter((gap) => firstPosition < gap.firstPosition || firstPosition > (gap.lastPosition ?? Number.POSITIVE_INFINITY))
}

/** Position of the last commit that is known and begins no later than a version: in a part that goes on behind that, or in the one before. */
async function positionUpTo<Note>(version: number, part: Part<Note>, older: Part<Note> | undefined): Promise<number> {
  const places = await part.places()
  let found = older?.lastPosition ?? 0
  for (let at = 0; at < places.length && (places[at] as number) <= version; at += PLACE) found = places[at + 1] as number
  return found
}

/** Position of the first commit that is known and begins no earlier than a version: in a part that begins before that, or in the one behind. */
async function positionFrom<Note>(version: number, part: Part<Note> | undefined, newer: Part<Note> | undefined): Promise<number> {
  for (const places of [await part?.places(), await newer?.places()])
    for (let at = 0; at < (places?.length ?? 0); at += PLACE) if ((places?.[at] as number) >= version) return places?.[at + 1] as number
  return Number.POSITIVE_INFINITY
}

/** Where the page begins that ends before a commit; both are indexes of places. */
function pageBefore(places: readonly number[], from: number, end: number, newest: number): number {
  const last = end * PLACE < places.length ? (places[end * PLACE] as number) - 1 : newest
  let begin = end - 1
  while (begin > from && last - (places[(begin - 1) * PLACE] as number) < PAGE_EVENTS) begin--
  return begin
}
