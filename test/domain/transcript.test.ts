import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RecordedEvent } from '../../src/define.js'
import type { ContentPart } from '../../src/events.js'
import { transcript, type Transcript, type TranscriptItem } from '../../projections/index.js'
import { propertyParameters, withSeed } from '../support/seed.js'
import { anyEvent, happenings, play } from './histories.js'
import { plain, running, session, Stream, submitted, type Given } from './stream.js'

const fold = (events: readonly RecordedEvent[], threadId = 'main'): Transcript =>
  transcript.finish(
    events.reduce((state, event) => transcript.apply(state, event), transcript.initial()),
    threadId,
  )
const of = (stream: Stream, threadId?: string): Transcript => fold(stream.events, threadId)
const text = (value: string) => [{ type: 'text', text: value }]
const textOf = (content: readonly ContentPart[]): string => content.map((part) => (part.type === 'text' ? part.text : part.type)).join('|')

/** An item in a few letters. */
function brief(item: TranscriptItem): string {
  switch (item.type) {
    case 'input':
      return `${item.steered === true ? 'steer' : 'in'} ${textOf(item.content)}`
    case 'output':
      return `${item.kind} ${textOf(item.content)}${item.partial === true ? '…' : ''}`
    case 'call':
      return `call ${item.callId} ${item.outcome.status}${item.pending === true ? '?' : ''} ${textOf(item.outcome.content)}`.trim()
    case 'question':
      return `${item.asks} ${item.question} ${item.answer ?? '?'}`
    case 'summary':
      return `summary ${textOf(item.content)}`
    default:
      return `note ${item.text}`
  }
}

const story = (stream: Stream, threadId?: string): string[] => of(stream, threadId).items.map(brief)
const says = (turnId: string, itemId: string, value = itemId): Given => [
  'item.completed',
  { turnId, itemId, kind: 'message', content: text(value) },
]
const requests = (turnId: string, callId: string): Given => [
  'tool.requested',
  { turnId, callId, name: 'read', arguments: { path: callId } },
]
const starts = (turnId: string): Given => ['turn.started', { turnId }]
const completes = (turnId: string): Given => ['turn.completed', { turnId }]

/** A turn with one answer. */
const answered = (turnId: string, threadId = 'main'): Given[] => [
  submitted(turnId, threadId),
  starts(turnId),
  says(turnId, `say ${turnId}`),
  completes(turnId),
]

function three(): Stream {
  const stream = session()
  for (const turnId of ['t1', 't2', 't3']) stream.append(...answered(turnId))
  return stream
}

describe('a transcript', () => {
  test('has what was asked, said, called and steered, in order', () => {
    const stream = running()
    stream.append(says('t1', 'a'), requests('t1', 'c1'), requests('t1', 'c2'))
    stream.append(
      ['tool.finished', { turnId: 't1', callId: 'c2', status: 'error', content: text('no') }],
      ['turn.steered', { turnId: 't1', input: text('hurry') }],
    )
    stream.append(['tool.finished', { turnId: 't1', callId: 'c1', content: text('yes') }], says('t1', 'b'))
    expect(story(stream)).toEqual(['in ask t1', 'message a', 'call c1 ok yes', 'call c2 error no', 'steer hurry', 'message b'])
    stream.append(['turn.steered', { turnId: 't1', role: 'system', input: text('x'), attachments: text('y') }])
    expect(of(stream).items.at(-1)).toEqual({
      type: 'input',
      turnId: 't1',
      role: 'system',
      content: [...text('x'), ...text('y')],
      steered: true,
    })
    expect(of(stream)).toMatchObject({
      session: 's',
      threadId: 'main',
      status: 'open',
      position: 12,
      version: 12,
      queue: [],
      unresolved: [],
    })
  })

  test('names who works with what, the latest that was said, the thread before the session', () => {
    const stream = new Stream()
    stream.append(
      ['session.created', { instructions: 'be kind', model: 'm1', agent: 'keeper' }],
      ['thread.started', { threadId: 'main', model: 'm2' }],
      ['session.updated', { agent: 'other' }],
    )
    expect(of(stream)).toMatchObject({ instructions: 'be kind', model: 'm2', agent: 'other' })
  })

  test('tells a thread that is not there, or was closed, from one with nothing in it', () => {
    const stream = session()
    expect(of(stream)).toMatchObject({ status: 'open', items: [] })
    expect(of(stream, 'x')).toMatchObject({ status: 'none', items: [] })
    stream.append(['thread.closed', { threadId: 'main' }])
    expect(of(stream)).toMatchObject({ status: 'closed' })
    expect(fold([])).toMatchObject({ status: 'none', position: 0, version: 0 })
  })

  test('of a deleted session is empty', () => {
    const stream = three()
    stream.append(['session.deleted'])
    expect(of(stream)).toMatchObject({ status: 'deleted', items: [], position: stream.events.length })
  })

  test('keeps threads apart', () => {
    const stream = three()
    stream.append(['thread.started', { threadId: 'b' }], ...answered('u1', 'b'))
    expect(story(stream, 'b')).toEqual(['in ask u1', 'message say u1'])
    expect(story(stream)).toHaveLength(6)
  })

  test('shows attachments and a role with the input', () => {
    const stream = session()
    stream.append([
      'turn.submitted',
      { threadId: 'main', turnId: 't', input: text('see'), attachments: [{ type: 'file', path: 'a.md' }], role: 'system' },
    ])
    expect(of(stream).items).toEqual([
      { type: 'input', turnId: 't', role: 'system', content: [...text('see'), { type: 'file', path: 'a.md' }] },
    ])
  })
})

