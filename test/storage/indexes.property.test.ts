/** Whatever was away, and hurt, and came back: indexes answer what indexes answer that are made afresh of what is there. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { change, DIRECTORY, namesOf } from './support/damage.js'
import { Appending, event, listed, openStore, type Store } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const STREAMS = ['a', 'b', 'c', 'd']

type Step =
  | { do: 'take away'; which: number; index: boolean }
  | { do: 'bring back'; which: number }
  | { do: 'lose indexes'; which: number[] }
  | { do: 'hurt an index'; which: number; at: number }
  | { do: 'live'; commits: Commit[]; repairs: boolean }

interface Commit {
  stream: number
  events: number
  claims: boolean
}

const which = fc.nat(20)
const commitArb = fc.record({ stream: fc.nat(STREAMS.length - 1), events: fc.integer({ min: 1, max: 3 }), claims: fc.boolean() })
const stepArb: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('take away' as const), which, index: fc.boolean() }),
  fc.record({ do: fc.constant('bring back' as const), which }),
  fc.record({ do: fc.constant('lose indexes' as const), which: fc.array(which, { maxLength: 6 }) }),
  fc.record({ do: fc.constant('hurt an index' as const), which, at: fc.nat(1 << 16) }),
  fc.record({ do: fc.constant('live' as const), commits: fc.array(commitArb, { maxLength: 25 }), repairs: fc.boolean() }),
)

class Life {
  readonly files = new MemoryFiles()
  /** What is away. */
  readonly #kept = new Map<string, Buffer>()
  commits = 0

  async live(commits: readonly Commit[], repairs = false): Promise<void> {
    const store = await openStore(DIRECTORY, { files: this.files, segmentBytes: 900 })
    const writer = new Appending(store)
    for (const { stream, events, claims } of commits) {
      const n = this.commits++
      const all = Array.from({ length: events }, () => event(n, claims ? 'claim' : 'added'))
      const appended = writer.append(STREAMS[stream]!, all, { commitId: `c${n}` })
      // Of a stream that may have lost its end nobody knows where it goes on.
      await appended.catch((error: unknown) => expect(isJournalError(error, 'JOURNAL_DAMAGED') || error).toBe(true))
    }
    if (repairs) await store.repair()
    await store.close()
  }

  async take(step: Step): Promise<void> {
    const { files } = this
    const one = (names: readonly string[], n: number): string | undefined => names[n % names.length]
    const indexes = namesOf(files, '.idx')
    if (step.do === 'live') await this.live(step.commits, step.repairs)
    else if (step.do === 'lose indexes') for (const n of step.which) files.inodes.delete(one(indexes, n) ?? '')
    else if (step.do === 'bring back') this.#bringBack([one([...this.#kept.keys()], step.which) ?? ''])
    else if (step.do === 'take away') {
      const path = one(namesOf(files, '.seg').slice(0, -1), step.which)
      for (const name of path === undefined ? [] : [path, ...(step.index ? [path.replace('.seg', '.idx')] : [])]) this.#takeAway(name)
    } else {
      const path = one(indexes, step.which)
      if (path !== undefined) change(files, path, (bytes) => void (bytes[step.at % bytes.length]! ^= 1))
    }
  }

  bringAllBack(): void {
    this.#bringBack([...this.#kept.keys()])
  }

  #takeAway(path: string): void {
    const inode = this.files.inodes.get(path)
    if (inode === undefined || this.#kept.has(path)) return
    this.#kept.set(path, inode.bytes)
    this.files.inodes.delete(path)
  }

  #bringBack(paths: readonly string[]): void {
    for (const path of paths) {
      const bytes = this.#kept.get(path)
      if (bytes !== undefined) this.files.inodes.set(path, { bytes, lock: undefined })
      this.#kept.delete(path)
    }
  }
}

/** All that indexes are asked for. */
async function answers(files: MemoryFiles, commits: number, readOnly: boolean): Promise<unknown[]> {
  const store = await openStore(DIRECTORY, { files, readOnly, segmentBytes: 1 << 20 })
  const all: unknown[] = [(await store.verify()).damage]
  for (const stream of STREAMS) all.push(await streamOf(store, stream))
  for (let n = 0; n < commits; n++) {
    all.push((await store.findCommit(`c${n}`))?.commit.position)
    for (const stream of STREAMS) all.push(await store.claimed(stream, [String(n)]))
  }
  await store.close()
  return all
}

async function streamOf(store: Store, stream: string): Promise<unknown[]> {
  const read = async (reverse: boolean): Promise<unknown[]> =>
    (await listed(store.readStream(stream, { reverse }))).map((item) => ('gap' in item ? item.gap : [item.version, item.position]))
  return [await store.stream(stream), await read(false), await read(true)]
}

test(withSeed('indexes answer what indexes answer that are made afresh'), { timeout: 120_000 }, async () => {
  const property = fc.asyncProperty(
    fc.array(commitArb, { minLength: 10, maxLength: 40 }),
    fc.array(stepArb, { minLength: 1, maxLength: 10 }),
    async (first, steps) => {
      const life = new Life()
      await life.live(first)
      for (const step of steps) await life.take(step)
      life.bringAllBack()
      const afresh = life.files.copy()
      for (const path of namesOf(afresh, '.idx')) afresh.inodes.delete(path)
      const expected = await answers(afresh, life.commits, true)
      expect(expected[0]).toEqual([])
      for (const readOnly of [true, false, true]) expect(await answers(life.files, life.commits, readOnly)).toEqual(expected)
    },
  )
  await fc.assert(property, propertyParameters(60))
})
