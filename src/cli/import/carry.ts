/** Takes commits of another journal over as they are: each behind those of its stream that are there, and as of its time. */
import { events as today, levelOf } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { toExactJson } from '../exact-json.js'
import type { Carried, CarriedEvent, Carrying } from './importer.js'
import type { Outbox } from './outbox.js'
import type { Report } from './report.js'
import type { SourceFile } from './source-file.js'

export interface Around {
  journal: OpenedJournal | undefined
  outbox: Outbox
  report: Report
  read: (bytes: number) => void
}

const LEVEL = levelOf(today)

export async function carry(importer: Carrying, file: SourceFile, around: Around): Promise<void> {
  const carrying = new Carry(file, around, await lastAt(around.journal))
  for await (const commit of importer.commits(file, around.report, around.read)) await carrying.take(commit)
  await around.outbox.drain()
}

async function lastAt(journal: OpenedJournal | undefined): Promise<number> {
  if (journal !== undefined)
    for await (const event of journal.readAll({ reverse: true, limit: 1, onGap: 'yield' })) if (event.type !== undefined) return event.at
  return 0
}

class Carry {
  readonly #file: SourceFile
  readonly #around: Around
  /** How far each stream of the file is in the journal, with what is on its way there. */
  readonly #versions = new Map<string, number>()
  readonly #refused = new Set<string>()
  /** Time of the journal's last commit. */
  #lastAt: number

  constructor(file: SourceFile, around: Around, last: number) {
    this.#file = file
    this.#around = around
    this.#lastAt = last
  }

  async take(commit: Carried): Promise<void> {
    const { stream, version, events, added } = commit
    const { outbox, report } = this.#around
    const item = report.of(this.#file)
    if (!this.#versions.has(stream)) item.sessions += 1
    const there = await this.#version(stream)
    if (this.#refused.has(stream)) return
    const end = version + events.length + added.length - 1
    if (end <= there && !(await this.#isThere(commit))) return this.#refuse(commit, 'it is there already, with another history')
    const problem = end <= there ? undefined : problemOf(commit, there)
    if (problem !== undefined) return this.#refuse(commit, problem)
    item.events += events.length + added.length
    if (end <= there) return
    this.#versions.set(stream, end)
    const sent = this.#timed(commit)
    const { at, commitId, bytes } = commit
    const about = { stream, expectedVersion: there, at, ...(commitId === undefined ? {} : { commitId }), bytes }
    await outbox.send({ ...about, events: sent, added: added.length }, (why) => this.#refuse(commit, why))
    // What the laws really added is known once it is written, and what follows stands on that.
    if (added.length > 0) await outbox.drain()
  }

  async #version(stream: string): Promise<number> {
    let version = this.#versions.get(stream)
    if (version !== undefined) return version
    version = 0
    for await (const event of this.#around.journal?.read(stream, { reverse: true, limit: 1, onGap: 'yield' }) ?? [])
      if (event.type !== undefined) version = event.version
    this.#versions.set(stream, version)
    return version
  }

  /** Events as they are appended. One from before the journal's last commit is recorded later than it was, and keeps its time as its own. */
  #timed({ at, events }: Carried): CarriedEvent[] {
    const isLate = at < this.#lastAt
    this.#lastAt = Math.max(this.#lastAt, Math.min(at, Date.now()))
    if (!isLate) return events
    return events.map((event) => {
      if (event.meta?.['occurredAt'] !== undefined) return event
      this.#around.report.inferred(this.#file, 'a time before that of the journal, kept as the event’s own')
      return { ...event, meta: { ...event.meta, occurredAt: at } }
    })
  }

  /** Whether the journal has just these events. */
  async #isThere({ stream, version, at, events, added }: Carried): Promise<boolean> {
    const { journal, outbox } = this.#around
    await outbox.drain()
    const own = [...events, ...added]
    let count = 0
    for await (const event of journal?.read(stream, { after: version - 1, limit: own.length, onGap: 'yield' }) ?? []) {
      const carried = own[count]
      count += 1
      if (event.type === undefined || carried === undefined || !isSame(event, carried, at)) return false
    }
    return journal === undefined || count === own.length
  }

  #refuse({ line, stream }: Carried, why: string): void {
    if (this.#refused.has(stream)) return
    this.#refused.add(stream)
    this.#around.report.damaged(this.#file, { line, reason: `from here on nothing of ${stream} is taken: ${why}` })
  }
}

/** Why a commit cannot be the next of its stream here. */
function problemOf({ version, events, added }: Carried, there: number): string | undefined {
  if (version > there + 1) return `its versions ${there + 1} to ${version - 1} are missing`
  if (version <= there) return `it is there already up to version ${there}`
  const other = [...events, ...added].find(({ type, schema }) => LEVEL[type] !== schema)
  if (other === undefined) return undefined
  const { type, schema } = other
  return LEVEL[type] === undefined
    ? `this program does not know ${type}`
    : `${type}@${schema} is not what this program writes, which is ${type}@${LEVEL[type]}; upgrade the journal and export it again`
}

function isSame(there: CarriedEvent, { type, schema, data, meta }: CarriedEvent, at: number): boolean {
  const same = (own: CarriedEvent['meta']): boolean =>
    toExactJson([there.type, there.schema, there.data, there.meta]) === toExactJson([type, schema, data, own])
  return same(meta) || same({ ...meta, occurredAt: at })
}
