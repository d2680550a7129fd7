/** `turnlog import` as it is typed. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { cli } from '../../../src/cli/cli.js'
import type { ImportReport } from '../../../src/cli/import/report.js'
import { Places } from '../../support/imports-into.js'
import { root } from '../../support/root.js'

const places = new Places()
afterAll(() => places.remove())
const fixture = join(root, 'test/fixtures/import/pi/session.jsonl')

async function turnlog(...words: string[]): Promise<{ exit: number; out: string }> {
  const kept: string[] = []
  const keep = (chunk: unknown): boolean => kept.push(String(chunk)) > 0
  const spies = [vi.spyOn(process.stdout, 'write').mockImplementation(keep), vi.spyOn(process.stderr, 'write').mockImplementation(keep)]
  try {
    return { exit: await cli(words), out: kept.join('') }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

describe('turnlog import', () => {
  test('makes the journal, says what came in, and the second time that nothing did', async () => {
    const directory = places.next()
    expect((await turnlog('import', directory, fixture)).out).toMatch(
      /pi +1 +18 [\s\S]*1 session\(s\) and 18 events in 1 file\(s\); 18 added/,
    )
    expect((await turnlog('import', directory, fixture)).out).toMatch(/; 0 added/)
  })

  test('gives machines a report with an item for each file, and exits with 0 for damaged and unknown ones', async () => {
    const folder = places.next('mixed')
    mkdirSync(folder)
    writeFileSync(join(folder, 'notes.txt'), 'no session')
    writeFileSync(join(folder, 'torn.jsonl'), '{"type":"session","id":"t","cwd":"/srv"}\n{"type":"mess')
    const { exit, out } = await turnlog('import', places.next(), folder, '--json')
    const report = JSON.parse(out) as ImportReport
    expect(exit).toBe(0)
    expect(report).toMatchObject({ sessions: 1, events: 1, added: 1 })
    expect(report.files.map(({ kind, damaged }) => [kind, damaged])).toEqual([
      ['unknown', [{ reason: 'of no known kind; name one with --from' }]],
      ['pi', [{ line: 2, reason: 'torn last line' }]],
    ])
  })

  test('takes a file to be of the kind that is named', async () => {
    const { out } = await turnlog('import', places.next(), fixture, '--from', 'openclaw', '--json')
    expect((JSON.parse(out) as ImportReport).files).toMatchObject([{ kind: 'openclaw', sessions: 1 }])
  })

  test('says what it would do, and does nothing, with --dry-run', async () => {
    expect((await turnlog('import', places.next(), fixture, '--dry-run')).out).toMatch(/18 would be added; nothing was changed/)
  })

  test('names what is wrong with the words', async () => {
    expect(await turnlog('import', places.next(), fixture, '--from', 'nobody')).toMatchObject({
      exit: 2,
      out: expect.stringMatching(/--from takes one of .*claude-code/) as string,
    })
    expect((await turnlog('import', places.next())).exit).toBe(2)
    expect(await turnlog('import', places.next(), '/nowhere')).toMatchObject({ exit: 1, out: expect.stringMatching(/ENOENT/) as string })
  })
})
