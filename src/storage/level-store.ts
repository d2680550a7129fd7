/** LevelDB behind the derived port. */
import { join } from 'node:path'
import { Level } from 'level'
import { ioError } from '../errors.js'
import type { DerivedChange, DerivedRange, DerivedStore, DerivedStores } from './derived-store.js'
import type { Files } from './files.js'

/** LevelDB in a directory that is seen through the file port; LevelDB itself brings its own access to files. */
export function levelStores(files: Files): DerivedStores {
  return {
    async open(directory) {
      const level = new Level<Uint8Array, Uint8Array>(directory, {
        keyEncoding: 'view',
        valueEncoding: 'view',
        cacheSize: 8 << 20,
        writeBufferSize: 8 << 20,
      })
      try {
        await level.open()
      } catch (error) {
        throw ioError(error, 'Opening derived state in', directory)
      }
      return new LevelStore(level)
    },

    async destroy(directory) {
      for (const name of await namesIn(files, directory)) await files.unlink(join(directory, name))
    },

    async exists(directory) {
      return (await namesIn(files, directory)).length > 0
    },
  }
}

async function namesIn(files: Files, directory: string): Promise<string[]> {
  try {
    return await files.readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw ioError(error, 'Looking into', directory)
  }
}

class LevelStore implements DerivedStore {
  readonly #level: Level<Uint8Array, Uint8Array>

  constructor(level: Level<Uint8Array, Uint8Array>) {
    this.#level = level
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#level.get(key)
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#level.getMany(keys)
  }

  range({ from, to, reverse = false }: DerivedRange): AsyncIterable<[Uint8Array, Uint8Array]> {
    return this.#level.iterator({ gte: from, lt: to, reverse })
  }

  batch(changes: DerivedChange[]): Promise<void> {
    return this.#level.batch(changes)
  }

  clear({ from, to }: DerivedRange): Promise<void> {
    return this.#level.clear({ gte: from, lt: to })
  }

  close(): Promise<void> {
    return this.#level.close()
  }
}
