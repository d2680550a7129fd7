/** Small text files in a directory that a person keeps: read all, and added to, never overwritten. */
import { join } from 'node:path'
import { ioError } from '../errors.js'
import type { Clock, Files } from './files.js'
import { hasCode, makeDirectory, placeFile, readFully, writeFully } from './io.js'
import { nodeFiles } from './node-files.js'
import { systemClock } from './system-clock.js'

export class TextFiles {
  readonly #directory: string
  readonly #files: Files
  readonly #clock: Clock

  constructor(directory: string, files: Files = nodeFiles, clock: Clock = systemClock) {
    this.#directory = directory
    this.#files = files
    this.#clock = clock
  }

  /** Names and texts of the files with this ending; none where the directory is not there. */
  async read(ending: string): Promise<Map<string, string>> {
    let names: string[]
    try {
      names = await this.#files.readdir(this.#directory)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return new Map()
      throw ioError(error, 'Reading the directory', this.#directory)
    }
    const texts = new Map<string, string>()
    for (const name of names.filter((one) => one.endsWith(ending)).toSorted())
      texts.set(name, await this.#text(join(this.#directory, name)))
    return texts
  }

  /** Adds a file. @throws JournalError JOURNAL_IO, also where the name is taken. */
  async add(name: string, text: string): Promise<void> {
    const path = join(this.#directory, name)
    try {
      await makeDirectory(this.#files, this.#directory)
      await placeFile(this.#files, this.#clock, path, (file, temporary) => writeFully(file, Buffer.from(text), 0, temporary))
    } catch (error) {
      throw ioError(error, 'Writing', path)
    }
  }

  async #text(path: string): Promise<string> {
    try {
      const file = await this.#files.open(path, 'r')
      try {
        const bytes = Buffer.alloc(await file.size())
        return bytes.toString('utf8', 0, await readFully(file, bytes, 0))
      } finally {
        await file.close()
      }
    } catch (error) {
      throw ioError(error, 'Reading', path)
    }
  }
}
