/** Opens for writing: takes the lock, begins an epoch, proves the end, and goes on behind it. */
import { JournalError } from '../errors.js'
import type { CommitStore, StoreRecovery, StreamNotes } from './commit-store.js'
import type { Core, Sealed } from './core.js'
import { Facts, unpackSnapshot } from './facts.js'
import { Feed } from './feed.js'
import type { Clock, FileHandle, Files } from './files.js'
import { allowPacked, writeFormat } from './format-file.js'
import { frameBytes, Kind, NO_HISTORY, payloadOf, type Frame } from './frame.js'
import { Handles } from './handles.js'
import { HeadFile } from './head-file.js'
import { Indexes } from './indexes.js'
import { giveUp, makeDirectory } from './io.js'
import { beginEpoch, lock } from './lock.js'
import type { Sight } from './sight.js'
import { MemoryIndex } from './memory-index.js'
import { admit, isStillSo, see, seeOnce, type OpenStore, type Seen } from './see.js'
import { Packer } from './packer.js'
import { PageCache } from './pages.js'
import { FORMAT, Paths } from './paths.js'
import { warningsOf } from './place.js'
import { quarantine } from './quarantine.js'
import { Roll } from './roll.js'
import { SegmentStore } from './segment-store.js'
import { State } from './state.js'
import { Succession } from './succession.js'
import { Writer } from './writer.js'

const ALIGNMENTS = new Map([
  [8, 3],
  [512, 9],
  [4096, 12],
])

export async function takeOver<Note>(directory: string, files: Files, clock: Clock, options: OpenStore<Note>): Promise<CommitStore<Note>> {
  const align = ALIGNMENTS.get(options.sectorBytes ?? 8)
  if (align === undefined) throw new TypeError('sectorBytes is 8, 512 or 4096')
  const paths = new Paths(directory)
  let seen = await lookFirst(directory, files, clock, options)
  let held: FileHandle | undefined
  let head: HeadFile | undefined
  try {
    if (seen === undefined) await create(files, clock, paths)
    held = await lock(files, paths, options.lockWaitMs ?? 1000)
    await options.locked?.()
    const mark = await HeadFile.read(files, paths.head)
    const epoch = await beginEpoch(files, paths, mark?.epoch ?? 0)
    // Names that a writer left in the cache alone must not be built upon: they are made durable, as the epoch's were.
    await makeDirectory(files, paths.journal)
    await files.syncDir(paths.journal)
    if (seen !== undefined && (await isStillSo(seen, epoch))) seen.core.readOnly = false
    else {
      await seen?.core.handles.close()
      seen = await lookAgain(directory, files, clock, options)
    }
    seen.packed = await allowPacked(files, clock, paths, options.compress === true)
    head = await HeadFile.open(files, paths.head, mark)
    return await goOn(seen, epoch, held, head, align, options)
  } catch (error) {
    const indexes = seen?.sight.indexes
    return giveUp(error, [indexes && { close: () => indexes.settle() }, seen?.core.handles, head, held])
  }
}

/** What is there before anything is touched, if it may be opened; undefined if there is no journal yet. */
async function lookFirst<Note>(directory: string, files: Files, clock: Clock, options: OpenStore<Note>): Promise<Seen<Note> | undefined> {
  let seen = await see(directory, files, clock, options)
  if (seen === undefined && (await new Succession(directory, files).finish())) seen = await see(directory, files, clock, options)
  return seen && admitted(directory, seen, options)
}

/** What is there behind the own epoch, where something may have changed since the first look. */
async function lookAgain<Note>(directory: string, files: Files, clock: Clock, options: OpenStore<Note>): Promise<Seen<Note>> {
  let seen = await seeOnce(directory, files, clock, options, true)
  if (seen?.sight.tail.kind === 'damaged') {
    // Where locks lie, a writer whose epoch has ended may still have had one group under way while this one looked.
    await seen.sight.indexes.settle()
    await seen.core.handles.close()
    seen = await seeOnce(directory, files, clock, options, true)
  }
  seen ??= empty(files, clock, new Paths(directory), options.notes, Buffer.from(clock.random(16)))
  return admitted(directory, seen, options)
}

async function admitted<Note>(directory: string, seen: Seen<Note>, options: OpenStore<Note>): Promise<Seen<Note>> {
  try {
    admit(directory, seen.sight, options)
    return seen
  } catch (error) {
    return giveUp(error, [{ close: () => seen.sight.indexes.settle() }, seen.core.handles])
  }
}

async function create(files: Files, clock: Clock, paths: Paths): Promise<void> {
  await makeDirectory(files, paths.root)
  await writeFormat(files, clock, paths)
}

