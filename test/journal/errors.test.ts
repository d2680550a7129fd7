import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineEvents,
  defineProjection,
  defineUpcaster,
  type Upcaster,
  errorCodes,
  openJournal,
  type JournalError,
  type JournalErrorCode,
} from '../../src/index.js'
import { filesIn } from '../support/files-in.js'
import {
  all,
  failingFiles,
  hashOf,
  image,
  inAnotherProcess,
  newestSegment,
  note,
  notes,
  openNotes,
  printOf,
  quietPrintOf,
  rejection,
  tallies,
  tally,
  temporary,
  texts,
} from '../support/journal.js'

const provoked = new Set<JournalErrorCode>()

/** The error with this code; remembers that the code was seen. */
async function provoke<C extends JournalErrorCode>(promise: Promise<unknown>, code: C): Promise<JournalError<C>> {
  const error = await rejection(promise, code)
  provoked.add(code)
  return error
}

const next = async (items: AsyncIterable<unknown>): Promise<unknown> => items[Symbol.asyncIterator]().next()

/** A journal with some notes in it, closed. */
async function written(count = 3): Promise<string> {
  const directory = temporary()
  const journal = await openNotes(directory)
  for (let i = 1; i <= count; i++) await journal.append('s', [note(`n${i}`)])
  await journal.close()
  return directory
}

/** Two shapes of one catalogue. */
const text = z.looseObject({ text: z.string() })
const schema2 = defineEvents({ 'note.added': { schema: 2, data: text } })
const up = defineUpcaster({ type: 'note.added', from: 1, up: ({ text: old }: { text: string }) => ({ text: old }) })
const withExtra = defineEvents({ 'note.added': { schema: 1, data: text }, 'note.pinned': { schema: 1, data: z.looseObject({}) } })
const withIgnorable = defineEvents({
  'note.added': { schema: 1, data: text },
  'note.seen': { schema: 1, data: z.looseObject({ by: z.string() }), ignorable: true },
})

describe('an append that is refused while it is decided says outcome none and leaves nothing', () => {
  const law: Record<
    string,
    {
      code: JournalErrorCode
      details: object
      append: (journal: Awaited<ReturnType<typeof openJournal>>) => Promise<unknown>
      options?: object
    }
  > = {
    'a version that the stream does not have': {
      code: 'JOURNAL_VERSION_CONFLICT',
      details: { stream: 's', expected: 7, actual: 1 },
      append: (journal) => journal.append('s', [{ type: 'session.updated', data: {} }], { expectedVersion: 7 }),
    },
    'a commit id that stands for other events': {
      code: 'JOURNAL_COMMIT_ID_REUSED',
      details: { commitId: 'c', stream: 's', position: 1 },
      append: (journal) => journal.append('s', [{ type: 'session.updated', data: { title: 'other' } }], { commitId: 'c' }),
    },
    'data that does not fit the schema': {
      code: 'JOURNAL_EVENT_INVALID',
      details: { type: 'session.updated', index: 0 },
      append: (journal) => journal.append('s', [{ type: 'session.updated', data: { title: 5 as never } }]),
    },
    'a type that is not in the catalogue': {
      code: 'JOURNAL_EVENT_INVALID',
      details: { type: 'session.painted' },
      append: (journal) => journal.append('s', [{ type: 'session.painted', data: {} }]),
    },
    'what may not follow': {
      code: 'JOURNAL_LAW_BROKEN',
      details: { stream: 's', type: 'session.created', index: 1 },
      append: (journal) =>
        journal.append('s', [
          { type: 'session.updated', data: {} },
          { type: 'session.created', data: {} },
        ]),
    },
    'more bytes than the limit': {
      code: 'JOURNAL_LIMIT',
      details: { limit: 'commitBytesMax', max: 2000 },
      append: (journal) => journal.append('s', [{ type: 'session.updated', data: { title: 'x'.repeat(3000) } }]),
      options: { limits: { commitBytesMax: 2000 } },
    },
  }
  test.each(Object.entries(law))('%s', async (_, { code, details, append, options = {} }) => {
    const directory = temporary()
    const journal = await openJournal(directory, options)
    await journal.append('s', [{ type: 'session.created', data: {} }], { commitId: 'c' })
    const before = { head: journal.head, disk: hashOf(directory, isTruth) }
    const error = await provoke(append(journal), code)
    expect(error.details).toMatchObject({ ...details, outcome: 'none' })
    expect({ head: journal.head, disk: hashOf(directory, isTruth) }).toEqual(before)
    await journal.append('s', [{ type: 'session.updated', data: { title: 'goes on' } }], { expectedVersion: 1 })
    await journal.close()
  })
})

