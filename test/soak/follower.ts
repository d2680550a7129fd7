/**
 * A process that follows a journal beside its writer and looks at its views: `follower.ts <directory> <milliseconds between samples>`.
 * Told a position, it says what it has seen up to it.
 */
import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { openJournal, session } from '../../src/index.js'
import type { Followed } from './follower-process.js'
import { sample, type Sample } from './memory.js'
import { lineOf, printsOf, type Soaked } from './views.js'

const LOOK_MS = 200
const [, , directory = '', sampleMs = ''] = process.argv

await follow()

async function follow(): Promise<void> {
  const journal = await openJournal(directory, { readOnly: true, cacheRows: 500 })
  const enough = new AbortController()
  const seen = { position: 0, misplaced: 0 }
  let goal = Number.POSITIVE_INFINITY
  const reach = (): void => void (seen.position >= goal && enough.abort())
  process.once('message', (position: number) => {
    goal = position
    reach()
  })
  process.once('disconnect', () => enough.abort())
  // An interrupt reaches it too, and it is the writer who says when it ends.
  process.on('SIGINT', () => undefined)
  const samples: Sample[] = []
  const timer = setInterval(() => samples.push(sample()), Number(sampleMs))
  const looking = look(journal, enough.signal)
  process.send!('ready')
  const hash = createHash('sha256')
  for await (const event of journal.follow({ signal: enough.signal })) {
    if (event.position !== seen.position + 1) seen.misplaced++
    seen.position = event.position
    hash.update(lineOf(event))
    reach()
  }
  clearInterval(timer)
  await looking
  const prints = await printsOf(journal)
  await journal.close()
  const followed: Followed = { ...seen, digest: hash.digest('hex'), prints, samples }
  process.send!(followed, () => process.disconnect())
}

/** Views in another process than the writer's are folded there. */
async function look(journal: Soaked, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for await (const { state } of journal.list(session, { by: 'lastActivity', reverse: true, limit: 20 }))
      if (state.turns < 0) throw new Error(`${state.id} has ${state.turns} turns`)
    await setTimeout(LOOK_MS)
  }
}
