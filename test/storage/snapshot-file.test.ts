/** Snapshot files: what they hold, why one is refused, and what is left of them on a disk that loses what was not synced, or fails. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { SnapshotRecord } from '../../src/storage/commit-store.js'
import { SnapshotFiles } from '../../src/storage/snapshot-file.js'
import { systemClock } from '../../src/storage/system-clock.js'
import { all } from '../support/all.js'
import { Seeded } from '../support/disk/choice.js'
import { Disk } from '../support/disk/disk.js'
import type { Fault } from '../support/disk/faults.js'
import { Process } from '../support/disk/process.js'
import { seed, withSeed } from '../support/seed.js'
import { MemoryFiles } from './support/memory-files.js'

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

describe('a snapshot file', () => {
  const PATH = '/journal/snapshots/p/000000000001.snap'
  const rows = ['first', '', 'x'.repeat(5000)]

  async function* of(texts: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text)
  }

  async function written(): Promise<{ memory: MemoryFiles; files: SnapshotFiles; record: SnapshotRecord; bytes: Buffer }> {
    const memory = new MemoryFiles()
    await memory.mkdir('/journal')
    const files = new SnapshotFiles(memory, systemClock, '/journal')
    const record = await files.write({ projection: 'p', revision: 3, head }, of(rows))
    return { memory, files, record, bytes: memory.inodes.get(PATH)?.bytes as Buffer }
  }

  async function read(files: SnapshotFiles, record: SnapshotRecord): Promise<string[]> {
    return (await all(files.read(record))).map((chunk) => Buffer.from(chunk).toString())
  }

  test('is named by its projection and position, says what it is, and gives its chunks', async () => {
    const { memory, files, record, bytes } = await written()
    expect(record).toEqual({
      projection: 'p',
      revision: 3,
      head,
      file: 'snapshots/p/000000000001.snap',
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })
    expect(bytes.toString('latin1').split('\n').slice(0, 2)).toEqual([
      'turnlog snapshot 1',
      JSON.stringify({ projection: 'p', revision: 3, position: 1, digest: head.digest }),
    ])
    expect(files.isMissing(record)).toBe(false)
    expect([await files.refuse(record, false), await files.refuse(record, true)]).toEqual([undefined, undefined])
    expect(await read(files, record)).toEqual(rows)
    expect(memory.opened).toBe(0)
  })

  test('is refused with the reason, in short or by all its bytes', async () => {
    const { memory, files, record, bytes } = await written()
    const header = bytes.indexOf('}\n') + 2
    const digest = 'the file does not have the digest that the journal names'
    const cases: [what: string, make: () => Buffer, short: string | undefined, whole: string | undefined][] = [
      ['is longer', () => Buffer.concat([bytes, Buffer.of(0)]), 'the file does not have the size that the journal names', undefined],
      ['is shorter', () => bytes.subarray(0, -1), 'the file does not have the size that the journal names', undefined],
      ['has another header', () => flipped(bytes, header - 1), 'the header is damaged', undefined],
      ['has another magic', () => flipped(bytes, 0), 'the header is damaged', undefined],
      ['has another chunk', () => flipped(bytes, bytes.length - 1), undefined, digest],
      ['has another head of a chunk', () => flipped(bytes, header), undefined, digest],
    ]
    for (const [what, make, short, whole = short] of cases) {
      memory.inodes.set(PATH, { bytes: make(), lock: undefined })
      expect([await files.refuse(record, false), await files.refuse(record, true)], what).toEqual([short, whole])
    }
    expect(await files.refuse({ ...record, revision: 4 }, false)).toBe('the header is damaged')
    memory.inodes.delete(PATH)
    expect(files.isMissing(record)).toBe(true)
    expect(await files.refuse(record, false)).toBe('the file is missing')
    memory.fault = () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    expect(await files.refuse(record, false)).toBe('the file cannot be read: Error: EIO')
    expect(memory.opened).toBe(0)
  })

  test('gives no chunk that does not check, is longer than its file, or ends too early', async () => {
    const { memory, files, record, bytes } = await written()
    const first = bytes.indexOf('}\n') + 2
    const last = bytes.length - 5008
    const hurt = async (make: (copy: Buffer) => Buffer): Promise<unknown> => {
      memory.inodes.set(PATH, { bytes: make(Buffer.from(bytes)), lock: undefined })
      return read(files, record)
    }
    const told = (why: string) => ({ code: 'JOURNAL_IO', message: `Reading the snapshot ${PATH}: ${why}` })
    await expect(hurt((copy) => flipped(copy, first + 8))).rejects.toMatchObject(told('a chunk does not check'))
    await expect(hurt((copy) => flipped(copy, first + 4))).rejects.toMatchObject(told('a chunk does not check'))
    await expect(hurt((copy) => (copy.writeUInt32LE(5001, last), copy))).rejects.toMatchObject(told('a chunk is longer than its file'))
    await expect(hurt((copy) => copy.subarray(0, -1))).rejects.toMatchObject(told('the file ends too early'))
    await expect(hurt((copy) => copy.subarray(0, last + 4))).rejects.toMatchObject(told('the file ends too early'))
    expect(memory.opened).toBe(0)
  })

  test('that cannot be written whole is told of, and nothing of it is left', async () => {
    const memory = new MemoryFiles()
    await memory.mkdir('/journal')
    const files = new SnapshotFiles(memory, systemClock, '/journal')
    memory.fault = (call) => (call === 'write' ? 3 : undefined)
    const full = { code: 'JOURNAL_DISK_FULL', details: { path: PATH, errno: 'ENOSPC' } }
    await expect(files.write({ projection: 'p', revision: 3, head }, of(rows))).rejects.toMatchObject(full)
    expect([...memory.inodes.keys()]).toEqual([])
    expect(memory.opened).toBe(0)
  })
})

/** A copy in which one bit is turned over. */
function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}
