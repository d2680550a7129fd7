/**
 * Starting the views: derived state is used only if its checkpoint is a group end of this very history; what is not is
 * thrown away, and the fold starts from the newest good snapshot or from the beginning.
 */
import type { Projection } from '../define.js'
import type { CommitStore } from '../storage/commit-store.js'
import type { DerivedStore, DerivedStores } from '../storage/derived-store.js'
import type { SnapshotFiles } from '../storage/snapshot-file.js'
import type { LawStates } from './laws.js'
import { checkpointChange, checkpointKey, clearProjection, DerivedDoubt, readCheckpoint, type Checkpoint } from './rows.js'
import type { Schemas } from './schemas.js'
import { againstHistory, chooseSnapshot, loadSnapshot } from './snapshots.js'
import { NOTHING, Table } from './table.js'
import { Views } from './views.js'

export interface StartReport {
  snapshots: { used: string[]; refused: { file: string; reason: string }[] }
  derived: 'checked' | 'rebuilt' | 'absent'
  /** Events that views lack, which are folded while the runtime goes on. */
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
  const report: StartReport = { snapshots: { used: [], refused: [] }, derived: 'checked', replayed: 0 }
  const opened = await openDerived(start)
  try {
    return { views: await startIn(start, opened, report), report }
  } catch (error) {
    await opened.derived.close(false)
    throw error
  }
}

async function startIn(start: Start, { derived, existed, checkpoints }: OpenDerived, report: StartReport): Promise<Views> {
  const { store, schemas, projections, rowsMax } = start
  const tables: Table[] = []
  for (const projection of projections) {
    const checkpoint = checkpoints.get(projection)
    if (checkpoint === undefined) report.derived = existed || store.head.position > 0 ? 'rebuilt' : 'absent'
    else await inspect(start, projection, report)
    tables.push(checkpoint === undefined ? await begin(start, derived, projection, report) : new Table(projection, checkpoint.head, false))
  }
  report.replayed = store.head.position - Math.min(store.head.position, ...tables.map(({ checkpoint }) => checkpoint.position))
  return new Views(store, schemas, tables, derived, rowsMax)
}

interface OpenDerived {
  derived: DerivedStore
  existed: boolean
  /** Of the projections whose saved rows can be used. */
  checkpoints: ReadonlyMap<Projection, Checkpoint>
}

/** The derived store as it was left, or an empty one where it is in doubt. */
async function openDerived(start: Start): Promise<OpenDerived> {
  const { stores, directory } = start
  const existed = await stores.exists(directory)
  if (existed) {
    try {
      const checkpoints = new Map<Projection, Checkpoint>()
      const derived = await stores.open(directory, (opened) => gather(opened, start, checkpoints))
      return { derived, existed, checkpoints }
    } catch {
      // Whatever stands in the way, the answer is the same: all of it can be computed again.
    }
  }
  await stores.destroy(directory)
  return { derived: await stores.open(directory), existed, checkpoints: new Map() }
}

/** Gathers the checkpoints that can be gone by. @throws DerivedDoubt */
async function gather(derived: DerivedStore, { store, projections }: Start, checkpoints: Map<Projection, Checkpoint>): Promise<void> {
  for (const projection of projections) {
    const value = await derived.get(checkpointKey(projection.name))
    if (value === undefined) continue
    const checkpoint = readCheckpoint(projection.name, value)
    const { revision, head, failed } = checkpoint
    if (revision !== projection.revision || failed || (await againstHistory(store, head)) !== undefined) continue
    checkpoints.set(projection, checkpoint)
  }
}

/** Says of snapshots that are not needed now whether they look as the journal says; cheap, without reading them whole. */
async function inspect({ store, snapshots }: Start, projection: Projection, report: StartReport): Promise<void> {
  report.snapshots.refused.push(...(await chooseSnapshot(store, snapshots, projection, false)).refused)
}

/** A table without saved rows: from the newest good snapshot, else from nothing. */
async function begin({ store, snapshots }: Start, derived: DerivedStore, projection: Projection, report: StartReport): Promise<Table> {
  await clearProjection(derived, projection.name)
  const { use, refused } = await chooseSnapshot(store, snapshots, projection, true)
  report.snapshots.refused.push(...refused)
  if (use === undefined) return new Table(projection, NOTHING, true)
  try {
    await loadSnapshot(snapshots, use, projection, derived)
  } catch (error) {
    // The fold will come to that row again, and say of its key alone what is wrong.
    if (!(error instanceof DerivedDoubt)) throw error
    await clearProjection(derived, projection.name)
    report.snapshots.refused.push({ file: use.file, reason: error.message })
    return new Table(projection, NOTHING, true)
  }
  await derived.batch([[checkpointChange(projection.name, { revision: projection.revision, head: use.head, failed: false })]])
  report.snapshots.used.push(use.file)
  return new Table(projection, use.head, false)
}
