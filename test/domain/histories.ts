/**
 * Random histories: events over few ids, so that they meet; those that the laws let in are a lawful history.
 * An id `*` stands for one that is open when its turn comes, `+` for a new one.
 */
import * as fc from 'fast-check'
import type { RecordedEvent } from '../../src/define.js'
import type { OpenSession } from '../../src/open-work.js'
import type { OpenTasks } from '../../src/tasks.js'
import { Stream, type Given } from './stream.js'

const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const threadId = fc.oneof({ weight: 6, arbitrary: pick('*') }, { weight: 1, arbitrary: pick('main', 'b', '__proto__') })
const turnId = fc.oneof(
  { weight: 5, arbitrary: pick('*') },
  { weight: 2, arbitrary: pick('?') },
  { weight: 1, arbitrary: pick('t1', 't2', 'constructor') },
)
const id = pick('1', '2', 'toString')
const openId = fc.oneof({ weight: 3, arbitrary: pick('*') }, { weight: 1, arbitrary: id })
const newId = fc.oneof({ weight: 3, arbitrary: pick('+') }, { weight: 1, arbitrary: id })
const attempt = fc.oneof({ weight: 5, arbitrary: pick(undefined) }, { weight: 1, arbitrary: pick(1, 2, 3) })
const text = pick('a', 'b ', '\u{1f6a2}')
const content = fc.array(
  text.map((value) => ({ type: 'text', text: value })),
  { maxLength: 2 },
)

/** An event; fields that are undefined are left out. */
function event(type: string, fields: Record<string, fc.Arbitrary<unknown>> = {}): fc.Arbitrary<Given> {
  return fc.record(fields).map((data) => [type, Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined))])
}

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
const seldom = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined, freq: 1 })
const usage = maybe(pick({ inputTokens: 3, outputTokens: 1 }))

const turns: [number, fc.Arbitrary<Given>][] = [
  [4, event('turn.submitted', { threadId: fc.oneof(pick('main'), threadId), turnId: fc.oneof(pick('+'), turnId), input: content })],
  [6, event('turn.started', { turnId: fc.oneof(pick('?'), turnId), attempt })],
  [1, event('turn.steered', { turnId, input: content })],
  [2, event('turn.completed', { turnId, attempt, usage })],
  [1, event('turn.failed', { turnId, attempt, error: pick({ message: 'no answer' }), usage })],
  [1, event('turn.cancelled', { turnId, attempt })],
  [2, event('turn.interrupted', { turnId, attempt, cause: maybe(pick('provider')) })],
]
const inside: [number, fc.Arbitrary<Given>][] = [
  [3, event('item.started', { turnId, itemId: newId, kind: pick('message', 'reasoning') })],
  [4, event('item.delta', { turnId, itemId: openId, text: maybe(text) })],
  [4, event('item.completed', { turnId, itemId: fc.oneof(openId, newId), content: maybe(content), attempt })],
  [5, event('tool.requested', { turnId, callId: newId, name: pick('read'), arguments: pick({}, null, [1]) })],
  [4, event('tool.started', { turnId, callId: openId })],
  [3, event('tool.finished', { turnId, callId: openId, status: maybe(pick('ok', 'error', 'not-run')), content: maybe(content) })],
  [1, event('tool.unknown', { turnId, callId: openId })],
  [1, event('approval.requested', { turnId, approvalId: newId, callId: maybe(openId) })],
  [1, event('approval.resolved', { turnId, approvalId: openId, decision: maybe(pick('approved', 'denied')) })],
  [1, event('input.requested', { turnId, inputId: newId, question: maybe(text) })],
  [1, event('input.resolved', { turnId, inputId: openId, answer: maybe(content) })],
]
const around: [number, fc.Arbitrary<Given>][] = [
  [2, event('session.created', { title: maybe(text) })],
  [1, event('session.updated', { title: maybe(text), model: maybe(text) })],
  [2, event('session.restored')],
  [1, event('thread.started', { threadId: newId })],
  [1, event('thread.started', { threadId })],
  [1, event('thread.forked', { threadId, from: maybe(threadId), throughTurnId: seldom(turnId) })],
  [2, event('thread.compacted', { threadId, summary: maybe(text), throughTurnId: seldom(turnId) })],
  [2, event('thread.truncated', { threadId, afterTurnId: seldom(turnId), afterItemId: seldom(id) })],
]
const tasks: [number, fc.Arbitrary<Given>][] = [
  'enqueued',
  'started',
  'progressed',
  'completed',
  'failed',
  'cancelled',
  'interrupted',
  'retried',
].map((verb) => [
  verb === 'enqueued' ? 1 : 2,
  event(`task.${verb}`, { taskId: verb === 'enqueued' ? newId : openId, ...(verb === 'enqueued' ? {} : { attempt }) }),
])

