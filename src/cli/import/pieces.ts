/**
 * The values of one JSON document, piece by piece and in bounded memory: each member of the outer object, and each item of
 * the lists that a reader names, so that a long session is not read whole, and one that was cut off is read as far as it goes.
 */
import { clean, cleanKey } from './fields.js'
import { rowOf, BYTES_MAX, type Row } from './rows.js'
import { chunksOf, type SourceFile } from './source-file.js'

export interface Piece extends Row {
  /** The member's name, with those around it: `metadata`, `journal.entries`. Empty for the items of an outer list. */
  of: string
  /** Its value where it is no object; objects are in `fields`. */
  value?: unknown
}

/** `lists`: members whose items come one by one; of an object among them, its members. */
export async function* piecesOf(file: SourceFile, lists: readonly string[]): AsyncGenerator<Piece, void, undefined> {
  const scanner = new Scanner(new Set(lists))
  for await (const chunk of chunksOf(file)) {
    for (const found of scanner.push(chunk)) yield pieceOf(file, found)
    if (scanner.failed) return
  }
  for (const found of scanner.end()) yield pieceOf(file, found)
}

/** The members of the outer object that stand whole in these bytes, and the names of all that begin there. */
export function membersOf(head: Buffer): { names: Set<string>; members: Map<string, unknown> } {
  const scanner = new Scanner(new Set())
  const members = new Map<string, unknown>()
  for (const { of, raw } of scanner.push(head)) {
    if (raw === undefined) continue
    try {
      members.set(of, JSON.parse(raw.toString('utf8')))
    } catch {
      // What is no JSON is no member; reading the file says so.
      members.delete(of)
    }
  }
  return { names: scanner.names, members }
}

interface Found {
  of: string
  offset: number
  raw?: Buffer
  damaged?: string
}

function pieceOf(file: SourceFile, { of: given, offset, raw, damaged }: Found): Piece {
  const changed = new Set<string>()
  const of = cleanKey(given, changed)
  if (raw === undefined) return { file, offset, of, raw: '', damaged: damaged ?? '' }
  const text = raw.toString('utf8')
  if (damaged !== undefined) return { file, offset, of, raw: text, damaged }
  const row = rowOf(file, text)
  if (row === undefined) return { file, offset, of, raw: text, damaged: 'not JSON' }
  const { damaged: _, ...whole } = row
  for (const how of row.changed ?? []) changed.add(how)
  return {
    ...whole,
    of,
    offset,
    ...(changed.size === 0 ? {} : { changed }),
    ...(row.fields === undefined ? { value: clean(JSON.parse(text)).value } : {}),
  }
}

interface Level {
  of: string
  list: boolean
  expects: 'key' | 'colon' | 'value' | 'comma'
  key: string
}

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])
const OPEN = new Set([0x7b, 0x5b])
const CLOSE = new Set([0x7d, 0x5d])
const QUOTE = 0x22

class Scanner {
  /** Names of the members that were met, whole or not. */
  readonly names = new Set<string>()
  failed = false
  readonly #lists: ReadonlySet<string>
  readonly #levels: Level[] = []
  #offset = 0
  #began = false
  /** The value or key that is being collected. */
  #held: Buffer[] | undefined
  #heldFrom = 0
  #heldBytes = 0
  #depth = 0
  #quoted = false
  #escaped = false

  constructor(lists: ReadonlySet<string>) {
    this.#lists = lists
  }

  *push(chunk: Buffer): Generator<Found> {
    let at = 0
    while (at < chunk.length && !this.failed) {
      if (this.#held !== undefined) {
        const end = this.#endOfValue(chunk, at)
        this.#hold(chunk.subarray(at, end ?? chunk.length))
        this.#offset += (end ?? chunk.length) - at
        at = end ?? chunk.length
        if (end !== undefined) yield* this.#finish()
        continue
      }
      yield* this.#structure(chunk[at] as number)
      if (this.#held === undefined && !this.failed) {
        at += 1
        this.#offset += 1
      }
    }
  }

