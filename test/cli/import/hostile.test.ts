/** Sources that are wrong on purpose: an item in the report each, never a crash, and never much memory. */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { array, constantFrom, integer, sample, tuple } from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { ImportReport } from '../../../src/cli/import/report.js'
import { openJournal } from '../../../src/index.js'
import { imported, Places, transcriptOf } from '../../support/imports-into.js'
import { programPath } from '../../support/compiled.js'
import { root } from '../../support/root.js'
import { seed, withSeed } from '../../support/seed.js'

const fixtures = join(root, 'test/fixtures/import')
const places = new Places()
// Thousands of small files, on a disk that may be busy.
afterAll(() => places.remove(), 600_000)

/** How many mutated files are imported; `TURNLOG_FUZZ_FILES=20000` for a campaign. Each file among the fixtures gets its share. */
const FILES = Number(process.env['TURNLOG_FUZZ_FILES'] ?? 400)

const originals = readdirSync(fixtures, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(fixtures, name)).isFile())

/** One of so many files has a line, or a value, of 100 MB besides. */
const LONG_EVERY = 1000

type Mutation = [string, number, number, number]
const KINDS = ['cut', 'flip', 'splice', 'repeat', 'number', 'null', 'deep', 'newlines', 'swap', 'bytes'] as const

/** A file with one thing wrong with it. */
function mutated(bytes: Buffer, other: Buffer, [kind, a, b, c]: Mutation): Buffer {
  const at = bytes.length === 0 ? 0 : a % bytes.length
  const end = Math.min(bytes.length, at + (b % 200))
  const text = bytes.toString('utf8')
  switch (kind) {
    case 'cut':
      return bytes.subarray(0, at)
    case 'flip': {
      const flipped = Buffer.from(bytes)
      if (flipped.length > 0) flipped[at] = (flipped[at] as number) ^ (1 << (c % 8))
      return flipped
    }
    case 'splice':
      return Buffer.concat([bytes.subarray(0, at), other.subarray(b % Math.max(1, other.length)), bytes.subarray(end)])
    case 'repeat':
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    case 'number':
      return Buffer.from(replaceString(text, a, String(c)))
    case 'null':
      return Buffer.from(
        replaceString(text, a, ['null', '[]', '{}', 'true', '-0', '1e400', '"\\ud800"', '{"__proto__":1}'][c % 8] as string),
      )
    case 'deep':
      return Buffer.from(replaceString(text, a, `${'['.repeat(10_000)}${']'.repeat(10_000)}`))
    case 'newlines':
      return Buffer.from(text.replaceAll('\n', c % 2 === 0 ? '' : '\n\n\r\n'))
    case 'swap': {
      const lines = text.split('\n')
      return Buffer.from([...lines.slice(a % lines.length), ...lines.slice(0, a % lines.length)].join('\n'))
    }
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28, c % 256]), bytes.subarray(end)])
  }
}

const named = (text: string, i: number): string =>
  text.replaceAll(/5e0\d(?=[\d.])|(?<=\/)(parent|child|lines|steps|output|harbour)(?=\.)/g, (id) => `${id}${i.toString().padStart(4, '0')}`)

/** Puts a value in the place of one of a text's strings. */
function replaceString(text: string, which: number, value: string): string {
  const found = [...text.matchAll(/"(?:[^"\\\n]|\\.)*"/g)]
  const chosen = found[which % Math.max(1, found.length)]
  return chosen === undefined ? text : text.slice(0, chosen.index) + value + text.slice(chosen.index + chosen[0].length)
}

/** Says at the end of a process how much memory it took at most, in MiB, on the last line of its standard error. */
const WEIGHS = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\n'+Math.round(process.resourceUsage().maxRSS/1024)))`

/** The program imports a source: its report, and the most memory that it took. */
function importedAside(source: string, directory = places.next()): { report: ImportReport; peakMiB: number } {
  const words = ['--import', WEIGHS, programPath('src/cli/main.ts'), 'import', directory, source, '--json']
  const { stdout, stderr, status } = spawnSync(process.execPath, words, { encoding: 'utf8', maxBuffer: 1 << 30 })
  if (status !== 0) throw new Error(stderr)
  return { report: JSON.parse(stdout) as ImportReport, peakMiB: Number(stderr.split('\n').at(-1)) }
}

