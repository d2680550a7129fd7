/** The segment files of a journal, and what their headers say of each other. */
import { ioError, JournalError } from '../errors.js'
import type { Sealed, SegmentFile, SegmentHead } from './core.js'
import { FrameCursor } from './cursor.js'
import { Facts, numbersOf } from './facts.js'
import type { FileHandle, Files } from './files.js'
import { Kind, payloadOf, type Frame, type FrameHeader } from './frame.js'
import { notAsWritten } from './group.js'
import type { Handles } from './handles.js'
import { hasCode, readFully } from './io.js'
import { parseSegment, segmentName, type Paths, type SegmentName } from './paths.js'
import { MISSING_MAX, sortOut, type Stray } from './strays.js'

/** Enough for most headers; a longer one is read again. */
const HEAD_CHUNK = 4096

/** What lies in the directory of segments. */
export interface Listing {
  /** All names in it. */
  names: readonly string[]
  /** Files with a segment's name, of any journal. */
  files: SegmentFile[]
  /** Only those with a higher number are among them. */
  above: number
}

/** What of a listing belongs to a journal. */
export interface SegmentList {
  /** By number; several may claim the same. */
  files: SegmentFile[]
  /** Files that have a segment's name and are none. */
  strays: Stray<SegmentFile>[]
  /** Highest number of an index that can be one of these, 0 if there is none: proof that a segment was sealed. */
  indexed: number
  /** What headers in the wrong place say: that there was a segment of that number, and so many positions before it. */
  elsewhere: { number: number; position: number }
}

/** `above`: only those with a higher number, for whoever knows the ones before; the headers of the others are not read. */
export async function listSegments(files: Files, handles: Handles, paths: Paths, above = 0): Promise<Listing> {
  const names = await namesIn(files, paths.journal)
  const all: SegmentFile[] = []
  for (const name of names.map(parseSegment)) {
    if (name === undefined || (above > 0 && name.number <= above)) continue
    all.push(
      await handles.with(paths.segment(name), async (open) => {
        const size = await open.size()
        return { ...name, size, ...(await readHead(open, name, size)) }
      }),
    )
  }
  return { names, files: all, above }
}

/** The segments with a header of this journal; the header of another is none. */
export function segmentsOf({ names, files: all, above }: Listing, journal: Buffer): SegmentList {
  const isOurs = (head: SegmentHead | undefined): boolean => head?.header.journal.equals(journal) === true
  const ours = all.map((file) => ({
    ...file,
    head: isOurs(file.head) ? file.head : undefined,
    misnamed: isOurs(file.misnamed) ? file.misnamed : undefined,
  }))
  const { files, strays } = sortOut(ours, above)
  const reach = (files.at(-1)?.number ?? above) + MISSING_MAX
  const indexes = names.filter((name) => name.endsWith('.idx')).map((name) => parseSegment(name.replace(/idx$/, 'seg'))?.number ?? 0)
  const misnamed = ours.flatMap((file) => file.misnamed ?? []).filter(({ number }) => number <= reach)
  return {
    files,
    strays,
    indexed: highest(indexes.filter((number) => number <= reach)),
    elsewhere: {
      number: highest(misnamed.map(({ number }) => number)),
      position: highest(misnamed.map(({ header }) => header.first - 1)),
    },
  }
}

function highest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0)
}

/** Names in a directory, none if it is not there. */
export async function namesIn(files: Files, path: string): Promise<string[]> {
  try {
    return await files.readdir(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw ioError(error, 'Reading the directory', path)
  }
}

/** @throws JournalError JOURNAL_IO if there is something in the directory. */
export async function mustBeEmpty(files: Files, directory: string): Promise<void> {
  if ((await namesIn(files, directory)).length > 0) throw notEmpty(directory)
}

export function notEmpty(directory: string): JournalError {
  const message = `${directory} is not empty. Name a directory that is empty or does not exist.`
  return new JournalError('JOURNAL_IO', message, { path: directory, errno: 'ENOTEMPTY' })
}

async function readHead(file: FileHandle, name: SegmentName, size: number): Promise<Pick<SegmentFile, 'head' | 'misnamed'>> {
  const none = { head: undefined, misnamed: undefined }
  const cursor = new FrameCursor(file, undefined, 0, size, HEAD_CHUNK)
  if (cursor.done) return none
  let step = cursor.step()
  while (step === undefined) {
    await cursor.fill()
    step = cursor.step()
  }
  if ('fault' in step || step.header.kind !== Kind.segment) return none
  const payload = Buffer.from(payloadOf(step))
  const { segment: number, before } = numbersIn(step, payload)
  const head = { header: step.header, payload, before, end: step.end }
  return number === name.number && head.header.first === name.first ? { ...none, head } : { ...none, misnamed: { ...head, number } }
}

/** Of which segments a header that checks speaks. @throws JournalError JOURNAL_DAMAGED */
function numbersIn(frame: Frame, payload: Buffer): { segment: number; before: number } {
  try {
    return numbersOf(payload)
  } catch (error) {
    throw notAsWritten(frame, error)
  }
}

/** The header that says where a segment ends, if one does: the next one's. */
export function headerBehind({ number }: Pick<SegmentName, 'number'>, next: SegmentFile | undefined): FrameHeader | undefined {
  return next?.head?.before === number ? next.head.header : undefined
}

/** All segments but the newest, those that are missing included. */
export async function sealedOf(list: readonly SegmentFile[], handles: Handles, paths: Paths): Promise<Map<number, Sealed>> {
  const sealed = new Map<number, Sealed>()
  let next: SegmentFile | undefined
  for (const file of list.toReversed()) {
    if (next !== undefined) {
      // A missing segment holds no positions as far as reading goes; what it held is missed between its neighbours.
      for (let number = next.number - 1; number > file.number; number--) sealed.set(number, missing(number, next.first, next.first - 1))
      const header = headerBehind(file, next)
      sealed.set(file.number, {
        ...nameOf(file),
        // Where no header says where it ends, the zeros that were written ahead are no part of it.
        end: header?.aux ?? (await handles.with(paths.segment(file), (open) => contentEnd(open, 0, file.size))),
        position: next.first - 1,
        digest: header?.digest,
      })
    }
    next = file
  }
  const first = next?.first ?? 1
  for (let number = (next?.number ?? 1) - 1; number > 0; number--) sealed.set(number, missing(number, number === 1 ? 1 : first, first - 1))
  return sealed
}

/** A segment that is not there; only at the very beginning does it hold positions as far as reading goes. */
export function missing(number: number, first: number, position: number): Sealed {
  return { ...segmentName(number, first), end: 0, position, digest: undefined }
}

export function nameOf({ number, first, name }: SegmentName): SegmentName {
  return { number, first, name }
}

export function factsOf({ payload }: SegmentHead): Facts {
  return Facts.decode(payload)
}

/** Where the bytes of a file that are not zero end; `from` if there are none behind it. */
export async function contentEnd(file: FileHandle, from: number, size: number): Promise<number> {
  const chunk = Buffer.allocUnsafe(Math.min(1 << 20, Math.max(0, size - from)))
  for (let end = size; end > from;) {
    const start = Math.max(from, end - chunk.length)
    const bytes = chunk.subarray(0, end - start)
    const got = await readFully(file, bytes, start)
    for (let i = got - 1; i >= 0; i--) if (bytes[i] !== 0) return start + i + 1
    end = start
  }
  return from
}
