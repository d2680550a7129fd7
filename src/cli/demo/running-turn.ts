/** What the writer of a script keeps of the turn that runs, and the events that follow from it. */
import type { Part } from '../import/moments.js'
import type { Moment } from './story.js'
import type { SessionEvent, Step } from './script.js'

export type Called = Extract<Moment, { kind: 'called' }>
export type TaskMoment = Extract<Moment, { kind: 'task' }>

export interface OpenCall {
  callId: string
  name: string
  asks: string | undefined
  /** The steps that a death before its outcome makes void. */
  steps: Step[]
}

export interface RunningTurn {
  turnId: string
  start: Step
  /** Calls without an outcome, by the name the story gave them, in the order they were made. */
  calls: Map<string, OpenCall>
  tokens: { input: number; output: number } | undefined
  model: string | undefined
}

/** The first line of what was asked, short enough for a list. */
export function titleOf(input: readonly Part[]): string | undefined {
  const first = input.find((part) => part.type === 'text')
  const line = first?.text.trim().split('\n')[0] ?? ''
  return line === '' ? undefined : Array.from(line).slice(0, 80).join('')
}

/** A turn's end. Calls that are open then get their outcome from the journal, in the same commit. */
export function endOf(
  { turnId, tokens, model }: RunningTurn,
  attempt: number,
  how: 'completed' | 'failed' | 'cancelled',
  reason: string | undefined,
): SessionEvent {
  const usage = tokens === undefined ? {} : { usage: { inputTokens: tokens.input, outputTokens: tokens.output } }
  const about = { turnId, attempt, ...usage }
  if (how === 'failed') return { type: 'turn.failed', data: { ...about, error: { message: reason ?? 'unknown' } } }
  if (how === 'cancelled') return { type: 'turn.cancelled', data: { ...about, ...(reason === undefined ? {} : { reason }) } }
  return {
    type: 'turn.completed',
    data: { ...about, ...(reason === undefined ? {} : { stopReason: reason }), ...(model === undefined ? {} : { model }) },
  }
}

/** A task that a death interrupted is put back into the queue and taken up again in one commit. */
export function taskEvents(moment: TaskMoment, attempt: number, session: string): SessionEvent[] {
  const { taskId, title, does } = moment
  if (does === 'enqueued') return [{ type: 'task.enqueued', data: { taskId, title, session } }]
  if (does === 'progressed')
    return [{ type: 'task.progressed', data: { taskId, attempt, summary: moment.note, percent: Math.round(moment.done * 100) } }]
  if (does === 'completed')
    return [{ type: 'task.completed', data: { taskId, attempt, ...(moment.note === undefined ? {} : { summary: moment.note }) } }]
  const retried: SessionEvent[] = attempt === 1 ? [] : [{ type: 'task.retried', data: { taskId } }]
  return [...retried, { type: 'task.started', data: { taskId, attempt } }]
}
