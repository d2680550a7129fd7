/** Ctrl-C in the middle of what changes something: the real process, interrupted, leaves a good state, says so in one line, and ends with 130. */
import { spawn } from 'node:child_process'
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openJournal } from '../../src/index.js'
import { programPath } from '../support/compiled.js'
import { turnlog } from '../support/turnlog.js'

const base = mkdtempSync(join(tmpdir(), 'turnlog-interrupt-'))
const at = (name: string): string => join(base, name)
const EVENTS = 20_000

beforeAll(async () => {
  const journal = await openJournal(at('journal'))
  const text = 'x'.repeat(200)
  const updated = Array.from({ length: 1000 }, () => ({ type: 'session.updated' as const, data: { title: text } }))
  await journal.append('session-1', [{ type: 'session.created', data: { title: text } }])
  for (let n = 0; n < EVENTS / 1000; n++) await journal.append('session-1', updated)
  await journal.close()
  const row = (n: number): string =>
    JSON.stringify({ type: 'user', sessionId: 's', uuid: `u${n}`, message: { role: 'user', content: `${n} ${text}` } })
  writeFileSync(at('source.jsonl'), `${Array.from({ length: 4000 }, (_, n) => row(n)).join('\n')}\n`)
}, 60_000)
afterAll(() => rmSync(base, { recursive: true }))

interface Ended {
  exit: number | null
  errors: string
}

