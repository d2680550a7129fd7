/**
 * The sources, and the programs of the tests, as plain JavaScript: what runs in a process of its own starts in a third of the time,
 * and there are hundreds. One run of tests compiles once: whoever needs it first does, and the others wait.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { filesIn } from './files-in.js'
import { root } from './root.js'

const PATIENCE_MS = 120_000
const POLL_MS = 20
/** What a copy takes over: see {@link compiledCopy}. */
const COPIED = /^(src|projections|upcasters|test)\/(?!.*(\.test\.js|\.map)$)/

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

/**
 * All that was compiled but the tests themselves, in a directory of its own; of what lies in `replaced` as it lies in the repository,
 * that instead. Hard links: nothing is to be written into them.
 */
export function compiledCopy(directory: string, replaced?: string): void {
  const others = replaced === undefined ? [] : filesIn(replaced)
  const rest = filesIn(compiled()).filter((path) => COPIED.test(path) && !others.includes(path))
  linkInto(directory, compiled(), rest)
  if (replaced !== undefined) linkInto(directory, replaced, others)
  furnish(directory)
  // What this copy starts in processes of their own is of this copy.
  writeFileSync(join(directory, 'done'), '')
}

function linkInto(directory: string, from: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(join(directory, dirname(path)), { recursive: true })
    linkSync(join(from, path), join(directory, path))
  }
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
