import { closeSync, copyFileSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { call, defineProjection, item, openJournal, session, task, thread, timeline, turn, type Projection } from '../../src/index.js'
import { Table } from '../../src/engine/table.js'
import type { SnapshotRecord } from '../../src/storage/commit-store.js'
import { filesIn } from '../support/files-in.js'
import { all, copyTo, hashOf, note, notes, openNotes, tallies, tally, tallyAt, temporary, type NotesJournal } from '../support/journal.js'

/** A closed journal with notes in ten streams and a snapshot behind each thirty of them; the snapshots' files, oldest first. */
async function withSnapshots(): Promise<{ directory: string; files: string[]; rows: unknown }> {
  const directory = temporary()
  const journal = await openNotes(directory)
  const files: string[] = []
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 30; i++) await journal.append(`s${i % 10}`, [note(`r${round} n${i}`)], { durability: 'os' })
    files.push(...(await journal.snapshot()).map(({ file }) => file))
  }
  for (let i = 0; i < 5; i++) await journal.append(`s${i}`, [note(`tail ${i}`)])
  const rows = await tallies(journal)
  await journal.close()
  return { directory, files, rows }
}

/** The tally as a later program has it: with an order that throws for a row that ends with this text. */
function pickyAbout(text: string): typeof tally {
  const last = (state: { last: string }): string => {
    if (state.last === text) throw new Error('no place for it')
    return state.last
  }
  return { ...tally, index: { ...tally.index, last } }
}

const withoutDerived = (directory: string): void => rmSync(join(directory, 'derived'), { recursive: true })

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  const where = at < 0 ? bytes.length + at : at
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.of(bytes[where]! ^ 0x10), 0, 1, where)
  closeSync(file)
}

async function opened<T>(directory: string, use: (journal: NotesJournal) => Promise<T>): Promise<T> {
  const journal = await openNotes(directory)
  try {
    return await use(journal)
  } finally {
    await journal.close()
  }
}

