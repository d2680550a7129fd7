/** The documents tell the truth: their code compiles and runs, their tables match the code, their links lead somewhere. */
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorCodes } from '../src/errors.js'
import { anchors, codeBlocks, headings, localLinks, tableRows } from './support/markdown.js'
import { filesBelow, root } from './support/root.js'
import { Snippets, type Snippet } from './support/snippets.js'
import { cases } from './torture/cases.js'

const NEEDED = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...['guide', 'architecture', 'format', 'errors', 'acceptance', 'upgrading'].map((name) => `docs/${name}.md`),
]
const documents = [...filesBelow('docs'), 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'].filter(
  (file) => file.endsWith('.md') && existsSync(join(root, file)),
)

/** Text of a document; a document that is not there fails the test that asks for it. */
function read(file: string): string {
  expect(existsSync(join(root, file)), `${file} is not there`).toBe(true)
  return readFileSync(join(root, file), 'utf8')
}

test.each(NEEDED)('%s is there', (file) => {
  expect(read(file).trim()).not.toBe('')
})

describe('code in documents', () => {
  const blocks = documents.flatMap((document) => codeBlocks(read(document)).map((block) => ({ document, ...block })))
  const programs = blocks.filter(({ info }) => /^ts\b/.test(info))
  let snippets: Snippets
  beforeAll(() => {
    snippets = new Snippets(programs)
  })
  afterAll(() => snippets.remove())

  test('a block that does not run says why', () => {
    const marked = programs.filter(({ info }) => info !== 'ts' && !/^ts no-run: \S/.test(info))
    expect(marked.map(({ document, line, info }) => `${document}:${line} ${info}`)).toEqual([])
  })

  test('every block passes the compiler', { timeout: 90_000 }, async () => {
    expect(await snippets.typeErrors()).toEqual([])
  })

  for (const program of programs.filter(({ info }) => info === 'ts')) {
    test(`${program.document}: the block at line ${program.line} runs`, { timeout: 90_000 }, async () => {
      expect(await snippets.run(program satisfies Snippet)).toMatchObject({ exitCode: 0 })
    })
  }
})

describe('docs/errors.md', () => {
  test('has one heading for each code, and no other codes', () => {
    const codes = headings(read('docs/errors.md'), 2).filter((heading) => /^`?JOURNAL_/.test(heading))
    expect(codes.map((code) => code.replaceAll('`', '')).toSorted()).toEqual(Object.keys(errorCodes).toSorted())
  })

  test('names no code that does not exist', () => {
    const named = documents.flatMap((document) =>
      Array.from(read(document).matchAll(/\bJOURNAL_[A-Z_]+\b/g), ([code]) => ({ document, code })),
    )
    expect(named.filter(({ code }) => !Object.hasOwn(errorCodes, code))).toEqual([])
  })
})

describe('docs/acceptance.md', () => {
  const rows = (): string[][] => tableRows(read('docs/acceptance.md')).filter(([id]) => /^[A-Z]\d+$/.test(id ?? ''))

  test('has one row for each invariant and feature', () => {
    expect(rows().map(([id]) => id)).toEqual(IDS)
  })

  test('names for each row the tests that hold it, or says "not yet"', () => {
    const wrong = rows().flatMap(([id, , holds = '']) =>
      /^not yet(: .+)?$/.test(holds) ? [] : holds.split('<br>').flatMap((held) => findTest(id!, held.trim())),
    )
    expect(wrong).toEqual([])
  })
})

describe('docs/reliability.md', () => {
  const found = (): string[][] => tableRows(read('docs/reliability.md').split('\n## What was found\n')[1] ?? '')

  test('names for everything that was found a test that is there', () => {
    const without = found().filter(([, , now = '']) => {
      const files = Array.from(now.matchAll(/`([^`]+)`/g), ([, file]) => file!)
      return files.length === 0 || files.some((file) => !file.endsWith('.test.ts') || !existsSync(join(root, file)))
    })
    expect(without).toEqual([])
  })

  test('tells of every case that torture has found', () => {
    const told = found().flatMap(([, what = '', now]) => (now === '`test/torture/cases.test.ts`' ? [what] : []))
    expect(told.toSorted()).toEqual(Object.keys(cases).toSorted())
  })
})

describe('what documents point to', () => {
  test('links lead to files and headings that are there', () => {
    const broken = documents.flatMap((document) =>
      localLinks(read(document)).flatMap((link) => {
        const [path, anchor] = link.split('#')
        const target = path === '' ? document : posix.join(posix.dirname(document), path!)
        const leads = existsSync(join(root, target)) && (anchor === undefined || anchors(read(target)).includes(anchor))
        return leads ? [] : [`${document}: ${link}`]
      }),
    )
    expect(broken).toEqual([])
  })

  test('commands of npm are scripts that are there', () => {
    const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts)
    const named = documents.flatMap((document) =>
      Array.from(read(document).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g), ([, run, short]) => ({
        document,
        script: run ?? short!,
      })),
    )
    expect(named.filter(({ script }) => !scripts.includes(script))).toEqual([])
  })
})

/**
 * D: the design's invariants. I: what went wrong elsewhere, as rules. C: crash safety. W, R, Q, L: features of writing, recovery, queries and
 * life cycle.
 */
const IDS = Object.entries({ D: 13, I: 58, C: 52, W: 20, R: 20, Q: 14, L: 17 }).flatMap(([family, count]) =>
  Array.from({ length: count }, (_, at) => `${family}${at + 1}`),
)

/** What is wrong with `` `test/file.test.ts` › title ``; titles of suites may stand before the test's, each behind a ›. */
function findTest(id: string, held: string): string[] {
  const [, file, titles] = /^`(test\/[\w./-]+\.test\.ts)` › (.+)$/.exec(held) ?? []
  if (file === undefined || titles === undefined) return [`${id}: not of the form \`test/file.test.ts\` › title: ${held}`]
  if (!existsSync(join(root, file))) return [`${id}: ${file} is not there`]
  const source = read(file).replaceAll(String.raw`\'`, "'")
  const missing = titles.split(' › ').filter((title) => !new RegExp(String.raw`\(\s*(['"\`])${escape(title)}\1`).test(source))
  return missing.map((title) => `${id}: ${file} has no test "${title}"`)
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
