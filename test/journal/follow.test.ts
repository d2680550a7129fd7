import { readdirSync } from 'node:fs'
import { setImmediate, setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openJournal, session, type View } from '../../src/index.js'
import { heapUsed } from '../support/heap.js'
import {
  all,
  failingFiles,
  inAnotherProcess,
  note,
  openNotes,
  printOf,
  quietPrintOf,
  rejection,
  syncingLate,
  tally,
  temporary,
  texts,
  type Child,
  type NotesJournal,
} from '../support/journal.js'
import { MemoryDerived, memoryStores } from '../support/memory-derived.js'
import { propertyParameters, withSeed } from '../support/seed.js'

const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i)

/** Follows until a position, or until it ends. */
async function followTo(
  journal: NotesJournal,
  after: number,
  last: number,
  each: () => Promise<unknown> = async () => undefined,
): Promise<number[]> {
  const positions: number[] = []
  for await (const { position } of journal.follow({ after })) {
    positions.push(position)
    await each()
    if (position === last) break
  }
  return positions
}

describe(withSeed('a follower'), () => {
  test('catches up and goes on live without gap or repeat, however appends and followers interleave', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('append' as const),
          events: fc.integer({ min: 1, max: 4 }),
          os: fc.boolean(),
          wait: fc.boolean(),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('yield' as const), turns: fc.integer({ min: 0, max: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('follow' as const), back: fc.integer({ min: 0, max: 5 }), slow: fc.boolean() }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(600, 100_000), async (steps, segmentBytes) => {
        const journal = await openNotes(temporary(), { segmentBytes })
        const last = 1 + steps.reduce((sum, each) => sum + (each.do === 'append' ? each.events : 0), 0)
        const followers: Promise<[number, number[]]>[] = []
        const appends: Promise<unknown>[] = []
        for (const each of [{ do: 'follow' as const, back: 0, slow: false }, ...steps]) {
          if (each.do === 'append') {
            appends.push(
              journal.append(
                's',
                range(1, each.events).map((i) => note(`n${i}`)),
                { durability: each.os ? 'os' : 'disk' },
              ),
            )
            if (each.wait) await appends.at(-1)
          } else if (each.do === 'yield') {
            for (const _ of range(1, each.turns)) await setImmediate()
          } else {
            const after = Math.max(0, journal.head.position - each.back)
            followers.push(
              followTo(journal, after, last, each.slow ? () => setImmediate() : undefined).then((positions) => [after, positions]),
            )
          }
        }
        await Promise.all(appends)
        await journal.append('s', [note('last')])
        for (const [after, positions] of await Promise.all(followers)) expect(positions).toEqual(range(after + 1, last))
        await journal.close()
      }),
      propertyParameters(50),
    )
  }, 60_000)

  test('is told of what ended the journal that it follows, and not left waiting', async () => {
    const files = failingFiles()
    const journal = await openNotes(temporary(), { files })
    const seen: number[] = []
    const following = (async () => {
      for await (const { position } of journal.follow()) seen.push(position)
    })()
    await journal.append('s', [note('a')])
    files.arm({ call: 'datasync', nth: 1, failure: 'EIO', path: /\.seg$/ })
    await rejection(journal.append('s', [note('b')]), 'JOURNAL_IO')
    await rejection(following, 'JOURNAL_IO')
    expect(seen).toEqual([1])
    await journal.close().catch(() => undefined)
  })

  test('sees nothing that is not durable yet', async () => {
    const { files, sync } = syncingLate()
    const journal = await openNotes(temporary(), { files })
    const seen: number[] = []
    const following = (async () => {
      for await (const { position } of journal.follow()) seen.push(position)
    })()
    const receipt = journal.append('s', [note('a')], { durability: 'disk' })
    const early = await journal.append('s', [note('b')], { durability: 'os' })
    expect(early.durability).toBe('os')
    // It is written, and whoever asks in this process is shown it.
    expect(await texts(journal)).toEqual(['a', 'b'])
    await pause(20)
    expect(seen).toEqual([])
    sync()
    await receipt
    await pause(20)
    expect(seen).toEqual([1, 2])
    await journal.close()
    await following
  })

  test('goes on behind a place that it remembers: a position with its digest', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    for (const i of range(1, 3)) await journal.append('s', [note(`n${i}`)])
    const place = journal.head
    await journal.close()
    const again = await openNotes(directory)
    await again.append('s', [note('n4')])
    for await (const event of again.follow({ after: place })) {
      expect(event).toMatchObject({ position: 4, data: { text: 'n4' } })
      break
    }
    await again.close()
  })

  test('gets only the types it asked for', async () => {
    const journal = await openJournal(temporary())
    const titles: unknown[] = []
    const following = (async () => {
      for await (const event of journal.follow({ types: ['session.updated'] })) titles.push([event.type, event.position])
    })()
    await journal.append('s', [
      { type: 'session.created', data: {} },
      { type: 'session.updated', data: { title: 'a' } },
    ])
    await journal.append('s', [{ type: 'thread.started', data: { threadId: 'main' } }])
    await journal.append('s', [{ type: 'session.updated', data: { title: 'b' } }])
    await pause(30)
    expect(titles).toEqual([
      ['session.updated', 2],
      ['session.updated', 4],
    ])
    await journal.close()
    await following
  })

  test('ends quietly when it is aborted: while it waits, while it catches up, or before it began', async () => {
    const journal = await openNotes(temporary())
    await Promise.all(range(1, 50).map((i) => journal.append('s', [note(`n${i}`)])))
    const waiting = new AbortController()
    const following = all(journal.follow({ after: 50, signal: waiting.signal }))
    await pause(20)
    waiting.abort()
    expect(await following).toEqual([])
    const busy = new AbortController()
    const seen: number[] = []
    for await (const { position } of journal.follow({ signal: busy.signal })) {
      seen.push(position)
      if (position === 7) busy.abort()
    }
    expect(seen).toEqual(range(1, 7))
    expect(await all(journal.follow({ signal: AbortSignal.abort() }))).toEqual([])
    await journal.append('s', [note('goes on')])
    await journal.close()
  })

  test('ends quietly when the journal is closed, having seen everything that was acknowledged', async () => {
    const journal = await openNotes(temporary())
    const followers = range(1, 3).map(() => all(journal.follow()))
    await Promise.all(range(1, 20).map((i) => journal.append('s', [note(`n${i}`)])))
    await pause(30)
    await journal.close()
    for (const follower of followers) expect((await follower).map(({ position }) => position)).toEqual(range(1, 20))
  })

  test('that is slow holds up no append and nothing in memory', async () => {
    const journal = await openNotes(temporary(), { segmentBytes: 1 << 20 })
    await journal.append('s', [note('first')])
    const follower = journal.follow()[Symbol.asyncIterator]()
    expect((await follower.next()).value).toMatchObject({ position: 1 })
    const text = 'x'.repeat(4000)
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) await Promise.all(range(1, 200).map(() => journal.append('s', [note(text)])))
      await all(journal.list(tally))
    }
    await fill()
    const before = heapUsed()
    await fill()
    // Of 32 million bytes that it has not asked for.
    expect(heapUsed() - before).toBeLessThan(12 << 20)
    for (let position = 2; position <= 16_001; position++) expect((await follower.next()).value).toMatchObject({ position })
    await follower.return?.()
    await journal.close()
  })
})

