/**
 * A runtime: plays a script against a journal, and goes on where the last one died.
 *
 * Where it was, it reads from the journal: each event carries the step that wrote it, and steps are appended in order, so
 * that what is recorded is always the beginning of the script. Then it
 *   - sends the last recorded step once more, as one does who never heard the answer: the commit id makes it harmless;
 *   - begins again what the death cut off, as the next attempt: the turn that ran, the item that was half streamed, the
 *     call of which nobody knows whether it ran to its end (under a new id; the old one keeps its outcome "unknown");
 *   - goes on with the first step that is not recorded.
 * So every text that the model completed, every outcome of a call, every turn's and task's end stands in the journal
 * exactly once, however often the runtime died; what is there twice is what was begun twice, each with its attempt.
 */
import type { EventMeta, Head, Receipt, Recovery } from '../../index.js'
import { left, played, type Script, type SessionEvent, type Step } from './script.js'

/** What the runtime needs of a journal. */
export interface Writable {
  readonly recovery: Pick<Recovery, 'interrupted' | 'tasks'>
  readonly head: Head
  append(stream: string, events: readonly SessionEvent[], options: { commitId: string; durability: 'disk' | 'os' }): Promise<Receipt>
  read(stream: string, options: { reverse: true }): AsyncIterable<{ meta?: EventMeta }>
}

/** What the runtime tells while it plays. */
export interface Listener {
  /** Where it goes on: how many steps the journal holds, and which of them are begun again. */
  resumes?(script: Script, at: Resumption): void
  /** The journal acknowledged a step. */
  acknowledged?(script: Script, index: number, receipt: Receipt): void
  /** Called before each step; a slow model, a slow tool or a test lets the runtime wait here. */
  before?(script: Script, index: number): Promise<void> | void
}

export interface Resumption {
  done: number
  again: number[]
}

/** Steps that may be under way at a time while a model streams. */
const FLOWING_MAX = 8

/** Plays what is left of a script. @throws what `append` rejects with, at the latest one step later. */
export async function play(journal: Writable, script: Script, listener: Listener = {}): Promise<void> {
  const last = await lastRecorded(journal, script)
  const done = last === undefined ? 0 : last.index + 1
  const todo = left(script, done)
  if (last !== undefined) await repeat(journal, script, last)
  listener.resumes?.(script, { done, again: todo.flatMap(({ index, again }) => (again ? [index] : [])) })
  const attempts = new Attempts(journal.recovery, script)
  let flowing: Promise<void>[] = []
  for (const { index, again } of todo) {
    const step = script.steps[index] as Step
    await listener.before?.(script, index)
    if (step.does !== 'streams' || flowing.length === FLOWING_MAX) {
      await Promise.all(flowing)
      flowing = []
    }
    const { commitId, events } = played(script, index, attempts.of(step), again)
    const appended = journal
      .append(step.stream, events, { commitId, durability: step.does === 'streams' ? 'os' : 'disk' })
      .then((receipt) => listener.acknowledged?.(script, index, receipt))
    if (step.does === 'streams') flowing.push(appended)
    else await appended
  }
  await Promise.all(flowing)
}

/** Attempts: 1, unless a death interrupted the turn or task; then one more than the attempt it ended. */
class Attempts {
  readonly #next = new Map<string, number>()

  constructor({ interrupted, tasks }: Writable['recovery'], { session }: Script) {
    for (const { stream, turnId, attempt } of interrupted) if (stream === session) this.#next.set(turnId, attempt + 1)
    for (const { stream, attempt } of tasks) this.#next.set(stream, attempt + 1)
  }

  of(step: Step): number {
    return (step.of === undefined ? undefined : this.#next.get(step.of)) ?? 1
  }
}

interface Recorded {
  index: number
  attempt: number
}

/** The newest step that the journal holds, of all the script's streams. */
async function lastRecorded(journal: Writable, script: Script): Promise<Recorded | undefined> {
  let newest: Recorded | undefined
  for (const stream of new Set(script.steps.map((step) => step.stream))) {
    for await (const { meta } of journal.read(stream, { reverse: true })) {
      // What the engine wrote has no step; what was begun again says nothing of how far the script has come.
      if (typeof meta?.['step'] !== 'number' || meta['again'] === true) continue
      if (newest === undefined || meta['step'] > newest.index) newest = { index: meta['step'], attempt: Number(meta['attempt']) }
      break
    }
  }
  return newest
}

/** Sends a recorded step again. @throws Error if that added anything. */
async function repeat(journal: Writable, script: Script, { index, attempt }: Recorded): Promise<void> {
  const before = journal.head.position
  const { commitId, events } = played(script, index, attempt, false)
  await journal.append((script.steps[index] as Step).stream, events, { commitId, durability: 'disk' })
  if (journal.head.position !== before) throw new Error(`step ${index} of ${script.session} was recorded, and its repeat added something`)
}
