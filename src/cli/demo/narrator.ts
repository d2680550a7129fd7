/** Tells a demonstration to the person who looks on. What it says depends on the scripts, not on the machine. */
import { extname } from 'node:path'
import { bad, bold, dim, good, hanging, numberOf, oneLine, print, say, styled } from '../terminal.js'
import { Progress } from '../progress.js'
import { sessionTable, taskTable, threadTable, turnTable } from '../view-tables.js'
import type { Boot } from './boots.js'
import type { Demonstration, Onlooker } from './demo.js'
import type { Kill } from './kills.js'
import type { Proof } from './proof.js'
import type { Script } from './script.js'
import type { Views } from './views.js'

/** Turns that are shown; the rest is said to be there. */
const TURNS_MAX = 12
/** Reasons for rows that were not played, likewise. */
const REASONS_MAX = 3

export class Narrator implements Onlooker {
  #scripts: readonly Script[] = []
  #progress = new Progress('', 'steps')
  #killed: Kill | undefined

  begins(directory: string, scripts: readonly Script[], kills: readonly Kill[]): void {
    this.#scripts = scripts
    const what = scripts.length === 1 ? 'a session' : `${scripts.length} sessions`
    say(`${bold('turnlog')}  A runtime journals ${what} as it happens, and is killed ${kills.length} times on the way.`)
    print()
    for (const { session, steps, skipped } of scripts) line('session', `${oneLine(session)}, ${steps.length} steps${notPlayed(skipped)}`)
    line('journal', directory)
  }

  boots(number: number): void {
    this.#progress = new Progress(`  boot ${number}`, 'steps')
  }

  plays(done: number, total: number): void {
    this.#progress.show(done, total)
  }

  booted(number: number, { recovery, resumes }: Boot, kill: Kill | undefined): void {
    this.#progress.end()
    print()
    print(`${bold(`boot ${number}`)}  ${number === 1 ? 'a new journal' : recovered(recovery)}`)
    if (this.#killed !== undefined) this.#held(this.#killed, resumes)
    for (const { stream, turnId, attempt, calls } of recovery.interrupted) {
      line(
        styled('yellow', 'closed'),
        `${turnId}, attempt ${attempt}, is interrupted${calls.length === 0 ? '' : `; without an outcome: ${oneLine(calls.join(', '))}`}${this.#in(stream)}`,
      )
    }
    for (const { taskId, attempt } of recovery.tasks)
      line(styled('yellow', 'closed'), `task ${oneLine(taskId)}, attempt ${attempt}, is interrupted`)
    for (const { stream, turnId } of recovery.pending) line(styled('cyan', 'queued'), `${turnId} still waits${this.#in(stream)}`)
    for (const [session, { again }] of resumes) this.#again(session, again)
    if (kill === undefined) line(good('done'), 'everything is played, and nobody killed it')
    else
      line(
        bad('KILL'),
        `while ${kill.during} ${dim(`(step ${kill.step + 1}: ${oneLine(this.#step(kill.session, kill.step))})`)}${this.#in(kill.session)}`,
      )
    this.#killed = kill
  }

  concludes({ proof, broken, directory, scripts }: Demonstration): void {
    print()
    print(bold('What the journal holds now'))
    tellViews(proof.views)
    print(bold('Everything derived goes, or rots'))
    print()
    for (const [mark, said] of proved(proof)) for (const one of hanging(`  ${mark}`, said, 4)) print(one)
    for (const what of broken) for (const one of hanging(`  ${bad('✗')}`, what, 4)) print(one)
    print()
    print(broken.length === 0 ? good('All is as promised.') : bad('Not everything is as promised.'))
    print()
    const [longest] = scripts.toSorted((a, b) => b.steps.length - a.steps.length)
    print(`Look on:  ${program()} show ${directory} ${longest?.session ?? ''}`)
    print(`          ${program()} tail ${directory}`)
  }

  #held({ session, step }: Kill, resumes: Boot['resumes']): void {
    if ((resumes.get(session)?.done ?? 0) > step)
      line(good('kept'), `all ${step + 1} steps that were acknowledged before the kill${this.#in(session)}`)
    else line(bad('lost'), `steps that were acknowledged before the kill${this.#in(session)}`)
  }

  /** What a death cut off and this boot begins again, each by its first step. */
  #again(session: string, again: readonly number[]): void {
    const { steps } = this.#script(session)
    const firsts = again.filter((index, i) => again.findIndex((other) => steps[other]?.closes === steps[index]?.closes) === i)
    if (firsts.length > 0)
      line(styled('cyan', 'again'), `${firsts.map((index) => oneLine(steps[index]?.says ?? '')).join(', ')}${this.#in(session)}`)
  }

  #script(session: string): Script {
    return this.#scripts.find((script) => script.session === session) as Script
  }

  #step(session: string, index: number): string {
    return this.#script(session).steps[index]?.says ?? ''
  }