describe('what waits', () => {
  test('is next where nothing runs; the rest stands in the queue', () => {
    const stream = session()
    stream.append(submitted('t1'), submitted('t2'))
    expect(story(stream)).toEqual(['in ask t1'])
    expect(of(stream).queue).toEqual([{ turnId: 't2', content: text('ask t2') }])
  })

  test('is not shown to a turn that runs', () => {
    const stream = running()
    stream.append(submitted('t2'), says('t1', 'a'))
    expect(story(stream)).toEqual(['in ask t1', 'message a'])
    expect(of(stream).queue).toMatchObject([{ turnId: 't2' }])
    stream.append(completes('t1'), starts('t2'))
    expect(story(stream)).toEqual(['in ask t1', 'message a', 'in ask t2'])
  })

  test('and is cancelled was never said', () => {
    const stream = session()
    stream.append(submitted('t1'), ['turn.cancelled', { turnId: 't1' }])
    expect(story(stream)).toEqual([])
  })
})

describe('a call', () => {
  test('has its outcome before it has one: not run, then unknown', () => {
    const stream = running()
    stream.append(requests('t1', 'c'))
    expect(story(stream)).toEqual(['in ask t1', 'call c not-run?'])
    stream.append(['tool.started', { turnId: 't1', callId: 'c' }])
    expect(story(stream)).toEqual(['in ask t1', 'call c unknown?'])
    stream.crash()
    expect(story(stream)).toEqual(['in ask t1', 'call c unknown', 'note The turn was interrupted: crash'])
  })

  test('that never started stays as not run after a death, and runs in the next attempt', () => {
    const stream = running()
    stream.append(requests('t1', 'c'))
    stream.crash()
    expect(story(stream)).toEqual(['in ask t1', 'call c not-run?', 'note The turn was interrupted: crash'])
    stream.append(starts('t1'), ['tool.finished', { turnId: 't1', callId: 'c', content: text('yes') }])
    expect(story(stream)[1]).toBe('call c ok yes')
  })

  test('ends with its turn', () => {
    const stream = running()
    stream.append(requests('t1', 'c'), ['turn.failed', { turnId: 't1', error: { message: 'no answer' } }])
    expect(story(stream)).toEqual(['in ask t1', 'call c not-run', 'note The turn failed: no answer'])
  })
})

