/**
 * Starting the views: derived state is used only if its checkpoint is a group end of this very history; what is not is
 * thrown away, and the fold starts from the newest good snapshot or from the beginning.
 */
import type { Projection } from '../define.js'
import type { CommitStore, Head } from '../storage/commit-store.js'
import type { DerivedStore, DerivedStores } from '../storage/derived-store.js'
import type { SnapshotFiles } from '../storage/snapshot-file.js'
import type { LawStates } from './laws.js'
import { checkpointChange, checkpointKey, DerivedDoubt, openingKey, projectionRanges, readCheckpoint, sealed, unsealed } from './rows.js'
import type { Schemas } from './schemas.js'
import { againstHistory, chooseSnapshot, loadSnapshot } from './snapshots.js'
import { NOTHING, Table } from './table.js'
import { Views } from './views.js'

/** Opens in a row that were not closed before derived state is thrown away unseen. */
const UNCLEAN_MAX = 2

export interface StartReport {
  snapshots: { used: string[]; refused: { file: string; reason: string }[] }
  derived: 'checked' | 'rebuilt' | 'absent'
  /** Events folded to catch up. */
  replayed: number
}

export interface Start {
  store: CommitStore<LawStates>
  schemas: Schemas
  projections: readonly Projection[]
  snapshots: SnapshotFiles
  stores: DerivedStores
  directory: string
  rowsMax: number
}

export async function startViews(start: Start): Promise<{ views: Views; report: StartReport }> {
  const { store, schemas, projections, rowsMax } = start
  const report: StartReport = { snapshots: { used: [], refused: [] }, derived: 'checked', replayed: 0 }
  const { derived, existed } = await openDerived(start)
  const tables: Table[] = []
  for (const projection of projections) {
    const checkpoint = await trusted(derived, store, projection)
    if (checkpoint === undefined) report.derived = existed || store.head.position > 0 ? 'rebuilt' : 'absent'
    else await inspect(start, projection, report)
    tables.push(checkpoint === undefined ? await begin(start, derived, projection, report) : new Table(projection, checkpoint, false))
  }
  const views = new Views(store, schemas, tables, derived, rowsMax)
  report.replayed = store.head.position - views.applied.position
  await views.settle()
  return { views, report }
}

/** Notes in the derived store that it was closed in order. */
export async function endCleanly(derived: DerivedStore): Promise<void> {
  await derived.batch([{ type: 'put', key: openingKey, value: sealed(openingKey, 0) }])
  await derived.close()
}

async function openDerived({ stores, directory }: Start): Promise<{ derived: DerivedStore; existed: boolean }> {
  const existed = await stores.exists(directory)
  const first = existed ? await opened(stores, directory) : undefined
  if (first !== undefined) return { derived: first, existed }
  await stores.destroy(directory)
  const derived = await stores.open(directory)
  await countOpening(derived, 1)
  return { derived, existed }
}

/** The store, unless it does not open or was left open too often. */
async function opened(stores: DerivedStores, directory: string): Promise<DerivedStore | undefined> {
  let derived: DerivedStore
  try {
    derived = await stores.open(directory)
  } catch {
    // Whatever stands in the way, the answer is the same: all of it can be computed again.
    return undefined
  }
  try {
    const value = await derived.get(openingKey)
    const unclean = value === undefined ? 0 : (unsealed(openingKey, value) as number)
    if (unclean < UNCLEAN_MAX) {
      await countOpening(derived, unclean + 1)
      return derived
    }
  } catch (error) {
    if (!(error instanceof DerivedDoubt)) throw error
  }
  await derived.close()
  return undefined
}

function countOpening(derived: DerivedStore, count: number): Promise<void> {
  return derived.batch([{ type: 'put', key: openingKey, value: sealed(openingKey, count) }])
}

/** The projection's checkpoint, if its saved rows can be used. */
async function trusted(derived: DerivedStore, store: CommitStore<LawStates>, projection: Projection): Promise<Head | undefined> {
  const value = await derived.get(checkpointKey(projection.name))
  if (value === undefined) return undefined
  try {
    const { revision, head, failed } = readCheckpoint(projection.name, value)
    return revision === projection.revision && !failed && (await againstHistory(store, head)) === undefined ? head : undefined
  } catch (error) {
    if (error instanceof DerivedDoubt) return undefined
    throw error
  }
}

/** Says of snapshots that are not needed now whether they look as the journal says; cheap, without reading them whole. */
async function inspect({ store, snapshots }: Start, projection: Projection, report: StartReport): Promise<void> {
  report.snapshots.refused.push(...(await chooseSnapshot(store, snapshots, projection, false)).refused)
}

/** A table without saved rows: from the newest good snapshot, else from nothing. */
async function begin({ store, snapshots }: Start, derived: DerivedStore, projection: Projection, report: StartReport): Promise<Table> {
  for (const range of projectionRanges(projection.name)) await derived.clear(range)
  const { use, refused } = await chooseSnapshot(store, snapshots, projection, true)
  report.snapshots.refused.push(...refused)
  if (use === undefined) return new Table(projection, NOTHING, true)
  await loadSnapshot(snapshots, use, projection, derived)
  await derived.batch([checkpointChange(projection.name, { revision: projection.revision, head: use.head, failed: false })])
  report.snapshots.used.push(use.file)
  return new Table(projection, use.head, false)
}
