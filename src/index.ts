/** The front door: names every export, and wires the built-in catalogue, upcasters, projections and laws in. */
import {
  projections as builtInProjections,
  tailFrom,
  tailOf,
  transcript,
  type Transcript,
  type TranscriptTail,
} from '../projections/index.js'
import { upcasters as builtInUpcasters } from '../upcasters/index.js'
import { backUp, restoreTo, type BackupOptions, type BackupReport } from './backup.js'
import type { Catalogue, Complete, EventDefinitions, Fault, Law, Projection, Upcaster } from './define.js'
import { defineEvents } from './define.js'
import { events } from './events.js'
import type { JournalOptions, Parts } from './engine/contract.js'
import type { Damage } from './errors.js'
import { openWith, type Journal } from './journal.js'
import { planWith, repairWith, salvageWith, type RepairOptions } from './repair.js'
import type { RepairPlan } from './storage/repair-plan.js'
import type { SalvageReport } from './storage/salvage-journal.js'
import type { Unread } from './storage/tolerant-files.js'
import { laws as builtInLaws } from './turns.js'
import { upgradeWith, type UpgradeOptions, type UpgradeReport } from './upgrade.js'

type BuiltIn = (typeof events)['definitions']

/** Parts of your own: a catalogue and what goes with it. */
export interface OwnParts<D extends EventDefinitions, S extends Upcaster = Upcaster> {
  events: Catalogue<D>
  /** Every step from schema 1 of each type to today; a step that is missing or does not fit is an error of the compiler, and at open. */
  upcasters?: readonly S[]
  // oxlint-disable-next-line typescript/no-explicit-any -- projections of different states and keys stand in one list
  projections?: readonly Projection<any, any>[]
  // oxlint-disable-next-line typescript/no-explicit-any -- laws of different states stand in one list
  laws?: readonly Law<any>[]
}

/** Options of a journal with the built-in events, and with yours beside them where `extend` names some. */
export interface OpenOptions<D extends EventDefinitions = Record<never, never>, S extends Upcaster = Upcaster> extends JournalOptions {
  extend?: OwnParts<D, S>
}

/** Options of a journal with events of your own instead of the built-in ones. */
export type OpenOwnOptions<D extends EventDefinitions, S extends Upcaster = Upcaster> = JournalOptions & OwnParts<D, S>

/**
 * Opens the journal in a directory, creating it if there is none: looks, refuses what it must not touch, locks, recovers,
 * closes what a crash interrupted, and brings every view up to date. `journal.recovery` tells all of it.
 *
 * @throws JournalError JOURNAL_LOCKED, JOURNAL_NEWER_FORMAT, JOURNAL_NEWER_SCHEMA, JOURNAL_UNKNOWN_EVENT, JOURNAL_UPCASTER_MISSING,
 * JOURNAL_NOT_FOUND (reading only), JOURNAL_DAMAGED (with `onDamage: 'refuse'`), JOURNAL_DISK_FULL, JOURNAL_IO. TypeError for misuse.
 */
export function openJournal<const D extends EventDefinitions, S extends Upcaster = never>(
  directory: string,
  options: OpenOwnOptions<D, S> & Complete<D, S>,
): Promise<Journal<D, never>>
export function openJournal<
  const D extends EventDefinitions = Record<never, never>,
  S extends Upcaster = never,
  const Own extends EventDefinitions = never,
  OwnS extends Upcaster = never,
>(
  directory: string,
  options?: OpenOptions<D, S> & { extend?: Complete<D, S, BuiltIn & D> } & {
    /** Options with events of their own come here only when something about them is wrong; this says what. */
    events?: Catalogue<Own> & Fault<Own, OwnS>
    upcasters?: readonly OwnS[]
  },
): Promise<Journal<BuiltIn & D, Transcript, TranscriptTail>>
export async function openJournal(
  directory: string,
  options: OpenOptions<EventDefinitions> & Partial<OwnParts<EventDefinitions>> = {},
): Promise<never> {
  checkDirectory('openJournal', directory)
  const { parts, rest } = partsOf(options)
  return openWith(directory, parts, rest) as Promise<never>
}