describe('what is streamed', () => {
  const streamed = (stream: Stream, itemId: string, ...pieces: string[]): void => {
    stream.append(
      ['item.started', { turnId: 't1', itemId, kind: 'message', role: 'assistant' }],
      ...pieces.map((piece): Given => ['item.delta', { turnId: 't1', itemId, text: piece }]),
    )
  }

  test('runs together, and is marked partial until it is complete', () => {
    const stream = running()
    streamed(stream, 'a', 'The ', 'tide')
    expect(of(stream).items[1]).toEqual({
      type: 'output',
      turnId: 't1',
      itemId: 'a',
      kind: 'message',
      role: 'assistant',
      content: text('The tide'),
      partial: true,
    })
    stream.append(says('t1', 'a', 'The tide turns.'))
    expect(of(stream).items[1]).toEqual({
      type: 'output',
      turnId: 't1',
      itemId: 'a',
      kind: 'message',
      role: 'assistant',
      content: text('The tide turns.'),
    })
  })

  test('is what was said where its completion says nothing else', () => {
    const stream = running()
    streamed(stream, 'a', 'The ', 'tide')
    stream.append(['item.completed', { turnId: 't1', itemId: 'a' }])
    expect(story(stream)).toEqual(['in ask t1', 'message The tide'])
  })

  test('keeps other parts between the text', () => {
    const stream = running()
    streamed(stream, 'a', 'x')
    stream.append(
      ['item.delta', { turnId: 't1', itemId: 'a', content: [{ type: 'image', url: 'u' }] }],
      ['item.delta', { turnId: 't1', itemId: 'a', text: 'y' }],
    )
    expect(story(stream)[1]).toBe('message x|image|y…')
  })

  test('stays as far as it came after a death, also when it is begun again under its name', () => {
    const stream = running()
    streamed(stream, 'a', 'half')
    stream.crash()
    stream.append(starts('t1'))
    streamed(stream, 'a', 'whole')
    stream.append(says('t1', 'a', 'whole!'))
    expect(story(stream)).toEqual(['in ask t1', 'message half…', 'note The turn was interrupted: crash', 'message whole!'])
  })
})

describe('an end', () => {
  test('that comes late takes the place of the interruption', () => {
    const stream = running()
    stream.crash()
    stream.append(says('t1', 'a'), completes('t1'))
    expect(story(stream)).toEqual(['in ask t1', 'message a'])
  })

  test('is told where it was no answer', () => {
    const stream = running()
    stream.append(['turn.cancelled', { turnId: 't1', reason: 'enough' }])
    expect(story(stream)).toEqual(['in ask t1', 'note The turn was cancelled: enough'])
  })
})

describe('a question', () => {
  test('may be answered in plain words, or declined', () => {
    const stream = running()
    stream.append(
      ['input.requested', { turnId: 't1', inputId: 'a', question: 'Which?' }],
      ['input.requested', { turnId: 't1', inputId: 'b', question: 'When?' }],
    )
    stream.append(
      ['input.resolved', { turnId: 't1', inputId: 'a', answer: 'north' }],
      ['input.resolved', { turnId: 't1', inputId: 'b', declined: true }],
    )
    expect(story(stream).slice(1)).toEqual(['input Which? north', 'input When? declined'])
  })

  test('is there with its answer', () => {
    const stream = running()
    stream.append(
      ['approval.requested', { turnId: 't1', approvalId: 'a', callId: 'c', question: 'May I?' }],
      ['input.requested', { turnId: 't1', inputId: 'a', question: 'Which?' }],
    )
    expect(story(stream).slice(1)).toEqual(['approval May I? ?', 'input Which? ?'])
    stream.append(
      ['approval.resolved', { turnId: 't1', approvalId: 'a', decision: 'denied' }],
      ['input.resolved', { turnId: 't1', inputId: 'a', answer: text('north') }],
    )
    expect(story(stream).slice(1)).toEqual(['approval May I? denied', 'input Which? north'])
  })
})

