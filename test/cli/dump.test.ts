/** A dump: everything that lies in the segments, where it lies, whatever state it is in. */
import { readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { play } from '../../src/cli/demo/runtime.js'
import { sample } from '../../src/cli/demo/sample.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import { fromExactJson } from '../../src/cli/exact-json.js'
import { openJournal, type Dumped } from '../../src/index.js'
import { goldenPlace } from '../support/golden.js'
import { image, newestSegment, printOf, scratch, temporary } from '../support/journal.js'
import { turnlog } from '../support/turnlog.js'

type Of<W extends Dumped['what']> = Extract<Dumped, { what: W }>
const { directory: base, remove } = scratch()
const journal = join(base, 'journal')
afterAll(remove)

/** Several segments, and a clean end. */
beforeAll(async () => {
  await using writing = await openJournal(journal, { segmentBytes: 16_384 })
  await play(writing, writeScript(sample()))
})

async function dumped(directory: string, ...words: string[]): Promise<Dumped[]> {
  const { exit, out } = await turnlog('dump', directory, ...words, '--json')
  expect(exit).toBe(0)
  return out
    .trimEnd()
    .split('\n')
    .map((line) => fromExactJson(line) as Dumped)
}

const only = <W extends Dumped['what']>(items: readonly Dumped[], what: W): Of<W>[] =>
  items.filter((item): item is Of<W> => item.what === what)

function withBytes(directory: string, path: string, change: (bytes: Buffer) => void): string {
  const bytes = readFileSync(path)
  change(bytes)
  writeFileSync(path, bytes)
  return directory
}

describe('a dump of a sound journal', () => {
  test('covers every byte of every segment, and has every commit where it lies', async () => {
    const items = await dumped(journal)
    const segments = only(items, 'segment')
    expect(segments.length).toBeGreaterThan(1)
    for (const { segment, bytes } of segments) {
      const pieces = items.filter(
        (item) => 'offset' in item && item.segment === segment && item.what !== 'record' && item.what !== 'segment',
      )
      let at = 0
      for (const piece of pieces as Of<'frame'>[]) {
        expect(piece.offset).toBe(at)
        at += piece.bytes
      }
      expect([at, bytes]).toEqual([statSync(join(journal, 'journal', segment)).size, at])
    }
    await using reading = await openJournal(journal, { readOnly: true })
    const { events, commits, digest } = await reading.verify()
    const frames = only(items, 'frame')
    const records = only(items, 'record')
    expect(frames.map(({ group }) => group)).toEqual(frames.map((_, i) => i + 1))
    expect(frames.at(-1)).toMatchObject({ kind: 'clean', digest, journal: reading.id })
    expect([records.length, records.reduce((sum, record) => sum + record.events.length, 0)]).toEqual([commits, events])
    for (const record of records) {
      const around = frames.find(
        ({ segment, offset, bytes }) => segment === record.segment && offset < record.offset && record.offset < offset + bytes,
      )!
      expect(around.kind).toBe('data')
      expect(record.offset + record.bytes).toBeLessThanOrEqual(around.offset + around.bytes)
    }
    expect(only(items, 'fault')).toEqual([])
  })

  test('shows events as they are stored', async () => {
    const records = only(await dumped(join(goldenPlace, 'format-1/first-schemas')), 'record')
    expect(records.flatMap(({ events }) => events).find(({ type }) => type === 'tool.finished')).toMatchObject({
      schema: 1,
      data: { isError: false },
    })
  })

  test('is of one segment by its number or its name', async () => {
    const [, second] = only(await dumped(journal), 'segment')
    const one = await dumped(journal, '2')
    expect(one).toEqual(await dumped(journal, second!.segment))
    expect(only(one, 'segment')).toEqual([second])
    expect(await turnlog('dump', journal, '99')).toMatchObject({ exit: 1, errors: expect.stringContaining('no segment "99"') as string })
  })

  test('is for people a line for each, within the width', async () => {
    const { exit, out } = await turnlog('dump', journal)
    expect(exit).toBe(0)
    expect(out).toMatch(/^00000001-000000000001\.seg {2}segment 1, from position 1, /)
    expect(out).toMatch(
      /\n +\d+ +\d+ {2}data +group \d+ +positions 1 to 2, 1 record\(s\) {2}[\da-f]{16}\n +\d+ +\d+ {4}1 {2}session-tidewatch 1 .*session\.created@1/,
    )
    expect(out).toMatch(/\nok {2}\d+ segment\(s\), \d+ frames, \d+ records\n$/)
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(160)
  })

  test('changes nothing, and works beside a writer, up to where that vouches', async () => {
    const directory = join(temporary(), 'journal')
    await using writing = await openJournal(directory)
    await writing.append('s', [{ type: 'session.created', data: {} }])
    // The writer proves its last group when it has had nothing to do for a while.
    await expect.poll(async () => only(await dumped(directory), 'frame').at(-1)?.kind, { timeout: 5000 }).toBe('mark')
    const before = printOf(directory)
    const items = await dumped(directory)
    expect(printOf(directory)).toEqual(before)
    expect(only(items, 'record')).toMatchObject([{ stream: 's', position: 1 }])
    expect(only(items, 'fault')).toEqual([])
  })
})

describe('a dump of what is left of a journal', () => {
  test('names what does not check, and shows what is intact in it and behind it', async () => {
    const directory = image(journal)
    const { segment } = only(await dumped(directory), 'segment')[0]!
    const file = join(directory, 'journal', segment)
    const hit = readFileSync(file).indexOf('Since Sunday')
    withBytes(directory, file, (bytes) => (bytes[hit]! ^= 1))
    const before = printOf(directory)
    const items = await dumped(directory)
    expect(printOf(directory)).toEqual(before)
    const [fault, ...others] = only(items, 'fault')
    expect(others).toEqual([])
    expect(fault).toMatchObject({ segment, torn: false, reason: 'payload checksum of a frame does not check' })
    expect(fault!.offset < hit && hit < fault!.offset + fault!.bytes).toBe(true)
    const lost = only(await dumped(journal), 'record').filter(
      ({ position }) => !only(items, 'record').some((record) => record.position === position),
    )
    expect(lost.map(({ stream, offset, bytes }) => [stream, offset < hit && hit < offset + bytes])).toEqual([['session-tidewatch', true]])
    expect((await turnlog('dump', directory)).out).toMatch(
      /fault {2}positions \d+ to \d+: payload checksum.*\n[^]*\n1 place\(s\) do not check/,
    )
  })

  test('shows what is intact before and behind one bad record of a frame', async () => {
    const directory = image(journal)
    const items = await dumped(directory)
    const frame = only(items, 'frame').find(({ records }) => records >= 3)!
    const within = only(items, 'record').filter(
      ({ segment, offset }) => segment === frame.segment && frame.offset < offset && offset < frame.offset + frame.bytes,
    )
    withBytes(directory, join(directory, 'journal', frame.segment), (bytes) => (bytes[within[1]!.offset + 20]! ^= 1))
    expect(only(await dumped(directory), 'record')).toEqual(
      only(items, 'record').filter(({ position }) => position !== within[1]!.position),
    )
  })

  test('needs neither FORMAT, head, indexes nor all segments', async () => {
    const directory = image(journal)
    const [, second] = only(await dumped(directory), 'segment')
    for (const name of ['FORMAT', 'head', 'LOCK', 'derived', 'snapshots']) rmSync(join(directory, name), { recursive: true, force: true })
    rmSync(join(directory, 'journal', second!.segment))
    const items = await dumped(directory)
    expect(only(items, 'missing')).toMatchObject([{ reason: 'segment 2 is not there' }])
    expect(only(items, 'record').length).toBeGreaterThan(10)
    let name = only(items, 'segment')[0]!.segment
    for (const other of ['00000009-000000000001.seg', '00000000-000000000001.seg']) {
      renameSync(join(directory, 'journal', name), join(directory, 'journal', other))
      expect(only(await dumped(directory), 'stray')).toMatchObject([{ reason: 'its header is that of 00000001-000000000001.seg' }])
      name = other
    }
  })

  test('tells a write that did not finish from damage', async () => {
    const directory = join(temporary(), 'journal')
    const writing = await openJournal(directory)
    await writing.append('s', [{ type: 'session.created', data: { title: 'x'.repeat(2000) } }])
    const cut = image(directory)
    await writing.close()
    rmSync(join(cut, 'head'))
    const { offset } = only(await dumped(cut), 'frame').at(-1)!
    truncateSync(newestSegment(cut), offset + 700)
    expect(only(await dumped(cut), 'fault')).toMatchObject([{ offset, bytes: 700, torn: true }])
    expect((await turnlog('dump', cut)).out).toContain('torn')
  })

  test('shows what lies behind the end that the next segment names', async () => {
    const directory = join(temporary(), 'journal')
    const writing = await openJournal(directory)
    await writing.append('s', [{ type: 'session.created', data: {} }])
    const killed = image(directory)
    await writing.close()
    withBytes(killed, newestSegment(killed), (bytes) => bytes.write('half a frame', 4096))
    rmSync(join(killed, 'head'))
    await (await openJournal(killed)).close()
    expect(only(await dumped(killed), 'behind')).toMatchObject([
      { segment: '00000001-000000000001.seg', reason: expect.stringContaining('no part of the history') as string },
    ])
  })

  test('finds nothing where nothing is', async () => {
    for (const directory of [temporary(), join(temporary(), 'nowhere')])
      expect(JSON.parse((await turnlog('dump', directory, '--json')).out)).toMatchObject({ error: { code: 'JOURNAL_NOT_FOUND' } })
  })
})
