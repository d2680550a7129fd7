/** Copying a journal commit by commit: what is read of the old one, and appended to the new one. */
import { JournalError, type Damage } from '../errors.js'
import type { CommitStore, StoredCommit } from '../storage/commit-store.js'
import type { Laws, LawStates } from './laws.js'

type Store = CommitStore<LawStates>

const COMMITS_ON_THE_WAY = 1000

/** Appends commit after commit; never more of them on the way than the store's queue holds. */
export class Copy {
  readonly #store: Store
  readonly #laws: Laws
  /** States of the streams that have commits on the way. */
  readonly #states = new Map<string, LawStates>()
  #onTheWay: Promise<unknown>[] = []

  constructor(store: Store, laws: Laws) {
    this.#store = store
    this.#laws = laws
  }

  async add(commit: StoredCommit): Promise<void> {
    const { stream } = commit
    const states = this.#laws.fold(this.#states.get(stream) ?? (await this.#store.stream(stream)).note, commit)
    this.#states.set(stream, states)
    await this.#store.room()
    const receipt = this.#store.append(commit, states, this.#laws.claims(commit), 'disk')
    // What is rejected meanwhile is told when all are awaited.
    receipt.catch(() => undefined)
    if (this.#onTheWay.push(receipt) >= COMMITS_ON_THE_WAY) await this.written()
  }

  /** Resolves once all that was added is on the disk. */
  async written(): Promise<void> {
    await Promise.all(this.#onTheWay)
    this.#onTheWay = []
    this.#states.clear()
  }
}

/** All commits in order. @throws JournalError JOURNAL_DAMAGED at a gap: what is missing cannot be carried over. */
export async function* commits(store: Store): AsyncGenerator<StoredCommit, undefined, undefined> {
  for await (const item of store.read()) {
    if ('gap' in item) throw notCarried(item.gap)
    yield* item.commits
  }
}

export async function lastCommit(store: Store): Promise<StoredCommit | undefined> {
  for await (const item of store.readReverse()) return 'gap' in item ? undefined : item.commits.at(-1)
  return undefined
}

function notCarried(gap: Damage): JournalError {
  const { firstPosition, lastPosition = firstPosition, reason } = gap
  return new JournalError(
    'JOURNAL_DAMAGED',
    `Positions ${firstPosition} to ${lastPosition} cannot be read (${reason}), and a new journal has no place for what is lost. The journal is in use as before: what is intact in it is read in today's shapes.`,
    { damage: [gap] },
  )
}
