/** Backups: at one position of the writer's history, of what is new alone, whole or not at all, and refused where they would spread damage. */
import { describe, expect, test } from 'vitest'
import { isJournalError, type JournalErrorCode } from '../../src/errors.js'
import { backUp, restoreTo, type BackupReport } from '../../src/storage/backup.js'
import type { Files } from '../../src/storage/files.js'
import { Seeded } from '../support/disk/choice.js'
import { Disk } from '../support/disk/disk.js'
import type { Fault } from '../support/disk/faults.js'
import { Process } from '../support/disk/process.js'
import { rejection } from '../support/journal.js'
import { seed, withSeed } from '../support/seed.js'
import { bytesOf, change, damages, DIRECTORY, frameAt, namesOf, SEGMENT_BYTES, wholeJournal } from './support/damage.js'
import { Appending, contents, event, numbers, openStore, type Store } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const BACKUP = '/backup'
const NEW = '/new'
const backup = (files: Files, to = BACKUP): Promise<BackupReport> => backUp(DIRECTORY, to, { files })
const restore = (files: Files, from = BACKUP, to = NEW): Promise<BackupReport> => restoreTo(from, to, { files })

/** Calls that leave something else behind than was there. */
const CHANGING = ['write', 'datasync', 'mkdir', 'link', 'rename', 'unlink', 'syncDir'] as const

interface Whole {
  numbers: number[]
  position: number
  digest: string
}

/** What a reader sees, of a journal in which nothing is damaged. */
async function seen(files: Files, directory: string): Promise<Whole> {
  const store = await openStore(directory, { files, readOnly: true })
  try {
    expect(await store.verify()).toMatchObject({ ok: true, damage: [] })
    return { numbers: numbers((await contents(store)).commits), ...store.head }
  } finally {
    await store.close()
  }
}

async function append(store: Store, from: number, to: number): Promise<void> {
  const writer = new Appending(store)
  for (let n = from; n < to; n++) await writer.append(`s${n % 3}`, [event(n)], { commitId: `c${n}` })
}

async function goOn(files: Files, from: number, to: number, directory = DIRECTORY): Promise<void> {
  const store = await openStore(directory, { files, segmentBytes: SEGMENT_BYTES })
  await append(store, from, to)
  await store.close()
}

