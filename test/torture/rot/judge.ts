/**
 * The judge of a hurt journal: everything that is read is as it was written, everything that is not is reported, and every
 * refusal is one that a caller can tell. It says what is wrong, in words, and whether anything was noticed at all.
 */
import { isDeepStrictEqual } from 'node:util'
import { isJournalError, type Damage } from '../../../src/errors.js'
import type { CommitGroup, Gap, StoredCommit } from '../../../src/storage/commit-store.js'
import { Appending, event, list, listed, openStore, type Store } from '../../storage/support/journal.js'
import type { MemoryFiles } from '../../storage/support/memory-files.js'
import { DIRECTORY, textOf, type Golden, type Record, type Segment } from './golden.js'

export interface Verdict {
  problems: string[]
  noticed: boolean
  /** Positions at the very end that are gone and that nobody speaks of: no problem only where every witness was hurt too. */
  silentEnd: number
}

/** Time of what the judge itself appends. */
const APPENDED_AT = 1_000_000_000

const refused: Verdict = { problems: [], noticed: true, silentEnd: 0 }

/** How much of a journal to read: all of it, or a segment and its neighbours; thoroughly means by every way there is. */
export interface Extent {
  thorough: boolean
  around?: Segment | undefined
}

/** Opens for reading and reads. */
export async function judgeReading(golden: Golden, files: MemoryFiles, { thorough, around }: Extent): Promise<Verdict> {
  const others = files.opened
  const opened = await openedOr(golden, files, true)
  if (!('head' in opened)) return leaving(files, others, opened)
  const found = await closing(opened, async (verdict) => {
    if (around === undefined || thorough) await judgeAll(golden, opened, verdict)
    else await judgeAround(golden, opened, around, verdict)
    if (!thorough) return
    const commits = (await list(opened.read())).flatMap((item) => ('gap' in item ? [] : item.commits))
    await judgeBackwards(commits, opened, verdict)
    for (const stream of golden.versions.keys()) await judgeStream(golden, commits, opened, stream, verdict)
    await judgeReport(opened, verdict)
  })
  return leaving(files, others, found)
}

/** Opens for writing, reads all, appends, closes, and opens again: what was read is the same, and no promised byte changed. */
export async function judgeWriting(golden: Golden, files: MemoryFiles): Promise<Verdict> {
  const before = new Map([...files.inodes].filter(([path]) => path.endsWith('.seg')).map(([path, { bytes }]) => [path, Buffer.from(bytes)]))
  const opened = await openedOr(golden, files, false)
  if (!('head' in opened)) return leaving(files, 0, opened)
  const verdict = await closing(opened, async (found) => {
    await judgeAll(golden, opened, found)
    await judgeReport(opened, found)
    const from = opened.head.position
    const position = await appended(opened)
    if (position !== undefined && position <= from) found.problems.push(`an append got position ${position}, which was used`)
  })
  for (const [path, bytes] of before) if (!keptIn(files, path, bytes)) verdict.problems.push(`${path} was changed`)
  const again = await openedOr(golden, files, true)
  if (!('head' in again)) return { ...verdict, problems: [...verdict.problems, 'was opened once and is refused now'] }
  const second = await closing(again, async (found) => judgeAll(golden, again, found))
  verdict.problems.push(...second.problems.map((problem) => `opened again: ${problem}`))
  return leaving(files, 0, verdict)
}

/** One segment of an open journal, of which so much as the record at a place may be hurt. */
export async function judgeInside(
  golden: Golden,
  store: Store,
  segment: Segment,
  record: Record | undefined,
  whole: boolean,
): Promise<Verdict> {
  const verdict: Verdict = { problems: [], noticed: false, silentEnd: 0 }
  try {
    judgeItems(golden, await list(store.read({ after: segment.first - 1, upTo: segment.last })), segment.first, segment.last, verdict)
    if (record !== undefined) await judgeRecord(golden, store, record, verdict)
    if (whole) await judgeReport(store, verdict)
  } catch (error) {
    judgeError(error, verdict)
  }
  return verdict
}

