/** What goes on in a journal while it is soaked, each part in a loop of its own until it was enough. */
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { session, thread, turn, type SessionState } from '../../src/index.js'
import { seeded } from '../support/random.js'
import { Life, type Known } from './life.js'
import { rowsThatDiffer, type Soaked } from './views.js'

export interface Load {
  journal: Soaked
  seed: number
  over: () => boolean
  counts: Counts
  /** What was not as it should be. */
  wrong: string[]
  /** Whether a session is being folded again; one is, at a time. */
  refolding?: boolean
}

export interface Counts {
  sessions: number
  commits: number
  /** Views, lists and transcripts that were read. */
  reads: number
  /** Sessions whose rows were all folded again. */
  refolds: number
  snapshots: number
}

export const SESSIONS = 200
/** Between two commits of a session, on average: what people and models take, and what keeps the disk from filling up. */
const PAUSE_MS = 150
const READERS = 4
const READ_MS = 20
/** Sessions that a person would be shown first, and entries of one of them. */
const RECENT = 20
const LAST = 10
/** Of so many looks at a session at rest one reads the transcript, one folds everything again. */
const TRANSCRIPT_EVERY = 10
const REFOLD_EVERY = 50
const SNAPSHOT_MS = 5000

/** All of it. Resolves when every session is at rest. */
export async function run(load: Load): Promise<void> {
  await Promise.all([
    ...Array.from({ length: SESSIONS }, (_, place) => live(load, place)),
    ...Array.from({ length: READERS }, (_, reader) => read(load, seeded(load.seed - 1 - reader))),
    snapshots(load),
  ])
}

/** One session after another in one of the places. In the end its turn comes to its end without pauses. */
async function live(load: Load, place: number): Promise<void> {
  const { journal, over, counts } = load
  const random = seeded(load.seed + place)
  const pause = async (): Promise<void> => {
    if (!over()) await setTimeout(-Math.log(1 - random()) * PAUSE_MS)
  }
  for (let age = 0; !over(); age++) {
    const life = new Life(nameOf(place, age), random)
    counts.sessions++
    for (const step of life.steps()) {
      if (step === 'rest') {
        await check(load, life, random)
        if (over()) return
      } else {
        await journal.append(step.stream, step.events, { durability: step.durability })
        counts.commits++
      }
      await pause()
    }
  }
}

const nameOf = (place: number, age: number): string => `session-${place}-${age}`

/** Holds a session at rest to what whoever drove it knows. */
async function check(load: Load, { name, known }: Life, random: () => number): Promise<void> {
  const { journal, counts, wrong } = load
  const row = (await journal.view(session, name)).state
  const seen = row && { ...sessionOf(row), turn: known.turn && (await turnIn(journal, name, known.turn.turnId)) }
  const { shown, ...rest } = known
  counts.reads += 2
  if (!isDeepStrictEqual(seen, rest)) wrong.push(`${name} is ${JSON.stringify(seen)} and not ${JSON.stringify(rest)}`)
  if (random() < 1 / TRANSCRIPT_EVERY) {
    const { items } = await journal.transcript(name, Life.thread)
    const end = await journal.transcript(name, Life.thread, { last: LAST })
    counts.reads += 2
    if (items.length !== shown) wrong.push(`the transcript of ${name} has ${items.length} entries and not ${shown}`)
    if (!isDeepStrictEqual(end.items, items.slice(-LAST))) wrong.push(`the last entries of ${name} are not those of its transcript`)
  }
  if (random() < 1 / REFOLD_EVERY && load.refolding !== true) {
    load.refolding = true
    counts.refolds++
    for (const id of await rowsThatDiffer(journal, name)) wrong.push(`${id} is not what the events of ${name} fold to`)
    load.refolding = false
  }
}

function sessionOf({ status, turns, items, calls, tokens }: SessionState): Omit<Known, 'status' | 'shown'> & { status: string } {
  return { status, turns, items, calls, tokens: { input: tokens.input, output: tokens.output } }
}

async function turnIn(journal: Soaked, name: string, turnId: string): Promise<object | undefined> {
  const { state } = await journal.view(turn, [name, turnId])
  return state && { turnId: state.turnId, status: state.status, items: state.items, calls: state.calls }
}

/** Looks at sessions that others drive: what is shown belongs together, whatever is being written. */
async function read({ journal, over, counts, wrong }: Load, random: () => number): Promise<void> {
  while (!over()) {
    const name = nameOf(Math.floor(random() * SESSIONS), 0)
    const { state } = await journal.view(session, name)
    const { state: main } = await journal.view(thread, [name, Life.thread])
    if (state !== undefined && state.id !== name) wrong.push(`the view of ${name} is that of ${state.id}`)
    if (main !== undefined && main.session !== name) wrong.push(`the thread of ${name} is that of ${main.session}`)
    for await (const row of journal.list(turn, { by: 'submitted', prefix: [name], reverse: true, limit: 20 }))
      if (row.key[0] !== name) wrong.push(`a turn of ${row.key[0]} is listed under ${name}`)
    const recent = new Set<string>()
    for await (const { state: one } of journal.list(session, { by: 'lastActivity', reverse: true, limit: RECENT })) recent.add(one.id)
    if (state !== undefined && recent.size < Math.min(RECENT, SESSIONS))
      wrong.push(`${recent.size} sessions are listed, or one of them twice`)
    counts.reads += 4
    await setTimeout(READ_MS)
  }
}

async function snapshots({ journal, over, counts }: Load): Promise<void> {
  while (!over()) {
    await setTimeout(SNAPSHOT_MS)
    counts.snapshots += (await journal.snapshot()).length
  }
}
