/** The recovery report: what opening found and did, of every floor. */
import type { CommitStore } from '../storage/commit-store.js'
import type { OpenWorkReport, Unclosed } from './boot.js'
import type { Recovery } from './contract.js'
import type { LawStates } from './laws.js'
import type { Schemas } from './schemas.js'
import type { StartReport } from './start.js'

/** `started` is what starting the views came to, where they were started. */
export function recoveryOf(
  store: CommitStore<LawStates>,
  work: OpenWorkReport,
  unclosed: Unclosed[],
  started: StartReport | undefined,
  schemas: Schemas,
  elapsedMs: number,
): Recovery {
  const { format, packed, epoch, tornBytes, unproven, damage, warnings } = store.recovery
  const views: StartReport = started ?? { snapshots: { used: [], refused: [] }, derived: 'absent', replayed: 0 }
  return {
    format,
    compressed: packed,
    epoch,
    ...store.head,
    tornBytes,
    unproven,
    damage,
    warnings,
    ...work,
    ...views,
    kept: schemas.unknown(store.types()),
    withheld: schemas.withheld,
    unclosed,
    upcast: schemas.upcast,
    elapsedMs,
  }
}
