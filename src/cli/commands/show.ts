import type { Transcript } from '../../index.js'
import { conversation } from '../conversation.js'
import { EXIT, withJournal, type Command } from '../command.js'
import { damageTable } from '../damage-table.js'
import { bad, bold, print, printJson } from '../terminal.js'
import { sessionTable, threadTable, turnTable } from '../view-tables.js'
import { wholeSession } from '../whole-session.js'

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
      const found = await wholeSession(journal, id, given.options['brief'] === true)
      const { gaps } = found
      if (found.session === undefined) {
        const lost = gaps.length === 0 ? '' : `; what is lost of the journal may have held it\n${damageTable('lost', gaps)}`
        process.stderr.write(`${bad('turnlog:')} there is no session ${JSON.stringify(id)}${lost}\n`)
        return EXIT.failed
      }
      const { session, threads, turns, transcripts } = found
      const lost = gaps.length === 0 ? [] : [damageTable('lost', gaps)]
      if (given.json) printJson({ session, threads, turns, transcripts, ...(gaps.length === 0 ? {} : { gaps }) })
      else print([sessionTable([session]), ...lost, threadTable(threads), turnTable(turns), ...transcripts.map(told)].join('\n\n'))
      return EXIT.fine
    }),
}

function told(transcript: Transcript): string {
  return `${bold(`thread ${transcript.threadId}`)}\n${conversation(transcript)}`
}