  /** Which session, where there are several. */
  #in(session: string): string {
    return this.#scripts.length === 1 ? '' : dim(` · ${oneLine(session)}`)
  }
}

/** Tells nothing. */
export const silent: Onlooker = { begins() {}, boots() {}, plays() {}, booted() {} }

function line(word: string, text: string): void {
  for (const one of hanging(`  ${word}`, text, 11)) print(one)
}

function notPlayed(skipped: Script['skipped']): string {
  const passed = Object.entries(skipped).toSorted(([, a], [, b]) => b - a)
  if (passed.length === 0) return ''
  const named = passed.slice(0, REASONS_MAX).map(([reason, times]) => `${times} × ${oneLine(reason)}`)
  return dim(`; not played: ${named.join(', ')}${passed.length > REASONS_MAX ? ', …' : ''}`)
}

function recovered({ tornBytes, damage }: Boot['recovery']): string {
  if (damage.length > 0) return bad(`found ${damage.length} damaged part(s)`)
  return tornBytes === 0 ? 'every byte is whole' : `set aside ${tornBytes} bytes of a last write that nobody was promised`
}

function tellViews({ sessions, threads, turns, tasks }: Views): void {
  const shown = turns.slice(-TURNS_MAX)
  const tables = [sessionTable(sessions), threadTable(threads), turnTable(shown)]
  if (shown.length < turns.length) tables.push(dim(`and ${turns.length - shown.length} turns before these`))
  if (tasks.length > 0) tables.push(taskTable(tasks))
  print(`\n${tables.join('\n\n')}\n`)
}

function proved({ damaged, recovery, views, viewsEqual, astray, verify }: Proof): [string, string][] {
  const mark = (fine: boolean): string => (fine ? good('✓') : bad('✗'))
  const { used, refused } = recovery.snapshots
  const reason = refused.find(({ file }) => file === damaged)?.reason
  const instead = used.find((file) => file.startsWith(damaged.slice(0, damaged.lastIndexOf('/') + 1)))
  const { transcripts, ...tables } = views
  const rows = Object.values(tables).reduce((sum, { length }) => sum + length, 0)
  return [
    [
      mark(recovery.derived === 'rebuilt'),
      `derived/ was deleted: ${recovery.derived} from ${used.length} snapshots and ${recovery.replayed} events`,
    ],
    [mark(reason !== undefined), `a bit of ${damaged} was turned: ${reason === undefined ? 'not noticed' : `refused, ${reason}`}`],
    ...(instead === undefined ? [] : [[' ', dim(`${instead} took its place`)] as [string, string]]),
    [
      mark(viewsEqual),
      `${rows} rows of all views and ${numberOf(transcripts.length, 'transcript')} are ${viewsEqual ? '' : 'not '}equal to those before`,
    ],
    [mark(astray.length === 0), 'whatever was finished is in the journal exactly once'],
    [mark(verify.ok), `verify: ${verify.ok ? 'ok' : 'damaged'}, ${verify.events} events in ${verify.commits} commits`],
  ]
}

/** How this program was started, to be typed again. */
function program(): string {
  return extname(import.meta.url) === '.ts' ? 'npx tsx src/cli/main.ts' : 'npx turnlog'
}
