/**
 * How a new journal takes the place of an old one: built beside it under one name, given another when it is whole, and swapped by two
 * renames. A crash between the two leaves no journal under its own name, and a whole one waiting: whoever opens finishes the swap.
 *
 *     <dir>  <dir>.upgrading      being built            <dir> is in use
 *     <dir>  <dir>.upgraded       whole, checked         <dir> is in use
 *     <dir>.v1.bak  <dir>.upgraded                       finished by whoever opens <dir>
 *     <dir>.v1.bak  <dir>                                the new one is in use
 */
import { dirname, join, resolve } from 'node:path'
import { ioError, JournalError } from '../errors.js'
import type { FileHandle, Files } from './files.js'
import { removeFile } from './io.js'
import { beginEpoch, lock } from './lock.js'
import { HeadFile } from './head-file.js'
import { FORMAT, parseEpoch, Paths } from './paths.js'
import { namesIn } from './segments.js'

export class Succession {
  /** The journal's own place. */
  readonly directory: string
  /** Where its successor is built. */
  readonly building: string
  readonly #whole: string
  readonly #files: Files

  constructor(directory: string, files: Files) {
    this.directory = resolve(directory)
    this.building = `${this.directory}.upgrading`
    this.#whole = `${this.directory}.upgraded`
    this.#files = files
  }

  /** Where the old journal goes. @throws JournalError JOURNAL_IO where something is there already: a backup is never overwritten. */
  backup(format: number): string {
    const path = this.#backupPath(format)
    if (!this.#files.exists(path)) return path
    const message = `${path} is there already, and a backup is never overwritten. Move it away, then upgrade again. Nothing was changed.`
    throw new JournalError('JOURNAL_IO', message, { path, errno: 'EEXIST' })
  }

  /**
   * Finishes a swap that was cut between its two renames. False where there is none.
   * @throws JournalError JOURNAL_NOT_FOUND where a successor waits and it was not the swap that took the journal away.
   */
  async finish(): Promise<boolean> {
    if (!this.#waits) return false
    if (!this.isCut) {
      const message = `There is no journal in ${this.directory}. ${this.#whole} beside it is an upgrade of one that never came into use: to go on with it, rename it to ${this.directory}; else move it away.`
      throw new JournalError('JOURNAL_NOT_FOUND', message, { directory: this.directory })
    }
    await this.#install()
    return true
  }

  /** Whether a swap was cut between its two renames: the first one made the backup. */
  get isCut(): boolean {
    const formats = Array.from({ length: FORMAT }, (_, i) => i + 1)
    return this.#waits && formats.some((format) => this.#files.exists(this.#backupPath(format)))
  }

  /** Whether there is a successor and no journal. */
  get #waits(): boolean {
    return !this.#files.exists(join(this.directory, 'FORMAT')) && this.#files.exists(join(this.#whole, 'FORMAT'))
  }

  #backupPath(format: number): string {
    return `${this.directory}.v${format}.bak`
  }

  /** Goes back from a successor that was whole and never came into its place to one that is being built. */
  async reopen(): Promise<void> {
    if (this.#files.exists(this.#whole)) await this.#rename(this.#whole, this.building)
  }

  /**
   * Keeps every writer out: with the lock, and with an epoch that ends all earlier ones. Closing what it resolves with lets them in.
   * Undefined if another writer was there since the epoch `after`.
   */
  async keepWritersOut(after: number, waitMs: number): Promise<FileHandle | undefined> {
    const paths = new Paths(this.directory)
    const held = await lock(this.#files, paths, waitMs)
    try {
      const epoch = await beginEpoch(this.#files, paths, (await HeadFile.read(this.#files, paths.head))?.epoch ?? 0)
      if (epoch === after + 1) return held
      await held.close()
      return undefined
    } catch (error) {
      await held.close()
      throw error
    }
  }

  /** Takes out what a successor holds so far, newest first, so that it is an empty journal. */
  async empty(): Promise<void> {
    const { journal, root, quarantine } = new Paths(this.building)
    for (const name of (await namesIn(this.#files, journal)).toSorted().toReversed()) await removeFile(this.#files, join(journal, name))
    for (const name of await namesIn(this.#files, quarantine)) await removeFile(this.#files, join(quarantine, name))
    const rest = (await namesIn(this.#files, root)).filter((name) => name === 'head' || parseEpoch(name) !== undefined)
    for (const name of rest) await removeFile(this.#files, join(root, name))
  }

  /** Puts the successor, which is closed and was checked, into the journal's place. */
  async swap(backup: string): Promise<void> {
    const { quarantine } = new Paths(this.building)
    // What building it left behind when it was cut is nobody's loss.
    for (const name of await namesIn(this.#files, quarantine)) await removeFile(this.#files, join(quarantine, name))
    await this.#rename(this.building, this.#whole)
    await this.#rename(this.directory, backup)
    await this.#install()
  }

  /** The second of the two renames; whoever opens the journal between them may have been quicker. */
  async #install(): Promise<void> {
    try {
      await this.#move(this.#whole, this.directory)
    } catch (error) {
      if (this.#files.exists(this.#whole) || !this.#files.exists(join(this.directory, 'FORMAT'))) throw error
    }
    await this.#sync()
  }

  async #rename(from: string, to: string): Promise<void> {
    await this.#move(from, to)
    await this.#sync()
  }

  async #move(from: string, to: string): Promise<void> {
    try {
      await this.#files.rename(from, to)
    } catch (error) {
      throw ioError(error, `Renaming ${from} to`, to)
    }
  }

  /** Makes durable which journal has which name; they all lie in one directory. */
  async #sync(): Promise<void> {
    const parent = dirname(this.directory)
    try {
      await this.#files.syncDir(parent)
    } catch (error) {
      throw ioError(error, 'Syncing', parent)
    }
  }
}
