/**
 * Where a journal is copied to. Nothing that is there is touched before all that is new was checked: segments are written under another
 * name, held together with those that stay against the history they are to be, and given their names in order. The head file comes
 * behind them: until it is exchanged the copy is what it was.
 */
import { join } from 'node:path'
import { ioError, JournalError, type Damage } from '../errors.js'
import { damaged, type CopySource, type Part } from './copy-source.js'
import type { Clock, FileHandle, Files } from './files.js'
import { formatState, writeFormat } from './format-file.js'
import { Handles } from './handles.js'
import { encodeSlots, HeadFile } from './head-file.js'
import { chunksOf, coded, fill, giveUp, hasCode, makeDirectory, removeFile, replaceFile, TEMPORARY, writeFully } from './io.js'
import { findJournal } from './journal-id.js'
import { epochsOf, lock } from './lock.js'
import { Paths, type SegmentName } from './paths.js'
import { listSegments, mustBeEmpty, namesIn, notEmpty } from './segments.js'
import { State } from './state.js'
import { verify } from './verify.js'

/** What a segment is called before it was checked. */
const NEW = '.new'
/** What a first copy has before it is whole. */
const unfinished = (name: string): boolean => ['journal', 'LOCK', 'head'].includes(name) || TEMPORARY.test(name)

export interface CopyWork {
  signal?: AbortSignal | undefined
  progress?: ((done: number, total: number) => void) | undefined
}

/** The paths of a copy, whose new segments have another name yet. */
class StagedPaths extends Paths {
  readonly staged = new Set<number>()

  override segment(segment: SegmentName): string {
    return this.final(segment) + (this.staged.has(segment.number) ? NEW : '')
  }

  final(segment: SegmentName): string {
    return super.segment(segment)
  }
}

export class CopyTarget {
  readonly #source: CopySource
  readonly #files: Files
  readonly #clock: Clock
  readonly #paths: StagedPaths

  constructor(directory: string, source: CopySource, files: Files, clock: Clock) {
    this.#source = source
    this.#files = files
    this.#clock = clock
    this.#paths = new StagedPaths(directory)
  }

