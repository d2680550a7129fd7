/** What others do meanwhile, or did before, takes nothing from a session: nobody saves one as a whole. */
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { openJournal, session, thread, type JournalOptions } from '../../src/index.js'
import { inAnotherProcess, temporary } from '../support/journal.js'
import { root } from '../support/root.js'

type Open = Awaited<ReturnType<typeof openJournal>>

const text = (value: string) => [{ type: 'text' as const, text: value }]

async function turn(journal: Open, stream: string, n: number): Promise<void> {
  await journal.append(stream, [
    { type: 'turn.submitted', data: { threadId: 'main', turnId: `t${n}`, input: text(`${stream} asks ${n}`) } },
    { type: 'turn.started', data: { turnId: `t${n}` } },
    { type: 'item.completed', data: { turnId: `t${n}`, itemId: `i${n}`, kind: 'message', content: text(`answer ${n}`) } },
    { type: 'turn.completed', data: { turnId: `t${n}` } },
  ])
}

async function begin(journal: Open, stream: string): Promise<void> {
  await journal.append(stream, [
    { type: 'session.created', data: { title: 'as it began' } },
    { type: 'thread.started', data: { threadId: 'main' } },
  ])
}

async function inJournal<T>(directory: string, use: (journal: Open) => Promise<T>, options: JournalOptions = {}): Promise<T> {
  const journal = await openJournal(directory, options)
  try {
    return await use(journal)
  } finally {
    await journal.close()
  }
}

describe('a session', () => {
  test('of which a part was read, and to which something was added, is whole', async () => {
    const directory = temporary()
    await inJournal(directory, async (journal) => {
      await begin(journal, 's')
      for (let n = 1; n <= 20; n++) await turn(journal, 's', n)
    })
    const turns = await inJournal(directory, async (journal) => {
      for await (const _ of journal.list(session)) break
      for await (const _ of journal.read('s', { limit: 1 })) break
      await journal.append('s', [{ type: 'session.updated', data: { title: 'as it is called now' } }])
      await turn(journal, 's', 21)
      let count = 0
      for await (const { type } of journal.read('s')) if (type === 'turn.completed') count++
      return count
    })
    expect(turns).toBe(21)
  })

  test('keeps what somebody else said of it while another knew it as it was', async () => {
    const directory = temporary()
    await inJournal(directory, (journal) => begin(journal, 's'))
    const before = await openJournal(directory, { readOnly: true })
    expect((await before.view(session, 's')).state).toMatchObject({ title: 'as it began', status: 'active' })
    await inJournal(directory, (journal) =>
      journal.append('s', [
        { type: 'session.updated', data: { title: 'renamed' } },
        { type: 'session.archived', data: {} },
      ]),
    )
    await before.close()
    const state = await inJournal(directory, async (journal) => {
      const late = journal.append('s', [{ type: 'session.updated', data: { title: 'as another knew it' } }])
      await expect(late).rejects.toMatchObject({ code: 'JOURNAL_LAW_BROKEN' })
      return (await journal.view(session, 's')).state
    })
    expect(state).toMatchObject({ title: 'renamed', status: 'archived' })
  })

  test('looks the same among others as alone', async () => {
    const views = (streams: readonly string[]) =>
      inJournal(temporary(), async (journal) => {
        await Promise.all(streams.map((stream) => begin(journal, stream)))
        for (let n = 1; n <= 5; n++) await Promise.all(streams.map((stream) => turn(journal, stream, n)))
        const { state } = await journal.view(session, 'mine')
        const { state: main } = await journal.view(thread, ['mine', 'main'])
        const { createdAt: _, lastActivity: _a, ...rest } = state as NonNullable<typeof state>
        return { rest, turns: main?.turns, transcript: (await journal.transcript('mine', 'main')).items }
      })
    expect(await views(['theirs', 'mine', 'mine-2'])).toEqual(await views(['mine']))
  })
})

test('whoever reads in the writer’s own process, and closes, leaves the lock as it is', async () => {
  const directory = temporary()
  await inJournal(directory, async (journal) => {
    await begin(journal, 's')
    await inJournal(directory, async (reader) => (await reader.view(session, 's')).state, { readOnly: true })
    await inJournal(directory, async (reader) => (await reader.verify()).ok, { readOnly: true })
    await expect(openJournal(directory, { lockWaitMs: 0 })).rejects.toMatchObject({ code: 'JOURNAL_LOCKED' })
    const other = inAnotherProcess(
      `await openJournal(process.argv[1], { lockWaitMs: 0 }).then(() => console.log('opened'), (error) => console.log(error.code))`,
      [directory],
    )
    expect(await other.ended).toBe('JOURNAL_LOCKED\n')
    await turn(journal, 's', 1)
  })
})

/** Whether another thread of this process gets the writer's lock. */
async function locksInAnotherThread(directory: string): Promise<unknown> {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    require('tsx/cjs')
    const { nodeFiles } = require(workerData.module)
    nodeFiles.open(workerData.lock, 'r+').then((file) => parentPort.postMessage(file.tryLock('exclusive')))`
  const workerData = { module: join(root, 'src/storage/node-files.ts'), lock: join(directory, 'LOCK') }
  const worker = new Worker(source, { eval: true, workerData })
  try {
    return await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  } finally {
    await worker.terminate()
  }
}

test('no other name of the directory and no other thread gets around the lock', async () => {
  const directory = temporary()
  const link = join(temporary(), 'link')
  symlinkSync(directory, link)
  await inJournal(directory, async () => {
    for (const name of [link, `${directory}/.`])
      await expect(openJournal(name, { lockWaitMs: 0 })).rejects.toMatchObject({ code: 'JOURNAL_LOCKED' })
    expect(await locksInAnotherThread(directory)).toBe(false)
  })
  expect(await locksInAnotherThread(directory)).toBe(true)
})

test('a journal listens neither to signals nor to the end of its process', async () => {
  const listeners = (): Record<string, number> =>
    Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]))
  const before = listeners()
  await inJournal(temporary(), async (journal) => {
    await begin(journal, 's')
    await journal.view(session, 's')
    expect(listeners()).toEqual(before)
  })
})
