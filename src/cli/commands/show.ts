import { session, thread, turn, type Key, type Transcript } from '../../index.js'
import { conversation } from '../conversation.js'
import { EXIT, withJournal, type Command, type OpenedJournal } from '../command.js'
import { damageTable } from '../damage-table.js'
import { bad, bold, print, printJson } from '../terminal.js'
import { sessionTable, threadTable, turnTable } from '../view-tables.js'

/** One session, whole. */
export const show: Command = {
  name: 'show',
  takes: ['<dir>', '<session>'],
  says: 'Show one session: its views, and what was said in each thread.',
  options: { brief: { type: 'boolean', says: 'the views alone' } },
  examples: ['show ./.turnlog session-42', 'show ./.turnlog session-42 --brief --json'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const [, id] = given.arguments as [string, string]
      const { state, gaps = [] } = await journal.view(session, id)
      if (state === undefined) {
        const lost = gaps.length === 0 ? '' : `; what is lost of the journal may have held it\n${damageTable('lost', gaps)}`
        process.stderr.write(`${bad('turnlog:')} there is no session ${JSON.stringify(id)}${lost}\n`)
        return EXIT.failed
      }
      const threads = await rows(journal.list(thread, { by: 'started', prefix: [id] }))
      const turns = await rows(journal.list(turn, { by: 'submitted', prefix: [id] }))
      const transcripts = given.options['brief'] === true ? [] : await transcriptsOf(journal, id, threads)
      const lost = gaps.length === 0 ? [] : [damageTable('lost', gaps)]
      if (given.json) printJson({ session: state, threads, turns, transcripts, ...(gaps.length === 0 ? {} : { gaps }) })
      else print([sessionTable([state]), ...lost, threadTable(threads), turnTable(turns), ...transcripts.map(told)].join('\n\n'))
      return EXIT.fine
    }),
}

async function transcriptsOf(journal: OpenedJournal, id: string, threads: readonly { threadId: string }[]): Promise<Transcript[]> {
  const transcripts: Transcript[] = []
  for (const { threadId } of threads) transcripts.push(await journal.transcript(id, threadId))
  return transcripts
}

function told(transcript: Transcript): string {
  return `${bold(`thread ${transcript.threadId}`)}\n${conversation(transcript)}`
}

async function rows<S>(list: AsyncIterable<{ key: Key; state: S }>): Promise<S[]> {
  const all: S[] = []
  for await (const { state } of list) all.push(state)
  return all
}
