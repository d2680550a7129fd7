/** How a new journal takes the place of an old one, step by step: nothing is overwritten, and a swap that was cut is finished. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesOver } from '../../src/storage/delegate.js'
import type { Files } from '../../src/storage/files.js'
import { isLocked } from '../../src/storage/lock.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { Paths } from '../../src/storage/paths.js'
import { Succession } from '../../src/storage/succession.js'
import { temporary } from './support/journal.js'

/** Journals beside each other, each as no more than its FORMAT and what else is said. */
function place(...journals: string[]): { directory: string; all: () => string[]; said: (name: string) => string } {
  const home = temporary()
  for (const name of journals) journalIn(join(home, name), name)
  return {
    directory: join(home, 'j'),
    all: () => readdirSync(home).toSorted(),
    said: (name) => readFileSync(join(home, name, 'FORMAT'), 'utf8'),
  }
}

function journalIn(directory: string, text: string, ...others: string[]): void {
  mkdirSync(directory)
  for (const name of ['FORMAT', ...others]) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

const of = (directory: string, files: Files = nodeFiles): Succession => new Succession(directory, files)

describe('a successor', () => {
  test('is built and kept beside the journal, whose backup overwrites nothing', async () => {
    const { directory } = place('j', 'j.v2.bak')
    const succession = of(`${directory}/.`)
    expect([succession.directory, succession.building, succession.backup(1)]).toEqual([
      directory,
      `${directory}.upgrading`,
      `${directory}.v1.bak`,
    ])
    const refused = { code: 'JOURNAL_IO', details: { path: `${directory}.v2.bak`, errno: 'EEXIST' } }
    expect(() => succession.backup(2)).toThrow(expect.objectContaining(refused))
  })

  test('takes the journal’s place by two renames, each of which is durable before the next', async () => {
    const { directory, all, said } = place('j', 'j.upgrading')
    mkdirSync(`${directory}.upgrading/quarantine`)
    writeFileSync(`${directory}.upgrading/quarantine/left`, '')
    const calls: string[] = []
    const files = filesOver(nodeFiles, {
      rename: (from, to) => (calls.push(`${from.slice(directory.length)} to ${to.slice(directory.length)}`), nodeFiles.rename(from, to)),
      syncDir: (path) => (calls.push(path === dirname(directory) ? 'sync' : path), nodeFiles.syncDir(path)),
    })
    await of(directory, files).swap(`${directory}.v1.bak`)
    expect(calls).toEqual(['.upgrading to .upgraded', 'sync', ' to .v1.bak', 'sync', '.upgraded to ', 'sync'])
    expect([all(), said('j'), said('j.v1.bak')]).toEqual([['j', 'j.v1.bak'], 'j.upgrading', 'j'])
    expect(readdirSync(`${directory}/quarantine`)).toEqual([])
  })

  test('that waits because the swap was cut is put in its place', async () => {
    const { directory, all, said } = place('j.v1.bak', 'j.upgraded')
    expect(of(directory).isCut).toBe(true)
    expect(await of(directory).finish()).toBe(true)
    expect([all(), said('j')]).toEqual([['j', 'j.v1.bak'], 'j.upgraded'])
    expect([of(directory).isCut, await of(directory).finish()]).toEqual([false, false])
  })

  test('is no business of a journal that is there, and none waits where nothing is', async () => {
    for (const journals of [['j', 'j.v1.bak', 'j.upgraded'], ['j.v1.bak'], ['j.v1.bak', 'j.upgrading'], []]) {
      const { directory, all } = place(...journals)
      expect([of(directory).isCut, await of(directory).finish()]).toEqual([false, false])
      expect(all()).toEqual(journals.toSorted())
    }
  })

  test('of a journal that no swap took away is not put in its place', async () => {
    for (const other of [[], ['j.v9.bak']]) {
      const { directory, all } = place('j.upgraded', ...other)
      expect(of(directory).isCut).toBe(false)
      await expect(of(directory).finish()).rejects.toMatchObject({ code: 'JOURNAL_NOT_FOUND', details: { directory } })
      expect(all()).toEqual(['j.upgraded', ...other].toSorted())
    }
  })

  test('that somebody else put in its place first is in its place', async () => {
    const { directory, all, said } = place('j.v1.bak', 'j.upgraded')
    const quicker = filesOver(nodeFiles, {
      rename: async (from, to) => {
        await nodeFiles.rename(from, to)
        await nodeFiles.rename(from, to)
      },
    })
    expect(await of(directory, quicker).finish()).toBe(true)
    expect([all(), said('j')]).toEqual([['j', 'j.v1.bak'], 'j.upgraded'])
  })

  test('that cannot be renamed, or whose name is not durable, is told of', async () => {
    const { directory, all } = place('j.v1.bak', 'j.upgraded')
    const failing = (call: 'rename' | 'syncDir'): Files =>
      filesOver(nodeFiles, { [call]: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) })
    await expect(of(directory, failing('rename')).finish()).rejects.toMatchObject({
      code: 'JOURNAL_IO',
      message: `Renaming ${directory}.upgraded to ${directory}: EIO`,
    })
    expect(all()).toEqual(['j.upgraded', 'j.v1.bak'])
    await expect(of(directory, failing('syncDir')).finish()).rejects.toMatchObject({
      code: 'JOURNAL_IO',
      message: `Syncing ${dirname(directory)}: EIO`,
    })
  })

  test('that was whole is built on again, and one that is not is not there', async () => {
    const { directory, all } = place('j', 'j.upgraded')
    await of(directory).reopen()
    expect(all()).toEqual(['j', 'j.upgrading'])
    await of(directory).reopen()
    expect(all()).toEqual(['j', 'j.upgrading'])
  })

  test('is emptied of all that it holds of a journal, the newest first', async () => {
    const { directory } = place('j')
    const building = `${directory}.upgrading`
    const held = ['journal/00000001-000000000001.seg', 'journal/00000002-000000000005.seg', 'quarantine/bytes', 'head', 'epoch-00000003']
    journalIn(building, '', 'LOCK', 'other', ...held)
    const removed: string[] = []
    const files = filesOver(nodeFiles, {
      unlink: (path) => (removed.push(path.slice(building.length + 1)), nodeFiles.unlink(path)),
    })
    await of(directory, files).empty()
    expect(removed.slice(0, 3)).toEqual([held[1], held[0], held[2]])
    expect(removed.toSorted()).toEqual(held.toSorted())
    expect(readdirSync(building).toSorted()).toEqual(['FORMAT', 'LOCK', 'journal', 'other', 'quarantine'])
    await of(directory).empty()
    expect(existsSync(building)).toBe(true)
  })
})

