/** Opens the segment store without an engine: notes count events, claims are read from the data. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { CommitStore, Durability, NewCommit, Receipt, StreamNotes } from '../../src/storage/commit-store.js'
import { openCommitStore, type OpenStore } from '../../src/storage/open.js'

/** A note is the number of events seen. */
export const counting: StreamNotes<number> = {
  initial: () => 0,
  fold: (count, { events }) => count + events.length,
  isOpen: (count) => count % 2 === 1,
  claims: ({ events }) =>
    events.flatMap(({ data }) => ((data as { claim?: string }).claim === undefined ? [] : [(data as { claim: string }).claim])),
  encode: (count) => Uint8Array.from(Buffer.from(String(count))),
  decode: (bytes) => Number(Buffer.from(bytes).toString()),
}

export const openRaw = async (directory: string, options: Partial<OpenStore<number>> = {}): Promise<CommitStore<number>> =>
  (await openCommitStore(directory, { notes: counting, admit: () => undefined, ...options })).store

/** A directory that is gone after the test. */
export async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'turnlog-test-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A copy of a journal as a crash would leave it now. */
export async function image(of: string): Promise<string> {
  const directory = join(await temporary(), 'image')
  await cp(of, directory, { recursive: true })
  return directory
}

/** Appends as a floor above would, keeping versions and notes. */
export class Feeder {
  readonly store: CommitStore<number>
  readonly #heads = new Map<string, number>()

  constructor(store: CommitStore<number>) {
    this.store = store
  }

  async append(stream: string, values: unknown[], options: { commitId?: string; durability?: Durability } = {}): Promise<Receipt> {
    const known = this.#heads.get(stream)
    const version = known ?? (await this.store.stream(stream)).version
    this.#heads.set(stream, version + values.length)
    const commit: NewCommit = {
      stream,
      version: version + 1,
      at: 1000,
      events: values.map((data) => ({ type: 't', schema: 1, data, flags: 0 })),
    }
    if (options.commitId !== undefined) commit.commitId = options.commitId
    return this.store.append(commit, version + values.length, options.durability ?? 'disk')
  }
}

/** What a store holds, event by event; gaps as their first and last position. */
export async function contents(store: CommitStore<number>): Promise<(string | { gap: [number, number | undefined] })[]> {
  const list: (string | { gap: [number, number | undefined] })[] = []
  for await (const item of store.read()) {
    if ('gap' in item) list.push({ gap: [item.gap.firstPosition, item.gap.lastPosition] })
    else
      for (const commit of item.commits)
        commit.events.forEach(({ data }, i) =>
          list.push(`${commit.position + i} ${commit.stream} ${commit.version + i} ${JSON.stringify(data)}`),
        )
  }
  return list
}
