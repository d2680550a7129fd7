/** A journal that lost something: what repair makes of it, and how everything that is read tells of the gap. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { firstValueFrom } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { isJournalError, openJournal, planRepair, repair, salvage, session, thread } from '../../src/index.js'
import { all } from '../support/all.js'
import { hashOf, image, spoil, temporary } from '../support/journal.js'

const open = (directory: string, readOnly = false) => openJournal(directory, { segmentBytes: 4096, readOnly })

/** Three sessions with a few turns each, turn by turn, in several segments. */
async function sessions(): Promise<string> {
  const directory = join(temporary(), 'journal')
  await using journal = await open(directory)
  for (const id of ['a', 'b', 'c'])
    await journal.append(id, [
      { type: 'session.created', data: { title: id } },
      { type: 'thread.started', data: { threadId: 'main' } },
    ])
  for (let n = 0; n < 8; n++) {
    for (const id of ['a', 'b', 'c']) {
      const turnId = `t${n}`
      const input = [{ type: 'text' as const, text: `ask ${id} ${turnId} ${'.'.repeat(60)}` }]
      await journal.append(id, [
        { type: 'turn.submitted', data: { threadId: 'main', turnId, input } },
        { type: 'turn.started', data: { turnId } },
        { type: 'turn.completed', data: { turnId } },
      ])
    }
  }
  return directory
}

async function repaired(text: string): Promise<string> {
  const directory = await sessions()
  const journal = await open(directory)
  await journal.snapshot()
  await journal.close()
  spoil(directory, text)
  const plan = await planRepair(directory)
  expect(plan.damage).toHaveLength(1)
  await repair(directory, plan)
  return directory
}

describe('after a repair', () => {
  test('everything is open again, nothing is damage, and the views of the session that lost something say so', async () => {
    const directory = await repaired('ask b t2')
    await using journal = await open(directory)
    expect(journal.recovery.damage).toEqual([])
    // What was saved with the lost events in it is not what the journal says now.
    expect(journal.recovery).toMatchObject({ derived: 'rebuilt', snapshots: { used: [] } })
    expect(journal.gaps).toMatchObject([{ streams: ['b'], recordedAt: expect.any(Number) as number }])
    expect(await journal.verify()).toMatchObject({ ok: true, damage: [], gaps: journal.gaps })
    expect((await journal.view(session, 'b')).gaps).toEqual(journal.gaps)
    expect((await journal.view(thread, ['b', 'main'])).gaps).toEqual(journal.gaps)
    expect(await journal.view(session, 'a')).not.toHaveProperty('gaps')
    const rows = await all(journal.list(session))
    expect(rows.map(({ key, gaps = [] }) => [key, gaps.length])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 0],
    ])
    expect((await firstValueFrom(journal.view$(session, 'b'))).gaps).toHaveLength(1)
    const receipt = await journal.append('b', [{ type: 'session.updated', data: { title: 'mended' } }], { expectedVersion: 26 })
    expect(receipt.version).toBe(27)
    await journal.append('new', [{ type: 'session.created', data: {} }], { expectedVersion: 0, commitId: 'new' })
  })

  test('the transcript has a note where the gap lies, and those of other sessions are as they were', async () => {
    const before = await sessions()
    await using whole = await open(before, true)
    const directory = await repaired('ask b t2')
    await using journal = await open(directory)
    const { items, gaps } = await journal.transcript('b', 'main')
    expect(gaps).toEqual([{ firstPosition: journal.gaps[0]?.firstPosition, lastPosition: journal.gaps[0]?.lastPosition }])
    const kinds = items.map((item) => (item.type === 'note' ? item.about : 'turnId' in item && item.turnId))
    expect(kinds).toEqual(['t0', 't1', 'lost', 't3', 't4', 't5', 't6', 't7'])
    expect(await journal.transcript('a', 'main')).toEqual(await whole.transcript('a', 'main'))
  })

  test('reading stops at the gap unless it is asked to go on, and a follower goes on', async () => {
    const directory = await repaired('ask b t2')
    await using journal = await open(directory)
    const [gap] = journal.gaps
    await expect(all(journal.read('b'))).rejects.toSatisfy(
      (error) => isJournalError(error, 'JOURNAL_DAMAGED') && error.message.includes('are lost'),
    )
    const items = await all(journal.read('b', { onGap: 'yield' }))
    expect(items.flatMap((item) => ('gap' in item ? [item.gap] : []))).toEqual([gap])
    const everything = await all(journal.readAll({ onGap: 'yield' }))
    const stop = new AbortController()
    const followed: number[] = []
    for await (const { position } of journal.follow({ signal: stop.signal })) {
      followed.push(position)
      if (position === journal.head.position) stop.abort()
    }
    expect(followed).toEqual(everything.flatMap((item) => (item.position === undefined ? [] : [item.position])))
    expect(followed).toHaveLength(78 - 3)
  })

  test('of what only the journal tells, all views come back the same when everything derived is deleted', async () => {
    const directory = await repaired('ask b t2')
    const kept = await views(directory)
    const bare = image(directory)
    for (const name of ['derived', 'snapshots']) rmSync(join(bare, name), { recursive: true, force: true })
    for (const name of readdirSync(join(bare, 'journal')).filter((one) => one.endsWith('.idx'))) rmSync(join(bare, 'journal', name))
    const folded = await views(bare)
    expect(folded).toEqual(kept)
    expect(folded.find(({ key }) => key === 'b')).toMatchObject({ state: { turns: 7 } })
  })

  test('a plan holds a directory to what it was, and a second run finds nothing', async () => {
    const directory = await sessions()
    spoil(directory, 'ask b t2')
    const plan = await planRepair(directory)
    const before = hashOf(directory)
    await planRepair(directory)
    expect(hashOf(directory)).toBe(before)
    await (await open(directory)).close()
    await expect(repair(directory, plan)).rejects.toSatisfy((error) => isJournalError(error, 'JOURNAL_HISTORY_CHANGED'))
    await repair(directory, await planRepair(directory))
    const again = await planRepair(directory)
    expect(again.damage).toEqual([])
    expect(await repair(directory, again)).toEqual([])
  })
})

