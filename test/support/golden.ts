/**
 * Golden journals: small real directories as one version of the program wrote them, and beside each what every later version must see in it.
 * `test/fixtures/journals/format-<N>/<name>/` is the journal, `<name>.json` what is seen.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { allViews } from '../../src/cli/demo/views.js'
import { defineEvents, events, openJournal, planRepair, repair, salvage, upgradeJournal, type JournalOptions } from '../../src/index.js'
import { filesIn } from './files-in.js'
import { all, newestSegment, scratch } from './journal.js'
import { seeded } from './random.js'
import { root } from './root.js'

export const goldenPlace = join(root, 'test/fixtures/journals')

/** What is seen in a journal. */
export async function seenIn(directory: string, options: JournalOptions = { readOnly: true }): Promise<unknown> {
  await using journal = await openJournal(directory, { onInterrupted: 'leave', ...options })
  const { interrupted, pending, tasks, damage, kept } = journal.recovery
  const seen = {
    head: journal.head,
    recovery: { interrupted, pending, tasks, damage, kept },
    ...(journal.gaps.length === 0 ? {} : { gaps: journal.gaps }),
    events: await all(journal.readAll({ onGap: 'yield' })),
    views: await allViews(journal),
  }
  return JSON.parse(JSON.stringify(seen, bytesAsText)) as unknown
}

function bytesAsText(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const own = this[key]
  return own instanceof Uint8Array ? `bytes ${Buffer.from(own).toString('hex')}` : value
}

type Open = Awaited<ReturnType<typeof openJournal>>
export type Writers = Record<string, (directory: string) => Promise<void>>

/**
 * Names of the golden journals, and how each is written. A format is frozen with its first: whoever changes an event's shape or the layout
 * adds journals, and takes the writers of those out that can no longer be written the same.
 */
export const WRITERS: Writers = {
  async sessions(directory) {
    await using journal = await openJournal(directory, { clock: ticking(1), segmentBytes: 4000 })
    await conversation(journal, 'session-1', 3)
    await conversation(journal, 'session-2', 1)
    await journal.append('task-1', [
      { type: 'task.enqueued', data: { taskId: 'task-1', title: 'index the archive', dependencies: [] } },
      { type: 'task.started', data: { taskId: 'task-1' } },
      { type: 'task.progressed', data: { taskId: 'task-1', percent: 40, summary: 'half of it' } },
      { type: 'task.completed', data: { taskId: 'task-1', summary: 'done' } },
    ])
    await journal.snapshot()
    await conversation(journal, 'session-3', 2)
    await journal.append('session-2', [{ type: 'session.archived', data: { reason: 'done with it' } }])
  },

  /** As a program wrote it that knew only the first schema of everything, and events that nobody else knows. */
  async 'first-schemas'(directory) {
    const loose = z.looseObject({})
    const first = defineEvents({
      ...events.definitions,
      'turn.completed': { schema: 1, data: loose },
      'tool.finished': { schema: 1, data: loose },
      'theme.chosen': { schema: 1, data: loose, ignorable: true },
    })
    await using journal = await openJournal(directory, { events: first, clock: ticking(2) })
    const turn = { threadId: 'main', turnId: 't1', attempt: 1 }
    await journal.append(
      'session-1',
      [
        { type: 'session.created', data: { title: 'old', unknownField: { kept: [1, null, true] } } },
        { type: 'thread.started', data: { threadId: 'main' } },
        { type: 'turn.submitted', data: { ...turn, input: [{ type: 'text', text: 'how was it?' }] } },
        { type: 'turn.started', data: turn },
      ],
      { commitId: 'begin' },
    )
    await journal.append('session-1', [
      { type: 'theme.chosen', data: { dark: true, bytes: new Uint8Array([0, 255]) } },
      { type: 'tool.requested', data: { ...turn, callId: 'c1', name: 'look', arguments: { at: 'it' } } },
      { type: 'tool.started', data: { ...turn, callId: 'c1' } },
      { type: 'tool.finished', data: { ...turn, callId: 'c1', output: 'it was fine', isError: false } },
      { type: 'turn.completed', data: { ...turn, inputTokens: 12, outputTokens: 3 } },
    ])
  },

  /** Cut in the middle of its last write, with a turn, a call and a task that ran. */
  async crashed(directory) {
    await crash(directory, 3)
    const segment = newestSegment(directory)
    const bytes = readFileSync(segment)
    truncateSync(segment, bytes.lastIndexOf('never promised') + 4)
  },

  /** Its last write is whole and nothing proves it, so that whoever opened it wrote it again. */
  async unproven(directory) {
    await crash(directory, 13)
    await using journal = await openJournal(directory, { clock: ticking(14) })
    await untilMarked(journal.directory)
  },

  /** Cut as above, and opened again twice: what was cut off is kept, what ran is closed, and a mark proves the last group. */
  async reopened(directory) {
    await WRITERS['crashed']?.(directory)
    for (const seed of [4, 5]) {
      await using journal = await openJournal(directory, { clock: ticking(seed) })
      await journal.append(`session-${seed}`, [{ type: 'session.created', data: { title: 'after it' } }])
      await untilMarked(directory)
    }
  },

  /** With frames padded to sectors, several commits in a frame, ids and meta. */
  async padded(directory) {
    await using journal = await openJournal(directory, { clock: ticking(7), sectorBytes: 4096, segmentBytes: 40_000 })
    for (let round = 1; round <= 3; round++)
      await Promise.all(
        ['a', 'b/ü', '漢'].map((stream, i) =>
          journal.append(stream, [round === 1 ? created(stream) : { type: 'session.updated', data: { title: `${round}` } }], {
            ...(i === 1 ? { commitId: `ü-${round}` } : {}),
            durability: i === 2 ? 'disk' : 'os',
          }),
        ),
      )
    await journal.snapshot()
  },

  /** Damaged, and repaired where it lay. */
  async repaired(directory) {
    await damaged(directory, 8)
    const options = { clock: ticking(9), segmentBytes: 4000 }
    await repair(directory, await planRepair(directory, options), options)
    await using journal = await openJournal(directory, options)
    await conversation(journal, 'session-4', 2)
  },

  /** What was intact of a damaged one. */
  async salvaged(directory) {
    const from = join(directory, '..', 'damaged')
    await damaged(from, 10)
    await salvage(from, directory, { clock: ticking(11), segmentBytes: 4000 })
  },

  /** Rewritten in the schemas of when this was added. */
  async upgraded(directory) {
    await WRITERS['first-schemas']?.(directory)
    await upgradeJournal(directory, { clock: ticking(12) })
    rmSync(`${directory}.v1.bak`, { recursive: true })
  },
}

