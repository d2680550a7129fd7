import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openJournal, session } from '../../src/index.js'
import { programPath } from '../support/compiled.js'
import { root } from '../support/root.js'

const STREAMS = ['a', 'b', 'c', 'd']
const ACKNOWLEDGED = /^\S+ \d+\n/m

/** Lets the writer run for a while after its first acknowledgement, kills it, and returns the last version it acknowledged for each stream. */
async function killed(directory: string, afterMs: number, ...words: string[]): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [programPath('test/support/kill-writer.ts'), directory, ...words], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = said
    said += text
    if (!ACKNOWLEDGED.test(before) && ACKNOWLEDGED.test(said)) setTimeout(() => child.kill('SIGKILL'), afterMs)
  })
  await new Promise((resolve) => child.once('close', resolve))
  const acknowledged = new Map<string, number>()
  for (const line of said.split('\n').slice(0, -1)) {
    const [stream, version] = line.split(' ')
    if (version !== undefined) acknowledged.set(stream as string, Number(version))
  }
  return acknowledged
}

test('a writer that is killed again and again loses nothing it acknowledged, and every turn it left running is closed and told of', async () => {
  await isKilledAgainAndAgain()
}, 120_000)

test('nor does one that packs its sealed segments meanwhile', async () => {
  const journal = await isKilledAgainAndAgain('compress')
  expect(journal.filter((name) => name.endsWith('.segz')).length).toBeGreaterThan(2)
}, 120_000)

/** Resolves with the names in the journal's folder. */
async function isKilledAgainAndAgain(...words: string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'turnlog-kill-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  for (let round = 0; round < 4; round++) {
    const acknowledged = await killed(directory, 40 + round * 70, ...words)
    expect(acknowledged.size).toBeGreaterThan(0)
    await using journal = await openJournal(directory)
    expect(journal.recovery.damage).toEqual([])
    const interrupted = new Set(journal.recovery.interrupted.map(({ stream }) => stream))
    for (const stream of STREAMS) {
      const versions: number[] = []
      let running: string | undefined
      for await (const event of journal.read(stream)) {
        versions.push(event.version)
        if (event.type === 'turn.started') running = event.data.turnId
        if (event.type === 'turn.completed' || event.type === 'turn.interrupted') running = undefined
        if (event.type === 'turn.interrupted') expect(event.data.cause).toBe('crash')
      }
      expect(versions).toEqual(versions.map((_, i) => i + 1))
      expect(versions.length).toBeGreaterThanOrEqual(acknowledged.get(stream) ?? 0)
      expect(running).toBeUndefined()
      const { state } = await journal.view(session, stream)
      expect(interrupted.has(stream)).toBe(state?.open.some(({ status }) => status === 'interrupted') ?? false)
    }
    expect((await journal.verify()).ok).toBe(true)
  }
  return readdir(join(directory, 'journal'))
}
