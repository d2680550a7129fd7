/** The commands as they are typed: what they print, what they give machines, and how they exit. */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { play } from '../../src/cli/demo/runtime.js'
import { sample } from '../../src/cli/demo/sample.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import { allCommands } from '../../src/cli/commands/index.js'
import { openJournal } from '../../src/index.js'
import { programPath } from '../support/compiled.js'
import { copyTo } from '../support/journal.js'
import { root } from '../support/root.js'
import { describeWithSharedData } from '../support/shared-data.js'
import { turnlog, type Ran } from '../support/turnlog.js'
import { notesBefore } from '../support/theirs.js'

const commands = await allCommands()
const base = mkdtempSync(join(tmpdir(), 'turnlog-commands-'))
const journal = join(base, 'journal')
const script = writeScript(sample())

/** Runs the program as it is started. */
function program(...words: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd: root, env: { ...process.env, NO_COLOR: '', FORCE_COLOR: undefined }, maxBuffer: 1 << 26 }
    execFile(process.execPath, [programPath('src/cli/main.ts'), ...words], options, (error, out, errors) => {
      resolve({ exit: error === null ? 0 : Number(error.code), out, errors })
    })
  })
}

async function json(...words: string[]): Promise<unknown> {
  const { exit, out } = await turnlog(...words, '--json')
  expect(exit).toBe(0)
  return JSON.parse(out)
}

beforeAll(async () => {
  await using writing = await openJournal(journal)
  await play(writing, script)
})
afterAll(() => rmSync(base, { recursive: true }))

test('show and markdown say how many turns a thread no longer holds', async () => {
  const compacted = join(base, 'compacted')
  await using writing = await openJournal(compacted)
  await writing.append('session-1', [
    { type: 'session.created', data: {} },
    { type: 'thread.started', data: { threadId: 'main' } },
    ...['a', 'b', 'c'].flatMap((turnId) => [
      {
        type: 'turn.submitted' as const,
        data: { threadId: 'main', turnId, input: [{ type: 'text' as const, text: `Question ${turnId}` }] },
      },
      { type: 'turn.started' as const, data: { turnId } },
      { type: 'turn.completed' as const, data: { turnId } },
    ]),
  ])
  const hidden = async (): Promise<string | undefined> =>
    /hidden +(\d+ turns?) /.exec((await turnlog('show', compacted, 'session-1')).out)?.[1]
  const markdown = async (): Promise<string> => (await turnlog('export', compacted, 'session-1', '--to', 'markdown')).out
  expect(await hidden()).toBe(undefined)
  expect(await markdown()).not.toContain('Not here')
  await writing.append('session-1', [{ type: 'thread.compacted', data: { threadId: 'main', throughTurnId: 'b', summary: 'a and b' } }])
  expect(await hidden()).toBe('2 turns')
  expect(await markdown()).toContain('> Not here: 2 turns that a compaction summed up')
  expect((await turnlog('show', compacted, 'session-1')).out).not.toContain('Question b')
  expect((await turnlog('search', compacted, 'Question b')).out).toContain('Question b')
  const { out: all } = await turnlog('show', compacted, 'session-1', '--all')
  expect(all).toContain('Question b')
  expect(all).not.toContain('hidden')
})

describe('help', () => {
  test('names every command, and nothing that is not there', async () => {
    const { exit, out } = await turnlog('--help')
    expect(exit).toBe(0)
    expect(Array.from(out.matchAll(/^ {2}([a-z]+) [<[]/gm), ([, name]) => name)).toEqual(commands.map(({ name }) => name))
  })

  test.each(commands.map(({ name }) => name))('of %s has an example', async (name) => {
    const { exit, out } = await turnlog(name, '--help')
    expect(exit).toBe(0)
    expect(out).toContain(`$ turnlog ${name}`)
    expect(out).toContain('--json')
    expect((await turnlog('help', name)).out).toBe(out)
  })
})

test.each(['--version', '-V'])('%s is that of the package', async (word) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(await turnlog(word)).toEqual({ exit: 0, out: `${version}\n`, errors: '' })
  expect(await program(word)).toEqual({ exit: 0, out: `${version}\n`, errors: '' })
})