describe('derived state that is thrown away', () => {
  test('comes back equal, in every view and every list', async () => {
    const { directory, rows } = await withSnapshots()
    withoutDerived(directory)
    await opened(directory, async (journal) => {
      expect(journal.recovery.derived).toBe('rebuilt')
      expect(await tallies(journal)).toEqual(rows)
    })
  })

  test('comes back from the newest snapshot, and only what follows it is folded', async () => {
    const { directory, files, rows } = await withSnapshots()
    withoutDerived(directory)
    await opened(directory, async (journal) => {
      expect(journal.recovery.snapshots).toEqual({ used: [files[1]], refused: [] })
      expect(journal.recovery.replayed).toBe(5)
      expect(await tallies(journal)).toEqual(rows)
    })
  })

  test('comes back equal without the snapshots too', async () => {
    const { directory, rows } = await withSnapshots()
    withoutDerived(directory)
    rmSync(join(directory, 'snapshots'), { recursive: true })
    await opened(directory, async (journal) => {
      expect(journal.recovery.snapshots.used).toEqual([])
      expect(journal.recovery.replayed).toBe(65)
      expect(await tallies(journal)).toEqual(rows)
      expect(await journal.verify({ snapshots: true })).toMatchObject({ ok: true, snapshots: [] })
    })
  })

  test('comes back without the row that an order of today throws for, whether from a snapshot or not', async () => {
    const { directory } = await withSnapshots()
    const picky = pickyAbout('tail 3')
    withoutDerived(directory)
    await using journal = await openJournal(directory, { events: notes, projections: [picky] })
    expect((await all(journal.list(picky))).map(({ key }) => key)).toEqual(['s0', 's1', 's2', 's4', 's5', 's6', 's7', 's8', 's9'])
    await expect(journal.view(picky, 's3')).rejects.toMatchObject({ code: 'JOURNAL_PROJECTION_FAILED', details: { key: 's3' } })
    expect((await journal.view(picky, 's4')).state?.last).toBe('tail 4')
    await journal.append('s4', [note('on')])
    expect((await journal.view(picky, 's4')).state?.last).toBe('on')
  })

  test('comes back where an order of today throws for a row of a snapshot, which is not used then', async () => {
    const { directory } = await withSnapshots()
    const picky = pickyAbout('r1 n29')
    withoutDerived(directory)
    await using journal = await openJournal(directory, { events: notes, projections: [picky] })
    expect(journal.recovery.snapshots).toMatchObject({ used: [], refused: [{ reason: expect.stringContaining('cannot be ordered') }] })
    expect((await all(journal.list(picky))).map(({ key }) => key)).not.toContain('s9')
    await expect(journal.view(picky, 's9')).rejects.toMatchObject({ code: 'JOURNAL_PROJECTION_FAILED', details: { key: 's9' } })
  })

  test('is thrown away where an order of today throws for a row of it, and that row alone fails', async () => {
    const { directory } = await withSnapshots()
    const picky = pickyAbout('r1 n29')
    await using journal = await openJournal(directory, { events: notes, projections: [picky] })
    await journal.append('s9', [note('on')])
    await expect(journal.view(picky, 's9')).rejects.toMatchObject({
      code: 'JOURNAL_PROJECTION_FAILED',
      details: { key: 's9', position: 60 },
    })
    expect((await journal.view(picky, 's4')).state?.last).toBe('tail 4')
    expect((await all(journal.list(picky))).map(({ key }) => key)).toEqual(['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'])
    expect((await journal.verify({ snapshots: true })).snapshots).toMatchObject([
      { ok: true, reason: expect.stringContaining('not folded again') },
      { ok: true },
    ])
  })

  test('is not folded again where it is whole', async () => {
    const { directory, rows } = await withSnapshots()
    await opened(directory, async (journal) => {
      expect(journal.recovery).toMatchObject({ derived: 'checked', replayed: 0 })
      expect(await tallies(journal)).toEqual(rows)
    })
  })

  test('that is garbage is replaced', async () => {
    const { directory, rows } = await withSnapshots()
    for (const file of filesIn(join(directory, 'derived'))) if (file !== 'LOCK') flip(join(directory, 'derived', file), 0)
    await opened(directory, async (journal) => expect(await tallies(journal)).toEqual(rows))
  })

  test('of another journal is not believed', async () => {
    const { directory, rows } = await withSnapshots()
    const other = temporary()
    await opened(other, async (journal) => {
      for (let i = 0; i < 65; i++) await journal.append(`s${i % 10}`, [note('foreign')], { durability: 'os' })
      await tallies(journal)
    })
    withoutDerived(directory)
    copyTo(join(other, 'derived'), join(directory, 'derived'))
    await opened(directory, async (journal) => expect(await tallies(journal)).toEqual(rows))
  })

  test('comes back equal for every built-in view', async () => {
    const directory = temporary()
    const views = [session, thread, turn, item, call, task, timeline] as unknown as Projection[]
    const rows = async (): Promise<unknown> => {
      const journal = await openJournal(directory)
      const lists = await Promise.all(
        views.flatMap((view) =>
          [undefined, ...Object.keys(view.index)].map(async (by) =>
            (await all(journal.list(view, by === undefined ? {} : { by }))).map(({ key, state }) => [view.name, by, key, state]),
          ),
        ),
      )
      await journal.close()
      return lists
    }
    const journal = await openJournal(directory)
    for (const stream of ['a', 'b']) {
      await journal.append(stream, [
        { type: 'session.created', data: { title: stream } },
        { type: 'thread.started', data: { threadId: 'main' } },
        { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [] } },
        { type: 'turn.started', data: { turnId: 't1' } },
        { type: 'item.completed', data: { turnId: 't1', itemId: 'i1', kind: 'message', content: [{ type: 'text', text: 'hello' }] } },
        { type: 'tool.requested', data: { turnId: 't1', callId: 'c1', name: 'shell', arguments: {} } },
        { type: 'tool.started', data: { turnId: 't1', callId: 'c1' } },
        { type: 'tool.finished', data: { turnId: 't1', callId: 'c1' } },
        { type: 'turn.completed', data: { turnId: 't1', usage: { inputTokens: 3 } } },
      ])
      await journal.append(`jobs ${stream}`, [
        { type: 'task.enqueued', data: { taskId: `k${stream}` } },
        { type: 'task.started', data: { taskId: `k${stream}` } },
        { type: 'task.completed', data: { taskId: `k${stream}` } },
      ])
      await journal.snapshot()
    }
    await journal.close()
    const before = await rows()
    withoutDerived(directory)
    expect(await rows()).toEqual(before)
    withoutDerived(directory)
    rmSync(join(directory, 'snapshots'), { recursive: true })
    expect(await rows()).toEqual(before)
  })
})

