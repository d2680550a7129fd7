/** One source on its way into its stream: told from the beginning, in silence as far as the journal has it, and then for good. */
import { isJournalError } from '../../index.js'
import type { Reading, Source } from './importer.js'
import type { Moment } from './moments.js'
import type { Outbox } from './outbox.js'
import { digestOf, headDigest, kindOf, type Mark, type Place } from './place.js'
import type { Report } from './report.js'
import type { Row } from './rows.js'
import type { SourceFile } from './source-file.js'
import { tell } from './tell.js'
import { TaskWeaver } from './weave-task.js'
import { SessionWeaver, type Weaver } from './weaver.js'
import type { Woven } from './woven.js'

/** Events and characters that a commit gathers; a record is never parted. */
const EVENTS_MAX = 128
const CHARACTERS_MAX = 512 * 1024

export interface Around {
  outbox: Outbox
  report: Report
  read: (bytes: number) => void
}

export class Session {
  readonly #source: Source
  readonly #place: Place
  readonly #around: Around
  readonly #weaver: Weaver
  readonly #reader: Reading
  readonly #head: string
  #isFirst = true
  #record = 0
  #digest = ''
  #ended = false
  #version: number
  #batch: Woven[] = []
  #characters = 0
  #refused: string | undefined

  constructor(source: Source, place: Place, around: Around) {
    this.#source = source
    this.#place = place
    this.#around = around
    this.#weaver =
      source.task === undefined
        ? new SessionWeaver(source.head, source.file.changedAt, source.endsTurns)
        : new TaskWeaver(source.head.createdAt ?? source.file.changedAt)
    this.#reader = source.reader()
    this.#head = headDigest(source.head)
    this.#version = place.version
  }

  async run(): Promise<void> {
    const { mark } = this.#place
    this.#weaver.begin()
    this.#collect(this.#source.file, mark === undefined)
    if (mark?.record === 0) await this.#catchUp(mark)
    await this.#read()
    if (this.#refused === undefined && (mark === undefined || this.#record > mark.record || mark.ended !== true)) {
      await this.#conclude(true)
    }
    await this.#flush()
  }

  async #read(): Promise<void> {
    const { report, read } = this.#around
    try {
      for await (const row of this.#source.rows()) {
        read(row.raw.length)
        const moments = tell(this.#reader, row, report)
        if (row.torn === true) continue
        if (this.#weaver.isDeleted)
          return report.note(row.file, 'the session is deleted, and what the source says after that is left there')
        await this.#one(row, moments)
        if (this.#refused !== undefined) return
      }
    } catch (error) {
      if (isJournalError(error)) throw error
      report.failed(this.#source.file, error)
    }
  }

  async #one(row: Row, moments: readonly Moment[]): Promise<void> {
    const { mark } = this.#place
    this.#record += 1
    this.#ended = false
    this.#digest = digestOf(this.#digest, row)
    for (const moment of moments) this.#weaver.weave(moment)
    this.#characters += row.raw.length
    this.#collect(row.file, mark === undefined || this.#record > mark.record, row)
    if (mark !== undefined && this.#record === mark.record) await this.#catchUp(mark)
    if (this.#batch.length >= EVENTS_MAX || this.#characters >= CHARACTERS_MAX) await this.#flush()
  }

  /** The weaver is where the journal is; from here on everything is new. */
  async #catchUp(mark: Mark): Promise<void> {
    if (mark.ended === true) await this.#conclude(false)
    for (const { type, data } of this.#place.since) this.#weaver.observe(type, data)
    if (mark.head === this.#head) return
    this.#weaver.renew()
    this.#collect(this.#source.file, true)
    await this.#flush()
  }

  async #conclude(isNew: boolean): Promise<void> {
    if (isNew) await this.#flush()
    this.#weaver.conclude(this.#reader.closing?.() ?? [])
    this.#ended = true
    this.#collect(this.#source.file, isNew)
  }

  /** What the weaver made goes into the report, and where it is new into the next commit, with its mark on the last event. */
  #collect(file: SourceFile, isNew: boolean, row?: Row): void {
    const { report } = this.#around
    const { events, inferred, problems } = this.#weaver.take()
    report.of(file).events += events.length
    for (const what of inferred) report.inferred(file, what)
    for (const reason of problems)
      report.damaged(file, {
        ...(row?.line === undefined ? {} : { line: row.line }),
        ...(row?.offset === undefined ? {} : { offset: row.offset }),
        reason,
      })
    const [begin] = events
    if (begin !== undefined && this.#isFirst) Object.assign(begin.meta, { from: kindOf(this.#source.head) })
    if (begin !== undefined) this.#isFirst = false
    const last = events.at(-1)
    if (last !== undefined) Object.assign(last.meta, { source: this.#mark() })
    if (isNew) this.#batch.push(...events)
    else this.#characters = 0
  }

  #mark(): Mark {
    return { record: this.#record, digest: this.#digest, head: this.#head, ...(this.#ended ? { ended: true } : {}) }
  }

  async #flush(): Promise<void> {
    const events = this.#batch
    if (events.length === 0 || this.#refused !== undefined) return
    const { stream } = this.#place
    const commit = {
      stream,
      expectedVersion: this.#version,
      commitId: this.#commitId(),
      events,
      bytes: this.#characters + events.length * 200,
    }
    this.#batch = []
    this.#characters = 0
    this.#version += events.length
    await this.#around.outbox.send(commit, (why) => {
      if (this.#refused !== undefined) return
      this.#refused = why
      this.#around.report.damaged(this.#source.file, { reason: `not all of ${stream} was taken: ${why}` })
    })
  }

  /** Follows from the source and its place, so that a commit is the same whenever it is sent. */
  #commitId(): string {
    return `import/${this.#place.stream}/${this.#version}/${this.#digest}`
  }
}
