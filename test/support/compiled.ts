/**
 * The sources, and the programs of the tests, as plain JavaScript: what runs in a process of its own starts in a third of the time,
 * and there are hundreds. One run of tests compiles once: whoever needs it first does, and the others wait.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './root.js'

const PATIENCE_MS = 120_000
const POLL_MS = 20

let own: string | undefined

/** The directory of what was compiled; files lie in it as they lie in the repository. */
export function compiled(): string {
  const shared = process.env['TURNLOG_COMPILED']
  if (shared === undefined) return (own ??= compileForThisProcess())
  const done = join(shared, 'done')
  if (!existsSync(done)) {
    if (claimed(shared)) {
      compileInto(shared)
      writeFileSync(done, '')
    } else waitFor(done)
  }
  return shared
}

/** A program of the repository, by its path as source, for Node to run. */
export function programPath(path: string): string {
  return join(compiled(), path.replace(/ts$/, 'js'))
}

/** Runs the compiler in a directory, without checking what it compiles. */
export function compile(cwd: string, ...words: string[]): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, ...words, '--noCheck'], { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`tsc ${words.join(' ')}: ${stdout}${stderr}`)
}

/** Lays beside compiled files what they need to run. */
export function furnish(directory: string): void {
  copyFileSync(join(root, 'package.json'), join(directory, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
}

function compileForThisProcess(): string {
  const directory = mkdtempSync(join(tmpdir(), 'turnlog-compiled-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  compileInto(directory)
  return directory
}

function compileInto(directory: string): void {
  compile(root, '-p', 'test', '--noEmit', 'false', '--sourceMap', 'true', '--outDir', directory)
  furnish(directory)
}

function claimed(directory: string): boolean {
  try {
    mkdirSync(directory)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function waitFor(path: string): void {
  const still = new Int32Array(new SharedArrayBuffer(4))
  for (const end = performance.now() + PATIENCE_MS; !existsSync(path); Atomics.wait(still, 0, 0, POLL_MS))
    if (performance.now() > end) throw new Error(`waited in vain for ${path}`)
}
