import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openJournal, session, task, turn, type JournalOptions } from '../../src/index.js'
import { all, hashOf, image, inAnotherProcess, newestSegment, printOf, temporary } from '../support/journal.js'

type Open = Awaited<ReturnType<typeof openJournal>>

const text = (value: string) => [{ type: 'text' as const, text: value }]

/** A session with a turn that runs, half of an answer, a call that runs and one that does not, a turn that waits; and a task that runs. */
async function busy(journal: Open): Promise<void> {
  await journal.append('s', [
    { type: 'session.created', data: { title: 'busy' } },
    { type: 'thread.started', data: { threadId: 'main' } },
    { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: text('hello') } },
    { type: 'turn.started', data: { turnId: 't1' } },
    { type: 'item.started', data: { turnId: 't1', itemId: 'i1', kind: 'message' } },
    { type: 'item.delta', data: { turnId: 't1', itemId: 'i1', text: 'half of ' } },
    { type: 'item.delta', data: { turnId: 't1', itemId: 'i1', text: 'an ans' } },
    { type: 'tool.requested', data: { turnId: 't1', callId: 'ran', name: 'shell', arguments: { run: 'ls' } } },
    { type: 'tool.started', data: { turnId: 't1', callId: 'ran' } },
    { type: 'tool.requested', data: { turnId: 't1', callId: 'waited', name: 'shell', arguments: {} } },
    { type: 'turn.submitted', data: { threadId: 'main', turnId: 't2', input: text('and then') } },
  ])
  await journal.append('jobs', [
    { type: 'task.enqueued', data: { taskId: 'k1', title: 'a task' } },
    { type: 'task.started', data: { taskId: 'k1' } },
    { type: 'task.enqueued', data: { taskId: 'k2' } },
  ])
}

const interrupted = (cause: string) => [
  { stream: 's', threadId: 'main', turnId: 't1', attempt: 1, cause, calls: expect.arrayContaining(['ran']) as string[] },
]
const pending = [{ stream: 's', threadId: 'main', turnId: 't2' }]
const tasks = (cause: string) => [{ stream: 'jobs', taskId: 'k1', attempt: 1, cause }]

/** What a boot appends, as type and data, in each stream. */
const closing = (cause: string) => ({
  s: [
    { type: 'tool.unknown', data: { callId: 'ran', turnId: 't1', threadId: 'main' } },
    { type: 'turn.interrupted', data: { turnId: 't1', threadId: 'main', attempt: 1, cause } },
  ],
  jobs: [{ type: 'task.interrupted', data: { taskId: 'k1', attempt: 1, cause } }],
})

/** The directory of a journal whose process died while it was busy. */
async function dead(options: JournalOptions = {}): Promise<string> {
  const directory = temporary()
  const journal = await openJournal(directory, options)
  await busy(journal)
  const frozen = image(directory)
  await journal.close()
  return frozen
}

/** Asserts that what was open was closed once, for a cause, in one commit for each stream behind what was there. */
async function expectClosedOnce(journal: Open, cause: string): Promise<void> {
  expect(await all(journal.read('s', { after: 11 }))).toMatchObject(closing(cause).s)
  expect(await all(journal.read('jobs', { after: 3 }))).toMatchObject(closing(cause).jobs)
  expect(journal.head.position).toBe(17)
  expect(journal.recovery.interrupted).toEqual(interrupted(cause))
  expect(journal.recovery.pending).toEqual(pending)
  expect(journal.recovery.tasks).toEqual(tasks(cause))
  expect(journal.recovery.unknown).toEqual([])
  expect(journal.recovery.damage).toEqual([])
}