describe('a salvaged journal', () => {
  test('holds what was left, tells what is lost, and works', async () => {
    const from = await sessions()
    spoil(from, 'ask b t2')
    writeFileSync(join(from, 'FORMAT'), 'scribble')
    const before = hashOf(from)
    const to = join(temporary(), 'new')
    const report = await salvage(from, to)
    expect(hashOf(from)).toBe(before)
    expect(report).toMatchObject({ events: 78 - 3, commits: 27 - 1, gaps: [{ reason: 'not intact where it was salvaged from' }] })
    await using journal = await open(to)
    expect(journal.recovery).toMatchObject({ damage: [], position: 78 })
    expect((await journal.view(session, 'b')).gaps).toHaveLength(1)
    expect(await journal.view(session, 'c')).not.toHaveProperty('gaps')
    await journal.append('b', [{ type: 'session.updated', data: { title: 'on' } }])
    expect(await journal.verify({ snapshots: true })).toMatchObject({ ok: true })
  })
})

describe('a journal whose end is damaged', () => {
  test('opens again after the next writer died, too', async () => {
    const directory = await sessions()
    const segments = readdirSync(join(directory, 'journal'))
      .filter((one) => one.endsWith('.seg'))
      .toSorted()
    const path = join(directory, 'journal', segments.at(-1) as string)
    const bytes = readFileSync(path)
    const at = bytes.lastIndexOf('ask')
    bytes[at]! ^= 1
    // The clean end behind it goes, too, so that nothing follows the damage.
    bytes.fill(0, bytes.indexOf('TLF1', at))
    writeFileSync(path, bytes)
    await repair(directory, await planRepair(directory))
    const dying = await open(directory)
    expect((await dying.view(session, 'a')).position).toBe(78)
    await dying.append('a', [{ type: 'session.updated', data: { title: 'later' } }])
    const crashed = image(directory)
    await dying.close()
    await using journal = await open(crashed)
    expect((await journal.view(session, 'a')).state).toMatchObject({ title: 'later' })
  })
})

async function views(directory: string): Promise<{ key: unknown }[]> {
  await using journal = await open(directory)
  return await all(journal.list(session))
}
