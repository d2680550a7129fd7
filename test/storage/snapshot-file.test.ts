/** Snapshot files on a disk that loses what was not synced, and that fails. */
import { describe, expect, test } from 'vitest'
import { SnapshotFiles } from '../../src/storage/snapshot-file.js'
import { systemClock } from '../../src/storage/system-clock.js'
import { Seeded } from '../support/disk/choice.js'
import { Disk } from '../support/disk/disk.js'
import type { Fault } from '../support/disk/faults.js'
import { Process } from '../support/disk/process.js'
import { seed, withSeed } from '../support/seed.js'

const head = { position: 1, digest: '0'.repeat(64) }

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('rows')
}

function filesOn(disk: Disk, faults: readonly Fault[] = []): { process: Process; files: SnapshotFiles } {
  const process = new Process(disk, { faults })
  return { process, files: new SnapshotFiles(process, systemClock, '/journal') }
}

async function journalOn(disk: Disk): Promise<void> {
  const process = new Process(disk)
  await process.mkdir('/journal')
  await process.syncDir('/')
}

describe(withSeed('a snapshot'), () => {
  test('in directories whose maker died before their names were durable outlives a loss of power', async () => {
    for (let round = 0; round < 30; round++) {
      const disk = new Disk({ names: 'posix' })
      await journalOn(disk)
      const faults: Fault[] = [{ code: 'death', at: 1 + (round % 2), calls: ['syncDir'] }]
      const first = filesOn(disk, faults)
      await Promise.race([first.files.write({ projection: 'p', revision: 1, head }, chunks()), first.process.died])
      expect(first.process.dead).toBe(true)
      const record = await filesOn(disk).files.write({ projection: 'p', revision: 1, head }, chunks())
      disk.powerLoss(new Seeded(seed + round))
      expect(await filesOn(disk).files.refuse(record, true)).toBeUndefined()
    }
  })

  test.each(['open', 'read', 'close'] as const)('whose %s fails is told of with a code, and left closed', async (call) => {
    const disk = new Disk()
    await journalOn(disk)
    const record = await filesOn(disk).files.write({ projection: 'p', revision: 1, head }, chunks())
    const { process, files } = filesOn(disk, [{ code: 'EIO', at: 1, calls: [call] }])
    const read = async (): Promise<void> => {
      for await (const chunk of files.read(record)) expect(Buffer.from(chunk).toString()).toBe('rows')
    }
    await expect(read()).rejects.toMatchObject({ code: 'JOURNAL_IO' })
    expect(process.opened).toBe(0)
  })

  test('that cannot be removed is told of with a code; one that is gone already is not', async () => {
    const disk = new Disk()
    await journalOn(disk)
    const record = await filesOn(disk).files.write({ projection: 'p', revision: 1, head }, chunks())
    const failing = filesOn(disk, [{ code: 'EIO', at: 1, calls: ['unlink'] }])
    await expect(failing.files.remove(record)).rejects.toMatchObject({ code: 'JOURNAL_IO' })
    const { process, files } = filesOn(disk)
    expect(process.exists(`/journal/${record.file}`)).toBe(true)
    await files.remove(record)
    expect(process.exists(`/journal/${record.file}`)).toBe(false)
    await files.remove(record)
  })
})
