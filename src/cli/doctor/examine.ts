/** Examines a journal: looks at all of it, from its files to what it holds, and changes nothing. Works beside a running writer. */
import { isJournalError, openJournal, planRepair, upgradeJournal, type RepairPlan, type VerifyReport } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { findSessions, itemsOfBreaks, itemsOfWork } from './contents.js'
import { itemOfRefusal, itemsBeside, itemsOfPlan, placeOf } from './files.js'
import { typed, type Item } from './item.js'

/** What hears how far it is: each part of the work has amounts of its own. */
interface Progress {
  part(says: string, unit: 'bytes' | 'events'): void
  show(done: number, total: number): void
}

/** @throws JournalError JOURNAL_NOT_FOUND where there is nothing to examine */
export async function examine(directory: string, progress: Progress): Promise<Item[]> {
  const beside = itemsBeside(directory)
  let plan: RepairPlan
  try {
    plan = await planRepair(directory, { progress: (done, total) => progress.show(done, total) })
  } catch (error) {
    if (!isJournalError(error)) throw error
    if (error.code !== 'JOURNAL_NOT_FOUND') return [...beside, itemOfRefusal(error, directory)]
    if (beside.some(({ category }) => category !== 'ok')) return beside
    throw error
  }
  // What it holds is looked at when it opens.
  if (plan.format) return [...beside, ...itemsOfPlan(plan, false)]
  try {
    await using journal = await openJournal(directory, { readOnly: true, onUnknown: 'keep' })
    progress.part('checking history', 'bytes')
    const report = await journal.verify({ laws: true, progress: (done, total) => progress.show(done, total) })
    return [...itemsOfJournal(journal, report, plan), ...beside, ...(await itemsWithin(journal, report, plan, progress))]
  } catch (error) {
    if (!isJournalError(error)) throw error
    return [...beside, ...itemsOfPlan(plan, true), itemOfRefusal(error, directory)]
  }
}

/** What the journal is, and what of it is known to be lost. */
function itemsOfJournal({ directory, recovery }: OpenedJournal, report: VerifyReport, plan: RepairPlan): Item[] {
  const { position, digest, commits, events, gaps, snapshots } = report
  const well = plan.damage.length === 0
  const what = `${events} events in ${commits} commits, up to position ${position}${well ? '; every byte checks.' : '.'}`
  const items: Item[] = [{ kind: 'journal', category: 'ok', what, known: { position, digest, commits, events, format: recovery.format } }]
  if (plan.live)
    items.push({ kind: 'writer', category: 'ok', what: 'Somebody writes to it now. Indexes and leftovers are looked at when nobody does.' })
  items.push(...itemsOfPlan(plan, recovery.kept.length > 0))
  for (const warning of recovery.warnings)
    items.push({ kind: 'place', category: 'needs-a-person', what: `${warning} Move it to a disk of this machine.` })
  for (const gap of gaps)
    items.push({ kind: 'gap', category: 'ok', what: `Lost, and written down as lost: ${placeOf({ ...gap, segment: '' })}.`, known: gap })
  const told = new Set(plan.chores.map(({ file }) => file))
  for (const one of snapshots) {
    if (one.ok || told.has(one.file)) continue
    const bad = { kind: 'snapshot', what: `${one.file} is not used: ${one.reason}.`, known: one } as const
    // Of a file that does not check nobody knows more beside a writer; one of a history that lost events since is what it should be.
    items.push(
      plan.live && /file|header/.test(one.reason ?? '')
        ? { ...bad, category: 'repairable', command: typed('repair', directory) }
        : { ...bad, category: 'ok' },
    )
  }
  return items
}

/** What the journal holds. */
async function itemsWithin(
  journal: OpenedJournal,
  { breaks = [], gaps }: VerifyReport,
  plan: RepairPlan,
  progress: Progress,
): Promise<Item[]> {
  const { directory } = journal
  progress.part('looking at sessions', 'events')
  const found = await findSessions(journal, (done, total) => progress.show(done, total))
  const rest = breaks.filter(({ stream }) => !found.unlisted.has(stream))
  const items = [...itemsOfWork(journal), ...found.items, ...itemsOfBreaks(rest, directory)]
  // An upgrade needs all of history.
  if (gaps.length + plan.damage.length > 0) return items
  progress.part('looking at schemas', 'events')
  const { needed, rewritten } = await upgradeJournal(directory, {
    dryRun: true,
    onUnknown: 'keep',
    // A dry run ends where a third of an upgrade is done.
    progress: (done, total) => progress.show(done, total / 3),
  })
  const what = `${rewritten} events are stored in older schemas, and read as today's.`
  return needed
    ? [...items, { kind: 'old-schema', category: 'ok', what, known: { rewritten }, command: typed('upgrade', directory) }]
    : items
}
