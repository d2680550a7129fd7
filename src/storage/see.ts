/** Sees what a directory holds, for whoever is to open it, and touches nothing. */
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ioError, JournalError } from '../errors.js'
import type { Look, StreamNotes, TypeSeen } from './commit-store.js'
import type { Core } from './core.js'
import type { Clock, Files } from './files.js'
import { formatState, hasPacked } from './format-file.js'
import { HEADER_BYTES, Kind } from './frame.js'
import { readGroup } from './group.js'
import { Handles } from './handles.js'
import { HeadFile, type HeadMark } from './head-file.js'
import { withoutImpostors } from './impostors.js'
import { giveUp, hasCode, readFully } from './io.js'
import { findJournal } from './journal-id.js'
import { epochsOf, isLocked } from './lock.js'
import { look } from './look.js'
import { PageCache } from './pages.js'
import { FORMAT, Paths } from './paths.js'
import { listSegments, namesIn, segmentsOf } from './segments.js'
import type { Sight } from './sight.js'
import { Succession } from './succession.js'

const LOOKS_MAX = 10
const LOOK_AGAIN_MS = 10

export interface OpenStore<Note> {
  notes: StreamNotes<Note>
  /** Sees what is there before anything is touched; refuses by throwing. */
  admit(look: Look): void
  files?: Files | undefined
  clock?: Clock | undefined
  /** Syncs on the calling thread. */
  blocking?: boolean
  readOnly?: boolean | undefined
  /** Shows no more than the head file vouches for, as beside a writer. */
  vouched?: boolean | undefined
  /** Goes on where FORMAT is damaged or missing beside segments of this format. */
  anyFormat?: boolean | undefined
  /** Runs once the writer's lock is held, before anything is touched; refuses by throwing. */
  locked?: (() => Promise<void>) | undefined
  onDamage?: 'isolate' | 'refuse' | undefined
  /** Whether sealed segments are packed; what is not said is as the journal has it. */
  compress?: boolean | undefined
  lockWaitMs?: number | undefined
  /** 8, 512 or 4096. */
  sectorBytes?: number | undefined
  segmentBytes?: number | undefined
  commitBytesMax?: number | undefined
  queueBytes?: number | undefined
  /** How much goes together in a group: no more commits than these bytes hold, or one that is larger. */
  groupBytes?: number | undefined
}

/** What was seen. */
export interface Seen<Note> {
  core: Core<Note>
  sight: Sight<Note>
  names: readonly string[]
  live: boolean
  /** Whether sealed segments may lie packed. */
  packed: boolean
  trace: Trace
}

/** What is another once anybody wrote: who writes begins an epoch first, and what it acknowledges moves the head file on. */
interface Trace {
  epoch: number
  /** Names in the directory and among the segments, and how often the head file was written. */
  rest: string
}

/**
 * Looks at the directory, again if a writer came, went or wrote meanwhile: what it was about must not be taken for damage.
 * Undefined if there is no journal yet and one may be made.
 */
export async function see<Note>(directory: string, files: Files, clock: Clock, options: OpenStore<Note>): Promise<Seen<Note> | undefined> {
  for (let again = 0; ; again++) {
    const seen = await seeOnce(directory, files, clock, options)
    if (seen === undefined || again === LOOKS_MAX) return seen
    if (await isSettled(seen)) return seen
    await seen.core.handles.close()
    await setTimeout(LOOK_AGAIN_MS)
  }
}

/**
 * Whether nothing was written since this was seen, asked by whoever has begun an epoch behind it: then there is no need to look again. Where
 * anything is amiss, or an index had to be made, there is.
 */
export async function isStillSo<Note>({ core, sight, live, trace }: Seen<Note>, epoch: number): Promise<boolean> {
  const isAmiss = sight.damage.length > 0 || sight.tail.kind !== 'end' || !sight.indexes.wereWhole
  if (live || isAmiss || epoch !== trace.epoch + 1) return false
  const { files, paths } = core
  const mark = await HeadFile.read(files, paths.head)
  const names = (await rootNames(files, paths.root)) ?? []
  if (traceOf(paths, names, await namesIn(files, paths.journal), mark).rest !== trace.rest) return false
  return isStillTheEnd(core, sight)
}

/**
 * Whether nothing stands behind the last frame that was seen. A group moves the head file once it is synced, but its writer asked for its
 * epoch when it was written: one that is on its way to the disk may be acknowledged yet.
 */
async function isStillTheEnd<Note>({ handles, paths }: Core<Note>, { newest, unproven, end }: Sight<Note>): Promise<boolean> {
  if (newest === undefined) return true
  const next = Buffer.alloc(HEADER_BYTES)
  await handles.with(paths.segment(newest), (file) => readFully(file, next, unproven?.end ?? end))
  return next.every((byte) => byte === 0)
}

