/** Which mutants each check meets, and how long it takes: found out once, with the sources marked. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compiled, programPath } from '../support/compiled.js'
import { filesIn } from '../support/files-in.js'
import { root } from '../support/root.js'
import { commandOf, foundIn, type Check } from './checks.js'
import { compileApart, Copy } from './copy.js'

export interface Met extends Check {
  tookMs: number
  mutants: ReadonlySet<string>
}

const SILENCE_MS = 600_000

/** Runs each check alone, unless it is known what it meets. @throws Error if one finds something where there is nothing. */
export async function meetings(
  checks: readonly Check[],
  marked: ReadonlyMap<string, string>,
  progress: (met: Met) => void,
): Promise<Met[]> {
  const known = join(root, 'test/mutation/node_modules', `.met-${fingerprint()}.json`)
  const before = existsSync(known) ? (JSON.parse(readFileSync(known, 'utf8')) as [string, number, string[]][]) : []
  const found = new Map<string, Pick<Met, 'tookMs' | 'mutants'>>(
    before.map(([name, tookMs, mutants]) => [name, { tookMs, mutants: new Set(mutants) }]),
  )
  const marking = new Marking(marked)
  try {
    for (const check of checks) {
      if (found.has(check.name)) continue
      found.set(check.name, await marking.meeting(check))
      writeFileSync(known, JSON.stringify(Array.from(found, ([name, { tookMs, mutants }]) => [name, tookMs, [...mutants]])))
      progress({ ...check, ...found.get(check.name)! })
    }
  } finally {
    marking.remove()
  }
  return checks.map((check) => ({ ...check, ...found.get(check.name)! }))
}

/** Of all that is compiled: a check may meet others once anything is changed. */
function fingerprint(): string {
  const hash = createHash('sha256')
  for (const path of filesIn(compiled()).filter((file) => file.endsWith('.js') && !file.startsWith('test/mutation/')))
    hash.update(readFileSync(join(compiled(), path)))
  return hash.digest('hex').slice(0, 16)
}

/** A copy of the sources in which they say what they meet. */
class Marking {
  readonly #copy = new Copy()
  readonly #path = join(tmpdir(), `turnlog-met-${process.pid}`)

  constructor(marked: ReadonlyMap<string, string>) {
    const apart = compileApart(marked)
    for (const file of marked.keys()) this.#copy.put(apart.directory, file.replace(/ts$/, 'js'))
    apart.remove()
  }

  async meeting({ kind, name }: Check): Promise<Pick<Met, 'tookMs' | 'mutants'>> {
    writeFileSync(this.#path, '')
    const began = performance.now()
    const env = { TURNLOG_MET: this.#path, NODE_OPTIONS: `--import ${pathToFileURL(programPath('test/mutation/meet.ts')).href}` }
    const { ended, out } = await this.#copy.run(commandOf(kind, [name]), SILENCE_MS, env)
    if (ended !== 'fine' || foundIn(out)) throw new Error(`${name}, with nothing to find: ${ended}\n${out}`)
    return { tookMs: performance.now() - began, mutants: new Set(readFileSync(this.#path, 'utf8').split('\n').filter(Boolean)) }
  }

  remove(): void {
    rmSync(this.#path, { force: true })
    this.#copy.remove()
  }
}
