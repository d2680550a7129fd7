import { task, type TaskRow } from '../../index.js'
import { EXIT, number, withJournal, type Command } from '../command.js'
import { print, printJson } from '../terminal.js'
import { taskTable } from '../view-tables.js'

/** The task queue. */
export const tasks: Command = {
  name: 'tasks',
  takes: ['<dir>'],
  says: 'List the tasks of a journal in the order in which they were enqueued.',
  options: { limit: { type: 'string', value: 'N', says: 'no more than N' } },
  examples: ['tasks ./.turnlog', 'tasks ./.turnlog --json'],
  run(given) {
    const limit = number(given, 'limit')
    return withJournal(given, async (journal) => {
      const found: TaskRow[] = []
      for await (const { state } of journal.list(task, { by: 'enqueued', limit: limit ?? Number.POSITIVE_INFINITY })) found.push(state)
      if (given.json) printJson({ tasks: found })
      else print(found.length === 0 ? 'No tasks.' : taskTable(found))
      return EXIT.fine
    })
  },
}
