/** Shows a journal's segments as they lie on the disk, frame by frame and record by record, whatever state they are in. Judges nothing. */
import { isJournalError } from '../errors.js'
import { unpacked, type StoredCommit } from './commit-store.js'
import type { SegmentFile } from './core.js'
import type { FileHandle, Files } from './files.js'
import { HEADER_BYTES, Kind, payloadOf, REWRITTEN, type Frame } from './frame.js'
import { readGroup } from './group.js'
import type { HeadMark } from './head-file.js'
import { isLocked } from './lock.js'
import { nodeFiles } from './node-files.js'
import { NotPlain } from './plain.js'
import { unpack } from './record.js'
import { isOf, openRemains } from './remains.js'
import { salvage } from './salvage.js'
import { contentEnd, headerBehind } from './segments.js'
import { judgeTail } from './tail.js'
import type { Unread } from './tolerant-files.js'
import { isHole, Walk, type Hole } from './walk.js'

export interface DumpOptions {
  /** Only this segment, by its number or its file's name. */
  segment?: string
  signal?: AbortSignal
  /** Port, for tests. */
  files?: Files
}

/** Where something lies: a segment's file, an offset in it and a number of bytes. */
interface Lies {
  segment: string
  offset: number
  bytes: number
}

export interface DumpedFrame extends Lies {
  what: 'frame'
  kind: keyof typeof Kind
  group: number
  /** Of the first event; where there is none, of the next. */
  position: number
  events: number
  records: number
  /** History digest behind the frame, in hex. */
  digest: string
  journal: string
  /** Frames are padded to a multiple of so many bytes. */
  align: number
  /** Written once more by a recovery, because nothing proved its first copy. */
  rewritten?: true
  /** What a frame of the engine's own says. */
  holds?: unknown
}

/** A commit as it is stored: nothing upcast. */
export interface DumpedRecord extends Lies, StoredCommit {
  what: 'record'
}

/** What an item of a dump is. */
export type Dumped =
  | (Lies & { what: 'segment'; number: number; firstPosition: number })
  /** Segments that should stand before one, and files that have a segment's name and are none. */
  | { what: 'missing' | 'stray'; segment: string; reason: string }
  /** A file of the journal that could not be opened; a segment is shown as an empty one. */
  | ({ what: 'unread' } & Unread)
  | DumpedFrame
  | DumpedRecord
  /** Bytes that do not check. Records of theirs that are intact follow. */
  | (Lies & { what: 'fault'; reason: string; torn: boolean; firstPosition: number; lastPosition?: number })
  /** Bytes behind the segment's end, which are no part of the history, and zeros that were written ahead. */
  | (Lies & { what: 'behind'; reason: string })
  | (Lies & { what: 'space' })

const KINDS = new Map(Object.entries(Kind).map(([name, kind]) => [kind as number, name as keyof typeof Kind]))

/** @throws JournalError JOURNAL_NOT_FOUND where no frame of a journal is left, JOURNAL_NEWER_FORMAT, JOURNAL_IO */
export async function* dumpSegments(directory: string, { segment, signal, files: given = nodeFiles }: DumpOptions): AsyncGenerator<Dumped> {
  const { journal, mark, list, unread, paths, handles } = await openRemains(directory, given)
  const { files: segments, strays } = list
  try {
    const live = await isLocked(given, paths)
    for (const { file, reason } of segment === undefined ? strays : []) yield { what: 'stray', segment: file.name, reason }
    for (const [i, file] of segments.entries()) {
      signal?.throwIfAborted()
      if (segment !== undefined && segment !== file.name && segment !== String(file.number)) continue
      yield* missingBefore(file, segments[i - 1]?.number ?? 0)
      const dump = new SegmentDump(file, segments[i + 1], journal, mark, live)
      const { file: handle, release } = await handles.acquire(paths.segment(file))
      try {
        for (const what of unread.splice(0)) if (segment === undefined || isOf(what, file)) yield { what: 'unread', ...what }
        yield* dump.items(handle)
      } finally {
        await release()
      }
    }
  } finally {
    await handles.close()
  }
}

function* missingBefore({ name, number }: SegmentFile, before: number): Generator<Dumped> {
  if (number <= before + 1) return
  const which = number === before + 2 ? `segment ${before + 1} is` : `segments ${before + 1} to ${number - 1} are`
  yield { what: 'missing', segment: name, reason: `${which} not there` }
}

