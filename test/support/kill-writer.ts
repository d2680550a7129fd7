/**
 * A runtime to be killed: `kill-writer.ts <directory> [compress]`. Four sessions at once, each with a running turn and one item after another; says
 * each acknowledged append as `<stream> <version>` the moment it is acknowledged.
 */
import { writeSync } from 'node:fs'
import { openJournal } from '../../src/index.js'

const journal = await openJournal(process.argv[2] as string, { segmentBytes: 64 << 10, compress: process.argv[3] === 'compress' })
const say = (stream: string, version: number): void => void writeSync(1, `${stream} ${version}\n`)

async function run(stream: string): Promise<void> {
  const begun = (
    await journal.append(stream, [{ type: 'session.updated', data: {} }]).catch(() =>
      journal.append(stream, [
        { type: 'session.created', data: {} },
        { type: 'thread.started', data: { threadId: 'main' } },
      ]),
    )
  ).version
  say(stream, begun)
  for (let turn = begun; ; turn++) {
    const turnId = `t${turn}-${Date.now()}`
    say(
      stream,
      (
        await journal.append(stream, [
          { type: 'turn.submitted', data: { threadId: 'main', turnId, input: [] } },
          { type: 'turn.started', data: { turnId } },
        ])
      ).version,
    )
    for (let item = 0; item < 20; item++) {
      const durability = item % 5 === 4 ? 'os' : 'disk'
      const { version } = await journal.append(
        stream,
        [{ type: 'item.completed', data: { turnId, itemId: `i${item}`, content: [{ type: 'text', text: 'x'.repeat(item * 37) }] } }],
        { durability },
      )
      say(stream, version)
    }
    say(stream, (await journal.append(stream, [{ type: 'turn.completed', data: { turnId } }])).version)
  }
}

writeSync(1, 'ready\n')
await Promise.all(['a', 'b', 'c', 'd'].map(run))
