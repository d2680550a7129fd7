/** What is left of a journal in a directory, in whatever state that is, for whoever reads all of it. Touches nothing. */
import { basename, join } from 'node:path'
import { JournalError } from '../errors.js'
import type { SegmentFile } from './core.js'
import type { Files } from './files.js'
import { formatState } from './format-file.js'
import { Handles } from './handles.js'
import { HeadFile, type HeadMark } from './head-file.js'
import { findJournal } from './journal-id.js'
import { withPacked } from './packed-files.js'
import { packedOf, Paths } from './paths.js'
import { listSegments, segmentsOf, type SegmentList } from './segments.js'
import { tolerant, type Unread } from './tolerant-files.js'

export interface Remains {
  journal: Buffer
  /** Absent where the head file says nothing of this journal. */
  mark: HeadMark | undefined
  list: SegmentList
  /** Files that could not be opened; it grows as more are. */
  unread: Unread[]
  paths: Paths
  /** To be closed by whoever asked. */
  handles: Handles
}

/** @throws JournalError JOURNAL_NOT_FOUND where not one frame is left, JOURNAL_NEWER_FORMAT, JOURNAL_IO */
export async function openRemains(directory: string, given: Files): Promise<Remains> {
  const unread: Unread[] = []
  const files = withPacked(tolerant(given, directory, (what) => unread.push(what)))
  const paths = new Paths(directory)
  const handles = new Handles(files)
  try {
    await formatState(files, paths, await files.readdir(directory).catch(() => []))
    const mark = await HeadFile.read(files, paths.head)
    const all = await listSegments(files, handles, paths)
    const there = all.files.filter((file) => unreadOf(file, unread) === undefined)
    const journal = there.length === 0 ? undefined : await findJournal(there, handles, paths, mark)
    if (journal === undefined) throw nothingLeft(directory, all.files, unread)
    return {
      journal,
      mark: mark?.journal.equals(journal) === true ? mark : undefined,
      list: segmentsOf(all, journal),
      unread,
      paths,
      handles,
    }
  } catch (error) {
    await handles.close()
    throw error
  }
}

/** Whether it was a segment that could not be opened, as it was written or packed. */
export function isOf({ file }: Unread, { name }: SegmentFile): boolean {
  return [name, packedOf(name)].includes(basename(file))
}

/** Why nothing is given of a segment, neither as it was written nor packed; undefined of one of which something is. */
function unreadOf(segment: SegmentFile, unread: readonly Unread[]): Unread | undefined {
  return segment.size > 0 ? undefined : unread.find((what) => isOf(what, segment))
}

/** Why there is nothing to be read of a journal: nothing is there, or nothing is given. */
function nothingLeft(directory: string, files: readonly SegmentFile[], unread: readonly Unread[]): JournalError {
  const [first, ...others] = files.flatMap((file) => unreadOf(file, unread) ?? [])
  if (first === undefined)
    return new JournalError('JOURNAL_NOT_FOUND', `Nothing of a journal is left in ${directory}: no frame of it checks.`, { directory })
  const more = others.length === 0 ? '' : `, and so with ${others.length} more`
  return new JournalError('JOURNAL_IO', `No frame of a journal can be read in ${directory}. ${first.file}: ${first.reason}${more}`, {
    path: join(directory, first.file),
  })
}