  /** The file ends here. */
  *end(): Generator<Found> {
    if (this.failed || (this.#began && this.#levels.length === 0)) return
    if (this.#held !== undefined) {
      const raw = Buffer.concat(this.#held)
      yield { of: this.#name(), offset: this.#heldFrom, raw, damaged: 'the document is cut off here' }
    } else yield { of: this.#name(), offset: this.#offset, damaged: this.#began ? 'the document is cut off here' : 'an empty document' }
  }

  *#structure(byte: number): Generator<Found> {
    if (SPACE.has(byte)) return
    const level = this.#levels.at(-1)
    if (level === undefined) {
      if (this.#began || !OPEN.has(byte)) yield* this.#fail(this.#began ? 'more behind the end of the document' : 'no JSON document')
      else this.#enter(byte, '')
      this.#began = true
    } else if (CLOSE.has(byte) && level.expects !== 'colon' && (level.list || level.expects !== 'value')) {
      this.#levels.pop()
      this.#after()
    } else if (level.expects === 'comma' && byte === 0x2c) level.expects = level.list ? 'value' : 'key'
    else if (level.expects === 'colon' && byte === 0x3a) level.expects = 'value'
    else if (level.expects === 'key' && byte === QUOTE) this.#begin()
    else if (level.expects === 'value') this.#value(byte)
    else yield* this.#fail('no JSON from here on')
  }

  #value(byte: number): void {
    const name = this.#name()
    const within = this.#levels.at(-1)?.list === false && this.#lists.has(name) && OPEN.has(byte)
    if (within) this.#enter(byte, name)
    else this.#begin()
  }

  #enter(byte: number, of: string): void {
    this.#levels.push({ of, list: byte === 0x5b, expects: byte === 0x5b ? 'value' : 'key', key: '' })
  }

  /** A value ended: its container expects a comma. */
  #after(): void {
    const level = this.#levels.at(-1)
    if (level !== undefined) level.expects = 'comma'
  }

  #begin(): void {
    this.#held = []
    this.#heldFrom = this.#offset
    this.#heldBytes = 0
    this.#depth = 0
    this.#quoted = false
    this.#escaped = false
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length
    if (this.#heldBytes <= BYTES_MAX) this.#held?.push(Buffer.from(bytes))
    else this.#held = []
  }

  /** Where the value that is being collected ends in this chunk; undefined where it goes on behind it. */
  #endOfValue(chunk: Buffer, from: number): number | undefined {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] as number
      if (this.#quoted) {
        if (this.#escaped) this.#escaped = false
        else if (byte === 0x5c) this.#escaped = true
        else if (byte === QUOTE) {
          this.#quoted = false
          if (this.#depth === 0) return at + 1
        }
      } else if (byte === QUOTE) this.#quoted = true
      else if (OPEN.has(byte)) this.#depth += 1
      else if (CLOSE.has(byte)) {
        if (this.#depth === 0) return at
        this.#depth -= 1
        if (this.#depth === 0) return at + 1
      } else if (this.#depth === 0 && (byte === 0x2c || SPACE.has(byte))) return at
    }
    return undefined
  }

  *#finish(): Generator<Found> {
    const level = this.#levels.at(-1) as Level
    const held = this.#held as Buffer[]
    const tooLong = this.#heldBytes > BYTES_MAX
    this.#held = undefined
    if (level.expects === 'key') {
      level.key = tooLong ? '' : keyOf(Buffer.concat(held))
      if (level.of === '') this.names.add(level.key)
      level.expects = 'colon'
      return
    }
    const of = this.#name()
    level.expects = 'comma'
    if (tooLong) yield { of, offset: this.#heldFrom, damaged: `a value of ${this.#heldBytes} bytes; more than ${BYTES_MAX} are not read` }
    else yield { of, offset: this.#heldFrom, raw: Buffer.concat(held) }
  }

  *#fail(damaged: string): Generator<Found> {
    this.failed = true
    yield { of: this.#name(), offset: this.#offset, damaged }
  }

  #name(): string {
    const level = this.#levels.at(-1)
    if (level === undefined || level.list) return level?.of ?? ''
    return level.of === '' ? level.key : `${level.of}.${level.key}`
  }
}

function keyOf(quoted: Buffer): string {
  try {
    return String(JSON.parse(quoted.toString('utf8')))
  } catch {
    return quoted.toString('utf8')
  }
}
