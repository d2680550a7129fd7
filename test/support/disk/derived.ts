/** Derived stores in memory that lose their last batches when the power fails, and that a crash leaves as the log before them. */
import { setImmediate } from 'node:timers/promises'
import type { DerivedRange, DerivedStore, DerivedStores, Slices } from '../../../src/storage/derived-store.js'
import { failure } from './failure.js'
import type { Choice } from './choice.js'
import type { Process } from './process.js'

/** Keys that are read without waiting. */
const AT_ONCE = 1

/** Turns of the event loop that a batch takes, fewer than this: an append may come through meanwhile. */
const BATCH_TURNS = 24

type Entries = Map<string, Uint8Array>

/** The stores of one machine: what is on its disk, and the batches since. */
export class DerivedDisk {
  #durable = new Map<string, Entries>()
  #batches: ((stores: Map<string, Entries>) => void)[] = []
  #now = new Map<string, Entries>()

  clone(): DerivedDisk {
    const clone = new DerivedDisk()
    clone.#durable = copy(this.#durable)
    clone.#batches = [...this.#batches]
    clone.#now = copy(this.#now)
    return clone
  }

  /** For one process, which may die. */
  for(process: Process): DerivedStores {
    const use = <T>(act: () => T): Promise<T> => (process.dead ? new Promise<never>(() => {}) : Promise.resolve().then(act))
    return {
      open: (directory) =>
        use(() => {
          if (!this.#now.has(directory)) this.#change((stores) => void stores.set(directory, new Map()))
          return new SimulatedStore(
            process.choice,
            use,
            () => this.#now.get(directory),
            (change) =>
              this.#change((stores) => {
                const entries = stores.get(directory)
                if (entries !== undefined) change(entries)
              }),
          )
        }),
      destroy: (directory) => use(() => this.#change((stores) => void stores.delete(directory))),
      exists: (directory) => use(() => this.#now.has(directory)),
    }
  }

  /** The power fails: of the batches, some first ones are left. */
  powerLoss(choice: Choice): void {
    const kept = this.#batches.length - choice.int(this.#batches.length + 1)
    for (const batch of this.#batches.slice(0, kept)) batch(this.#durable)
    this.#batches = []
    this.#now = copy(this.#durable)
  }

  #change(batch: (stores: Map<string, Entries>) => void): void {
    batch(this.#now)
    this.#batches.push(batch)
    // The store writes its log out now and then.
    if (this.#batches.length < 64) return
    for (const one of this.#batches.splice(0, 32)) one(this.#durable)
  }
}

class SimulatedStore implements DerivedStore {
  readonly #choice: Choice
  readonly #use: <T>(act: () => T) => Promise<T>
  readonly #entries: () => Entries
  readonly #change: (change: (entries: Entries) => void) => void
  #open = true

  constructor(
    choice: Choice,
    use: <T>(act: () => T) => Promise<T>,
    entries: () => Entries | undefined,
    change: (change: (entries: Entries) => void) => void,
  ) {
    this.#choice = choice
    this.#use = (act) => {
      if (!this.#open) throw failure('EBADF', 'derived')
      return use(act)
    }
    this.#entries = () => {
      const found = entries()
      if (found === undefined) throw failure('ENOENT', 'derived')
      return found
    }
    this.#change = change
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#use(() => this.#entries().get(hex(key)))
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#use(() => this.#values(keys))
  }

  /** So few that where a group concerns more rows of a table somebody waits. */
  getAtOnce(keys: Uint8Array[]): (Uint8Array | undefined)[] | undefined {
    return !this.#open || keys.length > AT_ONCE ? undefined : this.#values(keys)
  }

  #values(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    const entries = this.#entries()
    return keys.map((key) => entries.get(hex(key)))
  }

  range({ from, to, reverse = false }: DerivedRange): AsyncGenerator<[Uint8Array, Uint8Array]> {
    const entries = within(this.#entries(), from, to)
    return this.#each(reverse ? entries.toReversed() : entries)
  }

  async *#each(entries: [string, Uint8Array][]): AsyncGenerator<[Uint8Array, Uint8Array]> {
    await this.#use(() => {})
    for (const [key, value] of entries) yield [Buffer.from(key, 'hex'), value]
  }

  async batch(slices: Slices): Promise<void> {
    const all: [string, Uint8Array | undefined][] = []
    for await (const slice of slices)
      for (const change of slice) all.push([hex(change.key), change.type === 'put' ? change.value : undefined])
    // Others go on meanwhile.
    for (let turns = this.#choice.int(BATCH_TURNS); turns > 0; turns--) await setImmediate()
    return this.#use(() =>
      this.#change((entries) => {
        for (const [key, value] of all) {
          if (value === undefined) entries.delete(key)
          else entries.set(key, value)
        }
      }),
    )
  }

  clear({ from, to }: DerivedRange): Promise<void> {
    return this.#use(() =>
      this.#change((entries) => {
        for (const [key] of within(entries, from, to)) entries.delete(key)
      }),
    )
  }

  /** What is lost with the power are the last batches, whether it rested or not. */
  rest(): Promise<void> {
    return this.#use(() => {})
  }

  close(): Promise<void> {
    return this.#use(() => void (this.#open = false))
  }
}

/** Entries between two keys, in order. */
function within(entries: Entries, from: Uint8Array, to: Uint8Array): [string, Uint8Array][] {
  const first = hex(from)
  const end = hex(to)
  return [...entries].filter(([key]) => key >= first && key < end).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function copy(stores: ReadonlyMap<string, Entries>): Map<string, Entries> {
  return new Map(Array.from(stores, ([directory, entries]) => [directory, new Map(entries)]))
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
