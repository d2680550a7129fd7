/**
 * No way to events goes around the upcasters: every method of a journal and every command is tried on a journal of old events, and one
 * that is not in these tables fails.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { firstValueFrom } from 'rxjs'
import { describe, expect, test, vi } from 'vitest'
import { cli } from '../../src/cli/cli.js'
import { allCommands } from '../../src/cli/commands/index.js'
import { openJournal, turn, upgradeJournal, type RecordedEvent } from '../../src/index.js'
import { Journal } from '../../src/journal.js'
import { goldenPlace } from '../support/golden.js'
import { all, image, rejection, temporary } from '../support/journal.js'
import { before, memos, parts } from '../support/memos.js'
import { filesBelow, root } from '../support/root.js'

const commands = await allCommands()

/** One session; its events were written when everything had schema 1. */
const old = (): string => image(join(goldenPlace, 'format-1/first-schemas'))
type Open = Awaited<ReturnType<typeof openJournal>>
const TODAY = {
  'tool.finished': { status: 'ok', content: [{ type: 'text', text: 'it was fine' }] },
  'turn.completed': { usage: { inputTokens: 12, outputTokens: 3 } },
}

function expectToday(events: readonly (RecordedEvent | { type?: undefined })[]): void {
  for (const [type, data] of Object.entries(TODAY)) {
    const found = events.filter((event) => event.type === type) as RecordedEvent[]
    expect(found).toMatchObject([{ type, schema: 2, data }])
    for (const one of found) for (const gone of ['output', 'isError', 'inputTokens']) expect(one.data).not.toHaveProperty(gone)
  }
}
const NO_EVENTS = 'yields no events'

/** Every method of a journal: how it shows old events, or that it shows none. */
const METHODS: Record<string, ((journal: Open) => Promise<void>) | typeof NO_EVENTS> = {
  read: async (journal) => {
    expectToday(await all(journal.read('session-1')))
    expectToday(await all(journal.read('session-1', { reverse: true })))
  },
  readAll: async (journal) => {
    expectToday(await all(journal.readAll()))
    expectToday(await all(journal.readAll({ reverse: true })))
    expectToday(await all(journal.readAll({ types: Object.keys(TODAY) })))
    expectToday(await all(journal.readAll({ onGap: 'yield' })))
  },
  commits: async (journal) => {
    const events = (commits: readonly { events: RecordedEvent[]; added: RecordedEvent[] }[]): RecordedEvent[] =>
      commits.flatMap((commit) => [...commit.events, ...commit.added])
    expectToday(events(await all(journal.commits())))
    expectToday(events(await all(journal.commits({ stream: 'session-1' }))))
  },
  follow: async (journal) => {
    const events: RecordedEvent[] = []
    for await (const event of journal.follow()) if (events.push(event) === 9) break
    expectToday(events)
  },
  events$: async (journal) => {
    const events: RecordedEvent[] = []
    await new Promise<void>((resolve, reject) => {
      const subscription = journal.events$().subscribe({ next: (event) => events.push(event) === 9 && resolve(), error: reject })
      setTimeout(() => subscription.unsubscribe(), 2000)
    })
    expectToday(events)
  },
  view: async (journal) =>
    expect((await journal.view(turn, ['session-1', 't1'])).state).toMatchObject({ tokens: { input: 12, output: 3 } }),
  view$: async (journal) =>
    expect((await firstValueFrom(journal.view$(turn, ['session-1', 't1']))).state).toMatchObject({ tokens: { input: 12, output: 3 } }),
  list: async (journal) => expect(await all(journal.list(turn))).toMatchObject([{ state: { tokens: { input: 12, output: 3 } } }]),
  transcript: async (journal) => {
    const said = JSON.stringify(await journal.transcript('session-1', 'main'))
    expect(said).toContain('"content":[{"type":"text","text":"it was fine"}]')
    expect(said).not.toContain('isError')
  },
  snapshot: async (journal) => {
    const { directory } = journal
    await journal.snapshot()
    await journal.close()
    rmSync(join(directory, 'derived'), { recursive: true })
    await using again = await openJournal(directory)
    expect(again.recovery.snapshots.used).not.toEqual([])
    expect(again.recovery.replayed).toBe(0)
    expect((await again.view(turn, ['session-1', 't1'])).state).toMatchObject({ tokens: { input: 12, output: 3 } })
  },
  append: async () => {
    const directory = temporary()
    const writer = await openJournal(directory, { events: before })
    await writer.append('s', [{ type: 'note.added', data: { text: 'a' } }], { commitId: 'c' })
    await writer.close()
    await using journal = await openJournal(directory, parts)
    const memo = { type: 'memo.added' as const, data: { text: 'a', tags: [], by: 'nobody' } }
    // The same as what stands there, once that is brought to today; and what it claimed is claimed by today's name.
    expect(await journal.append('s', [memo], { commitId: 'c' })).toMatchObject({ position: 1 })
    await rejection(journal.append('s', [memo]), 'JOURNAL_LAW_BROKEN')
    expect((await journal.view(memos, 's')).state).toEqual({ texts: ['a'] })
  },
  verify: NO_EVENTS,
  close: NO_EVENTS,
  head: NO_EVENTS,
  bytes: NO_EVENTS,
  gaps: NO_EVENTS,
  id: NO_EVENTS,
}