describe('usage', () => {
  test.each([
    [[]],
    [['nothing']],
    [['verify']],
    [['verify', 'a', 'b']],
    [['verify', 'a', '--bogus']],
    [['sessions', 'a', '--limit', 'x']],
    [['demo', '--dir', '.']],
  ])('%j exits with 2 and says where to look', async (words) => {
    const { exit, out, errors } = await turnlog(...words)
    expect(exit).toBe(2)
    expect(out + errors).toContain('--help')
  })

  test('a journal that is not there exits with 1, in one line, and creates nothing', async () => {
    const { exit, out, errors } = await turnlog('sessions', join(base, 'nowhere'), '--json')
    expect(exit).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'JOURNAL_NOT_FOUND' } })
    expect(errors.trim().split('\n')).toHaveLength(1)
    expect(readdirSync(base)).not.toContain('nowhere')
  })

  test('a transcript that is not there, or is none, exits with 1 and leaves nothing behind', async () => {
    expect(await turnlog('demo', 'nowhere.jsonl')).toMatchObject({ exit: 1, out: '' })
    expect(await turnlog('demo', 'package.json')).toMatchObject({ exit: 1, out: '' })
  })
})

describe('for machines', () => {
  test('sessions', async () => {
    expect(await json('sessions', journal)).toEqual({
      sessions: [
        { id: script.session, title: 'High water is an hour early', status: 'active', lastActivity: expect.any(Number), turns: 4 },
      ],
    })
    expect(await json('sessions', journal, '--limit', '0')).toEqual({ sessions: [] })
  })

  test('show', async () => {
    expect(await json('show', journal, script.session)).toMatchObject({
      session: { id: script.session, turns: 4 },
      threads: [{ threadId: 'main' }],
      turns: [{ turnId: 'turn-1' }, { turnId: 'turn-2' }, { turnId: 'turn-3' }, { turnId: 'turn-4' }],
      transcripts: [{ threadId: 'main' }],
    })
    expect((await turnlog('show', journal, 'nobody')).exit).toBe(1)
  })

  test('tasks', async () => {
    expect(await json('tasks', journal)).toMatchObject({ tasks: [{ taskId: 'rebuild-tables', status: 'completed', percent: 100 }] })
  })

  test('stats and verify', async () => {
    const { events, commits, streams, bytes } = (await json('stats', journal)) as Record<string, number>
    expect({ commits, streams }).toEqual({ commits: script.steps.length, streams: 2 })
    expect(bytes).toBeGreaterThan(1000)
    expect(await json('verify', journal)).toMatchObject({ ok: true, events, commits, damage: [] })
  })

  test('tail', async () => {
    const { out } = await turnlog('tail', journal, '--limit', '3', '--json')
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { position: number; type: string })
    expect(events.map(({ type }) => type)).toEqual(['item.delta', 'item.completed', 'turn.completed'])
    expect(events.map(({ position }) => position - events[0]!.position)).toEqual([0, 1, 2])
  })

  test('tail that follows, event by event, beside the writer', async () => {
    const followed = join(base, 'followed')
    await using writing = await openJournal(followed)
    await writing.append('s', [{ type: 'session.created', data: { title: 'first', extra: { bytes: new Uint8Array([1, 2]) } } }])
    const child = spawn(process.execPath, [programPath('src/cli/main.ts'), 'tail', followed, '--follow', '--json'], { cwd: root })
    const seen: unknown[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      seen.push(JSON.parse(line))
      if (seen.length === 1) await writing.append('s', [{ type: 'session.updated', data: { title: 'second' } }])
      else child.kill()
    }
    expect(seen).toMatchObject([
      { position: 1, data: { title: 'first', extra: { bytes: { base64: 'AQI=' } } } },
      { position: 2, data: { title: 'second' } },
    ])
  })

  test('snapshot', async () => {
    const { snapshots } = (await json('snapshot', journal)) as { snapshots: { projection: string }[] }
    expect(snapshots.map(({ projection }) => projection)).toContain('session')
    expect(await json('snapshot', journal)).toEqual({ snapshots: [] })
  })
})