describe('what a death left open', () => {
  test('is closed once: calls unknown, turns and tasks interrupted, what waits stays queued', async () => {
    const journal = await openJournal(await dead())
    await expectClosedOnce(journal, 'crash')
    expect((await journal.view(turn, ['s', 't1'])).state).toMatchObject({ status: 'interrupted', cause: 'crash', unknownCalls: 1 })
    expect((await journal.view(turn, ['s', 't2'])).state).toMatchObject({ status: 'queued' })
    expect((await journal.view(task, 'k1')).state).toMatchObject({ status: 'interrupted' })
    expect((await journal.view(task, 'k2')).state).toMatchObject({ status: 'queued' })
    await journal.close()
  })

  test('leaves everything before it as it was', async () => {
    const directory = await dead()
    const reader = await openJournal(directory, { readOnly: true })
    const before = await all(reader.readAll())
    await reader.close()
    const journal = await openJournal(directory)
    expect((await all(journal.readAll())).slice(0, 14)).toEqual(before)
    await journal.close()
  })

  test('is closed as shutdown where the journal was closed with a turn that runs', async () => {
    const directory = temporary()
    const journal = await openJournal(directory)
    await busy(journal)
    await journal.close()
    const again = await openJournal(directory)
    await expectClosedOnce(again, 'shutdown')
    await again.close()
  })

  test('is closed by the death of a process as well', async () => {
    const directory = temporary()
    const child = inAnotherProcess(
      `const journal = await openJournal(process.argv[1])
       await journal.append('s', [{ type: 'session.created', data: {} }, { type: 'thread.started', data: { threadId: 'main' } },
         { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [] } }, { type: 'turn.started', data: { turnId: 't1' } }])
       console.log('runs')
       setInterval(() => {}, 1000)`,
      [directory],
    )
    await child.printed('runs')
    child.kill()
    await child.ended
    const journal = await openJournal(directory)
    expect(journal.recovery.interrupted).toEqual([{ stream: 's', threadId: 'main', turnId: 't1', attempt: 1, cause: 'crash', calls: [] }])
    expect(journal.head.position).toBe(5)
    await journal.close()
  })

  test.each([{ segmentBytes: 500 }, { sectorBytes: 4096 }])('is closed across segments and sectors: %o', async (options) => {
    const directory = await dead(options)
    const journal = await openJournal(directory, options)
    await expectClosedOnce(journal, 'crash')
    await journal.close()
  })

  test('is closed in every stream, however many there are', async () => {
    const directory = temporary()
    const journal = await openJournal(directory)
    const streams = Array.from({ length: 60 }, (_, i) => `s${i}`)
    await Promise.all(
      streams.map((stream) =>
        journal.append(stream, [
          { type: 'session.created', data: {} },
          { type: 'thread.started', data: { threadId: 'main' } },
          { type: 'turn.submitted', data: { threadId: 'main', turnId: 't', input: [] } },
          { type: 'turn.started', data: { turnId: 't' } },
        ]),
      ),
    )
    const frozen = image(directory)
    await journal.close()
    const again = await openJournal(frozen)
    expect(again.recovery.interrupted.map(({ stream }) => stream).toSorted()).toEqual(streams.toSorted())
    expect(again.head.position).toBe(300)
    await again.close()
  })
})

describe('recovery', () => {
  test('names the calls of an interrupted turn that have no outcome of their own: one that ran, and one that never started', async () => {
    const journal = await openJournal(await dead())
    expect(journal.recovery.interrupted.map(({ calls }) => calls)).toEqual([['ran', 'waited']])
    await journal.close()
  })
})

describe('a crash in the middle of closing', () => {
  test('is closed exactly once, also when the next process dies as soon as it is open', async () => {
    let directory = await dead()
    for (let death = 0; death < 3; death++) {
      const journal = await openJournal(directory)
      await expectClosedOnce(journal, 'crash')
      const next = image(directory)
      await journal.close()
      directory = next
    }
  })

  test('is closed exactly once, wherever the frame that closes is cut', async () => {
    const directory = await dead()
    const head = readFileSync(join(directory, 'head'))
    const journal = await openJournal(directory)
    const frozen = image(directory)
    await journal.close()
    // A process that dies while it writes has not yet said in the head that it did.
    writeFileSync(join(frozen, 'head'), head)
    const segment = newestSegment(frozen)
    const bytes = readFileSync(segment)
    const from = bytes.indexOf('tool.unknown')
    const to = bytes.indexOf('task.interrupted')
    expect(from, 'the closing frame is in the newest segment').toBeGreaterThan(0)
    for (const cut of [from - 60, from - 8, from, from + 5, Math.round((from + to) / 2), to, to + 8]) {
      const torn = image(frozen)
      truncateSync(newestSegment(torn), cut)
      const again = await openJournal(torn)
      expect(again.recovery.damage, `cut at ${cut}`).toEqual([])
      await expectClosedOnce(again, 'crash')
      expect((await again.verify()).ok).toBe(true)
      await again.close()
    }
  })
})

describe('onInterrupted leave', () => {
  test('closes nothing, lets work go on, and the next open still says crash', async () => {
    const directory = await dead()
    for (let visit = 0; visit < 2; visit++) {
      const visitor = await openJournal(directory, { onInterrupted: 'leave' })
      expect(visitor.head.position).toBe(14 + visit)
      expect(visitor.recovery.tasks).toEqual([])
      expect(visitor.recovery.pending).toEqual(pending)
      expect((await visitor.view(turn, ['s', 't1'])).state).toMatchObject({ status: 'running' })
      await visitor.append('elsewhere', [
        visit === 0 ? { type: 'session.created', data: {} } : { type: 'session.updated', data: { title: 'x' } },
      ])
      await visitor.close()
    }
    const journal = await openJournal(directory)
    expect(journal.recovery.interrupted).toEqual(interrupted('crash'))
    expect(await all(journal.read('s', { after: 11 }))).toMatchObject(closing('crash').s)
    await journal.close()
  })

  test('leaves a shutdown a shutdown', async () => {
    const directory = temporary()
    const journal = await openJournal(directory)
    await busy(journal)
    await journal.close()
    await (await openJournal(directory, { onInterrupted: 'leave' })).close()
    const again = await openJournal(directory)
    await expectClosedOnce(again, 'shutdown')
    await again.close()
  })
})

