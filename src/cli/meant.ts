/** Sessions and tasks by as much of their ids as nobody else has: what a table had room for, or what one likes to type. */
import { session, task } from '../index.js'
import { UsageError, type OpenedJournal } from './command.js'
import { oneLine } from './terminal.js'

/** How many are named where several are meant. */
const SHOWN = 5

/**
 * The id that a word means: itself where there is such a stream, else the one that begins with it. Undefined where there is none.
 * @throws UsageError where several begin with it.
 */
export async function meant(journal: OpenedJournal, word: string): Promise<string | undefined> {
  if (await isThere(journal, word)) return word
  const found = new Set<string>()
  for await (const id of streams(journal)) {
    if (id.startsWith(word)) found.add(id)
    if (found.size > SHOWN) break
  }
  if (found.size < 2) return [...found][0]
  const list = [...[...found].slice(0, SHOWN), ...(found.size > SHOWN ? ['…'] : [])].map(oneLine).join(', ')
  throw new UsageError(`${JSON.stringify(word)} is the beginning of several ids: ${list}`)
}

async function isThere(journal: OpenedJournal, stream: string): Promise<boolean> {
  for await (const _ of journal.read(stream, { limit: 1, onGap: 'yield' })) return true
  return false
}

async function* streams(journal: OpenedJournal): AsyncIterable<string> {
  for await (const { state } of journal.list(session)) yield state.id
  for await (const { state } of journal.list(task)) yield state.stream
}
