/** Which finder finds which planted bug, and how a bug is planted: its patch applied to a copy of the sources. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../support/root.js'

const run = promisify(execFile)
const BUGS = join(root, 'test/planted/bugs')
const COPIED = ['src', 'projections', 'upcasters', 'test', 'package.json', 'tsconfig.json']
/** A bug that makes its finder wait for ever is found as well. */
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
  'rescue-unchecked': 'flips',
  'retry-sync': 'failedSync',
  'row-unchecked': 'derivedRot',
  'rows-not-counted': 'derivedRot',
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

/** A copy of the sources and of what finds bugs in them. */
export class Copy {
  readonly directory = mkdtempSync(join(tmpdir(), 'turnlog-planted-'))

  constructor() {
    for (const name of COPIED) cpSync(join(root, name), join(this.directory, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(this.directory, 'node_modules'))
  }

  /** @throws Error with what git says if the patch no longer applies. */
  async plant({ name, patch }: Bug): Promise<void> {
    try {
      await run('git', ['apply', '--whitespace=nowarn', patch], {
        cwd: this.directory,
        env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() },
      })
    } catch (error) {
      throw new Error(`${name}.patch no longer applies; make it again for the code as it is now`, { cause: error })
    }
  }

  /** What finders find, if anything. */
  async find(finders: readonly string[]): Promise<string | undefined> {
    try {
      const { stdout } = await run(process.execPath, ['--import', 'tsx', 'test/planted/find.ts', ...finders], {
        cwd: this.directory,
        timeout: PATIENCE_MS,
        killSignal: 'SIGKILL',
      })
      return (JSON.parse(stdout) as { found: string | null }).found ?? undefined
    } catch (error) {
      return `ended by ${String(error).slice(0, 300)}`
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
