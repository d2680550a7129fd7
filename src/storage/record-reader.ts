/** Reads commits of which an index says where they lie. Neighbours are read together; each record's checksum is checked. */
import { setImmediate } from 'node:timers/promises'
import type { StoredCommit } from './commit-store.js'
import type { FileHandle } from './files.js'
import { readFully } from './io.js'
import { PLACE } from './memory-index.js'
import { decodeWhole, recordEnd } from './record.js'

const WINDOW_BYTES = 1 << 18
/** Other streams' records between two of ours that it pays to read along. */
const APART_BYTES = 1 << 12

/** Most windows are smaller. */
const READ_BYTES = 1 << 14

/** After so many commits others have a turn of the event loop: what is read in small pieces is read without one. */
const TURN_COMMITS = 512

/** Of one reading: bytes into which one window is read after the other. Nothing of a commit is left in them once the commit is handed out. */
export class Window {
  #bytes = Buffer.alloc(0)
  /** Commits since the last turn. */
  #commits = 0

  /** Lets others have a turn of the event loop now and then; `commits`: how many are about to be read. */
  turn(commits: number): Promise<void> | undefined {
    this.#commits += commits
    if (this.#commits < TURN_COMMITS) return undefined
    this.#commits = 0
    return setImmediate()
  }

  of(length: number): Buffer {
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(Math.max(length, READ_BYTES))
    return this.#bytes.subarray(0, length)
  }
}

/** A record that does not check, and what the index knows of it. */
export interface BadRecord {
  bad: { version: number; position: number; offset: number; bytes: number; reason: string }
}

/** Commits at places `from` to `to` (indexes of places), oldest first. */
export async function* commitsAt(
  file: FileHandle,
  stream: string,
  places: readonly number[],
  from: number,
  to: number,
  window = new Window(),
): AsyncGenerator<StoredCommit | BadRecord> {
  for (let first = from; first < to;) {
    const end = windowEnd(places, first, to)
    const start = places[first * PLACE + 2] as number
    const length = (places[(end - 1) * PLACE + 2] as number) + (places[(end - 1) * PLACE + 3] as number) - start
    const turn = window.turn(end - first)
    if (turn !== undefined) await turn
    const bytes = window.of(length)
    const got = await readFully(file, bytes, start)
    for (let i = first; i < end; i++) yield commitIn(bytes, got, start, stream, places, i)
    first = end
  }
}

function windowEnd(places: readonly number[], first: number, to: number): number {
  const start = places[first * PLACE + 2] as number
  let end = first + 1
  for (let last = start + (places[first * PLACE + 3] as number); end < to; end++) {
    const offset = places[end * PLACE + 2] as number
    const length = places[end * PLACE + 3] as number
    if (offset - last > APART_BYTES || offset + length - start > WINDOW_BYTES) break
    last = offset + length
  }
  return end
}

function commitIn(
  bytes: Buffer,
  got: number,
  start: number,
  stream: string,
  places: readonly number[],
  i: number,
): StoredCommit | BadRecord {
  const [version, position, offset, length] = places.slice(i * PLACE, i * PLACE + PLACE) as [number, number, number, number]
  const bad = (reason: string): BadRecord => ({ bad: { version, position, offset, bytes: length, reason } })
  const at = offset - start
  if (at + length > got) return bad('the file ends inside a record')
  if (recordEnd(bytes, at, at + length) !== at + length) return bad('a record does not check')
  try {
    const commit = decodeWhole(bytes, at, at + length, position)
    return commit.stream === stream && commit.version === version ? commit : bad('another commit stands where the index expects one')
  } catch (error) {
    return bad(error instanceof Error ? error.message : String(error))
  }
}
