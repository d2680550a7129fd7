/** The records of a JSONL file, one at a time and in bounded memory. Whatever is wrong with one is said of it, never thrown. */
import { isUtf8 } from 'node:buffer'
import { clean, isFields, type Fields } from './fields.js'
import { chunksOf, type SourceFile } from './source-file.js'

/** One record of a source: a line, a value of a document, a row of a table. */
export interface Row {
  file: SourceFile
  line?: number
  /** Where it begins: in its line where it has one, else in the file. */
  offset?: number
  /** As it stands in the source; the source's digest goes over these. */
  raw: string
  /** Its object; absent where it is none. */
  fields?: Fields
  /** What is wrong with it. */
  damaged?: string
  /** Not finished by its writer, so that it may look different next time: told of, and not taken in. */
  torn?: true
  /** The last line, whole but without a newline behind it. */
  unended?: true
  /** What had to be changed for a journal to hold it. */
  changed?: ReadonlySet<string>
  /** What the row is, where its place in the source says it: the name of its list, or of its table. */
  of?: string
}

/** A line, or a value of a document, longer than this is told of and not read. */
export const BYTES_MAX = 8 * 1024 * 1024

/** Longer lines are not searched for records that were glued together. */
const SEARCHED_MAX = 1024 * 1024

export function jsonlRows(file: SourceFile): AsyncGenerator<Row, void, undefined> {
  return rowsIn(file, chunksOf(file))
}

/** Rows of bytes that a file holds; `of` says where in it, if it holds more than these. */
export async function* rowsIn(file: SourceFile, chunks: AsyncIterable<Buffer>, of?: string): AsyncGenerator<Row, void, undefined> {
  const where = of === undefined ? {} : { of }
  for await (const line of lines(chunks)) {
    if ('tooLong' in line) {
      yield {
        ...where,
        file,
        line: line.number,
        raw: `${line.tooLong}`,
        damaged: `a line of ${line.tooLong} bytes; more than ${BYTES_MAX} are not read`,
      }
      continue
    }
    const text = line.bytes.toString('utf8')
    if (text.trim() === '') continue
    const how = isUtf8(line.bytes) ? undefined : 'bytes that are no UTF-8 are replaced'
    for (const row of rowsOf(file, text, line.number, !line.ended, how)) yield { ...row, ...where }
  }
}

export type Line = { number: number; bytes: Buffer; ended: boolean } | { number: number; tooLong: number }

/** Lines of up to so many bytes, each only until the next is asked for; of a longer one, how long it is. */
export async function* lines(chunks: AsyncIterable<Buffer>, most = BYTES_MAX): AsyncGenerator<Line, void, undefined> {
  let number = 1
  let held: Buffer[] = []
  let length = 0
  const take = (bytes: Buffer): void => {
    length += bytes.length
    if (length <= most) held.push(bytes)
    else held = []
  }
  const finish = (ended: boolean): Line => {
    const bytes = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held)
    const line: Line = length > most ? { number, tooLong: length } : { number, bytes, ended }
    held = []
    length = 0
    number += 1
    return line
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let to = chunk.indexOf(10); to >= 0; to = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, to))
      yield finish(true)
      from = to + 1
    }
    // What is kept longer than the chunk is copied out of it.
    if (from < chunk.length) take(Buffer.from(chunk.subarray(from)))
  }
  if (length > 0) yield finish(false)
}

/** The records of one line: one, or those that were glued together where a newline was lost. */
function* rowsOf(file: SourceFile, text: string, line: number, last: boolean, changed: string | undefined): Generator<Row> {
  const whole = rowOf(file, text, changed)
  if (whole === undefined) yield* rowsGlued(file, text, line, last, changed)
  else yield { ...whole, line, ...(last ? { unended: true } : {}) }
}

function* rowsGlued(file: SourceFile, text: string, line: number, last: boolean, changed: string | undefined): Generator<Row> {
  let from = 0
  for (const { offset, end } of text.length > SEARCHED_MAX ? [] : glued(text)) {
    if (text.slice(from, offset).trim() !== '') {
      yield { file, line, offset: from, raw: text.slice(from, offset), damaged: `torn, and the next record glued to it at ${offset}` }
    }
    yield { ...(rowOf(file, text.slice(offset, end), changed) as Row), line, offset }
    from = end
  }
  const behind = text.slice(from)
  if (behind.trim() === '') return
  const place = { file, line, ...(from === 0 ? {} : { offset: from }), raw: behind }
  if (last) yield { ...place, torn: true, damaged: 'torn last line' }
  else yield { ...place, damaged: 'not JSON' }
}

/** One JSON text as a row; undefined where it is no JSON. */
export function rowOf(file: SourceFile, raw: string, changedBefore?: string): Row | undefined {
  let value: unknown
  try {
    value = JSON.parse(raw)
  } catch {
    return undefined
  }
  return rowFrom(file, raw, value, changedBefore)
}

/** A value as a row. */
export function rowFrom(file: SourceFile, raw: string, given: unknown, changedBefore?: string): Row {
  const { value, changed } = clean(given)
  if (changedBefore !== undefined) changed.add(changedBefore)
  const how = changed.size === 0 ? {} : { changed }
  if (isFields(value)) return { file, raw, fields: value, ...how }
  return { file, raw, damaged: `${Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`} for a record`, ...how }
}

/** How many places are tried as the beginning of a record that was glued to a torn one. */
const TRIES = 24

/** Whole objects in a text that is none: side by side, or behind something torn. */
function glued(text: string): { offset: number; end: number }[] {
  const found: { offset: number; end: number }[] = []
  let tries = 0
  for (let at = text.indexOf('{'); at >= 0 && tries < TRIES; at = text.indexOf('{"', at)) {
    const end = endOfObject(text, at)
    if (end !== undefined && isObject(text.slice(at, end))) {
      found.push({ offset: at, end })
      at = end
    } else {
      tries += 1
      at += 1
    }
  }
  return found
}

/** Behind the bracket that closes the one at `from`; undefined where there is none. */
function endOfObject(text: string, from: number): number | undefined {
  let depth = 0
  let quoted = false
  for (let at = from; at < text.length; at += 1) {
    const char = text.charCodeAt(at)
    if (quoted) {
      if (char === 0x5c) at += 1
      else if (char === 0x22) quoted = false
    } else if (char === 0x22) quoted = true
    else if (char === 0x7b || char === 0x5b) depth += 1
    else if (char === 0x7d || char === 0x5d) {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return undefined
}

function isObject(text: string): boolean {
  try {
    return isFields(JSON.parse(text))
  } catch {
    return false
  }
}
