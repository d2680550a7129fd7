/** Runs a layer in parts, each in a process of its own, and adds up what they found. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Extent, Layer, Outcome, Part } from './layer.js'

/** What a process that runs a part is told. */
export interface Order {
  letter: string
  seed: number
  minutes: number | undefined
  limit: number | undefined
  part: Part
}

/** What it answers: how far it is, and at last what it found. */
export type Answer = { done: number } | { outcome: Outcome }

/** The program that runs a part, where this file lies. */
const PROGRAM = fileURLToPath(new URL(import.meta.url.replace(/parts(\.[jt]s)$/, 'part$1')))

export async function inParts({ letter }: Layer, of: number, extent: Extent, program = PROGRAM): Promise<Outcome> {
  const { seed, minutes, limit, progress, signal } = extent
  const each = limit === undefined ? undefined : Math.ceil(limit / of)
  const done = Array.from({ length: of }, () => 0)
  const outcomes = await Promise.all(
    done.map((_, index) =>
      inProcess(program, { letter, seed, minutes, limit: each, part: { index, of } }, signal, (units) => {
        done[index] = units
        progress?.(done.reduce((sum, one) => sum + one))
      }),
    ),
  )
  const counts: Outcome['counts'] = {}
  for (const one of outcomes) for (const [what, count] of Object.entries(one.counts)) counts[what] = (counts[what] ?? 0) + count
  return {
    done: outcomes.reduce((sum, one) => sum + one.done, 0),
    counts,
    failures: outcomes.flatMap(({ failures }) => failures),
  }
}

function inProcess(program: string, order: Order, signal: AbortSignal | undefined, progress: (done: number) => void): Promise<Outcome> {
  const child = fork(program)
  const stop = (): void => void child.kill('SIGINT')
  signal?.addEventListener('abort', stop)
  return new Promise<Outcome>((resolve, reject) => {
    child.on('message', (answer: Answer) => {
      if ('outcome' in answer) resolve(answer.outcome)
      else progress(answer.done)
    })
    child.once('error', reject)
    child.once('exit', (code, by) => reject(new Error(`part ${order.part.index} of ${order.letter} ended early (${by ?? code})`)))
    child.send(order)
  }).finally(() => signal?.removeEventListener('abort', stop))
}
