/** From a closed store to the sessions that its history makes. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { session } from '../../projections/index.js'
import { events, openJournal } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { fromChild, timed, type Bench } from '../bench.js'
import type { Run } from '../measure.js'
import { peers } from '../stores/all.js'
import type { Contender } from '../stores/store.js'
import { turnlog } from '../stores/turnlog.js'
import type { Shape } from '../workload.js'
import { agreement, fold, sessionsTold } from './fold.js'
import { throughAll } from './shapes.js'

const contenders = [turnlog, ...peers]

export const replays = throughAll('replay through the session projection', runs, { small: 2, real: 1.4 })

function runs(bench: Bench, shape: Shape): Run[] {
  const agree = agreement()
  return contenders.map((contender) => ({
    name: contender.name,
    role: contender.role,
    async take() {
      const path = await bench.history(contender, shape)
      const { seconds, told } = await fromChild<Replayed>(import.meta.url, 'replayed', [contender.name, path])
      agree(contender.name, told)
      return shape.events / seconds
    },
  }))
}

interface Replayed {
  seconds: number
  told: string
}

/** The second replay of two. */
export async function replayed(name: string, path: string): Promise<Replayed> {
  const contender = contenders.find((one) => one.name === name)!
  const replay = contender === turnlog ? booted : folded
  await replay(contender, path)
  let sessions = new Map<string, unknown>()
  const seconds = await timed(async () => (sessions = await replay(contender, path)))
  return { seconds, told: sessionsTold(sessions) }
}

/** What a boot does that finds no derived state, and all its rows read. */
async function booted(_: Contender, path: string): Promise<Map<string, unknown>> {
  const sessions = new Map<string, unknown>()
  await rm(join(path, 'derived'), { recursive: true, force: true })
  const journal = await openJournal(path, { events, upcasters, projections: [session] })
  for await (const { state } of journal.list(session)) sessions.set(state.id, state)
  await journal.close()
  return sessions
}

async function folded(contender: Contender, path: string): Promise<Map<string, unknown>> {
  const rows = new Map<string, unknown>()
  const store = await contender.open(path)
  await store.each((event) => fold(session, rows, event))
  await store.close()
  return rows
}
