/** Journals that earlier versions wrote open in this one, and every event and view of them is what it was. */
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openJournal } from '../../src/index.js'
import { FORMAT } from '../../src/storage/paths.js'
import { goldenPlace, seenIn, writeGolden } from '../support/golden.js'
import { packedWriters } from '../support/golden-packed.js'
import { filesIn } from '../support/files-in.js'
import { image, printOf, temporary } from '../support/journal.js'

const golden = readdirSync(goldenPlace).flatMap((format) =>
  readdirSync(join(goldenPlace, format))
    .filter((name) => statSync(join(goldenPlace, format, name)).isDirectory())
    .map((name) => ({ name: `${format}/${name}`, directory: join(goldenPlace, format, name) })),
)
const expected = (directory: string): { head: { position: number }; recovery: { interrupted: unknown[] } } =>
  JSON.parse(readFileSync(`${directory}.json`, 'utf8')) as never

const contentsOf = (directory: string): Record<string, string> =>
  Object.fromEntries(filesIn(directory).map((file) => [file, readFileSync(join(directory, file), 'hex')]))

test('there are golden journals of every format up to today’s', () => {
  const formats = Array.from({ length: FORMAT }, (_, i) => `format-${i + 1}`).concat(`format-${FORMAT}-packed`)
  expect(readdirSync(goldenPlace).toSorted()).toEqual(formats)
  for (const format of formats) expect(golden.filter(({ name }) => name.startsWith(`${format}/`)).length).toBeGreaterThanOrEqual(3)
})

describe.each(golden)('$name', ({ directory }) => {
  test('is read as it was, and not touched', async () => {
    const copy = image(directory)
    const print = printOf(copy)
    expect(await seenIn(copy)).toEqual(expected(directory))
    expect(printOf(copy)).toEqual(print)
  })

  test('is opened for writing with the same history, and goes on', async () => {
    const copy = image(directory)
    const { head, views } = (await seenIn(copy, {})) as { head: { position: number }; views: object }
    expect({ head, views }).toMatchObject({ head: expected(directory).head })
    const journal = await openJournal(copy, { onInterrupted: 'leave' })
    expect((await journal.verify({ snapshots: true })).damage).toEqual([])
    const { position } = await journal.append('new', [{ type: 'session.created', data: {} }], { expectedVersion: 0 })
    expect(position).toBe(head.position + 1)
    await journal.close()
    const again = await openJournal(copy)
    expect(again.recovery.interrupted).toEqual(expected(directory).recovery.interrupted)
    await again.close()
  })
})

test('what is written today is what was written when the format was frozen, byte for byte', async () => {
  const place = join(temporary(), `format-${FORMAT}`)
  expect((await writeGolden(place)).length).toBeGreaterThanOrEqual(3)
  expect(contentsOf(place)).toEqual(contentsOf(join(goldenPlace, `format-${FORMAT}`)))
})

test('what is packed today says what was packed when the format was frozen', async () => {
  const place = join(temporary(), 'packed')
  const written = await writeGolden(place, packedWriters)
  expect(written.length).toBeGreaterThanOrEqual(3)
  for (const directory of written)
    expect(expected(directory)).toEqual(expected(join(goldenPlace, `format-${FORMAT}-packed`, basename(directory))))
})

test('a golden journal is never written again', async () => {
  const place = join(temporary(), `format-${FORMAT}`)
  await writeGolden(place)
  appendFileSync(join(place, 'sessions', 'head'), 'changed')
  rmSync(join(place, 'crashed'), { recursive: true })
  const first = printOf(join(place, 'sessions'))
  expect((await writeGolden(place)).map((directory) => basename(directory))).toEqual(['crashed'])
  expect(printOf(join(place, 'sessions'))).toEqual(first)
})
