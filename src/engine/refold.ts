/** Folds the journal again to hold a snapshot against it, and finds the first event from which on the two differ. */
import { isDeepStrictEqual } from 'node:util'
import type { Key, Projection, RecordedEvent } from '../define.js'
import { JournalError } from '../errors.js'
import type { CommitGroup, CommitStore, SnapshotRecord } from '../storage/commit-store.js'
import type { DerivedStore } from '../storage/derived-store.js'
import type { SnapshotFiles } from '../storage/snapshot-file.js'
import type { LawStates } from './laws.js'
import { packr, readRow, rowKey, rowRange } from './rows.js'
import type { Schemas } from './schemas.js'
import { rowsOf } from './snapshots.js'
import { absentOf, changesOf, NOTHING, Table, type Step } from './table.js'

/** Rows in memory before they are written out. */
const ROWS_MAX = 5000
/** Rows that differ and are followed through the history: the first difference is among few as well as among many. */
const TRACED_MAX = 200

export interface Refold {
  store: CommitStore<LawStates>
  schemas: Schemas
  files: SnapshotFiles
  /** An empty store that goes away afterwards. */
  derived: DerivedStore
  projection: Projection
  record: SnapshotRecord
  /** Position up to which an older snapshot of it agrees: what differs began behind that. */
  agreed: number
  signal?: AbortSignal | undefined
}

/** Where a snapshot and the journal part. */
export interface Difference {
  key: Key
  /** The first event behind which they differ; undefined where no event made the row. */
  event: RecordedEvent | undefined
}

/** The first difference; undefined if the journal folds to what the snapshot holds. @throws JournalError where it cannot be folded. */
export async function differenceFrom(refold: Refold): Promise<Difference | undefined> {
  const { projection, record, derived } = refold
  const table = new Table(projection, NOTHING, true)
  for await (const group of groupsOf(refold)) {
    const steps = stepsOf(refold, table, group)
    const absent = absentOf(steps)
    if (absent.length > 0) await table.load(absent, derived)
    for (const step of steps) table.apply(step)
    table.applied = group.head
    if (table.failed !== undefined) throw table.failed
    if (table.rows <= ROWS_MAX) continue
    const capture = table.capture()
    await derived.batch([[...changesOf(capture)]])
    table.written(capture.head)
    table.evict(0)
  }
  table.applied = record.head
  await derived.batch([[...changesOf(table.capture())]])
  const differing = await rowsThatDiffer(refold)
  return differing.size === 0 ? undefined : firstOf(await traced(refold, differing))
}

/** Keys of rows that differ, with the state that the snapshot has. */
async function rowsThatDiffer({ files, record, derived, projection }: Refold): Promise<Map<string, { key: Key; state: unknown }>> {
  const differing = new Map<string, { key: Key; state: unknown }>()
  const add = (key: Key, state: unknown): void => {
    if (differing.size < TRACED_MAX) differing.set(Table.id(key), { key, state })
  }
  for await (const rows of rowsOf(files, record)) {
    const keys = rows.map(([key]) => rowKey(projection.name, key))
    const values = await derived.getMany(keys)
    rows.forEach(([key, state], i) => {
      const value = values[i]
      if (value === undefined || !isDeepStrictEqual(readRow(keys[i] as Uint8Array, value).state, state)) add(key, state)
    })
    await derived.batch([keys.map((key) => ({ type: 'del', key }))])
  }
  // What is left has no row in the snapshot.
  for await (const [at, value] of derived.range(rowRange(projection.name))) add(readRow(at, value).key, undefined)
  return differing
}

/** For each row the first event behind which it may be something else than the snapshot has, and never was the same again. */
async function traced(refold: Refold, rows: ReadonlyMap<string, { key: Key; state: unknown }>): Promise<Difference[]> {
  const table = new Table(refold.projection, NOTHING, true)
  const since = new Map<string, RecordedEvent>()
  for await (const group of groupsOf(refold)) {
    for (const step of stepsOf(refold, table, group).filter(({ id }) => rows.has(id))) {
      table.row(step.key, step.id)
      table.apply(step)
      const state = table.row(step.key, step.id)?.state
      if (isDeepStrictEqual(asStored(state), rows.get(step.id)?.state)) since.delete(step.id)
      else if (!since.has(step.id) && step.event.position > refold.agreed) since.set(step.id, step.event)
    }
  }
  return [...rows].map(([id, { key }]) => ({ key, event: since.get(id) }))
}

function firstOf(differences: readonly Difference[]): Difference | undefined {
  return differences.toSorted((a, b) => (a.event?.position ?? Infinity) - (b.event?.position ?? Infinity))[0]
}

async function* groupsOf({ store, record, signal }: Refold): AsyncGenerator<CommitGroup> {
  const upTo = record.head.position
  for await (const item of store.read({ upTo, signal })) {
    if (!('gap' in item)) yield item
    else throw new JournalError('JOURNAL_DAMAGED', `positions from ${item.gap.firstPosition} on cannot be read`, { damage: [item.gap] })
  }
}

function stepsOf({ schemas }: Refold, table: Table, { commits }: CommitGroup): Step[] {
  const steps: Step[] = []
  for (const commit of commits) {
    for (const event of schemas.events(commit)) if (schemas.knows(event.type)) table.steps(event, steps)
  }
  return steps
}

/** A state as it is read back from a file. */
function asStored(state: unknown): unknown {
  return state === undefined ? undefined : packr.unpack(packr.pack(state))
}