describe('the place of what is invalid', () => {
  test.each([
    ['does not fit the schema', { title: 5 }],
    ['could not be read back', { title: Number.NaN }],
  ])('is the path from data on, where it %s', async (_, data) => {
    const journal = await openJournal(temporary())
    const error = await rejection(journal.append('s', [{ type: 'session.created', data: data as never }]), 'JOURNAL_EVENT_INVALID')
    expect(error.details.path).toEqual(['data', 'title'])
    await journal.close()
  })
})

/** What is not derived. */
const isTruth = (file: string): boolean => !file.startsWith('derived')

describe('a journal that is newer than the program is refused, and not a byte or a time of it changes', () => {
  const both: [string, { readOnly: boolean }][] = [
    ['writing', { readOnly: false }],
    ['reading', { readOnly: true }],
  ]

  test.each(both)('its format, %s', async (_, options) => {
    const directory = await written()
    writeFileSync(join(directory, 'FORMAT'), 'turnlog 9\n')
    const before = printOf(directory)
    const error = await provoke(openNotes(directory, options), 'JOURNAL_NEWER_FORMAT')
    expect(error.details).toMatchObject({ found: 9, supported: 1 })
    expect(printOf(directory)).toEqual(before)
  })

  test.each(both)('the schema of an event, %s', async (_, options) => {
    const directory = temporary()
    const newer = await openJournal(directory, { events: schema2, upcasters: [up] })
    await newer.append('s', [note('n')])
    await newer.close()
    const before = printOf(directory)
    const error = await provoke(openNotes(directory, options), 'JOURNAL_NEWER_SCHEMA')
    expect(error.details).toMatchObject({ type: 'note.added', found: 2, supported: 1 })
    expect(printOf(directory)).toEqual(before)
  })

  test.each(both)('an event that nobody may pass over, %s', async (_, options) => {
    const directory = temporary()
    const newer = await openJournal(directory, { events: withExtra })
    await newer.append('s', [note('n'), { type: 'note.pinned', data: {} }])
    await newer.close()
    const before = printOf(directory)
    const error = await provoke(openNotes(directory, options), 'JOURNAL_UNKNOWN_EVENT')
    expect(error.details).toMatchObject({ type: 'note.pinned' })
    expect(printOf(directory)).toEqual(before)
  })

  test.each(both)('also where the program died without closing it, %s', async (_, options) => {
    const directory = temporary()
    const newer = await openJournal(directory, { events: withExtra })
    await newer.append('s', [note('n'), { type: 'note.pinned', data: {} }])
    const dead = image(directory)
    await newer.close()
    const before = printOf(dead)
    await provoke(openNotes(dead, options), 'JOURNAL_UNKNOWN_EVENT')
    expect(printOf(dead)).toEqual(before)
  })

  test('an event that may be passed over opens, is delivered as it was stored, and is not in the way of a view', async () => {
    const directory = temporary()
    const newer = await openJournal(directory, { events: withIgnorable })
    await newer.append('s', [note('n1'), { type: 'note.seen', data: { by: 'you' } }, note('n2')])
    await newer.close()
    const journal = await openNotes(directory)
    expect((await all(journal.read('s'))).map(({ type, schema, data }) => ({ type, schema, data }))).toEqual([
      { type: 'note.added', schema: 1, data: { text: 'n1' } },
      { type: 'note.seen', schema: 1, data: { by: 'you' } },
      { type: 'note.added', schema: 1, data: { text: 'n2' } },
    ])
    expect((await journal.view(tally, 's')).state).toEqual({ notes: 2, last: 'n2', at: 3 })
    expect((await journal.append('s', [note('n3')])).version).toBe(4)
    await journal.close()
  })
})

