/** Readers of transcripts: what they tell of a session, and that no row stops them or goes missing unseen. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { writeScript } from '../../src/cli/demo/write-script.js'
import type { Moment, Story } from '../../src/cli/transcripts/moments.js'
import { readTranscript, UnknownTranscript } from '../../src/cli/transcripts/read.js'
import { describeWithSharedData } from '../support/shared-data.js'

const directory = mkdtempSync(join(tmpdir(), 'turnlog-transcripts-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
function read(lines: readonly unknown[], end = '\n'): Promise<Story> {
  const path = join(directory, `${(files += 1)}.jsonl`)
  writeFileSync(path, lines.map((line) => (line instanceof Raw ? line.text : JSON.stringify(line))).join('\n') + end)
  return readTranscript(path)
}

/** A line as it stands. */
class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const kinds = ({ moments }: Story): string[] => moments.map(({ kind }) => kind)
const user = (content: unknown, more: object = {}): object => ({
  type: 'user',
  sessionId: 's',
  cwd: '/srv',
  message: { role: 'user', content },
  ...more,
})
const assistant = (content: unknown, more: object = {}): object => ({ type: 'assistant', message: { role: 'assistant', content, ...more } })

describe('Claude Code', () => {
  test('a turn with a thought, a call and its outcome becomes what happened', async () => {
    const story = await read([
      user('Why?', { timestamp: '2026-01-02T03:04:05.678Z' }),
      assistant([
        { type: 'thinking', thinking: 'hm' },
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', id: 'c1', name: 'Read', input: { path: 'a' } },
      ]),
      user([{ type: 'tool_result', tool_use_id: 'c1', content: 'text', is_error: true }]),
      assistant([{ type: 'text', text: 'Because.' }]),
      { type: 'system', subtype: 'turn_duration' },
    ])
    expect(story).toMatchObject({ id: 's', agent: 'claude-code', workspace: '/srv', rows: 5, skipped: {} })
    expect(kinds(story)).toEqual(['prompted', 'reasoned', 'said', 'called', 'returned', 'said', 'ended'])
    expect(story.moments[0]).toEqual({ kind: 'prompted', input: [{ type: 'text', text: 'Why?' }], at: Date.UTC(2026, 0, 2, 3, 4, 5, 678) })
    expect(story.moments[4]).toEqual({ kind: 'returned', callId: 'c1', status: 'error', content: [{ type: 'text', text: 'text' }] })
  })

  test('usage that several rows of one message repeat counts once', async () => {
    const row = (text: string): object =>
      assistant([{ type: 'text', text }], { id: 'm1', usage: { input_tokens: 5, cache_read_input_tokens: 2, output_tokens: 3 } })
    const story = await read([user('?'), row('a'), row('b')])
    expect(story.moments.filter(({ kind }) => kind === 'measured')).toEqual([{ kind: 'measured', tokens: { input: 7, output: 3 } }])
  })

  test('what a person broke off is a cancelled turn', async () => {
    const story = await read([user('?'), user([{ type: 'text', text: '[Request interrupted by user]' }])])
    expect(story.moments.at(-1)).toMatchObject({ kind: 'ended', how: 'cancelled' })
  })

  test('a side agent is counted, and plays where it is alone', async () => {
    const side = user('aside', { isSidechain: true })
    expect(await read([user('main'), side])).toMatchObject({ moments: [{ kind: 'prompted' }], skipped: { sidechain: 1 } })
    expect(await read([side])).toMatchObject({ moments: [{ kind: 'prompted' }], skipped: {} })
  })
})

describe('pi', () => {
  const session = { type: 'session', id: 'p', cwd: '/srv' }
  const message = (role: string, more: object): object => ({ type: 'message', message: { role, ...more } })

  test('a turn ends as its model stopped', async () => {
    const stop = (stopReason: string): object =>
      message('assistant', { content: [{ type: 'text', text: 'a' }], stopReason, errorMessage: 'why' })
    const story = await read([
      session,
      message('user', { content: [{ type: 'text', text: '?' }] }),
      stop('stop'),
      stop('aborted'),
      stop('error'),
    ])
    expect(story).toMatchObject({ id: 'p', agent: 'pi', workspace: '/srv' })
    expect(story.moments.flatMap((moment) => (moment.kind === 'ended' ? [moment.how] : []))).toEqual(['completed', 'cancelled', 'failed'])
  })

  test('calls and outcomes keep their ids', async () => {
    const call = { type: 'toolCall', id: 'c1', name: 'read', arguments: { path: 'a' } }
    const story = await read([
      session,
      message('assistant', { content: [call], stopReason: 'toolUse' }),
      message('toolResult', { toolCallId: 'c1', content: [], isError: false }),
    ])
    expect(story.moments).toEqual([
      { kind: 'called', callId: 'c1', name: 'read', arguments: { path: 'a' } },
      { kind: 'returned', callId: 'c1', status: 'ok', content: [] },
    ])
  })
})