describe('a compaction', () => {
  test('puts its summary in the place of what it covers', () => {
    const stream = three()
    stream.append(['thread.compacted', { threadId: 'main', summary: 'one and two', throughTurnId: 't2' }])
    expect(story(stream)).toEqual(['summary one and two', 'in ask t3', 'message say t3'])
    stream.append(...answered('t4'))
    expect(story(stream)).toEqual(['summary one and two', 'in ask t3', 'message say t3', 'in ask t4', 'message say t4'])
    stream.append(['thread.compacted', { threadId: 'main', summary: 'all' }])
    expect(story(stream)).toEqual(['summary all'])
  })

  test('in the middle of a turn covers what there is, and what is still streamed comes behind it', () => {
    const stream = running()
    stream.append(
      says('t1', 'a'),
      ['item.started', { turnId: 't1', itemId: 'b', kind: 'message' }],
      ['item.delta', { turnId: 't1', itemId: 'b', text: 'h' }],
    )
    stream.append(['thread.compacted', { threadId: 'main', summary: 'so far' }])
    expect(story(stream)).toEqual(['summary so far'])
    stream.append(says('t1', 'b', 'hello'))
    expect(story(stream)).toEqual(['summary so far', 'message hello'])
    stream.append(says('t1', 'c'))
    expect(story(stream)).toEqual(['summary so far', 'message hello', 'message c'])
  })

  test('does not take back the input of a turn that goes on', () => {
    const stream = running()
    stream.append(['thread.compacted', { threadId: 'main', summary: 'so far' }])
    stream.crash()
    stream.append(starts('t1'), says('t1', 'a'))
    expect(story(stream)).toEqual(['summary so far', 'note The turn was interrupted: crash', 'message a'])
  })

  test('through a turn that is not there covers nothing, and says so', () => {
    const stream = three()
    stream.append(['thread.compacted', { threadId: 'main', summary: 's', throughTurnId: 'other' }])
    expect(story(stream)).toHaveLength(7)
    expect(of(stream).unresolved).toEqual([stream.events.length])
  })
})

describe('a truncation', () => {
  test('hides what comes after a turn, an item, or all of it', () => {
    const stream = three()
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 't2', afterItemId: 'say t2' }])
    expect(story(stream)).toEqual(['in ask t1', 'message say t1', 'in ask t2', 'message say t2'])
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 't1' }], ...answered('t4'))
    expect(story(stream)).toEqual(['in ask t1', 'message say t1', 'in ask t4', 'message say t4'])
    stream.append(['thread.truncated', { threadId: 'main' }])
    expect(story(stream)).toEqual([])
  })

  test('keeps a call and its outcome together, on the one side or the other', () => {
    const stream = running()
    stream.append(requests('t1', 'c1'), says('t1', 'a'), requests('t1', 'c2'))
    stream.append(['tool.finished', { turnId: 't1', callId: 'c1' }], ['tool.finished', { turnId: 't1', callId: 'c2' }])
    stream.append(['thread.truncated', { threadId: 'main', afterItemId: 'a' }])
    expect(story(stream)).toEqual(['in ask t1', 'call c1 ok', 'message a'])
  })

  test('to before a compaction brings back what that covered', () => {
    const stream = three()
    stream.append(['thread.compacted', { threadId: 'main', summary: 'all three' }])
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 't1' }])
    expect(story(stream)).toEqual(['in ask t1', 'message say t1'])
  })

  test('that hid an interrupted turn’s input gives it back when the turn starts again', () => {
    const stream = running()
    stream.crash()
    stream.append(['thread.truncated', { threadId: 'main' }])
    expect(story(stream)).toEqual([])
    stream.append(starts('t1'))
    expect(story(stream)).toEqual(['in ask t1'])
  })

  test('that left an interrupted turn’s input does not say it twice', () => {
    const stream = running()
    stream.append(says('t1', 'a'))
    stream.crash()
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 't1', afterItemId: 'a' }], starts('t1'))
    expect(story(stream)).toEqual(['in ask t1', 'message a'])
  })

  test('that hid a compaction and what it covered gives the input back as well', () => {
    const stream = session()
    stream.append(...answered('t0'), submitted('t1'), starts('t1'), ['thread.compacted', { threadId: 'main', summary: 's' }])
    stream.crash()
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 't0' }], starts('t1'))
    expect(story(stream)).toEqual(['in ask t0', 'message say t0', 'in ask t1'])
  })

  test('cuts behind the item it names, not behind a call or an item of another turn', () => {
    const stream = session()
    stream.append(submitted('t1'), starts('t1'), says('t1', 'x', 'one'), completes('t1'))
    stream.append(submitted('t2'), starts('t2'), says('t2', 'x', 'two'), requests('t2', 'x'), completes('t2'))
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 't1', afterItemId: 'x' }])
    expect(story(stream)).toEqual(['in ask t1', 'message one'])
  })

  test('to an item that is still streamed brings it back from under a compaction, once', () => {
    const stream = session()
    stream.append(...answered('t0'), ['thread.compacted', { threadId: 'main', summary: 'before' }], submitted('t1'), starts('t1'))
    stream.append(
      ['item.started', { turnId: 't1', itemId: 'b', kind: 'message' }],
      ['item.delta', { turnId: 't1', itemId: 'b', text: 'h' }],
    )
    stream.append(['thread.compacted', { threadId: 'main', summary: 'all' }], ['thread.truncated', { threadId: 'main', afterItemId: 'b' }])
    expect(story(stream)).toEqual(['summary before', 'in ask t1', 'message h…'])
    stream.append(says('t1', 'b', 'hello'))
    expect(story(stream)).toEqual(['summary before', 'in ask t1', 'message hello'])
  })

  test('after what is not there hides nothing, and says so', () => {
    const stream = three()
    stream.append(['thread.truncated', { threadId: 'main', afterTurnId: 'other' }])
    expect(story(stream)).toHaveLength(6)
    expect(of(stream).unresolved).toHaveLength(1)
    expect(of(stream, 'x').unresolved).toEqual([])
  })
})