/**
 * Says what `repair` would do to a damaged journal. Reads everything, changes nothing, and works beside a writer.
 * @throws JournalError JOURNAL_NOT_FOUND, JOURNAL_NEWER_FORMAT, JOURNAL_IO
 */
export function planRepair(directory: string, options: PartsOptions & RepairOptions = {}): Promise<RepairPlan> {
  const { parts, rest } = partsOf(options)
  return planWith(directory, parts, rest)
}

/**
 * Makes a damaged journal whole again as a plan says: what cannot be read is kept in `quarantine/` and written down as lost; nothing
 * that is there is changed. Resolves with what was written down.
 * @throws JournalError JOURNAL_HISTORY_CHANGED if the journal changed since the plan was made, JOURNAL_LOCKED, JOURNAL_DISK_FULL, JOURNAL_IO,
 * and for events that it cannot read, what {@link openJournal} does.
 */
export function repair(directory: string, plan: RepairPlan, options: PartsOptions & RepairOptions = {}): Promise<Damage[]> {
  const { parts, rest } = partsOf(options)
  return repairWith({ ...plan, directory }, parts, rest)
}

/**
 * Carries every commit that is intact, from a directory in any state, into a new journal, at its position and with gaps where something
 * is lost. The old directory is only read; with `dryRun` the new one is not made either.
 * @throws JournalError JOURNAL_NOT_FOUND where nothing is left, JOURNAL_IO where the new directory is not empty, JOURNAL_DISK_FULL
 */
export function salvage(
  from: string,
  to: string,
  options: PartsOptions & RepairOptions & { dryRun?: boolean } = {},
): Promise<SalvageReport> {
  const { parts, rest } = partsOf(options)
  return salvageWith(from, to, parts, rest)
}

/**
 * Copies a journal, beside its writer, as it stands at one position: into a directory that is empty or does not exist, or into a backup of
 * it, which gets what is new. What is there afterwards was read again and held against the history; cut off at any point, the last
 * backup is what it was, or this one is whole.
 * @throws JournalError JOURNAL_DAMAGED: damage is not copied; JOURNAL_HISTORY_CHANGED for a backup of another history, JOURNAL_LOCKED beside
 * another backup, JOURNAL_NOT_FOUND, JOURNAL_DISK_FULL, JOURNAL_IO
 */
export async function backup(directory: string, to: string, options: BackupOptions = {}): Promise<BackupReport> {
  for (const path of [directory, to]) checkDirectory('backup', path)
  return backUp(directory, to, options)
}

/**
 * Makes a journal of a backup, in a directory that is empty or does not exist, at the position and digest that the backup says. It has the
 * id of the journal that was backed up, and goes on by itself.
 * @throws JournalError JOURNAL_DAMAGED where the backup is not what it says, JOURNAL_NOT_FOUND, JOURNAL_IO, JOURNAL_DISK_FULL
 */
export async function restore(from: string, directory: string, options: BackupOptions = {}): Promise<BackupReport> {
  for (const path of [from, directory]) checkDirectory('restore', path)
  return restoreTo(from, directory, options)
}

/**
 * Rewrites a journal in today's format and schemas: into a new one beside it, which is checked event by event and takes its place; the
 * old one is kept as `<directory>.v<format>.bak`. Killed at any point it leaves one whole journal in use, and a second call finishes.
 * Pass the parts that the journal is opened with.
 *
 * @throws JournalError as openJournal; JOURNAL_DAMAGED for a journal with a gap; JOURNAL_IO where the backup's name is taken.
 */
export function upgradeJournal(directory: string, options: UpgradeOptions & PartsOptions = {}): Promise<UpgradeReport> {
  checkDirectory('upgradeJournal', directory)
  const { parts, rest } = partsOf(options)
  return upgradeWith(directory, parts, rest)
}

/** The parts that a journal is opened with: those that are built in, more beside them, or others. */
export type PartsOptions = Partial<OwnParts<EventDefinitions>> & { extend?: OwnParts<EventDefinitions> }

