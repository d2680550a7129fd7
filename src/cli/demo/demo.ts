/** The demonstration: a runtime plays its scripts and is killed again and again, until all is in the journal; then the proof. */
import { boot, type Boot } from './boots.js'
import { chooseKills, type Kill } from './kills.js'
import { prove, type Proof } from './proof.js'
import type { Script } from './script.js'

export interface Demonstration {
  directory: string
  scripts: Script[]
  boots: (Boot & { kill?: Kill })[]
  proof: Proof
  /** What was not as promised; empty is what everybody hopes for. */
  broken: string[]
}

/** What a demonstration tells while it runs. */
export interface Onlooker {
  begins(directory: string, scripts: readonly Script[], kills: readonly Kill[]): void
  boots(number: number): void
  plays(done: number, total: number): void
  booted(number: number, boot: Boot, kill: Kill | undefined): void
}

/** `scripts` are those of the transcripts; the runtime's process reads them for itself. */
export async function demonstrate(
  { directory, transcripts, scripts }: Pick<Demonstration, 'directory' | 'scripts'> & { transcripts: string[] },
  onlooker: Onlooker,
): Promise<Demonstration> {
  const kills = chooseKills(scripts)
  const total = scripts.reduce((sum, { steps }) => sum + steps.length, 0)
  const before = new Map(scripts.map(({ session }, i) => [session, scripts.slice(0, i).reduce((sum, { steps }) => sum + steps.length, 0)]))
  onlooker.begins(directory, scripts, kills)
  const boots: Demonstration['boots'] = []
  const promised = new Map<string, number>()
  const broken: string[] = []
  for (const kill of [...kills, undefined]) {
    onlooker.boots(boots.length + 1)
    const request = { directory, transcripts, ...(kill === undefined ? {} : { hold: kill }) }
    const ended = await boot(request, (session, step) => onlooker.plays((before.get(session) ?? 0) + step + 1, total))
    broken.push(...lost(promised, ended))
    for (const [session, step] of ended.acknowledged) promised.set(session, Math.max(step, promised.get(session) ?? 0))
    boots.push(kill === undefined ? ended : { ...ended, kill })
    onlooker.booted(boots.length, ended, kill)
  }
  const proof = await prove(directory, scripts)
  return { directory, scripts, boots, proof, broken: [...broken, ...found(proof)] }
}

/** Steps that were acknowledged to an earlier runtime and that this one did not find. */
function lost(promised: ReadonlyMap<string, number>, { resumes }: Boot): string[] {
  return [...promised].flatMap(([session, step]) => {
    const done = resumes.get(session)?.done ?? 0
    return done > step ? [] : [`${session}: step ${step} was acknowledged, and the journal holds ${done}`]
  })
}

function found({ recovery, damaged, viewsEqual, astray, verify }: Proof): string[] {
  return [
    ...(recovery.derived === 'rebuilt' ? [] : [`derived/ was deleted, and the boot says ${recovery.derived}`]),
    ...(recovery.snapshots.refused.some(({ file }) => file === damaged) ? [] : [`${damaged} was damaged and not refused`]),
    ...(viewsEqual ? [] : ['the views are not equal']),
    ...astray.map((step) => `not exactly once: ${step}`),
    ...(verify.ok ? [] : ['verify found damage']),
  ]
}