  /** @throws JournalError JOURNAL_IO where something is there. */
  async mustBeEmpty(): Promise<void> {
    await mustBeEmpty(this.#files, this.#paths.root)
  }

  /**
   * What is there is nothing, or a copy of this journal that the journal went on from.
   * @throws JournalError JOURNAL_HISTORY_CHANGED for a copy of another history, JOURNAL_IO for anything else
   */
  async mustFit(): Promise<void> {
    const { root, head, journal } = this.#paths
    const names = await namesIn(this.#files, root)
    const { fault } = await formatState(this.#files, this.#paths, names)
    if (fault !== undefined && !names.every(unfinished)) throw notEmpty(root)
    if (epochsOf(names).length > 0) throw another(root, 'is a journal that was opened for writing, and no backup, or no longer one')
    const mark = await HeadFile.read(this.#files, head)
    const handles = new Handles(this.#files)
    try {
      const { files } = await listSegments(this.#files, handles, this.#paths)
      const id = await findJournal(files, handles, this.#paths, mark)
      if (id !== undefined && !id.equals(this.#source.core.journal))
        throw another(root, `is a backup of another journal (${id.toString('hex')})`)
    } finally {
      await handles.close()
    }
    const ours = new Set(this.#source.parts.flatMap(({ name }) => [name, name + NEW]))
    const foreign = (await namesIn(this.#files, journal)).find((name) => !ours.has(name) && !TEMPORARY.test(name))
    const past = mark === undefined ? undefined : { position: mark.position, digest: mark.digest.toString('hex') }
    if (foreign !== undefined || (past !== undefined && !(await this.#source.holds(past))))
      throw another(root, `holds a history that ${this.#source.directory} did not go on from`)
  }

  /** What is not there, and what seems to be. */
  async compare(): Promise<{ missing: Part[]; there: Part[] }> {
    const missing: Part[] = []
    const there: Part[] = []
    for (const part of this.#source.parts) {
      const found = await this.#find(part)
      ;(found ? there : missing).push(part)
    }
    return { missing, there }
  }

  /** Makes the directory and keeps everybody else out of it; closing what it resolves with lets them in. */
  async begin(): Promise<FileHandle> {
    const { root, journal } = this.#paths
    await makeDirectory(this.#files, journal)
    const held = await lock(this.#files, this.#paths, 0)
    try {
      for (const directory of [root, journal])
        for (const name of await this.#files.readdir(directory))
          if (TEMPORARY.test(name)) await removeFile(this.#files, join(directory, name))
      return held
    } catch (error) {
      return giveUp(error, [held])
    }
  }

  /** Copies what is missing, and what is there and does not check. Resolves with what was copied. */
  async complete({ signal, progress }: CopyWork): Promise<Part[]> {
    const { missing, there } = await this.compare()
    const toCopy = bytesOf(missing)
    const total = toCopy + bytesOf(this.#source.parts)
    let done = 0
    const copied = (bytes: number): void => {
      signal?.throwIfAborted()
      done += bytes
      progress?.(done, total)
    }
    const check = (): Promise<Damage[]> => this.#check({ signal, progress: (read) => progress?.(toCopy + read, total) })
    for (const part of missing) await this.#copy(part, copied)
    let lost = await check()
    const again = there.filter(({ name }) => lost.some(({ segment }) => segment === name))
    if (again.length > 0) {
      for (const part of again) await this.#copy(part, copied)
      lost = await check()
    }
    if (lost.length > 0) throw damaged(this.#source.directory, lost)
    return [...missing, ...again]
  }

  /** Gives everything its name, and says how far the copy goes. */
  async install(): Promise<void> {
    const { root, journal, head, format, staged } = this.#paths
    try {
      for (const part of this.#source.parts) {
        if (!staged.has(part.number)) continue
        await this.#files.rename(this.#paths.segment(part), this.#paths.final(part))
        await this.#files.syncDir(journal)
        staged.delete(part.number)
      }
      const slots = encodeSlots(this.#source.mark)
      await replaceFile(this.#files, this.#clock, head, (file, temporary) => writeFully(file, slots, 0, temporary))
      if (!this.#files.exists(format)) await writeFormat(this.#files, this.#clock, this.#paths)
    } catch (error) {
      throw ioError(error, 'Writing', root)
    }
  }

  /**
   * Whether a file of this length is there, under its name or the one it has before it is checked. A sealed one may be longer: a recovery
   * may have ended the segment before a group that it wrote once more, and the last backup needs it where it was.
   */
  async #find(part: Part): Promise<boolean> {
    const sealed = part !== this.#source.parts.at(-1)
    for (const path of [this.#paths.final(part), this.#paths.final(part) + NEW]) {
      const size = (await this.#sizeOf(path)) ?? -1
      if (sealed ? size < part.end : size !== part.end) continue
      if (path.endsWith(NEW)) this.#paths.staged.add(part.number)
      return true
    }
    return false
  }

  async #sizeOf(path: string): Promise<number | undefined> {
    try {
      const file = await this.#files.open(path, 'r')
      try {
        return await file.size()
      } finally {
        await file.close()
      }
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined
      throw ioError(error, 'Opening', path)
    }
  }

  async #copy(part: Part, copied: (bytes: number) => void): Promise<void> {
    const { core } = this.#source
    const path = this.#paths.final(part) + NEW
    await removeFile(this.#files, path)
    this.#paths.staged.add(part.number)
    try {
      await core.handles.with(core.paths.segment(part), async (from) =>
        fill(await this.#files.open(path, 'wx'), path, async (to) => {
          for await (const { at, chunk } of chunksOf(from, 0, part.end)) {
            await writeFully(to, chunk, at, path)
            copied(chunk.length)
          }
        }),
      )
    } catch (error) {
      // What is not whole only takes up room, on a disk that may have none.
      await giveUp(coded(error, 'Copying to', path), [{ close: () => removeFile(this.#files, path) }])
    }
  }

  /** Reads the whole copy and holds it against the history that it is to be; resolves with what is not. */
  async #check({ signal, progress }: CopyWork): Promise<Damage[]> {
    const { core, sight, head, directory } = this.#source
    const handles = new Handles(this.#files)
    try {
      const state = new State({ ...core, files: this.#files, paths: this.#paths, handles }, sight)
      const { damage, since } = await verify(state, { ...(signal && { signal }), ...(progress && { progress }), since: head })
      if (damage.length === 0 && since?.ok !== true)
        throw another(this.#paths.root, `does not come to the end of ${directory}: ${since?.reason}`)
      return damage
    } finally {
      await handles.close()
    }
  }
}

export function bytesOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { end }) => sum + end, 0)
}

function another(directory: string, why: string): JournalError {
  const message = `${directory} ${why}. Nothing of it was changed; name another directory for this backup.`
  return new JournalError('JOURNAL_HISTORY_CHANGED', message, { position: 0 })
}
