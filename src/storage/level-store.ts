/**
 * LevelDB behind the derived port. It checks little of what it reads and ends the process where it meets what it does not
 * expect, so marks beside its files say how it was left, and it is not opened where they say that it must not be.
 */
import { join } from 'node:path'
import { Level } from 'level'
import { ioError } from '../errors.js'
import { fromBase, seal, sealOf, unseal, type Seal } from './derived-seal.js'
import type { DerivedRange, DerivedStore, DerivedStores, Slices } from './derived-store.js'
import type { Clock, Files } from './files.js'
import { mustBeFile } from './guard.js'
import { makeDirectory } from './io.js'

/** Stands while a store is opened and looked over: whoever finds it knows that this ended a process. */
const OPENING = 'opening'
/** One for each time in a row that the store was opened and not closed in order. */
const UNCLEAN = /^unclean-\d+$/
const UNCLEAN_MAX = 2
const FIRST_UNCLEAN = 'unclean-1'

/** Keys that are read on the calling thread at most, because that takes less time than the way to another and back; and for how long, because a disk may be slow. */
const AT_ONCE = 64
const AT_ONCE_MS = 2

/** A log that takes no time to read. */
const LOG_BYTES = 1 << 18

/** LevelDB in a directory that is seen through the file port; LevelDB itself brings its own access to files. */
export function levelStores(files: Files, clock: Clock): DerivedStores {
  return {
    async open(directory, check) {
      await makeDirectory(files, directory)
      const names = await namesIn(files, directory)
      const unclean = names.filter((name) => UNCLEAN.test(name))
      const closed = await sealOf(files, directory, clock)
      const doubt = doubtOf(names, closed.worth)
      if (doubt !== undefined) throw new Error(`${directory}: ${doubt}`)
      const isNew = names.length === 0
      const vouched = isNew || closed.worth === 'whole' ? closed.files : await fromBase(files, directory, clock)
      if (vouched === undefined) throw new Error(`${directory}: nothing vouches for its files`)
      await unseal(files, directory)
      await mark(directory, async () => (await files.open(join(directory, OPENING), 'wx')).close())
      const store = new LevelStore(await openLevel(directory), files, clock, directory, vouched)
      try {
        await check?.(store)
        await mark(directory, () => files.rename(join(directory, OPENING), join(directory, `unclean-${unclean.length + 1}`)))
      } catch (error) {
        await store.close(false)
        throw error
      }
      return store
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

/** Why the store in a directory is better not touched, as whoever opens it next will find; undefined if it may be opened. */
export async function doubtIn(files: Files, directory: string): Promise<string | undefined> {
  return doubtOf(await namesIn(files, directory), (await sealOf(files, directory)).worth)
}

function doubtOf(names: readonly string[], sealed: Seal['worth']): string | undefined {
  const unclean = names.filter((name) => UNCLEAN.test(name)).length
  if (names.includes(OPENING)) return 'a process ended while it opened this'
  if (unclean >= UNCLEAN_MAX) return `it was left open ${unclean} times in a row`
  return sealed === 'changed' ? 'its files are not as they were left' : undefined
}

async function openLevel(directory: string): Promise<Level<Uint8Array, Uint8Array>> {
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
  return level
}

/** Makes or moves a mark beside LevelDB's files. */
async function mark(directory: string, make: () => Promise<void>): Promise<void> {
  try {
    await make()
  } catch (error) {
    throw ioError(error, 'Marking derived state in', directory)
  }
}

/** Names in the directory, none of which leads elsewhere: LevelDB would follow it. */
async function namesIn(files: Files, directory: string): Promise<string[]> {
  try {
    if (files.stat(directory) === undefined) return []
    const names = await files.readdir(directory)
    for (const name of names) mustBeFile(files, join(directory, name))
    return names
  } catch (error) {
    throw ioError(error, 'Looking into', directory)
  }
}

class LevelStore implements DerivedStore {
  readonly #files: Files
  readonly #clock: Clock
  readonly #directory: string
  #level: Level<Uint8Array, Uint8Array>
  #vouched: Seal['files']
  /** Bytes that were written since LevelDB was opened. */
  #written = 0
  /** Ranges that are being read; they end where LevelDB is closed. */
  #ranges = 0
  #resting: Promise<void> | undefined

  constructor(level: Level<Uint8Array, Uint8Array>, files: Files, clock: Clock, directory: string, vouched: Seal['files']) {
    this.#vouched = vouched
    this.#level = level
    this.#files = files
    this.#clock = clock
    this.#directory = directory
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#told((level) => level.get(key))
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#told((level) => level.getMany(keys))
  }

  getAtOnce(keys: Uint8Array[]): (Uint8Array | undefined)[] | undefined {
    if (keys.length > AT_ONCE || this.#resting !== undefined) return undefined
    const values: (Uint8Array | undefined)[] = []
    const until = performance.now() + AT_ONCE_MS
    try {
      for (const key of keys) {
        if (performance.now() > until) return undefined
        values.push(this.#level.getSync(key))
      }
    } catch (error) {
      throw this.#failure(error)
    }
    return values
  }

  range({ from, to, reverse = false }: DerivedRange): AsyncGenerator<[Uint8Array, Uint8Array], void, undefined> {
    // Made at once, not when the first entry is asked for: it sees what the store holds when it is made.
    try {
      const entries = this.#each<[Uint8Array, Uint8Array]>(this.#level.iterator({ gte: from, lt: to, reverse }))
      this.#ranges++
      return entries
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async *#each<T>(entries: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* entries
    } catch (error) {
      throw this.#failure(error)
    } finally {
      this.#ranges--
    }
  }

  batch(slices: Slices): Promise<void> {
    return this.#told(async (level) => {
      const batch = level.batch()
      try {
        for await (const slice of slices) {
          for (const change of slice) {
            this.#written += change.key.length + (change.type === 'put' ? change.value.length : 0)
            if (change.type === 'put') batch.put(change.key, change.value)
            else batch.del(change.key)
          }
        }
      } catch (error) {
        await batch.close()
        throw error
      }
      await batch.write()
    })
  }

  clear({ from, to }: DerivedRange): Promise<void> {
    return this.#told((level) => level.clear({ gte: from, lt: to }))
  }

  /** LevelDB is closed, vouched for and opened again; nothing is rewritten for it but what was not in tables yet. */
  async rest(least: number): Promise<void> {
    if (this.#written < least || this.#ranges > 0 || this.#resting !== undefined) return
    this.#resting = this.#rest()
    try {
      await this.#resting
    } catch (error) {
      throw this.#failure(error)
    } finally {
      this.#resting = undefined
    }
  }

  async #rest(): Promise<void> {
    await this.#level.close()
    try {
      this.#vouched = await seal(this.#files, this.#clock, this.#directory, this.#vouched)
      await unseal(this.#files, this.#directory)
      for (const name of await this.#unclean())
        if (name !== FIRST_UNCLEAN) await this.#files.rename(join(this.#directory, name), join(this.#directory, FIRST_UNCLEAN))
    } catch {
      // The base stays what it was, and what came since is folded again after a death.
    }
    this.#level = await openLevel(this.#directory)
    this.#written = 0
  }

  async close(sound: boolean): Promise<void> {
    await this.#told((level) => level.close())
    if (!sound) return
    try {
      // LevelDB makes a table of its log when it opens. Who closes has the time for that; who opens next waits for it.
      if (this.#written > LOG_BYTES) await (await openLevel(this.#directory)).close()
      await seal(this.#files, this.#clock, this.#directory, this.#vouched)
      for (const name of await this.#unclean()) await this.#files.unlink(join(this.#directory, name))
    } catch {
      // What is not vouched for is not used.
    }
  }

  async #unclean(): Promise<string[]> {
    return (await this.#files.readdir(this.#directory)).filter((name) => UNCLEAN.test(name))
  }

  /** LevelDB's errors are the operating system's, or its own about its files: errors of the journal's disk either way. */
  async #told<T>(work: (level: Level<Uint8Array, Uint8Array>) => Promise<T>): Promise<T> {
    try {
      await this.#resting
      return await work(this.#level)
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
