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

/** Commits that are handed out together: few at first, because many readers want no more. */
const FEW = 4
const MANY = 64

/** After so much others have a turn of the event loop: what is read in small pieces is read without one. */
const TURN_COMMITS = 512
const TURN_BYTES = 1 << 20

/** Of one reading: bytes into which one window is read after the other. Nothing of a commit is left in them once it is decoded. */
export class Window {
  #bytes = Buffer.alloc(0)
  /** Read since the last turn. */
  #readCommits = 0
  #readBytes = 0

  /** Lets others have a turn of the event loop now and then. */
  turn(commits: number, bytes: number): Promise<void> | undefined {
    this.#readCommits += commits
    this.#readBytes += bytes
    if (this.#readCommits < TURN_COMMITS && this.#readBytes < TURN_BYTES) return undefined
    this.#readCommits = this.#readBytes = 0
    return setImmediate()
  }

  /** So many bytes or more, and the same ones as long as they are enough. */
  of(length: number): Buffer {
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(Math.max(length, READ_BYTES))
    return this.#bytes
  }
}

/** How far a commit went. */
interface Last {
  version: number
  position: number
}

/** A record that does not check, and what the index knows of it: of the last one of a stream not how far it goes. */
export interface BadRecord {
  bad: { version: number; position: number; offset: number; bytes: number; reason: string; last: Last | undefined }
}

export function isCommit(found: StoredCommit | BadRecord): found is StoredCommit {
  return !('bad' in found)
}

/** Commits at places `from` to `to` (indexes of places), oldest first, some at a time: for one by one, waiting takes longer than reading. */
export async function* commitsAt(
  file: FileHandle,
  stream: string,
  places: readonly number[],
  from: number,
  to: number,
  window = new Window(),
): AsyncGenerator<(StoredCommit | BadRecord)[]> {
  for (let first = from, most = FEW; first < to; most = Math.min(MANY, most * 2)) {
    const batch: (StoredCommit | BadRecord)[] = []
    let bytes = 0
    for (const last = Math.min(to, first + most); first < last && bytes < WINDOW_BYTES;) {
      const end = windowEnd(places, first, last)
      const start = places[first * PLACE + 2] as number
      const length = (places[(end - 1) * PLACE + 2] as number) + (places[(end - 1) * PLACE + 3] as number) - start
      const into = window.of(length)
      const read = readFully(file, into.subarray(0, length), start)
      const got = typeof read === 'number' ? read : await read
      for (; first < end; first++) batch.push(commitIn(into, got, start, stream, places, first))
      bytes += length
    }
    yield batch
    const turn = window.turn(batch.length, bytes)
    if (turn !== undefined) await turn
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
  const version = places[i * PLACE] as number
  const position = places[i * PLACE + 1] as number
  const offset = places[i * PLACE + 2] as number
  const length = places[i * PLACE + 3] as number
  const last = lastOf(places, i)
  const bad = (reason: string): BadRecord => ({ bad: { version, position, offset, bytes: length, reason, last } })
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

/** How far a commit went, as the one behind it says. */
function lastOf(places: readonly number[], i: number): Last | undefined {
  const [version, position] = [places[i * PLACE] as number, places[i * PLACE + 1] as number]
  const next = (i + 1) * PLACE
  if (next === places.length) return undefined
  const nextVersion = places[next] as number
  return { version: nextVersion - 1, position: Math.min(position + nextVersion - version, places[next + 1] as number) - 1 }
}
