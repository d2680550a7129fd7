/** Processes of this harness, and what they say line by line. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export class Child {
  readonly process: ChildProcess
  /** Resolves once it ended and everything it said was heard. */
  readonly ended: Promise<unknown>
  readonly #waiting = new Set<{ starts: string; heard: (line: string) => void }>()
  /** What it wrote to its standard error. */
  errors = ''

  /** Starts a script of this directory. `heard` gets each line it says. */
  constructor(script: string, words: readonly string[], heard: (line: string) => void, env: NodeJS.ProcessEnv = {}) {
    const path = join(dirname(fileURLToPath(import.meta.url)), script)
    this.process = spawn(process.execPath, [path, ...words], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    const { stdin, stdout, stderr } = this.process as { [K in 'stdin' | 'stdout' | 'stderr']: NonNullable<ChildProcess[K]> }
    // Whoever is killed does not read what was sent.
    stdin.on('error', () => {})
    stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    const lines = createInterface({ input: stdout }).on('line', (line) => {
      heard(line)
      for (const waiting of [...this.#waiting].filter(({ starts }) => line.startsWith(starts))) {
        this.#waiting.delete(waiting)
        waiting.heard(line)
      }
    })
    this.ended = Promise.all([
      new Promise((resolve) => this.process.once('close', resolve)),
      new Promise((resolve) => lines.once('close', resolve)),
    ])
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  /** Resolves with the next line that starts so; rejects if none comes. */
  async said(starts: string, withinMs = 20_000): Promise<string> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`"${starts}" was not said within ${withinMs} ms: ${this.errors}`)), withinMs)
    })
    const over = this.ended.then(() => Promise.reject(new Error(`ended without saying "${starts}": ${this.errors}`)))
    try {
      return await Promise.race([new Promise<string>((heard) => this.#waiting.add({ starts, heard })), late, over])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves once it said so many lines that start so, or ended, or a while went by. */
  async saidOften(starts: string, times: number, withinMs = 5000): Promise<void> {
    const until = Date.now() + withinMs
    for (let left = times; left > 0 && Date.now() < until; left--) {
      try {
        await this.said(starts, until - Date.now())
      } catch {
        // It ended, or is too slow: nobody counts on more.
        return
      }
    }
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }

  /** Stops every thread, and resolves once none is inside the kernel any more. */
  async stop(): Promise<void> {
    this.process.kill('SIGSTOP')
    const threads = `/proc/${this.process.pid}/task`
    const stopped = (thread: string): boolean => /\) T /.test(readFileSync(join(threads, thread, 'stat'), 'utf8'))
    while (!readdirSync(threads).every(stopped)) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  goOn(): void {
    this.process.kill('SIGCONT')
  }
}
