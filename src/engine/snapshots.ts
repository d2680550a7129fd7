/** Taking snapshots of projections, and starting a projection from one. */
import type { Key, Projection } from '../define.js'
import { isJournalError } from '../errors.js'
import type { CommitStore, Head, SnapshotRecord } from '../storage/commit-store.js'
import type { DerivedStore } from '../storage/derived-store.js'
import type { SnapshotFiles } from '../storage/snapshot-file.js'
import type { LawStates } from './laws.js'
import { packr, readRow, rowChanges, rowRange, savedOrders } from './rows.js'
import type { Views } from './views.js'

const CHUNK_ROWS = 500
const FORGOTTEN = 'the history no longer holds its position and digest'
const LOST = 'it was made with events that are lost since'
const UNKNOWABLE = 'the history cannot be read at its position'
/** Saves the rows of every projection as of what is durable now. A projection whose fold failed is left out. */
export async function takeSnapshots(store: CommitStore<LawStates>, views: Views, files: SnapshotFiles): Promise<SnapshotRecord[]> {
  const taken: SnapshotRecord[] = []
  await views.flush()
  for (const table of views.tables.values()) {
    if (table.failed !== undefined) continue
    const { name, revision } = table.projection
    const there = store.snapshots().find((other) => other.projection === name && other.head.position === table.checkpoint.position)
    // A newer program's snapshot of this very position is left where it is.
    if (there !== undefined && there.revision > revision) continue
    if (there?.revision === revision && (await files.refuse(there, true)) === undefined) continue
    const { head, rows } = await views.sure(table, async () => ({ head: table.checkpoint, rows: views.derived.range(rowRange(name)) }))
    const record = await files.write({ projection: name, revision, head }, chunks(rows))
    const before = store.snapshots().filter((other) => other.projection === name)
    await store.recordSnapshot(record)
    const kept = new Set(store.snapshots().map((other) => other.file))
    for (const old of before) if (!kept.has(old.file) && old.revision <= revision) await files.remove(old)
    taken.push(record)
  }
  return taken
}

/** Which snapshot a projection can start from, and why others cannot. */
export interface SnapshotChoice {
  use?: SnapshotRecord
  refused: { file: string; reason: string }[]
}

/** The newest snapshot that is whole, of this revision, and of this history. */
export async function chooseSnapshot(
  store: CommitStore<LawStates>,
  files: SnapshotFiles,
  projection: Projection,
  whole: boolean,
): Promise<SnapshotChoice> {
  const refused: SnapshotChoice['refused'] = []
  for (const record of store.snapshots()) {
    if (record.projection !== projection.name) continue
    const reason = await refusal(store, files, projection, record, whole)
    if (reason === undefined) return { use: record, refused }
    refused.push({ file: record.file, reason })
  }
  return { refused }
}

async function refusal(
  store: CommitStore<LawStates>,
  files: SnapshotFiles,
  projection: Projection,
  record: SnapshotRecord,
  whole: boolean,
): Promise<string | undefined> {
  if (record.revision > projection.revision) return `revision ${record.revision} is newer than this program's ${projection.revision}`
  if (record.revision < projection.revision) return `revision ${record.revision} is older than this program's ${projection.revision}`
  return (await againstHistory(store, record.head)) ?? files.refuse(record, whole)
}

/** Why what was derived at a head does not count, or undefined. What cannot be known does not count either. */
export async function againstHistory(store: CommitStore<LawStates>, head: Head): Promise<string | undefined> {
  try {
    if (!(await store.foldsTo(head))) return (await store.holds(head)) ? LOST : FORGOTTEN
    return undefined
  } catch (error) {
    if (isJournalError(error, 'JOURNAL_DAMAGED')) return UNKNOWABLE
    throw error
  }
}

/** Puts the rows of a snapshot into the derived store. @throws DerivedDoubt for a row that the projection of today cannot order */
export async function loadSnapshot(
  files: SnapshotFiles,
  record: SnapshotRecord,
  projection: Projection,
  derived: DerivedStore,
): Promise<void> {
  for await (const rows of rowsOf(files, record)) {
    const changed = rows.map(([key, state]) => ({ key, state, before: [], after: savedOrders(projection, key, state) }))
    await derived.batch([[...rowChanges(projection, changed)]])
  }
}

/** A snapshot's rows, some at a time. */
export async function* rowsOf(files: SnapshotFiles, record: SnapshotRecord): AsyncGenerator<[Key, unknown][], void, undefined> {
  for await (const chunk of files.read(record)) yield packr.unpack(chunk) as [Key, unknown][]
}

async function* chunks(rows: AsyncIterable<[Uint8Array, Uint8Array]>): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk: [Key, unknown][] = []
  for await (const [at, value] of rows) {
    const { key, state } = readRow(at, value)
    chunk.push([key, state])
    if (chunk.length < CHUNK_ROWS) continue
    yield packr.pack(chunk)
    chunk = []
  }
  if (chunk.length > 0) yield packr.pack(chunk)
}
