/** Upgrading: what the new journal holds, what is refused, and what a death leaves at any moment of it. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineEvents,
  events,
  openJournal,
  planRepair,
  repair,
  session,
  upgradeJournal,
  type Damage,
  type Files,
  type RecordedEvent,
  type UpgradeOptions,
} from '../../src/index.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { dyingFiles } from '../support/dying-files.js'
import { all, copyTo, failingFiles, hashOf, image, printOf, rejection, scratch, temporary } from '../support/journal.js'
import { before, memos, parts, upcasters } from '../support/memos.js'
import { seeded } from '../support/random.js'
import { programPath } from '../support/compiled.js'
import { root } from '../support/root.js'
import { seed } from '../support/seed.js'

const open = (directory: string, options: object = {}) => openJournal(directory, { ...parts, onInterrupted: 'leave', ...options })
const upgrade = (directory: string, options: UpgradeOptions = {}) => upgradeJournal(directory, { ...parts, ...options })

interface Written {
  directory: string
  /** What readers of today see. */
  seen: Seen[]
}
type Seen = RecordedEvent | { gap: Damage }

/** A journal of the old program with every kind of event, in small segments; `bad` adds one that no step can bring up. */
async function written({ commits = 40, bad = false, clean = true } = {}): Promise<Written> {
  const directory = join(temporary(), 'journal')
  const journal = await openJournal(directory, { events: before, segmentBytes: 2000 })
  for (let i = 0; i < commits; i++) {
    await journal.append(
      `s${i % 3}`,
      [{ type: 'note.added', data: { text: `n${i}`, later: { kept: i } }, ...(i % 4 === 0 ? { meta: { actor: 'ann' } } : {}) }],
      {
        commitId: `c${i}`,
        durability: 'os',
      },
    )
    if (i % 10 === 5)
      await journal.append(`s${i % 3}`, [
        { type: 'note.moved', data: { from: `n${i}`, to: `m${i}` } },
        { type: 'note.seen', data: {} },
      ])
    if (i % 10 === 7) await journal.append('later', [{ type: 'later.kind', data: { i } }])
  }
  if (bad) await journal.append('bad', [{ type: 'note.added', data: { text: 'bad' } }])
  const frozen = clean ? undefined : image(directory)
  await journal.close()
  // What nothing proves yet is there for a writer, and only for one.
  const reading = frozen === undefined ? await open(directory, { readOnly: true }) : await open(image(frozen))
  const seen = await all(reading.readAll(bad ? { types: ['memo.removed', 'later.kind'] } : {}))
  await reading.close()
  return { directory: frozen ?? directory, seen }
}

/** The journal after it was damaged and repaired. */
async function lossy({ directory }: Written, spoil = damage): Promise<Written> {
  spoil(directory)
  expect((await repair(directory, await planRepair(directory, parts), parts)).length).toBeGreaterThan(0)
  await using reading = await open(directory, { readOnly: true })
  return { directory, seen: await all(reading.readAll({ onGap: 'yield' })) }
}
const endOf = ({ seen }: Written): number => (seen.at(-1) as RecordedEvent).position

/** Everything beside the journal that an upgrade could have left. */
const besides = (directory: string): string[] =>
  readdirSync(dirname(directory))
    .filter((name) => name.startsWith(basename(directory)))
    .map((name) => name.slice(basename(directory).length))
    .toSorted()

/** Events as they are stored: type and schema by position. */
async function stored(directory: string): Promise<string[]> {
  const every = defineEvents({})
  await using journal = await openJournal(directory, { events: every, onUnknown: 'keep', readOnly: true })
  return (await all(journal.readAll())).map((event) => `${(event as RecordedEvent).type}@${(event as RecordedEvent).schema}`)
}
const receiptOf = async (directory: string): Promise<RecordedEvent> => {
  await using journal = await open(directory, { readOnly: true })
  return (await all(journal.readAll({ types: ['journal.upgraded'] }))).at(-1) as RecordedEvent
}
/** Asserts that the journal is upgraded: readers see what they saw, and the old one lies beside it. */
async function expectUpgraded({ directory, seen }: Written): Promise<void> {
  await using journal = await open(directory)
  const read = await all(journal.readAll({ onGap: 'yield' }))
  expect(read.slice(0, -1)).toEqual(seen)
  expect(read.at(-1)).toMatchObject({ type: 'journal.upgraded', stream: 'turnlog.upgrades' })
  expect(besides(directory)).toEqual(['', '.v1.bak'])
  expect((await upgrade(directory, { dryRun: true })).needed).toBe(false)
}

