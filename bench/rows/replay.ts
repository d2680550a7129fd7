/** From a closed store to the sessions that its history makes. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { session } from '../../projections/index.js'
import { events, openJournal } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { timed, type Bench } from '../bench.js'
import type { Run } from '../measure.js'
import { peers } from '../stores/all.js'
import { turnlog } from '../stores/turnlog.js'
import type { Shape } from '../workload.js'
import { fold, Told } from './fold.js'
import { throughAll } from './shapes.js'

const ours = turnlog.name

export const replays = throughAll('replay through the session projection', runs, { small: 2, real: 1.4 })

function runs(bench: Bench, shape: Shape): Run[] {
  const told = new Told()
  const own: Run = {
    name: ours,
    role: 'turnlog',
    async take() {
      const path = await bench.history(turnlog, shape)
      const sessions = new Map<string, unknown>()
      const seconds = await timed(() => replay(path, sessions))
      told.mustAgree(ours, sessions)
      return shape.events / seconds
    },
  }
  const theirs = peers.map((contender): Run => ({
    name: contender.name,
    role: contender.role,
    async take() {
      const path = await bench.history(contender, shape)
      const rows = new Map<string, unknown>()
      const seconds = await timed(async () => {
        const store = await contender.open(path)
        await store.each((event) => fold(session, rows, event))
        await store.close()
      })
      told.mustAgree(contender.name, rows)
      return shape.events / seconds
    },
  }))
  return [own, ...theirs]
}

/** What a boot does that finds no derived state, and all its rows read. */
async function replay(path: string, sessions: Map<string, unknown>): Promise<void> {
  await rm(join(path, 'derived'), { recursive: true, force: true })
  const journal = await openJournal(path, { events, upcasters, projections: [session] })
  for await (const { state } of journal.list(session)) sessions.set(state.id, state)
  await journal.close()
}
