/** Importing again: nothing twice, what is new once, and after a death at any moment as if there had been none. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { integer, sample, tuple } from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { openJournal, session } from '../../../src/index.js'
import { eventsIn, imported, Places, toldBy, transcriptOf, typesOf } from '../../support/imports-into.js'
import { programPath } from '../../support/compiled.js'
import { root } from '../../support/root.js'
import { seed, withSeed } from '../../support/seed.js'

const fixtures = join(root, 'test/fixtures/import')
const places = new Places()
afterAll(() => places.remove())

const prompt = (uuid: string, text: string): object => ({
  type: 'user',
  uuid,
  sessionId: 's',
  timestamp: '2026-03-01T08:00:00Z',
  message: { role: 'user', content: text },
})
const answer = (uuid: string, ...content: object[]): object => ({
  type: 'assistant',
  uuid,
  sessionId: 's',
  timestamp: '2026-03-01T08:00:01Z',
  message: { role: 'assistant', content },
})
const said = (text: string): object => ({ type: 'text', text })
const lines = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

function source(content: string, name = 'source.jsonl'): string {
  const folder = places.next('source')
  mkdirSync(folder)
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

describe('a source that has grown', () => {
  const grown = readdirSync(fixtures, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(jsonl|ndjson)$/.test(name))

  test.each(grown)('%s gives the rest, wherever it was cut', async (name) => {
    const all = readFileSync(join(fixtures, name), 'utf8').split('\n').slice(0, -1)
    const whole = places.next()
    cpSync(join(fixtures, name), join(places.next('copy'), name), { recursive: true })
    await imported(whole, join(fixtures, name))
    const [stream = ''] = (await eventsIn(whole)).keys()
    // What an earlier import had to conclude stays: an interruption, and a call that was given up before its outcome came.
    const read = async (directory: string): Promise<string[]> =>
      toldBy(await transcriptOf(directory, stream)).filter((line) => !/^note:|^tool: .* unknown: $/.test(line))
    const expected = await read(whole)
    for (const cut of [1, Math.ceil(all.length / 2), all.length - 1]) {
      const path = join(places.next('growing'), name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(
        path,
        all
          .slice(0, cut)
          .map((line) => `${line}\n`)
          .join(''),
      )
      const directory = places.next()
      await imported(directory, path)
      appendFileSync(
        path,
        all
          .slice(cut)
          .map((line) => `${line}\n`)
          .join(''),
      )
      const { report } = await imported(directory, path)
      expect(report.files.flatMap(({ damaged }) => damaged)).toEqual([])
      const streams = [...(await eventsIn(directory)).keys()]
      expect(streams).toEqual([stream])
      expect(await read(directory)).toEqual(expected)
      expect((await imported(directory, path)).report.added).toBe(0)
    }
  })

  test('goes on with a turn that was open as its next attempt, and an outcome that comes after all is told', async () => {
    const path = source(lines(prompt('u1', 'When?'), answer('a1', { type: 'tool_use', id: 'c1', name: 'table', input: {} })))
    const directory = places.next()
    await imported(directory, path)
    expect(typesOf((await eventsIn(directory)).get('session-s')).slice(-2)).toEqual(['tool.unknown', 'turn.interrupted'])
    appendFileSync(
      path,
      lines(
        {
          type: 'user',
          uuid: 'u2',
          sessionId: 's',
          message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: '06:12' }] },
        },
        answer('a2', said('At 06:12.')),
      ),
    )
    await imported(directory, path)
    const told = toldBy(await transcriptOf(directory, 'session-s'))
    expect(told).toContain('tool: table {} ok: 06:12')
    expect(told.at(-1)).toBe('model: At 06:12.')
  })

  test('whose last line was torn gives that line once it is whole', async () => {
    const whole = lines(prompt('u1', 'When?'), answer('a1', said('At 06:12.')))
    const path = source(whole.slice(0, -20))
    const directory = places.next()
    expect((await imported(directory, path)).report.files[0]?.damaged).toEqual([{ line: 2, reason: 'torn last line' }])
    writeFileSync(path, whole)
    expect((await imported(directory, path)).report.files[0]?.damaged).toEqual([])
    expect(toldBy(await transcriptOf(directory, 'session-s')).filter((line) => !line.startsWith('note'))).toEqual([
      'person: When?',
      'model: At 06:12.',
    ])
  })

  test('only in its title says so, once: of two copies that differ in it, neither is news for ever', async () => {
    const document = (title: string): string =>
      JSON.stringify({ schema_version: 1, metadata: { id: 'x', title }, messages: [{ role: 'user', content: [said('When?')] }] })
    const [one, two] = [source(document('one'), 'x.json'), source(document('two'), 'x.json')]
    const directory = places.next()
    await imported(directory, one)
    expect((await imported(directory, two)).report.added).toBe(1)
    await using journal = await openJournal(directory, { readOnly: true })
    expect((await journal.view(session, 'session-x')).state?.title).toBe('two')
    expect((await imported(directory, one, two)).report.added).toBe(0)
  })
})

describe('the same session', () => {
  test('from another path adds nothing, and neither does an older copy of it', async () => {
    const rows = [prompt('u1', 'When?'), answer('a1', said('At 06:12.')), prompt('u2', 'Sure?')]
    const directory = places.next()
    await imported(directory, source(lines(...rows)))
    expect((await imported(directory, source(lines(...rows)))).report.added).toBe(0)
    const older = await imported(directory, source(lines(...rows.slice(0, 2))))
    expect(older.report.added).toBe(0)
    expect(older.file('source.jsonl').details.notes).toEqual(['an older copy of session-s: all of it is in the journal'])
  })

  test('by name alone is another one, and has a stream of its own', async () => {
    const directory = places.next()
    await imported(directory, source(lines(prompt('u1', 'When?'))))
    const names: string[] = []
    // Two of them begin with the same record.
    for (const rows of [
      [prompt('v1', 'Where?')],
      [prompt('w1', 'Who?'), answer('a1', said('I.'))],
      [prompt('w1', 'Who?'), answer('a1', said('You.'))],
    ]) {
      const other = source(lines(...rows))
      const [note] = (await imported(directory, other)).file('source.jsonl').details.notes
      names.push(/this one is (session-s~[\da-f]{8}.*)$/.exec(note as string)?.[1] as string)
      expect((await imported(directory, other)).report.added).toBe(0)
    }
    expect(new Set(names).size).toBe(3)
    expect(names[2]).toBe(`${names[1]}~2`)
    expect(toldBy(await transcriptOf(directory, names[0] as string))[0]).toBe('person: Where?')
    expect(toldBy(await transcriptOf(directory, names[2] as string))[1]).toBe('model: You.')
  })
})

describe('a dry run', () => {
  test('says the same and makes nothing', async () => {
    const { importSources } = await import('../../../src/cli/import/run.js')
    const directory = places.next()
    const dry = await importSources({ directory, sources: [fixtures], dryRun: true })
    expect(() => readdirSync(directory)).toThrow(/ENOENT/)
    const real = await importSources({ directory, sources: [fixtures] })
    expect(dry).toEqual(real)
    expect((await importSources({ directory, sources: [fixtures], dryRun: true })).added).toBe(0)
  })
})

describe(withSeed('an import that is killed'), () => {
  /** `TURNLOG_IMPORT_KILLS=100` for a campaign. */
  const ROUNDS = Number(process.env['TURNLOG_IMPORT_KILLS'] ?? 6)
  /** Some die while they read, some a while after that, when something is being written or synced. */
  const LATER_MS_MAX = 3

  test(`at ${ROUNDS} moments, each a run of its own, and done again, is equal to one that was not`, async () => {
    const folder = places.next('killed')
    mkdirSync(folder)
    for (let n = 0; n < 6; n += 1) {
      const rows = Array.from({ length: 100 }, (_, i) =>
        i % 3 === 0
          ? prompt(`u${i}`, `question ${i}`)
          : answer(`a${i}`, said('x'.repeat(200)), { type: 'tool_use', id: `c${i}`, name: 'table', input: { i } }),
      )
      writeFileSync(join(folder, `s${n}.jsonl`), lines(...rows.map((row) => ({ ...row, sessionId: `s${n}` }))))
    }
    const bytes = readdirSync(folder).reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0)
    const undisturbed = places.next()
    await imported(undisturbed, folder)
    const expected = await eventsIn(undisturbed)
    const moment = tuple(integer({ min: 1, max: Math.floor(bytes * 0.9) }), integer({ min: 0, max: LATER_MS_MAX }))
    const program = programPath('test/support/import-child.ts')
    for (const [after, later] of sample(moment, { numRuns: ROUNDS, seed })) {
      const directory = places.next()
      const { signal } = spawnSync(process.execPath, [program, directory, folder, String(after), String(later)])
      expect(signal).toBe('SIGKILL')
      await imported(directory, folder)
      expect(await eventsIn(directory)).toEqual(expected)
      expect((await imported(directory, folder)).report.added).toBe(0)
      rmSync(directory, { recursive: true })
    }
  }, 900_000)

  test('and whose open turns a boot closed, goes on behind that', async () => {
    const path = source(lines(prompt('u1', 'When?'), answer('a1', said('Wait.')), answer('a2', said('At 06:12.'))))
    const directory = places.next()
    const { signal } = spawnSync(process.execPath, [programPath('test/support/import-child.ts'), directory, path, '1'])
    expect(signal).toBe('SIGKILL')
    await imported(directory, source(lines(prompt('u1', 'When?'))))
    const running = await openJournal(directory)
    await running.close()
    await imported(directory, path)
    expect(toldBy(await transcriptOf(directory, 'session-s')).filter((line) => !line.startsWith('note'))).toEqual([
      'person: When?',
      'model: Wait.',
      'model: At 06:12.',
    ])
  })
})