describe('a step from an old schema', () => {
  test.each([
    ['that is missing', []],
    ['that stands twice', [up, up]],
  ])('%s refuses the journal untouched', async (_, upcasters) => {
    const directory = await written()
    const before = printOf(directory)
    const error = await provoke(openJournal(directory, { events: schema2, upcasters }), 'JOURNAL_UPCASTER_MISSING')
    expect(error.details).toMatchObject({ type: 'note.added', from: 1, to: 2 })
    expect(printOf(directory)).toEqual(before)
  })

  test.each([
    ['that throws', () => undefined],
    ['whose result does not fit', () => ({ text: 5 })],
  ])('%s stops its stream and no other, and changes nothing that is stored', async (_, make) => {
    const directory = temporary()
    const old = await openNotes(directory)
    await old.append('bad', [note('bad')])
    await old.close()
    const upcasters: Upcaster[] = [defineUpcaster({ type: 'note.added', from: 1, up: () => make() ?? raise() })]
    const before = hashOf(directory, isTruth)
    const journal = await openJournal(directory, { events: schema2, upcasters, onInterrupted: 'leave', readOnly: true })
    const error = await provoke(all(journal.read('bad')), 'JOURNAL_UPCASTER_FAILED')
    expect(error.details).toMatchObject({ type: 'note.added', schema: 1, position: 1 })
    await journal.close()
    expect(hashOf(directory, isTruth)).toBe(before)
    const writer = await openJournal(directory, { events: schema2, upcasters })
    await writer.append('good', [note('good')])
    expect((await all(writer.read('good'))).length).toBe(1)
    await writer.close()
  })
})

function raise(): never {
  throw new Error('made to fail')
}

describe('a projection that throws', () => {
  const fragile = (throws: boolean) =>
    defineProjection(notes, {
      name: 'fragile',
      revision: 1,
      state: z.object({ notes: z.number() }),
      key: (event) => event.stream,
      initial: () => ({ notes: 0 }),
      on: { 'note.added': (state, { data }) => (throws && data.text === 'boom' ? raise() : { notes: state.notes + 1 }) },
    })

  test('fails its own view only; mended, it is folded whole at the next open', async () => {
    const directory = temporary()
    const broken = fragile(true)
    const journal = await openJournal(directory, { events: notes, projections: [broken, tally] })
    await journal.append('s', [note('a'), note('boom')])
    await journal.append('s', [note('b')])
    await journal.append('other', [note('c')])
    const { head } = journal
    const error = await provoke(journal.view(broken, 's'), 'JOURNAL_PROJECTION_FAILED')
    expect(error.details).toMatchObject({ projection: 'fragile', position: 2 })
    expect(journal.head).toEqual(head)
    expect((await journal.view(tally, 's')).state).toMatchObject({ notes: 3 })
    expect((await journal.view(broken, 'other')).state).toEqual({ notes: 1 })
    await journal.close()
    const mended = fragile(false)
    const again = await openJournal(directory, { events: notes, projections: [mended, tally] })
    expect((await again.view(mended, 's')).state).toEqual({ notes: 3 })
    await again.close()
  })
})

describe('a directory without a journal', () => {
  test('is not found by a reader, and stays as it is: absent, or empty', async () => {
    const directory = temporary()
    await provoke(openNotes(join(directory, 'absent'), { readOnly: true }), 'JOURNAL_NOT_FOUND')
    await provoke(openNotes(directory, { readOnly: true }), 'JOURNAL_NOT_FOUND')
    expect(readdirSync(directory)).toEqual([])
  })

  test.each([{ readOnly: true }, { readOnly: false }])('is refused where it holds files of somebody else: %o', async (options) => {
    const directory = temporary()
    writeFileSync(join(directory, 'thesis.txt'), 'two years of work')
    const before = printOf(directory)
    await provoke(openNotes(directory, options), 'JOURNAL_NOT_FOUND')
    expect(printOf(directory)).toEqual(before)
  })
})

