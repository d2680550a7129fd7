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
        throw told(error, 'Opening derived state in', directory)
      }
      return new LevelStore(level, directory)
    },

    async destroy(directory) {
      const names = await namesIn(files, directory)
      try {
        for (const name of names) await files.unlink(join(directory, name))
      } catch (error) {
        throw ioError(error, 'Removing derived state in', directory)
      }
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
  readonly #directory: string

  constructor(level: Level<Uint8Array, Uint8Array>, directory: string) {
    this.#level = level
    this.#directory = directory
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#told(this.#level.get(key))
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#told(this.#level.getMany(keys))
  }

  async *range({ from, to, reverse = false }: DerivedRange): AsyncGenerator<[Uint8Array, Uint8Array], void, undefined> {
    try {
      yield* this.#level.iterator({ gte: from, lt: to, reverse })
    } catch (error) {
      throw this.#failure(error)
    }
  }

  batch(changes: DerivedChange[]): Promise<void> {
    return this.#told(this.#level.batch(changes))
  }

  clear({ from, to }: DerivedRange): Promise<void> {
    return this.#told(this.#level.clear({ gte: from, lt: to }))
  }

  close(): Promise<void> {
    return this.#told(this.#level.close())
  }

  /** LevelDB's errors are the operating system's, or its own about its files: errors of the journal's disk either way. */
  async #told<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): Error {
    return told(error, 'Using derived state in', this.#directory)
  }
}

/** LevelDB says in words, as its last, what the system said by number. */
const FULL = /(No space left on device|Disk quota exceeded|File too large)$/

function told(error: unknown, doing: string, directory: string): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const full = cause instanceof Error && FULL.test(cause.message)
  return ioError(full ? Object.assign(new Error(cause.message, { cause: error }), { code: 'ENOSPC' }) : error, doing, directory)
}
