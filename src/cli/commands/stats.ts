import { EXIT, withJournal, type Command } from '../command.js'
import { bytes, print, printJson, Progress, table } from '../terminal.js'

/** How much there is. */
export const stats: Command = {
  name: 'stats',
  takes: ['<dir>'],
  says: 'Count what a journal holds.\nReads all of it.',
  options: {},
  examples: ['stats ./.turnlog', 'stats ./.turnlog --json'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const progress = new Progress('counting')
      const { events, commits } = await journal.verify({ progress: (done, total) => progress.show(done, total) })
      const streams = new Set<string>()
      for await (const event of journal.readAll({ onGap: 'yield' })) {
        if (event.type !== undefined) streams.add(event.stream)
      }
      progress.end()
      const counted = { events, commits, streams: streams.size, bytes: journal.bytes }
      if (given.json) printJson(counted)
      else
        print(
          table([
            ['events', 'commits', 'streams', 'size'],
            [events, commits, streams.size, bytes(journal.bytes)],
          ]),
        )
      return EXIT.fine
    }),
}
