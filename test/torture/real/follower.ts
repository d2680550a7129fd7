/**
 * Follows a journal from its beginning while its writer dies again and again: `follower.js <directory>`. Says
 * `<position> <digest>` for what it saw, and stops with an error at a gap or a repeat.
 */
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { digestOf } from './audit.js'
import { openStory } from './story.js'

await using journal = await openStory(process.argv[2] as string, { readOnly: true })
const hash = createHash('sha256')
let last = 0
let told = 0
setInterval(() => {
  if (told === last) return
  told = last
  writeSync(1, `${last} ${hash.copy().digest('hex')}\n`)
}, 5)
for await (const event of journal.follow()) {
  if (event.position !== last + 1) throw new Error(`${event.position} follows ${last}`)
  last = event.position
  digestOf(hash, event)
}