test('of what is not durable yet no row and no snapshot is saved', async () => {
  const { files, sync } = syncingLate()
  const derived = new MemoryDerived()
  const journal = await openNotes(temporary(), { files, derived: memoryStores(derived) })
  await journal.append('s', [note('a')], { durability: 'os' })
  expect((await journal.view(tally, 's')).state).toMatchObject({ notes: 1 })
  let taken: unknown
  const taking = journal.snapshot().then((records) => (taken = records))
  // Longer than rows wait to be written.
  await pause(700)
  expect([derived.entries.size, taken]).toEqual([0, undefined])
  sync()
  expect(await taking).toMatchObject([{ head: { position: 1 } }])
  expect(derived.entries.size).toBeGreaterThan(0)
  await journal.close()
})

describe('as Observables', () => {
  test('events are delivered as to a follower, and complete when the journal is closed', async () => {
    const journal = await openNotes(temporary())
    await journal.append('s', [note('a')])
    const seen: string[] = []
    const completed = new Promise<void>((resolve, reject) =>
      journal.events$({ after: 0 }).subscribe({ next: (event) => seen.push(event.data.text), error: reject, complete: resolve }),
    )
    const stopped: string[] = []
    const subscription = journal.events$().subscribe((event) => stopped.push(event.data.text))
    await journal.append('s', [note('b')])
    await pause(20)
    subscription.unsubscribe()
    await journal.append('s', [note('c')])
    await pause(20)
    await journal.close()
    await completed
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(stopped).toEqual(['a', 'b'])
  })

  test('a view is shown as it is now, then each change of it and of no other row, and completes when the journal is closed', async () => {
    const journal = await openNotes(temporary())
    await journal.append('s', [note('a')])
    const seen: View<{ notes: number; last: string; at: number }>[] = []
    const completed = new Promise<void>((resolve, reject) =>
      journal.view$(tally, 's').subscribe({ next: (view) => seen.push(view), error: reject, complete: resolve }),
    )
    await pause(10)
    await journal.append('s', [note('b')])
    await journal.append('other', [note('x')])
    await journal.append('s', [note('c')])
    await journal.close()
    await completed
    expect(seen.map(({ state, position }) => [state?.last, state?.notes, position])).toEqual([
      ['a', 1, 1],
      ['b', 2, 2],
      ['c', 3, 4],
    ])
  })

  test('a view that is not there yet is shown as absent first', async () => {
    const journal = await openJournal(temporary())
    const seen: unknown[] = []
    journal.view$(session, 'late').subscribe(({ state }) => seen.push(state?.title))
    await pause(10)
    await journal.append('late', [{ type: 'session.created', data: { title: 'now' } }])
    await pause(10)
    expect(seen).toEqual([undefined, 'now'])
    await journal.close()
  })
})

