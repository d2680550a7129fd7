import type { RecordedEvent } from '../../index.js'
import { EXIT, number, withJournal, type Command, type OpenedJournal } from '../command.js'
import { meant } from '../meant.js'
import { dim, oneLine, print, printJson, screenWidth, shortened, wide } from '../terminal.js'

/** How many events are shown where nobody says. */
const LIMIT = 20

/** The newest events, and those to come. */
export const tail: Command = {
  name: 'tail',
  takes: ['<dir>'],
  says: 'Show the newest events of a journal, and with --follow each new one as it comes.\nReads beside the runtime that writes. With --json, one line for each event.',
  options: {
    session: { type: 'string', value: 'ID', says: 'only of this session or task' },
    follow: { type: 'boolean', says: 'go on until you stop it' },
    limit: { type: 'string', value: 'N', says: `begin with the last N events (${LIMIT})` },
  },
  examples: ['tail ./.turnlog --limit 5', 'tail ./.turnlog --session session-42 --follow', 'tail ./.turnlog --follow --json'],
  run(given) {
    const limit = number(given, 'limit')
    return withJournal(given, async (journal) => {
      const tell = given.json ? (event: RecordedEvent) => printJson(event) : (event: RecordedEvent) => print(line(event))
      const word = given.options['session'] as string | undefined
      const session = word === undefined ? undefined : ((await meant(journal, word)) ?? word)
      const after = await lastEvents(journal, session, limit ?? LIMIT, tell)
      if (given.options['follow'] === true)
        for await (const event of journal.follow({ after })) if (session === undefined || event.stream === session) tell(event)
      return EXIT.fine
    })
  },
}

/** Tells the last events in their order; gives the position behind them. */
async function lastEvents(
  journal: OpenedJournal,
  session: string | undefined,
  limit: number,
  tell: (event: RecordedEvent) => void,
): Promise<number> {
  const { position } = journal.head
  const newest: RecordedEvent[] = []
  const options = { reverse: true, limit, onGap: 'yield' } as const
  const events = session === undefined ? journal.readAll(options) : journal.read(session, options)
  for await (const event of events) if (event.type !== undefined) newest.push(event)
  for (const event of newest.toReversed()) tell(event)
  // What was written since counts as new.
  return session === undefined ? (newest[0]?.position ?? position) : Math.max(position, newest[0]?.position ?? 0)
}

function line({ position, at, stream, type, data }: RecordedEvent): string {
  const time = new Date(at).toISOString().slice(11, 19)
  const lead = `${dim(String(position).padStart(7))} ${dim(time)} ${cell(stream, 18)} ${cell(type, 18)} `
  return `${lead}${dim(shortened(oneLine(JSON.stringify(data)), Math.max(12, screenWidth() - wide(lead))))}`
}

/** Somebody's word in a column. */
function cell(text: string, width: number): string {
  const shown = shortened(oneLine(text), width)
  return shown + ' '.repeat(width - wide(shown))
}
