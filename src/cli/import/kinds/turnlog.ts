/** turnlog: what `turnlog export --to jsonl` writes. Its commits are taken over as they are. */
import { fromExactJson } from '../../exact-json.js'
import { isFields, type Fields } from '../fields.js'
import type { Carried, CarriedEvent, Carrying } from '../importer.js'
import type { Report } from '../report.js'
import { lines } from '../rows.js'
import { someRow } from '../sample.js'
import { chunksOf, type SourceFile } from '../source-file.js'

/** The newest shape of the file that is known here. */
const EXPORT = 1

/** An event may have 16 MiB, and its bytes and marks take more as JSON. */
const LINE_BYTES_MAX = 48 * 1024 * 1024

export const turnlog: Carrying = {
  kind: 'turnlog',
  says: 'what turnlog export --to jsonl writes',
  recognises: (sample) => someRow(sample, ({ turnlog: what, export: version }) => what === 'journal' && typeof version === 'number'),
  async *commits(file, report, read) {
    const gathering = new Gathering(file, report)
    for await (const line of lines(chunksOf(file), LINE_BYTES_MAX)) {
      const { number } = line
      if ('tooLong' in line) {
        read(line.tooLong)
        report.damaged(file, { line: number, reason: `a line of ${line.tooLong} bytes; more than ${LINE_BYTES_MAX} are not read` })
        continue
      }
      read(line.bytes.length)
      const row = rowIn(line.bytes)
      if (row === undefined) report.damaged(file, { line: number, reason: line.ended ? 'not JSON' : 'torn last line' })
      else if (isNewer(row)) {
        report.damaged(file, {
          line: number,
          reason: `written by a newer turnlog: export ${String(row['export'])}, where ${EXPORT} is known`,
        })
        return
      } else yield* gathering.take(number, row, line.bytes.length)
    }
    gathering.end()
  },
}

function rowIn(bytes: Buffer): Fields | undefined {
  try {
    const value = fromExactJson(bytes.toString('utf8'))
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isNewer = ({ turnlog: what, export: version }: Fields): boolean =>
  what === 'journal' && typeof version === 'number' && version > EXPORT

/** Puts commits together from the lines of their events. */
class Gathering {
  readonly #file: SourceFile
  readonly #report: Report
  #commit: (Carried & { position: number; of: number }) | undefined
  #ended = false

  constructor(file: SourceFile, report: Report) {
    this.#file = file
    this.#report = report
  }

  *take(line: number, row: Fields, bytes: number): Generator<Carried> {
    if (row['turnlog'] === 'journal') this.#ended = false
    else if (isFields(row['end'])) this.#ended = true
    else if (isFields(row['gap'])) {
      const { firstPosition, lastPosition, reason } = row['gap']
      this.#damaged(
        line,
        `positions ${String(firstPosition)} to ${String(lastPosition)} were lost where it was exported: ${String(reason)}`,
      )
    } else yield* this.#event(line, row, bytes)
  }

  /** Says what is missing at the end. */
  end(): void {
    this.#notWhole()
    if (!this.#ended) this.#report.damaged(this.#file, { reason: 'it ends before its last line, so that more may be missing' })
  }

  *#event(line: number, row: Fields, bytes: number): Generator<Carried> {
    const event = eventIn(row)
    if (event === undefined) {
      this.#damaged(line, 'no event of a journal')
      return
    }
    const { index, of, position, added, ...about } = event
    if (index === 0) {
      this.#notWhole()
      const { stream, version, at, commitId } = about
      this.#commit = {
        line,
        stream,
        version,
        at,
        ...(commitId === undefined ? {} : { commitId }),
        events: [],
        added: [],
        bytes: 0,
        position,
        of,
      }
    }
    const commit = this.#commit
    if (commit?.position !== position || commit.stream !== about.stream || index !== commit.events.length + commit.added.length) {
      this.#damaged(line, 'an event of a commit that is not whole')
      return
    }
    const { type, schema, data, meta } = about
    const others = added && commit.events.length > 0 ? commit.added : commit.events
    others.push({ type, schema, data, ...(meta === undefined ? {} : { meta }) })
    commit.bytes += bytes
    if (index + 1 < commit.of) return
    this.#commit = undefined
    yield commit
  }

  #notWhole(): void {
    if (this.#commit !== undefined) this.#damaged(this.#commit.line, 'a commit that is not whole')
    this.#commit = undefined
  }

  #damaged(line: number, reason: string): void {
    this.#report.damaged(this.#file, { line, reason })
  }
}

interface EventLine extends CarriedEvent {
  stream: string
  version: number
  at: number
  added: boolean
  /** Of the commit: where it began, the event's place in it, and how many it has. */
  position: number
  index: number
  of: number
  commitId?: string
}

/** What a line says, if every field of it is what an export writes. */
function eventIn({ stream, version, at, type, schema, data, meta, added, commit }: Fields): EventLine | undefined {
  const { position, index, events: of, id } = isFields(commit) ? commit : {}
  if (!isId(stream) || typeof type !== 'string' || !(id === undefined || isId(id)) || !(meta === undefined || isMeta(meta)))
    return undefined
  if (!isCount(version) || !isCount(at) || !isCount(schema) || !isCount(position) || !isCount(index) || !isCount(of)) return undefined
  const optional = { ...(id === undefined ? {} : { commitId: id }), ...(meta === undefined ? {} : { meta }) }
  return { stream, version, at, type, schema, data: data ?? null, added: added === true, position, index, of, ...optional }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** What may be the name of a stream or a commit. */
function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 512 && !/\p{Surrogate}/u.test(value)
}

const isMeta = (value: unknown): value is Fields =>
  isFields(value) && (value['occurredAt'] === undefined || Number.isFinite(value['occurredAt']))