/** The parts that options name, and the other options. */
function partsOf<O extends PartsOptions>(
  options: O,
): { parts: Parts<EventDefinitions>; rest: Omit<O, 'extend' | keyof OwnParts<EventDefinitions>> } {
  const { extend, events: own, upcasters = [], projections = [], laws = [], ...rest } = options
  if (own !== undefined) return { parts: { events: own, upcasters, projections, laws }, rest }
  const parts = {
    events: extend === undefined ? events : defineEvents(joined(extend.events.definitions)),
    upcasters: [...builtInUpcasters, ...(extend?.upcasters ?? [])],
    projections: [...builtInProjections, ...(extend?.projections ?? [])] as unknown as readonly Projection[],
    laws: [...builtInLaws, ...(extend?.laws ?? [])],
    transcript: { ...transcript, tailOf, tailFrom },
  }
  return { parts, rest }
}

function checkDirectory(name: string, directory: string): void {
  if (typeof directory !== 'string' || directory === '') throw new TypeError(`${name} takes the path of a directory`)
}

function joined(own: EventDefinitions): EventDefinitions {
  for (const type of Object.keys(own)) {
    if (Object.hasOwn(events.definitions, type))
      throw new TypeError(`${type} is a built-in event; give yours another name, or pass { events } to replace the whole catalogue`)
  }
  return { ...events.definitions, ...own }
}

export { defineEvents, defineDowncaster, defineLaw, defineProjection, defineUpcaster, levelOf } from './define.js'
export type {
  Catalogue,
  Complete,
  Downcaster,
  EventDefinition,
  EventDefinitions,
  EventMeta,
  IndexValue,
  Key,
  Law,
  LawEvent,
  NewEvent,
  OpenWork,
  Projection,
  RecordedEvent,
  RecordedEventOf,
  SchemaLevel,
  Shape,
  StepContext,
  Upcaster,
} from './define.js'
export { errorCodes, isJournalError, JournalError } from './errors.js'
export type { Damage, ErrorDetails, JournalErrorCode, Outcome } from './errors.js'
export { events } from './events.js'
export type { Usage } from './events.js'
export { checkFrozen, freeze } from './freeze.js'
export type { Finding, Freeze, FreezeParts } from './freeze.js'
export type { AppendOptions } from './engine/append-arguments.js'
export type { InterruptedTurn, Unclosed } from './engine/boot.js'
export type { ListOptions, ListRow } from './engine/list.js'
export type { FollowOptions } from './engine/follow.js'
export type { CommitOptions, ReadAllOptions, ReadOptions, RecordedCommit } from './engine/reading.js'
export type { ValueLimits } from './engine/values.js'
export type { Item, JournalOptions, Recovery, VerifyOptions, VerifyReport, View } from './engine/contract.js'
export type { LawBreak } from './engine/laws.js'
export type { TailOptions, TranscriptOptions } from './engine/transcript.js'
export type { LeftAsStored, UpgradeReceipt } from './engine/rewrite.js'
export type { Journal } from './journal.js'
export { dump } from './repair.js'
export type { RepairOptions } from './repair.js'
export type { BackupOptions, BackupReport, RepairPlan, SalvageReport, Unread }
export type { Chore } from './storage/chores.js'
export type { Dumped, DumpedFrame, DumpedRecord, DumpOptions } from './storage/dump.js'
export type { SnapshotCheck } from './engine/snapshot-check.js'
export type { Durability, Head, Receipt, SinceReport, SnapshotRecord } from './storage/commit-store.js'
export type { DerivedChange, DerivedRange, DerivedStore, DerivedStores } from './storage/derived-store.js'
export type { Clock, FileHandle, Files } from './storage/files.js'
export type { UpgradeOptions, UpgradeReport } from './upgrade.js'
export { call, item, session, task, thread, timeline, turn } from '../projections/index.js'
export type {
  CallRow,
  ItemRow,
  SessionState,
  TaskRow,
  ThreadState,
  TimelineEntry,
  Transcript,
  TranscriptItem,
  TranscriptTail,
  TurnRow,
} from '../projections/index.js'
