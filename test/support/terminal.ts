/** The command line as a person sees it: the program in a process of its own, in a terminal of 80 columns. */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { programPath } from './compiled.js'
import { root } from './root.js'

/** Python has pseudo-terminals, which Node does not. */
export const hasTerminal = spawnSync('python3', ['--version']).status === 0

export interface Screen {
  exit: number
  /** All that was written, colours and cursor movements included. */
  raw: string
  /** What is left to read: plain text, without what was drawn over. */
  text: string
}

export async function onTerminal(cwd: string, ...words: string[]): Promise<Screen> {
  const program = [process.execPath, programPath('src/cli/main.ts')]
  const child = spawn('python3', [join(root, 'test/support/in_terminal.py'), ...program, ...words], {
    cwd,
    env: { ...process.env, TERM: 'xterm', NO_COLOR: '', FORCE_COLOR: undefined, PAGER: 'cat' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let raw = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (raw += chunk))
  const exit = await new Promise<number>((resolve, reject) => child.on('error', reject).on('close', (code) => resolve(code ?? -1)))
  return { exit, raw, text: seen(raw) }
}

/** A carriage return and an erased line take back what stood there. */
function seen(raw: string): string {
  const lines = raw.replaceAll('\r\n', '\n').split('\n')
  // oxlint-disable-next-line no-control-regex -- the escape is what a terminal obeys
  return lines.map((line) => (line.split('\x1b[2K').at(-1) as string).replaceAll(/\x1b\[[0-9;]*m/g, '')).join('\n')
}
