/** The runtime of CodeWhale: an event log for each thread, and records of threads, turns and items beside it. */
import { basename, dirname } from 'node:path'
import { documentOf } from '../../document.js'
import { known, textOf, type Fields } from '../../fields.js'
import { streamOf, type Source } from '../../importer.js'
import type { Report } from '../../report.js'
import { jsonlRows, rowFrom, type Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'
import { aboutThread, type Records } from './records.js'
import { RuntimeReader } from './runtime-reader.js'

const RUNTIME_SCHEMA = 2

export async function* runtimeSessions(files: readonly SourceFile[], report: Report): AsyncGenerator<Source> {
  const logs = files.filter(({ path }) => basename(dirname(path)) === 'events')
  const records = new Map<string, Records>()
  const turnThreads = new Map<string, string>()
  const of = (thread: string): Records => {
    const there = records.get(thread) ?? { thread: undefined, turns: new Map(), items: new Map() }
    records.set(thread, there)
    return there
  }
  const threadFiles: Record<string, SourceFile> = {}
  for (const file of files.filter((one) => !logs.includes(one)).toSorted((a, b) => RANK(a) - RANK(b))) {
    const record = await recordOf(file, report)
    const id = textOf(record?.['id'])
    if (record === undefined || id === undefined) continue
    if (id.startsWith('thr_')) {
      of(id).thread = record
      threadFiles[id] = file
    } else if (id.startsWith('turn_')) {
      const thread = textOf(record['thread_id']) ?? 'unknown'
      turnThreads.set(id, thread)
      of(thread).turns.set(id, record)
    } else of(turnThreads.get(textOf(record['turn_id']) ?? '') ?? 'unknown').items.set(id, record)
  }
  const highest = await highestOf(logs)
  for (const file of files.filter(({ name }) => name === 'state.json')) await judgeState(file, highest, report)
  const names = new Set([...records.keys(), ...logs.map(threadIn)])
  for (const thread of [...names].toSorted()) {
    const log = logs.find((file) => threadIn(file) === thread)
    const own = of(thread)
    const file = log ?? threadFiles[thread]
    if (file !== undefined) yield sourceOf(thread, file, log !== undefined, own, report)
  }
}

/** Threads come before their turns, and turns before their items. */
const RANK = ({ name }: SourceFile): number => (name.startsWith('thr_') ? 0 : name.startsWith('turn_') ? 1 : 2)
const threadIn = ({ name }: SourceFile): string => name.replace(/\.jsonl$/, '')

async function recordOf(file: SourceFile, report: Report): Promise<Fields | undefined> {
  if (file.name === 'state.json') return undefined
  const record = await documentOf(file, report)
  const version = record?.['schema_version']
  if (typeof version === 'number' && version > RUNTIME_SCHEMA) {
    report.damaged(file, { reason: `schema ${version} is newer than ${RUNTIME_SCHEMA}, the newest that is known; left untouched` })
    return undefined
  }
  if (record !== undefined) report.note(file, 'a record of what the log of its thread tells')
  return record
}

async function highestOf(logs: readonly SourceFile[]): Promise<number> {
  let highest = 0
  for (const log of logs) {
    for await (const { fields } of jsonlRows(log)) if (typeof fields?.['seq'] === 'number') highest = Math.max(highest, fields['seq'])
  }
  return highest
}

async function judgeState(file: SourceFile, highest: number, report: Report): Promise<void> {
  const next = (await documentOf(file, report))?.['next_seq']
  report.note(file, 'the next number of an event; the journal has numbers of its own')
  if (typeof next === 'number' && next <= highest)
    report.damaged(file, { reason: `next_seq ${next} is behind the logs, whose highest is ${highest}` })
}

function sourceOf(id: string, file: SourceFile, hasLog: boolean, records: Records, report: Report): Source {
  const { session, createdAt, isArchived } = aboutThread(records.thread ?? {})
  if (records.thread === undefined && hasLog) report.note(file, 'a log without a record of its thread; what it says of the thread is taken')
  return {
    stream: streamOf(id),
    file,
    endsTurns: true,
    head: {
      session: { ...session, agent: 'codewhale', source: { kind: 'codewhale', path: file.path, id } },
      ...known({ createdAt }),
      ...(isArchived ? { put: { how: 'archived' as const } } : {}),
    },
    rows: () => (hasLog ? logRows(file) : recordRows(file, records)),
    reader: () => new RuntimeReader(records),
  }
}

/** A line without a newline was never committed by its writer, also where it is whole. */
async function* logRows(file: SourceFile): AsyncGenerator<Row> {
  for await (const row of jsonlRows(file)) {
    const version = row.fields?.['schema_version']
    if (row.unended === true) yield { ...row, torn: true, damaged: 'a last line without a newline, which its writer never committed' }
    else if (typeof version === 'number' && version > RUNTIME_SCHEMA) {
      const { fields: _, ...rest } = row
      yield { ...rest, damaged: `schema ${version} is newer than ${RUNTIME_SCHEMA}, the newest that is known; kept raw` }
    } else yield row
  }
}

/** Where there is no log, the records tell: each turn, its items, and how it ended. */
async function* recordRows(file: SourceFile, { turns, items }: Records): AsyncGenerator<Row> {
  for (const [id, turn] of turns) {
    const about = { thread_id: turn['thread_id'], turn_id: id, timestamp: turn['started_at'] ?? turn['created_at'] }
    const events: Fields[] = [{ ...about, event: 'turn.started', payload: { turn } }]
    for (const [itemId, item] of items) {
      if (item['turn_id'] === id)
        events.push({
          ...about,
          item_id: itemId,
          event: item['status'] === 'completed' ? 'item.completed' : 'item.started',
          payload: { item },
        })
    }
    for (const event of events) yield rowFrom(file, JSON.stringify(event), event)
  }
}
