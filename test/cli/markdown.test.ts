/** Sessions as markdown: all that `show` shows, and nothing in them that could change the document around it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { play } from '../../src/cli/demo/runtime.js'
import { sample } from '../../src/cli/demo/sample.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import { code, fenced, inline, prose, quoted } from '../../src/cli/export/markdown-text.js'
import { openJournal } from '../../src/index.js'
import { Places, transcriptOf } from '../support/imports-into.js'
import { turnlog } from '../support/turnlog.js'

const places = new Places()
afterAll(() => places.remove())

async function exported(directory: string, ...words: string[]): Promise<string[]> {
  const { exit, out } = await turnlog('export', directory, ...words, '--to', 'markdown')
  expect(exit).toBe(0)
  return out.split('\n')
}

/** Lines that are not in a block of code. */
function outsideCode(lines: readonly string[]): string[] {
  let fence: string | undefined
  return lines.filter((line) => {
    const mark = /^(?:> )?(`{3,})/.exec(line)?.[1]
    if (mark === undefined) return fence === undefined
    if (fence === undefined) fence = mark
    else if (mark.length >= fence.length) fence = undefined
    return false
  })
}

describe('a session', () => {
  test('has a heading for each turn, and every text of its transcript', async () => {
    const directory = places.next()
    const script = writeScript(sample())
    {
      await using journal = await openJournal(directory)
      await play(journal, script)
    }
    const lines = await exported(directory, script.session)
    const text = lines.join('\n')
    expect(lines[0]).toBe('# High water is an hour early')
    expect(lines.filter((line) => line.startsWith('### '))).toEqual(
      [1, 2, 3, 4].map((n) => expect.stringMatching(new RegExp(`^### ${n}\\. \`turn-${n}\` completed, \\d{4}-`)) as string),
    )
    for (const item of (await transcriptOf(directory, script.session)).items) {
      if (item.type === 'call') {
        expect(text).toContain(`Tool <code>${item.name}</code> → ${item.outcome.status}`)
        expect(text).toContain(JSON.stringify(item.arguments, undefined, 2))
      }
      if (item.type === 'question') expect(text).toContain(`**Approval**: ${inline(item.question)} → **${item.answer}**`)
      const content = item.type === 'call' ? item.outcome.content : 'content' in item ? item.content : []
      for (const part of content) if (part.type === 'text') for (const line of part.text.split('\n')) expect(text).toContain(line.trimEnd())
    }
    const outside = outsideCode(lines)
    expect(outside.filter((line) => line === '<details>')).toHaveLength(outside.filter((line) => line === '</details>').length)
  })
})

describe('what happened to a session', () => {
  const directory = places.next()
  const said = (text: string): { type: 'text'; text: string }[] => [{ type: 'text', text }]
  beforeAll(async () => {
    await using journal = await openJournal(directory)
    await journal.append('session-1', [
      { type: 'session.created', data: { title: 'A *bold* <b>title</b>' } },
      { type: 'thread.started', data: { threadId: 'main' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: said('# Not a heading\n</details>\n```') } },
      { type: 'turn.started', data: { turnId: 't1' } },
      { type: 'item.completed', data: { turnId: 't1', itemId: 'i1', kind: 'message', content: said('# Mine\n\n```ts\nif (a < b) <p>\n') } },
      { type: 'tool.requested', data: { turnId: 't1', callId: 'c1', name: 'a<b>_c', arguments: { text: '```\n</details>' } } },
      { type: 'tool.started', data: { turnId: 't1', callId: 'c1' } },
      { type: 'tool.finished', data: { turnId: 't1', callId: 'c1', status: 'error', content: said('````\n# inside\n</details>') } },
      { type: 'approval.requested', data: { turnId: 't1', approvalId: 'a1', question: 'Delete `all`?' } },
      { type: 'item.started', data: { turnId: 't1', itemId: 'i2', kind: 'reasoning' } },
      { type: 'item.delta', data: { turnId: 't1', itemId: 'i2', text: 'I was about' } },
      { type: 'turn.interrupted', data: { turnId: 't1', attempt: 1, cause: 'crash' } },
      { type: 'thread.forked', data: { threadId: 'other', from: 'main', throughTurnId: 't1' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't2', input: said('next') } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't3', input: said('waits') } },
    ])
  })

  test('is in plain sight: interruptions, approvals, what was cut off, what waits, every thread', async () => {
    const text = (await exported(directory, 'session-1')).join('\n')
    for (const shown of [
      '> ⚠ **interrupted**: The turn was interrupted: crash',
      '> **Approval**: Delete \\`all\\`? → **no answer**',
      '> ⚠ **cut off here**',
      '### Waiting: `t3`',
      '## Thread `main`',
      '## Thread `other`',
      '<summary>Tool <code>a&lt;b>_c</code> → error</summary>',
    ])
      expect(text).toContain(shown)
    expect((await exported(directory, 'session-1', '--thread', 'other')).join('\n')).not.toContain('## Thread `main`')
  })

  test('cannot change the document: headings, HTML and open blocks of code stay where they are', async () => {
    const lines = await exported(directory, 'session-1', '--thread', 'main')
    const outside = outsideCode(lines)
    expect(outside.filter((line) => /^#{1,3} /.test(line))).toEqual([
      String.raw`# A \*bold\* &lt;b>title&lt;/b>`,
      '## Thread `main`',
      expect.stringMatching(/^### 1\. `t1` interrupted/) as string,
      expect.stringMatching(/^### 2\. `t2` queued/) as string,
      '### Waiting: `t3`',
    ])
    expect(outside.filter((line) => line === '<details>')).toHaveLength(2)
    expect(outside.filter((line) => line.includes('</details>'))).toHaveLength(2)
  })

  test('that was deleted is told, and nothing of it', async () => {
    const gone = places.next()
    {
      await using journal = await openJournal(gone)
      await journal.append('s', [
        { type: 'session.created', data: {} },
        { type: 'session.deleted', data: {} },
      ])
    }
    expect(await turnlog('export', gone, 's', '--to', 'markdown')).toMatchObject({
      exit: 1,
      errors: expect.stringContaining('is deleted') as string,
    })
  })
})

describe('somebody’s text', () => {
  test.each([
    ['a `code` <span>', ['a `code` &lt;span>']],
    ['`<in code>` and ``<`>`` <out>', ['`<in code>` and ``<`>`` &lt;out>']],
    ['1 < 2', ['1 < 2']],
    ['## Two', ['##### Two']],
    ['```js\n<a>\n# b\n```\n# c', ['```js', '<a>', '# b', '```', '#### c']],
    ['  ~~~~\n~~~\n<a>', ['  ~~~~', '~~~', '<a>', '~~~~']],
    ['```one line```\n<a>', ['```one line```', '&lt;a>']],
    ['a\u{1B}[31m\r\nb', ['a[31m', 'b']],
  ])('%j as prose', (text, shown) => expect(prose(text)).toEqual(shown))

  test('quoted, in code, and in a block of code', () => {
    expect(quoted('a\n\n# b')).toEqual(['> a', '>', '> #### b'])
    expect([code('a'), code('`a'), code('a``b')]).toEqual(['`a`', '`` `a ``', '```a``b```'])
    expect(fenced('a\n```` b', 'x')).toEqual(['`````x', 'a', '```` b', '`````'])
  })
})
