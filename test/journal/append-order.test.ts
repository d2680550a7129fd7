/** Appends that cannot be decided at once: names that were taken long ago, and large commits that wait outside. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { filesOver, handleOver } from '../../src/storage/delegate.js'
import type { Files } from '../../src/storage/files.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { openJournal, type JournalOptions } from '../../src/index.js'
import { note, openNotes, temporary } from '../support/journal.js'

const submitted = (turnId: string) => ({ type: 'turn.submitted' as const, data: { threadId: 'main', turnId, input: [] } })

test('a name that was taken segments ago is refused, whether it is asked for alone, twice at once, or behind another append', async () => {
  await using journal = await openJournal(temporary(), { segmentBytes: 2000 })
  await journal.append('s', [
    { type: 'session.created', data: {} },
    { type: 'thread.started', data: { threadId: 'main' } },
    submitted('t1'),
  ])
  const titles = async (): Promise<void> => {
    for (let n = 0; n < 40; n++)
      await journal.append('other', [{ type: n === 0 ? 'session.created' : 'session.updated', data: { title: `title ${n}` } }])
  }
  await titles()
  const refused = { code: 'JOURNAL_LAW_BROKEN', details: { outcome: 'none' } }
  await expect(journal.append('s', [submitted('t1')])).rejects.toMatchObject(refused)
  const outcomes = await Promise.allSettled([
    journal.append('s', [submitted('t2')]),
    journal.append('s', [submitted('t2')]),
    journal.append('s', [submitted('t1')]),
    journal.append('s', [submitted('t3')]),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  expect((await journal.verify({ laws: true })).ok).toBe(true)
})

test('a name that was taken segments ago is refused where it has to be looked for on the disk, and nothing is appended meanwhile', async () => {
  const directory = temporary()
  const options: JournalOptions = { segmentBytes: 20_000 }
  {
    await using journal = await openJournal(directory, options)
    await journal.append('s', [
      { type: 'session.created', data: {} },
      { type: 'thread.started', data: { threadId: 'main' } },
    ])
    // So many names that they fill more than one page of an index.
    for (let n = 0; n < 400; n++) await journal.append('s', [submitted(`turn-${n}`)])
    await journal.close()
  }
  for (let n = 0; n < 400; n += 57) {
    await using journal = await openJournal(directory, options)
    // The stream is at hand, and its names are not.
    await journal.append('s', [{ type: 'session.updated', data: { title: 'again' } }])
    const { position } = journal.head
    await expect(journal.append('s', [submitted(`turn-${n}`)])).rejects.toMatchObject({
      code: 'JOURNAL_LAW_BROKEN',
      details: { outcome: 'none' },
    })
    expect(journal.head.position).toBe(position)
    await journal.close()
  }
})

/** The system's files, on which no sync of a segment ends before it may. */
function slow(): { files: Files; let: () => void } {
  let go = (): void => {}
  const may = new Promise<void>((resolve) => (go = resolve))
  const files = filesOver(nodeFiles, {
    async open(path, flag) {
      const file = await nodeFiles.open(path, flag)
      if (!path.endsWith('.seg') || flag !== 'r+') return file
      return handleOver(file, {
        datasync: async () => {
          await may
          return file.datasync()
        },
      })
    },
  })
  return { files, let: go }
}

test('a large commit that comes while a group waits lets a small one pass that comes later; closing waits for both', async () => {
  const { files, let: go } = slow()
  // A group of one commit.
  const options = { files, groupBytes: 1000 } as JournalOptions
  const journal = await openNotes(temporary(), options)
  const large = (stream: string) =>
    journal.append(
      stream,
      Array.from({ length: 40 }, (_, n) => note(`${stream} ${n} of a large commit`)),
    )
  const all = ['a', 'b', 'c', 'd'].map(large)
  for (let n = 0; n < 50; n++) await setImmediate()
  const small = journal.append('small', [note('small')])
  for (let n = 0; n < 50; n++) await setImmediate()
  go()
  const closing = journal.close()
  const positions = (await Promise.all(all)).map(({ position }) => position)
  expect(positions).toEqual(positions.toSorted((one, other) => one - other))
  expect((await small).position).toBeLessThan(positions[3] as number)
  await closing
})
