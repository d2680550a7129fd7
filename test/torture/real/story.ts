/**
 * What is written while a machine dies: four sessions at once, each a row of numbered commits whose contents follow from
 * the session and the number, between turns that begin and end. Whoever finds such a journal can tell what is missing,
 * doubled or changed without having seen it written.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { defineEvents, isJournalError, openJournal, type JournalOptions } from '../../../src/index.js'
import type { Random } from './random.js'

export const STREAMS = ['a', 'b', 'c', 'd']

/** How many commits there are between two turns, and between two snapshots. */
const TURN_COMMITS = 8

const notes = defineEvents({ 'note.added': { schema: 1, data: z.object({ text: z.string() }) } })

/** A name for a journal: in half of them sealed segments are packed. */
export const someName = (chance: Random): string => (chance.chance(0.5) ? 'journal' : 'journal-packed')

/** What is to have its sealed segments packed lies in a directory that says so. */
export function openStory(directory: string, options: JournalOptions = {}) {
  return openJournal(directory, { segmentBytes: 32 << 10, compress: directory.includes('packed'), ...options, extend: { events: notes } })
}

export type StoryJournal = Awaited<ReturnType<typeof openStory>>

interface Note {
  type: 'note.added'
  data: { text: string }
  meta: { commit: number }
}

/** The events of a session's commit with this number. */
export function commitOf(stream: string, number: number): Note[] {
  const hash = createHash('sha256').update(`${stream} ${number}`).digest()
  const events = 1 + ((hash[0] as number) % 3)
  const length = hash.readUInt16LE(1) % 900
  return Array.from({ length: events }, (_, i) => ({
    type: 'note.added',
    data: { text: `${stream}${number}.${i} `.repeat(Math.ceil(length / 8)).slice(0, length) },
    meta: { commit: number },
  }))
}

/** An acknowledged commit: everything up to its position is promised. */
export interface Ack {
  stream: string
  number: number
  position: number
}

export interface Telling {
  said?: (ack: Ack) => void
  /** Asked before each commit. */
  stops?: () => boolean
  /** Commits of the whole journal between two snapshots; none where left out. */
  snapshotEvery?: number
}

/**
 * Takes the story up where it ended: ends the turns that were interrupted, appends the last commit of each session again
 * under its id, which must add nothing, and goes on until told to stop or something fails. Resolves with what failed.
 */
export async function tell(journal: StoryJournal, telling: Telling): Promise<unknown[]> {
  let over = false
  const stops = (): boolean => over || telling.stops?.() === true
  const one = async (work: Promise<void>): Promise<unknown[]> => {
    try {
      await work
      return []
    } catch (error) {
      over = true
      return [error]
    }
  }
  const failed = await one(endInterrupted(journal))
  if (failed.length > 0) return failed
  return (await Promise.all(STREAMS.map((stream) => one(tellOne(journal, stream, { ...telling, stops }))))).flat()
}

/** What went wrong, as `<code> <outcome>`; an error that is not the journal's own stays what it is. */
export function refusal(error: unknown): string {
  return isJournalError(error) ? `${error.code} ${error.details.outcome ?? 'none'}` : String(error)
}

/** Journals whose interrupted turns were ended: once for each time that they are opened. */
const takenUp = new WeakSet<StoryJournal>()

async function endInterrupted(journal: StoryJournal): Promise<void> {
  if (takenUp.has(journal)) return
  takenUp.add(journal)
  for (const { stream, turnId, attempt } of journal.recovery.interrupted)
    await journal.append(stream, [{ type: 'turn.failed', data: { turnId, attempt, error: { message: 'cut off' } } }])
}

async function tellOne(journal: StoryJournal, stream: string, { said, stops, snapshotEvery }: Telling): Promise<void> {
  const begun = await lastNumber(journal, stream)
  let running: string | undefined
  for (let number = Math.max(1, begun); stops?.() !== true; number++) {
    if (number === 1) await begin(journal, stream)
    const { position } = await journal.append(stream, commitOf(stream, number), { commitId: `${stream}:${number}` })
    said?.({ stream, number, position })
    if (snapshotEvery !== undefined && number % snapshotEvery === 0 && stream === STREAMS[0]) await journal.snapshot()
    if (number % TURN_COMMITS !== 0) continue
    if (running !== undefined) await endTurn(journal, stream, running)
    running = `${journal.recovery.epoch}.${number}.${begun}`
    await journal.append(stream, [
      { type: 'turn.submitted', data: { threadId: 'main', turnId: running, input: [] } },
      { type: 'turn.started', data: { turnId: running } },
    ])
  }
  if (running !== undefined) await endTurn(journal, stream, running)
}

async function endTurn(journal: StoryJournal, stream: string, turnId: string): Promise<void> {
  await journal.append(stream, [{ type: 'turn.completed', data: { turnId } }])
}

/** A session is there or it is not; who died between the two does not know. */
async function begin(journal: StoryJournal, stream: string): Promise<void> {
  await journal.append(
    stream,
    [
      { type: 'session.created', data: {} },
      { type: 'thread.started', data: { threadId: 'main' } },
    ],
    { commitId: `${stream}:begin` },
  )
}

async function lastNumber(journal: StoryJournal, stream: string): Promise<number> {
  for await (const { meta } of journal.read(stream, { reverse: true })) {
    const commit = meta?.['commit']
    if (commit !== undefined) return Number(commit)
  }
  return 0
}