function traceOf(paths: Paths, names: readonly string[], segments: readonly string[], mark: HeadMark | undefined): Trace {
  const lasting = names.filter((name) => name !== basename(paths.lock) && !epochsOf([name]).length)
  const rest = [lasting.toSorted(), segments.toSorted(), mark?.sequence]
  return { epoch: Math.max(0, mark?.epoch ?? 0, ...epochsOf(names)), rest: JSON.stringify(rest) }
}

async function isSettled<Note>({ core, sight: { mark }, live }: Seen<Note>): Promise<boolean> {
  try {
    // Beside a writer only what the head file vouched for was read, so it may well have gone on.
    if (live) return mark !== undefined
    const now = await HeadFile.read(core.files, core.paths.head)
    return now?.sequence === mark?.sequence && !(await isLocked(core.files, core.paths))
  } catch (error) {
    return giveUp(error, [core.handles])
  }
}

/** The same once; for whoever holds the lock, nothing changes meanwhile. */
export async function seeOnce<Note>(
  directory: string,
  files: Files,
  clock: Clock,
  { notes, readOnly = false, vouched = false, anyFormat = false }: OpenStore<Note>,
  holdsLock = false,
): Promise<Seen<Note> | undefined> {
  const paths = new Paths(directory)
  const names = await rootNames(files, directory)
  const format = names && (await formatOf(files, paths, names, anyFormat))
  if (names === undefined || format === undefined) return undefined
  const handles = new Handles(files)
  try {
    const mark: HeadMark | undefined = await HeadFile.read(files, paths.head)
    const live = !holdsLock && (await isLocked(files, paths))
    const found = await listSegments(files, handles, paths)
    const journal = await findJournal(found.files, handles, paths, mark)
    if (journal === undefined) {
      await handles.close()
      return undefined
    }
    const { list, before } = await withoutImpostors(segmentsOf(found, journal), handles, paths, journal)
    const cache = new PageCache()
    const core: Core<Note> = { files, clock, paths, handles, cache, notes, journal, readOnly: readOnly || !holdsLock, before }
    const sight = await look(
      core,
      list,
      mark?.journal.equals(journal) === true ? mark : undefined,
      (live || vouched) && mark !== undefined ? 'beside' : 'alone',
    )
    return { core, sight, names, live, packed: format.packed, trace: traceOf(paths, names, found.names, mark) }
  } catch (error) {
    return giveUp(error, [handles])
  }
}

/** The same, of a journal that must be there. @throws JournalError JOURNAL_NOT_FOUND */
export async function seeJournal<Note>(directory: string, files: Files, clock: Clock, options: OpenStore<Note>): Promise<Seen<Note>> {
  const seen = await see(directory, files, clock, options)
  if (seen !== undefined) return seen
  const cut = new Succession(directory, files).isCut
    ? ' An upgrade of it was cut short: open it for writing, or run turnlog upgrade again, to finish that.'
    : ''
  throw new JournalError('JOURNAL_NOT_FOUND', `There is no journal in ${directory}.${cut}`, { directory })
}

/** Bytes behind what is shown that nothing vouches for: a last group, and what a write left that did not finish. */
export function unprovenBytes<Note>({ unproven, tail, end }: Sight<Note>): number {
  const left = unproven === undefined ? 0 : unproven.end - unproven.offset
  return tail.kind === 'torn' ? left + tail.end - (unproven?.end ?? end) : left
}

/** @throws JournalError JOURNAL_DAMAGED where damage is refused, and whatever `admit` throws. */
export function admit<Note>(directory: string, sight: Sight<Note>, options: OpenStore<Note>): void {
  const { chain, damage } = sight
  if (options.onDamage === 'refuse' && damage.length > 0) {
    const message = `The journal in ${directory} is damaged: ${damage[0]?.reason}. Open it with onDamage: 'isolate' to use the rest.`
    throw new JournalError('JOURNAL_DAMAGED', message, { directory, damage: [...damage] })
  }
  options.admit({
    format: FORMAT,
    types: options.readOnly === true ? sight.facts.types : typesToBe(sight),
    head: { position: chain.position, digest: (chain.digest ?? Buffer.alloc(32)).toString('hex') },
    damage,
  })
}

/** With `anyFormat` the frames themselves say what they are: those of another format do not check. */
async function formatOf(
  files: Files,
  paths: Paths,
  names: readonly string[],
  anyFormat: boolean,
): Promise<{ packed: boolean } | undefined> {
  const found = await formatState(files, paths, names)
  if (found.fault === undefined) return found.format === undefined ? undefined : found
  if (anyFormat) return { packed: await hasPacked(files, paths) }
  throw found.fault
}

/** The types that a journal holds for a writer, which takes in the last group even where nothing proves it. */
function typesToBe<Note>({ facts, unproven }: Sight<Note>): ReadonlyMap<string, TypeSeen> {
  if (unproven?.header.kind !== Kind.data) return facts.types
  const all = facts.copy()
  for (const commit of readGroup(unproven).commits) all.addCommit(commit, false)
  return all.types
}

async function rootNames(files: Files, directory: string): Promise<string[] | undefined> {
  try {
    return await files.readdir(directory)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw ioError(error, 'Looking into', directory)
  }
}
