import { expect, test } from 'vitest'
import { openJournal, type events, type NewEvent } from '../../src/index.js'
import { filesOver, handleOver } from '../../src/storage/delegate.js'
import type { Files } from '../../src/storage/files.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { spoil, temporary } from '../support/journal.js'

const THREAD = 'main'
type Given = NewEvent<(typeof events)['definitions']>[]
const begin: Given = [
  { type: 'session.created', data: {} },
  { type: 'thread.started', data: { threadId: THREAD } },
]
const turn = (turnId: string, text = 'x'.repeat(100)): Given => [
  { type: 'turn.submitted', data: { threadId: THREAD, turnId, input: [{ type: 'text', text: `ask ${turnId}.` }] } },
  { type: 'turn.started', data: { turnId } },
  { type: 'item.completed', data: { turnId, itemId: 'i', content: [{ type: 'text', text }] } },
  { type: 'turn.completed', data: { turnId } },
]

/** Files that count what is read of them. */
function counting(): { files: Files; bytes: () => number } {
  let bytes = 0
  const files = filesOver(nodeFiles, {
    open: async (path, flag) => {
      const file = await nodeFiles.open(path, flag)
      return handleOver(file, {
        read: async (into, offset) => {
          const got = await file.read(into, offset)
          bytes += got
          return got
        },
      })
    },
  })
  return { files, bytes: () => bytes }
}

/** Less than a segment, whatever the journal holds. */
const MOST_BYTES = 64 << 10

async function journalOf(turns: number): Promise<string> {
  const directory = temporary()
  await using journal = await openJournal(directory, { segmentBytes: 64 << 10 })
  await journal.append('s', begin)
  await Promise.all(Array.from({ length: turns }, (_, n) => journal.append('s', turn(`t${n}`))))
  return directory
}

test('the last entries are those of the whole transcript, and as much is read for them however long the thread is', async () => {
  const costs: number[] = []
  for (const turns of [100, 1500]) {
    const { files, bytes } = counting()
    await using journal = await openJournal(await journalOf(turns), { files, readOnly: true })
    const before = bytes()
    const tail = await journal.transcript('s', THREAD, { last: 20 })
    costs.push(bytes() - before)
    const { items, version } = await journal.transcript('s', THREAD)
    expect(items).toHaveLength(turns * 2)
    expect(tail).toEqual({
      session: 's',
      threadId: THREAD,
      status: 'open',
      position: version,
      version,
      items: items.slice(-20),
      more: true,
    })
    for (const last of [1, 64, turns * 2 - 1, turns * 2, turns * 3])
      expect(await journal.transcript('s', THREAD, { last })).toMatchObject({ items: items.slice(-last), more: last < turns * 2 })
  }
  // The newest of a segment, and as many of the one before.
  expect(Math.max(...costs)).toBeLessThan(MOST_BYTES)
})

test('the last entries without cuts are those of the whole without cuts', async () => {
  const directory = await journalOf(100)
  await using journal = await openJournal(directory)
  await journal.append('s', [{ type: 'thread.compacted', data: { threadId: THREAD, summary: 'all' } }, ...turn('last')])
  const { items } = await journal.transcript('s', THREAD, { uncut: true })
  expect(await journal.transcript('s', THREAD, { uncut: true, last: 4 })).toMatchObject({ items: items.slice(-4), more: true })
  expect(await journal.transcript('s', THREAD, { last: 4 })).toMatchObject({ items: [{ type: 'summary' }, {}, {}], more: false })
})

test('the last entries of a session that lost some are those of the whole, with the gaps', async () => {
  const directory = await journalOf(200)
  spoil(directory, 'ask t50.')
  await using journal = await openJournal(directory)
  // What lies before the entries is not looked at; from when it is known, it counts.
  expect(await journal.transcript('s', THREAD, { last: 3 })).not.toHaveProperty('gaps')
  await expect(journal.transcript('s', THREAD)).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
  await expect(journal.transcript('s', THREAD, { last: 3 })).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
  const { items, gaps } = await journal.transcript('s', THREAD, { onGap: 'yield' })
  expect(gaps).toHaveLength(1)
  for (const last of [3, items.length - 1])
    expect(await journal.transcript('s', THREAD, { onGap: 'yield', last })).toMatchObject({ items: items.slice(-last), more: true, gaps })
})

test('no entries, or part of one, is misuse', async () => {
  await using journal = await openJournal(temporary())
  for (const last of [0, -1, 1.5, Number.NaN]) await expect(journal.transcript('s', THREAD, { last })).rejects.toThrow(TypeError)
  expect(await journal.transcript('s', THREAD, { last: 1 })).toMatchObject({ status: 'none', items: [], more: false })
})
