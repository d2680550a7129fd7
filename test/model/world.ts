/** The real journal and the plain array it is held against. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { z } from 'zod'
import { defineEvents, defineProjection, openJournal, type Receipt } from '../../src/index.js'
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

/** In memory where there is such a place: what is tried here is the order of things, not the disk. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const open = (directory: string, derived: ReturnType<typeof memoryStores>) =>
  openJournal(directory, { events, projections: [sums], segmentBytes: 2048, derived })

export class World {
  #directory = mkdtempSync(join(base, 'turnlog-model-'))
  readonly #derived = memoryStores()
  #journal: Awaited<ReturnType<typeof open>> | undefined

  get journal(): Awaited<ReturnType<typeof open>> {
    return this.#journal as Awaited<ReturnType<typeof open>>
  }

  async open(): Promise<this> {
    this.#journal = await open(this.#directory, this.#derived)
    return this
  }

  async reopen(meanwhile: (directory: string) => void = () => undefined): Promise<void> {
    await this.journal.close()
    meanwhile(this.#directory)
    await this.open()
  }

  /** Goes on from what a crash would have left now. */
  async kill(): Promise<void> {
    const image = `${this.#directory}'`
    cpSync(this.#directory, image, { recursive: true })
    const old = this.#directory
    await this.journal.close()
    rmSync(old, { recursive: true })
    this.#directory = image
    await this.open()
  }

  deleteDerived(): void {
    this.#derived.derived.entries.clear()
  }

  /** Turns one bit of a snapshot file; false if there is none. */
  damageSnapshot(directory: string, choice: number): void {
    const folder = join(directory, 'snapshots', 'sums')
    const files = existsSync(folder) ? readdirSync(folder) : []
    if (files.length === 0) return
    const path = join(folder, files[choice % files.length] as string)
    const bytes = readFileSync(path)
    bytes[choice % bytes.length] = (bytes[choice % bytes.length] as number) ^ 4
    writeFileSync(path, bytes)
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
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