describe('odd rows', () => {
  const good = user('?')
  const odd: [string, unknown, string][] = [
    ['a number', 42, 'number for a row'],
    ['null', null, 'null for a row'],
    ['a string', 'massive error', 'string for a row'],
    ['an array', [1], 'array for a row'],
    ['no JSON', new Raw('{"type":'), 'not JSON'],
    ['nesting that no parser survives', new Raw('['.repeat(200_000)), 'not JSON'],
    ['an object without a type', { silly: 'this' }, 'no type'],
    ['an unknown type', { type: 'progress' }, 'progress'],
    ['a message that is a string', { type: 'user', message: 'error' }, 'user row without a message'],
    ['a message without content', { type: 'user', message: { contenst: [] } }, 'user row without content'],
    ['a block that is a number', assistant([7]), 'number for a block'],
    ['an unknown block', assistant([{ type: 'fallback' }]), 'block fallback'],
  ]

  test.each(odd)('%s is counted, and the rest is read', async (_name, row, reason) => {
    const story = await read([row, good, row, good])
    expect(story.skipped).toEqual({ [reason]: 2 })
    expect(kinds(story)).toEqual(['prompted', 'prompted'])
  })

  test('a torn last line is told from one in the middle', async () => {
    expect((await read([good, new Raw('{"type":"us')], '')).skipped).toEqual({ 'torn last line': 1 })
    expect((await read([new Raw('{"type":"us'), good])).skipped).toEqual({ 'not JSON': 1 })
  })

  test('what a journal could not read back as it was is made plain', async () => {
    const deep = new Raw(`{"type":"user","message":{"content":[{"deep":${'['.repeat(500)}${']'.repeat(500)}}]}}`)
    const story = await read([new Raw(String.raw`{"type":"user","message":{"content":[{"a":"\ud800","__proto__":1,"b":-0}]}}`), deep])
    expect(story.moments[0]).toMatchObject({ input: [{ type: 'json', value: { a: '\u{FFFD}', b: 0 } }] })
    expect(JSON.stringify(story.moments[1]).match(/\[/g)!.length).toBeGreaterThan(400)
  })

  test('a file of no known kind is refused by name', async () => {
    await expect(read([{ some: 'thing' }])).rejects.toThrow(UnknownTranscript)
    await expect(read([])).rejects.toThrow(/neither a Claude Code nor a pi transcript/)
  })
})

describeWithSharedData('real transcripts', (data) => {
  const found = ['claude-code', 'pi'].flatMap((agent) =>
    readdirSync(join(data, 'agents', agent), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => join(data, 'agents', agent, name)),
  )
  test('are there', () => expect(found.length).toBeGreaterThan(10))

  test.each(found.map((path) => [relative(data, path), path]))(
    '%s: every row is played or counted, every call and text is in the script once',
    async (_name, path) => {
      const story = await readTranscript(path)
      const lines = readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
      expect(story.rows).toBe(lines.length)
      const events = writeScript(story).steps.flatMap((step) => step.events({ attempt: 1, id: (name) => name }))
      const of = (type: string): number => events.filter((event) => event.type === type).length
      const happened = (...of_: Moment['kind'][]): number => story.moments.filter(({ kind }) => of_.includes(kind)).length
      expect(of('item.completed')).toBe(happened('said', 'reasoned'))
      expect(of('tool.requested')).toBe(happened('called'))
      expect(of('tool.started')).toBe(of('tool.requested'))
      expect(of('tool.finished')).toBe(
        happened('returned') -
          (story.skipped['outcome without its call'] ?? 0) -
          (writeScript(story).skipped['outcome without its call'] ?? 0),
      )
      expect(of('turn.submitted')).toBeGreaterThanOrEqual(happened('prompted'))
      expect(of('turn.started')).toBe(of('turn.submitted'))
      expect(of('turn.completed') + of('turn.failed') + of('turn.cancelled')).toBe(of('turn.started'))
    },
  )
})
