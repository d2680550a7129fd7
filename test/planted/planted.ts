/** Which finder finds which planted bug, and how a bug is planted: its patch applied to a copy of the sources, and that compiled. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compile, compiledCopy, furnish } from '../support/compiled.js'
import { root } from '../support/root.js'
import type { Found } from './find.js'

const run = promisify(execFile)
const BUGS = join(root, 'test/planted/bugs')
/** For each finder: a bug that makes its finder wait for ever is found as well. */
const PATIENCE_MS = 60_000

/** Which finder finds each bug: a share of a layer, where one finds it within seconds. */
export const finderOf: Record<string, string> = {
  'ack-before-sync': 'A',
  'blind-truncate': 'D, files',
  'close-without-drain': 'L',
  'delete-before-snapshot': 'B2',
  'digest-unchecked': 'forged',
  'head-before-sync': 'A',
  'head-ignored': 'D, cuts',
  'ignore-short-write': 'K',
  'index-unchecked': 'E',
  'lengths-believed': 'E',
  'link-before-sync': 'A',
  'link-followed': 'linked',
  'lock-file-read': 'A',
  'misdirected-frame': 'misdirected',
  'no-directory-sync': 'A',
  'no-epoch-check': 'L',
  'no-header-checksum': 'E',
  'no-journal-id': 'foreign',
  'no-lock': 'L',
  'no-rewrite': 'B',
  'old-end-forgotten': 'A',
  'older-head': 'D, nothing',
  'padding-unchecked': 'D, bits',
  'payload-unchecked': 'E',
  pipelined: 'earlyWriting',
  'rescue-unchecked': 'D, bits',
  'retry-sync': 'C',
  'row-unchecked': 'derivedRot',
  'seal-ignored': 'N',
  'skip-bad-frame': 'D, bits',
  'snapshot-before-sync': 'B2',
  'snapshot-digest-unchecked': 'N',
  'snapshot-of-another-history': 'N',
  'sync-of-another-descriptor': 'A',
  'temporary-name-again': 'A',
  'time-goes-back': 'B2',
  unaligned: 'B',
  'write-after-failure': 'C',
  'written-too-soon': 'B2',
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

/** The bugs by the letter of the layer that finds them; last those that a script finds. */
export function layersOf(all: readonly Bug[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const { name } of all) {
    const [layer] = /^[A-Z]\d?(?=,|$)/.exec(finderOf[name] ?? '') ?? ['a script']
    found.set(layer, [...(found.get(layer) ?? []), name])
  }
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)))
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

  /** Everything, with one bug in it or none, in a directory of its own. */
  copyWith(bug: Bug | undefined): string {
    const copy = join(this.#directory, 'copies', bug?.name ?? 'none')
    compiledCopy(copy, bug && join(this.#compiled, bug.name))
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
      env: { ...process.env, TURNLOG_COMPILED: directory },
      timeout: PATIENCE_MS * finders.length,
      killSignal: 'SIGKILL',
    })
    const lines = stdout.trimEnd().split('\n')
    const { finder, found } = JSON.parse(lines.at(-1) as string) as Found
    return found === null ? undefined : `${finder}: ${found}`
  } catch (error) {
    return `ended by ${String(error).slice(0, 300)}`
  }
}
