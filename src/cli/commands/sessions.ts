import { session, type SessionState } from '../../index.js'
import { EXIT, number, withJournal, type Command } from '../command.js'
import { oneLine, print } from '../terminal.js'
import { sessionTable } from '../view-tables.js'

/** How many are shown to a person who does not say. */
const LIMIT = 50

/** The list of sessions. */
export const sessions: Command = {
  name: 'sessions',
  takes: ['<dir>'],
  says: 'List the sessions of a journal, the last active first.\nA person sees 50 unless --limit says otherwise; with --json all of them come.',
  options: { limit: { type: 'string', value: 'N', says: 'no more than N' } },
  examples: ['sessions ./.turnlog', 'sessions ./.turnlog --limit 5 --json'],
  run(given) {
    const limit = number(given, 'limit')
    return withJournal(given, async (journal) => {
      const most = limit ?? (given.json ? Number.POSITIVE_INFINITY : LIMIT)
      const found: SessionState[] = []
      const lossy = new Set<string>()
      for await (const { state, gaps } of journal.list(session, { by: 'lastActivity', reverse: true, limit: most })) {
        found.push(state)
        if (gaps !== undefined) lossy.add(state.id)
      }
      if (given.json)
        print(
          JSON.stringify({
            sessions: found.map(({ id, title = null, status, lastActivity, turns }) => {
              const shown = { id, title, status, lastActivity, turns }
              return lossy.has(id) ? { ...shown, lossy: true } : shown
            }),
          }),
        )
      else print(found.length === 0 ? 'No sessions.' : sessionTable(found))
      if (!given.json && lossy.size > 0) print(`Of these, ${lossy.size} lost events, or may have: ${[...lossy].map(oneLine).join(', ')}`)
      return EXIT.fine
    })
  },
}
