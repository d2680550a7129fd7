/** Copying a journal commit by commit, with a gap where it has one: what is read of the old one, and written to the new one. */
import { JournalError, type Damage } from '../errors.js'
import type { CommitStore, Gap, Loss, StoredCommit } from '../storage/commit-store.js'
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

  /** Writes down that the next positions are lost, as they are in the old journal. */
  async lose(loss: Loss): Promise<void> {
    await this.written()
    await this.#store.carryLoss(loss)
  }

  /** Resolves once all that was added is on the disk. */
  async written(): Promise<void> {
    await Promise.all(this.#onTheWay)
    this.#onTheWay = []
    this.#states.clear()
  }
}

/**
 * All commits in order, and what was written down as lost where it lies.
 * @throws JournalError JOURNAL_DAMAGED at damage that nobody has written down: it may be mended yet.
 */
export async function* history(store: Store): AsyncGenerator<StoredCommit | Gap, undefined, undefined> {
  for await (const item of store.read()) {
    if (!('gap' in item)) yield* item.commits
    else if (item.gap.recordedAt === undefined) throw notCarried(item.gap)
    else yield item
  }
}

/** What is known of a gap that the history yields, to be written down in another journal. */
export function lossAt(store: Store, { gap: { firstPosition: first, lastPosition = first } }: Gap): Loss {
  const known = store.losses().findLast((loss) => loss.first <= first && lastPosition <= loss.last) as Loss
  return { ...known, first, last: lastPosition }
}

export async function lastCommit(store: Store): Promise<StoredCommit | undefined> {
  for await (const item of store.readReverse()) return 'gap' in item ? undefined : item.commits.at(-1)
  return undefined
}

function notCarried(gap: Damage): JournalError {
  const { firstPosition, lastPosition = firstPosition, reason } = gap
  return new JournalError(
    'JOURNAL_DAMAGED',
    `Positions ${firstPosition} to ${lastPosition} cannot be read (${reason}). Restore a backup, or let \`turnlog repair\` write down that they are lost; then upgrade again. The journal is in use as before.`,
    { damage: [gap] },
  )
}