/** A journal without a segment yet. */
export function empty<Note>(files: Files, clock: Clock, paths: Paths, notes: StreamNotes<Note>, journal: Buffer): Seen<Note> {
  const core: Core<Note> = {
    files,
    clock,
    paths,
    handles: new Handles(files),
    cache: new PageCache(),
    notes,
    journal,
    readOnly: false,
    before: new Map(),
  }
  const segments = new Map<number, Sealed>()
  const indexes: Indexes<Note> = new Indexes(core, segments, () => Promise.reject(new Error('there is no segment')))
  const sight: Sight<Note> = {
    mark: undefined,
    segments,
    indexes,
    newest: undefined,
    facts: new Facts(),
    known: 0,
    strays: new Set(),
    index: new MemoryIndex({ number: 0, first: 1, name: '' }),
    chain: { group: 0, position: 0, digest: NO_HISTORY },
    end: 0,
    unproven: undefined,
    tail: { kind: 'end' },
    clean: true,
    damage: [],
    gaps: [],
  }
  return { core, sight, names: [], live: false, packed: false, trace: { epoch: 0, rest: '' } }
}

async function goOn<Note>(
  { core, sight, packed }: Seen<Note>,
  epoch: number,
  held: FileHandle,
  head: HeadFile,
  align: number,
  options: OpenStore<Note>,
): Promise<CommitStore<Note>> {
  const state = new State(core, sight)
  const roll = new Roll(state, epoch, held, head, { align, segmentBytes: options.segmentBytes ?? 16 << 20, taken: sight.strays })
  try {
    const tornBytes = await setAside(core, sight)
    await behindTheEnd(state, roll, sight)
    const writer = new Writer(state, roll, {
      commitBytesMax: options.commitBytesMax ?? 16 << 20,
      queueBytes: options.queueBytes ?? 8 << 20,
      groupBytes: options.groupBytes ?? 512 << 10,
      syncsElsewhere: options.blocking !== true,
    })
    const recovery: StoreRecovery = {
      format: FORMAT,
      packed,
      epoch,
      tornBytes,
      unproven: 0,
      damage: sight.damage,
      clean: sight.clean,
      liveWriter: false,
      warnings: warningsOf(core.files, core.paths.root),
    }
    const packs = options.compress ?? packed
    const packer = packs ? new Packer(state, () => roll.mustBeOurs()) : undefined
    return new SegmentStore(state, { writer, packer }, recovery)
  } catch (error) {
    return giveUp(error, [{ close: () => roll.abandon() }])
  }
}

/** Behind a clean, proven end the segment goes on, unless it is packed, because those behind it are lost; else a new one begins, with what the last frame said again if nothing proves it. */
async function behindTheEnd<Note>(
  state: State<Note>,
  roll: Roll<Note>,
  { newest, unproven, clean, mark, known }: Sight<Note>,
): Promise<void> {
  const packed = newest !== undefined && state.core.files.stat(state.core.paths.segment(newest))?.packed === true
  if (clean && !packed && newest?.head?.header.align === roll.align) await roll.resume()
  else {
    const again = unproven?.header.kind === Kind.data ? unproven : undefined
    // The new segment's header says what the frame said.
    if (unproven?.header.kind === Kind.snapshot) state.facts.addSnapshot(unpackSnapshot(payloadOf(unproven)))
    await roll.next(Math.max(newest?.number ?? 0, mark?.segment ?? 0, known) + 1, state.end, again)
    if (again !== undefined) await recount(state, roll, again)
  }
  await roll.mark(false)
  // Whoever took over before the mark stood there may have found a clean end and write where this writer would.
  roll.mustBeOurs()
}

/** Copies torn bytes to the quarantine; returns how many there are. */
async function setAside<Note>(core: Core<Note>, { newest, tail, unproven, end }: Sight<Note>): Promise<number> {
  if (tail.kind !== 'torn' || newest === undefined) return 0
  const from = unproven?.end ?? end
  await quarantine(core, newest, from, tail.end, 'incomplete last write')
  return tail.end - from
}

/** The group that was written again counts from now on. */
async function recount<Note>(state: State<Note>, roll: Roll<Note>, again: Frame): Promise<void> {
  const { core, indexes, index, facts } = state
  const { position } = state.head
  if (again.header.first !== position + 1) throw new JournalError('JOURNAL_IO', 'The unproven group does not follow what is proven.', {})
  const offset = state.end
  const group = await new Feed(core, indexes, index, facts).frame({ ...again, offset })
  state.group++
  state.digest = again.header.digest
  state.head = group.head
  state.synced = group.head
  roll.skip(offset + frameBytes(again.header.length, roll.align))
}