describe('the state of the handle', () => {
  test('a reader appends nothing', async () => {
    const directory = await written()
    const before = printOf(directory)
    const journal = await openNotes(directory, { readOnly: true })
    const error = await provoke(journal.append('s', [note('n')]), 'JOURNAL_READ_ONLY')
    expect(error.details).toMatchObject({ directory, outcome: 'none' })
    await provoke(journal.snapshot(), 'JOURNAL_READ_ONLY')
    await journal.close()
    expect(printOf(directory)).toEqual(before)
  })

  test('a closed journal does nothing', async () => {
    const directory = await written()
    const journal = await openNotes(directory)
    await journal.close()
    const before = printOf(directory)
    const error = await provoke(journal.append('s', [note('n')]), 'JOURNAL_CLOSED')
    expect(error.details).toMatchObject({ directory, outcome: 'none' })
    await provoke(journal.view(tally, 's'), 'JOURNAL_CLOSED')
    await provoke(all(journal.list(tally)), 'JOURNAL_CLOSED')
    await provoke(journal.verify(), 'JOURNAL_CLOSED')
    expect(() => journal.read('s')).toThrow(expect.objectContaining({ code: 'JOURNAL_CLOSED' }))
    expect(printOf(directory)).toEqual(before)
  })

  test('a second handle waits as long as it was told and then leaves, having touched nothing', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    await journal.append('s', [note('n')])
    const before = await quietPrintOf(directory)
    const began = performance.now()
    const error = await provoke(openNotes(directory, { lockWaitMs: 100 }), 'JOURNAL_LOCKED')
    expect(performance.now() - began).toBeGreaterThanOrEqual(95)
    expect(error.details).toMatchObject({ directory })
    expect(printOf(directory)).toEqual(before)
    const waiting = openNotes(directory, { lockWaitMs: 5000 })
    await journal.append('s', [note('still mine')])
    await journal.close()
    const after = await waiting
    expect(await texts(after)).toEqual(['n', 'still mine'])
    await after.close()
  })

  test('a writer in another process holds the journal until it dies, however it dies', async () => {
    const directory = temporary()
    const source = `
      const notes = defineEvents({ 'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) } })
      const journal = await openJournal(process.argv[1], { events: notes })
      await journal.append('s', [{ type: 'note.added', data: { text: 'from there' } }])
      console.log('holds')
      setInterval(() => {}, 1000)`
    const child = inAnotherProcess(source, [directory])
    await child.printed('holds')
    const before = await quietPrintOf(directory)
    await provoke(openNotes(directory, { lockWaitMs: 50 }), 'JOURNAL_LOCKED')
    expect(printOf(directory)).toEqual(before)
    child.kill()
    await child.ended
    const journal = await openNotes(directory)
    expect(await texts(journal)).toEqual(['from there'])
    await journal.close()
  })

  test('a writer that nobody refers to any more holds the journal too, until its process ends', async () => {
    const directory = temporary()
    const source = `
      import { setFlagsFromString } from 'node:v8'
      import { runInNewContext } from 'node:vm'
      setFlagsFromString('--expose-gc')
      const collect = runInNewContext('gc')
      const notes = defineEvents({ 'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) } })
      async function begin() {
        const journal = await openJournal(process.argv[1], { events: notes })
        await journal.append('s', [{ type: 'note.added', data: { text: 'from there' } }])
      }
      await begin()
      for (let i = 0; i < 20; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        collect()
      }
      console.log('holds')
      setInterval(() => {}, 1000)`
    const child = inAnotherProcess(source, [directory])
    await child.printed('holds')
    await provoke(openNotes(directory, { lockWaitMs: 50 }), 'JOURNAL_LOCKED')
    child.kill()
    await child.ended
  })

  test('a writer whose epoch is gone acknowledges nothing more', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    await journal.append('s', [note('mine')])
    const epoch = readdirSync(directory).find((name) => name.startsWith('epoch-'))
    writeFileSync(join(directory, 'epoch-99999999'), '')
    unlinkSync(join(directory, epoch!))
    const error = await provoke(journal.append('s', [note('stale')]), 'JOURNAL_FENCED')
    expect(error.details.outcome).toMatch(/^(none|unknown)$/)
    const again = await rejection(journal.append('s', [note('stale too')]), 'JOURNAL_FENCED').catch(() =>
      rejection(journal.append('s', [note('stale too')]), 'JOURNAL_POISONED'),
    )
    expect(again.details.outcome).toBe('none')
    await journal.close().catch(() => undefined)
  })
})

