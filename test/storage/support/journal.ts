/** A journal for storage tests: small notes, small segments, and everything it holds in plain lists. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Damage } from '../../../src/errors.js'
import type { CommitGroup, CommitStore, Durability, Gap, NewCommit, Receipt, StoredCommit } from '../../../src/storage/commit-store.js'
import { openCommitStore, type OpenStore } from '../../../src/storage/open.js'
import { notes, withData, type Sum } from './notes.js'

export { event, notes, withData, type Sum } from './notes.js'

export type Store = CommitStore<Sum>
export type Options = Partial<OpenStore<Sum>>

export async function openStore(directory: string, options: Options = {}): Promise<Store> {
  const { store } = await openCommitStore<Sum>(directory, { notes, admit: () => {}, ...options })
  return store
}

/** Thousands of opens and closes: in memory, where the machine has a place for it, because syncs are not what is tried here. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A new directory that is removed when the test ends. */
export function temporary(place = PLACE): string {
  const directory = mkdtempSync(join(place, 'turnlog-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export function copyOf(directory: string): string {
  const copy = temporary()
  cpSync(directory, copy, { recursive: true })
  return copy
}

/** Appends with versions counted here, as the floor above would. */
export class Appending {
  readonly store: Store
  readonly #heads = new Map<string, { version: number; note: Sum }>()

  constructor(store: Store) {
    this.store = store
  }

  async append(
    stream: string,
    events: NewCommit['events'],
    more: { commitId?: string; at?: number; durability?: Durability } = {},
  ): Promise<Receipt> {
    if (!this.#heads.has(stream)) {
      const head = await this.store.stream(stream)
      // Another call for the stream may have come in between.
      if (!this.#heads.has(stream)) this.#heads.set(stream, head)
    }
    return this.now(stream, events, more)
  }

  /** The same for a stream that is new or was appended to before. */
  async now(
    stream: string,
    events: NewCommit['events'],
    { commitId, at = 1, durability = 'disk' }: { commitId?: string; at?: number; durability?: Durability } = {},
  ): Promise<Receipt> {
    const head = this.#heads.get(stream) ?? { version: 0, note: notes.initial() }
    const commit: NewCommit = { stream, version: head.version + 1, ...(commitId === undefined ? {} : { commitId }), at, events }
    const note = notes.fold(head.note, { ...commit, position: 0 })
    this.#heads.set(stream, { version: head.version + events.length, note })
    return this.store.append(commit, note, notes.claims(commit), durability)
  }
}

/** Everything that reading yields: commits in order, gaps where they lie. */
export async function contents(
  store: Store,
  options: { after?: number; upTo?: number } = {},
): Promise<{ commits: StoredCommit[]; gaps: Damage[] }> {
  const commits: StoredCommit[] = []
  const gaps: Damage[] = []
  for await (const item of store.read(options)) {
    if ('gap' in item) gaps.push(item.gap)
    else commits.push(...item.commits.map(withData))
  }
  return { commits, gaps }
}

export async function list<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** The same of what comes in batches. */
export async function listed<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  return (await list(batches)).flat()
}

export function isGap(item: CommitGroup | StoredCommit | Gap): item is Gap {
  return 'gap' in item
}

/** Numbers of all events, in order. */
export function numbers(commits: readonly StoredCommit[]): number[] {
  return commits.flatMap(({ events }) => events.map(({ data }) => (data as { n: number }).n))
}

export function segmentsIn(directory: string, ending = '.seg'): string[] {
  return readdirSync(join(directory, 'journal'))
    .filter((name) => name.endsWith(ending))
    .toSorted()
    .map((name) => join(directory, 'journal', name))
}

/** One hash over every name, byte and time of change below a directory. */
export function hashOf(directory: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(directory, name)
    const stat = statSync(path)
    hash.update(`${name} ${stat.size} ${stat.mtimeMs} ${stat.mode}\n`)
    if (stat.isFile()) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}
