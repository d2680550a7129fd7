/**
 * A runtime that is to die: `writer.js [<control>]`, where the control file is that of a disk that counts what was said. Each line `<directory>` that it hears opens the journal there and tells the story until it
 * fails; it says `open <recovery>`, `ack <stream> <number> <position>` the moment an append is acknowledged, and
 * `over <code> <outcome>, …` with what failed, once everything is closed.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Mark } from './log-disk.js'
import { openStory, refusal, tell } from './story.js'

const control = process.argv[2]
const mark = control === undefined ? undefined : new Mark(control)
const say = (line: string): void => void writeSync(1, `${line}\n`)

async function live(directory: string): Promise<unknown[]> {
  const journal = await openStory(directory)
  try {
    const { damage, tornBytes, position, interrupted } = journal.recovery
    say(`open ${JSON.stringify({ damage, tornBytes, position, interrupted })}`)
    return await tell(journal, {
      snapshotEvery: 40,
      said: ({ stream, number, position: at }) => {
        say(`ack ${stream} ${number} ${at}`)
        mark?.add()
      },
    })
  } finally {
    await journal.close()
  }
}

say('ready')
for await (const directory of createInterface({ input: process.stdin })) {
  const failed = await live(directory).catch((error: unknown) => [error])
  say(`over ${failed.map(refusal).join(', ')}`)
}