/** Runs the program and interrupts it as soon as something is seen to have begun. */
async function interrupted(hasBegun: (out: string) => boolean, ...words: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [programPath('src/cli/main.ts'), ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  while (!hasBegun(out) && child.exitCode === null) await sleep(1)
  child.kill('SIGINT')
  return { exit: await ended, errors }
}

const segments = (directory: string): number =>
  existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.seg')).length : 0

describe('Ctrl-C', { timeout: 60_000 }, () => {
  test('in an import leaves a journal that checks, and the same command goes on', async () => {
    const began = (): boolean => segments(at('imported/journal')) > 0
    const { exit, errors } = await interrupted(began, 'import', at('imported'), at('source.jsonl'))
    expect({ exit, errors }).toEqual({ exit: 130, errors: 'stopped  what came in is in the journal; the same command goes on\n' })
    await turnlog('import', at('imported'), at('source.jsonl'))
    await turnlog('import', at('at-once'), at('source.jsonl'))
    const told = async (name: string): Promise<unknown> =>
      JSON.parse((await turnlog('show', at(name), 'session-s', '--json')).out) as unknown
    expect(JSON.parse((await turnlog('verify', at('imported'), '--json')).out)).toMatchObject({ ok: true, damage: [] })
    expect(JSON.stringify(await told('imported')).length).toBe(JSON.stringify(await told('at-once')).length)
  })

  test('in an export leaves no half of a file', async () => {
    const { exit, errors } = await interrupted(
      () => existsSync(at('all.jsonl')),
      'export',
      at('journal'),
      '--to',
      'jsonl',
      '--out',
      at('all.jsonl'),
    )
    expect({ exit, errors }).toEqual({ exit: 130, errors: 'stopped  --out is not there, or whole\n' })
    expect(existsSync(at('all.jsonl'))).toBe(false)
  })

  test('in a backup leaves none, or a whole one, and the same command goes on', async () => {
    const { exit, errors } = await interrupted(() => existsSync(at('copy')), 'backup', at('journal'), at('copy'))
    expect({ exit, errors }).toMatchObject({ exit: 130, errors: expect.stringMatching(/^stopped {2}.*\n$/) as string })
    expect(await turnlog('backup', at('journal'), at('copy'))).toMatchObject({ exit: 0 })
    expect((await turnlog('verify', at('copy'))).exit).toBe(0)
  })

  test('in a restore leaves no journal, and what is removed can be begun again', async () => {
    await turnlog('backup', at('journal'), at('backup'))
    const { exit, errors } = await interrupted(() => existsSync(at('restored')), 'restore', at('backup'), at('restored'))
    expect({ exit, errors }).toEqual({
      exit: 130,
      errors: 'stopped  what there is of the new directory is no journal yet: remove it, and begin again\n',
    })
    expect((await turnlog('sessions', at('restored'))).exit).toBe(1)
    rmSync(at('restored'), { recursive: true })
    expect(await turnlog('restore', at('backup'), at('restored'))).toMatchObject({ exit: 0 })
    expect((await turnlog('verify', at('restored'))).exit).toBe(0)
  })

  test('in a salvage leaves no journal, and what is removed can be begun again', async () => {
    const { exit, errors } = await interrupted(() => existsSync(at('rescued')), 'salvage', at('journal'), at('rescued'))
    expect({ exit, errors }).toEqual({
      exit: 130,
      errors: 'stopped  what there is of the new directory is no journal yet: remove it, and begin again\n',
    })
    expect((await turnlog('sessions', at('rescued'))).exit).toBe(1)
    rmSync(at('rescued'), { recursive: true })
    expect(await turnlog('salvage', at('journal'), at('rescued'))).toMatchObject({ exit: 0 })
    expect((await turnlog('verify', at('rescued'))).exit).toBe(0)
  })

  test('in a repair loses nothing more, and the same command goes on', async () => {
    cpSync(at('journal'), at('damaged'), { recursive: true })
    const [segment] = readdirSync(at('damaged/journal')).filter((name) => name.endsWith('.seg')) as [string]
    const file = openSync(join(at('damaged/journal'), segment), 'r+')
    writeSync(file, 'damage', 1_000_000)
    closeSync(file)
    const before = JSON.parse((await turnlog('verify', at('damaged'), '--json')).out) as { events: number; damage: unknown[] }
    expect(before.damage).toHaveLength(1)
    const { exit, errors } = await interrupted((out) => out.includes('lost'), 'repair', at('damaged'))
    expect({ exit, errors }).toEqual({ exit: 130, errors: 'stopped  nothing that was readable is lost; the same command goes on\n' })
    expect((await turnlog('repair', at('damaged'))).exit).toBe(0)
    expect((await turnlog('repair', at('damaged'))).out).toContain('there is nothing to repair')
    const after = JSON.parse((await turnlog('verify', at('damaged'), '--json')).out) as object
    expect(after).toMatchObject({ ok: true, damage: [], events: before.events })
  })

  test('in a snapshot leaves the journal as it was', async () => {
    cpSync(at('journal'), at('saving'), { recursive: true })
    const saving = (): boolean => existsSync(at('saving/snapshots'))
    const { exit, errors } = await interrupted(saving, 'snapshot', at('saving'))
    expect({ exit, errors }).toEqual({ exit: 130, errors: 'stopped  the journal is as it was; views that are saved stay saved\n' })
    expect((await turnlog('verify', at('saving'), '--snapshots')).exit).toBe(0)
    expect((await turnlog('snapshot', at('saving'))).exit).toBe(0)
    expect((await turnlog('verify', at('saving'), '--snapshots')).exit).toBe(0)
  })

  test('in an upgrade leaves one whole journal in use, and the same command goes on', async () => {
    const old = at('old')
    const old1 = await import('../support/theirs.js')
    const module = programPath('test/support/theirs.ts')
    {
      await using journal = await openJournal(old, { extend: { events: old1.notesBefore } })
      const notes = Array.from({ length: 1000 }, () => ({ type: 'note.added' as const, data: { text: 'n'.repeat(100) } }))
      for (let n = 0; n < 15; n++) await journal.append('s', notes)
      await journal.close()
    }
    const building = (): boolean => readdirSync(base).some((name) => name.startsWith('old.') && segments(join(base, name, 'journal')) > 0)
    const { exit, errors } = await interrupted(building, 'upgrade', old, '--extend', module)
    expect({ exit, errors }).toEqual({ exit: 130, errors: 'stopped  one whole journal is in use; the same command goes on\n' })
    expect(await turnlog('upgrade', old, '--extend', module)).toMatchObject({ exit: 0 })
    expect((await turnlog('verify', old)).exit).toBe(0)
  })

  test('ends what follows and what only reads, which change nothing', async () => {
    const ended = await interrupted((out) => out.includes('session.updated'), 'tail', at('journal'), '--follow')
    expect(ended).toEqual({ exit: 130, errors: 'stopped  nothing was changed\n' })
  })
})
