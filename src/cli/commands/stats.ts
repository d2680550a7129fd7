import { EXIT, withJournal, type Command } from '../command.js'
import { Progress } from '../progress.js'
import { bytes, dim, print, printJson, table } from '../terminal.js'

/** How much there is. */
export const stats: Command = {
  name: 'stats',
  takes: ['<dir>'],
  says: 'Count what a journal holds.\nReads all of it.',
  options: {},
  examples: ['stats ./.turnlog', 'stats ./.turnlog --json'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const progress = new Progress('counting', 'bytes')
      const { events, commits } = await journal.verify({ progress: (done, total) => progress.show(done, total) })
      const streams = new Set<string>()
      const kept = new Map(journal.recovery.kept.map(({ type }) => [type, 0]))
      for await (const event of journal.readAll({ onGap: 'yield' })) {
        if (event.type === undefined) continue
        streams.add(event.stream)
        const count = kept.get(event.type)
        if (count !== undefined) kept.set(event.type, count + 1)
      }
      progress.end()
      const counted = { events, commits, streams: streams.size, bytes: journal.bytes, unknown: Object.fromEntries(kept) }
      if (given.json) printJson(counted)
      else
        print(
          table([
            ['events', 'commits', 'streams', 'size'],
            [events, commits, streams.size, bytes(journal.bytes)],
          ]),
        )
      if (!given.json) for (const [type, count] of kept) print(dim(`${count} of them are ${type}, which this program does not know`))
      return EXIT.fine
    }),
}
