/** A journal with enough derived rows for more than one file of LevelDB's: closed in order, and as the death of its process leaves it. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { defineEvents, defineProjection, openJournal, planRepair, repair, type Journal } from '../../../src/index.js'
import { countingClock } from '../rot/golden.js'

const notes = defineEvents({ 'note.added': { schema: 1, data: z.object({ n: z.number() }) } })

export const tally = defineProjection(notes, {
  name: 'tally',
  revision: 1,
  state: z.object({ sum: z.number(), text: z.string() }),
  key: (event) => event.stream,
  initial: () => ({ sum: 0, text: '' }),
  index: { sum: ({ sum }) => sum },
  on: { 'note.added': ({ sum }, { data }) => ({ sum: sum + data.n, text: 'text '.repeat(data.n % 20) }) },
})

export type NotesJournal = Journal<(typeof notes)['definitions'], never>

export const openNotes = (directory: string, clock?: ReturnType<typeof countingClock>): Promise<NotesJournal> =>
  openJournal(directory, { events: notes, projections: [tally], ...(clock && { clock }) })

/** Every row in both orders, and some of them one by one, as text. */
export async function rowsOf(journal: NotesJournal): Promise<string> {
  const rows: unknown[] = []
  for (const options of [{}, { by: 'sum', reverse: true }])
    for await (const { key, state } of journal.list(tally, options)) rows.push([key, state.sum, state.text.length])
  for (const key of ['s0', 's17', 's299', 'none']) rows.push((await journal.view(tally, key)).state ?? null)
  return JSON.stringify(rows)
}

export interface Golden {
  /** Directories to copy: as it was closed, and as a death left it. */
  images: [closed: string, died: string]
  rows: string
  /** Where the same journal lies after a repair wrote down that an event is lost which all of it was folded from, and the rows that are left. */
  lost: { directory: string; rows: string }
}

export async function golden(base: string): Promise<Golden> {
  const directory = join(base, 'golden')
  const closed = join(base, 'closed')
  const died = join(base, 'died')
  // So that the same bytes lie at the same places each time.
  const clock = countingClock()
  for (let life = 0; life < 3; life++) {
    const journal = await openNotes(directory, clock)
    for (let n = 0; n < 300; n++) void journal.append(`s${n}`, [{ type: 'note.added', data: { n: n + life } }], { durability: 'os' })
    await journal.append('s0', [{ type: 'note.added', data: { n: 1 } }])
    await rowsOf(journal)
    if (life === 1) await journal.snapshot()
    await journal.close()
  }
  copy(directory, closed)
  const open = await openNotes(directory, clock)
  const rows = await rowsOf(open)
  copy(directory, died)
  await open.close()
  return { images: [closed, died], rows, lost: await without(closed, join(base, 'lost')) }
}

/** Loses an event, writes that down, and folds what is left. */
async function without(image: string, directory: string): Promise<Golden['lost']> {
  copy(image, directory)
  const segments = join(directory, 'journal')
  const path = join(
    segments,
    readdirSync(segments).find((name) => name.endsWith('.seg'))!,
  )
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('note.added', bytes.indexOf('s200'))]! ^= 1
  writeFileSync(path, bytes)
  for (const derived of ['derived', 'snapshots']) rmSync(join(directory, derived), { recursive: true })
  const parts = { events: notes, projections: [tally] }
  await repair(directory, await planRepair(directory, parts), parts)
  const journal = await openNotes(directory)
  const rows = await rowsOf(journal)
  await journal.close()
  rmSync(join(directory, 'derived'), { recursive: true })
  return { directory, rows }
}

/** A copy in which two names of one file are still that, without locks: reading LevelDB's would give it back. */
export function copy(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  for (const lock of ['LOCK', 'derived/LOCK']) rmSync(join(to, lock), { force: true })
}
