/** The oracle: what was asked for and what was promised, and whether a journal that was opened again says the same. */
import { isDeepStrictEqual } from 'node:util'
import { isJournalError } from '../../../src/errors.js'
import { unpacked, type Durability, type Head, type NewCommit, type Receipt, type StoredCommit } from '../../../src/storage/commit-store.js'

/** A commit that was handed in, and what became of it as far as its caller knows. */
export interface Told {
  commit: NewCommit
  /** `waiting`: nobody was told anything. */
  outcome: 'waiting' | Durability | 'none' | 'unknown'
}

export class Ledger {
  /** Commits that an open journal has shown; they may never go again. */
  certain: NewCommit[] = []
  /** Handed in since, in the order of the calls. */
  told: Told[] = []
  /** How far the journal said that it was durable. */
  synced: Head = { position: 0, digest: '0'.repeat(64) }
  /** The last snapshot file that the journal vouched for. */
  vouched: string | undefined
  /** Promises that were broken. */
  broken: string[] = []

  clone(): Ledger {
    const copy = new Ledger()
    copy.certain = [...this.certain]
    copy.told = this.told.map((told) => ({ ...told }))
    copy.synced = this.synced
    copy.vouched = this.vouched
    return copy
  }

  /** All on which a later judgement depends, beside the journal itself. */
  get summary(): string {
    const told = this.told.map(({ commit, outcome }) => `${sketch(commit)} ${outcome}`)
    return `${this.certain.map(sketch).join()} ${this.synced.position} ${this.synced.digest} ${this.vouched} ${told.join()}`
  }

  async submit(commit: NewCommit, append: (commit: NewCommit) => Promise<Receipt>): Promise<void> {
    const told: Told = { commit, outcome: 'waiting' }
    this.told.push(told)
    let receipt: Receipt
    try {
      receipt = await append(commit)
    } catch (error) {
      const outcome = isJournalError(error) ? (error.details as { outcome?: unknown }).outcome : undefined
      if (outcome === 'none' || outcome === 'unknown') told.outcome = outcome
      else this.broken.push(`${commit.commitId} was rejected without an outcome: ${String(error)}`)
      return
    }
    const { position, version, durability } = receipt
    told.outcome = durability
    const expected = this.#end(told)
    if (position !== expected) this.broken.push(`${commit.commitId} was told position ${position}, not ${expected}`)
    if (version !== commit.version + commit.events.length - 1) this.broken.push(`${commit.commitId} was told version ${version}`)
  }

  /**
   * Holds what a journal shows against what was promised: all of it, in order, and behind it nothing but a first part of
   * what else was handed in. `power`: the page cache was lost as well, and with it what was only in the hands of the system.
   */
  judge(found: readonly StoredCommit[], power: boolean): void {
    const possible = this.told.filter(({ outcome }) => outcome !== 'none')
    const kept = possible.findLastIndex(({ outcome }) => outcome === 'disk' || (outcome === 'os' && !power)) + 1
    const expected = [...this.certain, ...possible.map(({ commit }) => commit)]
    if (found.length < this.certain.length + kept)
      this.broken.push(`LOST: ${found.length} of ${this.certain.length + kept} promised commits are left`)
    if (found.length > expected.length) this.broken.push(`${found.length} commits where only ${expected.length} were handed in`)
    let position = 1
    for (const [i, commit] of found.entries()) {
      const wanted = expected[i]
      if (commit.position !== position) this.broken.push(`${commit.commitId} stands at ${commit.position}, not ${position}`)
      if (wanted === undefined || !same(commit, wanted)) {
        this.broken.push(`commit ${i} is ${commit.commitId}, not ${wanted?.commitId}, or has changed`)
        break
      }
      position += commit.events.length
    }
    this.certain = expected.slice(0, found.length)
    this.told = []
  }

  /** All that must be in the journal now, for a process that saw no failure. */
  get all(): NewCommit[] {
    return [...this.certain, ...this.told.filter(({ outcome }) => outcome !== 'none').map(({ commit }) => commit)]
  }

  /** Position of the last event of a commit: everything handed in before it stands before it. */
  #end(last: Told): number {
    let position = this.certain.reduce((sum, { events }) => sum + events.length, 0)
    for (const told of this.told) {
      if (told.outcome !== 'none') position += told.commit.events.length
      if (told === last) break
    }
    return position
  }
}

/** Tells commits of different stories apart. */
function sketch({ commitId, stream, version, at, events }: NewCommit): string {
  const { text = '' } = events[0]!.data as { text?: string }
  return `${commitId} ${stream} ${version} ${at} ${events.length} ${text.length}`
}

function same(found: StoredCommit, wanted: NewCommit): boolean {
  return (
    found.commitId === wanted.commitId &&
    found.stream === wanted.stream &&
    found.version === wanted.version &&
    found.at === wanted.at &&
    isDeepStrictEqual(found.events.map(unpacked), wanted.events)
  )
}
