/** Hermes WebUI: a sidecar, a backup, turn and run journals for each session, and a database that knows them all. */
import { chatOf } from '../../chat.js'
import { documentOf } from '../../document.js'
import { isFields, known, Taken, textOf, type Fields } from '../../fields.js'
import { streamOf, type Telling, type Source } from '../../importer.js'
import type { Report } from '../../report.js'
import { rowFrom, type Row } from '../../rows.js'
import { hasAll, someRow } from '../../sample.js'
import type { SourceFile } from '../../source-file.js'
import { openDatabase, type Database } from '../../sqlite.js'
import { foldersOf, type Folder, type SessionFiles } from './files.js'
import { sourceOf } from './session.js'
import { isSidecar, sidecarOf, wasShortened, type Sidecar } from './sidecar.js'

export const hermesWebui: Telling = {
  kind: 'hermes-webui',
  says: 'Hermes WebUI state (sessions, backups, turn and run journals) and the state.db of Hermes Agent',
  recognises: (sample) =>
    hasAll(sample.tables, 'sessions', 'messages') ||
    isSidecar(sample.names) ||
    hasAll(sample.names, 'messages', 'anchor_activity_scenes') ||
    hasAll(sample.names, 'issue', 'rows') ||
    someRow(sample, (row) => isTurnRow(row) || isRunRow(row)),
  accompanies: ({ path, name }, folders) => {
    const folder = path.slice(0, -name.length - 1)
    return folders.has(folder) && (name.startsWith('_') || name.endsWith('.json.bak'))
  },
  async *sessions(files, report) {
    for (const folder of foldersOf(files)) {
      const databases: Database[] = []
      try {
        yield* folderSessions(folder, databases, report)
      } finally {
        for (const database of databases) await database[Symbol.asyncDispose]()
      }
    }
  },
}

const isTurnRow = ({ event, turn_id, session_id, created_at }: Fields): boolean =>
  typeof event === 'string' && typeof turn_id === 'string' && typeof session_id === 'string' && created_at !== undefined
const isRunRow = ({ event, run_id, seq, event_id }: Fields): boolean =>
  typeof event === 'string' && typeof run_id === 'string' && seq !== undefined && event_id !== undefined