describe('no way to events goes around the upcasters', () => {
  const names = Object.getOwnPropertyNames(Journal.prototype).filter((name) => name !== 'constructor')

  test('and every method of a journal is tried', () => {
    expect(names.filter((name) => !Object.hasOwn(METHODS, name))).toEqual([])
  })

  test.each(Object.entries(METHODS).filter(([name, tried]) => names.includes(name) && tried !== NO_EVENTS))('by %s', async (_, tried) => {
    await using journal = await openJournal(old(), { onInterrupted: 'leave' })
    await (tried as (journal: Open) => Promise<void>)(journal)
  })

  test.each(Object.entries(METHODS).flatMap(([name, tried]) => (tried === NO_EVENTS ? [name] : [])))('%s yields none', async (name) => {
    await using journal = await openJournal(old(), { onInterrupted: 'leave' })
    const member: unknown = Reflect.get(journal, name)
    const given: unknown = typeof member === 'function' ? await (member as () => Promise<unknown>).call(journal) : member
    expect(JSON.stringify(given) ?? '').not.toMatch(/it was fine|isError|inputTokens|t1/)
  })

  test('by the replay at boot', async () => {
    await using journal = await openJournal(old())
    expect(journal.recovery).toMatchObject({ replayed: 9, interrupted: [], unknown: [] })
    expect(journal.recovery.upcast).toBeGreaterThan(1)
    expect((await journal.view(turn, ['session-1', 't1'])).state).toMatchObject({ tokens: { input: 12, output: 3 } })
  })

  test('by an upgrade', async () => {
    const directory = old()
    await upgradeJournal(directory)
    await using journal = await openJournal(directory, { readOnly: true })
    expectToday(await all(journal.readAll()))
    expect(journal.recovery.upcast).toBe(0)
  })

  test('in the source: only what brings events to today reads the data of stored ones', () => {
    const may = new Set(['src/engine/schemas.ts', 'src/engine/recorded.ts', 'src/engine/rewrite.ts'])
    const files = ['src/engine', 'src/cli'].flatMap(filesBelow).concat('src/journal.ts', 'src/index.ts', 'src/upgrade.ts')
    const reads = /\b(stored|events\[[^\]]*\](\?|!)?|event as StoredEvent\))\.data\b/
    expect(files.filter((file) => !may.has(file) && reads.test(readFileSync(join(root, file), 'utf8')))).toEqual([])
    expect(['stored.data', 'commit.events[i]?.data'].every((bypass) => reads.test(bypass))).toBe(true)
  })
})

/** Every command: the words behind its name, `DIR` for the journal, once or for each of its ways; or why it is not tried. */
const COMMANDS: Record<string, string[][] | string> = {
  sessions: [['DIR']],
  show: [['DIR', 'session-1']],
  tasks: [['DIR']],
  tail: [['DIR']],
  stats: [['DIR']],
  snapshot: [['DIR']],
  upgrade: [['DIR', '--dry-run']],
  search: [['DIR', 'fine']],
  export: ['claude-code', 'markdown', 'jsonl'].map((format) => ['DIR', 'session-1', '--to', format]),
  verify: NO_EVENTS,
  doctor: NO_EVENTS,
  repair: NO_EVENTS,
  salvage: NO_EVENTS,
  backup: NO_EVENTS,
  restore: NO_EVENTS,
  sign: NO_EVENTS,
  keygen: NO_EVENTS,
  freeze: NO_EVENTS,
  import: 'writes events, and shows none that are stored',
  demo: 'writes a journal of its own',
  dump: 'shows what is stored as it is: that is what it is for',
  completion: NO_EVENTS,
}

describe('no command goes around the upcasters', () => {
  test('and every command is tried', () => {
    expect(commands.map(({ name }) => name).filter((name) => !Object.hasOwn(COMMANDS, name))).toEqual([])
  })

  const tried = commands.flatMap(({ name }) => {
    const ways = COMMANDS[name]
    return Array.isArray(ways) ? ways.map((words) => [name, words] as [string, string[]]) : []
  })
  test.each(tried)('%s %j', async (name, words) => {
    const directory = old()
    for (const flags of [[], ['--json']]) {
      const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
      const exit = await cli([name, ...words.map((word) => (word === 'DIR' ? directory : word)), ...flags])
      const said = out.mock.calls.map(([chunk]) => String(chunk)).join('')
      out.mockRestore()
      expect(exit).toBe(0)
      expect(said).not.toMatch(/isError|"output":"|"attempt":1,"inputTokens"/)
      if (name === 'tail' && flags.length > 0)
        expectToday(
          said
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as RecordedEvent),
        )
    }
  })
})