async function openedOr(golden: Golden, files: MemoryFiles, readOnly: boolean): Promise<Store | Verdict> {
  try {
    return await openStore(DIRECTORY, { ...golden.options, files, readOnly, lockWaitMs: 0 })
  } catch (error) {
    if (!isJournalError(error)) return { ...refused, problems: [`opening threw ${String((error as Error).stack)}`] }
    return { ...refused, problems: [] }
  }
}

/** Whoever is done has closed what it opened. */
function leaving(files: MemoryFiles, others: number, verdict: Verdict): Verdict {
  if (files.opened !== others) verdict.problems.push(`${files.opened - others} files left open`)
  return verdict
}

async function closing(store: Store, look: (verdict: Verdict) => Promise<void>): Promise<Verdict> {
  const { damage, tornBytes, unproven, clean } = store.recovery
  const verdict: Verdict = { problems: [], noticed: damage.length > 0 || tornBytes > 0 || unproven > 0 || !clean, silentEnd: 0 }
  try {
    await look(verdict)
  } catch (error) {
    judgeError(error, verdict)
  } finally {
    await store.close().catch((error: unknown) => judgeError(error, verdict))
  }
  return verdict
}

function judgeError(error: unknown, verdict: Verdict): void {
  verdict.noticed = true
  if (!isJournalError(error)) verdict.problems.push(`threw ${String((error as Error).stack)}`)
}

async function judgeAll(golden: Golden, store: Store, verdict: Verdict): Promise<void> {
  const items = await list(store.read())
  judgeItems(golden, items, 1, golden.last, verdict, store.recovery.damage)
}

async function judgeAround(golden: Golden, store: Store, { first, last }: Segment, verdict: Verdict): Promise<void> {
  const from = Math.max(1, first - 20)
  const items = await list(store.read({ after: from - 1, upTo: last }))
  judgeItems(golden, items, from, Math.min(last, store.head.position), verdict, store.recovery.damage)
  if (store.head.position < golden.last && !verdict.noticed) verdict.silentEnd = golden.last - store.head.position
}

/** Commits that are not as written, commits twice, and positions that nobody speaks of. */
function judgeItems(
  golden: Golden,
  items: readonly (CommitGroup | Gap)[],
  first: number,
  last: number,
  verdict: Verdict,
  reported: readonly Damage[] = [],
): void {
  const seen = new Set<number>()
  const gaps = [...reported]
  for (const item of items) {
    if ('gap' in item) {
      gaps.push(item.gap)
      verdict.noticed = true
    } else for (const commit of item.commits) judgeCommit(golden, commit, seen, verdict)
  }
  const silent: number[] = []
  for (let position = first; position <= last; position++)
    if (!seen.has(position) && !gaps.some((gap) => gap.firstPosition <= position && position <= (gap.lastPosition ?? last)))
      silent.push(position)
  const atEnd = silent.at(-1) === golden.last && silent.length === golden.last - (silent[0] as number) + 1
  if (silent.length > 0 && atEnd) verdict.silentEnd = silent.length
  else if (silent.length > 0) verdict.problems.push(`positions ${silent.join(' ')} are lost without a word`)
}

function judgeCommit(golden: Golden, commit: StoredCommit, seen: Set<number>, verdict: Verdict): void {
  if (commit.at !== APPENDED_AT && !isSame(commit, golden.commits.get(commit.position)))
    verdict.problems.push(`${textOf(commit)} was never written`)
  for (let i = 0; i < commit.events.length; i++) {
    if (seen.has(commit.position + i)) verdict.problems.push(`position ${commit.position + i} stands twice`)
    seen.add(commit.position + i)
  }
}

function isSame(found: StoredCommit, wanted: StoredCommit | undefined): boolean {
  return (
    wanted !== undefined &&
    found.position === wanted.position &&
    found.stream === wanted.stream &&
    found.version === wanted.version &&
    found.at === wanted.at &&
    found.commitId === wanted.commitId &&
    found.events.length === wanted.events.length &&
    found.events.every(({ type, schema, flags, data, meta }, i) => {
      const other = wanted.events[i]!
      return (
        type === other.type &&
        schema === other.schema &&
        flags === other.flags &&
        isDeepStrictEqual(data, other.data) &&
        isDeepStrictEqual(meta, other.meta)
      )
    })
  )
}