describe('a fork', () => {
  test('carries the history it claims', () => {
    const stream = three()
    stream.append(['thread.forked', { threadId: 'b', from: 'main', throughTurnId: 't2' }], ...answered('u1', 'b'), ...answered('t4'))
    expect(story(stream, 'b')).toEqual(['in ask t1', 'message say t1', 'in ask t2', 'message say t2', 'in ask u1', 'message say u1'])
    expect(story(stream)).toHaveLength(8)
  })

  test('before a compaction or a truncation has what those covered and hid', () => {
    const stream = three()
    stream.append(['thread.compacted', { threadId: 'main', summary: 'all' }], ['thread.truncated', { threadId: 'main' }])
    stream.append(
      ['thread.forked', { threadId: 'b', from: 'main', throughTurnId: 't2' }],
      ['thread.forked', { threadId: 'c', from: 'main' }],
    )
    expect(story(stream, 'b')).toEqual(['in ask t1', 'message say t1', 'in ask t2', 'message say t2'])
    expect(story(stream, 'c')).toEqual([])
  })

  test('of a compacted thread begins with the summary', () => {
    const stream = three()
    stream.append(
      ['thread.compacted', { threadId: 'main', summary: 'one and two', throughTurnId: 't2' }],
      ['thread.forked', { threadId: 'b', from: 'main' }],
      ['thread.forked', { threadId: 'c', from: 'b' }],
    )
    expect(story(stream, 'c')).toEqual(['summary one and two', 'in ask t3', 'message say t3'])
  })

  test('does not change with what it was forked from', () => {
    const stream = running()
    stream.append(
      ['item.started', { turnId: 't1', itemId: 'a', kind: 'message' }],
      ['item.delta', { turnId: 't1', itemId: 'a', text: 'ha' }],
    )
    stream.append(['thread.forked', { threadId: 'b', from: 'main' }])
    const before = story(stream, 'b')
    stream.append(['item.delta', { turnId: 't1', itemId: 'a', text: 'lf' }], says('t1', 'a', 'half'))
    expect(story(stream, 'b')).toEqual(before)
    expect(before).toEqual(['in ask t1', 'message ha…'])
  })

  test('of another session says where its history is', () => {
    const stream = session()
    stream.append(['thread.forked', { threadId: 'b', from: 'main', fromSession: 'r', throughTurnId: 't9' }])
    expect(of(stream, 'b')).toMatchObject({ continues: { session: 'r', threadId: 'main', throughTurnId: 't9' }, items: [], unresolved: [] })
    expect(of(stream)).not.toHaveProperty('continues')
  })

  test('has nothing of this session’s thread by that name, if it is of another', () => {
    const stream = three()
    stream.append(['thread.forked', { threadId: 'b', from: 'main', fromSession: 'r' }], ['thread.forked', { threadId: 'c' }])
    expect(story(stream, 'b')).toEqual([])
    expect(of(stream, 'c')).not.toHaveProperty('continues')
    expect(of(stream, 'c')).toMatchObject({ status: 'open', items: [] })
  })

  test('at a turn that is not there has all of it, and says so', () => {
    const stream = three()
    stream.append(
      ['thread.forked', { threadId: 'b', from: 'main', throughTurnId: 'other' }],
      ['thread.forked', { threadId: 'c', from: 'main', throughTurnId: 't1' }],
    )
    expect(story(stream, 'b')).toHaveLength(6)
    expect(of(stream, 'b').unresolved).toHaveLength(1)
    expect(of(stream, 'c').unresolved).toEqual([])
  })
})

