import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { isJournalError, openJournal, session, turn } from '../../src/index.js'
import { systemClock } from '../../src/storage/system-clock.js'
import { filesIn } from '../support/files-in.js'
import {
  all,
  failingFiles,
  hashOf,
  image,
  note,
  openNotes,
  rejection,
  tally,
  temporary,
  texts,
  syncingLate,
  type Plan,
} from '../support/journal.js'

describe('order', () => {
  test('commits of one stream keep the order of the calls, without being awaited', async () => {
    const journal = await openNotes(temporary())
    const receipts = await Promise.all(
      Array.from({ length: 300 }, (_, i) => journal.append('s', [note(`n${i}`)], { durability: i % 3 === 0 ? 'os' : 'disk' })),
    )
    expect(receipts.map(({ version }) => version)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
    expect(await texts(journal)).toEqual(Array.from({ length: 300 }, (_, i) => `n${i}`))
    await journal.close()
  })

  test('one event does not wait for all the large commits of other streams that were called before it', async () => {
    const journal = await openNotes(temporary())
    await Promise.all(['bulk', 'lone'].map((stream) => journal.append(stream, [note('first')])))
    const large = Array.from({ length: 40 }, (_, n) =>
      journal.append(
        'bulk',
        Array.from({ length: 100 }, (__, i) => note(`${n}-${i}`)),
      ),
    )
    expect((await journal.append('lone', [note('one')])).position).toBeLessThan(1000)
    expect((await Promise.all(large)).map(({ version }) => version)).toEqual(Array.from({ length: 40 }, (_, n) => (n + 1) * 100 + 1))
    await journal.close()
  })

  test('an expected version counts what is on its way, and a refusal between two commits leaves no hole', async () => {
    const journal = await openNotes(temporary())
    const first = journal.append('s', [note('a'), note('b')], { expectedVersion: 0 })
    const refused = journal.append('s', [note('x')], { expectedVersion: 1 })
    const second = journal.append('s', [note('c')], { expectedVersion: 2 })
    expect((await rejection(refused, 'JOURNAL_VERSION_CONFLICT')).details).toMatchObject({ actual: 2, outcome: 'none' })
    expect([(await first).version, (await second).version]).toEqual([2, 3])
    expect((await all(journal.readAll())).map(({ position, version }) => [position, version])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
    await journal.close()
  })

  test('times do not go back where the clock is set back while the journal is closed', async () => {
    const directory = temporary()
    const times: number[] = []
    for (const now of [5000, 1000, 4000]) {
      const journal = await openNotes(directory, { clock: { ...systemClock, now: () => now } })
      await journal.append('s', [note('n')])
      times.splice(0, times.length, ...(await all(journal.read('s'))).map(({ at }) => at))
      await journal.close()
    }
    expect(times).toEqual([5000, 5000, 5000])
  })

  test('what the caller does to its objects after the call changes nothing', async () => {
    const journal = await openNotes(temporary())
    const event = note('as it was')
    const events = [event]
    const receipt = journal.append('s', events)
    event.data.text = 'changed'
    events.push(note('more'))
    await receipt
    expect(await texts(journal)).toEqual(['as it was'])
    await journal.close()
  })
})

describe('a commit id', () => {
  test('used twice at once is one commit with one receipt', async () => {
    const journal = await openNotes(temporary())
    const [one, two] = await Promise.all([
      journal.append('s', [note('a')], { commitId: 'c' }),
      journal.append('s', [note('a')], { commitId: 'c' }),
    ])
    expect(two).toEqual(one)
    expect(await texts(journal)).toEqual(['a'])
    await journal.close()
  })

  test('used twice at once for different events, or in different streams, refuses the second', async () => {
    const journal = await openNotes(temporary())
    const first = journal.append('s', [note('a')], { commitId: 'c' })
    const other = rejection(journal.append('s', [note('b')], { commitId: 'c' }), 'JOURNAL_COMMIT_ID_REUSED')
    const elsewhere = rejection(journal.append('t', [note('a')], { commitId: 'c' }), 'JOURNAL_COMMIT_ID_REUSED')
    await first
    expect((await other).details.outcome).toBe('none')
    expect((await elsewhere).details.outcome).toBe('none')
    expect(await texts(journal)).toEqual(['a'])
    await journal.close()
  })

  test('whose first use was refused is free', async () => {
    const journal = await openNotes(temporary())
    await rejection(journal.append('s', [note('a')], { commitId: 'c', expectedVersion: 3 }), 'JOURNAL_VERSION_CONFLICT')
    expect((await journal.append('s', [note('b')], { commitId: 'c' })).version).toBe(1)
    await journal.close()
  })

  test('is kept across restarts and rotation: its first receipt comes back, equal in every field, whatever version was expected then', async () => {
    const directory = temporary()
    const ids = Array.from({ length: 40 }, (_, i) => `c${i}`)
    let journal = await openNotes(directory, { segmentBytes: 2000 })
    const receipts = []
    for (const [i, commitId] of ids.entries())
      receipts.push(
        await journal.append(`s${i % 3}`, [note(commitId), note('second')], { commitId, expectedVersion: Math.floor(i / 3) * 2 }),
      )
    expect(readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.seg')).length).toBeGreaterThan(2)
    for (let restart = 0; restart < 3; restart++) {
      await journal.close()
      journal = await openNotes(directory, { segmentBytes: 2000 })
      const before = journal.head
      for (const [i, commitId] of ids.entries()) {
        expect(
          await journal.append(`s${i % 3}`, [note(commitId), note('second')], { commitId, expectedVersion: Math.floor(i / 3) * 2 }),
        ).toEqual(receipts[i])
        await rejection(journal.append(`s${i % 3}`, [note(commitId)], { commitId }), 'JOURNAL_COMMIT_ID_REUSED')
        await rejection(journal.append(`s${i % 3}`, [note(commitId), note('other')], { commitId }), 'JOURNAL_COMMIT_ID_REUSED')
        await rejection(journal.append('elsewhere', [note(commitId), note('second')], { commitId }), 'JOURNAL_COMMIT_ID_REUSED')
      }
      expect(journal.head).toEqual(before)
    }
    await journal.close()
  })

  test('is kept by a crash', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    const receipt = await journal.append('s', [note('a')], { commitId: 'c' })
    const dead = image(directory)
    await journal.close()
    const again = await openNotes(dead)
    expect(await again.append('s', [note('a')], { commitId: 'c' })).toEqual(receipt)
    expect(await texts(again)).toEqual(['a'])
    await again.close()
  })

  test('recognises its events where threadId and attempt were filled in, left out or named in the retry, and no others', async () => {
    const directory = temporary()
    const started = { type: 'turn.started' as const, data: { turnId: 't1' } }
    let journal = await openJournal(directory)
    await journal.append('s', [
      { type: 'session.created', data: {} },
      { type: 'thread.started', data: { threadId: 'main' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [] } },
    ])
    const receipt = await journal.append('s', [started], { commitId: 'start' })
    expect((await all(journal.read('s', { after: 3 })))[0]).toMatchObject({ data: { turnId: 't1', threadId: 'main', attempt: 1 } })
    await journal.append('s', [{ type: 'turn.completed', data: { turnId: 't1' } }])
    for (let restart = 0; restart < 2; restart++) {
      const { head } = journal
      expect(await journal.append('s', [started], { commitId: 'start' })).toEqual(receipt)
      expect(
        await journal.append('s', [{ type: 'turn.started', data: { turnId: 't1', threadId: 'main', attempt: 1 } }], { commitId: 'start' }),
      ).toEqual(receipt)
      for (const other of [{ attempt: 2 }, { threadId: 'side' }, { model: 'm' }]) {
        await rejection(
          journal.append('s', [{ type: 'turn.started', data: { turnId: 't1', ...other } }], { commitId: 'start' }),
          'JOURNAL_COMMIT_ID_REUSED',
        )
      }
      expect(journal.head).toEqual(head)
      await journal.close()
      journal = await openJournal(directory)
    }
    await journal.close()
  })

  test('recognises its events where the engine added some of its own', async () => {
    const directory = temporary()
    let journal = await openJournal(directory)
    await journal.append('s', [
      { type: 'session.created', data: {} },
      { type: 'thread.started', data: { threadId: 'main' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 'queued', input: [] } },
    ])
    const archived = { type: 'session.archived' as const, data: {} }
    const receipt = await journal.append('s', [archived], { commitId: 'archive' })
    expect(receipt).toMatchObject({ version: 5, position: 5 })
    expect((await journal.view(turn, ['s', 'queued'])).state?.status).toBe('cancelled')
    for (let restart = 0; restart < 2; restart++) {
      expect(await journal.append('s', [archived], { commitId: 'archive' })).toEqual(receipt)
      await journal.close()
      journal = await openJournal(directory)
    }
    await journal.close()
  })
})

describe('a stream id', () => {
  const unicode = '💾é字'.repeat(56) + '12345678'
  const ids = [
    '../../etc/x',
    '/etc/passwd',
    '..',
    '.',
    'CON',
    'nul',
    'a/b',
    'a\\b',
    'C:\\x',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    ' ',
    'a\u0000b',
    'a\nb',
    '%2e%2e',
    unicode,
  ]

  test('of any characters is stored, read and viewed, and nothing appears outside the directory or under its name', async () => {
    expect(Buffer.byteLength(unicode)).toBe(512)
    const outside = temporary()
    const directory = join(outside, 'deep', 'er', 'journal')
    let journal = await openNotes(directory, { segmentBytes: 1500 })
    for (const id of ids) await journal.append(id, [note(`in ${id}`)], { commitId: id.slice(0, 100), expectedVersion: 0 })
    await journal.snapshot()
    for (let restart = 0; restart < 2; restart++) {
      for (const id of ids) {
        expect(await all(journal.read(id))).toMatchObject([{ stream: id, version: 1, data: { text: `in ${id}` } }])
        expect((await journal.view(tally, id)).state).toMatchObject({ notes: 1, last: `in ${id}` })
        expect((await journal.append(id, [note(`in ${id}`)], { commitId: id.slice(0, 100) })).version).toBe(1)
      }
      expect((await all(journal.list(tally))).map(({ key }) => String(key)).toSorted()).toEqual(ids.toSorted())
      await journal.close()
      journal = await openNotes(directory)
    }
    await journal.close()
    expect(filesIn(outside).filter((file) => !file.startsWith(join('deep', 'er', 'journal')))).toEqual([])
    const known = /^(FORMAT|LOCK|head|epoch-\d{8}|journal\/\d{8}-\d{12}\.(seg|idx)|derived\/[A-Za-z0-9.-]+|snapshots\/tally\/\d{12}\.snap)$/
    expect(filesIn(directory).filter((file) => !known.test(file))).toEqual([])
  })

  test.each([['', 'x'.repeat(513), '\ud800', 5]])('of no or too many bytes, or that is not text, is misuse', async (...bad) => {
    const directory = temporary()
    const journal = await openNotes(directory)
    const { head } = journal
    for (const id of bad) await expect(journal.append(id as string, [note('n')])).rejects.toThrow(TypeError)
    expect(journal.head).toEqual(head)
    await journal.close()
  })

  test('serves as key of the built-in views', async () => {
    const journal = await openJournal(temporary())
    for (const id of ['__proto__', 'constructor', '../x']) {
      await journal.append(id, [{ type: 'session.created', data: { title: id } }])
      expect((await journal.view(session, id)).state).toMatchObject({ id, title: id })
    }
    await journal.close()
  })
})

describe('a payload', () => {
  test('over the limit is refused and leaves nothing; one under it goes through', async () => {
    const directory = temporary()
    const journal = await openNotes(directory, { limits: { commitBytesMax: 100_000 } })
    await journal.append('s', [note('a')])
    const truth = (file: string): boolean => !file.startsWith('derived')
    const before = { head: journal.head, disk: hashOf(directory, truth) }
    const refused = await rejection(journal.append('s', [note('x'.repeat(100_001))], { commitId: 'big' }), 'JOURNAL_LIMIT')
    expect(refused.details).toMatchObject({ limit: 'commitBytesMax', max: 100_000, outcome: 'none' })
    expect({ head: journal.head, disk: hashOf(directory, truth) }).toEqual(before)
    const text = 'y'.repeat(90_000)
    await journal.append('s', [note(text)], { commitId: 'big' })
    expect((await texts(journal))[1]).toBe(text)
    await journal.close()
  })

  test('larger than a segment goes through whole, and after it too', async () => {
    const directory = temporary()
    const text = 'é'.repeat(400_000)
    let journal = await openNotes(directory, { segmentBytes: 4000 })
    await Promise.all([journal.append('s', [note('before')]), journal.append('s', [note(text)]), journal.append('s', [note('after')])])
    await journal.close()
    journal = await openNotes(directory)
    expect(await texts(journal)).toEqual(['before', text, 'after'])
    await journal.close()
  })
})

test('what a law fills in stands beside the meta that was given, and no meta is made up', async () => {
  await using journal = await openJournal(temporary())
  await journal.append('s', [
    { type: 'session.created', data: {} },
    { type: 'thread.started', data: { threadId: 'main' } },
    { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [] } },
    { type: 'turn.started', data: { turnId: 't1' }, meta: { actor: 'ann', occurredAt: 7 } },
    { type: 'turn.completed', data: { turnId: 't1' } },
  ])
  const [started, completed] = await all(journal.read('s', { after: 3 }))
  expect(started).toMatchObject({ data: { attempt: 1 }, meta: { actor: 'ann', occurredAt: 7 } })
  expect(completed).toMatchObject({ data: { attempt: 1 } })
  expect(completed).not.toHaveProperty('meta')
})

describe('durability os', () => {
  test('is stated in the receipt, readable and in a view at once, and disk after a later sync', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    const receipt = await journal.append('s', [note('a')], { durability: 'os', commitId: 'c' })
    expect(receipt.durability).toBe('os')
    expect((await journal.view(tally, 's')).state).toMatchObject({ notes: 1 })
    expect(await texts(journal)).toEqual(['a'])
    expect((await journal.append('s', [note('b')])).durability).toBe('disk')
    expect(await journal.append('s', [note('a')], { commitId: 'c' })).toEqual({ ...receipt, durability: 'disk' })
    await journal.close()
  })

  test('of a commit that is asked for as `disk` while it is on its way is `disk` for whoever asked for that, and not sooner than it is', async () => {
    const { files, sync } = syncingLate()
    await using journal = await openNotes(temporary(), { files })
    const asked = [journal.append('s', [note('a')]), journal.append('s', [note('b')], { durability: 'os', commitId: 'c' })]
    const again = journal.append('s', [note('b')], { commitId: 'c' })
    const first = await asked[1]!
    expect(first.durability).toBe('os')
    expect(await Promise.race([again, pause(20, 'waits')])).toBe('waits')
    sync()
    expect(await again).toEqual({ ...first, durability: 'disk' })
    await asked[0]
  })

  test('or `disk` is what there is: any other is misuse, and nothing is appended', async () => {
    await using journal = await openNotes(temporary())
    await expect(journal.append('s', [note('a')], { durability: 'fsync' as 'os' })).rejects.toThrow(TypeError)
    expect(journal.head.position).toBe(0)
  })

  test('survives the death of the process', async () => {
    const directory = temporary()
    const journal = await openNotes(directory, { durability: 'os' })
    for (let i = 0; i < 20; i++) {
      await journal.append('s', [note(`n${i}`)])
      const again = await openNotes(image(directory))
      expect((await texts(again)).length).toBe(i + 1)
      await again.close()
    }
    await journal.close()
  })
})

