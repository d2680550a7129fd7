/** Two writers where locks do not work: whoever began the later epoch goes on, and the other is told before it can do harm. */
import { expect, test } from 'vitest'
import { beginEpoch } from '../../src/storage/lock.js'
import { Paths } from '../../src/storage/paths.js'
import { Disk } from '../support/disk/disk.js'
import { Process } from '../support/disk/process.js'
import { Appending, contents, event, numbers, openStore } from './support/journal.js'

const DIRECTORY = '/journal'

/** A process in which something happens once, just before a call. */
class Interrupted extends Process {
  before: { call: 'readdir' | 'open'; path: RegExp; act: () => Promise<void> } | undefined

  override async open(path: string, flag: 'r' | 'r+' | 'wx'): ReturnType<Process['open']> {
    if (flag !== 'r') await this.#interrupt('open', path)
    return super.open(path, flag)
  }

  override async readdir(path: string): Promise<string[]> {
    const names = await super.readdir(path)
    await this.#interrupt('readdir', path)
    return names
  }

  async #interrupt(call: string, path: string): Promise<void> {
    const { before } = this
    if (before?.call !== call || !before.path.test(path)) return
    this.before = undefined
    await before.act()
  }
}

test('an epoch that was begun between the look and the beginning is ended too', async () => {
  const disk = new Disk()
  const first = new Process(disk)
  const second = new Interrupted(disk)
  await first.mkdir(DIRECTORY)
  const paths = new Paths(DIRECTORY)
  second.before = { call: 'readdir', path: /journal$/, act: async () => void (await beginEpoch(first, paths, 0)) }
  const epoch = await beginEpoch(second, paths, 0)
  expect(await first.readdir(DIRECTORY)).toEqual([`epoch-0000000${epoch}`])
})

test('a writer that would go on behind a clean end is refused if another began to write there', async () => {
  const disk = new Disk()
  const before = new Appending(await openStore(DIRECTORY, { files: new Process(disk) }))
  await before.append('s', [event(1)])
  await before.store.close()
  const late = new Interrupted(disk, { locks: false })
  const other = new Process(disk, { locks: false })
  late.before = {
    call: 'open',
    path: /\.seg$/,
    act: async () => {
      const writer = new Appending(await openStore(DIRECTORY, { files: other }))
      await writer.append('s', [event(2)])
    },
  }
  await expect(openStore(DIRECTORY, { files: late })).rejects.toMatchObject({ code: 'JOURNAL_FENCED' })
  const store = await openStore(DIRECTORY, { files: new Process(disk, { locks: false }) })
  expect(numbers((await contents(store)).commits)).toEqual([1, 2])
  expect(store.recovery.damage).toEqual([])
})
