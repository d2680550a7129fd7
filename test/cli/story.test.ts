/** Stories that a demonstration plays: transcripts of other programs, with nothing missing unseen. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readStory } from '../../src/cli/demo/read-story.js'
import { Problem } from '../../src/cli/problem.js'
import type { Moment, Story } from '../../src/cli/demo/story.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import { describeWithSharedData } from '../support/shared-data.js'

const directory = mkdtempSync(join(tmpdir(), 'turnlog-stories-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
function read(lines: readonly object[]): Promise<Story> {
  const path = join(directory, `${(files += 1)}.jsonl`)
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return readStory(path)
}

const user = (content: unknown, more: object = {}): object => ({
  type: 'user',
  sessionId: 's',
  cwd: '/srv',
  message: { role: 'user', content },
  ...more,
})
const assistant = (...content: object[]): object => ({
  type: 'assistant',
  message: { role: 'assistant', content, usage: { input_tokens: 5, output_tokens: 3 } },
})

describe('a story', () => {
  test('is what happened in the transcript', async () => {
    const story = await read([
      user('Why?', { timestamp: '2026-01-02T03:04:05.678Z' }),
      assistant({ type: 'thinking', thinking: 'hm' }, { type: 'tool_use', id: 'c1', name: 'Read', input: { path: 'a' } }),
      user([{ type: 'tool_result', tool_use_id: 'c1', content: 'text', is_error: true }]),
      assistant({ type: 'text', text: 'Because.' }),
    ])
    expect(story).toMatchObject({ id: 's', agent: 'claude-code', workspace: '/srv', rows: 4, skipped: {} })
    expect(story.moments.map(({ kind }) => kind)).toEqual(['prompted', 'reasoned', 'called', 'measured', 'returned', 'said', 'measured'])
    expect(story.moments[0]).toEqual({ kind: 'prompted', input: [{ type: 'text', text: 'Why?' }], at: Date.UTC(2026, 0, 2, 3, 4, 5, 678) })
    expect(story.moments[3]).toMatchObject({ kind: 'measured', tokens: { input: 5, output: 3 } })
  })

  test('counts what is not played: side agents, rows without a place', async () => {
    const story = await read([user('main'), user('aside', { isSidechain: true }), { type: 'progress', uuid: 'x' }])
    expect(story.moments).toHaveLength(1)
    expect(story.skipped).toEqual({ 'on the side': 1, progress: 1 })
  })

  test('is refused by name where there is no session', async () => {
    await expect(read([{ some: 'thing' }])).rejects.toThrow(Problem)
    await expect(read([])).rejects.toThrow(/no session of a kind that is known/)
  })
})

describeWithSharedData('real transcripts', (data) => {
  const found = ['claude-code', 'pi'].flatMap((agent) =>
    readdirSync(join(data, 'agents', agent), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => join(data, 'agents', agent, name)),
  )
  test('are there', () => expect(found.length).toBeGreaterThan(10))

  test.each(found.map((path) => [relative(data, path), path]))('%s: every call and text is in the script once', async (_name, path) => {
    const story = await readStory(path)
    const script = writeScript(story)
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(story.rows).toBe(lines.filter((line) => line.trim() !== '').length)
    const events = script.steps.flatMap((step) => step.events({ attempt: 1, id: (name) => name }))
    const of = (type: string): number => events.filter((event) => event.type === type).length
    const happened = (...of_: Moment['kind'][]): number => story.moments.filter(({ kind }) => of_.includes(kind)).length
    expect(of('item.completed')).toBe(happened('said', 'reasoned'))
    expect(of('tool.requested')).toBe(happened('called'))
    expect(of('tool.finished')).toBe(happened('returned') - (script.skipped['outcome without its call'] ?? 0))
    expect(of('turn.completed') + of('turn.failed') + of('turn.cancelled')).toBe(of('turn.started'))
  })
})
