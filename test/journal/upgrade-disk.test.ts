/** Upgrading on a disk that loses its power, runs full or fails, at any call: one whole journal is in use, and a later call finishes the work. */
import { expect, test } from 'vitest'
import { openJournal, upgradeJournal, type RecordedEvent } from '../../src/index.js'
import { Seeded } from '../support/disk/choice.js'
import { Disk } from '../support/disk/disk.js'
import type { Fault } from '../support/disk/faults.js'
import { Process } from '../support/disk/process.js'
import { all } from '../support/journal.js'
import { before as past, parts } from '../support/memos.js'
import { memoryStores } from '../support/memory-derived.js'
import { seeded } from '../support/random.js'
import { seed, withSeed } from '../support/seed.js'

const DIRECTORY = '/place/journal'
const chance = new Seeded(seed)
const clock = { now: () => 1_700_000_000_000, random: (bytes: number) => new Uint8Array(bytes).map(() => chance.int(256)) }

const open = (files: Process, readOnly: boolean) =>
  openJournal(DIRECTORY, { ...parts, files, clock, readOnly, onInterrupted: 'leave', derived: memoryStores() })
const upgrade = (files: Process) => upgradeJournal(DIRECTORY, { ...parts, files, clock, segmentBytes: 2000 })

async function seenOn(disk: Disk, readOnly = false): Promise<RecordedEvent[]> {
  await using journal = await open(new Process(disk), readOnly)
  return all(journal.readAll())
}

/** A disk with a journal of the old program on it, everything of it durable, and what readers of today see in it. */
async function written(names: 'ordered' | 'posix'): Promise<{ disk: Disk; seen: RecordedEvent[] }> {
  const disk = new Disk({ names })
  const files = new Process(disk)
  await files.mkdir('/place')
  await files.syncDir('/')
  const journal = await openJournal(DIRECTORY, { events: past, files, clock, segmentBytes: 2000, derived: memoryStores() })
  for (let i = 0; i < 24; i++) await journal.append(`s${i % 3}`, [{ type: 'note.added', data: { text: `n${i}` } }], { commitId: `c${i}` })
  await journal.append('s1', [
    { type: 'note.moved', data: { from: 'n1', to: 'm1' } },
    { type: 'note.seen', data: {} },
  ])
  await journal.close()
  return { disk, seen: await seenOn(disk, true) }
}

async function expectWholeAndFinish(disk: Disk, seen: readonly RecordedEvent[], openFirst: boolean): Promise<void> {
  if (openFirst) expect((await seenOn(disk)).filter(({ type }) => type !== 'journal.upgraded')).toEqual(seen)
  await upgrade(new Process(disk))
  const after = await seenOn(disk)
  expect(after.slice(0, -1)).toEqual(seen)
  expect(after.at(-1)).toMatchObject({ type: 'journal.upgraded' })
  expect([...disk.directory('/place').names.keys()].toSorted()).toEqual(['journal', 'journal.v1.bak'])
  expect(disk.paths().some((path) => path.startsWith(`${DIRECTORY}.v1.bak/journal/`))).toBe(true)
}

async function calls(of: Disk): Promise<number> {
  const files = new Process(of.clone())
  await upgrade(files)
  return files.calls
}

async function told(moment: string, check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    throw new Error(`${moment}: ${String(error)}`, { cause: error })
  }
}

test.each(['ordered', 'posix'] as const)(
  withSeed('the power fails at any of 200 calls (names become durable %s)'),
  { timeout: 180_000 },
  async (names) => {
    const { disk: original, seen } = await written(names)
    const count = await calls(original)
    const random = seeded(seed)
    // The last calls are those of the swap.
    const moments = [
      ...Array.from({ length: 40 }, (_, i) => count - i),
      ...Array.from({ length: 160 }, () => 1 + Math.floor(random() * count)),
    ]
    for (const [nth, at] of moments.entries()) {
      await told(`no power at call ${at} of ${count}`, async () => {
        const disk = original.clone()
        const choice = new Seeded(seed + nth)
        const files = new Process(disk, { choice, faults: [{ code: 'death', at }] })
        await Promise.race([upgrade(files), files.died])
        expect(files.dead).toBe(true)
        disk.powerLoss(choice)
        await expectWholeAndFinish(disk, seen, nth % 2 === 0)
      })
    }
  },
)

const faults: [string, (at: number) => Fault][] = [
  ['has no space any more from', (at) => ({ code: 'ENOSPC', at, forEver: true, path: /upgrad/ })],
  ['has no space once at', (at) => ({ code: 'ENOSPC', at })],
  ['fails once at', (at) => ({ code: 'EIO', at })],
]
test.each(faults)(withSeed('a disk that %s any call leaves one whole journal in use'), { timeout: 180_000 }, async (_, faultAt) => {
  const { disk: original, seen } = await written('ordered')
  const random = seeded(seed)
  const count = await calls(original)
  let struck = 0
  for (let i = 0; struck < 30; i++) {
    const at = 1 + Math.floor(random() * count)
    await told(`call ${at} of ${count}`, async () => {
      const disk = original.clone()
      const files = new Process(disk, { choice: new Seeded(seed + i), faults: [faultAt(at)] })
      const error = await upgrade(files).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (files.faults.struck > 0) struck++
      else expect(error).toBeUndefined()
      // Where a file is cannot be told any more, an epoch may seem to be another writer's.
      const codes = /^JOURNAL_(DISK_FULL|IO|POISONED|FENCED)$/
      if (error !== undefined) expect(error).toMatchObject({ code: expect.stringMatching(codes) as string })
      await expectWholeAndFinish(disk, seen, i % 2 === 0)
    })
  }
})