describe(withSeed('at every point of a history'), () => {
  /** What a provider would refuse: a call without an outcome, or twice. */
  function check({ items }: Transcript): void {
    const calls = items.filter((item) => item.type === 'call')
    for (const { outcome } of calls) expect(outcome).toMatchObject({ status: expect.any(String), content: expect.any(Array) })
    expect(new Set(calls.map(({ turnId, callId }) => JSON.stringify([turnId, callId]))).size).toBe(calls.length)
  }

  test('no call is unpaired, what was shown does not change afterwards, and the fold is the same taken at once', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const { events } = play(list)
        const threads = [
          'main',
          'b',
          '__proto__',
          ...events.filter(({ type }) => type.startsWith('thread.')).map(({ data }) => (data as { threadId: string }).threadId),
        ]
        let state = transcript.initial()
        const shown: [Transcript, Transcript][] = []
        for (const [i, event] of events.entries()) {
          state = transcript.apply(state, event)
          for (const threadId of new Set(threads)) {
            const now = transcript.finish(state, threadId)
            check(now)
            shown.push([now, plain(now)])
            if (i % 7 === 0) expect(now).toEqual(fold(events.slice(0, i + 1), threadId))
          }
        }
        for (const [then, copy] of shown) expect(then).toEqual(copy)
      }),
      propertyParameters(60),
    )
  })

  test('a thread without cuts shows every call that was requested in it, with the outcome on record', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const { events } = play(
          list
            .map((one) =>
              typeof one === 'string'
                ? one
                : one.filter(([type]) => !/^(thread\.(compacted|truncated|forked)|session\.deleted)$/.test(type)),
            )
            .filter(({ length }) => length > 0),
        )
        const outcomes = new Map<string, string>()
        for (const { type, data } of events) {
          const { threadId, turnId, callId, status = 'ok' } = data as Record<string, string>
          const key = JSON.stringify([threadId, turnId, callId])
          if (type === 'tool.requested') outcomes.set(key, 'not-run')
          if (type === 'tool.started' || type === 'tool.unknown') outcomes.set(key, 'unknown')
          if (type === 'tool.finished') outcomes.set(key, status)
        }
        const threads = new Set(events.flatMap(({ data }) => (data as { threadId?: string }).threadId ?? []))
        const shown = [...threads].flatMap((threadId) =>
          fold(events, threadId).items.flatMap((item) =>
            item.type === 'call' ? [[JSON.stringify([threadId, item.turnId, item.callId]), item.outcome.status] as const] : [],
          ),
        )
        expect(new Map(shown)).toEqual(outcomes)
        expect(shown).toHaveLength(outcomes.size)
      }),
      propertyParameters(100),
    )
  })

  test('unlawful events are borne', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 100, size: 'max' }), (list) => {
        const events = list.map(([type, data = {}], i) => ({ type, data, position: i + 1, version: i + 1, stream: 's', at: 1, schema: 1 }))
        const now = fold(events, '*')
        expect(plain(now)).toEqual(now)
      }),
      propertyParameters(200),
    )
  })
})
