/** What can be done for a journal that is damaged: look at its bytes, repair it where it lies, or carry what is intact into a new one. */
import type { EventDefinitions } from './define.js'
import type { Parts } from './engine/contract.js'
import { Laws, type LawStates } from './engine/laws.js'
import { Schemas } from './engine/schemas.js'
import type { Damage } from './errors.js'
import { dumpSegments, type Dumped, type DumpOptions } from './storage/dump.js'
import type { Clock, Files } from './storage/files.js'
import { carryOut, planRepair, type RepairPlan } from './storage/repair-plan.js'
import { salvageInto, type SalvageReport } from './storage/salvage-journal.js'
import type { OpenStore } from './storage/see.js'

export interface RepairOptions {
  signal?: AbortSignal
  progress?: (done: number, total: number) => void
  /** Milliseconds to wait for a writer to leave. Default 1000. */
  lockWaitMs?: number
  /** Size of the new journal's segments. Default 16 MiB. */
  segmentBytes?: number
  /** Ports, for tests. */
  files?: Files
  clock?: Clock
}

/**
 * Shows a journal as it lies on the disk: segments, frames, records, and what does not check. Works on a directory in any state, beside
 * a writer, and in bounded memory; nothing is upcast, judged or changed.
 * @throws JournalError JOURNAL_NOT_FOUND where no frame of a journal is left, JOURNAL_NEWER_FORMAT, JOURNAL_IO
 */
export function dump(directory: string, options: DumpOptions = {}): AsyncGenerator<Dumped> {
  return dumpSegments(directory, options)
}

/** Says what a repair would do. Reads everything, changes nothing, and works beside a writer. */
export function planWith<D extends EventDefinitions>(directory: string, parts: Parts<D>, options: RepairOptions): Promise<RepairPlan> {
  return planRepair(directory, { ...storeWith(parts, options), admit: () => {} }, options)
}

/** Carries a plan out; resolves with what was written down as lost. */
export function repairWith<D extends EventDefinitions>(plan: RepairPlan, parts: Parts<D>, options: RepairOptions): Promise<Damage[]> {
  return carryOut(plan, storeWith(parts, options), options)
}

/** Carries every intact commit into a new journal. */
export function salvageWith<D extends EventDefinitions>(
  from: string,
  to: string,
  parts: Parts<D>,
  options: RepairOptions & { dryRun?: boolean },
): Promise<SalvageReport> {
  const { notes } = storeWith(parts, options)
  const { files, clock, segmentBytes, dryRun } = options
  return salvageInto(from, to, { notes, files, clock, segmentBytes, dryRun }, options)
}

function storeWith<D extends EventDefinitions>(parts: Parts<D>, options: RepairOptions): OpenStore<LawStates> {
  const schemas = new Schemas(parts.events, parts.upcasters)
  const { files, clock, lockWaitMs, segmentBytes } = options
  return {
    notes: new Laws(parts.laws, schemas),
    admit: (look) => schemas.admit(look.types),
    files,
    clock,
    lockWaitMs,
    segmentBytes,
  }
}
