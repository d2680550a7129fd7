/** The mutants of storage/ and engine/, as Stryker makes them. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Instrumenter, type Mutant as Made, type Position } from '@stryker-mutator/instrumenter'
import { root } from '../support/root.js'

const DIRECTORIES = ['src/storage', 'src/engine']
/** Not strings: most are what a person reads, and tests that hold the wording of every message would only be in the way of a better one. */
const LEFT_OUT = ['StringLiteral']

export interface Mutant {
  id: string
  file: string
  mutator: string
  /** Offsets into the file's text. */
  from: number
  to: number
  /** Both from 1. */
  line: number
  column: number
  original: string
  replacement: string
}

export interface Mutants {
  /** In an order that the seed draws. */
  drawn: Mutant[]
  /** The files with all their mutants in them, each behind a switch that is off, and a word to whoever wants to know which are met. */
  marked: Map<string, string>
  /** SHA-256 of what they were made of. */
  sources: string
}

/** Stryker's own count of what is met always counts, and looks for its switch in the environment. */
const HEADER = `const { meets: stryCov_9fa48 } = globalThis.turnlogMutants ?? { meets() {} }; const stryMutAct_9fa48 = () => false
`

export async function makeMutants(seed: number): Promise<Mutants> {
  const texts = new Map(
    DIRECTORIES.flatMap((directory) => readdirSync(join(root, directory)).map((name) => `${directory}/${name}`))
      .filter((file) => !file.endsWith('.d.ts'))
      .toSorted()
      .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  )
  const instrumenter = new Instrumenter({
    isDebugEnabled: () => false,
    debug: () => {},
    info: () => {},
    warn: (message) => void process.stderr.write(`${message}\n`),
  })
  const { files, mutants } = await instrumenter.instrument(
    [...texts].map(([name, content]) => ({ name, content, mutate: true })),
    { excludedMutations: LEFT_OUT, noHeader: true, ignorers: [], plugins: null },
  )
  const made = mutants.filter(({ status }) => status !== 'Ignored').map((one) => mutantOf(one, texts.get(one.fileName)!))
  return {
    drawn: made
      .map((mutant) => ({ mutant, at: hash(seed, mutant.file, mutant.from, mutant.to, mutant.replacement) }))
      .toSorted((a, b) => (a.at < b.at ? -1 : 1))
      .map(({ mutant }) => mutant),
    marked: new Map(files.map(({ name, content }) => [name, HEADER + content])),
    sources: hash(...[...texts].flat()),
  }
}

/** The file's text with the mutant in it. */
export function mutate({ file, from, to, mutator, replacement }: Mutant): string {
  const text = readFileSync(join(root, file), 'utf8')
  // What was made of one operand stays one; but statements and links of a chain are not in parentheses.
  const bare = mutator === 'BlockStatement' || mutator === 'OptionalChaining' || /^(case|default)\b/.test(replacement)
  return text.slice(0, from) + (bare ? replacement : `(${replacement})`) + text.slice(to)
}

function mutantOf({ id, fileName, mutatorName, replacement, location }: Made, text: string): Mutant {
  const lines = text.split('\n')
  const offset = ({ line, column }: Position): number => lines.slice(0, line).reduce((sum, { length }) => sum + length + 1, 0) + column
  const [from, to] = [offset(location.start), offset(location.end)]
  const [line, column] = [location.start.line + 1, location.start.column + 1]
  return { id, file: fileName, mutator: mutatorName, from, to, line, column, original: text.slice(from, to), replacement }
}

function hash(...parts: (string | number)[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex')
}
