/** Tells a demonstration to the person who looks on. What it says depends on the scripts alone, not on the machine. */
import { extname } from 'node:path'
import { bad, bold, dim, good, oneLine, print, Progress, styled } from '../terminal.js'
import { sessionTable, taskTable, threadTable, turnTable } from '../view-tables.js'
import type { Boot } from './boots.js'
import type { Demonstration, Onlooker } from './demo.js'
import type { Kill } from './kills.js'
import type { Proof } from './proof.js'
import type { Script } from './script.js'

export class Narrator implements Onlooker {
  #scripts: readonly Script[] = []
  #progress = new Progress('')

  begins(directory: string, scripts: readonly Script[], kills: readonly Kill[]): void {
    this.#scripts = scripts
    print(`${bold('turnlog demo')}  a runtime journals ${scripts.length === 1 ? 'a session' : `${scripts.length} sessions`} as it happens, and is killed ${kills.length} times in the middle of it`)
    for (const { session, steps, skipped } of scripts) {
      const passed = Object.entries(skipped).map(([reason, times]) => `${times} × ${reason}`)
      print(`  ${session}  ${steps.length} steps${passed.length === 0 ? '' : dim(`  not played: ${oneLine(passed.join(', '))}`)}`)
    }
    print(`  journal in ${directory}`)
  }

  boots(number: number): void {
    this.#progress = new Progress(`  boot ${number} plays`)
  }

  plays(done: number, total: number): void {
    this.#progress.show(done, total)
  }

  booted(number: number, { recovery, resumes, killed }: Boot, kill: Kill | undefined): void {
    this.#progress.end()
    print()
    print(bold(`boot ${number}`) + (number === 1 ? '  a new journal' : `  ${recovered(recovery)}`))
    for (const line of closed(recovery)) print(`  ${line}`)
    for (const [session, { done, again }] of resumes) {
      const { length } = this.#scripts.find((script) => script.session === session)?.steps ?? []
      if (number > 1 && done > 0 && done < length) print(`  ${styled('cyan', 'goes on')}  ${session}: everything acknowledged is there${again === 0 ? '' : `; begins ${again} cut-off ${again === 1 ? 'step' : 'steps'} again`}`)
    }
    if (kill === undefined) print(`  ${good('✓')} played to the end, nobody killed it`)
    else print(`  ${bad(killed ? '✗ SIGKILL' : '✗ not killed')}  while ${kill.during} ${dim(`(${this.#says(kill)})`)}`)
  }

  proves(): void {
    this.#progress = new Progress('  comparing')
  }

  concludes({ proof, broken, directory, scripts }: Demonstration): void {
    print()
    print(bold('What the journal holds now'))
    for (const lines of [sessionTable(proof.views.sessions), threadTable(proof.views.threads), turnTable(proof.views.turns), taskTable(proof.views.tasks)]) {
      print(lines)
      print()
    }
    print(bold('Everything derived goes, or rots'))
    for (const line of proved(proof)) print(`  ${line}`)
    for (const what of broken) print(`  ${bad('✗')} ${what}`)
    print()
    print(broken.length === 0 ? good('All is as promised.') : bad('Not everything is as promised.'))
    print(`Look on: ${bold(`${program()} show ${directory} ${scripts[0]?.session ?? ''}`)}`)
    print(`         ${program()} tail ${directory}`)
  }

  #says({ session, step }: Kill): string {
    return `step ${step + 1} of ${session}: ${this.#scripts.find((script) => script.session === session)?.steps[step]?.says ?? ''}`
  }
}

/** Tells nothing. */
export const silent: Onlooker = { begins() {}, boots() {}, plays() {}, booted() {}, proves() {} }

/** A demonstration for machines. */
export function summary({ directory, scripts, boots, proof, broken }: Demonstration): object {
  const { views, damaged, recovery, viewsEqual, verify } = proof
  return {
    ok: broken.length === 0,
    journal: directory,
    scripts: scripts.map(({ session, steps, skipped }) => ({ session, steps: steps.length, skipped })),
    boots: boots.map(({ recovery: found, resumes, acknowledged, killed, kill }) => ({
      ...(kill === undefined ? {} : { kill }),
      killed,
      recovery: found,
      resumes: Object.fromEntries(Array.from(resumes, ([session, { done, again }]) => [session, { done, again }])),
      acknowledged: Object.fromEntries(acknowledged),
    })),
    views,
    proof: { derived: recovery.derived, damaged, snapshots: recovery.snapshots, replayed: recovery.replayed, viewsEqual },
    verify,
    broken,
  }
}

function recovered({ tornBytes, damage }: Boot['recovery']): string {
  if (damage.length > 0) return bad(`found ${damage.length} damaged part(s)`)
  return tornBytes === 0 ? 'recovery found every byte whole' : `recovery set aside ${tornBytes} bytes of a last write that was never acknowledged`
}

/** What recovery closed, and what it found waiting. */
function closed({ interrupted, pending, tasks }: Boot['recovery']): string[] {
  return [
    ...interrupted.map(({ stream, turnId, attempt, calls }) => `${styled('yellow', 'closed')}   ${turnId} of ${stream}, attempt ${attempt}: interrupted${calls.length === 0 ? '' : `, outcome unknown: ${calls.join(', ')}`}`),
    ...tasks.map(({ taskId, attempt }) => `${styled('yellow', 'closed')}   task ${taskId}, attempt ${attempt}: interrupted`),
    ...pending.map(({ stream, turnId }) => `${styled('cyan', 'waiting')}  ${turnId} of ${stream}`),
  ]
}

function proved({ damaged, recovery, views, viewsEqual, astray, verify }: Proof): string[] {
  const mark = (fine: boolean): string => (fine ? good('✓') : bad('✗'))
  const refused = recovery.snapshots.refused.find(({ file }) => file === damaged)
  const { transcripts, ...tables } = views
  const rows = Object.values(tables).reduce((sum, { length }) => sum + length, 0)
  return [
    `${mark(recovery.derived === 'rebuilt')} derived/ was deleted: ${recovery.derived}, ${recovery.snapshots.used.length} older or other snapshots used`,
    `${mark(refused !== undefined)} one bit of ${damaged} was turned: ${refused === undefined ? 'not noticed' : `refused, ${refused.reason}`}`,
    `${mark(viewsEqual)} ${rows} rows of all views and ${transcripts.length} transcript${transcripts.length === 1 ? '' : 's'}: ${viewsEqual ? 'equal' : 'not equal'}`,
    `${mark(astray.length === 0)} everything that was finished stands in the journal once`,
    `${mark(verify.ok)} verify: ${verify.ok ? 'ok' : 'damaged'}, ${verify.events} events in ${verify.commits} commits`,
  ]
}

/** How this program was started, to be typed again. */
function program(): string {
  return extname(import.meta.url) === '.ts' ? 'npx tsx src/cli/main.ts' : 'npx turnlog'
}
