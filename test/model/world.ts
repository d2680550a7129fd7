/** The real journal and the plain array it is held against. */
import { expect } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineProjection, openJournal, type Receipt } from '../../src/index.js'
import { MemoryFiles } from '../storage/support/memory-files.js'
import { memoryStores } from '../support/memory-derived.js'

const events = defineEvents({ added: { schema: 1, data: z.looseObject({ n: z.number() }) } })
export const sums = defineProjection(events, {
  name: 'sums',
  revision: 1,
  state: z.object({ total: z.number(), count: z.number() }),
  key: (event) => event.stream,
  initial: () => ({ total: 0, count: 0 }),
  index: { total: (s) => s.total },
  on: { added: (s, { data }) => ({ total: s.total + data.n, count: s.count + 1 }) },
})

/** What was acknowledged, in order. */
export interface Model {
  events: { stream: string; n: number }[]
  commits: { id: string; stream: string; values: number[]; receipt: Receipt }[]
}

export const versionOf = (model: Model, stream: string): number => model.events.filter((event) => event.stream === stream).length

/** In memory: what is tried here is the order of things, not the disk. */
const open = (files: MemoryFiles, derived: ReturnType<typeof memoryStores>) =>
  openJournal('/journal', { events, projections: [sums], segmentBytes: 2048, files, derived })

export class World {
  #files = new MemoryFiles()
  readonly #derived = memoryStores()
  #journal: Awaited<ReturnType<typeof open>> | undefined

  get journal(): Awaited<ReturnType<typeof open>> {
    return this.#journal as Awaited<ReturnType<typeof open>>
  }

  async open(): Promise<this> {
    this.#journal = await open(this.#files, this.#derived)
    return this
  }

  async reopen(meanwhile: () => void = () => undefined): Promise<void> {
    await this.journal.close()
    meanwhile()
    await this.open()
  }

  /** Goes on from what a crash would have left now. */
  async kill(): Promise<void> {
    const image = this.#files.copy()
    await this.journal.close()
    this.#files = image
    await this.open()
  }

  deleteDerived(): void {
    this.#derived.derived.entries.clear()
  }

  /** Turns one bit of a snapshot file, if there is one. */
  damageSnapshot(choice: number): void {
    const paths = [...this.#files.inodes.keys()].filter((path) => path.startsWith('/journal/snapshots/sums/')).toSorted()
    const bytes = this.#files.inodes.get(paths[choice % paths.length] ?? '')?.bytes
    if (bytes !== undefined) bytes[choice % bytes.length]! ^= 4
  }

  /** Whatever is asked of the journal, it says what the model says. */
  async check(model: Model): Promise<void> {
    expect(this.journal.head.position).toBe(model.events.length)
    const seen: { stream: string; n: number }[] = []
    for await (const event of this.journal.readAll()) {
      expect(event.position).toBe(seen.push({ stream: event.stream, n: event.data.n }))
    }
    expect(seen).toEqual(model.events)
    expect(this.journal.recovery.damage).toEqual([])
    expect(this.journal.recovery.tornBytes).toBe(0)
  }

  async end(): Promise<void> {
    await this.#journal?.close()
  }
}