describe(withSeed('mutated files'), () => {
  test(`${FILES} of them give a report each, a journal that checks, and nothing more the second time`, { timeout: 1_800_000 }, async () => {
    const folder = places.next('mutated')
    const mutation = tuple(
      constantFrom(...KINDS),
      integer({ min: 0, max: 1 << 20 }),
      integer({ min: 0, max: 1 << 20 }),
      integer({ min: 0, max: 1 << 20 }),
    )
    const cases = sample(tuple(constantFrom(...originals), array(mutation, { minLength: 1, maxLength: 3 })), { numRuns: FILES, seed })
    const read = new Map(originals.map((name) => [name, readFileSync(join(fixtures, name))]))
    for (const [i, [other, mutations]] of cases.entries()) {
      const name = originals[i % originals.length] as string
      // Names of their own, so that sessions are not compared with hundreds of namesakes.
      const path = join(folder, String(i), named(name, i))
      mkdirSync(dirname(path), { recursive: true })
      const original = Buffer.from(named(read.get(name)!.toString(), i))
      const bytes = mutations.reduce<Buffer>((before, one) => mutated(before, read.get(other)!, one), original)
      writeFileSync(path, i % LONG_EVERY === 0 ? Buffer.from(replaceString(bytes.toString(), i, `"${'x'.repeat(100_000_000)}"`)) : bytes)
    }
    const directory = places.next()
    const { report, peakMiB } = importedAside(folder, directory)
    expect(peakMiB).toBeLessThan(256)
    expect(report.files).toHaveLength(FILES)
    expect(
      report.files.flatMap(({ path, damaged }) =>
        damaged.filter(({ reason }) => OURS.test(reason)).map(({ reason }) => `${path}: ${reason}`),
      ),
    ).toEqual([])
    {
      await using journal = await openJournal(directory, { readOnly: true })
      expect(await journal.verify()).toMatchObject({ ok: true, events: report.added })
    }
    expect(importedAside(folder, directory)).toMatchObject({ report: { added: 0 } })
  })
})

/** What the journal says of events that should not have been sent, or the language of programs that are wrong; a schema may say what it `received`. */
const OURS =
  /not all of|JOURNAL_|(?<!received )undefined|is not a function|not iterable|Cannot read|Maximum call stack|Invalid (array|string) length/

describe('a file', () => {
  async function damagedIn(name: string, content: string | Buffer): Promise<string[]> {
    const folder = places.next('file')
    mkdirSync(folder)
    writeFileSync(join(folder, name), content)
    const { report } = await imported(places.next(), folder)
    return report.files.flatMap(({ damaged }) => damaged.map(({ reason }) => reason))
  }

  test.each([
    ['that is empty', 'a.jsonl', ''],
    ['of zeros', 'a.jsonl', Buffer.alloc(100_000)],
    ['of no JSON', 'a.json', 'hello'],
    ['that only says it is a database', 'a.db', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4096, 7)])],
    ['nested deeper than any parser goes', 'a.jsonl', '['.repeat(5_000_000)],
    ['of nothing but quotes', 'a.json', '"'.repeat(1_000_000)],
  ])('%s is an item of the report', async (_name, name, content) => {
    expect(await damagedIn(name, content)).toHaveLength(1)
  })

  test('that is none, or is a link in a circle, is told of and not followed', async () => {
    const folder = places.next('links')
    mkdirSync(folder)
    symlinkSync(folder, join(folder, 'circle'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const { report } = await imported(places.next(), folder)
    expect(report.files.map(({ damaged }) => damaged[0]?.reason)).toEqual(['a symbolic link, which is not followed', 'no regular file'])
  })

  test('that is not there fails by its name', async () => {
    await expect(imported(places.next(), '/nowhere/at/all')).rejects.toThrow(/ENOENT.*nowhere/)
  })

  test('with invalid UTF-8 and odd values says what was changed', async () => {
    const folder = places.next('odd')
    mkdirSync(folder)
    const row = (content: string): string => `{"type":"user","uuid":"u","message":{"role":"user","content":${content}}}\n`
    const odd = row(String.raw`[{"type":"x","a":"\ud800","__proto__":1,"n":1e999,"z":-0}]`)
    const [before, after] = row('"|"').split('|') as [string, string]
    writeFileSync(join(folder, 'a.jsonl'), Buffer.concat([Buffer.from(odd + before), Buffer.from([0xff]), Buffer.from(after)]))
    const { report, directory } = await imported(places.next(), folder)
    expect(Object.keys(report.files[0]?.details.inferred ?? {})).toEqual(
      expect.arrayContaining([
        'a key __proto__ is kept under another name',
        'halves of surrogate pairs are replaced',
        'numbers beyond all bounds are kept as text',
        'bytes that are no UTF-8 are replaced',
      ]),
    )
    const [first, second] = (await transcriptOf(directory, 'session-claude-code-a')).items
    expect(first).toMatchObject({ content: [{ value: { a: '\u{FFFD}', '(__proto__)': 1, n: 'Infinity', z: 0 } }] })
    expect(second).toMatchObject({ content: [{ text: '\u{FFFD}' }] })
  })
})