describe('a snapshot that is damaged', () => {
  test.each([
    ['at its beginning', 0],
    ['in its middle', 150],
    ['at its end', -1],
  ])('%s is refused and named, the older one is used, and the views are equal', async (_, at) => {
    const { directory, files, rows } = await withSnapshots()
    flip(join(directory, files[1]!), at)
    withoutDerived(directory)
    await opened(directory, async (journal) => {
      expect(journal.recovery.snapshots).toEqual({ used: [files[0]], refused: [{ file: files[1], reason: expect.any(String) as string }] })
      expect(journal.recovery.replayed).toBe(35)
      expect(await tallies(journal)).toEqual(rows)
    })
  })

  test('like the other one leaves the journal, which is folded whole', async () => {
    const { directory, files, rows } = await withSnapshots()
    for (const file of files) flip(join(directory, file), 150)
    withoutDerived(directory)
    await opened(directory, async (journal) => {
      expect(journal.recovery.snapshots.used).toEqual([])
      expect(journal.recovery.snapshots.refused.map(({ file }) => file)).toEqual([files[1], files[0]])
      expect(journal.recovery.replayed).toBe(65)
      expect(await tallies(journal)).toEqual(rows)
    })
  })

  test('is named by verify, while the journal itself is whole, and is left as it is', async () => {
    const { directory, files } = await withSnapshots()
    flip(join(directory, files[0]!), 150)
    const before = hashOf(join(directory, 'snapshots'))
    await opened(directory, async (journal) => {
      const report = await journal.verify({ snapshots: true })
      expect(report).toMatchObject({ ok: true, damage: [], events: 65, position: 65 })
      expect(report.snapshots.toSorted((a, b) => a.file.localeCompare(b.file))).toEqual([
        { file: files[0], ok: false, reason: expect.any(String) as string },
        { file: files[1], ok: true },
      ])
    })
    expect(hashOf(join(directory, 'snapshots'))).toBe(before)
  })
})

describe('a snapshot that the journal does not fold to', () => {
  /** The same projection by its name and revision, with a fold that makes something else of some texts. */
  const changed = (wrong: RegExp) => {
    const state = z.object({ notes: z.number(), last: z.string(), at: z.number() })
    return defineProjection(notes, {
      name: 'tally',
      revision: tally.revision,
      state,
      key: (event) => event.stream,
      initial: () => ({ notes: 0, last: '', at: 0 }),
      on: { 'note.added': (s, { data, position }) => (wrong.test(data.text) ? s : { notes: s.notes + 1, last: data.text, at: position }) },
    })
  }

  test('is named, with the first event from which on the two differ', async () => {
    const { directory, files } = await withSnapshots()
    const check = async (wrong: RegExp) => {
      const journal = await openJournal(directory, { events: notes, projections: [changed(wrong)], readOnly: true })
      try {
        return (await journal.verify({ snapshots: true })).snapshots.toSorted((a, b) => a.file.localeCompare(b.file))
      } finally {
        await journal.close()
      }
    }
    expect(await check(/tail/)).toEqual(files.map((file) => ({ file, ok: true })))
    // Each round has thirty notes: note 4 of the second is event 35.
    expect(await check(/r1 n4$/)).toMatchObject([
      { file: files[0], ok: true },
      { file: files[1], ok: false, reason: expect.stringContaining('position 35') as string, differsFrom: { position: 35, stream: 's4' } },
    ])
    expect(await check(/n7$/)).toMatchObject([
      { ok: false, differsFrom: { position: 8, type: 'note.added', stream: 's7' } },
      { ok: false, differsFrom: { position: 8 } },
    ])
  })

  test('is named where it has no row for what the journal folds to one', async () => {
    const directory = temporary()
    const without = defineProjection(notes, {
      name: 'tally',
      revision: tally.revision,
      state: z.object({ notes: z.number(), last: z.string(), at: z.number() }),
      key: (event) => event.stream,
      initial: () => ({ notes: 0, last: '', at: 0 }),
      on: {
        'note.added': (s, { stream, data, position }) =>
          stream === 's1' ? undefined : { notes: s.notes + 1, last: data.text, at: position },
      },
    })
    const journal = await openJournal(directory, { events: notes, projections: [without] })
    for (const stream of ['s0', 's1', 's0']) await journal.append(stream, [note('n')])
    await journal.snapshot()
    await journal.close()
    await opened(directory, async (again) => {
      const [check] = (await again.verify({ snapshots: true })).snapshots
      expect(check).toMatchObject({ ok: false, differsFrom: { position: 2, stream: 's1' } })
    })
  })

  test('is not folded where this program has no projection of its name and revision, and says so', async () => {
    const { directory, files } = await withSnapshots()
    const other = { ...tally, revision: tally.revision + 1 }
    for (const projections of [[], [other]]) {
      const journal = await openJournal(directory, { events: notes, projections, readOnly: true })
      const { ok, snapshots } = await journal.verify({ snapshots: true })
      await journal.close()
      const reason = `not folded again: this program has no tally of revision ${tally.revision}`
      expect(ok).toBe(true)
      expect(snapshots.toSorted((a, b) => a.file.localeCompare(b.file))).toEqual(files.map((file) => ({ file, ok: true, reason })))
    }
  })

  test('is not folded where events are lost, and says so', async () => {
    const { directory, files } = await withSnapshots()
    const segment = filesIn(directory).find((file) => file.endsWith('.seg')) as string
    const path = join(directory, segment)
    flip(path, readFileSync(path).indexOf('r0 n3'))
    const journal = await openJournal(directory, { events: notes, projections: [tally], readOnly: true })
    const { snapshots } = await journal.verify({ snapshots: true })
    await journal.close()
    expect(snapshots.find(({ file }) => file === files[1])).toMatchObject({
      ok: true,
      reason: expect.stringContaining('not folded again') as string,
    })
  })
})

