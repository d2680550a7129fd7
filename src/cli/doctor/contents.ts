/** What is to be said of what a journal holds: what is open in it, what does not follow, and what cannot be found. */
import type { LawBreak } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { numberOf } from '../terminal.js'
import { typed, type Item } from './item.js'

export function itemsOfWork({ directory, recovery: { pending, interrupted, tasks, unknown, kept } }: OpenedJournal): Item[] {
  const items: Item[] = []
  if (pending.length > 0) {
    const what = `${counted(pending, 'turn')} submitted and not started: the runtime starts what waits.`
    items.push({ kind: 'pending', category: 'ok', what, known: pending })
  }
  if (interrupted.length + tasks.length > 0) {
    const what = `${[counted(interrupted, 'turn'), counted(tasks, 'task')].filter((one) => one !== '').join(' and ')} interrupted and not taken up again: the runtime goes on with them, or ends them.`
    items.push({ kind: 'interrupted', category: 'ok', what, known: { turns: interrupted, tasks } })
  }
  if (kept.length > 0) {
    const types = kept.map(({ type, schema }) => `${type}@${schema}`).join(', ')
    items.push({
      kind: 'unknown-events',
      category: 'ok',
      what: `Events of types that the command line does not know: ${types}.`,
      known: kept,
    })
  }
  for (const { stream, error } of unknown) {
    // What is damaged has its own item.
    if (error.code === 'JOURNAL_DAMAGED') continue
    items.push({
      kind: 'stream',
      category: 'needs-a-person',
      what: `${stream}: ${error.message}`,
      known: error.details,
      command: typed('show', directory, stream),
    })
  }
  return items
}

/** How many there are, in words; nothing for none. */
function counted(list: readonly unknown[], what: string): string {
  return list.length === 0 ? '' : numberOf(list.length, what)
}

const ENDS = /^(turn|task)\.(completed|failed|cancelled|interrupted)$/

/** Ends and outcomes each have their item; what else does not follow in a stream comes of the first. */
export function itemsOfBreaks(breaks: readonly LawBreak[], directory: string): Item[] {
  const items: Item[] = []
  const first = new Map<string, LawBreak[]>()
  for (const one of breaks) {
    const { stream, position, type, reason } = one
    const item = { category: 'needs-a-person', known: one, command: typed('show', directory, stream) } as const
    if (ENDS.test(type))
      items.push({ kind: 'collision', ...item, what: `${stream}: a second end, ${type} at position ${position}: ${reason}.` })
    else if (type.startsWith('tool.') && reason.includes('is missing'))
      items.push({ kind: 'orphan-call', ...item, what: `${stream}: a call without an outcome, up to position ${position}: ${reason}.` })
    else first.set(stream, [...(first.get(stream) ?? []), one])
  }
  for (const [stream, all] of first) {
    const { type, position, reason } = all[0] as LawBreak
    const more = all.length > 1 ? ` ${all.length - 1} more follow from it.` : ''
    const what = `${stream}: ${type} at position ${position} does not follow: ${reason}.${more}`
    items.push({ kind: 'law', category: 'needs-a-person', what, known: all, command: typed('show', directory, stream) })
  }
  return items
}

export interface Found {
  /** Streams that hold turns and were never created as sessions: no list of sessions shows them. */
  unlisted: Set<string>
  items: Item[]
}

/** What is there and is not found: turns outside of any session, and sessions whose parent is not in the journal. */
export async function findSessions(journal: OpenedJournal, progress: (done: number, total: number) => void): Promise<Found> {
  const created = new Set<string>()
  const talk = new Map<string, number>()
  const children = new Map<string, string[]>()
  for await (const event of journal.readAll({ types: ['session.created', 'turn.submitted', 'turn.started'], onGap: 'yield' })) {
    if (event.type === undefined) continue
    progress(event.position, journal.head.position)
    if (event.type !== 'session.created') talk.set(event.stream, talk.get(event.stream) ?? event.position)
    else {
      created.add(event.stream)
      const parent = (event.data as { parent?: { stream?: string } }).parent?.stream
      if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), event.stream])
    }
  }
  // Where something is lost, it may be the very event that made the session.
  const lossy = journal.gaps.length + journal.recovery.damage.length > 0
  const unlisted = new Set(lossy ? [] : [...talk.keys()].filter((stream) => !created.has(stream)))
  const items = [...unlisted].map((stream): Item => {
    const what = `${stream} holds turns, from position ${talk.get(stream)} on, and was never created as a session: no list shows it.`
    return { kind: 'unlisted', category: 'needs-a-person', what, known: { stream }, command: typed('show', journal.directory, stream) }
  })
  for (const [parent, list] of children) {
    if (lossy || created.has(parent)) continue
    const what = `${parent} is named as the parent of ${list.length > 3 ? `${list.length} sessions` : list.join(', ')}, and is not in the journal.`
    items.push({ kind: 'parent', category: 'needs-a-person', what, known: { parent, children: list } })
  }
  return { unlisted, items }
}
