/** What an import says of each file: what came in, what was concluded, what did not fit, what was damaged. */
import type { SourceFile } from './source-file.js'

export interface Damaged {
  line?: number
  offset?: number
  reason: string
}

export interface FileReport {
  path: string
  kind: string
  /** Sessions and tasks that it holds. */
  sessions: number
  /** Events that it gave, now or in an import before. */
  events: number
  /** How often something had to be concluded that the source does not say. */
  inferred: number
  /** Records of which something fits no field and is kept as it was. */
  extra: number
  damaged: Damaged[]
  /** What `inferred` and `extra` count, and what else there is to say. */
  details: { inferred: Counts; extra: Counts; notes: string[] }
}

type Counts = Readonly<Record<string, number>>

/** Nothing was counted yet: of most files nothing ever is. */
const NOTHING: Counts = Object.freeze({})

export interface ImportReport {
  files: FileReport[]
  sessions: number
  events: number
  /** Events that are new in the journal. */
  added: number
}

/** Items that are listed of one file, and reasons that are told apart; the rest is counted. */
const DAMAGED_MAX = 1000
const REASONS_MAX = 200

export class Report {
  added = 0
  readonly #items = new Map<string, FileReport>()
  readonly #unlisted = new Map<string, number>()
  /** Files by the thousand say the same: each text is kept once. */
  readonly #texts = new Map<string, string>()

  /** The file's item; its kind is the first that was named. */
  of({ path }: { path: string }, kind = 'unknown'): FileReport {
    const there = this.#items.get(path)
    if (there?.kind === 'unknown') there.kind = kind
    if (there !== undefined) return there
    const details = { inferred: NOTHING, extra: NOTHING, notes: [] }
    const item: FileReport = { path, kind, sessions: 0, events: 0, inferred: 0, extra: 0, damaged: [], details }
    this.#items.set(path, item)
    return item
  }

  damaged(file: { path: string }, damaged: Damaged): void {
    const item = this.of(file)
    if (item.damaged.length < DAMAGED_MAX) item.damaged.push(damaged)
    else this.#unlisted.set(item.path, (this.#unlisted.get(item.path) ?? 0) + 1)
  }

  /** What an error says of a file that could not be read. */
  failed(file: SourceFile, error: unknown): void {
    this.damaged(file, { reason: error instanceof Error ? error.message : String(error) })
  }

  note(file: { path: string }, note: string): void {
    const { notes } = this.of(file).details
    if (!notes.includes(note)) notes.push(note)
  }

  inferred(file: { path: string }, what: string): void {
    const item = this.of(file)
    item.inferred += 1
    item.details.inferred = this.#counted(item.details.inferred, what)
  }

  extra(file: { path: string }, what: string): void {
    const item = this.of(file)
    item.extra += 1
    item.details.extra = this.#counted(item.details.extra, what)
  }

  #counted(before: Counts, what: string): Counts {
    const counts: Record<string, number> = before === NOTHING ? (Object.create(null) as Record<string, number>) : before
    const name = what in counts || Object.keys(counts).length < REASONS_MAX ? what : '(others)'
    const text = this.#texts.get(name) ?? name
    this.#texts.set(text, text)
    counts[text] = (counts[text] ?? 0) + 1
    return counts
  }

  finish(): ImportReport {
    const files = [...this.#items.values()].toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    for (const item of files) {
      const more = this.#unlisted.get(item.path)
      if (more !== undefined) item.damaged.push({ reason: `${more} more like these` })
    }
    const sum = (name: 'sessions' | 'events'): number => files.reduce((total, item) => total + item[name], 0)
    return { files, sessions: sum('sessions'), events: sum('events'), added: this.added }
  }
}
