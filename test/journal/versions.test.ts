/**
 * Older, equal, newer, unknown: every pair of what a journal holds and what a program knows, for reading and for writing.
 * Refused means that not one byte or time below the directory changed.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineEvents,
  defineProjection,
  defineUpcaster,
  isJournalError,
  openJournal,
  type Catalogue,
  type JournalErrorCode,
  type JournalOptions,
  type Upcaster,
} from '../../src/index.js'
import { frameBytes, makeFrame, nextDigest, parseHeader } from '../../src/storage/frame.js'
import { encodeCommit, putRecord, RECORD_HEAD_BYTES } from '../../src/storage/record.js'
import {
  all,
  hashOf,
  newestSegment,
  note,
  notes,
  openNotes,
  printOf,
  rejection,
  tallies,
  tally,
  tallyAt,
  temporary,
} from '../support/journal.js'

const text = z.looseObject({ text: z.string() })
const step = (from: number): Upcaster => defineUpcaster({ type: 'note.added', from, up: (data: object) => ({ ...data, steps: from }) })
/** A catalogue that has notes at a schema. */
const at = (schema: number): { events: Catalogue; upcasters: Upcaster[] } => ({
  events: defineEvents({ 'note.added': { schema, data: text } }),
  upcasters: Array.from({ length: schema - 1 }, (_, i) => step(i + 1)),
})
/** A catalogue with another type beside notes. */
const beside = (ignorable: boolean) => ({
  events: defineEvents({ 'note.added': { schema: 1, data: text }, 'note.pinned': { schema: 1, data: z.looseObject({}), ignorable } }),
})
const pinned = { type: 'note.pinned', data: { by: 'ann', at: [1, 2] } }
const modes: [string, JournalOptions][] = [
  ['reading', { readOnly: true }],
  ['writing', {}],
]

interface Refusal {
  code: JournalErrorCode
  details: object
  /** What the message says was found, what is supported, and what to do. */
  says: RegExp[]
}
interface Row {
  /** Makes the journal. */
  write: (directory: string) => Promise<void>
  open: (
    directory: string,
    options: JournalOptions,
  ) => Promise<{ close(): Promise<void>; readAll(): AsyncIterable<unknown>; recovery: object }>
  refused?: Refusal
  /** What is read where it opens. */
  read?: object[]
  recovery?: object
}

async function write(directory: string, parts: { events: Catalogue; upcasters?: Upcaster[] }, events: object[]): Promise<void> {
  const journal = await openJournal(directory, { ...parts, upcasters: parts.upcasters ?? [] })
  await journal.append('s', events as never)
  await journal.close()
}
const openAt =
  (schema: number, own: object = {}) =>
  (directory: string, options: JournalOptions) =>
    openJournal(directory, { ...at(schema), ...own, ...options })