const created = (title: string) => ({
  type: 'session.created' as const,
  data: { title },
  meta: { actor: 'ann', occurredAt: 1_600_000_000_000 },
})

/** A journal as a death leaves it while its last write is under way: with a turn, a call and a task that ran. */
async function crash(directory: string, seed: number): Promise<void> {
  const journal = await openJournal(join(directory, '..', 'crashing'), { clock: ticking(seed) })
  await conversation(journal, 'session-1', 1)
  const turn = { turnId: 'last' }
  await journal.append('session-1', [
    { type: 'turn.submitted', data: { threadId: 'main', ...turn, input: [{ type: 'text', text: 'and now?' }] } },
    { type: 'turn.started', data: turn },
    { type: 'item.started', data: { ...turn, itemId: 'i', kind: 'message' } },
    { type: 'item.delta', data: { ...turn, itemId: 'i', text: 'as far as it ca' } },
    { type: 'tool.requested', data: { ...turn, callId: 'ran', name: 'shell', arguments: {} } },
    { type: 'tool.started', data: { ...turn, callId: 'ran' } },
    { type: 'turn.submitted', data: { threadId: 'main', turnId: 'waits', input: [] } },
  ])
  await journal.append('task-1', [
    { type: 'task.enqueued', data: { taskId: 'task-1' } },
    { type: 'task.started', data: { taskId: 'task-1' } },
  ])
  const before = new Map(filesIn(journal.directory).map((file) => [file, readFileSync(join(journal.directory, file))]))
  await journal.append('session-1', [{ type: 'item.delta', data: { ...turn, itemId: 'i', text: 'never promised' } }])
  for (const file of filesIn(journal.directory)) {
    if (file.startsWith('derived')) continue
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    // The head file is as it was: the last write was under way.
    if (file === 'head') writeFileSync(join(directory, file), before.get(file)!)
    else copyFileSync(join(journal.directory, file), join(directory, file))
  }
  await journal.close()
}

/** What waits until nobody has written for a while: on a slow machine that could be at any moment, so it is told when. */
const waiting: (() => void)[] = []

