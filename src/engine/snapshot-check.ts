/** Checking the snapshot files that are there: against what the journal vouches for, and against what it folds to. */
import type { Projection } from '../define.js'
import { JournalError } from '../errors.js'
import type { CommitStore, SnapshotRecord } from '../storage/commit-store.js'
import type { DerivedPlace } from '../storage/derived-place.js'
import type { SnapshotFiles } from '../storage/snapshot-file.js'
import type { LawStates } from './laws.js'
import { differenceFrom, type Difference } from './refold.js'
import type { Schemas } from './schemas.js'
import { againstHistory } from './snapshots.js'

export interface SnapshotCheck {
  file: string
  ok: boolean
  /** Why it is refused; of one that is fine, why it could not be folded again. */
  reason?: string
  /** The first event from which on the journal folds to something else. */
  differsFrom?: { position: number; type: string; stream: string }
}

export interface Checking {
  store: CommitStore<LawStates>
  schemas: Schemas
  projections: readonly Projection[]
  snapshots: SnapshotFiles
  /** A place for derived state that goes away again. */
  scratch(): DerivedPlace
}

/** Says of each file that is there whether it is what the journal vouches for; with `fold`, whether it is what the journal says. A missing one is no finding. */
export async function checkSnapshots(checking: Checking, fold: boolean, signal?: AbortSignal): Promise<SnapshotCheck[]> {
  const { store, snapshots } = checking
  const found: SnapshotCheck[] = []
  // Up to where each projection is what its snapshots say; they come oldest first.
  const agreed = new Map<string, number>()
  for (const record of store.snapshots().toReversed()) {
    if (snapshots.isMissing(record)) continue
    const { file, projection, head } = record
    const reason = (await againstHistory(store, head)) ?? (await snapshots.refuse(record, true))
    const refold = reason === undefined && fold ? await folded(checking, record, agreed.get(projection) ?? 0, signal) : {}
    const check = { file, ok: reason === undefined, ...(reason === undefined ? {} : { reason }), ...refold }
    if (fold && check.reason === undefined) agreed.set(projection, head.position)
    found.unshift(check)
  }
  return found
}

/** What folding again says of a file that is whole. */
async function folded(
  checking: Checking,
  record: SnapshotRecord,
  agreed: number,
  signal: AbortSignal | undefined,
): Promise<Partial<SnapshotCheck>> {
  const projection = checking.projections.find(({ name, revision }) => name === record.projection && revision === record.revision)
  if (projection === undefined)
    return { reason: `not folded again: this program has no ${record.projection} of revision ${record.revision}` }
  const place = checking.scratch()
  try {
    const derived = await place.stores.open(place.directory)
    try {
      const { store, schemas, snapshots: files } = checking
      return verdict(await differenceFrom({ store, schemas, files, derived, projection, record, agreed, signal }))
    } catch (error) {
      // No room to fold in says nothing of the snapshot, and must not look as if it did.
      if (!(error instanceof JournalError) || error.code === 'JOURNAL_DISK_FULL') throw error
      return { reason: `not folded again: ${error.message}` }
    } finally {
      await derived.close(false)
    }
  } finally {
    await place.leave()
  }
}

function verdict(difference: Difference | undefined): Partial<SnapshotCheck> {
  if (difference === undefined) return {}
  const key = JSON.stringify(difference.key)
  if (difference.event === undefined) return { ok: false, reason: `it has a row ${key} that no event made` }
  const { position, type, stream } = difference.event
  return {
    ok: false,
    reason: `the journal folds to something else from position ${position} (${type}) on, at ${key}`,
    differsFrom: { position, type, stream },
  }
}
