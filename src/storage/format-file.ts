/** The FORMAT file: the first that is made, the first that is read; says what the rest is. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ioError, JournalError } from '../errors.js'
import type { Clock, Files } from './files.js'
import { hasCode, makeDirectory, placeFile, readFully, replaceFile, writeFully } from './io.js'
import { FORMAT, parseEpoch, parsePacked, type Paths } from './paths.js'

/** What FORMAT says behind the number where sealed segments may lie packed. A word that a program does not know is one that it cannot read. */
const PACKED = 'packed'

/** What FORMAT says; `format` is undefined if there is no journal and one may be made. */
export type FormatState = { format: number | undefined; packed: boolean; fault?: undefined } | { fault: JournalError }

/**
 * The format of the journal in a directory, or what is wrong: JOURNAL_NOT_FOUND for a directory that is not ours, JOURNAL_DAMAGED.
 * @throws JournalError JOURNAL_NEWER_FORMAT
 */
export async function formatState(files: Files, paths: Paths, names: readonly string[]): Promise<FormatState> {
  if (!names.includes('FORMAT')) {
    const others = names.filter((name) => !isRemains(name))
    if (others.length === 0) return { format: undefined, packed: false }
    const message = `${paths.root} holds ${JSON.stringify(others[0])} and no FORMAT: it is no journal. Name a directory that is empty or does not exist; if it was a journal, see repair.`
    return { fault: new JournalError('JOURNAL_NOT_FOUND', message, { directory: paths.root }) }
  }
  const text = await readText(files, paths.format)
  const said = /^turnlog ([1-9]\d{0,8})((?: [a-z]{1,16})*)\n$/.exec(text)
  if (said === null) return { fault: damagedFormat(paths, text.length) }
  const found = Number(said[1])
  if (found > FORMAT) {
    const message = `${paths.root} has format ${found}; this program reads formats up to ${FORMAT}. Use a newer turnlog. Nothing was changed.`
    throw new JournalError('JOURNAL_NEWER_FORMAT', message, { found, supported: FORMAT })
  }
  const words = (said[2] as string).split(' ').slice(1)
  const unknown = words.find((word) => word !== PACKED)
  if (unknown !== undefined) throw laterFormat(`what FORMAT calls ${JSON.stringify(unknown)}`)
  return { format: found, packed: words.length > 0 }
}

function damagedFormat({ format, root }: Paths, bytes: number): JournalError {
  const damage = { segment: 'FORMAT', offset: 0, bytes, firstPosition: 0, reason: 'FORMAT does not say which format this is' }
  const message = `${format} is damaged. It should read "turnlog ${FORMAT}" and a line end; repair writes it again.`
  return new JournalError('JOURNAL_DAMAGED', message, { directory: root, damage: [damage] })
}

/** Writes FORMAT again, in place of one that says nothing, which is kept. */
export async function restoreFormat(files: Files, clock: Clock, paths: Paths): Promise<void> {
  try {
    if (files.exists(paths.format)) await keep(files, paths)
    await replaceFormat(files, clock, paths, await hasPacked(files, paths))
  } catch (error) {
    throw ioError(error, 'Writing', paths.format)
  }
}

/** Whether a journal of which FORMAT says nothing has packed segments. */
export async function hasPacked(files: Files, { journal }: Paths): Promise<boolean> {
  const names = await files.readdir(journal).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  })
  return names.some((name) => parsePacked(name) !== undefined)
}

/** Sees to it that FORMAT says so before the first segment is packed, and older programs refuse the journal. Resolves with what it says then. */
export async function allowPacked(files: Files, clock: Clock, paths: Paths, packs: boolean): Promise<boolean> {
  const found = await formatState(files, paths, ['FORMAT'])
  if (found.fault !== undefined) throw found.fault
  if (!packs || found.packed) return found.packed
  try {
    await replaceFormat(files, clock, paths, true)
  } catch (error) {
    throw ioError(error, 'Writing', paths.format)
  }
  return true
}

async function replaceFormat(files: Files, clock: Clock, paths: Paths, packed: boolean): Promise<void> {
  await replaceFile(files, clock, paths.format, (file, temporary) => writeFully(file, textOf(packed), 0, temporary))
}

function textOf(packed: boolean): Buffer {
  return Buffer.from(`turnlog ${FORMAT}${packed ? ` ${PACKED}` : ''}\n`)
}

async function keep(files: Files, paths: Paths): Promise<void> {
  const name = `FORMAT.${createHash('sha256')
    .update(await readText(files, paths.format))
    .digest('hex')
    .slice(0, 16)}.bytes`
  await makeDirectory(files, paths.quarantine)
  await files.link(paths.format, join(paths.quarantine, name)).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error
  })
  await files.syncDir(paths.quarantine)
}

/** The error for bytes that check and that only a later format can have written. */
export function laterFormat(what: string): JournalError {
  const message = `The journal holds ${what}, which format ${FORMAT} does not have. Use a newer turnlog. Nothing was changed.`
  return new JournalError('JOURNAL_NEWER_FORMAT', message, { found: FORMAT + 1, supported: FORMAT })
}

export async function writeFormat(files: Files, clock: Clock, paths: Paths): Promise<void> {
  try {
    await placeFile(files, clock, paths.format, (file, temporary) => writeFully(file, textOf(false), 0, temporary))
  } catch (error) {
    // Somebody else makes the same journal at the same time; the lock decides who goes on.
    if (!hasCode(error, 'EEXIST')) throw ioError(error, 'Creating', paths.format)
  }
}

/** What a creation that was cut leaves before FORMAT is there. */
function isRemains(name: string): boolean {
  return /^FORMAT\.[0-9a-f]+\.tmp$/.test(name) || name === 'LOCK' || parseEpoch(name) !== undefined
}

async function readText(files: Files, path: string): Promise<string> {
  try {
    const file = await files.open(path, 'r')
    try {
      const bytes = Buffer.alloc(64)
      return bytes.toString('latin1', 0, await readFully(file, bytes, 0))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw ioError(error, 'Reading', path)
  }
}
