/** The runtime: however often it dies, the journal holds the whole script, and everything finished once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { play } from '../../src/cli/demo/runtime.js'
import { sample } from '../../src/cli/demo/sample.js'
import { played, type Script } from '../../src/cli/demo/script.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import { readStory } from '../../src/cli/demo/read-story.js'
import { openJournal, type Transcript } from '../../src/index.js'
import { describeWithSharedData } from '../support/shared-data.js'

const directories: string[] = []
afterEach(() => directories.splice(0).forEach((path) => rmSync(path, { recursive: true })))

function directory(): string {
  directories.push(mkdtempSync(join(tmpdir(), 'turnlog-runtime-')))
  return directories.at(-1)!
}

class Died extends Error {}

interface Life {
  deaths: number[]
  seen?: (transcript: Transcript) => void
}

/** Plays a script to its end in one life after the other; each dies before the step that is named. */
async function live(path: string, script: Script, { deaths, seen }: Life): Promise<void> {
  for (const death of [...deaths, -1]) {
    await using journal = await openJournal(path)
    const before = async (_: Script, index: number): Promise<void> => {
      if (index !== death) return
      seen?.(await journal.transcript(script.session, 'main'))
      throw new Died()
    }
    await play(journal, script, { before }).catch((error: unknown) => {
      if (!(error instanceof Died)) throw error
    })
    seen?.(await journal.transcript(script.session, 'main'))
  }
}

/** What the journal does not hold as often as it should: a step that nothing closes later once, one that something does at least once. */
async function astray(path: string, script: Script): Promise<string[]> {
  const found = await recorded(path)
  const wrong: string[] = []
  script.steps.forEach(({ closes, says }, index) => {
    const attempts = [...(found.get(index) ?? [])]
    if (closes === undefined ? attempts.length !== 1 : attempts.length === 0) wrong.push(`${says}: in ${attempts.length} attempts`)
    for (const [attempt, events] of attempts) {
      if (events !== played(script, index, attempt, false).events.length) wrong.push(`${says}: ${events} events in attempt ${attempt}`)
    }
  })
  await using journal = await openJournal(path)
  const { interrupted, pending, tasks, damage } = journal.recovery
  for (const open of [...interrupted, ...pending, ...tasks, ...damage]) wrong.push(JSON.stringify(open))
  if (!(await journal.verify()).ok) wrong.push('verify')
  return wrong
}

/** For each step, how many events of it each attempt left. */
async function recorded(path: string): Promise<Map<number, Map<number, number>>> {
  await using journal = await openJournal(path, { readOnly: true })
  const found = new Map<number, Map<number, number>>()
  for await (const { meta } of journal.readAll()) {
    if (meta?.['step'] === undefined) continue
    const [step, attempt] = [Number(meta['step']), Number(meta['attempt'])]
    const attempts = found.get(step) ?? new Map<number, number>()
    found.set(step, attempts.set(attempt, (attempts.get(attempt) ?? 0) + 1))
  }
  return found
}

describe('the runtime', () => {
  const script = writeScript(sample())
  const { length } = script.steps
  const everyKth = Array.from({ length: 12 }, (_, i) => Math.floor(((i + 0.5) * length) / 12))

  test.each(everyKth)(
    'dies before step %i, three times more on the way, and nothing is doubled or lost',
    { timeout: 60_000 },
    async (death) => {
      const path = directory()
      await live(path, script, { deaths: [death, death, Math.min(length - 1, death + 3), Math.min(length - 1, death + 11)] })
      expect(await astray(path, script)).toEqual([])
    },
  )

  test('that finds everything played adds nothing', async () => {
    const path = directory()
    await live(path, script, { deaths: [] })
    const head = async (): Promise<unknown> => {
      await using journal = await openJournal(path, { readOnly: true })
      return journal.head
    }
    const before = await head()
    await live(path, script, { deaths: [] })
    expect(await head()).toEqual(before)
  })

  test('begins a call whose outcome nobody knows again, under another id', async () => {
    const path = directory()
    const runs = script.steps.findIndex(({ does }) => does === 'runs')
    await live(path, script, { deaths: [runs + 1] })
    await using journal = await openJournal(path)
    const { items } = await journal.transcript(script.session, 'main')
    expect(items.flatMap((item) => (item.type === 'call' ? [[item.callId, item.outcome.status]] : [])).slice(0, 2)).toEqual([
      ['find', 'unknown'],
      ['find.2', 'ok'],
    ])
  })

  test('refuses to go on where a repeat of what is recorded adds something', async () => {
    const path = directory()
    await live(path, script, { deaths: [10] })
    await using journal = await openJournal(path)
    const forgetful = {
      recovery: journal.recovery,
      get head() {
        return journal.head
      },
      append: (stream: string, events: Parameters<typeof journal.append>[1]) =>
        journal.append(stream, [{ ...events[0]!, type: 'session.updated', data: {} }]),
      read: (stream: string, options: { reverse: true }) => journal.read(stream, options),
    }
    await expect(play(forgetful, script)).rejects.toThrow(/its repeat added something/)
  })
})

/** Each call stands in a transcript once, with one outcome. */
function expectPaired({ items }: Transcript): void {
  const calls = items.flatMap((item) => (item.type === 'call' ? [item] : []))
  expect(new Set(calls.map(({ turnId, callId }) => `${turnId} ${callId}`)).size).toBe(calls.length)
  for (const { outcome } of calls) expect(['ok', 'error', 'not-run', 'unknown']).toContain(outcome.status)
}

describeWithSharedData('real transcripts through a journal', (data) => {
  test.each([
    'claude-code/claude-code-log/edge_cases.jsonl',
    'claude-code/entire-checkpoints/24-3ed775b643-0.jsonl',
    'pi/agent-sessions/small.jsonl',
  ])('%s leaves no call unpaired wherever it is cut', { timeout: 60_000 }, async (name) => {
    const script = writeScript(await readStory(join(data, 'agents', name)))
    const path = directory()
    const cuts = script.steps
      .flatMap(({ does }, index) => (does === 'runs' || index % 40 === 20 ? [index + 1] : []))
      .filter((_, i, all) => i % Math.ceil(all.length / 8) === 0)
    await live(path, script, { deaths: cuts, seen: expectPaired })
    expect(await astray(path, script)).toEqual([])
  })
})
