/** What verifying says beside a gap that was written down, and which heads a journal holds. */
import { expect, test } from 'vitest'
import { carryOut, planRepair } from '../../src/storage/repair-plan.js'
import { damages, DIRECTORY, namesOf, SEGMENT_BYTES, wholeJournal } from './support/damage.js'
import { list, notes, openStore, type Store } from './support/journal.js'
import type { MemoryFiles } from './support/memory-files.js'

const open = (files: MemoryFiles): Promise<Store> => openStore(DIRECTORY, { files, readOnly: true, segmentBytes: SEGMENT_BYTES })

test('what is damaged later is told as what it is, beside a gap that was written down and is left alone', async () => {
  const files = await wholeJournal()
  const [, second, third] = namesOf(files, '.seg') as [string, string, string]
  damages['a bit of a payload']!(files, second)
  const given = { files, notes, admit: () => {}, segmentBytes: SEGMENT_BYTES }
  await carryOut(await planRepair(DIRECTORY, given), given)
  damages['a bit of a payload']!(files, third)
  const store = await open(files)
  const { ok, damage, gaps } = await store.verify()
  await store.close()
  expect(ok).toBe(false)
  expect(damage).toMatchObject([{ segment: third.split('/').at(-1), reason: 'payload checksum of a frame does not check' }])
  expect(gaps).toMatchObject([{ segment: second.split('/').at(-1) }])
})

test('a head is held where a group ends with its digest, and nowhere else', async () => {
  const store = await open(await wholeJournal())
  const heads = (await list(store.read())).flatMap((item) => ('gap' in item ? [] : [item.head]))
  expect(heads.length).toBeGreaterThan(5)
  expect(await store.holds({ position: 0, digest: '0'.repeat(64) })).toBe(true)
  for (const { position, digest } of heads) {
    expect(await store.holds({ position, digest })).toBe(true)
    expect(await store.holds({ position: position - 1, digest })).toBe(false)
    expect(await store.holds({ position: position + 1, digest })).toBe(false)
    expect(await store.holds({ position, digest: digest.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) })).toBe(false)
  }
  await store.close()
})
