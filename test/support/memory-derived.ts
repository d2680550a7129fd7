/** A derived store in memory whose bytes a test can reach. */
import type { DerivedChange, DerivedRange, DerivedStore, DerivedStores, Slices } from '../../src/storage/derived-store.js'

export class MemoryDerived implements DerivedStore {
  readonly entries = new Map<string, Uint8Array>()
  failing = false
  /** Calls that still go through before all others fail; every call where left out. */
  before = Number.POSITIVE_INFINITY
  /** How often it is open. */
  opened = 0

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#work()
    return this.entries.get(hex(key))
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#values(keys)
  }

  getAtOnce(keys: Uint8Array[]): (Uint8Array | undefined)[] | undefined {
    return this.#values(keys)
  }

  #values(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.entries.get(hex(key)))
  }

  range({ from, to, reverse = false }: DerivedRange): AsyncGenerator<[Uint8Array, Uint8Array]> {
    const entries = [...this.entries].filter(([key]) => key >= hex(from) && key < hex(to)).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return each(reverse ? entries.toReversed() : entries)
  }

  async batch(slices: Slices): Promise<void> {
    this.#work()
    const changes: DerivedChange[] = []
    for await (const slice of slices) changes.push(...slice)
    for (const change of changes) {
      if (change.type === 'put') this.entries.set(hex(change.key), change.value)
      else this.entries.delete(hex(change.key))
    }
  }

  #work(): void {
    if (this.failing || this.before-- <= 0) throw Object.assign(new Error('no'), { code: 'EIO' })
  }

  async clear({ from, to }: DerivedRange): Promise<void> {
    this.#work()
    for (const key of [...this.entries.keys()]) if (key >= hex(from) && key < hex(to)) this.entries.delete(key)
  }

  async rest(): Promise<void> {}

  async close(): Promise<void> {
    this.opened--
  }
}

/** One store that stays while journals come and go. */
export function memoryStores(derived = new MemoryDerived()): DerivedStores & { derived: MemoryDerived } {
  return {
    derived,
    open: async (_directory, check) => {
      await check?.(derived)
      derived.opened++
      return derived
    },
    destroy: async () => derived.entries.clear(),
    exists: async () => derived.entries.size > 0,
  }
}

async function* each(entries: [string, Uint8Array][]): AsyncGenerator<[Uint8Array, Uint8Array]> {
  for (const [key, value] of entries) yield [Buffer.from(key, 'hex'), value]
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