describe('upgrade', () => {
  test('stores today’s shapes under the same positions, versions, ids and times, and readers see what they saw', async () => {
    const journal = await written()
    const { directory } = journal
    const old = hashOf(directory, (file) => !file.startsWith('epoch'))
    const progress: number[] = []
    const report = await upgrade(directory, { progress: (done, total) => progress.push(done / total) })
    await expectUpgraded(journal)
    expect(report).toMatchObject({
      needed: true,
      dryRun: false,
      rewritten: 40,
      backup: `${directory}.v1.bak`,
      from: { format: 1 },
      to: { format: 1 },
    })
    expect(report.left.toSorted((a, b) => a.type.localeCompare(b.type))).toEqual([
      { type: 'later.kind', schema: 1, events: 4, why: 'unknown' },
      { type: 'note.moved', schema: 1, events: 4, why: 'splits' },
      { type: 'note.seen', schema: 1, events: 4, why: 'drops' },
    ])
    expect(new Set(await stored(directory))).toEqual(
      new Set(['memo.added@3', 'later.kind@1', 'note.moved@1', 'note.seen@1', 'journal.upgraded@1']),
    )
    const { position, data } = await receiptOf(directory)
    expect(position).toBe(endOf(journal) + 1)
    expect(data).toEqual({ from: report.from, to: report.to, rewritten: 40, left: report.left })
    expect(hashOf(`${directory}.v1.bak`, (file) => !file.startsWith('epoch'))).toBe(old)
    expect(progress.at(-1)).toBe(1)
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
  })

  test('keeps commit ids, claims, open work and views', async () => {
    const { directory } = await written()
    const text = async () => {
      await using journal = await open(directory, { readOnly: true })
      return (await journal.view(memos, 's1')).state
    }
    const state = await text()
    await upgrade(directory)
    expect(await text()).toEqual(state)
    await using journal = await open(directory)
    const memo = (name: string, by: string) => ({
      type: 'memo.added' as const,
      data: { text: name, later: { kept: 0 }, tags: [], by },
      meta: { actor: 'ann' },
    })
    expect(await journal.append('s0', [memo('n0', 'ann')], { commitId: 'c0' })).toMatchObject({ position: 1, version: 1 })
    await rejection(journal.append('s0', [memo('n0', 'ann')]), 'JOURNAL_LAW_BROKEN')
    expect(journal.recovery.kept.map(({ type }) => type)).toEqual(['later.kind'])
  })

  test('that only looks says what it would do, and changes nothing', async () => {
    const { directory } = await written()
    const print = printOf(dirname(directory))
    expect(await upgrade(directory, { dryRun: true })).toMatchObject({ needed: true, dryRun: true, rewritten: 40 })
    expect(printOf(dirname(directory))).toEqual(print)
  })

  test('where there is nothing to do changes nothing', async () => {
    const { directory } = await written()
    await upgrade(directory)
    const print = printOf(dirname(directory))
    expect(await upgrade(directory)).toMatchObject({ needed: false, rewritten: 0 })
    expect(printOf(dirname(directory))).toEqual(print)
  })

  test('leaves an event that no step can bring up as it is; the rest is upgraded', async () => {
    const { directory } = await written({ bad: true })
    expect((await upgrade(directory)).left).toContainEqual({ type: 'note.added', schema: 1, events: 1, why: 'fails' })
    await using journal = await open(directory)
    await rejection(all(journal.read('bad')), 'JOURNAL_UPCASTER_FAILED')
    expect((await all(journal.read('s1'))).length).toBeGreaterThan(10)
  })

  test('of a journal whose process died keeps what it had, and that it died', async () => {
    const journal = await written({ clean: false })
    await upgrade(journal.directory)
    await expectUpgraded(journal)
  })

  test('leaves what was running to the next boot, with the cause that it had', async () => {
    const loose = z.looseObject({})
    const old = defineEvents({
      ...events.definitions,
      'turn.completed': { schema: 1, data: loose },
      'tool.finished': { schema: 1, data: loose },
    })
    const journal = await openJournal(temporary(), { events: old })
    const turn = (turnId: string) => [
      { type: 'turn.submitted' as const, data: { threadId: 'main', turnId, input: [] } },
      { type: 'turn.started' as const, data: { threadId: 'main', turnId, attempt: 1 } },
    ]
    await journal.append('s', [
      { type: 'session.created', data: {} },
      { type: 'thread.started', data: { threadId: 'main' } },
    ])
    await journal.append('s', [
      ...turn('t1'),
      { type: 'turn.completed', data: { threadId: 'main', turnId: 't1', inputTokens: 5 } },
      ...turn('t2'),
    ])
    const directory = image(journal.directory)
    await journal.close()
    expect(await upgradeJournal(directory)).toMatchObject({ needed: true, rewritten: 1, left: [] })
    await using again = await openJournal(directory)
    expect(again.recovery.interrupted).toMatchObject([{ stream: 's', turnId: 't2', cause: 'crash' }])
    expect((await again.view(session, 's')).state).toMatchObject({ tokens: { input: 5 } })
  })

  test('never overwrites a backup, and says so before it touches anything', async () => {
    const { directory } = await written()
    mkdirSync(`${directory}.v1.bak`)
    const print = printOf(dirname(directory))
    const error = await rejection(upgrade(directory), 'JOURNAL_IO')
    expect(error.message).toMatch(/\.v1\.bak is there already.*Move it away/)
    expect(printOf(dirname(directory))).toEqual(print)
  })

  test.each([
    ['that is not there', 'JOURNAL_NOT_FOUND', (directory: string) => rmSync(directory, { recursive: true })],
    ['of a newer format', 'JOURNAL_NEWER_FORMAT', (directory: string) => writeFileSync(join(directory, 'FORMAT'), 'turnlog 2\n')],
    ['with damage', 'JOURNAL_DAMAGED', (directory: string) => damage(directory)],
  ] as const)('refuses a journal %s and touches nothing', async (_, code, spoil) => {
    const { directory } = await written()
    spoil(directory)
    const print = printOf(dirname(directory))
    await rejection(upgrade(directory), code)
    expect(printOf(dirname(directory))).toEqual(print)
  })

  test('waits for no writer, and lets none in meanwhile', async () => {
    const { directory } = await written()
    const writer = await open(directory)
    await rejection(upgrade(directory, { lockWaitMs: 0 }), 'JOURNAL_LOCKED')
    await writer.close()
    const refused: string[] = []
    const files: Files = {
      ...nodeFiles,
      async rename(from, to) {
        if (from === directory) refused.push((await rejection(open(directory, { lockWaitMs: 0 }), 'JOURNAL_LOCKED')).code)
        await nodeFiles.rename(from, to)
      },
    }
    await upgrade(directory, { files })
    expect(refused).toEqual(['JOURNAL_LOCKED'])
  })

  test('gives a writer that waited for its end the new journal, and its lock', async () => {
    const journal = await written()
    const { directory } = journal
    let waiting: ReturnType<typeof open> | undefined
    const files: Files = {
      ...nodeFiles,
      async rename(from, to) {
        if (from === directory) {
          waiting = open(directory, { lockWaitMs: 10_000 })
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
        await nodeFiles.rename(from, to)
      },
    }
    await upgrade(directory, { files })
    const writer = await waiting!
    await rejection(open(directory, { lockWaitMs: 0 }), 'JOURNAL_LOCKED')
    const { position } = await writer.append('new', [{ type: 'memo.removed', data: { text: 'none' } }])
    expect(position).toBe(endOf(journal) + 2)
    await writer.close()
  })

  test('is finished by whoever opens the journal between the two renames', async () => {
    const journal = await written()
    const { directory } = journal
    let opened: Awaited<ReturnType<typeof open>> | undefined
    const files: Files = {
      ...nodeFiles,
      async rename(from, to) {
        if (from === `${directory}.upgraded`) {
          const error = await rejection(open(directory, { readOnly: true }), 'JOURNAL_NOT_FOUND')
          expect(error.message).toMatch(/An upgrade of it was cut short: open it for writing/)
          opened = await open(directory)
        }
        await nodeFiles.rename(from, to)
      },
    }
    await upgrade(directory, { files })
    await opened!.append('new', [{ type: 'memo.removed', data: { text: 'none' } }])
    await opened!.close()
    expect(besides(directory)).toEqual(['', '.v1.bak'])
  })

  test('that never came to its swap is not taken for a journal that is gone', async () => {
    const journal = await written()
    const { directory } = journal
    await rejection(upgrade(directory, { files: cannotRename(directory) }), 'JOURNAL_IO')
    expect(besides(directory)).toEqual(['', '.upgraded'])
    await using goesOn = await open(directory)
    await goesOn.append('new', [{ type: 'memo.removed', data: { text: 'none' } }])
    await goesOn.close()
    renameSync(directory, `${directory}.elsewhere`)
    const print = printOf(dirname(directory))
    await rejection(open(directory, { readOnly: true }), 'JOURNAL_NOT_FOUND')
    await rejection(upgrade(directory), 'JOURNAL_NOT_FOUND')
    expect((await rejection(open(directory), 'JOURNAL_NOT_FOUND')).message).toMatch(/never came into use.*rename it to.*else move it away/)
    expect(printOf(dirname(directory))).toEqual(print)
    renameSync(`${directory}.elsewhere`, directory)
    await upgrade(directory)
    await using upgraded = await open(directory, { readOnly: true })
    expect(upgraded.head.position).toBe(endOf(journal) + 2)
  })

  test.each([
    ['lost the most of a segment', (segment: string) => truncateSync(segment, 600)],
    ['changed a byte', (segment: string) => flip(segment)],
  ])('of which the copy %s on its way to the disk leaves the original in use, and a second call makes another', async (_, spoil) => {
    const journal = await written()
    const { directory } = journal
    const original = hashOf(directory, (file) => !file.startsWith('epoch'))
    let spoilt = false
    const progress = (done: number, total: number): void => {
      // All is written, and its check begins.
      if (!spoilt && done * 3 > total * 2) spoil(secondSegment(`${directory}.upgrading`))
      spoilt ||= done * 3 > total * 2
    }
    await rejection(upgrade(directory, { segmentBytes: 2000, progress }), 'JOURNAL_DAMAGED')
    expect(spoilt).toBe(true)
    expect(hashOf(directory, (file) => !file.startsWith('epoch'))).toBe(original)
    await upgrade(directory)
    await expectUpgraded(journal)
  })

  test('refuses damage that nobody has written down, with the way out', async () => {
    const { directory } = await written()
    damage(directory)
    const error = await rejection(upgrade(directory, { dryRun: true }), 'JOURNAL_DAMAGED')
    expect(error.message).toMatch(/Restore a backup, or let `turnlog repair` write down that they are lost; then upgrade again/)
  })

  test('carries what was written down as lost to where it was, and readers see the same gap', async () => {
    const journal = await lossy(await written())
    const { directory, seen } = journal
    const [gap] = seen.flatMap((item) => ('gap' in item ? [item.gap] : []))
    expect(gap).toMatchObject({ recordedAt: expect.any(Number) as number, streams: expect.any(Array) as string[] })
    expect(await upgrade(directory, { dryRun: true })).toMatchObject({ needed: true, gaps: [gap] })
    const report = await upgrade(directory, { segmentBytes: 2000 })
    expect(report.gaps).toEqual([gap])
    await expectUpgraded(journal)
    await using upgraded = await open(directory, { readOnly: true })
    expect(upgraded.gaps).toEqual([gap])
    expect(await upgraded.verify()).toMatchObject({ ok: true, damage: [], gaps: [gap] })
    await using old = await open(`${directory}.v1.bak`, { readOnly: true })
    for (const stream of ['s0', 's1', 's2', 'later']) {
      expect(await all(upgraded.read(stream, { onGap: 'yield' }))).toEqual(await all(old.read(stream, { onGap: 'yield' })))
      expect(await upgraded.view(memos, stream)).toMatchObject({ ...(await old.view(memos, stream)), position: upgraded.head.position })
    }
  })

  test('gives no version again that was lost at the end of a stream', async () => {
    const { directory } = await written()
    const journal = await openJournal(directory, { events: before, segmentBytes: 2000 })
    await journal.append('lonely', [{ type: 'note.added', data: { text: 'whole' } }])
    await journal.append('lonely', [{ type: 'note.added', data: { text: 'only here' } }])
    for (let i = 0; i < 30; i++) await journal.append('s0', [{ type: 'note.added', data: { text: `after ${i}` } }])
    await journal.close()
    await lossy({ directory, seen: [] }, () => damageAt(directory, 'only here'))
    await upgrade(directory)
    await using upgraded = await open(directory)
    const memo = { type: 'memo.added' as const, data: { text: 'goes on', tags: [], by: 'ann' } }
    await rejection(upgraded.append('lonely', [memo], { expectedVersion: 1 }), 'JOURNAL_VERSION_CONFLICT')
    expect(await upgraded.append('lonely', [memo], { expectedVersion: 2 })).toMatchObject({ version: 3 })
  })

  test('tells readers that were open that the history is another one', async () => {
    const { directory } = await written()
    const reader = await open(directory, { readOnly: true })
    const following = rejection(all(reader.follow({ after: reader.head })), 'JOURNAL_HISTORY_CHANGED')
    await upgrade(directory)
    await following
    await reader.close()
  })

  test('names a step that is not pure, and leaves the old journal in use', async () => {
    const { directory, seen } = await written()
    let calls = 0
    const impure = upcasters.map((step) =>
      step.type === 'memo.added' && step.from === 1 ? { ...step, up: (data: object) => ({ ...data, tags: [String(calls++)] }) } : step,
    )
    const error = await rejection(upgradeJournal(directory, { ...parts, upcasters: impure }), 'JOURNAL_UPCASTER_FAILED')
    expect(error.message).toMatch(/another answer each time/)
    await using journal = await open(directory, { readOnly: true })
    expect(await all(journal.readAll())).toEqual(seen)
  })
})

/** Turns over one byte in the middle of what a segment holds. */
function flip(segment: string): void {
  const bytes = readFileSync(segment)
  const end = bytes.findLastIndex((byte) => byte !== 0)
  bytes[end >> 1] = (bytes[end >> 1] as number) ^ 1
  writeFileSync(segment, bytes)
}

/** The real file system, on which a name cannot be given up. */
function cannotRename(from: string): Files {
  return {
    ...nodeFiles,
    async rename(name, to) {
      if (name === from) throw Object.assign(new Error('made to fail'), { code: 'EIO' })
      await nodeFiles.rename(name, to)
    },
  }
}

function secondSegment(directory: string): string {
  const names = readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.seg'))
  return join(directory, 'journal', names.toSorted()[1]!)
}

function damage(directory: string): void {
  const path = secondSegment(directory)
  const bytes = readFileSync(path)
  bytes.fill(0xee, 700, 720)
  writeFileSync(path, bytes)
}

/** Damages the record in which a text stands. */
function damageAt(directory: string, text: string): void {
  for (const name of readdirSync(join(directory, 'journal')).filter((one) => one.endsWith('.seg'))) {
    const path = join(directory, 'journal', name)
    const bytes = readFileSync(path)
    const at = bytes.indexOf(text)
    if (at >= 0) writeFileSync(path, bytes.fill(0xee, at, at + text.length))
  }
}

describe('a full disk', () => {
  test.each([1, 2, 3, 5])('at the %i. write of the copy leaves the original in use, and a later call goes on', async (nth) => {
    const journal = await written()
    const files = failingFiles()
    files.arm({ call: 'write', nth, failure: 'ENOSPC', forEver: true, path: /upgrading/ })
    await rejection(upgrade(journal.directory, { files }), 'JOURNAL_DISK_FULL')
    const reading = await open(journal.directory, { readOnly: true })
    expect(await all(reading.readAll())).toEqual(journal.seen)
    await reading.close()
    await upgrade(journal.directory)
    await expectUpgraded(journal)
  })
})

interface Copy {
  directory: string
  remove: () => void
}
function copyOf(original: string): Copy {
  const { directory: base, remove } = scratch()
  const directory = join(base, 'journal')
  copyTo(original, directory)
  return { directory, remove }
}

/** How many operations an upgrade takes that change something. */
async function operations(original: string): Promise<number> {
  const { directory, remove } = copyOf(original)
  const files = dyingFiles()
  await upgrade(directory, { files, segmentBytes: 2000 })
  remove()
  return files.operations
}

/** What a death left is one whole journal, whoever comes next: a person who opens it, or the second call. */
async function expectWholeAndFinish(journal: Written, openFirst: boolean): Promise<void> {
  const { directory, seen } = journal
  if (openFirst) {
    const opened = await open(directory)
    const read = await all(opened.readAll({ onGap: 'yield' }))
    expect((read as Seen[]).filter((item) => 'gap' in item || item.type !== 'journal.upgraded')).toEqual(seen)
    await opened.close()
  }
  await upgrade(directory)
  await expectUpgraded(journal)
}

async function dieAt(original: Written, moment: number, half: boolean): Promise<void> {
  const { directory, remove } = copyOf(original.directory)
  try {
    await expect(upgrade(directory, { files: dyingFiles(moment, half), segmentBytes: 2000 })).rejects.toBeInstanceOf(Error)
    await expectWholeAndFinish({ directory, seen: original.seen }, half)
  } catch (error) {
    throw new Error(`dead at operation ${moment}${half ? ', in half' : ''}: ${String(error)}`, { cause: error })
  } finally {
    remove()
  }
}

describe(`a death at any moment (TURNLOG_SEED=${seed})`, () => {
  test.each([
    ['', 60, () => written({ commits: 24 })],
    [', with what is lost in it', 30, async () => lossy(await written({ commits: 24 }))],
  ] as const)(
    'leaves one whole journal in use%s, and a second call finishes the work',
    { timeout: 180_000 },
    async (_what, times, write) => {
      const original = await write()
      const moments = await operations(original.directory)
      const random = seeded(seed)
      // The last operations are those of the swap.
      const chosen = [
        ...Array.from({ length: 20 }, (_, i) => moments - i),
        ...Array.from({ length: times - 20 }, () => 1 + Math.floor(random() * moments)),
      ]
      for (const moment of chosen) await dieAt(original, moment, random() < 0.5)
    },
  )

  test('by SIGKILL, too', { timeout: 120_000 }, async () => {
    const original = await written({ commits: 400 })
    const random = seeded(seed)
    let died = 0
    for (let i = 0; i < 5; i++) {
      const { directory, remove } = copyOf(original.directory)
      const child = spawn(process.execPath, [programPath('test/support/upgrade-process.ts'), directory], { cwd: root })
      const ended = new Promise((resolve) => child.on('close', resolve))
      await new Promise((resolve) => child.stdout.once('data', resolve))
      await new Promise((resolve) => setTimeout(resolve, random() * 150))
      child.kill('SIGKILL')
      await ended
      if (!existsSync(`${directory}.v1.bak`)) died++
      await expectWholeAndFinish({ directory, seen: original.seen }, i % 2 === 0)
      remove()
    }
    expect(died).toBeGreaterThan(0)
  })
})
