/** A directory that somebody prepared: nothing in it is followed, waited for or believed because of its name. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import type { Files } from '../../src/storage/files.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { openNotes, note } from '../support/journal.js'
import { Appending, contents, copyOf, event, openStore, segmentsIn, temporary } from './support/journal.js'

/** Two segments, an index, a head, and a quarantine. */
async function journal(): Promise<string> {
  const directory = temporary()
  const store = await openStore(directory, { segmentBytes: 600 })
  const writer = new Appending(store)
  for (let n = 0; n < 6; n++) await writer.append('s', [event(n)])
  await store.close()
  mkdirSync(join(directory, 'quarantine'))
  return directory
}

/** Puts something into the place of what is there, which goes elsewhere. */
const kinds: Record<string, (path: string) => void | Promise<void>> = {
  'symbolic link': (path) => {
    renameSync(path, `${path}.elsewhere`)
    symlinkSync(`${path}.elsewhere`, path)
  },
  FIFO: (path) => {
    rmSync(path, { recursive: true })
    execFileSync('mkfifo', [path])
  },
  socket: async (path) => {
    rmSync(path, { recursive: true })
    const server = createServer().listen(path)
    await new Promise((done) => server.once('listening', done))
    onTestFinished(() => void server.close())
  },
}

/** The error that opening for reading, and then for writing, is refused with; what lies there is as it was. */
async function refusals(directory: string): Promise<string[]> {
  const messages: string[] = []
  for (const readOnly of [true, false]) {
    const error: unknown = await openStore(directory, { readOnly, lockWaitMs: 0 }).catch((reason: unknown) => reason)
    if (!isJournalError(error, 'JOURNAL_IO')) throw new Error(`readOnly ${readOnly} was not refused`, { cause: error })
    messages.push(error.message)
  }
  return messages
}