describe('a backup', () => {
  test('beside a writer that appends stands at a position of its history, and brings only what is new', async () => {
    const files = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files, segmentBytes: SEGMENT_BYTES })
    let going = true
    const writing = (async () => {
      const writer = new Appending(store)
      for (let n = 0; going; n++) {
        await writer.append(`s${n % 3}`, [event(n)])
        await new Promise((resolve) => setTimeout(resolve, 4))
      }
    })()
    const written = new Map<string, string>()
    let last = 0
    for (let round = 0; round < 6; round++) {
      await new Promise((resolve) => setTimeout(resolve, 30))
      const report = await backup(files)
      expect(report.position).toBeGreaterThan(last)
      expect(await store.holds(report)).toBe(true)
      const copy = await seen(files, BACKUP)
      expect(copy).toMatchObject({ position: report.position, digest: report.digest })
      expect(copy.numbers).toEqual(Array.from({ length: report.position }, (_, n) => n))
      // What was there and sealed stays the very file it was.
      for (const name of report.kept) expect(bytesOf(files, `${BACKUP}/journal/${name}`).toString('hex')).toBe(written.get(name))
      expect(report.copied.length).toBeLessThanOrEqual(2 + (report.position - last) / 2)
      for (const name of report.copied) written.set(name, bytesOf(files, `${BACKUP}/journal/${name}`).toString('hex'))
      last = report.position
    }
    expect(written.size).toBeGreaterThan(6)
    going = false
    await writing
    await store.close()
    expect(files.opened).toBe(0)
  })

  test('of what did not change copies nothing, and a dry run says so before', async () => {
    const files = await wholeJournal()
    const dry = await backUp(DIRECTORY, BACKUP, { files, dryRun: true })
    expect(dry).toMatchObject({ dryRun: true, kept: [], position: 20 })
    expect(files.directories.has(BACKUP)).toBe(false)
    const first = await backup(files)
    expect(first).toEqual({ ...dry, dryRun: false })
    expect(first.copied.length).toBeGreaterThan(3)
    const before = namesOf(files, '.seg').map((path) => files.inodes.get(path))
    expect(await backup(files)).toEqual({ ...first, copied: [], kept: first.copied, bytes: 0 })
    expect(namesOf(files, '.seg').map((path) => files.inodes.get(path))).toEqual(before)
    expect(await seen(files, BACKUP)).toEqual(await seen(files, DIRECTORY))
  })

  test('tells how far it is, to the end', async () => {
    const files = await wholeJournal()
    const steps: [number, number][] = []
    const { bytes } = await backUp(DIRECTORY, BACKUP, { files, progress: (done, total) => steps.push([done, total]) })
    expect(steps.map(([done]) => done)).toEqual(steps.map(([done]) => done).toSorted((a, b) => a - b))
    expect(steps.at(-1)).toEqual([2 * bytes, 2 * bytes])
    const stopped = backUp(DIRECTORY, NEW, { files, signal: AbortSignal.abort() })
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    expect(namesOf(files, '').filter((path) => path.startsWith(`${NEW}/`))).toEqual([`${NEW}/LOCK`])
  })

  test('says what stays behind because nothing proves it, until somebody opened the journal', async () => {
    const open = new MemoryFiles()
    const store = await openStore(DIRECTORY, { files: open })
    await append(store, 0, 4)
    const files = open.copy()
    await store.close()
    files.inodes.delete(`${DIRECTORY}/head`)
    const { position, unproven } = await backup(files)
    expect({ position, unproven }).toEqual({ position: 3, unproven: expect.any(Number) as number })
    expect(unproven).toBeGreaterThan(100)
    await (await openStore(DIRECTORY, { files })).close()
    expect(await backup(files)).toMatchObject({ position: 4, unproven: 0 })
  })

  test('copies again what rotted in it', async () => {
    const files = await wholeJournal()
    await backup(files)
    const rotten = namesOf(files, '.seg').filter((path) => path.startsWith(BACKUP))[1] as string
    const before = bytesOf(files, rotten)
    change(files, rotten, (bytes) => void (bytes[frameAt(bytes, 1) + 110]! ^= 1))
    expect(await rejection(restore(files), 'JOURNAL_DAMAGED')).toMatchObject({ details: { damage: [{ segment: rotten.slice(-25) }] } })
    expect(files.inodes.has(`${NEW}/FORMAT`)).toBe(false)
    expect(await backup(files)).toMatchObject({ copied: [rotten.slice(-25)] })
    expect(bytesOf(files, rotten)).toEqual(before)
  })

  test('of a journal with a gap that is written down has the gap', async () => {
    const files = await wholeJournal()
    change(files, namesOf(files, '.seg')[1] as string, (bytes) => void (bytes[frameAt(bytes, 1) + 110]! ^= 1))
    const store = await openStore(DIRECTORY, { files })
    await store.repair()
    await store.close()
    await backup(files)
    await restore(files)
    for (const directory of [DIRECTORY, BACKUP, NEW]) {
      const copy = await openStore(directory, { files, readOnly: true })
      expect(await copy.verify()).toMatchObject({ ok: true, gaps: [{ lastPosition: 7 }], commits: 19 })
      await copy.close()
    }
  })
})