describe('the disk', () => {
  test.each([
    ['ENOSPC', 'JOURNAL_DISK_FULL', 'write'],
    ['ENOSPC', 'JOURNAL_DISK_FULL', 'datasync'],
    ['EIO', 'JOURNAL_IO', 'write'],
    ['EIO', 'JOURNAL_IO', 'datasync'],
  ] as const)('%s is %s at a %s, poisons the handle, and a retry after opening again writes once', async (failure, code, call) => {
    const directory = temporary()
    const files = failingFiles()
    const journal = await openNotes(directory, { files })
    await journal.append('s', [note('a')])
    files.arm({ call, nth: 1, failure, path: /\.seg$/ })
    const error = await provoke(journal.append('s', [note('b')], { commitId: 'b' }), code)
    expect(error.details).toMatchObject({ errno: failure, outcome: 'unknown' })
    const bytes = readFileSync(newestSegment(directory))
    const poisoned = await provoke(journal.append('s', [note('c')], { commitId: 'c' }), 'JOURNAL_POISONED')
    expect(poisoned.details.outcome).toBe('none')
    expect(readFileSync(newestSegment(directory)).equals(bytes)).toBe(true)
    expect((await texts(journal)).at(0)).toBe('a')
    await journal.close().catch(() => undefined)
    const again = await openNotes(directory)
    expect(again.recovery.damage).toEqual([])
    await again.append('s', [note('b')], { commitId: 'b' })
    await again.append('s', [note('c')], { commitId: 'c' })
    expect(await texts(again)).toEqual(['a', 'b', 'c'])
    expect((await again.verify()).ok).toBe(true)
    await again.close()
  })
})

describe('damage', () => {
  /** A closed journal whose second commit has a flipped bit. */
  async function damagedJournal(): Promise<string> {
    const directory = temporary()
    const journal = await openNotes(directory)
    for (const [stream, value] of [
      ['good', 'hay-1'],
      ['bad', 'needle-2'],
      ['good', 'hay-3'],
    ] as const)
      await journal.append(stream, [note(value)])
    await journal.close()
    flip(newestSegment(directory), 'needle-2')
    return directory
  }

  test('is refused untouched where that was asked for', async () => {
    const directory = await damagedJournal()
    const before = printOf(directory)
    const error = await provoke(openNotes(directory, { onDamage: 'refuse' }), 'JOURNAL_DAMAGED')
    expect(error.details.damage).toMatchObject([{ firstPosition: 2, lastPosition: 2 }])
    expect(printOf(directory)).toEqual(before)
  })

  test('at the very end of the journal is told, and keeps no open, no view and no close waiting', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    await journal.append('good', [note('hay-1')])
    await journal.append('bad', [note('needle-2')])
    const lost = image(directory)
    await journal.close()
    // The head says that the last commit was there.
    truncateSync(newestSegment(lost), readFileSync(newestSegment(lost)).indexOf('needle-2'))
    const source = `
      const notes = defineEvents({ 'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) } })
      const tally = defineProjection(notes, { name: 'tally', revision: 1, state: z.object({ notes: z.number() }), key: (event) => event.stream,
        initial: () => ({ notes: 0 }), on: { 'note.added': (state) => ({ notes: state.notes + 1 }) } })
      const journal = await openJournal(process.argv[1], { events: notes, projections: [tally] })
      const { state } = await journal.view(tally, 'good')
      const rows = []
      for await (const row of journal.list(tally)) rows.push(row.key)
      const append = await journal.append('bad', [{ type: 'note.added', data: { text: 'n' } }]).catch((error) => error.code)
      await journal.close()
      console.log(JSON.stringify({ state, rows, append, damage: journal.recovery.damage.length }))`
    // In a process of its own: one that never comes to rest could not be told from here otherwise.
    const child = inAnotherProcess(source, [lost])
    const late = setTimeout(() => child.kill(), 10_000)
    expect(await child.ended).toBe('{"state":{"notes":1},"rows":["good"],"append":"JOURNAL_DAMAGED","damage":1}\n')
    clearTimeout(late)
  })

  test('stops reading at the gap and appending where nothing can be proven, and changes nothing', async () => {
    const directory = await damagedJournal()
    const segment = newestSegment(directory)
    const bytes = contentOf(segment)
    const journal = await openNotes(directory)
    expect(journal.recovery.damage).toMatchObject([{ firstPosition: 2 }])
    const error = await provoke(all(journal.readAll()), 'JOURNAL_DAMAGED')
    expect(error.details.damage).toMatchObject([{ firstPosition: 2, lastPosition: 2 }])
    const around = await all(journal.readAll({ onGap: 'yield' }))
    expect(around.map((item) => ('gap' in item ? 'gap' : item.data.text))).toEqual(['hay-1', 'gap', 'hay-3'])
    const { head } = journal
    const refused = await provoke(journal.append('bad', [note('n')]), 'JOURNAL_DAMAGED')
    expect(refused.details.outcome).toBe('none')
    expect(journal.head).toEqual(head)
    expect((await journal.append('good', [note('hay-4')])).version).toBe(3)
    await journal.close()
    expect(readFileSync(segment).subarray(0, bytes.length).equals(bytes)).toBe(true)
    const reader = await openNotes(directory, { readOnly: true })
    expect((await all(reader.read('good'))).length).toBe(3)
    await reader.close()
  })
})

