/**
 * The file port with a guard before it: what stands in the place of a file or directory of ours and is none, or belongs to another
 * user, is refused by name before it is opened. A journal's directory may itself be reached through a link; nothing in it may.
 */
import { dirname, join, sep } from 'node:path'
import { JournalError } from '../errors.js'
import { filesOver } from './delegate.js'
import type { Files, Stat } from './files.js'
import { hasCode } from './io.js'

export function guarded(files: Files, directory: string): Files {
  const root = plain(directory)
  const look = (path: string, kind: 'file' | 'directory'): void => {
    // The dot makes the system follow a link to the journal's own directory.
    const found = files.stat(path === root ? `${root}${sep}.` : path)
    if (found !== undefined && found.kind !== kind) throw misplaced(path, found, kind)
    if (found !== undefined && !found.mine) throw foreign(path)
  }
  const lookAtDirectory = (path: string): void => {
    if (path !== root && !path.startsWith(root + sep)) return
    if (path !== root) lookAtDirectory(dirname(path))
    look(path, 'directory')
  }
  return filesOver(files, {
    async open(path, flag) {
      lookAtDirectory(dirname(path))
      look(path, 'file')
      return files.open(path, flag)
    },
    async readdir(path) {
      lookAtDirectory(plain(path))
      return files.readdir(path)
    },
    async mkdir(path) {
      try {
        await files.mkdir(path)
      } catch (error) {
        if (hasCode(error, 'EEXIST')) lookAtDirectory(plain(path))
        throw error
      }
    },
  })
}

/** Refuses what stands under a name of ours and is no file, before somebody else opens it for us. */
export function mustBeFile(files: Files, path: string): void {
  const found = files.stat(path)
  if (found !== undefined && found.kind !== 'file') throw misplaced(path, found, 'file')
}

/** A directory's path as `dirname` would give it. */
function plain(directory: string): string {
  return dirname(join(directory, 'x'))
}

function misplaced(path: string, { kind }: Stat, wanted: string): JournalError {
  const message = `${path} is a ${kind} where a journal has a ${wanted} of its own. Nothing was opened; remove it, or put back what belongs there.`
  return new JournalError('JOURNAL_IO', message, { path })
}

function foreign(path: string): JournalError {
  const message = `${path} belongs to another user. Nothing was opened; run as that user, or make it yours (chown) first.`
  return new JournalError('JOURNAL_IO', message, { path })
}
