/** Single calls of a real process that fail, in its own code and in LevelDB's: the process is told of in failing-calls-inside.ts. */
import { ftruncateSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { isOver } from './asking.js'
import { Child } from './child.js'
import type { Inside } from './inside.js'
import type { Found } from './room.js'

export async function failingCalls(inside: Inside): Promise<Found> {
  const place = join(inside.programs, 'failing-calls')
  mkdirSync(place, { recursive: true })
  const control = join(place, 'control')
  ftruncateSync(openSync(control, 'w'), 4096)
  let found: Found | undefined
  const env = { LD_PRELOAD: join(inside.programs, 'failing-calls.so'), FAULT_CONTROL: control, FAULT_PATH: join(place, 'journal') }
  const child = new Child(
    'failing-calls-inside.js',
    [env.FAULT_PATH, control, String(inside.seed)],
    (line) => {
      const said = JSON.parse(line) as { done: number } | { found: Found }
      if ('found' in said) found = said.found
      else void isOver(said.done).then((over) => child.say(over ? 'over' : 'on'))
    },
    env,
  )
  await child.ended
  if (found === undefined) throw new Error(`the process ended without a result: ${child.errors}`)
  return found
}
