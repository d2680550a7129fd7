import { describe, expect, test } from 'vitest'
import type { RecordedEvent } from '../../src/define.js'
import type { ContentPart } from '../../src/events.js'
import { session as sessionView, task, thread, transcript, turn, type Transcript, type TranscriptItem } from '../../projections/index.js'
import { running, session, submitted, type Given, type Stream } from '../domain/stream.js'

const of = (stream: Stream, threadId = 'main'): Transcript =>
  transcript.finish(
    stream.events.reduce((state, event) => transcript.apply(state, event), transcript.initial()),
    threadId,
  )

const words = (content: readonly ContentPart[]): string => content.map((part) => (part.type === 'text' ? part.text : part.type)).join('|')

/** An item in one line. */
function line(item: TranscriptItem): string {
  switch (item.type) {
    case 'input':
      return `${item.steered === true ? 'steered' : 'input'} ${words(item.content)}`
    case 'output':
      return `${item.partial === true ? 'partial' : 'output'} ${item.itemId}: ${words(item.content)}`
    case 'call':
      return `${item.pending === true ? 'pending ' : ''}call ${item.callId}: ${item.outcome.status}`
    case 'question':
      return `${item.asks} ${item.id}: ${item.answer ?? '…'}`
    case 'summary':
      return `summary ${words(item.content)}`
    default:
      return `note ${item.text}`
  }
}
const lines = (stream: Stream, threadId?: string): string[] => of(stream, threadId).items.map(line)

const text = (value: string): object[] => [{ type: 'text', text: value }]
const starts = (turnId: string): Given => ['turn.started', { turnId }]
const completes = (turnId: string, attempt = 1): Given => ['turn.completed', { turnId, attempt }]
const says = (turnId: string, itemId: string): Given => [
  'item.completed',
  { turnId, itemId, kind: 'message', content: text(`says ${itemId}`) },
]
const item = (itemId: string, turnId = 't1'): Given => ['item.started', { turnId, itemId, kind: 'message', role: 'assistant' }]
const delta = (itemId: string, value: string, turnId = 't1'): Given => ['item.delta', { turnId, itemId, text: value }]
const requested = (callId: string, turnId = 't1'): Given => ['tool.requested', { turnId, callId, name: 'read', arguments: { path: 'a' } }]
const began = (callId: string, turnId = 't1'): Given => ['tool.started', { turnId, callId }]
const finished = (callId: string, turnId = 't1'): Given => ['tool.finished', { turnId, callId, status: 'ok', content: text('done') }]
const compacted = (more: object = {}): Given => ['thread.compacted', { threadId: 'main', summary: 'so far', ...more }]
const truncated = (more: object = {}): Given => ['thread.truncated', { threadId: 'main', ...more }]

/** Turns t1, t2 … that each asked and answered. */
function talk(count: number): Stream {
  const stream = session()
  for (let i = 1; i <= count; i++) stream.append(submitted(`t${i}`), starts(`t${i}`), says(`t${i}`, `i${i}`), completes(`t${i}`))
  return stream
}

