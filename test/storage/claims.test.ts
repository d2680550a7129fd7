/** Names that a stream may take once: what is known of them, also where a part of the journal is lost. */
import { describe, expect, test } from 'vitest'
import { Kind } from '../../src/storage/frame.js'
import { change, DIRECTORY, frameAt, namesOf, SEGMENT_BYTES } from './support/damage.js'
import { Appending, event, openStore, type Store } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const claim = (n: number) => event(n, 'claim')
const lost = { code: 'JOURNAL_DAMAGED' }

/** Stream `s` takes names 1, 2 and 3, in a group each; `whole` takes 2 and lies around the second. */
async function journal(segmentBytes: number): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  const store = await openStore(DIRECTORY, { files, segmentBytes })
  const writer = new Appending(store)
  for (const [stream, n] of [
    ['s', 1],
    ['whole', 1],
    ['s', 2],
    ['s', 3],
    ['whole', 2],
  ] as const)
    await writer.append(stream, [claim(n)])
  await store.close()
  return files
}

async function open(files: MemoryFiles): Promise<Store> {
  return openStore(DIRECTORY, { files, readOnly: true })
}

/** What is said of a name: whether it is taken, or why that is not known. */
async function said(store: Store, stream: string, ...names: number[]): Promise<unknown> {
  return store.claimed(
    stream,
    names.map((n) => String(n)),
  )
}

describe.each([
  ['one segment', 1 << 20],
  ['several segments', SEGMENT_BYTES >> 1],
])('of a stream in %s', (_, segmentBytes) => {
  test('the first name that is taken is told, and none where all are free', async () => {
    const store = await open(await journal(segmentBytes))
    expect(await said(store, 's', 9, 2, 1)).toBe('2')
    expect(await said(store, 's', 9, 10)).toBeUndefined()
    expect(await said(store, 's')).toBeUndefined()
    expect(await said(store, 'whole', 3)).toBeUndefined()
    expect(await said(store, 'nothing', 1)).toBeUndefined()
    await store.close()
  })

  test('that has lost a commit it is told what is left, and of no other name that it is free', async () => {
    const files = await journal(segmentBytes)
    // An index of before would still know every name.
    for (const path of namesOf(files, '.idx')) files.inodes.delete(path)
    // The group that holds name 2.
    const [path, at] = whereIs(files, 2)
    change(files, path, (bytes) => void (bytes[at + 110]! ^= 1))
    const store = await open(files)
    await store.verify()
    expect([await said(store, 's', 1), await said(store, 's', 3)]).toEqual(['1', '3'])
    await expect(said(store, 's', 2)).rejects.toMatchObject(lost)
    await expect(said(store, 's', 9)).rejects.toMatchObject(lost)
    expect(await said(store, 'whole', 2)).toBe('2')
    expect(await said(store, 'whole', 9)).toBeUndefined()
    await store.close()
  })
})

test('the index of a segment that was hurt later knows every name of it still', async () => {
  const files = await journal(SEGMENT_BYTES >> 1)
  const [path, at] = whereIs(files, 2)
  change(files, path, (bytes) => void (bytes[at + 110]! ^= 1))
  const store = await open(files)
  await store.verify()
  expect(await said(store, 's', 9)).toBeUndefined()
  await expect(said(store, 's', 2)).rejects.toMatchObject(lost)
  await store.close()
})

/** The file and offset of a group, counted from 0. */
function whereIs(files: MemoryFiles, group: number): [path: string, at: number] {
  let before = 0
  for (const path of namesOf(files, '.seg')) {
    const bytes = files.inodes.get(path)?.bytes as Buffer
    for (let n = 1; ; n++) {
      let at: number
      try {
        at = frameAt(bytes, n)
      } catch {
        break
      }
      if (bytes[at + 8] !== Kind.data) continue
      if (before++ === group) return [path, at]
    }
  }
  throw new Error('there is no such group')
}
