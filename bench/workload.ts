/** The events that every contender stores: sessions with one running turn whose items come in, seeded so that each run has the same bytes. */
import { seeded } from '../test/support/random.js'

export interface Event {
  type: string
  data: Record<string, unknown>
}

export interface Commit {
  stream: string
  /** The version that its caller knows the stream to be at. */
  expected: number
  events: Event[]
}

/** How large events are. */
export interface Mix {
  name: string
  /** Characters of an item's text. */
  length(random: () => number): number
}

/** What an item takes beside its text. */
const AROUND_BYTES = 110

/** About 300 bytes an event once encoded. */
export const small: Mix = { name: '300-byte events', length: () => 190 }

/**
 * As real transcripts are: half of the records are below 1,050 bytes, nine of ten below 6.2 KB, 99 of 100 below 50.7 KB, the largest of
 * 194,131 has 961 KB. Between these, size against the share of larger ones is a straight line where both are logarithms.
 */
const SIZES: readonly (readonly [above: number, bytes: number])[] = [
  [1, 250],
  [0.5, 1050],
  [0.1, 6200],
  [0.01, 50_700],
  [1 / 194_131, 961_000],
]

export const real: Mix = { name: 'real mix', length: (random) => Math.max(1, Math.round(sizeAt(1 - random())) - AROUND_BYTES) }

/** For a process of its own, which is told a mix by its name. */
export function mixNamed(name: string): Mix {
  const mix = [small, real].find((one) => one.name === name)
  if (mix === undefined) throw new TypeError(`there is no mix ${JSON.stringify(name)}`)
  return mix
}

/** The size of which a share of all records is larger. */
function sizeAt(above: number): number {
  const i = Math.max(
    1,
    SIZES.findIndex(([share]) => share <= above),
  )
  const [fromShare, from] = SIZES[i - 1] as (typeof SIZES)[number]
  const [toShare, to] = SIZES[i] as (typeof SIZES)[number]
  const share = Math.log(fromShare / Math.max(above, toShare)) / Math.log(fromShare / toShare)
  return from * (to / from) ** share
}

const POOL_BYTES = 8 << 20
const WORDS = 4000
let pool: string | undefined

/** Text that compresses as text does: words, the most frequent of which come up all the time. Made once, and cut from. */
export function textOf(length: number, random: () => number): string {
  pool ??= madeText(seeded(11))
  const from = Math.floor(random() * (pool.length - length))
  return pool.slice(from, from + length)
}

function madeText(random: () => number): string {
  const letters = 'etaoinshrdlucmfwypvbgkjqxz'
  const word = (): string =>
    Array.from({ length: 1 + Math.floor(random() * random() * 12) }, () => letters[Math.floor(random() * random() * letters.length)]).join(
      '',
    )
  const words = Array.from({ length: WORDS }, word)
  const parts: string[] = []
  for (let length = 0; length < POOL_BYTES;) {
    const next = random() < 0.06 ? String(Math.floor(random() * 1e4)) : (words[Math.floor(WORDS * random() ** 3)] as string)
    parts.push(next)
    length += next.length + 1
  }
  return parts.join(' ').slice(0, POOL_BYTES)
}

/** What has to be in a stream before items can come in. */
export function opening(stream: string): Commit {
  return {
    stream,
    expected: 0,
    events: [
      { type: 'session.created', data: { title: `Session ${stream}`, agent: 'bench', workspace: '/srv/bench' } },
      { type: 'thread.started', data: { threadId: 'main' } },
      { type: 'turn.submitted', data: { threadId: 'main', turnId: 't1', input: [{ type: 'text', text: 'go' }] } },
      { type: 'turn.started', data: { turnId: 't1', threadId: 'main', attempt: 1 } },
    ],
  }
}
export const OPENING_EVENTS = 4

/** One finished message of a turn. */
export function item(id: string | number, mix: Mix, random: () => number, turnId = 't1'): Event {
  const content = [{ type: 'text', text: textOf(mix.length(random), random) }]
  return {
    type: 'item.completed',
    data: { turnId, threadId: 'main', itemId: `m${id}`, kind: 'message', role: 'assistant', content },
  }
}

export const streams = (count: number): string[] => Array.from({ length: count }, (_, i) => `session-${String(i).padStart(4, '0')}`)

export interface Shape {
  mix: Mix
  events: number
  streams: number
  /** Of each commit. */
  commit: number
}

/** A history of so many events, round the streams, behind each stream's opening. */
export function* history({ mix, events: count, streams: many, commit: size }: Shape): Generator<Commit> {
  const random = seeded(3)
  const names = streams(many)
  for (const stream of names) yield opening(stream)
  for (let n = names.length * OPENING_EVENTS, at = 0; n < count; at++) {
    const events = Array.from({ length: Math.min(size, count - n) }, (_, i) => item(n + i, mix, random))
    n += events.length
    yield { stream: names[at % names.length] as string, expected: OPENING_EVENTS + Math.floor(at / names.length) * size, events }
  }
}