const withFormat = (content: string) => async (directory: string) => {
  await write(directory, at(1), [note('n')])
  writeFileSync(join(directory, 'FORMAT'), content)
}
const notAFormat: Refusal = {
  code: 'JOURNAL_DAMAGED',
  details: { damage: [{ segment: 'FORMAT' }] },
  says: [/FORMAT is damaged/, /should read "turnlog 1"/],
}
const newerFormat: Refusal = {
  code: 'JOURNAL_NEWER_FORMAT',
  details: { found: 2, supported: 1 },
  says: [/newer turnlog/, /[Nn]othing was changed/],
}
const unknown: Refusal = {
  code: 'JOURNAL_UNKNOWN_EVENT',
  details: { type: 'note.pinned', schema: 1 },
  says: [/note\.pinned@1/, /not in this program's catalogue/, /program that wrote it/, /onUnknown: 'keep'/],
}
const newer = (found: number, supported: number): Refusal => ({
  code: 'JOURNAL_NEWER_SCHEMA',
  details: { type: 'note.added', found, supported },
  says: [new RegExp(`note\\.added@${found}`), new RegExp(`up to @${supported}`), /Open it with a program/],
})
const plain = { type: 'note.added', schema: 1, data: { text: 'n' } }

/**
 * Puts one more frame of its own behind a journal's last, as a program of a later format might. Nothing but the
 * frame itself says that it is there, as after a crash.
 */
const withFrame =
  (change: object, event: object = {}) =>
  async (directory: string) => {
    await write(directory, at(1), [note('n')])
    const path = newestSegment(directory)
    const bytes = readFileSync(path)
    let end = 0
    let last = parseHeader(bytes, 0)
    for (let header = last; header !== undefined; header = bytes.length >= end + 96 ? parseHeader(bytes, end) : undefined) {
      last = header
      end += frameBytes(header.length, header.align)
    }
    const body = encodeCommit({
      stream: 's',
      version: 2,
      at: 1,
      events: [{ type: 'note.added', schema: 1, data: { text: 'later' }, flags: 0, ...event }],
    })
    const payload = Buffer.alloc(body.length + RECORD_HEAD_BYTES)
    putRecord(payload, 0, body)
    const { group, first, journal, align, digest } = last!
    const header = {
      kind: 2,
      align,
      flags: 0,
      count: 1,
      group: group + 1,
      first,
      journal,
      aux: 1,
      digest: nextDigest(digest, first, payload),
    }
    writeFileSync(path, Buffer.concat([bytes.subarray(0, end), makeFrame({ ...header, ...change }, payload)]))
    // Without a witness of how far the writer came, the frame may have reached no disk.
    rmSync(join(directory, 'head'))
  }

const rows: Record<string, Row> = {
  'the same format': { write: withFormat('turnlog 1\n'), open: openAt(1), read: [plain] },
  'the format, with segments that may lie packed': {
    write: withFormat('turnlog 1 packed\n'),
    open: openAt(1),
    read: [plain],
    recovery: { format: 1, compressed: true },
  },
  'the format, with a word that is not known': { write: withFormat('turnlog 1 packed sealed\n'), open: openAt(1), refused: newerFormat },
  'a newer format': { write: withFormat('turnlog 2\n'), open: openAt(1), refused: newerFormat },
  'a much newer format': {
    write: withFormat('turnlog 17\n'),
    open: openAt(1),
    refused: { ...newerFormat, details: { found: 17, supported: 1 } },
  },
  'an older format than the first': { write: withFormat('turnlog 0\n'), open: openAt(1), refused: notAFormat },
  'an unknown format': { write: withFormat('something else\n'), open: openAt(1), refused: notAFormat },
  'no format in its FORMAT': { write: withFormat(''), open: openAt(1), refused: notAFormat },
  'a frame of a later kind': { write: withFrame({ kind: 9 }), open: openAt(1), refused: newerFormat },
  'a frame with later flags': { write: withFrame({ flags: 8 }), open: openAt(1), refused: newerFormat },

  'an older schema': {
    write: (directory) => write(directory, at(1), [note('n')]),
    open: openAt(3),
    read: [{ type: 'note.added', schema: 3, data: { text: 'n', steps: 2 } }],
    recovery: { kept: [] },
  },
  'the same schema': { write: (directory) => write(directory, at(3), [note('n')]), open: openAt(3), read: [{ ...plain, schema: 3 }] },
  'a newer schema': { write: (directory) => write(directory, at(3), [note('n')]), open: openAt(2), refused: newer(3, 2) },
  'a newer schema, unknown types kept': {
    write: (directory) => write(directory, at(3), [note('n')]),
    open: openAt(1, { onUnknown: 'keep' }),
    refused: newer(3, 1),
  },
  'a newer schema of an event that may be passed over': {
    write: (directory) =>
      write(directory, { events: defineEvents({ 'note.added': { schema: 2, data: text, ignorable: true } }), upcasters: [step(1)] }, [
        note('n'),
      ]),
    open: openAt(1),
    refused: newer(2, 1),
  },
  'an unknown type': { write: (directory) => write(directory, beside(false), [note('n'), pinned]), open: openAt(1), refused: unknown },
  'an unknown type, kept': {
    write: (directory) => write(directory, beside(false), [note('n'), pinned]),
    open: openAt(1, { onUnknown: 'keep' }),
    read: [plain, { type: 'note.pinned', schema: 1, data: pinned.data }],
    recovery: { kept: [{ type: 'note.pinned', schema: 1 }] },
  },
  'an unknown type that may be passed over': {
    write: (directory) => write(directory, beside(true), [note('n'), pinned]),
    open: openAt(1),
    read: [plain, { type: 'note.pinned', schema: 1, data: pinned.data }],
    recovery: { kept: [{ type: 'note.pinned', schema: 1 }] },
  },
  'an unknown type of which not all may be passed over': {
    write: async (directory) => {
      await write(directory, beside(true), [note('n'), pinned])
      await write(directory, beside(false), [pinned])
    },
    open: openAt(1),
    refused: unknown,
  },
}

describe.each(modes)('%s a journal with', (_, mode) => {
  test.each(Object.entries(rows))('%s', async (__, { write: make, open, refused, read, recovery }) => {
    const directory = temporary()
    await make(directory)
    const before = printOf(directory)
    const history = hashOf(directory, (file) => file.endsWith('.idx'))
    const opened = await open(directory, mode).catch((error: unknown) => error as Error)
    if (refused !== undefined) {
      if (!isJournalError(opened, refused.code)) throw opened instanceof Error ? opened : new Error('it opened')
      expect(opened.details).toMatchObject(refused.details)
      for (const part of refused.says) expect(opened.message).toMatch(part)
      expect(printOf(directory)).toEqual(before)
      return
    }
    if (opened instanceof Error) throw opened
    expect((await all(opened.readAll())).map((event) => event)).toMatchObject(read!)
    expect(opened.recovery).toMatchObject(recovery ?? {})
    await opened.close()
    if (mode.readOnly === true) expect(printOf(directory)).toEqual(before)
    expect(hashOf(directory, (file) => file.endsWith('.idx'))).toBe(history)
  })
})

test.each([
  ['of a newer schema', { schema: 9 }, newer(9, 1)],
  ['of an unknown type', { type: 'note.pinned' }, unknown],
  ['with flags of a later format', { flags: 4 }, newerFormat],
])(
  'an event %s that nothing but itself proves is not shown to readers, and keeps writers from touching anything',
  async (_, event, refused) => {
    const directory = temporary()
    await withFrame({}, event)(directory)
    const before = printOf(directory)
    const error = await rejection(openJournal(directory, at(1)), refused.code)
    for (const part of refused.says) expect(error.message).toMatch(part)
    const reader = await openJournal(directory, { ...at(1), readOnly: true })
    expect(await all(reader.readAll())).toHaveLength(1)
    await reader.close()
    expect(printOf(directory)).toEqual(before)
  },
)

describe('kept events', () => {
  test('are carried for whoever knows them, and seen by no view, law or transcript here', async () => {
    const directory = temporary()
    await write(directory, beside(false), [note('a'), pinned, note('b')])
    const seen: string[] = []
    const counts = defineProjection(notes, {
      name: 'counts',
      revision: 1,
      state: z.object({ n: z.number() }),
      key: (event) => (seen.push(event.type), event.stream),
      initial: () => ({ n: 0 }),
      on: { 'note.added': ({ n }) => ({ n: n + 1 }) },
    })
    const here = await openNotes(directory, { onUnknown: 'keep' }).then(
      async (journal) => (await journal.close(), openJournal(directory, { events: notes, projections: [counts], onUnknown: 'keep' })),
    )
    await here.append('s', [note('c')], { expectedVersion: 3 })
    expect((await here.view(counts, 's')).state).toEqual({ n: 3 })
    expect(new Set(seen)).toEqual(new Set(['note.added']))
    expect((await all(here.readAll({ types: ['note.pinned'] }))).map(({ data }) => data)).toEqual([pinned.data])
    await here.close()
    const there = await openJournal(directory, beside(false))
    expect((await all(there.read('s'))).map(({ type }) => type)).toEqual(['note.added', 'note.pinned', 'note.added', 'note.added'])
    await there.close()
  })
})

describe('fields that a catalogue does not know', () => {
  test('survive being read and appended, wherever they stand, in their order', async () => {
    const directory = temporary()
    const wide = { later: { a: [1, { b: null }], z: true }, text: 'n', more: Buffer.from([1, 2]), 0: 'a number for a name' }
    await write(directory, at(1), [{ type: 'note.added', data: wide, meta: { actor: 'ann', later: { deep: [1] } } }])
    const narrow = {
      events: defineEvents({ 'note.added': { schema: 2, data: z.object({ text: z.string() }) } }),
      upcasters: [defineUpcaster({ type: 'note.added', from: 1, up: (data: { text: string }) => data })],
    }
    const journal = await openJournal(directory, narrow)
    for await (const { type, data, meta } of journal.read('s'))
      await journal.append('copy', [meta === undefined ? { type, data } : { type, data, meta }])
    await journal.close()
    const [copy] = await (async () => {
      await using again = await openJournal(directory, { ...at(2), readOnly: true })
      return all(again.read('copy'))
    })()
    expect(copy).toMatchObject({ data: wide, meta: { actor: 'ann', later: { deep: [1] } } })
    expect(Object.keys((copy as { data: object }).data)).toEqual(Object.keys(wide))
  })
})

const ages: [string, number, number][] = [
  ['older', 1, 2],
  ['equal', 2, 2],
  ['newer', 3, 2],
]

describe.each(modes)('%s a journal whose', (_, mode) => {
  test.each(ages)('snapshots are of an %s revision: used only where equal, left where they are always', async (age, there, here) => {
    const directory = temporary()
    const writer = await openJournal(directory, { events: notes, projections: [tallyAt(there)] })
    await writer.append('s', [note('a')])
    await writer.snapshot()
    await writer.close()
    rmSync(join(directory, 'derived'), { recursive: true })
    const before = mode.readOnly === true ? printOf(directory) : hashOf(directory, (file) => file.startsWith('snapshots'))
    const projection = tallyAt(here)
    const journal = await openJournal(directory, { events: notes, projections: [projection], ...mode })
    expect((await journal.view(projection, 's')).state).toEqual({ notes: 1, by: here })
    if (mode.readOnly !== true) {
      const file = 'snapshots/tally/000000000001.snap'
      const refused = [{ file, reason: expect.stringContaining(`revision ${there} is ${age}`) as string }]
      expect(journal.recovery.snapshots).toEqual(age === 'equal' ? { used: [file], refused: [] } : { used: [], refused })
      if (age === 'newer') expect(await journal.snapshot()).toEqual([])
    }
    await journal.close()
    expect(mode.readOnly === true ? printOf(directory) : hashOf(directory, (file) => file.startsWith('snapshots'))).toEqual(before)
  })

  test.each(ages)('derived rows are of an %s revision: used only where equal', async (age, there, here) => {
    const directory = temporary()
    const writer = await openJournal(directory, { events: notes, projections: [tallyAt(there)] })
    await writer.append('s', [note('a')])
    await writer.close()
    const before = printOf(directory)
    const projection = tallyAt(here)
    const journal = await openJournal(directory, { events: notes, projections: [projection], ...mode })
    expect((await journal.view(projection, 's')).state).toEqual({ notes: 1, by: here })
    if (mode.readOnly !== true) expect(journal.recovery.derived).toBe(age === 'equal' ? 'checked' : 'rebuilt')
    await journal.close()
    if (mode.readOnly === true) expect(printOf(directory)).toEqual(before)
  })

  test('snapshots and rows are of a projection that this program does not have: left alone', async () => {
    const directory = temporary()
    const writer = await openNotes(directory)
    await writer.append('s', [note('a')])
    await writer.snapshot()
    await writer.close()
    const before = hashOf(directory, (file) => file.startsWith('snapshots'))
    const journal = await openJournal(directory, { events: notes, ...mode })
    expect(await all(journal.readAll())).toHaveLength(1)
    await journal.close()
    expect(hashOf(directory, (file) => file.startsWith('snapshots'))).toBe(before)
    const again = await openNotes(directory, mode)
    expect(await tallies(again)).toBeDefined()
    expect((await again.view(tally, 's')).state).toMatchObject({ notes: 1 })
    await again.close()
  })
})