async function judgeBackwards(commits: readonly StoredCommit[], store: Store, verdict: Verdict): Promise<void> {
  const backwards = (await list(store.readReverse())).flatMap((item) => ('gap' in item ? [] : item.commits.toReversed()))
  if (!isDeepStrictEqual(backwards.toReversed().map(textOf), commits.map(textOf))) verdict.problems.push('backwards reads otherwise')
}

/**
 * A stream holds what reading everything yields of it, or says that it cannot be read where the index knows it to be. It may hold more: an
 * index knows of records whose frame does not check.
 */
async function judgeStream(golden: Golden, all: readonly StoredCommit[], store: Store, stream: string, verdict: Verdict): Promise<void> {
  const items = await listed(store.readStream(stream))
  const commits = items.flatMap((item) => ('gap' in item ? [] : [item]))
  for (const commit of commits) judgeCommit(golden, commit, new Set(), verdict)
  const alone = commits.map(textOf)
  const isToldOf = (position: number): boolean => items.some((item) => 'gap' in item && includes(item.gap, position))
  for (const commit of all)
    if (commit.stream === stream && !alone.includes(textOf(commit)) && !isToldOf(commit.position))
      verdict.problems.push(`${stream} alone lacks ${textOf(commit)}`)
  const backwards = (await listed(store.readStream(stream, { reverse: true }))).flatMap((item) => ('gap' in item ? [] : [textOf(item)]))
  if (!isDeepStrictEqual(backwards.toReversed(), alone)) verdict.problems.push(`${stream} backwards is read otherwise`)
  // A gap at the end that was written down, and names no streams, stops nobody who reads one; it is told of with the stream.
  const isEndToldOf = verdict.silentEnd > 0 || (await store.gapsOf(stream)).length > 0
  const end = (golden.versions.get(stream) ?? 0) + 1
  let known = 0
  for (const item of items) {
    if (!('gap' in item) && item.version > known + 1)
      verdict.problems.push(`${stream} is short before version ${item.version} without a word`)
    known = 'gap' in item ? Number.POSITIVE_INFINITY : item.version + item.events.length - 1
  }
  if (known + 1 < end && !isEndToldOf) verdict.problems.push(`${stream} is short at its end without a word`)
}

function includes({ firstPosition, lastPosition = firstPosition }: Damage, position: number): boolean {
  return firstPosition <= position && position <= lastPosition
}

/** The commit of a record, by the index. */
async function judgeRecord(golden: Golden, store: Store, { stream, version, events }: Record, verdict: Verdict): Promise<void> {
  const items = await listed(store.readStream(stream, { after: version - 1, before: version + events }))
  if (items.length === 0) verdict.problems.push(`version ${version} of ${stream} is lost without a word`)
  for (const item of items) if (!('gap' in item)) judgeCommit(golden, item, new Set(), verdict)
}

async function judgeReport(store: Store, verdict: Verdict): Promise<void> {
  const { ok } = await store.verify()
  if (!ok) verdict.noticed = true
}

/** Appends to a stream whose end is known, and to a new one where it is proven that it is new. */
async function appended(store: Store): Promise<number | undefined> {
  try {
    return (await new Appending(store).append('s0', [event(7)], { at: APPENDED_AT })).position
  } catch (error) {
    if (isJournalError(error, 'JOURNAL_DAMAGED')) return undefined
    throw error
  }
}

function keptIn(files: MemoryFiles, path: string, bytes: Buffer): boolean {
  const content = bytes.findLastIndex((byte) => byte !== 0) + 1
  const now = files.inodes.get(path)?.bytes
  return now !== undefined && now.length >= bytes.length && now.subarray(0, content).equals(bytes.subarray(0, content))
}
