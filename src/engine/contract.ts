/** What a journal is opened with, and what it tells: the types of the front door that no single part of the engine owns. */
import type { TranscriptFold } from './transcript.js'
import type { Catalogue, Downcaster, EventDefinitions, Law, Projection, RecordedEvent, SchemaLevel, Upcaster } from '../define.js'
import type { Damage } from '../errors.js'
import type { Durability, Head, SinceReport } from '../storage/commit-store.js'
import type { DerivedStores } from '../storage/derived-store.js'
import type { Clock, Files } from '../storage/files.js'
import type { OpenWorkReport, Unclosed } from './boot.js'
import type { LawBreak } from './laws.js'
import type { OnUnknown } from './schemas.js'
import type { SnapshotCheck } from './snapshot-check.js'
import type { StartReport } from './start.js'
import type { ValueLimits } from './values.js'

/** What a journal is opened with besides its events. */
export interface JournalOptions {
  /** Reads and follows, in any process, beside a writer; changes nothing. */
  readOnly?: boolean
  /** `isolate` (the default) opens a damaged journal, reports the damage and goes on with the rest; `refuse` throws JOURNAL_DAMAGED. */
  onDamage?: 'isolate' | 'refuse'
  /** `close` (the default) closes what the last writer left running; `leave` is for tools that pass by. */
  onInterrupted?: 'close' | 'leave'
  /**
   * Events of a type that the catalogue does not have, and that their writer did not mark `ignorable`: `refuse` (the default) refuses the
   * journal, `keep` carries them along. They are read as they were stored, and no view or law sees them.
   */
  onUnknown?: OnUnknown
  /**
   * Holds what is written to the level of an older reader (see `levelOf`): events go through `downcasters` to shapes that it knows, so
   * that two versions of a program can share a journal. `recovery.withheld` names the types for which there is no such way.
   */
  writeFor?: SchemaLevel
  /** Steps back from today's shapes, for `writeFor`. */
  downcasters?: readonly Downcaster[]
  /** What `append` waits for where it does not say. Default `disk`. */
  durability?: Durability
  /**
   * Syncs on the calling thread. One append after another is quicker then, because no trip to another thread is made; but nothing else
   * in the process runs while the disk works. Default false.
   */
  blocking?: boolean
  /** Milliseconds to wait for another writer to leave. Default 1000. */
  lockWaitMs?: number
  /** 4096 pads every frame to a sector, for disks on which a write may harm its neighbours. Default 8. */
  sectorBytes?: number
  /** Size at which a segment is sealed and the next begun. Default 16 MiB. */
  segmentBytes?: number
  /**
   * Compresses segments once they are sealed, in the background; they are read as before. FORMAT says so from then on, and programs that
   * do not know of it refuse the journal. Where it is left out, a journal goes on as it was opened last; `false` leaves new segments as they are.
   */
  compress?: boolean
  /** Bytes of commits that may wait for the disk before `append` waits. Default 8 MiB. */
  queueBytes?: number
  /** Rows of each projection kept in memory. Default 20,000. */
  cacheRows?: number
  limits?: Partial<ValueLimits>
  /** Ports, for tests. */
  files?: Files
  derived?: DerivedStores
  clock?: Clock
}

/** Everything a journal is built from. */
export interface Parts<D extends EventDefinitions> {
  events: Catalogue<D>
  upcasters: readonly Upcaster[]
  projections: readonly Projection[]
  laws: readonly Law[]
  /** Builds the next prompt from a stream; absent where the catalogue has no turns. */
  transcript?: TranscriptFold
}

export interface Recovery extends OpenWorkReport, StartReport {
  format: number
  /** Whether sealed segments may be compressed. */
  compressed: boolean
  epoch: number
  position: number
  digest: string
  /** Bytes of an incomplete last write, kept in `quarantine/`. */
  tornBytes: number
  /** Bytes behind the last proven group that a read-only open left out. */
  unproven: number
  damage: Damage[]
  /** Types in the journal that the catalogue does not have: their events are read as they were stored, and no view or law sees them. */
  kept: { type: string; schema: number }[]
  /** What is doubtful about the place where the journal lies: NFS, 9p, tmpfs and their like, by name. */
  warnings: string[]
  /** Types that cannot be written for the reader that `writeFor` names; appending one is refused. */
  withheld: string[]
  /** Streams in which what the last writer left running is not closed, because `writeFor` withholds an event that says so. */
  unclosed: Unclosed[]
  /** Events that were brought to a newer shape while opening; views are folded behind it. */
  upcast: number
  elapsedMs: number
}

export interface VerifyReport {
  /** Of the journal alone: whether every byte of it checks. */
  ok: boolean
  position: number
  digest: string
  commits: number
  events: number
  damage: Damage[]
  /** What repair or salvage wrote down as lost; no damage any more. */
  gaps: Damage[]
  /** The snapshot files that are there. */
  snapshots: SnapshotCheck[]
  /** What can be proven of `since`. */
  since?: SinceReport
  /** Where events do not follow from those before by the laws, where that was asked; streams that lost events are left out. */
  breaks?: LawBreak[]
}

export interface VerifyOptions {
  /** Folds the journal again, and says where it comes to something else than a snapshot. */
  snapshots?: boolean
  /** Holds every event against the laws, as if it were appended again. */
  laws?: boolean
  /** A head of before: proves that today's history goes on from it. */
  since?: Head
  signal?: AbortSignal
  progress?: (done: number, total: number) => void
}

/** A state with the position it is true for. */
export interface View<S> {
  /** Undefined where there is none. */
  state: S | undefined
  position: number
  /** Where events of the row's stream are lost, or may be; absent where nothing is. */
  gaps?: Damage[]
}

/** Gaps appear only where they were asked for. */
export type Item<D extends EventDefinitions, O> = O extends { onGap: 'yield' }
  ? RecordedEvent<D> | { gap: Damage; type?: undefined; position?: undefined }
  : RecordedEvent<D>
