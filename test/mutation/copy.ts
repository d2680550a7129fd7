/** A copy of all that was compiled, in which files can be exchanged, and what is run there. */
import { spawn } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { compile, compiled, furnish } from '../support/compiled.js'
import { root } from '../support/root.js'

export interface Ran {
  /** How it ended; `silent`: it said nothing for so long that it was killed. */
  ended: 'fine' | 'failed' | 'silent'
  out: string
}

/** A mutant that takes what it can is to end itself and not the machine. */
const HEAP_MB = 1024

export class Copy {
  readonly #home = mkdtempSync(join(tmpdir(), 'turnlog-mutation-'))
  readonly #directory = join(this.#home, 'copy')
  readonly #place = join(this.#home, 'place')

  constructor() {
    cpSync(compiled(), this.#directory, { recursive: true })
    rmSync(join(this.#directory, 'test/fixtures'), { recursive: true, force: true })
    for (const path of ['test/fixtures', 'docs']) symlinkSync(join(root, path), join(this.#directory, path))
    // What this copy starts in processes of their own is of this copy.
    writeFileSync(join(this.#directory, 'done'), '')
  }

  /** Puts a compiled file, which lies at `path` of another directory, in the place of its own. */
  put(from: string, path: string): void {
    copyFileSync(join(from, path), join(this.#directory, path))
  }

  /** Makes a file as it was compiled. */
  restore(path: string): void {
    this.put(compiled(), path)
  }

  /** Runs Node in the copy; what is run leaves nothing behind. */
  async run(words: readonly string[], silenceMs: number, env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    mkdirSync(this.#place)
    try {
      const options = `--max-old-space-size=${HEAP_MB} ${env['NODE_OPTIONS'] ?? ''}`
      const all = { ...process.env, TURNLOG_COMPILED: this.#directory, TMPDIR: this.#place, ...env, NODE_OPTIONS: options }
      return await watched(words, this.#directory, all, silenceMs)
    } finally {
      rmSync(this.#place, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  remove(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }
}

/** Runs Node until it ends, or has said nothing for so long; with it ends what it started. */
function watched(words: readonly string[], cwd: string, env: NodeJS.ProcessEnv, silenceMs: number): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, words, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    let out = ''
    let silent = false
    const kill = (): void => {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch (error) {
        // Nobody is left.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    const silence = setTimeout(() => {
      silent = true
      kill()
    }, silenceMs)
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      silence.refresh()
    })
    child.once('exit', kill).once('close', (code) => {
      clearTimeout(silence)
      resolve({ ended: silent ? 'silent' : code === 0 ? 'fine' : 'failed', out })
    })
  })
}

/** Compiles files, given by their paths as sources, into a directory of their own; to be removed. */
export function compileApart(files: ReadonlyMap<string, string>): { directory: string; remove(): void } {
  const home = mkdtempSync(join(tmpdir(), 'turnlog-mutation-'))
  const [sources, directory] = [join(home, 'sources'), join(home, 'compiled')]
  for (const [path, text] of files) {
    mkdirSync(dirname(join(sources, path)), { recursive: true })
    writeFileSync(join(sources, path), text)
  }
  furnish(sources)
  const options = ['--noResolve', '--rootDir', '.', '--outDir', directory, '--module', 'nodenext', '--target', 'es2023']
  compile(sources, ...options, ...files.keys())
  return { directory, remove: () => rmSync(home, { recursive: true, force: true }) }
}
