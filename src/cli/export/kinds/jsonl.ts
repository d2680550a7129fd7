/** JSONL: every event as the journal has it, with its commit, so that an import makes an equal journal of it. docs/import.md has its shape. */
import { task, type Damage, type RecordedCommit } from '../../../index.js'
import type { OpenedJournal } from '../../command.js'
import { toExactJson } from '../../exact-json.js'
import { noSession, type Exported, type Exporter, type What } from '../exporter.js'
import { Losses } from '../losses.js'

export const jsonl: Exporter = {
  kind: 'jsonl',
  says: 'everything: each event with its commit, for turnlog import and for scripts. Of a session and its tasks, or of the whole journal',
  takes: 'everything',
  async open(journal: OpenedJournal, { stream }: What): Promise<Exported | string> {
    const streams = stream === undefined ? undefined : await streamsOf(journal, stream)
    if (streams?.length === 0) return noSession(stream as string)
    const losses = new Losses()
    return { name: `${encodeURIComponent(stream ?? journal.id)}.jsonl`, lines: linesOf(journal, streams, losses), losses }
  },
}

type Item = RecordedCommit | { gap: Damage; events?: undefined }

/** The session's own stream, and those of tasks that say they are its; none where the session is not there. */
async function streamsOf(journal: OpenedJournal, session: string): Promise<string[]> {
  const tasks = new Set<string>()
  for await (const { state } of journal.list(task, { by: 'enqueued', where: { session } })) tasks.add(state.stream)
  tasks.delete(session)
  for await (const _ of journal.read(session, { limit: 1, onGap: 'yield' })) return [session, ...tasks]
  return []
}

async function* linesOf(journal: OpenedJournal, streams: readonly string[] | undefined, losses: Losses): AsyncGenerator<string> {
  const of = streams === undefined ? {} : { streams }
  yield toExactJson({ turnlog: 'journal', export: 1, id: journal.id, ...journal.head, ...of })
  const counts = { commits: 0, events: 0, gaps: 0 }
  const items =
    streams === undefined
      ? journal.commits({ onGap: 'yield' })
      : merged(streams.map((stream) => journal.commits({ stream, onGap: 'yield' })))
  for await (const item of items) {
    if (item.events === undefined) {
      counts.gaps += 1
      losses.add('a part of the history that is damaged or lost')
      yield toExactJson({ gap: item.gap })
      continue
    }
    counts.commits += 1
    for (const line of told(item)) {
      counts.events += 1
      yield toExactJson(line)
    }
  }
  yield toExactJson({ end: counts })
}

/** A commit in a line for each of its events. What the engine said by itself is as good as said by anybody; what it added is added again. */
function told({ position, commitId, events, added }: RecordedCommit): object[] {
  const whole = { events: events.length + added.length, ...(commitId === undefined ? {} : { id: commitId }) }
  return [...events, ...added].map((event, index) => ({
    ...event,
    commit: { position, index, ...whole },
    ...(index < events.length || events.length === 0 ? {} : { added: true }),
  }))
}

/** Several streams in the order of their positions; a gap that several of them have stands once. */
async function* merged(streams: readonly AsyncIterable<Item>[]): AsyncGenerator<Item> {
  const heads: { rest: AsyncIterator<Item>; item: Item }[] = []
  const gaps = new Set<number>()
  const take = async (rest: AsyncIterator<Item>): Promise<void> => {
    const { done, value } = await rest.next()
    if (done !== true) heads.push({ rest, item: value })
  }
  for (const stream of streams) await take(stream[Symbol.asyncIterator]())
  while (heads.length > 0) {
    heads.sort((a, b) => placeOf(a.item) - placeOf(b.item))
    const { rest, item } = heads.shift() as (typeof heads)[0]
    if (item.events !== undefined || !gaps.has(item.gap.firstPosition)) yield item
    if (item.events === undefined) gaps.add(item.gap.firstPosition)
    await take(rest)
  }
}

const placeOf = (item: Item): number => (item.events === undefined ? item.gap.firstPosition : item.position)
