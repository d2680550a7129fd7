/** Boots of the runtime's process: started, listened to, and killed where it was decided. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Recovery } from '../../index.js'
import type { Message, Request } from './child.js'
import type { Resumption } from './runtime.js'

/** What the parent heard of one boot. */
export interface Boot {
  recovery: Recovery
  /** Steps that the journal held when the runtime began, for each session that it came to. */
  resumes: Map<string, Resumption>
  /** Newest step of each session that was acknowledged before the end. */
  acknowledged: Map<string, number>
  killed: boolean
}

/** Runs the child until it ends or, with a hold, until that step was acknowledged: then it is killed, with no chance to tidy up. */
export async function boot(request: Request, onStep: (session: string, step: number) => void): Promise<Boot> {
  const child = spawn(process.execPath, [...process.execArgv, childPath, JSON.stringify(request)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const heard: Partial<Boot> & Omit<Boot, 'recovery'> = { resumes: new Map(), acknowledged: new Map(), killed: false }
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as Message
    if (message.tells === 'recovery') heard.recovery = message.recovery
    if (message.tells === 'resumes') heard.resumes.set(message.session, { done: message.done, again: message.again })
    if (message.tells !== 'acknowledged') continue
    const { session, step } = message
    heard.acknowledged.set(session, Math.max(step, heard.acknowledged.get(session) ?? 0))
    onStep(session, step)
    if (session === request.hold?.session && step === request.hold.step) heard.killed = child.kill('SIGKILL')
  }
  const { code, signal } = await ended
  const { recovery } = heard
  const asPlanned = request.hold === undefined ? code === 0 : heard.killed && signal === 'SIGKILL'
  if (!asPlanned || recovery === undefined) throw new Error(`the runtime ended with ${signal ?? code}\n${errors}`)
  return { ...heard, recovery }
}

/** Beside this file, as source under a loader or as built. */
const here = fileURLToPath(import.meta.url)
const childPath = fileURLToPath(new URL(`child${extname(here)}`, import.meta.url))
