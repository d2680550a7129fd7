/** Where to kill: in the middle of a turn, at points that differ in what a death leaves behind. */
import type { Script, Step } from './script.js'

export interface Kill {
  session: string
  step: number
  /** Steps that the runtime sends behind it without waiting for an answer. */
  ahead: number
  /** What is going on at that moment. */
  during: string
}

const AHEAD_MAX = 4

const situations: { during: string; fits: (script: Script, step: Step, index: number) => boolean }[] = [
  { during: 'the model streams', fits: (script, _, i) => streaming(script, i - 2) > 2 && streaming(script, i) > 2 },
  { during: 'a question waits in the queue', fits: (script, { does }, i) => does === 'submits' && script.steps[i + 1]?.does !== 'starts' },
  { during: 'a person is asked for leave', fits: (_, { does }) => does === 'asks' },
  { during: 'a tool runs', fits: (script, { does }, i) => does === 'runs' && !others(script, i) },
  { during: 'several tools run', fits: (script, { does }, i) => does === 'runs' && others(script, i) },
  { during: 'a question was just put', fits: (script, { does }, i) => does === 'submits' && script.steps[i + 1]?.does === 'starts' },
  { during: 'a task runs', fits: (_, { does }) => does === 'progresses' },
]

/** One place for each situation that the scripts offer, spread over them, in their order. */
export function chooseKills(scripts: readonly Script[]): Kill[] {
  const places = scripts.flatMap((script) => script.steps.map((step, index) => ({ script, step, index })))
  const kills = situations.flatMap(({ during, fits }, n) => {
    const fitting = places.flatMap(({ script, step, index }, at) => (fits(script, step, index) ? [{ script, index, at }] : []))
    const place = fitting[Math.floor((fitting.length * (n + 1)) / (situations.length + 1))]
    if (place === undefined) return []
    const { script, index, at } = place
    return [{ at, kill: { session: script.session, step: index, ahead: Math.max(0, streaming(script, index) - 1), during } }]
  })
  return kills.toSorted((a, b) => a.at - b.at).map(({ kill }) => kill)
}

/** Whether a call that began before still runs. */
function others({ steps }: Script, index: number): boolean {
  return steps
    .slice(0, index)
    .some(({ does, closes }) => does === 'runs' && closes !== undefined && closes > index && steps[closes]?.does !== 'ends')
}

/** How many steps from this one on are streamed one behind the other, up to a few. */
function streaming({ steps }: Script, index: number): number {
  let count = 0
  while (count <= AHEAD_MAX && steps[index + count]?.does === 'streams') count++
  return count
}
