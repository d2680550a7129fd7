/** Takes one thread of a session out of a journal, as lines that another program reads. */
import { session } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import { isFields } from './content.js'
import { noSession, type Exported, type Exporter, type ThreadFormat, type What } from './exporter.js'
import { Losses } from './losses.js'
import { eventsOf, lineageOf } from './thread.js'

/** The exporter of a format that holds one thread. */
export function ofThread(format: ThreadFormat): Exporter {
  const { kind, says } = format
  return { kind, says, takes: 'a thread', open: (journal, what) => exported(journal, what, format) }
}

async function exported(journal: OpenedJournal, { stream = '', thread = 'main' }: What, format: ThreadFormat): Promise<Exported | string> {
  const { state } = await journal.view(session, stream)
  if (state === undefined) return noSession(stream)
  if (state.status === 'deleted') return `${stream} is deleted`
  const losses = new Losses()
  const found = await lineageOf(journal, stream, thread, losses)
  if (typeof found === 'string') return found
  const lineage = found
  let source: object = {}
  let createdAt = state.createdAt
  for await (const { data, at, meta } of journal.read(stream, { limit: 1 })) {
    if (isFields(data) && isFields(data['source'])) source = data['source']
    createdAt = meta?.occurredAt ?? at
    if (isFields(data) && isFields(data['extra'])) losses.add('what stands beside the session')
  }
  const writer = format.begin({ stream, session: state, source, createdAt, losses })
  return { name: writer.name, lines: linesOf(), losses }

  async function* linesOf(): AsyncGenerator<string> {
    for await (const event of eventsOf(journal, stream, lineage, losses))
      for (const record of writer.write(event)) yield JSON.stringify(record)
    for (const record of writer.end()) yield JSON.stringify(record)
  }
}
