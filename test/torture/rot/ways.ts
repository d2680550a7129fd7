/** Whichever way a hurt journal is asked, it says the same: forwards and backwards, one stream and all, what is read and what is looked up. */
import { isDeepStrictEqual } from 'node:util'
import { isJournalError, type Damage } from '../../../src/errors.js'
import type { Gap, StoredCommit } from '../../../src/storage/commit-store.js'
import { list, listed, type Store } from '../../storage/support/journal.js'
import { textOf, type Golden } from './golden.js'
import { judgeCommit, type Verdict } from './verdict.js'

/** Backwards all is as it is forwards. */
export async function judgeBackwards(commits: readonly StoredCommit[], store: Store, verdict: Verdict): Promise<void> {
  const backwards = (await list(store.readReverse())).flatMap((item) => ('gap' in item ? [] : item.commits.toReversed()))
  if (!isDeepStrictEqual(backwards.toReversed().map(textOf), commits.map(textOf))) verdict.problems.push('backwards reads otherwise')
}

/**
 * A stream holds what reading everything yields of it, or says that it cannot be read where the index knows it to be. It may hold more: an
 * index knows of records whose frame does not check.
 */
export async function judgeStream(
  golden: Golden,
  all: readonly StoredCommit[],
  store: Store,
  stream: string,
  verdict: Verdict,
): Promise<void> {
  const items = await listed(store.readStream(stream))
  const commits = items.flatMap((item) => ('gap' in item ? [] : [item]))
  for (const commit of commits) judgeCommit(golden, commit, new Set(), verdict)
  const alone = commits.map(textOf)
  const isToldOf = (position: number): boolean => items.some((item) => 'gap' in item && includes(item.gap, position))
  for (const commit of all)
    if (commit.stream === stream && !alone.includes(textOf(commit)) && !isToldOf(commit.position))
      verdict.problems.push(`${stream} alone lacks ${textOf(commit)}`)
  const backwards = (await listed(store.readStream(stream, { reverse: true }))).toReversed()
  if (!isDeepStrictEqual(backwards.map(toldOf), items.map(toldOf))) verdict.problems.push(`${stream} backwards is read otherwise`)
  await judgeHalves(store, stream, alone, verdict)
  // A gap at the end that was written down, and names no streams, stops nobody who reads one; it is told of with the stream.
  const isEndToldOf = verdict.silentEnd > 0 || (await store.gapsOf(stream)).length > 0
  judgeVersions(items, stream, isEndToldOf ? 0 : (golden.versions.get(stream) ?? 0), verdict)
}

/** From a version on, up and down, it is the same, and nothing at that version is passed over without a word. */
async function judgeHalves(store: Store, stream: string, alone: readonly string[], verdict: Verdict): Promise<void> {
  const { version } = await known(store.stream(stream)).then((head) => (head === DAMAGED ? { version: 0 } : head))
  const middle = version >>> 1
  const up = await listed(store.readStream(stream, { after: middle }))
  const down = (await listed(store.readStream(stream, { before: middle + 1, reverse: true }))).toReversed()
  judgeVersions([...down, ...up], stream, 0, verdict)
  const halves = new Set([...down, ...up].flatMap((item) => ('gap' in item ? [] : [textOf(item)])))
  if (!isDeepStrictEqual([...halves], alone)) verdict.problems.push(`${stream} in two halves is read otherwise`)
}

/** Versions go on, or a gap lies where they do not, up to the last. */
function judgeVersions(items: readonly (StoredCommit | Gap)[], stream: string, last: number, verdict: Verdict): void {
  let told = 0
  const mustReach = (version: number): void => {
    if (version > told) verdict.problems.push(`${stream} is short before version ${version + 1} without a word`)
  }
  for (const item of items) {
    if (!('gap' in item)) mustReach(item.version - 1)
    told = 'gap' in item ? Number.POSITIVE_INFINITY : item.version + item.events.length - 1
  }
  mustReach(last)
}

/** A commit, or which positions are lost. */
function toldOf(item: StoredCommit | Gap): string {
  return 'gap' in item ? `${item.gap.firstPosition} to ${item.gap.lastPosition}` : textOf(item)
}

function includes({ firstPosition, lastPosition = firstPosition }: Damage, position: number): boolean {
  return firstPosition <= position && position <= lastPosition
}

/** Nothing that can be read is taken for never written: its id is known, and its stream goes on behind it; or whether that is so cannot be known. */
export async function judgeLookups(commits: readonly StoredCommit[], store: Store, verdict: Verdict): Promise<void> {
  for (const { commitId, position } of commits) {
    const found = commitId === undefined ? DAMAGED : await known(store.findCommit(commitId))
    if (found !== DAMAGED && found?.commit.position !== position)
      verdict.problems.push(`${commitId}, at ${position}, is found at ${found?.commit.position}`)
  }
  const ends = new Map(commits.map(({ stream, version, events }) => [stream, version + events.length - 1]))
  for (const [stream, end] of ends) {
    const head = await known(store.stream(stream))
    if (head !== DAMAGED && head.version < end) verdict.problems.push(`${stream} ends with ${head.version}, before ${end}`)
  }
}

const DAMAGED = Symbol()

/** What a lookup says; or that it cannot be known. */
async function known<T>(lookup: T | Promise<T>): Promise<T | typeof DAMAGED> {
  try {
    return await lookup
  } catch (error) {
    if (isJournalError(error, 'JOURNAL_DAMAGED')) return DAMAGED
    throw error
  }
}
