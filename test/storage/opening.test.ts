/** What opening makes durable, and how little of a long journal is read for opening it and for a page of it. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Seeded } from '../support/disk/choice.js'
import { Disk } from '../support/disk/disk.js'
import { Process } from '../support/disk/process.js'
import { seed, withSeed } from '../support/seed.js'
import { DIRECTORY, namesOf } from './support/damage.js'
import { Appending, contents, event, numbers, openStore, temporary } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

test(withSeed('every directory that had to be made above a journal outlives a loss of power, as what it was made for does'), async () => {
  for (let round = 0; round < 20; round++) {
    const disk = new Disk({ names: 'posix' })
    const directory = '/home/of/some/journal'
    await new Appending(await openStore(directory, { files: new Process(disk) })).append('s', [event(1)])
    disk.powerLoss(new Seeded(seed + round))
    const store = await openStore(directory, { files: new Process(disk) })
    expect(numbers((await contents(store)).commits)).toEqual([1])
    await store.close()
  }
})

test(withSeed('a new journal that was closed in order is found so after a loss of power: its head file has a name by then'), async () => {
  for (let round = 0; round < 20; round++) {
    const disk = new Disk({ names: 'posix' })
    const store = await openStore(DIRECTORY, { files: new Process(disk) })
    await new Appending(store).append('s', [event(1)])
    await store.close()
    disk.powerLoss(new Seeded(seed + round))
    const again = await openStore(DIRECTORY, { files: new Process(disk) })
    expect(again.recovery.clean, `round ${round}`).toBe(true)
    await again.close()
  }
})

test(
  withSeed('rot in the first group behind a clean end is damage, also where what the head file said of it went with the power'),
  async () => {
    for (let round = 0; round < 20; round++) {
      const disk = new Disk()
      const first = await openStore(DIRECTORY, { files: new Process(disk) })
      await new Appending(first).append('s', [event(1)])
      await first.close()
      const process = new Process(disk)
      await new Appending(await openStore(DIRECTORY, { files: process })).append('s', [event(2, 'added', 'x'.repeat(300))])
      process.kill()
      disk.powerLoss(new Seeded(seed + round))
      const segment = disk.file(disk.paths().find((path) => path.endsWith('.seg')) as string)
      const bytes = Buffer.alloc(segment.size)
      segment.read(bytes, 0)
      const at = bytes.indexOf('xxx') + 20
      segment.write(Buffer.of(bytes[at]! ^ 1), at)
      const store = await openStore(DIRECTORY, { files: new Process(disk) })
      expect(store.recovery.tornBytes, `round ${round}`).toBe(0)
      expect(store.recovery.damage, `round ${round}`).toMatchObject([{ firstPosition: 2, lastPosition: 2 }])
      await store.close()
    }
  },
)

test('of a sealed segment opening reads the first page alone', async () => {
  const files = new MemoryFiles()
  const options = { files, segmentBytes: 32 << 10 }
  const writing = await openStore(DIRECTORY, options)
  const writer = new Appending(writing)
  for (let n = 0; n < 60; n++) await writer.append('s', [event(n, 'added', 'x'.repeat(5000))])
  await writing.close()
  const sealed = namesOf(files, '.seg').slice(0, -1)
  expect(sealed.length).toBeGreaterThan(8)
  for (const readOnly of [true, false]) {
    const read = new Map<string, number>()
    files.watched = (path, offset, length) => void read.set(path, Math.max(read.get(path) ?? 0, offset + length))
    const store = await openStore(DIRECTORY, { ...options, readOnly })
    files.watched = undefined
    for (const path of sealed) expect(read.get(path), path).toBe(4096)
    expect(numbers((await contents(store)).commits)).toHaveLength(60)
    await store.close()
  }
})

test('a page, by position or of a stream, is read from where it lies', async () => {
  const files = new MemoryFiles()
  const options = { files, segmentBytes: 16 << 20 }
  const writing = await openStore(DIRECTORY, options)
  const writer = new Appending(writing)
  for (let n = 0; n < 60; n++) await writer.append('s', [event(n, 'added', 'x'.repeat(100_000))])
  const image = files.copy()
  await writing.close()
  // Of the segment while it is the newest, and sealed: then its index says where.
  for (const of of [image, files]) {
    const store = await openStore(DIRECTORY, { files: of, readOnly: true })
    let bytes = 0
    of.watched = (_path, _offset, length) => void (bytes += length)
    for (const after of [10, 30, 50]) {
      bytes = 0
      expect(numbers((await contents(store, { after, upTo: after + 2 })).commits)).toEqual([after, after + 1])
      expect(bytes).toBeLessThan(2 << 20)
      bytes = 0
      for await (const [first] of store.readStream('s', { after })) {
        expect(first).toMatchObject({ version: after + 1 })
        break
      }
      expect(bytes).toBeLessThan(500_000)
    }
    await store.close()
  }
})

test.each([
  { blocking: true, here: true },
  { blocking: false, here: false },
  { blocking: undefined, here: false },
])('blocking: $blocking syncs on the calling thread: $here', async ({ blocking, here }) => {
  const spies = { here: vi.spyOn(fs, 'fdatasyncSync'), elsewhere: vi.spyOn(fs, 'fdatasync') }
  syncBuiltinESMExports()
  onTestFinished(() => {
    vi.restoreAllMocks()
    syncBuiltinESMExports()
  })
  const store = await openStore(temporary(), blocking === undefined ? {} : { blocking })
  await new Appending(store).append('s', [event(1)])
  await store.close()
  expect([spies.here.mock.calls.length > 0, spies.elsewhere.mock.calls.length > 0]).toEqual([here, !here])
})

test('sectors of other sizes than disks have are misuse, and nothing is made', async () => {
  for (const sectorBytes of [0, 1, 16, 1024, 8192]) {
    const files = new MemoryFiles()
    await expect(openStore(DIRECTORY, { files, sectorBytes })).rejects.toThrow(new TypeError('sectorBytes is 8, 512 or 4096'))
    expect([...files.directories]).toEqual(['/'])
  }
})