describe('writers', () => {
  test('are kept out by lock and epoch until they are let in, where none was there meanwhile', async () => {
    const { directory } = place('j')
    writeFileSync(join(directory, 'epoch-00000004'), '')
    const held = await of(directory).keepWritersOut(4, 0)
    expect(await isLocked(nodeFiles, new Paths(directory))).toBe(true)
    expect(readdirSync(directory).toSorted()).toEqual(['FORMAT', 'LOCK', 'epoch-00000005'])
    await expect(of(directory).keepWritersOut(5, 0)).rejects.toMatchObject({ code: 'JOURNAL_LOCKED' })
    await held?.close()
    expect(await isLocked(nodeFiles, new Paths(directory))).toBe(false)
  })

  test('that were there meanwhile are told by their epoch, and nobody is kept out', async () => {
    const { directory } = place('j')
    writeFileSync(join(directory, 'epoch-00000005'), '')
    expect(await of(directory).keepWritersOut(4, 0)).toBeUndefined()
    expect(await isLocked(nodeFiles, new Paths(directory))).toBe(false)
  })

  test('are let in where no epoch can begin', async () => {
    const { directory } = place('j')
    const files = filesOver(nodeFiles, { syncDir: () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) })
    await expect(of(directory, files).keepWritersOut(0, 0)).rejects.toMatchObject({ code: 'JOURNAL_IO' })
    expect(await isLocked(nodeFiles, new Paths(directory))).toBe(false)
  })
})
