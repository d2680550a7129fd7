/** The events that every contender stores: sessions with one running turn whose items come in, seeded so that each run has the same bytes. */
import { seeded } from '../test/support/random.js'

export interface Event {
  type: string
  data: Record<string, unknown>
}

export interface Commit {
  stream: string
  events: Event[]
}

/** About 300 bytes an event once encoded. */
const TEXT_BYTES = 190

/** What has to be in a stream before items can come in. */
export function opening(stream: string): Commit {
  return {
    stream,
    events: [
      { type: 'session.created', data: { title: `Session ${stream}`, agent: 'bench', workspace: '/srv/bench' } },
      { type: 'thread.started', data: { threadId: 'main' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [{ type: 'text', text: 'go' }] } },
      { type: 'turn.started', data: { turnId: 't1', threadId: 'main', attempt: 1 } },
    ],
  }
}

/** One finished message of a turn. */
export function item(n: number, random: () => number): Event {
  let text = ''
  while (text.length < TEXT_BYTES) text += `${Math.floor(random() * 1e9).toString(36)} `
  return {
    type: 'item.completed',
    data: { turnId: 't1', threadId: 'main', itemId: `m${n}`, kind: 'message', role: 'assistant', content: [{ type: 'text', text }] },
  }
}

export const streams = (count: number): string[] => Array.from({ length: count }, (_, i) => `session-${String(i).padStart(4, '0')}`)

/** `count` events in commits of `size`, round the streams, behind each stream's opening. */
export function* history(count: number, size: number, streamCount: number, seed: number): Generator<Commit> {
  const random = seeded(seed)
  const names = streams(streamCount)
  for (const stream of names) yield opening(stream)
  for (let n = names.length * 4, at = 0; n < count; at++) {
    const events = Array.from({ length: Math.min(size, count - n) }, (_, i) => item(n + i, random))
    n += events.length
    yield { stream: names[at % names.length] as string, events }
  }
}