describe('the program', () => {
  test('exits as its command says', async () => {
    expect(await program()).toMatchObject({ exit: 2, out: expect.stringContaining('turnlog') })
    expect(await program('stats', journal)).toMatchObject({ exit: 0, out: expect.stringContaining('commits') })
  })
})

describe('for people', () => {
  test.each([
    ['sessions', 'High water is an hour early'],
    ['show', 'Found it.'],
    ['tasks', 'rebuild-tables'],
    ['tail', 'turn.completed'],
    ['stats', 'commits'],
    ['verify', 'ok'],
  ])('%s says it in plain text where there is no terminal', async (command, text) => {
    const { exit, out } = await turnlog(command, journal, ...(command === 'show' ? [script.session] : []))
    expect(exit).toBe(0)
    expect(out).toContain(text)
    expect(out).not.toContain('\u{1B}')
  })

  test('what a session brought along cannot steer the terminal', async () => {
    const hostile = join(base, 'hostile')
    {
      await using writing = await openJournal(hostile)
      await writing.append('s', [{ type: 'session.created', data: { title: '\u{1B}[31mred\u{7}' } }])
    }
    expect((await turnlog('sessions', hostile)).out).not.toMatch(/(?!\n)\p{Cc}/u)
    rmSync(hostile, { recursive: true })
  })
})

describe('a damaged journal', () => {
  /** A journal of several segments, with a bit turned in a text of one. */
  async function damagedIn(which: 'oldest' | 'newest'): Promise<{ path: string; segment: string }> {
    const path = join(base, which)
    {
      await using writing = await openJournal(path, { segmentBytes: 16_384 })
      await play(writing, script)
    }
    const segments = readdirSync(join(path, 'journal'))
      .filter((file) => file.endsWith('.seg'))
      .toSorted()
    expect(segments.length).toBeGreaterThan(1)
    const segment = (which === 'oldest' ? segments.at(0) : segments.at(-1))!
    const file = join(path, 'journal', segment)
    const bytes = readFileSync(file)
    bytes[bytes.indexOf(which === 'oldest' ? 'Since Sunday' : 'slack water')]! ^= 1
    writeFileSync(file, bytes)
    return { path, segment }
  }

  test.each(['oldest', 'newest'] as const)('exits with 3 and says where: in the %s segment', async (which) => {
    const { path, segment } = await damagedIn(which)
    const { exit, out } = await turnlog('verify', path, '--json')
    expect(exit).toBe(3)
    expect(JSON.parse(out)).toMatchObject({ ok: false, damage: [{ segment }] })
    expect((await turnlog('verify', path)).out).toContain('damage')
    if (which === 'newest') expect((await turnlog('stats', path)).exit).toBe(3)
    rmSync(path, { recursive: true })
  })
})

interface Summary {
  ok: boolean
  journal: string
  boots: { killed: boolean; resumes: Record<string, { done: number; again: number[] }> }[]
  proof: { derived: string; viewsEqual: boolean; damaged: string; snapshots: { refused: { file: string }[] } }
  verify: { ok: boolean }
  broken: string[]
}

async function demonstrate(...words: string[]): Promise<Summary> {
  const { exit, out } = await program('demo', ...words, '--json')
  expect(exit).toBe(0)
  return JSON.parse(out) as Summary
}

function expectKept({ ok, boots, proof, verify, broken }: Summary): void {
  expect(broken).toEqual([])
  expect(ok).toBe(true)
  expect(verify.ok).toBe(true)
  expect(boots.map(({ killed }) => killed)).toEqual([...boots.slice(1).map(() => true), false])
  expect(proof).toMatchObject({ derived: 'rebuilt', viewsEqual: true })
  expect(proof.snapshots.refused.map(({ file }) => file)).toContain(proof.damaged)
}

