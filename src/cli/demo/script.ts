/**
 * A session as a list of steps, each of them one commit that a runtime makes the moment something happens.
 *
 * A step is played under the attempt of the turn (or task) it belongs to, and everything about it follows from the two:
 * its commit id `<session>/<step>/<attempt>`, and the ids of the items and calls in it, which get the attempt as a suffix
 * from the second on. So a step that is sent twice is the same commit, and one that is begun again after a death is
 * another, with names of its own.
 */
import type { events, NewEvent } from '../../index.js'

export type SessionEvent = NewEvent<(typeof events)['definitions']>

/** What a step does to what is open. `streams` does not wait for an answer: the next step follows at once. */
export type Doing = 'submits' | 'starts' | 'streams' | 'asks' | 'runs' | 'progresses' | 'ends' | 'records'

export interface Step {
  stream: string
  /** Turn or task that has to run for this step, and whose attempt it is played under; none for what a person does. */
  of?: string
  does: Doing
  /** What the step is, for the person who looks on. */
  says: string
  /** The last step of what this one begins or goes on with. A death before it means: begin again here. */
  closes?: number
  /** When it happened in the session's own time. */
  at?: number
  events(attempt: Attempt): SessionEvent[]
}

export interface Attempt {
  attempt: number
  /** An item's or a call's name in this attempt. */
  id: (name: string) => string
}

export interface Script {
  /** Stream of the session. */
  session: string
  /** What was not played, by reason. */
  skipped: Record<string, number>
  steps: Step[]
}

/** The step's events as they are appended, marked so that the runtime finds its place again after a death. */
export function played(script: Script, index: number, attempt: number, again: boolean): { commitId: string; events: SessionEvent[] } {
  const step = script.steps[index] as Step
  const mark = { ...(step.at === undefined ? {} : { occurredAt: step.at }), step: index, attempt, ...(again ? { again } : {}) }
  const id = (name: string): string => (attempt === 1 ? name : `${name}.${attempt}`)
  return {
    commitId: `${script.session}/${index}/${attempt}`,
    events: step.events({ attempt, id }).map((event) => ({ ...event, meta: mark })),
  }
}

/**
 * What is left to do when the first `done` steps are in the journal: the steps that begin what a death cut off, once more
 * (a turn's start, an item that was half streamed, a call whose outcome nobody knows), then everything behind.
 */
export function left(script: Script, done: number): { index: number; again: boolean }[] {
  return script.steps.flatMap((step, index): { index: number; again: boolean }[] => {
    if (index >= done) return [{ index, again: false }]
    return step.closes !== undefined && step.closes >= done && step.closes !== index ? [{ index, again: true }] : []
  })
}
