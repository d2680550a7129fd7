/** Appends 100 commits one after the other, then 100 times four at once; each stretch lies between two files that are not there. */
import { openSync } from 'node:fs'
import { commitOf, openStory, STREAMS } from './story.js'

const mark = (name: string): void => {
  try {
    openSync(`/turnlog-${name}`, 'r')
  } catch {
    // It is not there; strace saw that somebody asked.
  }
}

const journal = await openStory(process.argv[2] as string, { segmentBytes: 16 << 20 })
for (const stream of STREAMS) await journal.append(stream, [{ type: 'session.created', data: {} }])
mark('alone')
for (let number = 1; number <= 100; number++) await journal.append('a', commitOf('a', number))
mark('end')
mark('together')
for (let number = 1; number <= 100; number++) await Promise.all(STREAMS.map((stream) => journal.append(stream, commitOf(stream, number))))
mark('end')
await journal.close()