describe('damage', () => {
  test.each(Object.keys(damages))('to %s is not copied, and the last backup stays', async (how) => {
    const files = await wholeJournal()
    await backup(files)
    const before = await seen(files, BACKUP)
    await goOn(files, 200, 220)
    const segments = namesOf(files, '.seg').filter((path) => path.startsWith(DIRECTORY))
    for (const segment of segments.slice(-2)) {
      const copy = files.copy()
      damages[how]!(copy, segment)
      const error = await rejection(backup(copy), 'JOURNAL_DAMAGED')
      expect(error.details.damage).not.toEqual([])
      expect(error.message).toMatch(/repair.*salvage/)
      expect(await seen(copy, BACKUP)).toEqual(before)
      expect(await restore(copy)).toMatchObject({ position: before.position, digest: before.digest })
    }
  })

  test.each(Object.keys(damages))('of a backup, to %s, is restored to nothing', async (how) => {
    const files = await wholeJournal()
    await backup(files)
    const segments = namesOf(files, '.seg').filter((path) => path.startsWith(BACKUP))
    for (const segment of [segments[1], segments.at(-1)]) {
      const copy = files.copy()
      damages[how]!(copy, segment as string)
      await rejection(restore(copy), 'JOURNAL_DAMAGED')
      expect(copy.inodes.has(`${NEW}/FORMAT`)).toBe(false)
    }
  })

  test('of either slot of its head file does no harm, of both is refused', async () => {
    const files = await wholeJournal()
    await backup(files)
    for (const slot of [0, 4096]) {
      const copy = files.copy()
      change(copy, `${BACKUP}/head`, (bytes) => void (bytes[slot + 50]! ^= 1))
      expect(await restore(copy)).toMatchObject({ position: 20 })
    }
    change(files, `${BACKUP}/head`, (bytes) => void bytes.fill(0))
    expect((await rejection(restore(files), 'JOURNAL_DAMAGED')).message).toContain('head')
  })
})

describe('a journal that was restored', () => {
  test('opens, goes on, and is told from the one that went on without it', async () => {
    const files = await wholeJournal()
    await backup(files)
    const report = await restore(files)
    expect(await seen(files, NEW)).toEqual(await seen(files, DIRECTORY))
    await goOn(files, 200, 210, NEW)
    await goOn(files, 300, 310)
    const twin = await openStore(NEW, { files, readOnly: true })
    const original = await openStore(DIRECTORY, { files, readOnly: true })
    expect(twin.id).toBe(original.id)
    expect(await original.verify({ since: report })).toMatchObject({ ok: true, since: { ok: true } })
    expect(await twin.verify({ since: report })).toMatchObject({ ok: true, since: { ok: true } })
    expect(await twin.verify({ since: original.head })).toMatchObject({ ok: true, since: { ok: false } })
    expect(await twin.holds(original.head)).toBe(false)
    await twin.close()
    await original.close()
    // Neither is backed up over the other.
    await backup(files)
    expect((await rejection(backUp(NEW, BACKUP, { files }), 'JOURNAL_HISTORY_CHANGED')).message).toContain('did not go on from')
    expect((await rejection(backUp(DIRECTORY, NEW, { files }), 'JOURNAL_HISTORY_CHANGED')).message).toContain('opened for writing')
  })

  test('takes what its backup says, and nothing that a later backup left on its way', async () => {
    const files = await wholeJournal()
    const first = await backup(files)
    const head = bytesOf(files, `${BACKUP}/head`)
    await goOn(files, 200, 230)
    await backup(files)
    files.inodes.set(`${BACKUP}/head`, { bytes: head, lock: undefined })
    expect(await restore(files)).toMatchObject({ position: first.position, digest: first.digest })
    expect((await seen(files, NEW)).digest).toBe(first.digest)
  })
})

