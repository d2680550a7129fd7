/** Which finder finds which planted bug, and how a bug is planted: its patch applied to a copy of the sources, and that compiled. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compile, compiled, furnish } from '../support/compiled.js'
import { root } from '../support/root.js'

const run = promisify(execFile)
const BUGS = join(root, 'test/planted/bugs')
const COPIED = ['src', 'projections', 'upcasters', 'test']
/** For each finder: a bug that makes its finder wait for ever is found as well. */
const PATIENCE_MS = 60_000

/** The quickest finder of each bug. */
export const finderOf: Record<string, string> = {
  'ack-before-sync': 'powerCuts',
  'blind-truncate': 'lastGroup',
  'close-without-drain': 'closing',
  'delete-before-snapshot': 'snapshotsKept',
  'digest-unchecked': 'forged',
  'head-before-sync': 'powerCuts',
  'head-ignored': 'cuts',
  'ignore-short-write': 'shortWrite',
  'index-unchecked': 'indexes',
  'lengths-believed': 'decoders',
  'link-before-sync': 'namesKept',
  'link-followed': 'linked',
  'misdirected-frame': 'misdirected',
  'no-directory-sync': 'powerCuts',
  'no-epoch-check': 'twoWriters',
  'no-header-checksum': 'flips',
  'no-journal-id': 'foreign',
  'no-lock': 'twoWriters',
  'no-rewrite': 'failedSync',
  'old-end-forgotten': 'powerCuts',
  'older-head': 'intact',
  'padding-unchecked': 'padding',
  'payload-unchecked': 'flips',
  pipelined: 'earlyWriting',
  'rescue-unchecked': 'flips',
  'retry-sync': 'failedSync',
  'row-unchecked': 'derivedRot',
  'seal-ignored': 'levelRot',
  'skip-bad-frame': 'flips',
  'snapshot-before-sync': 'snapshotCuts',
  'snapshot-digest-unchecked': 'snapshotFlips',
  'time-goes-back': 'clockBack',
  unaligned: 'garbage',
  'write-after-failure': 'failedSync',
  'zeros-end-the-log': 'lastGroup',
}

export interface Bug {
  name: string
  /** What it breaks. */
  what: string
  patch: string
}

export function bugs(): Bug[] {
  return readdirSync(BUGS)
    .toSorted()
    .map((file) => {
      const patch = join(BUGS, file)
      return { name: file.replace(/\.patch$/, ''), what: (/^# (.+)\n/.exec(readFileSync(patch, 'utf8'))?.[1] ?? '').trim(), patch }
    })
}

/** The files that bugs change, each with its bug in it, compiled: in a folder for each bug, where they lie in the sources. */
export class Planted {
  readonly #directory = mkdtempSync(join(tmpdir(), 'turnlog-planted-'))
  readonly #sources = join(this.#directory, 'sources')
  readonly #compiled = join(this.#directory, 'compiled')

  /** @throws Error with what git says if a patch no longer applies. */
  async plant(all: readonly Bug[]): Promise<void> {
    const files: string[] = []
    for (const { name, patch } of all) {
      const cwd = join(this.#sources, name)
      for (const [, path = ''] of readFileSync(patch, 'utf8').matchAll(/^\+\+\+ b\/(.+)$/gm)) {
        cpSync(join(root, path), join(cwd, path))
        files.push(join(name, path))
      }
      try {
        const env = { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() }
        await run('git', ['apply', '--whitespace=nowarn', patch], { cwd, env })
      } catch (error) {
        throw new Error(`${name}.patch no longer applies; make it again for the code as it is now`, { cause: error })
      }
    }
    furnish(this.#sources)
    const options = ['--noResolve', '--rootDir', '.', '--outDir', this.#compiled, '--module', 'nodenext', '--target', 'es2023']
    compile(this.#sources, ...options, ...files)
  }

  /** Everything, with one bug in it, in a directory of its own. */
  copyWith({ name }: Bug): string {
    const copy = join(this.#directory, 'copies', name)
    const filter = (path: string): boolean => !/\.test\.js$|\.map$/.test(path)
    for (const folder of COPIED) cpSync(join(compiled(), folder), join(copy, folder), { recursive: true, filter })
    furnish(copy)
    cpSync(join(this.#compiled, name), copy, { recursive: true })
    return copy
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** What finders find in a directory, if anything. */
export async function find(directory: string, finders: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(process.execPath, ['test/planted/find.js', ...finders], {
      cwd: directory,
      timeout: PATIENCE_MS * finders.length,
      killSignal: 'SIGKILL',
    })
    return (JSON.parse(stdout) as { found: string | null }).found ?? undefined
  } catch (error) {
    return `ended by ${String(error).slice(0, 300)}`
  }
}
