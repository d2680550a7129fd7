/** What is lost behind a stream's end: told to whoever reads as far as that, and to nobody whose stream lost nothing there. */
import { expect, test } from 'vitest'
import { Kind, parseHeader } from '../../src/storage/frame.js'
import { bytesOf, change, DIRECTORY, frameAt, namesOf, SEGMENT_BYTES, wholeJournal } from './support/damage.js'
import { Appending, event, listed, openStore, type Store } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const open = (files: MemoryFiles, readOnly = false) => openStore(DIRECTORY, { files, readOnly, segmentBytes: SEGMENT_BYTES })

/** Versions of a stream, and gaps. */
async function told(store: Store, stream: string, options: object = {}): Promise<string> {
  const items = await listed(store.readStream(stream, options))
  return items.map((item) => ('gap' in item ? 'lost' : item.version)).join(' ')
}

/** Streams that share a frame, which is lost with its header; then others, until a segment is sealed; repaired. */
async function sharing(hurt: (bytes: Buffer, at: number) => void): Promise<Store> {
  const files = new MemoryFiles()
  const writing = await open(files)
  const writer = new Appending(writing)
  await writer.append('b', [event(0)])
  await Promise.all([writer.now('x', [event(1)]), writer.now('a', [event(2), event(3)]), writer.now('b', [event(4)])])
  for (let n = 0; n < 12; n++) await writer.append('z', [event(n)])
  await writing.close()
  const [first] = namesOf(files, '.seg') as [string]
  const bytes = bytesOf(files, first)
  const at = [...bytes.toString('latin1').matchAll(/TLF1/g)]
    .map(({ index }) => index)
    .find((offset) => (parseHeader(bytes, offset)?.count ?? 0) > 1)!
  expect(parseHeader(bytes, at)).toMatchObject({ kind: Kind.data, count: 3 })
  change(files, first, (copy) => hurt(copy, at))
  const store = await open(files)
  expect(await store.repair()).toHaveLength(1)
  return store
}

test('a stream whose records a repair found again is told of no loss', async () => {
  const store = await sharing((bytes, at) => void (bytes[at + 20]! ^= 1))
  for (const reverse of [false, true])
    for (const [stream, whole] of [
      ['a', '1'],
      ['x', '1'],
      ['b', '1 2'],
    ] as const)
      expect([stream, await told(store, stream, { reverse })]).toEqual([stream, reverse ? whole.split(' ').toReversed().join(' ') : whole])
  await store.close()
})

test('a loss behind the end that was written down is told to whoever reads that far, in either direction', async () => {
  const files = new MemoryFiles()
  const writing = await open(files)
  const writer = new Appending(writing)
  await writer.append('a', [event(0), event(1), event(2)])
  await writer.append('a', [event(3), event(4)])
  for (let n = 0; n < 12; n++) await writer.append('z', [event(n)])
  await writing.close()
  change(files, namesOf(files, '.seg')[0]!, (bytes) => void (bytes[frameAt(bytes, 2) + 110]! ^= 1))
  const bounds = async (): Promise<string[]> => {
    const store = await open(files, true)
    const after = await Promise.all([2, 3, 4].map((version) => told(store, 'a', { after: version })))
    const before = await Promise.all([6, 5, 4].map((version) => told(store, 'a', { reverse: true, before: version })))
    expect((await store.stream('a')).version).toBe(5)
    expect(await told(store, 'a', { after: 5 })).toBe('')
    await store.close()
    return [...after, ...before]
  }
  const all = ['1 lost', 'lost', 'lost', 'lost 1', 'lost 1', '1']
  expect(await bounds()).toEqual(all)
  const store = await open(files)
  expect(await store.repair()).toHaveLength(1)
  await store.close()
  expect(await bounds()).toEqual(all)
  // What made the index again knows of the rest only what was written down.
  for (const index of namesOf(files, '.idx')) files.inodes.delete(index)
  expect(await bounds()).toEqual(all)
})

test('a commit is read from behind itself no more, though nothing says how far it went but what it holds', async () => {
  const files = new MemoryFiles()
  const writing = await open(files)
  const writer = new Appending(writing)
  await writer.append('a', [event(0)])
  await writer.append('a', [event(1), event(2), event(3)])
  await writer.append('a', [event(4)])
  for (let n = 0; n < 12; n++) await writer.append('z', [event(n)])
  await writing.close()
  change(files, namesOf(files, '.seg')[0]!, (bytes) => void (bytes[frameAt(bytes, 2) + 110]! ^= 1))
  for (const index of namesOf(files, '.idx')) files.inodes.delete(index)
  const store = await open(files, true)
  const all = await Promise.all([0, 1, 2, 3, 4, 5].map((after) => told(store, 'a', { after })))
  expect(all).toEqual(['1 lost 5', 'lost 5', 'lost 5', 'lost 5', '5', ''])
  await store.close()
})

test('a loss that nobody wrote down is not told to whoever reads backwards from the end that is known', async () => {
  const files = await wholeJournal()
  const [, , third] = namesOf(files, '.seg') as [string, string, string]
  files.inodes.delete(`${DIRECTORY}/head`)
  for (const path of namesOf(files, '.seg')) if (path > third) files.inodes.delete(path)
  const store = await open(files, true)
  const all = await told(store, 's0', { reverse: true })
  expect(all).toMatch(/^lost \d+ \d+/)
  const last = Number(all.split(' ')[1])
  expect(await told(store, 's0', { reverse: true, before: last + 2 })).toBe(all)
  expect(await told(store, 's0', { reverse: true, before: last + 1 })).toBe(all.slice('lost '.length))
  await store.close()
})

test('what a commit id led to and does not check is no second damage beside that which reading finds', async () => {
  const files = await wholeJournal(20)
  change(files, namesOf(files, '.seg')[1]!, (bytes) => void (bytes[frameAt(bytes, 2) + 110]! ^= 1))
  const store = await open(files)
  const { damage } = await store.verify()
  expect(damage).toHaveLength(1)
  const met: unknown[] = []
  for (let n = 0; n < 20; n++) await Promise.resolve(store.findCommit(`c${n}`)).catch((error: unknown) => met.push(error))
  expect(met).toMatchObject([{ code: 'JOURNAL_DAMAGED', details: { damage: [{ lastPosition: expect.any(Number) as number }] } }])
  expect((await store.verify()).damage).toEqual(damage)
  expect(await store.repair()).toHaveLength(1)
  await store.close()
})

test('a commit that does not check is told of with the positions that it had, also a stream’s last', async () => {
  const files = new MemoryFiles()
  const writing = await open(files)
  const writer = new Appending(writing)
  for (let n = 0; n < 3; n++) {
    await writer.append('a', [event(n), event(n)])
    await writer.append('z', [event(n)])
  }
  for (let n = 0; n < 12; n++) await writer.append('z', [event(n)])
  await writing.close()
  for (const frame of [1, 5])
    change(files, namesOf(files, '.seg')[frame === 1 ? 0 : 1]!, (bytes) => void (bytes[frameAt(bytes, frame === 1 ? 1 : 2) + 110]! ^= 1))
  const store = await open(files, true)
  const gaps = (await listed(store.readStream('a'))).map((item) =>
    'gap' in item ? [item.gap.firstPosition, item.gap.lastPosition] : item.position,
  )
  expect(gaps).toEqual([[1, 2], 4, [7, 8]])
  await store.close()
})
