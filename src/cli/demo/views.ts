/** Every view of a journal, whole, to print and to compare. */
import { call, item, session, task, thread, timeline, turn } from '../../index.js'
import type { OpenedJournal } from '../command.js'

export async function allViews(journal: OpenedJournal) {
  const threads = await rows(journal.list(thread))
  const transcripts = []
  for (const { session: stream, threadId } of threads) transcripts.push(await journal.transcript(stream, threadId))
  return {
    sessions: await rows(journal.list(session)),
    threads,
    turns: await rows(journal.list(turn, { by: 'submitted' })),
    items: await rows(journal.list(item)),
    calls: await rows(journal.list(call)),
    tasks: await rows(journal.list(task)),
    timeline: await rows(journal.list(timeline)),
    transcripts,
  }
}

export type Views = Awaited<ReturnType<typeof allViews>>

async function rows<S>(list: AsyncIterable<{ state: S }>): Promise<S[]> {
  const all: S[] = []
  for await (const { state } of list) all.push(state)
  return all
}
