/** verify({ laws: true }): what no law would have let in is found, once, in a journal that was written without laws; in others nothing is. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { events, openJournal, type LawBreak, type NewEvent } from '../../src/index.js'
import { upcasters } from '../../upcasters/index.js'
import { goldenPlace } from '../support/golden.js'
import { temporary } from '../support/journal.js'

type Given = Parameters<Awaited<ReturnType<typeof openJournal>>['append']>[1]

const begin: Given = [
  { type: 'session.created', data: {} },
  { type: 'thread.started', data: { threadId: 'main' } },
  { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [] } },
  { type: 'turn.started', data: { threadId: 'main', turnId: 't1', attempt: 1 } },
]
const about = { threadId: 'main', turnId: 't1', attempt: 1 }

/** Breaks in a journal that was written under no law. */
async function breaksOf(...commits: Given[]): Promise<Pick<LawBreak, 'position' | 'type' | 'reason'>[]> {
  const directory = temporary()
  {
    await using journal = await openJournal(directory, { events, upcasters, laws: [] })
    for (const commit of commits) await journal.append('session-1', commit as readonly NewEvent<(typeof events)['definitions']>[])
  }
  await using journal = await openJournal(directory, { readOnly: true })
  const { ok, breaks = [] } = await journal.verify({ laws: true })
  expect(ok).toBe(true)
  expect(await journal.verify()).not.toHaveProperty('breaks')
  return breaks.map(({ position, type, reason }) => ({ position, type, reason }))
}

describe('held against the laws', () => {
  test('a second end of a turn is found at its position', async () => {
    const end: Given = [{ type: 'turn.completed', data: about }]
    expect(await breaksOf(begin, end)).toEqual([])
    expect(await breaksOf(begin, end, end)).toMatchObject([
      { position: 6, type: 'turn.completed', reason: expect.stringContaining('t1') as string },
    ])
    expect(
      await breaksOf(begin, [
        { type: 'turn.completed', data: about },
        { type: 'turn.failed', data: { ...about, error: { message: 'no' } } },
      ]),
    ).toMatchObject([{ position: 6, type: 'turn.failed' }])
  })

  test('a call that its turn left without an outcome is found once, however long the session goes on', async () => {
    const call: Given = [
      { type: 'tool.requested', data: { ...about, callId: 'c1', name: 'read', arguments: {} } },
      { type: 'tool.started', data: { ...about, callId: 'c1' } },
    ]
    const rest: Given[] = [
      [{ type: 'turn.completed', data: about }],
      [{ type: 'session.updated', data: {} }],
      [{ type: 'session.updated', data: {} }],
    ]
    expect(await breaksOf(begin, call, ...rest)).toMatchObject([
      { position: 7, type: 'tool.unknown', reason: expect.stringContaining('c1') as string },
    ])
    expect(
      await breaksOf(begin, call, [{ type: 'tool.finished', data: { ...about, callId: 'c1', status: 'ok', content: [] } }], ...rest),
    ).toEqual([])
  })

  test('what a session holds before it was created is found', async () => {
    expect(await breaksOf(begin.slice(1))).toMatchObject([{ type: 'thread.started' }, {}, {}])
  })

  test.each(readdirSync(join(goldenPlace, 'format-1')).filter((name) => !name.includes('.')))(
    'nothing is found in %s, which was written under them',
    async (name) => {
      await using journal = await openJournal(join(goldenPlace, 'format-1', name), { readOnly: true, onUnknown: 'keep' })
      expect((await journal.verify({ laws: true })).breaks).toEqual([])
    },
  )
})