async function withTimersHeld(work: () => Promise<void>): Promise<void> {
  const { setTimeout: real } = globalThis
  const hold = (run: () => void): NodeJS.Timeout => (waiting.push(run), real(run, 2 ** 31 - 1))
  globalThis.setTimeout = hold as typeof real
  try {
    await work()
  } finally {
    globalThis.setTimeout = real
    waiting.length = 0
  }
}

/** Lets the writer write the mark that follows when nobody has written for a while. */
async function untilMarked(directory: string): Promise<void> {
  const segment = newestSegment(directory)
  const before = readFileSync(segment)
  while (readFileSync(segment).equals(before)) {
    for (const run of waiting) run()
    await sleep(5)
  }
}

/** In several segments, of which the second lost the outcome of a call. */
async function damaged(directory: string, seed: number): Promise<void> {
  const journal = await openJournal(directory, { clock: ticking(seed), segmentBytes: 4000 })
  for (const stream of ['session-1', 'session-2', 'session-3']) await conversation(journal, stream, 2)
  await journal.close()
  const name = readdirSync(join(directory, 'journal'))
    .filter((file) => file.endsWith('.seg'))
    .toSorted()[1]!
  const path = join(directory, 'journal', name)
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(0xee, 2720, 2740))
}

export async function conversation(journal: Open, stream: string, turns: number): Promise<void> {
  await journal.append(
    stream,
    [
      {
        type: 'session.created',
        data: { title: `of ${turns}`, agent: 'fixer', workspace: '/srv/app' },
        meta: { actor: 'ann', occurredAt: 1_600_000_000_000 },
      },
      { type: 'thread.started', data: { threadId: 'main' } },
    ],
    { expectedVersion: 0, commitId: `${stream}/begin` },
  )
  for (let i = 1; i <= turns; i++) {
    const turn = { turnId: `t${i}` }
    await journal.append(stream, [
      { type: 'turn.submitted', data: { threadId: 'main', ...turn, input: [{ type: 'text', text: `question ${i}: naïve, 漢字, 🙂` }] } },
    ])
    await journal.append(stream, [{ type: 'turn.started', data: { ...turn, model: 'large-3' } }])
    await journal.append(stream, [
      { type: 'item.started', data: { ...turn, itemId: `m${i}`, kind: 'message', role: 'assistant' } },
      { type: 'item.delta', data: { ...turn, itemId: `m${i}`, text: 'an ' } },
      {
        type: 'item.completed',
        data: { ...turn, itemId: `m${i}`, content: [{ type: 'text', text: 'an answer' }], extra: { bytes: new Uint8Array([1, 2, 254]) } },
      },
      { type: 'tool.requested', data: { ...turn, callId: `c${i}`, name: 'read', arguments: { path: 'a.txt' } } },
      { type: 'tool.started', data: { ...turn, callId: `c${i}` } },
    ])
    await journal.append(stream, [
      {
        type: 'tool.finished',
        data: { ...turn, callId: `c${i}`, status: i === 2 ? 'error' : 'ok', content: [{ type: 'text', text: 'contents' }] },
      },
    ])
    await journal.append(
      stream,
      [{ type: 'turn.completed', data: { ...turn, usage: { inputTokens: 100 * i, outputTokens: 7 }, stopReason: 'end_turn' } }],
      { commitId: `${stream}/${i}` },
    )
  }
  if (turns > 2)
    await journal.append(stream, [
      { type: 'thread.compacted', data: { threadId: 'main', throughTurnId: 't1', summary: 'there was a first question' } },
    ])
}

/** A clock and randomness that give the same journal each time. */
export function ticking(seed: number): NonNullable<JournalOptions['clock']> {
  const random = seeded(seed)
  let now = 1_750_000_000_000
  return { now: () => (now += 250), random: (bytes) => Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)) }
}

/** Writes the golden journals of a format that are not there yet; what is there stays as it is for ever. */
export async function writeGolden(place: string, writers = WRITERS): Promise<string[]> {
  const written: string[] = []
  for (const [name, write] of Object.entries(writers)) {
    const directory = join(place, name)
    if (existsSync(directory)) continue
    const { directory: workshop, remove } = scratch()
    const made = join(workshop, name)
    await withTimersHeld(() => write(made))
    for (const file of filesIn(made)) {
      if (file.startsWith('derived')) continue
      mkdirSync(dirname(join(directory, file)), { recursive: true })
      copyFileSync(join(made, file), join(directory, file))
    }
    writeFileSync(`${directory}.json`, `${JSON.stringify(await seenIn(directory), undefined, 1)}\n`)
    remove()
    written.push(directory)
  }
  return written
}
