/** Takes one thread of a session out of a journal, as lines that another program reads. */
import { session, type RecordedEvent } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { isFields } from './content.js'
import { noSession, type About, type Exported, type Exporter, type ThreadFormat, type What } from './exporter.js'
import { Losses } from './losses.js'
import { eventsOf, lineageOf } from './thread.js'

/** The exporter of a format that holds one thread. */
export function ofThread(format: ThreadFormat): Exporter {
  const { kind, says } = format
  return { kind, says, takes: 'a thread', open: (journal, what) => exported(journal, what, format) }
}

async function exported(journal: OpenedJournal, what: What, format: ThreadFormat): Promise<Exported | string> {
  const found = await openThread(journal, what)
  if (typeof found === 'string') return found
  const { about, events } = found
  const { losses } = about
  if (isFields(about.begun['extra'])) losses.add('what stands beside the session')
  const writer = format.begin(about)
  return { name: writer.name, lines: linesOf(), losses }

  async function* linesOf(): AsyncGenerator<string> {
    for await (const event of events(losses)) for (const record of writer.write(event)) yield JSON.stringify(record)
    for (const record of writer.end()) yield JSON.stringify(record)
  }
}

export interface OpenedThread {
  about: About
  /** The events that tell it, from the first on, each time it is called. */
  events: (losses: Losses) => AsyncIterable<RecordedEvent>
}

/** A thread and what is known of its session; a sentence where there is no such thing. */
export async function openThread(journal: OpenedJournal, { stream = '', thread = 'main' }: What): Promise<OpenedThread | string> {
  const { state } = await journal.view(session, stream)
  if (state === undefined) return noSession(stream)
  if (state.status === 'deleted') return `${stream} is deleted`
  const losses = new Losses()
  const lineage = await lineageOf(journal, stream, thread, losses)
  if (typeof lineage === 'string') return lineage
  const about: About = { stream, session: state, source: {}, begun: {}, createdAt: state.createdAt, losses }
  for await (const { data, at, meta } of journal.read(stream, { limit: 1 })) {
    if (isFields(data)) about.begun = data
    if (isFields(about.begun['source'])) about.source = about.begun['source']
    about.createdAt = meta?.occurredAt ?? at
  }
  return { about, events: (into) => eventsOf(journal, stream, lineage, into) }
}