/** What was written to a segment, without the room that was made behind it. */
function contentOf(segment: string): Buffer {
  const bytes = readFileSync(segment)
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1)
}

/** Flips a bit in the first byte of a text within a file. */
function flip(path: string, where: string): void {
  const at = readFileSync(path).indexOf(where)
  expect(at, `${where} stands in the file`).toBeGreaterThan(0)
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.of(where.charCodeAt(0) ^ 1), 0, 1, at)
  closeSync(file)
}

describe('a follower of another history', () => {
  test.each([
    ['a position beyond the end', async () => 4],
    ['a foreign digest', async () => ({ position: 3, digest: 'ab'.repeat(32) })],
    [
      'the end of another journal of the same length',
      async () => {
        const other = await openNotes(temporary())
        for (let i = 1; i <= 3; i++) await other.append('s', [note(`other ${i}`)])
        const { head } = other
        await other.close()
        return head
      },
    ],
  ])('is told: %s', async (_, place) => {
    const directory = await written()
    const before = hashOf(directory)
    const after = await place()
    const journal = await openNotes(directory, { readOnly: true })
    const error = await provoke(next(journal.follow({ after })), 'JOURNAL_HISTORY_CHANGED')
    expect(error.details).toMatchObject(typeof after === 'number' ? { position: 4 } : after)
    expect(await next(journal.follow({ after: { position: 0, digest: '0'.repeat(64) } }))).toMatchObject({ value: { position: 1 } })
    await journal.close()
    expect(hashOf(directory)).toBe(before)
  })

  test('is told when the journal was restored from an older copy', async () => {
    const directory = await written(2)
    const older = image(directory)
    const journal = await openNotes(directory)
    await journal.append('s', [note('n3')])
    const { head } = journal
    await journal.close()
    const restored = await openNotes(older)
    await provoke(next(restored.follow({ after: head })), 'JOURNAL_HISTORY_CHANGED')
    await restored.append('s', [note('another n3')])
    await provoke(next(restored.follow({ after: head })), 'JOURNAL_HISTORY_CHANGED')
    await restored.close()
  })
})

describe('opening with an option', () => {
  test.each([
    { option: 'onDamage', given: 'refsue' },
    { option: 'onInterrupted', given: 'leaf' },
    { option: 'onUnknown', given: 'drop' },
    { option: 'durability', given: 'fsync' },
    { option: 'readOnly', given: 'yes' },
    { option: 'blocking', given: 1 },
    { option: 'compress', given: 'zstd' },
    { option: 'lockWaitMs', given: Number.NaN },
    { option: 'queueBytes', given: Number.NaN },
    { option: 'segmentBytes', given: 0 },
    { option: 'cacheRows', given: -1 },
  ])('$option that is misspelt or no number is misuse, and nothing is made', async ({ option, given }) => {
    const directory = join(temporary(), 'journal')
    await expect(openJournal(directory, { [option]: given } as object)).rejects.toThrow(new RegExp(`^${option} is`))
    expect(existsSync(directory)).toBe(false)
  })
})

describe('opening touches nothing but its own', () => {
  test('views are equal after everything that is derived was thrown away', async () => {
    const directory = await written()
    const journal = await openNotes(directory)
    const before = await tallies(journal)
    await journal.close()
    rmSync(join(directory, 'derived'), { recursive: true })
    expect(filesIn(directory).some((file) => file.startsWith('derived'))).toBe(false)
    const again = await openNotes(directory)
    expect(await tallies(again)).toEqual(before)
    await again.close()
    expect(existsSync(join(directory, 'derived'))).toBe(true)
  })
})

describe('every code', () => {
  afterAll(() => provoked.clear())

  test('is provoked by a test of this file', () => {
    expect([...provoked].toSorted()).toEqual(Object.keys(errorCodes).toSorted())
  })
})
