/** Sessions by the beginnings of their ids. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openJournal } from '../../src/index.js'
import { scratch } from '../support/journal.js'
import { turnlog } from '../support/turnlog.js'

const { directory: journal, remove } = scratch()
afterAll(remove)

const IDS = ['alpha', 'alpha-2', 'alpha-beta', 'gamma-1', 'gamma-22', 'delta-1', 'delta-2', 'delta-3', 'delta-4', 'delta-5', 'delta-6']

beforeAll(async () => {
  await using writing = await openJournal(journal)
  for (const id of IDS) await writing.append(id, [{ type: 'session.created', data: { title: `of ${id}` } }])
  await writing.append('task-7', [{ type: 'task.enqueued', data: { taskId: 'k', title: 'of a task' } }])
})

const shown = async (word: string): Promise<string> => {
  const { out } = await turnlog('show', journal, word, '--json')
  return (JSON.parse(out) as { session: { id: string } }).session.id
}

describe('the beginning of an id', () => {
  test('that only one has means that one', async () => {
    expect(await shown('gamma-2')).toBe('gamma-22')
    expect(await shown('alpha-b')).toBe('alpha-beta')
  })

  test('that is an id itself means that one, whoever else begins so', async () => {
    expect(await shown('alpha')).toBe('alpha')
  })

  test('that several have is refused, and they are named', async () => {
    const few = await turnlog('show', journal, 'gamma')
    expect(few).toMatchObject({ exit: 2, out: '' })
    expect(few.errors).toContain('"gamma" is the beginning of several ids: gamma-1, gamma-22')
    const many = await turnlog('show', journal, 'd')
    expect(many.errors).toContain(', …')
  })

  test('that none has is no session', async () => {
    expect(await turnlog('show', journal, 'omega')).toMatchObject({ exit: 1, errors: 'turnlog: there is no session "omega"\n' })
  })

  test('will do for tail, search and export too, and for tasks', async () => {
    expect((await turnlog('tail', journal, '--session', 'gamma-2')).out).toContain('of gamma-22')
    expect((await turnlog('tail', journal, '--session', 'task')).out).toContain('of a task')
    expect((await turnlog('search', journal, 'of', '--session', 'alpha-b')).out).toContain('of alpha-beta')
    expect((await turnlog('export', journal, 'alpha-b', '--to', 'markdown')).out).toContain('of alpha-beta')
  })
})
