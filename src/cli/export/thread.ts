/** One thread of a session as another program is told of it: its own turns and those it began with, without what was hidden. */
import type { RecordedEvent } from '../../index.js'
import type { OpenedJournal } from '../command.js'
import type { Fields } from './content.js'
import type { Losses } from './losses.js'
import { isEnd } from './told.js'

/** What was streamed and never completed is told as far as it came, where its turn ends. */
class Streamed {
  readonly #losses: Losses
  readonly #open = new Map<string, { event: RecordedEvent; data: Fields; text: string }>()

  constructor(losses: Losses) {
    this.#losses = losses
  }

  *before(event: RecordedEvent): Generator<RecordedEvent> {
    const data = event.data as Fields
    const id = `${String(data['turnId'])}/${String(data['itemId'])}`
    if (event.type === 'item.started') this.#open.set(id, { event, data, text: '' })
    else if (event.type === 'item.delta') this.#more(id, event, data)
    else if (event.type === 'item.completed') this.#open.delete(id)
    else if (isEnd(event)) for (const [open, item] of this.#open) if (item.data['turnId'] === data['turnId']) yield this.#cutOff(open, item)
  }

  #more(id: string, event: RecordedEvent, data: Fields): void {
    const item = this.#open.get(id) ?? { event, data, text: '' }
    item.text += typeof data['text'] === 'string' ? data['text'] : ''
    this.#open.set(id, item)
  }

  #cutOff(id: string, { event, data, text }: { event: RecordedEvent; data: Fields; text: string }): RecordedEvent {
    this.#open.delete(id)
    this.#losses.add('output that was cut off, told as if it were whole')
    const { text: _, ...about } = data
    return { ...event, type: 'item.completed', data: { ...about, content: [{ type: 'text', text }] } }
  }
}

interface Line {
  /** Where it was forked from: everything there up to the end of a turn, at a place in the stream. */
  from?: { thread: string; through: string | undefined; version: number }
  turns: string[]
}

/** Which turns belong to a thread, and which of the others do not. */
export interface Lineage {
  turns: ReadonlySet<string>
  /** Up to which version what is said of a thread itself holds here. */
  threads: ReadonlyMap<string, number>
}

/** The events that tell one thread, in order. */
export async function* eventsOf(
  journal: OpenedJournal,
  stream: string,
  { turns, threads }: Lineage,
  losses: Losses,
): AsyncGenerator<RecordedEvent, void, undefined> {
  /** Prompts are told when their turns begin: what waits is not said yet. */
  const waiting = new Map<string, RecordedEvent>()
  const streamed = new Streamed(losses)
  for await (const event of journal.read(stream)) {
    const { threadId, turnId } = event.data as { threadId?: string; turnId?: string }
    if (turnId === undefined) {
      const holds = threadId === undefined || event.version <= (threads.get(threadId) ?? 0)
      if (holds) yield event
    } else if (turns.has(turnId)) {
      const prompt = waiting.get(turnId)
      if (event.type === 'turn.submitted') waiting.set(turnId, event)
      else {
        if (prompt !== undefined && event.type !== 'turn.cancelled') {
          waiting.delete(turnId)
          yield prompt
        }
        yield* streamed.before(event)
        yield event
      }
    }
  }
  losses.add('a prompt that was never taken up', waiting.size)
}

/** A thread's turns; a sentence where there is no such thread. */
export async function lineageOf(journal: OpenedJournal, stream: string, thread: string, losses: Losses): Promise<Lineage | string> {
  const lines = await linesOf(journal, stream, losses)
  // A session in which nothing was said yet has no threads, and can be told all the same.
  const isEmpty = lines.size === 0 && thread === 'main'
  if (!lines.has(thread) && !isEmpty) return `${stream} has no thread ${thread}; it has ${[...lines.keys()].join(', ') || 'none'}`
  const turns = new Set<string>()
  const threads = new Map<string, number>()
  let until = Number.POSITIVE_INFINITY
  let through: string | undefined
  for (let at: string | undefined = thread; at !== undefined && !threads.has(at);) {
    const line = lines.get(at)
    threads.set(at, until)
    const all = line?.turns ?? []
    for (const turn of through === undefined ? all : all.slice(0, all.indexOf(through) + 1)) turns.add(turn)
    ;[until, through] = [line?.from?.version ?? 0, line?.from?.through]
    at = line?.from?.thread
  }
  const others = [...lines.values()].flatMap((line) => line.turns).filter((turn) => !turns.has(turn))
  losses.add('a turn of another thread', others.length)
  return { turns, threads }
}

/** Every thread with its turns; what was cut off is not among them. */
async function linesOf(journal: OpenedJournal, stream: string, losses: Losses): Promise<Map<string, Line>> {
  const lines = new Map<string, Line>()
  const line = (thread: string): Line => {
    const there = lines.get(thread) ?? { turns: [] }
    lines.set(thread, there)
    return there
  }
  for await (const { type, version, data } of journal.read(stream)) {
    const about = data as { threadId?: string; turnId?: string; from?: string; throughTurnId?: string; afterTurnId?: string }
    const { threadId, turnId } = about
    if (threadId === undefined) continue
    const own = line(threadId)
    if (type === 'turn.submitted' && turnId !== undefined) own.turns.push(turnId)
    else if (type === 'thread.forked')
      own.from = { thread: about.from ?? 'main', through: about.throughTurnId ?? line(about.from ?? 'main').turns.at(-1), version }
    else if (type === 'thread.truncated') {
      const hidden = own.turns.splice(about.afterTurnId === undefined ? 0 : own.turns.indexOf(about.afterTurnId) + 1)
      losses.add('a turn that was hidden by going back', hidden.length)
    }
  }
  return lines
}