describe('a directory', () => {
  const other = async (files: MemoryFiles, directory: string): Promise<void> => {
    const store = await openStore(directory, { files })
    await append(store, 0, 3)
    await store.close()
  }
  const cases: [string, (files: MemoryFiles) => Promise<string>, JournalErrorCode, RegExp][] = [
    [
      'with a letter in it',
      async (files) => (files.directories.add(BACKUP), put(files, `${BACKUP}/letter.txt`), BACKUP),
      'JOURNAL_IO',
      /not empty/,
    ],
    [
      'with a diary in journal/',
      async (files) => (files.directories.add(BACKUP).add(`${BACKUP}/journal`), put(files, `${BACKUP}/journal/monday.txt`), BACKUP),
      'JOURNAL_HISTORY_CHANGED',
      /did not go on from/,
    ],
    ['of the journal itself', async () => DIRECTORY, 'JOURNAL_IO', /lie in each other/],
    ['inside the journal', async () => `${DIRECTORY}/backup`, 'JOURNAL_IO', /lie in each other/],
    ['that is a journal', async (files) => (await other(files, BACKUP), BACKUP), 'JOURNAL_HISTORY_CHANGED', /opened for writing/],
    [
      'that is the backup of another journal',
      async (files) => (await other(files, '/other'), await backUp('/other', BACKUP, { files }), BACKUP),
      'JOURNAL_HISTORY_CHANGED',
      /another journal/,
    ],
  ]
  function put(files: MemoryFiles, path: string): void {
    files.inodes.set(path, { bytes: Buffer.from('dear'), lock: undefined })
  }

  test.each(cases)('%s takes no backup, and is not touched', async (_, make, code, says) => {
    const files = await wholeJournal()
    const to = await make(files)
    const before = [...files.inodes].map(([path, { bytes }]) => `${path} ${bytes.toString('hex')}`)
    expect((await rejection(backup(files, to), code)).message).toMatch(says)
    expect([...files.inodes].map(([path, { bytes }]) => `${path} ${bytes.toString('hex')}`)).toEqual(before)
  })

  test('that is not empty is not restored into, and where there is no backup nothing is restored', async () => {
    const files = await wholeJournal()
    await backup(files)
    expect((await rejection(restore(files, BACKUP, DIRECTORY), 'JOURNAL_IO')).message).toContain('not empty')
    await rejection(restore(files, '/nowhere'), 'JOURNAL_NOT_FOUND')
  })

  test('takes one backup at a time', async () => {
    const files = await wholeJournal()
    await backup(files)
    const held = await files.open(`${BACKUP}/LOCK`, 'r+')
    expect(held.tryLock('exclusive')).toBe(true)
    await rejection(backup(files), 'JOURNAL_LOCKED')
    // Who reads it meanwhile, or restores it, is in nobody's way.
    await restore(files)
    await held.close()
    await backup(files)
  })
})

async function bytesIn(files: Files, path: string): Promise<Buffer> {
  const file = await files.open(path, 'r')
  const bytes = Buffer.alloc(await file.size())
  await file.read(bytes, 0)
  await file.close()
  return bytes
}

