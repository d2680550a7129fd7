/** Compression as a runtime meets it: an option, a format, and the commands that have to do with both. */
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { backup, defineEvents, defineUpcaster, openJournal, restore, upgradeJournal, type JournalOptions } from '../../src/index.js'
import { all, temporary } from '../support/journal.js'

const notes = (schema: number) =>
  defineEvents({ 'note.added': { schema, data: schema === 1 ? z.object({ text: z.string() }) : z.object({ words: z.array(z.string()) }) } })
const up = defineUpcaster({ type: 'note.added', from: 1, up: ({ text }: { text: string }) => ({ words: text.split(' ') }) })
const today = { events: notes(2), upcasters: [up], projections: [], laws: [] }

const formatOf = (directory: string): string => readFileSync(join(directory, 'FORMAT'), 'utf8')
const names = (directory: string, ending: string): string[] =>
  readdirSync(join(directory, 'journal')).filter((name) => name.endsWith(ending))

/** Notes of the first schema, in several segments, all packed but the newest. */
async function written(options: JournalOptions = { compress: true }): Promise<string> {
  const directory = join(temporary(), 'journal')
  const first = { events: notes(1), projections: [], laws: [], segmentBytes: 3000 }
  await using journal = await openJournal(directory, { ...first, ...options })
  for (let i = 0; i < 60; i++) await journal.append('s', [{ type: 'note.added', data: { text: `note ${i} of them` } }] as never)
  while (options.compress === true && names(directory, '.seg').length > 1) await setTimeout(5)
  return directory
}

test('an upgrade keeps a journal compressed, and the old one beside it', async () => {
  const directory = await written()
  const report = await upgradeJournal(directory, { ...today, segmentBytes: 3000 })
  expect(report).toMatchObject({ needed: true, from: { format: 1 }, to: { format: 1 }, rewritten: 60, backup: `${directory}.v1.bak` })
  expect(formatOf(directory)).toBe('turnlog 1 packed\n')
  expect(formatOf(`${directory}.v1.bak`)).toBe('turnlog 1 packed\n')
  await using journal = await openJournal(directory, today)
  while (names(directory, '.seg').length > 1) await setTimeout(5)
  const [first] = await all(journal.readAll({ types: ['note.added'] }))
  expect(first?.data).toEqual({ words: ['note', '0', 'of', 'them'] })
  expect((await upgradeJournal(await written(), { ...today, events: notes(1), upcasters: [] })).needed).toBe(false)
})

test('an upgrade that was cut between its renames is finished', async () => {
  const directory = await written()
  renameSync(directory, `${directory}.upgraded`)
  const old = await written()
  renameSync(old, `${directory}.v1.bak`)
  await using journal = await openJournal(directory, { events: notes(1), projections: [], laws: [] })
  expect(journal.head.position).toBe(60)
  expect(existsSync(`${directory}.upgraded`)).toBe(false)
})

test('who opens a journal that never was compressed finds it as it was', async () => {
  const directory = await written({})
  await written({ compress: false })
  expect(formatOf(directory)).toBe('turnlog 1\n')
  expect(names(directory, '.segz')).toEqual([])
  await using journal = await openJournal(directory, { events: notes(1), projections: [], laws: [] })
  expect(journal.recovery.compressed).toBe(false)
})

test('a reader that was open before segments were packed reads them, from wherever it asks', async () => {
  const directory = await written({})
  const parts = { events: notes(1), projections: [], laws: [] }
  await using reader = await openJournal(directory, { ...parts, readOnly: true })
  await using writer = await openJournal(directory, { ...parts, compress: true, segmentBytes: 3000 })
  while (names(directory, '.seg').length > 1) await setTimeout(5)
  for (let after = 0; after < 60; after += 7) expect((await all(reader.readAll({ after }))).length).toBe(60 - after)
  expect((await all(reader.read('s', { reverse: true }))).map(({ version }) => version)).toEqual(
    Array.from({ length: 60 }, (_, i) => 60 - i),
  )
  expect((await reader.verify()).ok).toBe(true)
  expect(writer.recovery.compressed).toBe(true)
})

test('a backup of a compressed journal is read by versions that know no compression, and what is restored of it too', async () => {
  const directory = await written()
  const [kept, restored] = [join(temporary(), 'kept'), join(temporary(), 'restored')]
  const { digest } = await backup(directory, kept)
  expect(formatOf(kept)).toBe('turnlog 1\n')
  expect((await restore(kept, restored)).digest).toBe(digest)
  expect(formatOf(restored)).toBe('turnlog 1\n')
})