describe('a transcript', () => {
  test('holds inputs, outputs and calls in the order in which they happened', () => {
    const stream = running()
    stream.append(
      says('t1', 'i1'),
      requested('c1'),
      began('c1'),
      finished('c1'),
      ['turn.steered', { turnId: 't1', input: text('faster') }],
      says('t1', 'i2'),
    )
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1', 'call c1: ok', 'steered faster', 'output i2: says i2'])
    expect(of(stream).items[2]).toEqual({
      type: 'call',
      turnId: 't1',
      callId: 'c1',
      name: 'read',
      arguments: { path: 'a' },
      outcome: { status: 'ok', content: text('done') },
    })
  })

  test('says where it stands, and what the thread works with: what was said last, of the thread before the session', () => {
    const stream = session()
    stream.append(['session.updated', { model: 'm1', agent: 'keeper' }], ['session.updated', { model: 'm2' }])
    stream.append(['thread.started', { threadId: 'b', model: 'm3', instructions: 'be brief' }])
    expect(of(stream)).toEqual({
      session: 's',
      threadId: 'main',
      status: 'open',
      position: 5,
      version: 5,
      model: 'm2',
      agent: 'keeper',
      items: [],
      queue: [],
      unresolved: [],
    })
    expect(of(stream, 'b')).toMatchObject({ model: 'm3', agent: 'keeper', instructions: 'be brief' })
  })

  test.each(['none', '__proto__', 'constructor'])('of a thread that is not there is empty: %s', (threadId) => {
    expect(of(running(), threadId)).toMatchObject({ status: 'none', items: [], queue: [] })
  })

  test('of a deleted session has nothing to show', () => {
    const stream = talk(1)
    stream.append(['session.deleted'])
    expect(of(stream)).toMatchObject({ session: 's', status: 'deleted', position: 7, items: [], queue: [] })
  })

  test('keeps threads apart', () => {
    const stream = running()
    stream.append(['thread.started', { threadId: 'b' }], submitted('t2', 'b'), starts('t2'), says('t2', 'i'), says('t1', 'i'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i: says i'])
    expect(lines(stream, 'b')).toEqual(['input ask t2', 'output i: says i'])
  })
})

describe('a queued turn', () => {
  test('shows its input when nothing runs, as the next call is its own', () => {
    const stream = talk(1)
    stream.append(submitted('t2'), submitted('t3'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1', 'input ask t2'])
    expect(of(stream).queue).toEqual([{ turnId: 't3', content: text('ask t3') }])
  })

  test('waits in the queue while another runs, and is behind what that one did once it starts', () => {
    const stream = running()
    stream.append(submitted('t2'), says('t1', 'i1'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1'])
    expect(of(stream).queue).toMatchObject([{ turnId: 't2' }])
    stream.append(says('t1', 'i2'), completes('t1'), starts('t2'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1', 'output i2: says i2', 'input ask t2'])
    expect(of(stream).queue).toEqual([])
  })

  test('that is cancelled was never asked', () => {
    const stream = talk(1)
    stream.append(submitted('t2'), ['turn.cancelled', { turnId: 't2', reason: 'changed my mind' }])
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1'])
    expect(of(stream).queue).toEqual([])
  })
})

describe('partial output', () => {
  test('is joined from its deltas and marked; parts that are no text stand by themselves', () => {
    const stream = running()
    const image = { type: 'image', url: 'https://example.org/a.png' }
    stream.append(
      item('i1'),
      delta('i1', 'high '),
      delta('i1', 'tide'),
      ['item.delta', { turnId: 't1', itemId: 'i1', content: [image] }],
      delta('i1', 'at'),
      delta('i1', ' noon'),
    )
    const [, output] = of(stream).items
    expect(output).toEqual({
      type: 'output',
      turnId: 't1',
      itemId: 'i1',
      kind: 'message',
      role: 'assistant',
      content: [...text('high tide'), image, ...text('at noon')],
      partial: true,
    })
  })

  test('makes way for the completed item, which stands where it began', () => {
    const stream = running()
    stream.append(item('i1'), delta('i1', 'hig'), requested('c1'), finished('c1'), says('t1', 'i1'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1', 'call c1: ok'])
    expect(of(stream).items[1]).not.toHaveProperty('partial')
    expect(of(stream).items[1]).toMatchObject({ role: 'assistant' })
  })

  test('is the content of an item that is completed without one', () => {
    const stream = running()
    stream.append(item('i1'), delta('i1', 'a'), delta('i1', 'b'), ['item.completed', { turnId: 't1', itemId: 'i1' }])
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: ab'])
  })

  test('stays as far as it came when the process dies, and when the turn starts again', () => {
    const stream = running()
    stream.append(item('i1'), delta('i1', 'hig'))
    stream.crash()
    expect(lines(stream)).toEqual(['input ask t1', 'partial i1: hig', 'note The turn was interrupted: crash'])
    stream.append(starts('t1'), item('i1'), delta('i1', 'high'))
    expect(lines(stream)).toEqual(['input ask t1', 'partial i1: hig', 'note The turn was interrupted: crash', 'partial i1: high'])
  })

  test('of a transcript that was handed out does not grow', () => {
    const stream = running()
    stream.append(item('i1'), delta('i1', 'a'))
    const state = stream.events.reduce((before, event) => transcript.apply(before, event), transcript.initial())
    const early = transcript.finish(state, 'main')
    for (const event of stream.append(delta('i1', 'b'), says('t1', 'i1'))) transcript.apply(state, event)
    expect(early.items.map(line)).toEqual(['input ask t1', 'partial i1: a'])
  })
})

describe('an interruption', () => {
  test('is said, and a late end takes its place', () => {
    const stream = running()
    stream.append(['turn.interrupted', { turnId: 't1', cause: 'provider' }])
    expect(lines(stream)).toEqual(['input ask t1', 'note The turn was interrupted: provider'])
    stream.append(says('t1', 'i1'), completes('t1'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1'])
  })

  test('stays said when the next attempt starts, and the input is not said twice', () => {
    const stream = running()
    stream.crash('shutdown')
    stream.append(starts('t1'), says('t1', 'i1'), completes('t1', 2))
    expect(lines(stream)).toEqual(['input ask t1', 'note The turn was interrupted: shutdown', 'output i1: says i1'])
  })

  test.each([
    ['turn.failed', { error: { message: 'no answer' } }, 'note The turn failed: no answer'],
    ['turn.cancelled', { reason: 'enough' }, 'note The turn was cancelled: enough'],
    ['turn.cancelled', {}, 'note The turn was cancelled'],
  ])('is not the only end that is said: %s %o', (type, data, said) => {
    const stream = running()
    stream.append([type, { turnId: 't1', ...data }])
    expect(lines(stream)).toEqual(['input ask t1', said])
  })
})

describe('a call', () => {
  test('is paired at every moment: not run, unknown while it runs, then as it ended', () => {
    const stream = running()
    stream.append(requested('c1'))
    expect(lines(stream)[1]).toBe('pending call c1: not-run')
    stream.append(began('c1'))
    expect(lines(stream)[1]).toBe('pending call c1: unknown')
    stream.append(finished('c1'))
    expect(lines(stream)[1]).toBe('call c1: ok')
  })

  test('that ran at a death is unknown; one that did not stays not run until the turn ends', () => {
    const stream = running()
    stream.append(requested('c1'), requested('c2'), began('c2'))
    stream.crash()
    expect(lines(stream).slice(1)).toEqual(['pending call c1: not-run', 'call c2: unknown', 'note The turn was interrupted: crash'])
    stream.append(completes('t1'))
    expect(lines(stream).slice(1)).toEqual(['call c1: not-run', 'call c2: unknown'])
  })

  test('is told from one of the same id in another turn', () => {
    const stream = running()
    stream.append(requested('c'), finished('c'), completes('t1'), submitted('t2'), starts('t2'), requested('c', 't2'))
    expect(lines(stream).filter((said) => said.includes('call'))).toEqual(['call c: ok', 'pending call c: not-run'])
  })
})

describe('a call that no law would let in', () => {
  test('keeps its first outcome', () => {
    const stream = running()
    stream.append(requested('c1'), finished('c1'))
    const place = { stream: 's', schema: 1, at: 2000 }
    const second = { ...place, position: 7, version: 7, type: 'tool.unknown', data: { turnId: 't1', callId: 'c1' } }
    const state = [...stream.events, second].reduce((before, event) => transcript.apply(before, event), transcript.initial())
    expect(transcript.finish(state, 'main').items.map(line)).toEqual(['input ask t1', 'call c1: ok'])
  })
})

describe('ids that would run together', () => {
  test.each(['/', ':', ',', '","', '|'])('are told apart: joined by %s', (separator) => {
    const stream = session()
    const [one, other] = [`a${separator}b`, 'a'] as const
    stream.append(['thread.started', { threadId: 'b' }], submitted(one), submitted(other, 'b'), starts(one), starts(other))
    stream.append(requested('c', one), requested(`b${separator}c`, other), finished('c', one))
    expect(lines(stream)).toEqual([`input ask ${one}`, 'call c: ok'])
    expect(lines(stream, 'b')).toEqual(['input ask a', `pending call b${separator}c: not-run`])
  })
})

describe('a question', () => {
  test('stands with its answer once there is one', () => {
    const stream = running()
    stream.append(
      ['approval.requested', { turnId: 't1', approvalId: 'a' }],
      ['input.requested', { turnId: 't1', inputId: 'a', question: 'Which dial?' }],
    )
    expect(lines(stream).slice(1)).toEqual(['approval a: …', 'input a: …'])
    stream.append(
      ['approval.resolved', { turnId: 't1', approvalId: 'a', decision: 'denied' }],
      ['input.resolved', { turnId: 't1', inputId: 'a', answer: text('the left') }],
    )
    expect(lines(stream).slice(1)).toEqual(['approval a: denied', 'input a: the left'])
  })
})

describe('a compaction', () => {
  test('puts its summary in the place of everything before it', () => {
    const stream = talk(2)
    stream.append(compacted({ content: [{ type: 'json', value: 1 }] }), submitted('t3'), starts('t3'))
    expect(lines(stream)).toEqual(['summary so far|json', 'input ask t3'])
  })

  test('goes through the end of the turn that it names', () => {
    const stream = talk(3)
    stream.append(compacted({ throughTurnId: 't1' }))
    expect(lines(stream)).toEqual(['summary so far', 'input ask t2', 'output i2: says i2', 'input ask t3', 'output i3: says i3'])
  })

  test('takes in the summary before it', () => {
    const stream = talk(3)
    stream.append(compacted({ throughTurnId: 't1' }), compacted({ summary: 'more', throughTurnId: 't2' }))
    expect(lines(stream)).toEqual(['summary more', 'input ask t3', 'output i3: says i3'])
  })

  test('in a running turn hides what came before; an item that is streamed across it comes behind the summary', () => {
    const stream = running()
    stream.append(says('t1', 'i1'), item('i2'), delta('i2', 'x'), compacted(), says('t1', 'i2'))
    expect(lines(stream)).toEqual(['summary so far', 'output i2: says i2'])
  })

  test('through a turn that is not there is told of, and hides nothing', () => {
    const stream = talk(1)
    stream.append(compacted({ throughTurnId: 'elsewhere' }))
    expect(lines(stream)).toEqual(['summary so far', 'input ask t1', 'output i1: says i1'])
    expect(of(stream).unresolved).toEqual([7])
  })
})

describe('a truncation', () => {
  test('hides what lies behind the end of the turn that it names', () => {
    const stream = talk(3)
    stream.append(truncated({ afterTurnId: 't1' }))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1'])
    stream.append(submitted('t4'), starts('t4'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1', 'input ask t4'])
  })

  test('hides what lies behind an item: of the turn that it names, or of the one that runs', () => {
    const named = talk(2)
    named.append(truncated({ afterTurnId: 't1', afterItemId: 'i1' }))
    expect(lines(named)).toEqual(['input ask t1', 'output i1: says i1'])
    const stream = running()
    stream.append(says('t1', 'i1'), requested('c1'), finished('c1'), says('t1', 'i2'), truncated({ afterItemId: 'i1' }))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1'])
  })

  test('hides everything where it names nothing', () => {
    const stream = talk(2)
    stream.append(truncated())
    expect(lines(stream)).toEqual([])
  })

  test('brings back what a compaction behind the cut had hidden', () => {
    const stream = talk(2)
    stream.append(compacted(), truncated({ afterTurnId: 't1' }))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1'])
  })

  test('at a turn or an item that is not there is told of, and hides nothing', () => {
    const stream = talk(1)
    stream.append(truncated({ afterTurnId: 'elsewhere' }), truncated({ afterTurnId: 't1', afterItemId: 'none' }))
    expect(lines(stream)).toHaveLength(2)
    expect(of(stream).unresolved).toEqual([7, 8])
  })

  test('does not keep an interrupted turn from being asked again where its input was hidden', () => {
    const stream = talk(1)
    stream.append(submitted('t2'), starts('t2'))
    stream.crash()
    stream.append(truncated({ afterTurnId: 't1' }), starts('t2'))
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1', 'input ask t2'])
  })
})

describe('a fork', () => {
  const forked = (more: object = {}): Given => ['thread.forked', { threadId: 'b', from: 'main', ...more }]

  test('begins as the other thread is now, or at the end of a turn, and then goes its own way', () => {
    const stream = talk(2)
    stream.append(forked(), forked({ threadId: 'c', throughTurnId: 't1' }))
    stream.append(submitted('t3'), starts('t3'), submitted('t4', 'c'), starts('t4'))
    expect(lines(stream, 'b')).toEqual(['input ask t1', 'output i1: says i1', 'input ask t2', 'output i2: says i2'])
    expect(lines(stream, 'c')).toEqual(['input ask t1', 'output i1: says i1', 'input ask t4'])
    expect(lines(stream)).toHaveLength(5)
  })

  test('at a turn before a compaction has what was said, not the summary', () => {
    const stream = talk(2)
    stream.append(compacted(), forked({ throughTurnId: 't1' }))
    expect(lines(stream)).toEqual(['summary so far'])
    expect(lines(stream, 'b')).toEqual(['input ask t1', 'output i1: says i1'])
  })

  test('does not change with what it began from', () => {
    const stream = running()
    stream.append(item('i1'), delta('i1', 'a'), forked(), delta('i1', 'b'), says('t1', 'i1'), truncated({ afterItemId: 'i1' }))
    expect(lines(stream, 'b')).toEqual(['input ask t1', 'partial i1: a'])
    expect(lines(stream)).toEqual(['input ask t1', 'output i1: says i1'])
  })

  test('of a thread of another session says where its beginning lies', () => {
    const stream = session()
    stream.append(forked({ fromSession: 'other', throughTurnId: 't9' }))
    expect(of(stream, 'b')).toMatchObject({ continues: { session: 'other', threadId: 'main', throughTurnId: 't9' }, items: [] })
  })
})

describe('what boot closes', () => {
  const last = (
    view: { keys: (event: RecordedEvent) => readonly unknown[]; types: readonly string[] },
    events: readonly RecordedEvent[],
  ): Map<string, number> => {
    const { initial, apply } = view as unknown as {
      initial: (key: unknown) => unknown
      apply: (state: unknown, event: RecordedEvent, key: unknown) => unknown
    }
    const rows = new Map<string, unknown>()
    for (const event of events) {
      for (const key of view.types.includes(event.type) ? view.keys(event) : []) {
        const name = JSON.stringify(key)
        rows.set(name, apply(rows.get(name) ?? initial(key), event, key))
      }
    }
    return new Map([...rows].map(([name, state]) => [name, (state as { lastActivity: number }).lastActivity]))
  }

  test.each([sessionView, thread, turn, task].map((view) => ({ name: view.name, view })))('moves no last activity: $name', ({ view }) => {
    const stream = running()
    stream.append(requested('c1'), began('c1'), item('i1'), ['task.enqueued', { taskId: 'k' }], ['task.started', { taskId: 'k' }])
    const before = last(view, stream.events)
    expect(before.size).toBe(1)
    expect(stream.crash().map(({ type }) => type)).toEqual(['tool.unknown', 'turn.interrupted', 'task.interrupted'])
    expect(last(view, stream.events)).toEqual(before)
  })
})