describe('a document', () => {
  test('whose own names are odd keeps what they name', async () => {
    const path = places.next('names.json')
    writeFileSync(path, String.raw`{"sessionId":"x","\ud800":"half","__proto__":{"a":1},"messages":[{"type":"user","content":"When?"}]}`)
    const { report, directory } = await imported(places.next(), path)
    expect(report.files).toMatchObject([{ kind: 'gemini', sessions: 1, damaged: [] }])
    await using journal = await openJournal(directory, { readOnly: true })
    for await (const event of journal.read('session-x', { limit: 1 }))
      expect(event.data).toMatchObject({ extra: { '\u{FFFD}': 'half', '(__proto__)': { a: 1 } } })
  })
})

test('what Gemini CLI showed of a call is kept where it is not what the model got', async () => {
  const path = places.next('shown.json')
  const call = (id: string, resultDisplay: unknown): object => ({
    id,
    name: 'edit',
    args: {},
    status: 'success',
    result: [{ functionResponse: { response: { output: 'done' } } }],
    resultDisplay,
  })
  const toolCalls = [call('c1', 'done'), call('c2', { fileDiff: '+ one line' })]
  const messages = [
    { id: 'u1', type: 'user', content: 'Go.' },
    { id: 'a1', type: 'gemini', content: '', toolCalls },
  ]
  writeFileSync(path, JSON.stringify({ sessionId: 'shown', projectHash: 'p', startTime: '2026-01-01T00:00:00Z', messages }))
  const { directory } = await imported(places.next(), path)
  await using journal = await openJournal(directory, { readOnly: true })
  const extras: unknown[] = []
  for await (const event of journal.read('session-shown'))
    if (event.type === 'tool.requested') extras.push((event.data as { extra?: unknown }).extra)
  expect(extras).toEqual([{ id: 'a1' }, { resultDisplay: { fileDiff: '+ one line' } }])
})

describe('memory', () => {
  /** A file of `rows` rows between a head and a tail. */
  function written(path: string, head: string, row: (n: number) => string | Buffer, rows: number, tail: string): void {
    const file = openSync(path, 'w')
    writeSync(file, head)
    for (let n = 0; n < rows; n += 1) writeSync(file, Buffer.from(row(n)))
    writeSync(file, tail)
    closeSync(file)
  }

  const prompt = (n: number, content: string): string => `{"type":"user","uuid":"${n}","message":{"role":"user","content":"${content}"}}\n`
  const [before, after] = prompt(1, '|').split('|') as [string, string]
  const said = 'x'.repeat(20_000)
  const message = `{"role":"user","content":"${said}"},\n`
  const piece = Buffer.alloc(1_000_000, 'x')
  const call = (n: number): string =>
    `{"type":"assistant","uuid":"a${n}","message":{"role":"assistant","content":[{"type":"tool_use","id":"c${n}","name":"bash","input":{}}]}}\n`
  const outcome = (n: number, content: string): string =>
    prompt(n, '|').replace('"|"', `[{"type":"tool_result","tool_use_id":"c${n}","content":"${content}"}]`)
  const ordinary = said.slice(0, 3000)
  const TOO_LONG = [{ line: 2, reason: expect.stringMatching(/^a line of 1000000\d\d bytes/) as string }]

  test.each<[string, string, string, (n: number) => string | Buffer, number, string, number, object[]]>([
    ['one line, which is told of', 'line.jsonl', prompt(0, 'before') + before, () => piece, 100, after + prompt(2, 'after'), 6, TOO_LONG],
    ['lines', 'lines.jsonl', '', (n) => prompt(n, said), 5000, '', 10_000, []],
    ['calls and outcomes', 'calls.jsonl', prompt(0, 'Go.'), (n) => call(n) + outcome(n, ordinary), 30_000, '', 60_000, []],
    ['one document', 'one.json', '{"session_id":"x","messages":[', () => message, 5000, '{"role":"user","content":"end"}]}', 10_000, []],
  ])('stays under 256 MiB for 100 MB in %s', { timeout: 300_000 }, (_in, name, head, row, rows, tail, least, damage) => {
    const folder = places.next('large')
    mkdirSync(folder)
    written(join(folder, name), head, row, rows, tail)
    const { report, peakMiB } = importedAside(folder)
    expect(report.files.flatMap(({ damaged }) => damaged)).toEqual(damage)
    expect(report.events).toBeGreaterThanOrEqual(least)
    expect(peakMiB).toBeLessThan(256)
  })
})
