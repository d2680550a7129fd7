/** The FORMAT file: the first that is made, the first that is read; says what the rest is. */
import { ioError, JournalError } from '../errors.js'
import type { Clock, Files } from './files.js'
import { hasCode, placeFile, readFully, writeFully } from './io.js'
import { FORMAT, parseEpoch, type Paths } from './paths.js'

/**
 * The format of the journal in a directory; undefined if there is none and one may be made.
 * @throws JournalError JOURNAL_NEWER_FORMAT, JOURNAL_NOT_FOUND for a directory that is not ours, JOURNAL_DAMAGED.
 */
export async function readFormat(files: Files, paths: Paths, names: readonly string[]): Promise<number | undefined> {
  if (!names.includes('FORMAT')) {
    const others = names.filter((name) => !isRemains(name))
    if (others.length === 0) return undefined
    const message = `${paths.root} holds ${JSON.stringify(others[0])} and no FORMAT: it is no journal. Name a directory that is empty or does not exist.`
    throw new JournalError('JOURNAL_NOT_FOUND', message, { directory: paths.root })
  }
  const text = await readText(files, paths.format)
  const format = /^turnlog ([1-9]\d{0,8})\n$/.exec(text)
  if (format === null) {
    const damage = {
      segment: 'FORMAT',
      offset: 0,
      bytes: text.length,
      firstPosition: 0,
      reason: 'FORMAT does not say which format this is',
    }
    throw new JournalError('JOURNAL_DAMAGED', `${paths.format} is damaged. It should read "turnlog ${FORMAT}" and a line end.`, {
      directory: paths.root,
      damage: [damage],
    })
  }
  const found = Number(format[1])
  if (found > FORMAT) {
    const message = `${paths.root} has format ${found}; this program reads formats up to ${FORMAT}. Use a newer turnlog. Nothing was changed.`
    throw new JournalError('JOURNAL_NEWER_FORMAT', message, { found, supported: FORMAT })
  }
  return found
}

/** The error for bytes that check and that only a later format can have written. */
export function laterFormat(what: string): JournalError {
  const message = `The journal holds ${what}, which format ${FORMAT} does not have. Use a newer turnlog. Nothing was changed.`
  return new JournalError('JOURNAL_NEWER_FORMAT', message, { found: FORMAT + 1, supported: FORMAT })
}

export async function writeFormat(files: Files, clock: Clock, paths: Paths): Promise<void> {
  try {
    await placeFile(files, clock, paths.format, (file, temporary) => writeFully(file, Buffer.from(`turnlog ${FORMAT}\n`), 0, temporary))
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