describe(withSeed('cut off'), () => {
  /** A disk with a journal and a backup of its beginning. */
  async function begun(names: 'ordered' | 'posix'): Promise<{ disk: Disk; first: BackupReport }> {
    const disk = new Disk({ names })
    const files = new Process(disk)
    await goOn(files, 0, 5)
    const first = await backup(files)
    await goOn(files, 5, 12)
    return { disk, first }
  }

  /** Whatever happened, what the backup says can be restored, and the next backup brings the rest. */
  async function expectUsable(disk: Disk, first: BackupReport, whole: Whole): Promise<void> {
    const files = new Process(disk)
    const { position, digest } = await restore(files)
    expect([first.digest, whole.digest]).toContain(digest)
    expect(await seen(files, NEW)).toEqual({ numbers: whole.numbers.slice(0, position), position, digest })
    await seen(files, BACKUP)
    expect(await backup(files)).toMatchObject({ position: whole.position, digest: whole.digest })
    expect(await seen(files, BACKUP)).toEqual(whole)
    expect(disk.paths().filter((path) => path.startsWith(BACKUP) && /new$|tmp$/.test(path))).toEqual([])
    await goOn(files, 900, 903, NEW)
    expect(files.opened).toBe(0)
  }

  /** Dies in the nth call that changes something; false if it came to its end before. */
  async function dies(disk: Disk, at: number, choice: Seeded): Promise<boolean> {
    const files = new Process(disk, { choice, faults: [{ code: 'death', at, calls: CHANGING }] })
    await Promise.race([backup(files), files.died])
    return files.dead
  }

  test.each(['ordered', 'posix'] as const)(
    'by the loss of power or of the process at any change, a backup is the last one or the next (names become durable %s)',
    { timeout: 60_000 },
    async (names) => {
      const { disk: original, first } = await begun(names)
      const whole = await seen(new Process(original), DIRECTORY)
      const outcomes = new Set<string>()
      for (let at = 1; ; at++) {
        const disk = original.clone()
        const choice = new Seeded(seed + at)
        if (!(await dies(disk, at, choice))) break
        const dark = disk.clone()
        dark.powerLoss(choice)
        for (const left of [disk, dark]) {
          outcomes.add((await restore(new Process(left.clone()))).digest)
          await expectUsable(left, first, whole)
        }
      }
      expect(outcomes).toEqual(new Set([first.digest, whole.digest]))
    },
  )

  test('at any change, where a group of the last backup was written once more by a recovery', { timeout: 60_000 }, async () => {
    const original = new Disk()
    const writer = new Process(original)
    const store = await openStore(DIRECTORY, { files: writer, segmentBytes: SEGMENT_BYTES })
    await append(store, 0, 1)
    const earlier = await bytesIn(writer, `${DIRECTORY}/head`)
    await new Appending(store).append('s1', [event(1)])
    const first = await backup(writer)
    writer.kill()
    // The head file was not synced: it says less than it did when the backup was made.
    const files = new Process(original)
    const head = await files.open(`${DIRECTORY}/head`, 'r+')
    await head.write(earlier, 0)
    await head.close()
    await goOn(files, 2, 5)
    const whole = await seen(files, DIRECTORY)
    expect(await files.readdir(`${DIRECTORY}/journal`)).toContain('00000002-000000000002.seg')
    for (let at = 1; ; at++) {
      const disk = original.clone()
      if (!(await dies(disk, at, new Seeded(seed + at)))) break
      await expectUsable(disk, first, whole)
    }
  })

  test('at any change, a first backup is none, or whole, and the next one completes it', { timeout: 60_000 }, async () => {
    const original = new Disk()
    await goOn(new Process(original), 0, 8)
    const whole = await seen(new Process(original), DIRECTORY)
    for (let at = 1; ; at++) {
      const disk = original.clone()
      const choice = new Seeded(seed + at)
      if (!(await dies(disk, at, choice))) break
      if (at % 2 === 0) disk.powerLoss(choice)
      await restore(new Process(disk.clone())).then(
        (report) => expect(report.digest).toBe(whole.digest),
        (error: unknown) => expect(isJournalError(error, 'JOURNAL_NOT_FOUND')).toBe(true),
      )
      const next = new Process(disk)
      expect(await backup(next)).toMatchObject({ digest: whole.digest })
      expect(await seen(next, BACKUP)).toEqual(whole)
    }
  })

  const faults: [string, (at: number) => Fault][] = [
    ['is full from', (at) => ({ code: 'ENOSPC', at, forEver: true, path: /^.backup/ })],
    ['is full once at', (at) => ({ code: 'ENOSPC', at })],
    ['takes half of a write at', (at) => ({ code: 'short', at })],
    ['fails once at', (at) => ({ code: 'EIO', at })],
    ['reads another bit at', (at) => ({ code: 'rot', at })],
  ]
  test.each(faults)('a disk that %s any call leaves the last backup or the next', { timeout: 60_000 }, async (_, faultAt) => {
    const { disk: original, first } = await begun('ordered')
    const whole = await seen(new Process(original), DIRECTORY)
    const codes = new Set<string>()
    for (let at = 1; ; at++) {
      const disk = original.clone()
      const files = new Process(disk, { choice: new Seeded(seed + at), faults: [faultAt(at)] })
      const error: unknown = await backup(files).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (files.faults.struck === 0) {
        expect(error).toBeUndefined()
        break
      }
      if (error !== undefined) codes.add(isJournalError(error) ? error.code : 'none of ours')
      expect(files.opened).toBe(0)
      await expectUsable(disk, first, whole)
    }
    for (const code of codes) expect(code).toMatch(/^JOURNAL_(DISK_FULL|IO|DAMAGED|HISTORY_CHANGED|NOT_FOUND|NEWER_FORMAT)$/)
    if (faultAt(1).code === 'ENOSPC') expect([...codes]).toEqual(['JOURNAL_DISK_FULL'])
  })
})
