/** Where to kill: in the middle of a turn, at points that differ in what a death leaves behind. */
import type { Script, Step } from './script.js'

export interface Kill {
  session: string
  step: number
  /** Steps that the runtime sends behind it without waiting for an answer. */
  ahead: number
  /** What is going on at that moment. */
  while: string
}

const AHEAD_MAX = 4

interface Situation {
  while: string
  fits(script: Script, step: Step, index: number): boolean
}

const situations: Situation[] = [
  { while: 'a message is being streamed', fits: (script, step, i) => step.flows === true && ahead(script, i) >= 2 && flowsBefore(script, i) >= 2 },
  { while: 'a tool is running', fits: (_, step) => / runs$/.test(step.says) },
  { while: 'a turn was just submitted', fits: (script, step, i) => / submitted$/.test(step.says) && i > 1 && / started$/.test(script.steps[i + 1]?.says ?? '') },
  { while: 'a person is being asked', fits: () => false },
  { while: 'a task is running', fits: (_, step) => / progressed$/.test(step.says) },
]

/** One place for each situation that the scripts offer, spread over them and in their order. */
export function chooseKills(scripts: readonly Script[]): Kill[] {
  const places = scripts.flatMap((script) => script.steps.map((step, index) => ({ script, step, index })))
  const kills = situations.flatMap(({ while: during, fits }, n) => {
    const fitting = places.map((place, at) => ({ ...place, at })).filter(({ script, step, index }) => fits(script, step, index))
    const chosen = fitting[Math.floor((fitting.length * (n + 1)) / (situations.length + 1))]
    return chosen === undefined ? [] : [{ at: chosen.at, session: chosen.script.session, step: chosen.index, ahead: ahead(chosen.script, chosen.index), while: during }]
  })
  return kills.toSorted((a, b) => a.at - b.at).map(({ at: _, ...kill }) => kill)
}

function ahead({ steps }: Script, index: number): number {
  let count = 0
  while (count < AHEAD_MAX && steps[index + count + 1]?.flows === true) count++
  return steps[index]?.flows === true ? count : 0
}

function flowsBefore({ steps }: Script, index: number): number {
  let count = 0
  while (steps[index - count - 1]?.flows === true) count++
  return count
}
