/** Where a search looks: the places of each event that hold what somebody said, asked, called or got. */
import type { events, RecordedEvent } from '../../index.js'
import { words, wordsIn } from './words.js'

type BuiltIn = RecordedEvent<(typeof events)['definitions']>

export interface Place {
  kind: PlaceKind
  text: string
}

/** The kinds of places, as the help names them. */
export const PLACES = [
  ...(['title', 'prompt', 'message', 'reasoning', 'tool', 'arguments', 'result'] as const),
  ...(['question', 'answer', 'summary', 'end'] as const),
] as const
export type PlaceKind = (typeof PLACES)[number]

/** The places of an event, none where its type is not known; what is streamed is put together elsewhere. */
export function placesOf(event: RecordedEvent): Place[] {
  return placed(event as BuiltIn).flatMap(([kind, ...texts]) => {
    const text = texts.filter((one) => one !== undefined && one !== '').join('\n')
    return text === '' ? [] : [{ kind, text }]
  })
}

function placed({ type, data }: BuiltIn): [PlaceKind, ...(string | undefined)[]][] {
  switch (type) {
    case 'session.created':
    case 'session.updated':
    case 'thread.started':
    case 'thread.forked':
      return [['title', data.title]]
    case 'thread.compacted':
      return [['summary', data.summary, wordsIn(data.content ?? [])]]
    case 'turn.submitted':
    case 'turn.steered':
      return [['prompt', wordsIn([...(data.input ?? []), ...(data.attachments ?? [])])]]
    case 'item.completed':
      return [[data.kind === 'reasoning' ? 'reasoning' : 'message', wordsIn(data.content ?? [])]]
    case 'tool.requested':
      return [
        ['tool', data.name, data.title],
        ['arguments', words(data.arguments)],
      ]
    case 'tool.finished':
      return [['result', wordsIn(data.content ?? [])]]
    case 'approval.requested':
      return [['question', data.question, data.name, data.reason, ...(data.options ?? [])]]
    case 'input.requested':
      return [['question', data.question, ...(data.options ?? [])]]
    case 'approval.resolved':
      return [['answer', data.decision, data.reason]]
    case 'input.resolved':
      return [['answer', typeof data.answer === 'string' ? data.answer : wordsIn(data.answer ?? [])]]
    case 'turn.failed':
      return [['end', data.error.message]]
    case 'turn.cancelled':
      return [['end', data.reason]]
    case 'turn.interrupted':
      return [['end', data.cause, data.reason]]
    case 'task.enqueued':
      return [
        ['title', data.title],
        ['prompt', data.prompt, wordsIn(data.input ?? [])],
      ]
    case 'task.progressed':
      return [['message', data.summary]]
    case 'task.completed':
      return [['result', data.summary, words(data.result)]]
    case 'task.failed':
      return [['end', data.error?.message]]
    case 'task.cancelled':
    case 'task.interrupted':
      return [['end', data.reason]]
    default:
      return []
  }
}
