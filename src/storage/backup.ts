/**
 * Backups: a copy of a journal as it stands at one position, made beside its writer. A backup is a journal that nobody has written to: every
 * reader reads it, and the next backup adds to it what is new. Restoring copies it once more, into a journal that goes on.
 */
import { resolve, sep } from 'node:path'
import { JournalError } from '../errors.js'
import type { Head } from './commit-store.js'
import { CopySource } from './copy-source.js'
import { bytesOf, CopyTarget, type CopyWork } from './copy-target.js'
import type { Clock, Files } from './files.js'
import { guarded } from './guard.js'
import { coded } from './io.js'
import { nodeFiles } from './node-files.js'
import { withPacked } from './packed-files.js'
import { systemClock } from './system-clock.js'

export interface BackupOptions extends CopyWork {
  /** Only looks: says what would be copied, and changes nothing. */
  dryRun?: boolean | undefined
  /** Ports, for tests. */
  files?: Files | undefined
  clock?: Clock | undefined
}

/** The position and digest that the copy has, and what was copied for it. */
export interface BackupReport extends Head {
  /** Names the journal; a copy keeps the name. */
  id: string
  dryRun: boolean
  /** Segments that were copied, in part or whole, and those that were there and check. */
  copied: string[]
  kept: string[]
  /** Bytes of what was copied. */
  bytes: number
  /** Bytes behind the position that stay behind, because nothing proves them until somebody opens the journal for writing. */
  unproven: number
}

/**
 * The journal is only read, and may be written to meanwhile. Cut off at any point, the last backup is what it was, or this one is whole.
 * @throws JournalError JOURNAL_DAMAGED, JOURNAL_HISTORY_CHANGED for a directory with another history, JOURNAL_LOCKED, JOURNAL_NOT_FOUND,
 * JOURNAL_DISK_FULL, JOURNAL_IO
 */
export function backUp(from: string, to: string, options: BackupOptions = {}): Promise<BackupReport> {
  return copy(from, to, options, { vouched: false, admit: (target) => target.mustFit() })
}

/** Makes a journal of a backup, in a directory that is empty or does not exist. @throws JournalError as {@link backUp} */
export function restoreTo(from: string, to: string, options: BackupOptions = {}): Promise<BackupReport> {
  return copy(from, to, options, { vouched: true, admit: (target) => target.mustBeEmpty() })
}

interface Way {
  /** Takes no more than the source's head file says. */
  vouched: boolean
  /** Refuses a directory into which this must not go. */
  admit(target: CopyTarget): Promise<void>
}

async function copy(from: string, to: string, options: BackupOptions, way: Way): Promise<BackupReport> {
  const { files: port = nodeFiles, clock = systemClock } = options
  mustLieApart(from, to)
  try {
    const source = await CopySource.open(from, withPacked(guarded(port, from)), clock, way.vouched)
    try {
      const target = new CopyTarget(to, source, guarded(port, to), clock)
      await way.admit(target)
      return await (options.dryRun === true ? planned(source, target) : carriedOut(source, target, options))
    } finally {
      await source.close()
    }
  } catch (error) {
    throw coded(error, 'Copying', from)
  }
}

async function planned(source: CopySource, target: CopyTarget): Promise<BackupReport> {
  return report(source, (await target.compare()).missing, true)
}

async function carriedOut(source: CopySource, target: CopyTarget, options: BackupOptions): Promise<BackupReport> {
  const held = await target.begin()
  try {
    // Asked again: somebody else may have been here meanwhile.
    await target.mustFit()
    const copied = await target.complete(options)
    await target.install()
    return report(source, copied, false)
  } finally {
    await held.close()
  }
}

function report({ id, head, parts, unproven }: CopySource, copied: CopySource['parts'], dryRun: boolean): BackupReport {
  const names = copied.map(({ name }) => name)
  const kept = parts.map(({ name }) => name).filter((name) => !names.includes(name))
  return { id, ...head, dryRun, copied: names, kept, bytes: bytesOf(copied), unproven }
}

/** A copy inside its journal would go with it, and be taken for a part of it. */
function mustLieApart(from: string, to: string): void {
  const [one, other] = [resolve(from), resolve(to)]
  if (one !== other && !other.startsWith(one + sep) && !one.startsWith(other + sep)) return
  throw new JournalError('JOURNAL_IO', `${to} and ${from} lie in each other. Name a directory outside of the journal.`, { path: to })
}
