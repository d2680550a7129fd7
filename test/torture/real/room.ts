/**
 * A room of its own for each layer: a process in mount and process namespaces that the kernel takes away with it. Whatever
 * is mounted, attached or started inside ends with the room, however the room ends; its scratch directory is in memory.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { missing, type Need } from './machine.js'
import { programs } from './programs.js'

/** What a layer is asked for. */
export interface Order {
  layer: string
  seed: number
  /** Which part of the layer, where it has several: a file system, say. */
  on?: string | undefined
}

/** What a layer found. */
export interface Found {
  rounds: number
  /** What was counted: acknowledged appends, torn tails, and so on. */
  counts: Record<string, number>
  /** What must not be; each names the round that it fell in. */
  faults: string[]
}

/** Without these a layer runs where it is, if it mounts nothing. */
const APART: readonly Need[] = ['linux', 'root', 'namespaces']
const UNSHARE = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']

/** Runs a layer until it was enough: asked after each round. Rejects if the layer itself breaks; what it finds is no error. */
export async function inRoom(order: Order, over: (rounds: number) => boolean): Promise<Found> {
  const directory = programs()
  const main = [process.execPath, '--enable-source-maps', join(directory, 'test/torture/real/main.js'), JSON.stringify(order)]
  const [command = '', ...words] = missing(APART) === undefined ? [...UNSHARE, ...main] : main
  // The room ends when its standard input does: with whoever opened it. A Ctrl-C is for that one alone, who then has had enough.
  const room = spawn(command, words, { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  room.stdin.on('error', () => {})
  let found: Found | undefined
  let errors = ''
  room.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  createInterface({ input: room.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as { done: number } | { found: Found }
    if ('found' in said) found = said.found
    else room.stdin.write(over(said.done) ? 'over\n' : 'on\n')
  })
  const status = await new Promise<number | string | null>((resolve, reject) => {
    room.on('error', reject)
    room.on('close', (code, killed) => resolve(code ?? killed))
  })
  if (found === undefined) throw new Error(`the layer ${order.layer} ended with ${status}: ${errors}`)
  return found
}
