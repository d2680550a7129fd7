/**
 * The judge of a hurt journal: everything that is read is as it was written, everything that is not is reported, and every
 * refusal is one that a caller can tell. It says what is wrong, in words, and whether anything was noticed at all.
 */
import { isJournalError, type Damage } from '../../../src/errors.js'
import type { CommitGroup, Gap } from '../../../src/storage/commit-store.js'
import { Appending, event, list, openStore, type Store } from '../../storage/support/journal.js'
import type { MemoryFiles } from '../../storage/support/memory-files.js'
import { DIRECTORY, type Golden, type Record, type Segment } from './golden.js'
import { APPENDED_AT, judgeCommit, type Verdict } from './verdict.js'
import { judgeBackwards, judgeLookups, judgeStream } from './ways.js'

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
    await judgeLookups(commits, opened, verdict)
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

/** The commit of a record, by the index. */
async function judgeRecord(golden: Golden, store: Store, { stream, version }: Record, verdict: Verdict): Promise<void> {
  for await (const items of store.readStream(stream, { after: version - 1 })) {
    for (const item of items) if (!('gap' in item)) judgeCommit(golden, item, new Set(), verdict)
    const [first] = items
    if (first === undefined || (!('gap' in first) && first.version !== version))
      verdict.problems.push(`version ${version} of ${stream} is lost without a word`)
    return
  }
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
