import { conversation } from '../conversation.js'
import { EXIT, withJournal, type Command } from '../command.js'
import { damageTable } from '../damage-table.js'
import { meant } from '../meant.js'
import { paged } from '../pager.js'
import { bad, bold, dim, numberOf, oneLine, printJson, wrapped } from '../terminal.js'
import { threadTable, time, turnTable } from '../view-tables.js'
import { wholeSession, type WholeSession } from '../whole-session.js'

/** One session, whole. */
export const show: Command = {
  name: 'show',
  takes: ['<dir>', '<session>'],
  says:
    'Show one session: what it is, its turns, and what was said in each thread.\n' +
    'The beginning of its id is enough where no other id begins so.\n' +
    'Thoughts and tool calls are folded. On a terminal that it does not fit on it goes through $PAGER, which is less where none is named.',
  options: {
    brief: { type: 'boolean', says: 'what it is and its turns alone' },
    all: { type: 'boolean', says: 'also what a compaction summed up, or somebody went back behind' },
    full: { type: 'boolean', says: 'nothing folded: thoughts, arguments and outcomes as they are' },
    'no-pager': { type: 'boolean', says: 'straight to the terminal' },
  },
  examples: ['show ./.turnlog session-42', 'show ./.turnlog session-42 --full > 42.txt', 'show ./.turnlog session-42 --brief --json'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const [, word] = given.arguments as [string, string]
      const id = (await meant(journal, word)) ?? word
      const found = await wholeSession(journal, id, {
        brief: given.options['brief'] === true,
        uncut: given.options['all'] === true,
        onGap: 'yield',
      })
      const { gaps } = found
      if (found.session === undefined) {
        const lost = gaps.length === 0 ? '' : `; what is lost of the journal may have held it\n${damageTable('lost', gaps)}`
        process.stderr.write(`${bad('turnlog:')} there is no session ${JSON.stringify(id)}${lost}\n`)
        return EXIT.failed
      }
      const { session, threads, turns, transcripts } = found
      if (given.json) printJson({ session, threads, turns, transcripts, ...(gaps.length === 0 ? {} : { gaps }) })
      else await paged(told(found, given.options['full'] === true), given.options['no-pager'] !== true)
      return EXIT.fine
    }),
}

function told({ session, threads, turns, transcripts, gaps }: WholeSession, full: boolean): string {
  const lost = gaps.length === 0 ? [] : [damageTable('lost', gaps)]
  const threadOf = ({ threadId }: { threadId: string }) => threads.find((thread) => thread.threadId === threadId)
  const talk = transcripts.map((one) => conversation(one, threadOf(one), turns, full).join('\n'))
  const tables = transcripts.length > 0 ? [] : [threadTable(threads), turnTable(turns)]
  return [head(session), ...lost, ...tables, ...talk].join('\n\n')
}

/** What is known of the session, as far as anything is. */
function head({
  id,
  title,
  status,
  agent,
  model,
  workspace,
  createdAt,
  lastActivity,
  turns,
  calls,
  tokens,
}: WholeSession['session']): string {
  const facts = [status, agent, model, workspace].filter((fact) => fact !== undefined).map(oneLine)
  const counts = [numberOf(turns, 'turn'), numberOf(calls, 'tool call')]
  if (tokens.input + tokens.output > 0) counts.push(`${tokens.input} tokens in, ${tokens.output} out`)
  return [
    bold(oneLine(title ?? id)),
    ...wrapped([...(title === undefined ? [] : [oneLine(id)]), ...facts].join(' · '), 0),
    ...wrapped(`${time(createdAt).slice(0, 16)} to ${time(lastActivity).slice(0, 16)}; ${counts.join(', ')}`, 0).map(dim),
  ].join('\n')
}