describe('in the place of', () => {
  for (const name of ['FORMAT', 'LOCK', 'head', 'segment', 'journal']) {
    for (const [kind, put] of Object.entries(kinds)) {
      test(`${name}, a ${kind} is refused by name before it is opened`, async () => {
        const directory = await journal()
        const path = name === 'segment' ? segmentsIn(directory)[0]! : join(directory, name)
        await put(path)
        for (const message of await refusals(directory)) expect(message).toMatch(`${path} is a ${kind} where a journal has a`)
      })
    }
  }

  test('an index, a symbolic link is not followed: the index is made again in its place', async () => {
    const directory = await journal()
    const [index] = segmentsIn(directory, '.idx')
    const target = join(temporary(), 'elsewhere')
    writeFileSync(target, 'precious')
    rmSync(index!)
    symlinkSync(target, index!)
    const store = await openStore(directory)
    expect((await contents(store)).commits).toHaveLength(6)
    await store.close()
    expect(statSync(target).size).toBe(8)
    expect(nodeFiles.stat(index!)?.kind).toBe('file')
  })

  test('a file of derived state, a symbolic link is refused by name and what it leads to stays', async () => {
    const directory = join(temporary(), 'journal')
    const open = await openNotes(directory)
    await open.append('s', [note('one')])
    await open.close()
    const target = join(temporary(), 'elsewhere')
    writeFileSync(target, 'precious')
    const log = join(directory, 'derived', 'LOG')
    rmSync(log)
    symlinkSync(target, log)
    await expect(openNotes(directory)).rejects.toThrow(`${log} is a symbolic link`)
    expect(statSync(target).size).toBe(8)
  })

  test('a directory, the quarantine for one, a symbolic link is refused when it is needed', async () => {
    const directory = await journal()
    await kinds['symbolic link']!(join(directory, 'quarantine'))
    rmSync(join(directory, 'head'))
    writeFileSync(segmentsIn(directory).at(-1)!, Buffer.from('torn'), { flag: 'a' })
    await expect(openStore(directory)).rejects.toThrow(`${join(directory, 'quarantine')} is a symbolic link`)
  })

  test('a name that was a file a moment ago, what is none is not followed and not waited for', async () => {
    const directory = temporary()
    writeFileSync(join(directory, 'file'), '')
    symlinkSync(join(directory, 'file'), join(directory, 'link'))
    execFileSync('mkfifo', [join(directory, 'fifo')])
    await expect(nodeFiles.open(join(directory, 'link'), 'r')).rejects.toMatchObject({ code: 'ELOOP' })
    await expect(nodeFiles.open(join(directory, 'fifo'), 'r')).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

describe('a journal', () => {
  test('may itself be reached through a symbolic link', async () => {
    const directory = await journal()
    const link = join(temporary(), 'link')
    symlinkSync(directory, link)
    const store = await openStore(link)
    expect((await contents(store)).commits).toHaveLength(6)
    await store.close()
  })

  test.skipIf(process.getuid?.() !== 0)('in a directory of another user is refused by name', async () => {
    const directory = await journal()
    chownSync(directory, 12_345, 12_345)
    for (const message of await refusals(directory)) expect(message).toMatch(`${directory} belongs to another user`)
  })

  test('lies in files and directories that are for their owner alone, whatever the umask', async () => {
    const directory = join(temporary(), 'new', 'journal')
    const before = process.umask(0)
    try {
      const open = await openNotes(directory, { segmentBytes: 600 })
      for (let n = 0; n < 9; n++) await open.append('s', [note('some text')])
      await open.snapshot()
      await open.close()
    } finally {
      process.umask(before)
    }
    const modes = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter(({ parentPath }) => parentPath !== join(directory, 'derived'))
      .map((entry) => [join(entry.parentPath, entry.name), (statSync(join(entry.parentPath, entry.name)).mode & 0o777).toString(8)])
    expect(modes.length).toBeGreaterThan(8)
    for (const [path, mode] of modes) expect([path, mode]).toEqual([path, statSync(path!).isDirectory() ? '700' : '600'])
    expect((statSync(directory).mode & 0o777).toString(8)).toBe('700')
  })

  test('on a file system that forgets, or is somebody else’s, is opened and warned about by name', async () => {
    const directory = await journal()
    for (const [type, name] of [
      [0x6969, 'NFS'],
      [0x01_02_19_97, '9p'],
      [0x01_02_19_94, 'tmpfs'],
    ] as const) {
      const files: Files = { ...nodeFiles, fileSystem: () => type }
      for (const readOnly of [true, false]) {
        const store = await openStore(directory, { files, readOnly })
        expect(store.recovery.warnings).toEqual([expect.stringContaining(`${directory} lies on ${name}: `)])
        await store.close()
      }
    }
  })

  test.skipIf(!existsSync('/dev/shm'))('on this machine’s tmpfs is warned about, and in its report', async () => {
    const directory = join(temporary('/dev/shm'), 'journal')
    const open = await openNotes(directory)
    expect(open.recovery.warnings).toEqual([`${directory} lies on tmpfs: nothing there outlives the machine.`])
    await open.close()
  })

  const ordinary = spawnSync('stat', ['-f', '-c', '%T', tmpdir()]).stdout.toString().startsWith('ext')
  test.skipIf(!ordinary)('on an ordinary disk is not warned about', async () => {
    const open = await openNotes(join(temporary(tmpdir()), 'journal'))
    expect(open.recovery.warnings).toEqual([])
    await open.close()
  })
})

describe('a number in a name', () => {
  test('that leads nowhere is reported, and costs neither time nor memory', async () => {
    const directory = await journal()
    const [first] = segmentsIn(directory)
    for (const name of ['999999999999999-000000000001.seg', '90000000-999999999999999.seg'])
      writeFileSync(join(directory, 'journal', name), 'stray')
    writeFileSync(join(directory, 'epoch-999999999999999'), '')
    const copy = copyOf(directory)
    for (const readOnly of [true, false]) {
      const store = await openStore(copy, { readOnly })
      expect(store.recovery.damage.map(({ segment }) => segment).toSorted()).toEqual([
        '90000000-999999999999999.seg',
        '999999999999999-000000000001.seg',
      ])
      expect((await contents(store)).commits).toHaveLength(6)
      await store.close()
    }
    expect(existsSync(first!)).toBe(true)
  })
})