class SegmentDump {
  readonly #file: SegmentFile
  readonly #next: SegmentFile | undefined
  readonly #journal: Buffer
  readonly #mark: HeadMark | undefined
  readonly #live: boolean

  constructor(file: SegmentFile, next: SegmentFile | undefined, journal: Buffer, mark: HeadMark | undefined, live: boolean) {
    this.#file = file
    this.#next = next
    this.#journal = journal
    this.#mark = mark?.segment === file.number ? mark : undefined
    this.#live = live
  }

  async *items(handle: FileHandle): AsyncGenerator<Dumped> {
    const { name: segment, number, first, size } = this.#file
    yield { what: 'segment', segment, number, firstPosition: first, offset: 0, bytes: size }
    const written = await contentEnd(handle, 0, size)
    const { end, reason } = this.#end(written)
    const walk = new Walk(handle, this.#journal, 0, end, { group: -1, position: first - 1, digest: undefined }, { vouches: true })
    for (let item = await walk.next(); item !== undefined; item = await walk.next()) {
      if (isHole(item)) yield* this.#hole(item, handle)
      else yield* this.#frame(item)
    }
    if (written > end) yield { what: 'behind', segment, offset: end, bytes: written - end, reason }
    if (size > Math.max(written, end))
      yield { what: 'space', segment, offset: Math.max(written, end), bytes: size - Math.max(written, end) }
  }

  /** How far the segment counts, and why what lies behind does not. */
  #end(written: number): { end: number; reason: string } {
    const header = headerBehind(this.#file, this.#next)
    if (header !== undefined) return { end: header.aux, reason: 'no part of the history: the next segment says that this one ends before' }
    if (this.#live && this.#mark !== undefined) return { end: this.#mark.end, reason: 'a writer runs, and does not vouch for them yet' }
    return { end: written, reason: '' }
  }

  *#frame(frame: Frame): Generator<Dumped> {
    const { name: segment } = this.#file
    const { header, offset, end } = frame
    const { kind, group, first, aux, count, align, flags, digest, journal } = header
    const isData = kind === Kind.data
    const told: DumpedFrame = {
      what: 'frame',
      segment,
      offset,
      bytes: end - offset,
      kind: KINDS.get(kind) as keyof typeof Kind,
      group,
      position: first,
      events: isData ? aux : 0,
      records: count,
      digest: digest.toString('hex'),
      journal: journal.toString('hex'),
      align: 1 << align,
      ...((flags & REWRITTEN) === 0 ? {} : { rewritten: true as const }),
    }
    try {
      const read = isData ? readGroup(frame) : undefined
      yield header.length > 0 && read === undefined ? { ...told, holds: unpack(payloadOf(frame)) } : told
      for (const [i, commit] of read?.commits.entries() ?? [])
        yield this.#record(commit, read?.records[i * 2] as number, read?.records[i * 2 + 1] as number)
    } catch (error) {
      if (!isJournalError(error, 'JOURNAL_DAMAGED') && !(error instanceof NotPlain)) throw error
      yield told
      yield { what: 'fault', segment, offset, bytes: end - offset, reason: error.message, torn: false, firstPosition: first }
    }
  }

  async *#hole(hole: Hole, handle: FileHandle): AsyncGenerator<Dumped> {
    const { name: segment, size } = this.#file
    const { offset, end, reason, first, last, header } = hole
    const { end: promised = 0 } = this.#mark ?? {}
    const isLast = hole.final && this.#next === undefined
    const torn = isLast && (await judgeTail(handle, offset, size, header, promised)).kind === 'torn'
    const lost = last === undefined ? {} : { lastPosition: last }
    yield { what: 'fault', segment, offset, bytes: end - offset, reason, torn, firstPosition: first, ...lost }
    const { before, after } = salvage(hole)
    for (const { commit, at, end: stop } of [...before, ...after]) yield this.#record(commit, offset + HEADER_BYTES + at, stop - at)
  }

  #record(commit: StoredCommit, offset: number, bytes: number): DumpedRecord {
    return { what: 'record', segment: this.#file.name, offset, bytes, ...commit, events: commit.events.map(unpacked) }
  }
}