describe('a view read after an append', () => {
  test('includes it, on one hundred random occasions', async () => {
    const journal = await openNotes(temporary(), { cacheRows: 8, segmentBytes: 4000 })
    const counts = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('os' as const, 'disk' as const),
        async (id, events, durability) => {
          const stream = `s${id}`
          const receipt = await journal.append(
            stream,
            range(1, events).map((i) => note(`n${i}`)),
            { durability },
          )
          counts.set(stream, (counts.get(stream) ?? 0) + events)
          const { state, position } = await journal.view(tally, stream)
          expect(position).toBeGreaterThanOrEqual(receipt.position)
          expect(state).toEqual({ notes: counts.get(stream), last: `n${events}`, at: receipt.position })
          if (durability === 'disk')
            expect((await all(journal.list(tally, { by: 'at', reverse: true, limit: 1 })))[0]).toMatchObject({
              key: stream,
              state: { at: receipt.position },
            })
        },
      ),
      propertyParameters(100),
    )
    await journal.close()
  })
})

describe('readers in other processes', () => {
  const follower = `
    const notes = defineEvents({ 'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) } })
    const reader = await openJournal(process.argv[1], { events: notes, readOnly: true })
    console.log('ready')
    const alive = process.argv[3] === 'alone' ? undefined : setInterval(() => {}, 1000)
    const seen = []
    for await (const event of reader.follow({ after: Number(process.argv[2]) })) {
      seen.push(event.position)
      if (event.data.text === 'last') break
    }
    await reader.close()
    clearInterval(alive)
    console.log(JSON.stringify(seen))`

  test('live as long as they follow, without anything else that keeps them alive', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    const child = inAnotherProcess(follower, [directory, '0', 'alone'])
    await child.printed('ready')
    await pause(500)
    await journal.append('s', [note('last')])
    expect(JSON.parse((await child.ended).split('\n')[1]!)).toEqual([1])
    await journal.close()
  })

  test('follow a writer live across rotation, and see no gap and no repeat', async () => {
    const directory = temporary()
    const journal = await openNotes(directory, { segmentBytes: 3000 })
    await Promise.all(range(1, 100).map((i) => journal.append('s', [note(`n${i}`)])))
    const children: [number, Child][] = [0, 37, 100].map((after) => [after, inAnotherProcess(follower, [directory, String(after)])])
    await Promise.all(children.map(([, child]) => child.printed('ready')))
    for (let i = 0; i < 60; i++) {
      await Promise.all(
        range(1, 1 + (i % 7)).map((k) => journal.append(`s${k}`, [note(`n${i}`)], { durability: k % 2 === 0 ? 'os' : 'disk' })),
      )
      if (i % 10 === 0) await pause(5)
    }
    const { position } = await journal.append('s', [note('last')])
    for (const [after, child] of children) expect(JSON.parse((await child.ended).split('\n')[1]!)).toEqual(range(after + 1, position))
    await journal.close()
  })

  test('follow on when the writer dies and another takes over', async () => {
    const directory = temporary()
    await (await openNotes(directory)).close()
    const writer = inAnotherProcess(
      `const notes = defineEvents({ 'note.added': { schema: 1, data: z.looseObject({ text: z.string() }) } })
       const journal = await openJournal(process.argv[1], { events: notes })
       for (let i = 0; i < 30; i++) await journal.append('s', [{ type: 'note.added', data: { text: 'n' + i } }])
       console.log('written')
       setInterval(() => {}, 1000)`,
      [directory],
    )
    const reader = inAnotherProcess(follower, [directory, '0'])
    await Promise.all([writer.printed('written'), reader.printed('ready')])
    writer.kill()
    await writer.ended
    const journal = await openNotes(directory)
    expect(journal.head.position).toBe(30)
    await journal.append('s', [note('last')])
    expect(JSON.parse((await reader.ended).split('\n')[1]!)).toEqual(range(1, 31))
    await journal.close()
  })
})

