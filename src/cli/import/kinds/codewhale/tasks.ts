/** Tasks of CodeWhale: each a stream of its own, told by its timeline. */
import { documentOf } from '../../document.js'
import type { Taken } from '../../fields.js'
import { known, textOf, type Fields } from '../../fields.js'
import { streamOf, type Reader, type Source } from '../../importer.js'
import type { Report } from '../../report.js'
import { rowFrom, type Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'
import type { Moment } from '../../moments.js'

const TASK_SCHEMA = 2

export async function* tasks(files: readonly SourceFile[], report: Report): AsyncGenerator<Source> {
  for (const file of files) {
    const task = await documentOf(file, report)
    if (task === undefined) continue
    const version = task['schema_version']
    const id = textOf(task['id'])
    if (file.name === 'queue.json') report.note(file, 'the order in which tasks wait; the tasks say themselves that they do')
    else if (typeof version === 'number' && version > TASK_SCHEMA)
      report.damaged(file, { reason: `schema ${version} is newer than ${TASK_SCHEMA}, the newest that is known; left untouched` })
    else if (id === undefined) report.damaged(file, { reason: 'a task without an id' })
    else yield sourceOf(file, id, task)
  }
}

function sourceOf(file: SourceFile, id: string, task: Fields): Source {
  return {
    stream: streamOf(id.replace(/^task[_-]/, ''), 'task'),
    file,
    task: true,
    endsTurns: true,
    head: { session: { source: { kind: 'codewhale', path: file.path, id } } },
    rows: () => rowsOf(file, task),
    reader: () => ({ read: reader(id) }),
  }
}

const ENDS = new Set<unknown>(['completed', 'failed', 'canceled'])

/** What a task was from the beginning, each line of its timeline, and its end once it has one. */
async function* rowsOf(file: SourceFile, task: Fields): AsyncGenerator<Row> {
  const { timeline, status, result_summary, terminal_reason, ended_at, duration_ms, lifecycle_seq, runtime_event_count, ...rest } = task
  const begin = { id: rest['id'], prompt: rest['prompt'], created_at: rest['created_at'] }
  yield { ...rowFrom(file, JSON.stringify(begin), rest), of: 'task' }
  for (const entry of Array.isArray(timeline) ? (timeline as unknown[]) : [])
    yield { ...rowFrom(file, JSON.stringify(entry), entry), of: 'timeline' }
  const end = known({
    status,
    result_summary,
    terminal_reason,
    ended_at,
    duration_ms,
    lifecycle_seq,
    runtime_event_count,
    error: rest['error'],
  })
  if (ENDS.has(status)) yield { ...rowFrom(file, JSON.stringify(end), end), of: 'end' }
}

function reader(taskId: string): Reader {
  return (record, { of }) => {
    if (of === 'task') return [begun(record, taskId)]
    if (of === 'timeline') return entryOf(record)
    return [endOf(record)]
  }
}

function begun(record: Taken, taskId: string): Moment {
  record.drop('id', 'schema_version', 'error')
  const at = record.time('created_at')
  const thread = record.text('thread_id')
  const about = {
    prompt: record.text('prompt'),
    title: record.text('title'),
    model: record.text('model'),
    provider: record.text('model_provider'),
    workspace: record.text('workspace'),
    mode: record.text('mode'),
    session: thread === undefined ? undefined : streamOf(thread),
  }
  return { kind: 'event', type: 'task.enqueued', data: { taskId, ...known(about) }, ...known({ at }) }
}

function entryOf(record: Taken): Moment[] {
  const at = known({ at: record.time('timestamp') })
  const kind = record.text('kind')
  // That it was put into the queue is its first event.
  if (kind === 'queued') {
    record.drop('summary')
    return []
  }
  if (kind === 'running') return [{ kind: 'event', type: 'task.started', data: {}, ...at }]
  return [
    {
      kind: 'event',
      type: 'task.progressed',
      data: known({ summary: record.text('summary') }),
      ...known({ extra: kind === undefined ? undefined : { kind } }),
      ...at,
    },
  ]
}

function endOf(record: Taken): Moment {
  const at = known({ at: record.time('ended_at') })
  const status = record.text('status')
  const summary = record.text('result_summary')
  if (status === 'completed') return { kind: 'event', type: 'task.completed', data: known({ summary }), ...at }
  const reason = record.text('terminal_reason') ?? 'no reason is given'
  if (status === 'canceled') return { kind: 'event', type: 'task.cancelled', data: { reason }, ...at }
  return { kind: 'event', type: 'task.failed', data: { error: { message: record.text('error') ?? reason, kind: reason } }, ...at }
}
