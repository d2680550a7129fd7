/** zeroclaw's sessions.db: messages by key, and what is known of each key. */
import { chatOf } from '../../chat.js'
import { known, Taken, textOf, type Fields } from '../../fields.js'
import { fileId, streamOf, type Reader, type Source } from '../../importer.js'
import { rowFrom, type Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'
import type { Database } from '../../sqlite.js'
import type { Moment } from '../../moments.js'

export interface Stored {
  key: string
}

export function* storedSessions(file: SourceFile, database: Database): Generator<Source> {
  const described = new Set<unknown>()
  for (const row of database.rows('session_metadata', 'session_key')) {
    const record = new Taken(row)
    const key = record.text('session_key')
    described.add(key)
    if (key !== undefined) yield sourceOf(file, database, key, record)
  }
  // Messages are written before what is known of their session.
  for (const key of database.values('sessions', 'session_key'))
    if (typeof key === 'string' && !described.has(key)) yield sourceOf(file, database, key, new Taken({ session_key: key }))
}

function sourceOf(file: SourceFile, database: Database, key: string, record: Taken): Source {
  record.drop('last_activity', 'message_count')
  const createdAt = record.time('created_at')
  const state = record.text('state')
  const session = {
    agent: record.text('agent_alias') ?? 'zeroclaw',
    title: record.text('name') ?? key,
    source: { kind: 'zeroclaw', path: file.path, id: key },
    extra: record.rest(),
  }
  return {
    stream: streamOf(fileId('zeroclaw', { ...file, name: key })),
    file,
    endsTurns: state === 'running',
    head: { session: known(session), ...known({ createdAt }) },
    rows: () => rowsOf(file, database, key),
    reader: () => ({ read: chatReader(), closing: () => closing(state, row(record)) }),
  }
}

const row = ({ all }: Taken): Fields => all

/** What the database says of a turn that failed; one that runs has no end. */
function closing(state: string | undefined, { turn_id: turn }: Fields): Moment[] {
  return state === 'error'
    ? [
        {
          kind: 'ended',
          how: 'failed',
          reason: `the session is in state error${textOf(turn) === undefined ? '' : ` (turn ${String(turn)})`}`,
        },
      ]
    : []
}

async function* rowsOf(file: SourceFile, database: Database, key: string): AsyncGenerator<Row> {
  for (const message of database.rows('sessions', 'id', { column: 'session_key', is: key }))
    yield rowFrom(file, JSON.stringify(message), message)
}

/** Messages of a role and a content, with a time where the database has one. */
export function chatReader(): Reader {
  return (record) => {
    record.drop('id', 'session_key')
    return chatOf(record, known({ at: record.time('created_at') }))
  }
}
