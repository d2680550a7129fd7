/**
 * Where a source lies in the journal. Every record's last event says which record of its source it was, and the digest of
 * the source up to it: so that an import that broke off, or whose source has grown, goes on where it was, whatever path the
 * source has by now, and another session of the same name is told from it.
 */
import { createHash } from 'node:crypto'
import type { OpenedJournal } from '../command.js'
import { isFields, type Fields } from './fields.js'
import type { Source } from './importer.js'
import type { Row } from './rows.js'
import type { Head } from './weaver.js'

/** What stands in `meta.source` of a record's last event. */
export interface Mark {
  /** Its number in the source, from 1; 0 before the first. */
  record: number
  digest: string
  /** Digest of what was known of the session as a whole. */
  head: string
  /** What was open here got its end, because the source ended. */
  ended?: true
}

export interface Place {
  stream: string
  /** The stream's version now; 0 where it is new. */
  version: number
  /** The last record that is in the journal; undefined where nothing is. */
  mark: Mark | undefined
  /** Events behind it that the engine added. */
  since: { type: string; data: Fields }[]
  /** The journal holds more of this source than the source itself. */
  isAhead: boolean
}

export const digestOf = (before: string, { raw }: Row): string =>
  createHash('sha256').update(before).update('\n').update(raw).digest('hex').slice(0, 16)

export function headDigest({ session, put }: Head): string {
  const about = Object.entries(session).filter(([name]) => name !== 'source')
  return createHash('sha256')
    .update(JSON.stringify([about, put]))
    .digest('hex')
    .slice(0, 8)
}

/** Streams of one name and one first record that are looked through. */
const NAMESAKES_MAX = 1000

/** The place of a source: behind what is there of it, or in a stream of its own. */
export async function placeOf(journal: OpenedJournal | undefined, source: Source): Promise<Place> {
  for await (const stream of namesOf(source)) {
    const fresh: Place = { stream, version: 0, mark: undefined, since: [], isAhead: false }
    if (journal === undefined) return fresh
    const end = await endOf(journal, stream)
    if (end === undefined) return fresh
    if (end.mark === undefined || !isSameKind(end.source, source)) continue
    const how = await compare(journal, { ...end, mark: end.mark }, stream, source)
    if (how === 'another') continue
    const head = headDigest(source.head)
    const mark = (await hadHead(journal, stream, end.mark, head)) ? { ...end.mark, head } : end.mark
    return { stream, ...end, mark, isAhead: how === 'older' }
  }
  throw new Error(`there are ${NAMESAKES_MAX} sessions by the name of ${source.stream} that begin with the same record`)
}

/** Names that a source's stream may have: of many sessions by one name each is found at once, by the record that it begins with. */
async function* namesOf(source: Source): AsyncGenerator<string, void, undefined> {
  yield source.stream
  const name = `${source.stream}~${await beginningOf(source)}`
  yield name
  for (let n = 2; n <= NAMESAKES_MAX; n += 1) yield `${name}~${n}`
}

async function beginningOf(source: Source): Promise<string> {
  for await (const row of source.rows()) if (row.torn !== true) return digestOf('', row).slice(0, 8)
  return 'empty'
}

/** Whether the session was known like this before: of two copies that differ in it, neither is news for ever. */
async function hadHead(journal: OpenedJournal, stream: string, last: Mark, head: string): Promise<boolean> {
  if (last.head === head) return true
  for await (const event of journal.read(stream)) if (markOf(event.meta)?.head === head) return true
  return false
}

interface End {
  version: number
  mark: Mark | undefined
  since: { type: string; data: Fields }[]
  source: unknown
}

/** The last event of a stream that tells its place in a source, and what is behind it. */
async function endOf(journal: OpenedJournal, stream: string): Promise<End | undefined> {
  let version: number | undefined
  let mark: Mark | undefined
  const since: End['since'] = []
  for await (const event of journal.read(stream, { reverse: true })) {
    version ??= event.version
    mark = markOf(event.meta)
    if (mark !== undefined) break
    if (event.meta?.actor === 'turnlog') since.unshift({ type: event.type, data: event.data as Fields })
  }
  if (version === undefined) return undefined
  let source: unknown
  for await (const event of journal.read(stream, { limit: 1 })) source = event.meta?.['from']
  return { version, mark, since, source }
}

function markOf(meta: Fields | undefined): Mark | undefined {
  const mark = meta?.['source']
  return isFields(mark) && typeof mark['record'] === 'number' ? (mark as unknown as Mark) : undefined
}

/** A stream's first event says what kind of source it came from. */
function isSameKind(from: unknown, { head }: Source): boolean {
  return from === kindOf(head)
}

export function kindOf({ session }: Head): unknown {
  return session.source?.['kind'] ?? 'unknown'
}

/** Whether the source goes on from what was imported, is an older copy of it, or another one. */
async function compare(
  journal: OpenedJournal,
  { mark }: { mark: Mark },
  stream: string,
  source: Source,
): Promise<'the same' | 'older' | 'another'> {
  let record = 0
  let digest = ''
  if (mark.record > 0) {
    for await (const row of source.rows()) {
      if (row.torn === true) continue
      record += 1
      digest = digestOf(digest, row)
      if (record === mark.record) break
    }
  }
  if (record === mark.record) return digest === mark.digest ? 'the same' : 'another'
  for await (const event of journal.read(stream)) {
    const there = markOf(event.meta)
    if (there !== undefined && there.record >= record) return there.record === record && there.digest === digest ? 'older' : 'another'
  }
  return 'another'
}