describe('readers beside a writer', () => {
  test('read, follow, list, view and verify, change not a byte and not a time, and leave nothing of what they borrowed', async () => {
    const directory = temporary()
    const borrowed = temporary()
    vi.stubEnv('TMPDIR', borrowed)
    onTestFinished(() => void vi.unstubAllEnvs())
    const journal = await openNotes(directory, { segmentBytes: 2000 })
    await Promise.all(range(1, 80).map((i) => journal.append(`s${i % 5}`, [note(`n${i}`)])))
    await journal.snapshot()
    const before = await quietPrintOf(directory)
    const readers = await Promise.all(range(1, 3).map(() => openNotes(directory, { readOnly: true })))
    for (const reader of readers) {
      expect(reader.head).toEqual(journal.head)
      expect(await followTo(reader, 0, 80)).toEqual(range(1, 80))
      expect((await texts(reader)).length).toBe(80)
      expect((await reader.view(tally, 's1')).state).toEqual((await journal.view(tally, 's1')).state)
      expect((await all(reader.list(tally, { by: 'last' }))).length).toBe(5)
      expect((await reader.verify({ snapshots: true })).ok).toBe(true)
      expect(readdirSync(borrowed).length).toBeGreaterThan(0)
      await reader.close()
    }
    expect(readdirSync(borrowed)).toEqual([])
    expect(printOf(directory)).toEqual(before)
    await journal.close()
  })

  test('show what the writer acknowledged soon after it did, in reads and in views', async () => {
    const directory = temporary()
    const journal = await openNotes(directory)
    const reader = await openNotes(directory, { readOnly: true })
    for (const i of range(1, 5)) {
      const { position } = await journal.append('s', [note(`n${i}`)])
      await followTo(reader, position - 1, position)
      expect(reader.head.position).toBeGreaterThanOrEqual(position)
      expect((await reader.view(tally, 's')).state).toMatchObject({ notes: i })
      expect((await texts(reader)).length).toBe(i)
    }
    await reader.close()
    await journal.close()
  })
})