describe('a snapshot that is missing', () => {
  test('is no finding, and the older one is used', async () => {
    const { directory, files, rows } = await withSnapshots()
    rmSync(join(directory, files[1]!))
    withoutDerived(directory)
    await opened(directory, async (journal) => {
      expect(journal.recovery.snapshots.used).toEqual([files[0]])
      expect(await journal.verify({ snapshots: true })).toMatchObject({ ok: true, snapshots: [{ file: files[0], ok: true }] })
      expect(await tallies(journal)).toEqual(rows)
    })
  })
})

describe('a snapshot from another journal', () => {
  test('under the name of one of ours is refused', async () => {
    const { directory, files, rows } = await withSnapshots()
    const other = await withSnapshots()
    copyFileSync(join(other.directory, other.files[1]!), join(directory, files[1]!))
    withoutDerived(directory)
    await opened(directory, async (journal) => {
      expect(journal.recovery.snapshots.used).toEqual([files[0]])
      expect(journal.recovery.snapshots.refused).toMatchObject([{ file: files[1] }])
      expect(await tallies(journal)).toEqual(rows)
    })
  })

  test('under a name of its own is never looked at', async () => {
    const { directory, files, rows } = await withSnapshots()
    const stray = join(directory, 'snapshots', 'tally', '000000000064.snap')
    copyFileSync(join(directory, files[0]!), stray)
    withoutDerived(directory)
    await opened(directory, async (journal) => {
      expect(journal.recovery.snapshots.used).toEqual([files[1]])
      expect(await tallies(journal)).toEqual(rows)
    })
  })
})

describe('a snapshot of another revision', () => {
  async function use(directory: string, revision: number, snapshot: boolean) {
    const projection = tallyAt(revision)
    const journal = await openJournal(directory, { events: notes, projections: [projection] })
    await journal.append('s', [note('n')])
    const { state } = await journal.view(projection, 's')
    const taken = snapshot ? await journal.snapshot() : []
    const { recovery } = journal
    await journal.close()
    return { state, recovery, file: taken[0]?.file }
  }

  test('that is newer is left where it is and reported, the view is folded, and the newer program finds it again', async () => {
    const directory = temporary()
    const newer = await use(directory, 2, true)
    const before = readFileSync(join(directory, newer.file!))
    const older = await use(directory, 1, true)
    expect(older.recovery.snapshots.refused).toEqual([{ file: newer.file, reason: expect.stringContaining('2') as string }])
    expect(older.state).toEqual({ notes: 2, by: 1 })
    expect(readFileSync(join(directory, newer.file!)).equals(before)).toBe(true)
    withoutDerived(directory)
    const again = await use(directory, 2, false)
    expect(again.recovery.snapshots.used).toEqual([newer.file])
    expect(again.state).toEqual({ notes: 3, by: 2 })
  })

  test('that is older is not used', async () => {
    const directory = temporary()
    const older = await use(directory, 1, true)
    const newer = await use(directory, 2, false)
    expect(newer.recovery.snapshots.used).toEqual([])
    expect(newer.state).toEqual({ notes: 2, by: 2 })
    expect(existsSync(join(directory, older.file!))).toBe(true)
  })
})