describe('a reader', () => {
  test('beside a live writer lists no running turn', async () => {
    const directory = temporary()
    const journal = await openJournal(directory)
    await busy(journal)
    const reader = await openJournal(directory, { readOnly: true })
    expect(reader.recovery).toMatchObject({ interrupted: [], pending, tasks: [] })
    expect((await reader.view(turn, ['s', 't1'])).state).toMatchObject({ status: 'running' })
    await reader.close()
    await journal.close()
  })

  test('without one lists what runs as interrupted, and closes and changes nothing', async () => {
    const directory = await dead()
    const before = { print: printOf(directory), hash: hashOf(directory) }
    const reader = await openJournal(directory, { readOnly: true })
    expect(reader.recovery).toMatchObject({ interrupted: interrupted('crash'), pending, tasks: tasks('crash') })
    expect(reader.head.position).toBe(14)
    await all(reader.list(session))
    await reader.close()
    expect({ print: printOf(directory), hash: hashOf(directory) }).toEqual(before)
    const journal = await openJournal(directory)
    await expectClosedOnce(journal, 'crash')
    await journal.close()
  })
})

describe('later boots', () => {
  test('list an interrupted turn again until it is started again or ended, and close nothing twice', async () => {
    const directory = await dead()
    for (let boot = 0; boot < 3; boot++) {
      const journal = await openJournal(directory)
      await expectClosedOnce(journal, 'crash')
      await journal.close()
    }
    const journal = await openJournal(directory)
    await journal.append('s', [{ type: 'turn.started', data: { turnId: 't1', attempt: 2 } }])
    await journal.append('s', [{ type: 'turn.completed', data: { turnId: 't1', attempt: 2 } }])
    await journal.append('jobs', [{ type: 'task.retried', data: { taskId: 'k1' } }])
    await journal.close()
    const after = await openJournal(directory)
    expect(after.recovery).toMatchObject({ interrupted: [], pending, tasks: [] })
    await after.close()
  })

  test('name the attempt that was interrupted last', async () => {
    const journal = await openJournal(await dead())
    await journal.append('s', [{ type: 'turn.started', data: { turnId: 't1', attempt: 2 } }])
    const frozen = image(journal.directory)
    await journal.close()
    const again = await openJournal(frozen)
    expect(again.recovery.interrupted).toMatchObject([{ turnId: 't1', attempt: 2, cause: 'crash' }])
    await again.close()
  })

  test('closing is no activity: no last activity moves', async () => {
    let now = 1_700_000_000_000
    const clock = { now: () => now, random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)) }
    const directory = await dead({ clock })
    const before = await lastActivities(directory, clock)
    now += 3_600_000
    const journal = await openJournal(directory, { clock })
    await expectClosedOnce(journal, 'crash')
    expect((await all(journal.read('s', { after: 11 })))[0]?.at).toBe(now)
    await journal.close()
    expect(await lastActivities(directory, clock)).toEqual(before)
    expect(before).toEqual([1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_000])
  })

  async function lastActivities(directory: string, clock: NonNullable<JournalOptions['clock']>): Promise<(number | undefined)[]> {
    const journal = await openJournal(directory, { readOnly: true, clock })
    const rows = [await journal.view(session, 's'), await journal.view(turn, ['s', 't1']), await journal.view(task, 'k1')]
    await journal.close()
    return rows.map(({ state }) => state?.lastActivity)
  }
})

describe('the transcript after a death', () => {
  test('holds what was streamed, marked partial, and every call with one outcome', async () => {
    const journal = await openJournal(await dead())
    const { items } = await journal.transcript('s', 'main')
    expect(items).toMatchObject([
      { type: 'input', turnId: 't1', content: text('hello') },
      { type: 'output', turnId: 't1', itemId: 'i1', content: text('half of an ans'), partial: true },
      { type: 'call', callId: 'ran', outcome: { status: 'unknown' } },
      { type: 'call', callId: 'waited', outcome: { status: 'not-run' } },
      { type: 'note', turnId: 't1' },
      { type: 'input', turnId: 't2', content: text('and then') },
    ])
    await journal.close()
  })
})
