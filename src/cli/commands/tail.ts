import type { RecordedEvent } from '../../index.js'
import { EXIT, number, withJournal, type Command, type OpenedJournal } from '../command.js'
import { dim, oneLine, print, printJson } from '../terminal.js'

/** How many events are shown where nobody says. */
const LIMIT = 20

/** The newest events, and those to come. */
export const tail: Command = {
  name: 'tail',
  takes: ['<dir>'],
  says: 'Show the newest events of a journal, and with --follow each new one as it comes.\nReads beside the runtime that writes. With --json, one line for each event.',
  options: {
    follow: { type: 'boolean', says: 'go on until you stop it' },
    limit: { type: 'string', value: 'N', says: `begin with the last N events (${LIMIT})` },
  },
  examples: ['tail ./.turnlog --limit 5', 'tail ./.turnlog --follow --json'],
  run(given) {
    const limit = number(given, 'limit')
    return withJournal(given, async (journal) => {
      const tell = given.json ? (event: RecordedEvent) => printJson(event) : (event: RecordedEvent) => print(line(event))
      const after = await lastEvents(journal, limit ?? LIMIT, tell)
      if (given.options['follow'] === true) for await (const event of journal.follow({ after })) tell(event)
      return EXIT.fine
    })
  },
}

/** Tells the last events in their order; gives the position behind them. */
async function lastEvents(journal: OpenedJournal, limit: number, tell: (event: RecordedEvent) => void): Promise<number> {
  const { position } = journal.head
  const newest: RecordedEvent[] = []
  for await (const event of journal.readAll({ reverse: true, limit, onGap: 'yield' })) if (event.type !== undefined) newest.push(event)
  for (const event of newest.toReversed()) tell(event)
  return newest[0]?.position ?? position
}

function line({ position, at, stream, type, data }: RecordedEvent): string {
  const time = new Date(at).toISOString().slice(11, 23)
  const shown = oneLine(JSON.stringify(data))
  const room = Math.max(20, (process.stdout.columns ?? 160) - 62)
  return `${dim(String(position).padStart(7))} ${dim(time)} ${stream.slice(0, 20).padEnd(20)} ${type.padEnd(18)} ${dim(shown.length > room ? `${shown.slice(0, room - 1)}…` : shown)}`
}