describe('snapshots', () => {
  test('are kept to the newest two of a projection, each true for the position in its name', async () => {
    const directory = temporary()
    await opened(directory, async (journal) => {
      for (let i = 1; i <= 4; i++) {
        await journal.append('s', [note(`n${i}`)])
        expect(await journal.snapshot()).toMatchObject([{ projection: 'tally', revision: 1, head: journal.head }])
      }
      expect(await journal.snapshot(), 'nothing new, nothing taken').toEqual([])
      expect(filesIn(join(directory, 'snapshots'))).toEqual(['tally/000000000003.snap', 'tally/000000000004.snap'])
    })
  })

  test('are taken again at the same position where the file is hurt or gone', async () => {
    const directory = temporary()
    await opened(directory, async (journal) => {
      await journal.append('s', [note('a')])
      const [taken] = await journal.snapshot()
      const path = join(directory, taken?.file as string)
      const before = readFileSync(path)
      for (const hurt of [() => flip(path, -1), () => rmSync(path)]) {
        hurt()
        expect(await journal.snapshot()).toEqual([taken])
        expect(readFileSync(path)).toEqual(before)
        expect(await journal.snapshot()).toEqual([])
      }
    })
  })

  test('change no position, no digest and no event', async () => {
    const directory = temporary()
    await opened(directory, async (journal) => {
      await journal.append('s', [note('a')])
      const { head } = journal
      await journal.snapshot()
      expect(journal.head).toEqual(head)
      expect((await journal.append('s', [note('b')])).position).toBe(2)
      expect((await journal.view(tally, 's')).state).toMatchObject({ notes: 2 })
    })
  })
})

describe('a snapshot', () => {
  test('taken while appends come in is of the position that it names', async () => {
    const journal = await openNotes(temporary())
    const flood = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round++)
        await Promise.all(Array.from({ length: 500 }, (_, i) => journal.append(`s${(round % 8) * 500 + i}`, [note(`n${round}`)])))
    }
    await flood(8)
    const taken: SnapshotRecord[][] = []
    const take = async (): Promise<void> => void taken.push(await journal.snapshot())
    await Promise.all([take(), take(), flood(24)])
    const files = taken.flat().map(({ file }) => file)
    expect(files).toEqual(files.toSorted())
    expect((await journal.verify({ snapshots: true })).snapshots.toReversed()).toEqual(files.map((file) => ({ file, ok: true })))
    await journal.close()
  })

  test('that is under way is waited for by closing', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    await journal.append('s', [note('n')])
    const order: string[] = []
    const taken = journal.snapshot().then((records) => {
      order.push('taken')
      return records
    })
    await journal.close().then(() => order.push('closed'))
    expect(order).toEqual(['taken', 'closed'])
    expect(filesIn(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
    await opened(directory, async (again) => expect(again.recovery.snapshots.refused).toEqual([]))
    expect((await taken).length).toBeGreaterThan(0)
    await expect(journal.snapshot()).rejects.toMatchObject({ code: 'JOURNAL_CLOSED' })
  })
})

test('a fold that a snapshot is compared with lets go of what it wrote out, and so writes only now and then', async () => {
  await using journal = await openNotes(temporary())
  for (let i = 0; i < 12_000; i += 500)
    await Promise.all(Array.from({ length: 500 }, (_, n) => journal.append(`s${i + n}`, [note('one')], { durability: 'os' })))
  await journal.snapshot()
  const written = vi.spyOn(Table.prototype, 'capture')
  const { snapshots } = await journal.verify({ snapshots: true })
  const { length: times } = written.mock.calls
  written.mockRestore()
  expect(snapshots).toMatchObject([{ ok: true }])
  expect(times).toBe(3)
})