describe('a disk that fails', () => {
  const plansOf = (failure: Plan['failure'], calls: readonly Plan['call'][]): Plan[] =>
    calls.flatMap((call) =>
      [false, true].flatMap((forEver) =>
        Array.from({ length: call === 'write' ? 14 : 8 }, (_, i): Plan => ({ call, nth: i + 1, failure, forEver })),
      ),
    )

  test.each([
    ['reports an error', 'EIO', ['write', 'datasync']],
    ['is full', 'ENOSPC', ['write', 'datasync']],
    ['takes half of what it is given', 'short', ['write']],
  ] as const)(
    'and %s doubles and loses nothing, wherever that begins: an append says its outcome, and a retry after opening again settles it',
    async (_, failure, calls) => {
      const plans = plansOf(failure, calls)
      let failures = 0
      for (const plan of plans) failures += await failAndRetry(plan)
      expect(failures).toBeGreaterThan(plans.length / 2)
    },
    60_000,
  )

  /** Appends until the disk fails, opens again, retries all of it. Gives how many calls failed. */
  async function failAndRetry(plan: Plan): Promise<number> {
    const name = JSON.stringify(plan)
    const directory = temporary()
    const files = failingFiles()
    const journal = await openNotes(directory, { files, segmentBytes: 700 })
    await journal.append('s', [note('first')], { commitId: 'first' })
    files.arm(plan)
    const acknowledged = new Set<string>()
    const refused = new Set<string>()
    for (let i = 0; i < 8; i++) {
      const ids = [`c${i}`, `d${i}`]
      await Promise.all(
        ids.map(async (commitId) => {
          try {
            await journal.append('s', [note(`${commitId}-1`), note(`${commitId}-2`)], { commitId })
            acknowledged.add(commitId)
          } catch (error) {
            if (!isJournalError(error)) throw error
            expect(['JOURNAL_IO', 'JOURNAL_DISK_FULL', 'JOURNAL_POISONED'], `${name}: ${error.message}`).toContain(error.code)
            expect(['none', 'unknown'], name).toContain(error.details.outcome)
            if (error.details.outcome === 'none') refused.add(commitId)
          }
        }),
      )
    }
    await journal.close().catch((error: unknown) => expect(isJournalError(error), `${name}: ${String(error)}`).toBe(true))
    const again = await openNotes(directory)
    // Half a write inside one sector is no tear that a disk makes: it is reported as damage, and nothing acknowledged lies in it.
    const halved = plan.failure === 'short' && again.recovery.damage.length > 0
    if (!halved) expect(again.recovery.damage, name).toEqual([])
    const survived = await texts(again, 'yield')
    for (const id of acknowledged)
      expect(
        survived.filter((text) => text.startsWith(`${id}-`)),
        `${name} ${id}`,
      ).toEqual([`${id}-1`, `${id}-2`])
    for (const id of refused)
      expect(
        survived.filter((text) => text.startsWith(`${id}-`)),
        `${name} ${id}`,
      ).toEqual([])
    if (halved) {
      await again.close()
      return 1
    }
    const ids = Array.from({ length: 8 }, (_, i) => [`c${i}`, `d${i}`]).flat()
    await Promise.all(ids.map((commitId) => again.append('s', [note(`${commitId}-1`), note(`${commitId}-2`)], { commitId })))
    const whole = await texts(again)
    expect(whole.toSorted(), name).toEqual(['first', ...ids.flatMap((id) => [`${id}-1`, `${id}-2`])].toSorted())
    expect((await again.view(tally, 's')).state, name).toMatchObject({ notes: 33 })
    expect((await again.verify()).ok, name).toBe(true)
    await again.close()
    return files.failures === 0 ? 0 : 1
  }
})