/** Databases are open until all sessions are read, and given back for that. */
async function* folderSessions(folder: Folder, databases: Database[], report: Report): AsyncGenerator<Source> {
  const deleted = await deletedIn(folder, report)
  const rows = new Map<string, StateRow>()
  for (const file of folder.states) {
    try {
      const database = await openDatabase(file)
      databases.push(database)
      stateRows(file, database, rows)
    } catch (error) {
      report.failed(file, error)
    }
  }
  const taken = new Set<string>()
  for (const files of [...folder.sessions.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (deleted.has(files.id)) {
      for (const file of filesIn(files)) report.note(file, 'deleted by its user; it is not brought back')
      continue
    }
    taken.add(files.id)
    const body = await bodyOf(files, rows.has(files.id), report)
    if (body !== undefined || files.shards.length > 0 || files.runs.length > 0)
      yield sourceOf({ ...files, id: textOf(body?.members['session_id']) ?? files.id, body }, report)
  }
  await tellIndex(folder, taken, report)
  for (const [id, { file, database, row, messages }] of rows) {
    if (taken.has(id)) continue
    if (deleted.has(id)) report.note(file, `session ${id}: deleted by its user; it is not brought back`)
    else if (messages === 0)
      report.damaged(file, { reason: `session ${id} has a row and no messages that can be read; a person has to look` })
    else yield stateSource(file, database, id, row)
  }
  for (const file of folder.others) report.note(file, 'the program keeps it for itself; there is no session in it')
}

const filesIn = ({ sidecar, backup, shards, runs }: SessionFiles): SourceFile[] => [
  ...(sidecar === undefined ? [] : [sidecar]),
  ...(backup === undefined ? [] : [backup]),
  ...shards,
  ...runs,
]

/** Where the messages are taken from: the backup where it has more than the sidecar, and nobody meant it to have fewer. */
async function bodyOf({ sidecar, backup }: SessionFiles, hasRow: boolean, report: Report): Promise<Sidecar | undefined> {
  const live = sidecar === undefined ? undefined : await sidecarOf(sidecar, report)
  const saved = backup === undefined ? undefined : await sidecarOf(backup, report)
  if (backup === undefined || saved === undefined) return live
  if (live === undefined) {
    if (saved.messages === 0 && saved.damaged) {
      report.note(backup, 'a backup that cannot be read, of a session that is not there: left where it is')
      return undefined
    }
    if (hasRow) report.note(backup, 'orphan backup: its session is gone, and is taken from it')
    else
      report.damaged(backup, {
        reason: 'orphan backup without a row in the database: a person has to say whether it is wanted; not taken in',
      })
    return hasRow ? saved : undefined
  }
  if (saved.messages <= live.messages || wasShortened(live)) {
    report.note(backup, 'a backup that holds no more than its session')
    return live
  }
  report.damaged(live.file, { reason: `shrunken: ${live.messages} message(s), and ${saved.messages} in the backup, which are taken` })
  return { ...live, file: saved.file, messages: saved.messages }
}

async function deletedIn({ tombstones }: Folder, report: Report): Promise<Set<string>> {
  const deleted = new Set<string>()
  for (const file of tombstones) {
    const ids = (await documentOf(file, report))?.['ids']
    if (Array.isArray(ids)) for (const id of ids) deleted.add(String(id))
    report.note(file, `${Array.isArray(ids) ? ids.length : 0} session(s) that are not brought back`)
  }
  return deleted
}

/** The index is derived from the sessions; it is held against them, and nothing of it is taken. */
async function tellIndex({ index, sessions }: Folder, taken: ReadonlySet<string>, report: Report): Promise<void> {
  if (index === undefined) return
  report.note(index, 'derived from the sessions: nothing of it is taken in')
  const document = await documentOf(index, report, 'list')
  const named = new Set(
    (Array.isArray(document) ? document : []).flatMap((row: unknown) =>
      isFields(row) && typeof row['session_id'] === 'string' ? [row['session_id']] : [],
    ),
  )
  for (const id of named) if (!sessions.has(id)) report.damaged(index, { reason: `session ${id} is in the index, and has no file` })
  for (const id of taken)
    if (sessions.get(id)?.sidecar !== undefined && !named.has(id))
      report.damaged(index, { reason: `session ${id} has a file, and is not in the index` })
}

interface StateRow {
  file: SourceFile
  database: Database
  row: Fields
  messages: number
}

function stateRows(file: SourceFile, database: Database, rows: Map<string, StateRow>): void {
  for (const row of database.rows('sessions', 'id')) rows.set(String(row['id']), { file, database, row, messages: 0 })
  for (const { session_id: id } of database.rows('messages', 'id')) {
    const session = rows.get(String(id))
    if (session !== undefined) session.messages += 1
  }
}

/** A session that the database alone knows. */
function stateSource(file: SourceFile, database: Database, id: string, given: Fields): Source {
  const row = new Taken(given)
  row.drop('id', 'message_count')
  const path = row.text('worktree_path')
  const parent = row.text('parent_session_id')
  const createdAt = row.time('started_at')
  const isArchived = row.take('archived') === 1
  const session = known({
    agent: 'hermes',
    title: row.text('title'),
    model: row.text('model'),
    workspace: row.text('workspace') ?? row.text('cwd'),
    worktree:
      path === undefined ? undefined : known({ path, branch: row.text('worktree_branch'), repository: row.text('worktree_repo_root') }),
    parent: parent === undefined ? undefined : { stream: streamOf(parent) },
    source: { kind: 'hermes-webui', path: file.path, id },
    extra: row.rest(),
  })
  return {
    stream: streamOf(id),
    file,
    endsTurns: false,
    head: { session, ...known({ createdAt }), ...(isArchived ? { put: { how: 'archived' as const } } : {}) },
    rows: () => stateMessages(file, database, id),
    reader: () => ({
      read: (record) => {
        record.drop('id', 'session_id')
        return chatOf(record, known({ at: record.time('timestamp') }))
      },
    }),
  }
}

async function* stateMessages(file: SourceFile, database: Database, id: string): AsyncGenerator<Row> {
  for (const row of database.rows('messages', 'id', { column: 'session_id', is: id })) yield rowFrom(file, JSON.stringify(row), row)
}
