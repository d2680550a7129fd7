/** Frames that check and that no program wrote which keeps to the format: said to be such, and never passed over. */
import { expect, test } from 'vitest'
import { HEADER_BYTES, makeFrame, nextDigest, parseHeader } from '../../src/storage/frame.js'
import { putRecord } from '../../src/storage/record.js'
import { salvageInto } from '../../src/storage/salvage-journal.js'
import { change, DIRECTORY, namesOf, wholeJournal } from './support/damage.js'
import { Appending, contents, event, list, listed, notes, numbers, openStore } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const FORGED = { code: 'JOURNAL_DAMAGED', message: expect.stringContaining('somebody changed it on purpose') as string }

/** Makes a list of five of the first commit of a segment's last frame, with every checksum and the digest made right. */
function forge(files: MemoryFiles, segment: string): void {
  change(files, segment, (bytes) => {
    const at = bytes.lastIndexOf('TLF1')
    const { digest } = parseHeader(bytes, bytes.lastIndexOf('TLF1', at - 1))!
    const header = parseHeader(bytes, at)!
    const payload = Buffer.from(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + header.length))
    const body = Buffer.from(payload.subarray(8, 8 + payload.readUInt32LE(4)))
    expect(body[0]).toBe(0x96)
    body[0] = 0x95
    putRecord(payload, 0, body)
    makeFrame({ ...header, digest: nextDigest(digest, header.first, payload) }, payload).copy(bytes, at)
  })
}

test('a frame whose records are no commits stops whoever reads it', async () => {
  const files = await wholeJournal()
  forge(files, namesOf(files, '.seg')[0]!)
  const store = await openStore(DIRECTORY, { files, readOnly: true })
  await expect(list(store.read())).rejects.toMatchObject(FORGED)
  await expect(list(store.readReverse())).rejects.toMatchObject(FORGED)
  await expect(store.findCommit('c2')).rejects.toMatchObject(FORGED)
  expect((await listed(store.readStream('s0')))[2]).toMatchObject({
    gap: { firstPosition: 5, reason: 'a record that checks is no commit' },
  })
  await expect(store.verify()).rejects.toMatchObject(FORGED)
  await store.close()
  expect(files.opened).toBe(0)
})

test('all that is intact around it, and in it, can be salvaged', async () => {
  const files = await wholeJournal()
  forge(files, namesOf(files, '.seg')[0]!)
  const report = await salvageInto(DIRECTORY, '/new', { files, notes })
  expect(report).toMatchObject({ commits: 19, position: 20, gaps: [{ firstPosition: 5, lastPosition: 5 }] })
  const store = await openStore('/new', { files, readOnly: true })
  const all = Array.from({ length: 10 }, (_, n) => [n, n + 100]).flat()
  expect(numbers((await contents(store)).commits)).toEqual(all.filter((n) => n !== 2))
  await store.close()
})

test('in the segment that opening reads it refuses the journal', async () => {
  const files = new MemoryFiles()
  const writing = await openStore(DIRECTORY, { files })
  await new Appending(writing).append('s', [event(1)])
  const left = files.copy()
  await writing.close()
  forge(left, namesOf(left, '.seg')[0]!)
  for (const readOnly of [true, false]) await expect(openStore(DIRECTORY, { files: left, readOnly })).rejects.toMatchObject(FORGED)
  expect(left.opened).toBe(0)
})
