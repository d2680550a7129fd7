/** Looks through a journal for a text, from the newest event to the oldest, and knows at the end what it did not look at. */
import type { RecordedEvent } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { Pattern, type Excerpt } from './pattern.js'
import { placesOf, type PlaceKind } from './places.js'
import { Streamed } from './streamed.js'

export interface Hit {
  /** The stream: a session, or a task. */
  session: string
  title?: string
  thread?: string
  turn?: string
  position: number
  place: PlaceKind
  excerpt: Excerpt
}

/** Why there may be more than what was found. */
export type Incomplete =
  | { reason: 'limit'; limit: number }
  /** Places in the journal that do not check, and those that were written down as lost. */
  | { reason: 'damaged' | 'lost'; places: number }
  /** Bytes at the journal's end that no running writer vouches for. */
  | { reason: 'unproven'; bytes: number }
  /** Events whose types this program does not know. */
  | { reason: 'unknown'; events: number; types: string[] }

export interface Searched {
  complete: boolean
  incomplete: Incomplete[]
  /** How many were looked at. */
  events: number
  /** The end of the journal then. */
  position: number
}

export interface Wanted {
  text: string
  session?: string
  limit: number
}

type Progress = (done: number, total: number) => void

export async function search(
  journal: OpenedJournal,
  { text, session, limit }: Wanted,
  tell: (hit: Hit) => void,
  progress: Progress,
): Promise<Searched> {
  const { position } = journal.head
  const pattern = new Pattern(text)
  const streamed = new Streamed(pattern.reach)
  const titles = new Titles(journal)
  const passed = new PassedOver(journal)
  let [events, hits] = [0, 0]
  const options = { reverse: true, onGap: 'yield' } as const
  for await (const event of session === undefined ? journal.readAll(options) : journal.read(session, options)) {
    if (passed.over(event)) continue
    events += 1
    progress(position - event.position, position)
    const piece = streamed.text(event)
    for (const { kind, text: words } of piece === undefined ? placesOf(event) : [{ kind: 'message', text: piece } as const]) {
      const excerpt = pattern.find(words)
      if (excerpt === undefined) continue
      if (hits === limit) return { complete: false, incomplete: [{ reason: 'limit', limit }, ...passed.list()], events, position }
      hits += 1
      if (piece !== undefined) streamed.found(event)
      const about = await titles.of(event.stream)
      const place = kind === 'message' ? await kindOf(journal, event) : kind
      tell({ session: event.stream, ...about, ...whereIn(event), position: event.position, place, excerpt })
    }
  }
  const incomplete = passed.list()
  return { complete: incomplete.length === 0, incomplete, events, position }
}

interface Known {
  title?: string
  threadId?: string
  turnId?: string
  itemId?: string
  kind?: string
}

const dataOf = ({ data }: RecordedEvent): Known => data as Known

function whereIn(event: RecordedEvent): { thread?: string; turn?: string } {
  const { threadId, turnId } = dataOf(event)
  return { ...(threadId === undefined ? {} : { thread: threadId }), ...(turnId === undefined ? {} : { turn: turnId }) }
}

/** What an item is may have been said only when it began. */
async function kindOf(journal: OpenedJournal, of: RecordedEvent): Promise<PlaceKind> {
  const { turnId, itemId, kind } = dataOf(of)
  if (itemId === undefined || kind !== undefined) return 'message'
  for await (const event of journal.read(of.stream, { reverse: true, after: of.version, onGap: 'yield' })) {
    if (event.type === undefined) continue
    const before = dataOf(event)
    if (before.turnId !== turnId) continue
    if (event.type === 'item.started' && before.itemId === itemId) return before.kind === 'reasoning' ? 'reasoning' : 'message'
    if (event.type === 'turn.submitted') break
  }
  return 'message'
}

/** What sessions and tasks are called today; asked for only where something was found. */
class Titles {
  readonly #journal: OpenedJournal
  readonly #known = new Map<string, { title?: string }>()

  constructor(journal: OpenedJournal) {
    this.#journal = journal
  }

  async of(stream: string): Promise<{ title?: string }> {
    const known = this.#known.get(stream) ?? (await this.#read(stream))
    this.#known.set(stream, known)
    return known
  }

  async #read(stream: string): Promise<{ title?: string }> {
    for await (const event of this.#journal.read(stream, { reverse: true, onGap: 'yield' })) {
      if (event.type !== 'session.created' && event.type !== 'session.updated' && event.type !== 'task.enqueued') continue
      const { title } = dataOf(event)
      if (title !== undefined) return { title }
    }
    return {}
  }
}

/** Counts what could not be looked at. */
class PassedOver {
  readonly #unproven: number
  readonly #unknown = new Map<string, number>()
  readonly #places = { damaged: 0, lost: 0 }

  constructor({ recovery }: OpenedJournal) {
    this.#unproven = recovery.unproven
    for (const { type } of recovery.kept) this.#unknown.set(type, 0)
  }

  over(
    item: RecordedEvent | { gap: { recordedAt?: number }; type?: undefined },
  ): item is { gap: { recordedAt?: number }; type?: undefined } {
    if (item.type === undefined) this.#places[item.gap.recordedAt === undefined ? 'damaged' : 'lost'] += 1
    else if (this.#unknown.has(item.type)) this.#unknown.set(item.type, (this.#unknown.get(item.type) ?? 0) + 1)
    return item.type === undefined
  }

  list(): Incomplete[] {
    const unknown = [...this.#unknown].filter(([, count]) => count > 0)
    const events = unknown.reduce((sum, [, count]) => sum + count, 0)
    const { damaged, lost } = this.#places
    return [
      ...(damaged === 0 ? [] : [{ reason: 'damaged', places: damaged } as const]),
      ...(lost === 0 ? [] : [{ reason: 'lost', places: lost } as const]),
      ...(this.#unproven === 0 ? [] : [{ reason: 'unproven', bytes: this.#unproven } as const]),
      ...(events === 0 ? [] : [{ reason: 'unknown', events, types: unknown.map(([type]) => type) } as const]),
    ]
  }
}
