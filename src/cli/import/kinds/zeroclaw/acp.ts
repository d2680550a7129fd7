/** zeroclaw's ACP store: messages, and two rows for each call, one when it begins and one when it ends. */
import { known, parsed, Taken, timeOf, type Fields } from '../../fields.js'
import { streamOf, type Reader, type Source } from '../../importer.js'
import { partsOf } from '../../content.js'
import { text, type Moment } from '../../moments.js'
import { rowFrom, type Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'
import type { Database } from '../../sqlite.js'

export function* acpSessions(file: SourceFile, database: Database): Generator<Source> {
  for (const row of database.rows('acp_sessions', 'id')) {
    const record = new Taken(row)
    const id = record.text('session_uuid')
    if (id !== undefined) yield sourceOf(file, database, id, record)
  }
}

function sourceOf(file: SourceFile, database: Database, id: string, record: Taken): Source {
  const number = record.take('id') as number
  const createdAt = record.time('created_at')
  const killedAt = record.text('killed_at')
  record.drop('last_activity')
  const session = {
    agent: record.text('agent_alias') ?? 'zeroclaw',
    workspace: record.text('workspace_dir'),
    source: { kind: 'zeroclaw', path: file.path, id },
    extra: record.rest(),
  }
  return {
    stream: streamOf(id),
    file,
    endsTurns: false,
    head: {
      session: known(session),
      ...known({ createdAt }),
      ...(killedAt === undefined ? {} : { put: { how: 'deleted' as const, reason: `killed at ${killedAt}` } }),
    },
    rows: () => rowsOf(file, database, number),
    reader: () => ({ read: reader() }),
  }
}

/** Messages with their calls, and what happened to the session behind the message it came after. */
async function* rowsOf(file: SourceFile, database: Database, session: number): AsyncGenerator<Row> {
  const events = database.tables.has('acp_session_events')
    ? [...database.rows('acp_session_events', 'id', { column: 'session_id', is: session })]
    : []
  const row = (fields: Fields, of: string): Row => ({ ...rowFrom(file, JSON.stringify(fields), fields), of })
  for (const message of database.rows('acp_messages', 'id', { column: 'session_id', is: session })) {
    yield row(message, 'message')
    for (const call of database.rows('acp_tool_calls', 'id', { column: 'message_id', is: message['id'] as number })) yield row(call, 'call')
  }
  for (const event of events) yield row(event, 'event')
}

function reader(): Reader {
  return (record, { of }) => {
    const at = known({ at: record.time('created_at') ?? timeOf(record.see('created_at')) })
    record.drop('id', 'session_id', 'message_id')
    const moments = of === 'message' ? messageOf(record) : of === 'call' ? [callOf(record)] : []
    return moments.map((moment) => ({ ...at, ...moment }))
  }
}

function messageOf(record: Taken): Moment[] {
  const role = record.text('role')
  const said = record.text('content')
  if (role === 'user') return [{ kind: 'prompted', input: text(said ?? '') }]
  const thought = record.text('reasoning_content')
  const reasoned: Moment[] = thought === undefined ? [] : [{ kind: 'reasoned', text: thought }]
  return said === undefined ? reasoned : [...reasoned, { kind: 'said', text: said }]
}

function callOf(record: Taken): Moment {
  const callId = record.text('tool_call_id') ?? 'call'
  const name = record.text('tool_name') ?? 'unnamed'
  const payload = record.take('payload')
  if (record.take('event_kind') === 'in') return { kind: 'called', callId, name, arguments: parsed(payload) ?? {} }
  const outcome = record.text('outcome')
  return {
    kind: 'returned',
    callId,
    name,
    status: outcome === undefined || outcome === 'ok' || outcome === 'success' ? 'ok' : 'error',
    content: partsOf(payload),
    ...known({ extra: outcome === 'ok' || outcome === undefined ? undefined : { outcome } }),
  }
}
