/** What an importer is: one file for each format, all behind this. */
import { known, Taken, type Fields } from './fields.js'
import type { Moment, SessionFields } from './moments.js'
import type { Report } from './report.js'
import { jsonlRows, type Row } from './rows.js'
import type { Sample } from './sample.js'
import type { SourceFile } from './source-file.js'
import type { Head } from './weaver.js'

export type Importer = Telling | Carrying

interface Kind {
  kind: string
  /** What it reads, in a line, for the help. */
  says: string
  /** Whether a file is of this format, by what stands in its first bytes. */
  recognises(sample: Sample): boolean
  /** Whether a file that nothing recognises belongs to files of this format, by where it lies. */
  accompanies?(file: SourceFile, folders: ReadonlySet<string>): boolean
}

/** Of a format that tells of sessions: what happened in them is woven into events. */
export interface Telling extends Kind {
  /** The sessions in files of this format, in an order that follows from the files alone. What cannot be read is told to the report. */
  sessions(files: readonly SourceFile[], report: Report): AsyncIterable<Source>
}

/** Of a format that holds events as a journal had them. */
export interface Carrying extends Kind {
  /** Its commits, in order. What cannot be read is told to the report. */
  commits(file: SourceFile, report: Report, read: (bytes: number) => void): AsyncIterable<Carried>
}

/** One commit of another journal. */
export interface Carried {
  line: number
  stream: string
  /** Of its first event. */
  version: number
  at: number
  commitId?: string
  events: CarriedEvent[]
  /** What the laws added to it there, and will again. */
  added: CarriedEvent[]
  /** Bytes that it took in the file. */
  bytes: number
}

export interface CarriedEvent {
  type: string
  schema: number
  data: unknown
  meta?: Fields
}

/** One session, or one task, in a source. */
export interface Source {
  /** Its stream, unless another one has that name. */
  stream: string
  head: Head
  /** The file that stands for it in the report. */
  file: SourceFile
  /** The source says itself when a turn ends, so that one without an end was interrupted. */
  endsTurns: boolean
  /** A task: its moments are events of a stream that is no session. */
  task?: true
  /** Its records from the first on, each time it is called. */
  rows(): AsyncIterable<Row>
  /** A reader that has seen nothing yet. */
  reader(): Reading
}

/** What a record tells. What it leaves in the record is kept beside. */
export type Reader = (record: Taken, row: Row) => Moment[]

export interface Reading {
  read: Reader
  /** What else the source says once its records are told: how something ended of which they know no end. */
  closing?(): Moment[]
}

/** Bytes that a stream's name may take, so that there is room for more in a commit id. */
const NAME_MAX = 200

/** A stream's name from what a source calls a session. */
export function streamOf(id: string, prefix = 'session'): string {
  const name = Buffer.from(id.replaceAll(/\p{Cc}|\p{Surrogate}/gu, '�'))
  return `${prefix}-${name.length <= NAME_MAX ? name.toString() : name.subarray(0, NAME_MAX).toString().replace(/�$/, '')}`
}

/** A session that is one file, named by what stands in it or by the file. */
export function fileSource(
  kind: string,
  file: SourceFile,
  about: {
    id?: string
    session?: SessionFields
    createdAt?: number
    endsTurns?: boolean
    rows?: () => AsyncIterable<Row>
    reader: () => Reader
  },
): Source {
  const { id = fileId(kind, file), session = {}, createdAt, endsTurns = false, rows = () => jsonlRows(file), reader } = about
  return {
    stream: streamOf(id),
    file,
    endsTurns,
    head: { session: { agent: kind, ...session, source: { kind, path: file.path, id } }, ...known({ createdAt }) },
    rows,
    reader: () => ({ read: reader() }),
  }
}

/** Rows that are looked at for what a session is called. */
const LOOKED_AT = 200

/** The first row that is like this; a record of nothing where there is none among the first. */
export async function firstRow(rows: AsyncIterable<Row>, isIt: (fields: Fields) => boolean): Promise<Taken> {
  let looked = 0
  for await (const { fields } of rows) {
    if (fields !== undefined && isIt(fields)) return new Taken(fields)
    looked += 1
    if (looked === LOOKED_AT) break
  }
  return new Taken({})
}

/** A name for sessions that have none but that of their file. */
export function fileId(kind: string, { name }: SourceFile): string {
  return `${kind}-${name.replace(/\.(jsonl|json|db|ndjson)$/, '')}`
}
