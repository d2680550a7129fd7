/** zeroclaw: chats as lines or in SQLite, with a move from one to the other that may have been cut off; the ACP store; traces. */
import { dirname } from 'node:path'
import { known, textOf, type Fields } from '../../fields.js'
import { fileId, streamOf, type Telling, type Source } from '../../importer.js'
import type { Report } from '../../report.js'
import { jsonlRows, type Row } from '../../rows.js'
import { hasAll, someRow, type Sample } from '../../sample.js'
import { isDatabase, type SourceFile } from '../../source-file.js'
import { openDatabase, type Database } from '../../sqlite.js'
import { acpSessions } from './acp.js'
import { chatReader, storedSessions, type Stored } from './store.js'
import { agentTasks, isLeftOver, leftOvers } from './left-overs.js'
import { traces } from './traces.js'

export const zeroclaw: Telling = {
  kind: 'zeroclaw',
  says: 'zeroclaw: chat files (also while they are being moved), sessions.db, acp-sessions.db, traces',
  recognises: (sample) =>
    hasAll(sample.tables, 'sessions', 'session_metadata') ||
    hasAll(sample.tables, 'acp_sessions', 'acp_messages') ||
    hasAll(sample.names, 'model_name', 'turns') ||
    isLeftOver(sample) ||
    isChat(sample),
  accompanies: ({ path, name }, folders) => folders.has(dirname(path)) && CHAT.test(name),
  async *sessions(files, report) {
    const { databases, chats, traced, agents, others } = sorted(files)
    const stores: Store[] = []
    try {
      for (const file of databases) await open(file, stores, report)
      for (const store of stores)
        yield* store.database.tables.has('acp_sessions')
          ? acpSessions(store.file, store.database)
          : storedSessions(store.file, store.database)
      yield* chatSessions(chats, stores, report)
    } finally {
      for (const { database } of stores) await database[Symbol.asyncDispose]()
    }
    yield* traces(traced, report)
    yield* agentTasks(agents, report)
    yield* leftOvers(others, report)
  },
}

const CHAT = /\.jsonl(\.importing|\.migrated)?$/

/** Lines of a role and a content, and nothing else. */
function isChat(sample: Sample): boolean {
  if (!CHAT.test(sample.file.name) || !someRow(sample, isLine)) return false
  return !someRow(sample, (row) => Object.keys(row).some((key) => key !== 'role' && key !== 'content'))
}
const isLine = ({ role, content }: Fields): boolean => typeof role === 'string' && typeof content === 'string'

interface Sorted {
  databases: SourceFile[]
  chats: SourceFile[]
  traced: SourceFile[]
  agents: SourceFile[]
  others: SourceFile[]
}

function sorted(files: readonly SourceFile[]): Sorted {
  const all: Sorted = { databases: [], chats: [], traced: [], agents: [], others: [] }
  for (const file of files) {
    if (file.name.startsWith('agent-replay-') || file.name === 'subagent-tracking.json') all.agents.push(file)
    else if (CHAT.test(file.name)) all.chats.push(file)
    else if (isDatabase(file)) all.databases.push(file)
    else if (dirname(file.path).endsWith('traces')) all.traced.push(file)
    else all.others.push(file)
  }
  return all
}

interface Store {
  file: SourceFile
  database: Database
}

async function open(file: SourceFile, stores: Store[], report: Report): Promise<void> {
  try {
    stores.push({ file, database: await openDatabase(file) })
  } catch (error) {
    report.failed(file, error)
  }
}

/** A chat in the states that a move into the database leaves: live, staged, moved. */
interface Chat {
  live?: SourceFile
  staged?: SourceFile
  moved?: SourceFile
}

async function* chatSessions(files: readonly SourceFile[], stores: readonly Store[], report: Report): AsyncGenerator<Source> {
  const chats = new Map<string, Chat>()
  for (const file of files) {
    const key = file.path.replace(/(\.importing|\.migrated)$/, '')
    const state = file.name.endsWith('.importing') ? 'staged' : file.name.endsWith('.migrated') ? 'moved' : 'live'
    chats.set(key, { ...chats.get(key), [state]: file })
  }
  for (const chat of chats.values()) {
    const file = await chosen(chat, stores, report)
    if (file !== undefined) yield sourceOf(file)
  }
}

/** The file that holds the chat now; none where it is in the database, or where nobody can say which one it is. */
async function chosen({ live, staged, moved }: Chat, stores: readonly Store[], report: Report): Promise<SourceFile | undefined> {
  if (live !== undefined && staged !== undefined) {
    for (const file of [live, staged])
      report.damaged(file, {
        reason: 'both the live chat and its staged copy are there: a person has to say which one holds; neither is taken',
      })
    return undefined
  }
  const file = live ?? staged ?? moved
  if (file === undefined) return undefined
  if (staged !== undefined) report.note(staged, 'staged for a move that was cut off; taken from here')
  if (moved !== undefined && moved !== file) report.note(moved, 'moved before; the chat went on in the live file')
  const stored = await storedAs(file, stores)
  if (stored === undefined) return hasMessages(file, report)
  report.note(file, `the same as session ${stored.key} in the database, which is taken from there`)
  return undefined
}

/** A chat that the database has, line by line. */
async function storedAs(file: SourceFile, stores: readonly Store[]): Promise<Stored | undefined> {
  const key = keyOf(file)
  for (const { database } of stores) {
    if (!database.tables.has('session_metadata')) continue
    const messages = [...database.rows('sessions', 'id', { column: 'session_key', is: key })]
    if (messages.length === 0) continue
    let at = 0
    for await (const { fields } of jsonlRows(file)) {
      if (fields === undefined) continue
      if (messages[at]?.['role'] !== fields['role'] || messages[at]?.['content'] !== fields['content']) return undefined
      at += 1
    }
    return { key }
  }
  return undefined
}

/** An empty chat is one; a file in which nothing is a message is none. */
async function hasMessages(file: SourceFile, report: Report): Promise<SourceFile | undefined> {
  const damaged: Row[] = []
  for await (const row of chatRows(file)) {
    if (row.damaged === undefined) return file
    damaged.push(row)
    if (damaged.length > 1000) break
  }
  if (damaged.length === 0) return file
  for (const { line, damaged: reason = '' } of damaged) report.damaged(file, { ...known({ line }), reason })
  report.damaged(file, { reason: 'no line of it is a message; not taken in' })
  return undefined
}

const keyOf = ({ name }: SourceFile): string => name.replace(CHAT, '')

function sourceOf(file: SourceFile): Source {
  const key = keyOf(file)
  return {
    stream: streamOf(fileId('zeroclaw', { ...file, name: key })),
    file,
    endsTurns: false,
    head: { session: { agent: 'zeroclaw', title: key, source: { kind: 'zeroclaw', path: file.path, id: key } } },
    rows: () => chatRows(file),
    reader: () => ({ read: chatReader() }),
  }
}

/** Lines that are no message are damaged, as the program itself has it. */
async function* chatRows(file: SourceFile): AsyncGenerator<Row> {
  for await (const row of jsonlRows(file)) {
    if (row.fields === undefined || isLine(row.fields)) yield row
    else
      yield {
        ...known({ line: row.line }),
        file,
        raw: row.raw,
        damaged: `no message: ${textOf(row.fields['role']) === undefined ? 'no role' : 'no content'}`,
      }
  }
}
