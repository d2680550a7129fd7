/** Two writers where locks do not work: whoever began the later epoch goes on, and the other is told before it can do harm. */
import { expect, test } from 'vitest'
import { beginEpoch } from '../../src/storage/lock.js'
import { Paths } from '../../src/storage/paths.js'
import { Disk } from '../support/disk/disk.js'
import type { Call } from '../support/disk/faults.js'
import { Process } from '../support/disk/process.js'
import { Appending, contents, event, numbers, openStore } from './support/journal.js'

const DIRECTORY = '/journal'

/** A process without locks in which something happens just before the nth of some calls. */
function interrupted(disk: Disk, nth: number, which: (call: Call, path: string) => boolean, act: () => Promise<unknown>): Process {
  let count = 0
  return new Process(disk, {
    locks: false,
    turn: async (call, path) => {
      if (which(call, path) && ++count === nth) await act()
    },
  })
}

const unlocked = (disk: Disk): Process => new Process(disk, { locks: false })

async function begun(disk: Disk): Promise<Appending> {
  const writer = new Appending(await openStore(DIRECTORY, { files: unlocked(disk) }))
  await writer.append('s', [event(1)])
  return writer
}

test('an epoch that was begun between the look and the beginning is ended too', async () => {
  const disk = new Disk()
  const first = unlocked(disk)
  await first.mkdir(DIRECTORY)
  const paths = new Paths(DIRECTORY)
  const second = interrupted(
    disk,
    1,
    (call) => call === 'open',
    () => beginEpoch(first, paths, 0),
  )
  const epoch = await beginEpoch(second, paths, 0)
  expect(await first.readdir(DIRECTORY)).toEqual([`epoch-0000000${epoch}`])
})

test('a writer that would go on behind a clean end is refused if another began to write there', async () => {
  const disk = new Disk()
  await (await begun(disk)).store.close()
  // The first to open it to write; by then its own end was found clean.
  const late = interrupted(
    disk,
    2,
    (call, path) => call === 'open' && path.endsWith('.seg'),
    async () => new Appending(await openStore(DIRECTORY, { files: unlocked(disk) })).append('s', [event(2)]),
  )
  await expect(openStore(DIRECTORY, { files: late })).rejects.toMatchObject({ code: 'JOURNAL_FENCED' })
  const store = await openStore(DIRECTORY, { files: unlocked(disk) })
  expect(numbers((await contents(store)).commits)).toEqual([1, 2])
  expect(store.recovery.damage).toEqual([])
})

test('a group that another still wrote while the end was looked at is no damage', async () => {
  const disk = new Disk()
  const other = await begun(disk)
  const outcomes: Promise<unknown>[] = []
  const append = async (n: number): Promise<void> => {
    const outcome = other.append('s', [event(n)]).catch((error: unknown) => error)
    outcomes.push(outcome)
    await outcome
  }
  let reads = 0
  const late = new Process(disk, {
    locks: false,
    turn: async (call, path) => {
      // What is acknowledged between the first look and the epoch makes it look again.
      if (call === 'open' && path.endsWith('epoch-00000002')) await append(2)
      // Each of the two looks reads the header, the frames, and what is behind them.
      if (call === 'read' && path.endsWith('.seg') && ++reads === 6) await append(3)
    },
  })
  const store = await openStore(DIRECTORY, { files: late })
  expect(await Promise.all(outcomes)).toEqual([
    expect.objectContaining({ version: 2 }),
    expect.objectContaining({ code: 'JOURNAL_FENCED' }),
  ])
  expect(store.recovery.damage).toEqual([])
  expect(numbers((await contents(store)).commits)).toEqual([1, 2, 3])
})

test('a group that is on its way to the disk while another takes over is taken over too, or was not acknowledged', async () => {
  const disk = new Disk()
  let written = (): void => {}
  let synced: Promise<void> | undefined
  const slow = new Process(disk, {
    locks: false,
    turn: async (call, path) => {
      if (call !== 'datasync' || !path.endsWith('.seg') || synced === undefined) return
      written()
      await synced
    },
  })
  const other = new Appending(await openStore(DIRECTORY, { files: slow }))
  await other.append('s', [event(1)])
  let sync = (): void => {}
  let outcome: Promise<unknown> | undefined
  const late = new Process(disk, {
    locks: false,
    turn: async (call, path) => {
      // It has looked; what it saw is of before this group, of which the head file does not tell until it is synced.
      if (call !== 'open' || !path.endsWith('epoch-00000002')) return
      synced = new Promise((resolve) => (sync = resolve))
      const isWritten = new Promise<void>((resolve) => (written = resolve))
      outcome = other.append('s', [event(2)]).catch((error: unknown) => error)
      await isWritten
    },
  })
  const store = await openStore(DIRECTORY, { files: late })
  sync()
  expect(await outcome).toMatchObject({ version: 2, durability: 'disk' })
  expect(numbers((await contents(store)).commits)).toEqual([1, 2])
})