const weighted = (list: [number, fc.Arbitrary<Given>][]): fc.WeightedArbitrary<Given>[] =>
  list.map(([weight, arbitrary]) => ({ weight: weight * 8, arbitrary }))

/** The event with what is open now, or new, in the place of `*`, `?` (a turn that may start) and `+`. */
function named([type, data = {}]: Given, stream: Stream): Given {
  const [state, { tasks: openTasks }] = stream.states as unknown as [OpenSession, OpenTasks]
  const turn = state.turns.find(({ status }) => status === 'running') ?? state.turns[0]
  const waiting =
    state.turns.find(({ status }) => status === 'interrupted')?.id ?? state.threads.find(({ queue }) => queue.length > 0)?.queue[0]
  const ask = (kind: string): string | undefined => turn?.asks.find((name) => name.startsWith(kind))?.slice(kind.length)
  const open: Record<string, string | undefined> = {
    turnId: turn?.id,
    threadId: state.threads.at(-1)?.id,
    from: state.threads.at(-1)?.id,
    taskId: openTasks.at(-1)?.id,
    itemId: turn?.items[0],
    callId: turn?.calls.find(({ status }) => status !== 'unknown')?.id,
    approvalId: ask('approval:'),
    inputId: ask('input:'),
  }
  const fill = (field: string, value: unknown): unknown => {
    if (value === '*') return open[field] ?? 'none'
    if (value === '?') return waiting ?? 'none'
    return value === '+' ? `new${stream.events.length}` : value
  }
  return [type, Object.fromEntries(Object.entries(data).map(([field, value]) => [field, fill(field, value)]))]
}

/** Any event, lawful or not; what puts a thread or the session away is rare, or little else would happen. */
export const anyEvent: fc.Arbitrary<Given> = fc.oneof(
  ...weighted([...turns, ...inside, ...around, ...tasks]),
  { weight: 2, arbitrary: event('thread.closed', { threadId }) },
  { weight: 2, arbitrary: event('session.archived') },
  { weight: 1, arbitrary: event('session.deleted') },
)

/** Commits and deaths. */
export type Happening = Given[] | 'crash' | 'shutdown'

export const happenings: fc.Arbitrary<Happening[]> = fc
  .array(
    fc.oneof(
      {
        weight: 30,
        arbitrary: fc.oneof(
          { weight: 6, arbitrary: fc.tuple(anyEvent) },
          { weight: 1, arbitrary: fc.array(anyEvent, { minLength: 2, maxLength: 3 }) },
        ),
      },
      { weight: 1, arbitrary: pick<Happening>('crash', 'shutdown') },
    ),
    {
      minLength: 20,
      maxLength: 250,
      size: 'max',
    },
  )
  .map((list): Happening[] => [
    [
      ['session.created', {}],
      ['thread.started', { threadId: 'main' }],
    ],
    ...list,
  ])

/** Lets happen what the laws let in; `each` hears of every commit. */
export function play(list: readonly Happening[], each: (commit: RecordedEvent[], stream: Stream) => void = () => undefined): Stream {
  const stream = new Stream()
  for (const happening of list) {
    const before = stream.events.length
    if (typeof happening === 'string') stream.crash(happening)
    else stream.takes(...happening.map((one) => named(one, stream)))
    if (stream.events.length > before) each(stream.events.slice(before), stream)
  }
  return stream
}