describe('demo', () => {
  test('kills the sample in every situation, and everything comes back', { timeout: 60_000 }, async () => {
    const summary = await demonstrate('--dir', join(base, 'demo'))
    expectKept(summary)
    expect(summary.boots).toHaveLength(8)
    expect(await json('verify', summary.journal)).toMatchObject({ ok: true })
    expect(await json('sessions', summary.journal)).toMatchObject({ sessions: [{ id: 'session-tidewatch', turns: 4 }] })
  })
})

describeWithSharedData('demo of real transcripts', (data) => {
  test('plays Claude Code and pi into one journal', { timeout: 60_000 }, async () => {
    const paths = [
      'claude-code/claude-code-log/edge_cases.jsonl',
      'claude-code/claude-code-log/edge_cases.jsonl',
      'pi/agent-sessions/small.jsonl',
    ]
    const summary = await demonstrate('--dir', join(base, 'real'), ...paths.map((path) => join(data, 'agents', path)))
    expectKept(summary)
    const { sessions } = (await json('sessions', summary.journal)) as { sessions: { id: string }[] }
    expect(sessions.map(({ id }) => id).toSorted()).toEqual([
      'session-019e19b4-eb48-746a-aa6b-8dfcfa37954b',
      'session-edge_cases',
      'session-edge_cases~2',
    ])
  })
})

describe('upgrade and freeze', () => {
  const old = join(base, 'old')
  beforeAll(() => copyTo(join(root, 'test/fixtures/journals/format-1/first-schemas'), old))

  test('upgrade says first what it would do, does it, and says then that there is nothing left', async () => {
    expect(await json('upgrade', old, '--dry-run')).toMatchObject({ needed: true, dryRun: true, rewritten: 2 })
    expect(readdirSync(base)).not.toContain('old.v1.bak')
    const { exit, out } = await turnlog('upgrade', old)
    expect({ exit, out }).toEqual({
      exit: 0,
      out: expect.stringMatching(/2 of the events .*in today's schemas now\n.*old\.v1\.bak/) as string,
    })
    expect(out).toMatch(/theme\.chosen@1 +1 +is not in the catalogue/)
    expect((await turnlog('upgrade', old)).out).toMatch(/Nothing to do/)
    expect((await turnlog('stats', old)).out).toMatch(/1 of them are theme\.chosen, which this program does not know/)
  })

  test('upgrade --extend takes events of somebody’s own', async () => {
    const journalOfTheirs = join(base, 'theirs')
    const module = programPath('test/support/theirs.ts')
    await using writing = await openJournal(journalOfTheirs, { extend: { events: notesBefore } })
    await writing.append('s', [{ type: 'note.added', data: { text: 'n' } }])
    await writing.close()
    expect(await turnlog('upgrade', journalOfTheirs)).toMatchObject({
      exit: 1,
      errors: expect.stringContaining('JOURNAL_UNKNOWN_EVENT') as string,
    })
    expect(await json('upgrade', journalOfTheirs, '--extend', module)).toMatchObject({ rewritten: 1 })
  })

  test('freeze writes what is new, and --check exits with 1 where something is not frozen or does not agree', async () => {
    const schemas = join(base, 'schemas')
    const module = programPath('test/support/theirs.ts')
    expect((await turnlog('freeze', schemas, module, '--check')).exit).toBe(1)
    expect(await turnlog('freeze', schemas, module)).toMatchObject({ exit: 0, out: expect.stringContaining('note.added@2.json') as string })
    expect(await turnlog('freeze', schemas, module, '--check')).toMatchObject({ exit: 0, out: 'Nothing has changed.\n' })
    const file = join(schemas, 'note.added@2.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"type": "array"', '"type": "object"'))
    expect(await turnlog('freeze', schemas, module, '--check')).toMatchObject({
      exit: 1,
      out: expect.stringContaining('its shape changed') as string,
    })
    expect(await turnlog('freeze', schemas, programPath('test/support/random.ts'))).toMatchObject({ exit: 2 })
  })
})
