/** What an orchestrator of sub-agents left in zeroclaw's tree: agents that started and stopped, and how sessions ended. */
import { documentOf } from '../../document.js'
import type { Taken } from '../../fields.js'
import { isFields, known, textOf, timeOf } from '../../fields.js'
import { streamOf, type Reader, type Source } from '../../importer.js'
import type { Moment } from '../../moments.js'
import type { Report } from '../../report.js'
import { jsonlRows, rowFrom, type Row } from '../../rows.js'
import { hasAll, someRow, type Sample } from '../../sample.js'
import type { SourceFile } from '../../source-file.js'

export function isLeftOver(sample: Sample): boolean {
  if (hasAll(sample.names, 'session_id', 'ended_at', 'agents_spawned') || hasAll(sample.names, 'agents', 'total_spawned')) return true
  if (hasAll(sample.names, 'trigger', 'active_modes')) return true
  return someRow(
    sample,
    ({ agent, event, agent_type: type }) =>
      typeof agent === 'string' && typeof type === 'string' && /^agent_(start|stop)$/.test(String(event)),
  )
}

/** Each agent is a task: it began, and it ended, or nobody heard of it again. */
export async function* agentTasks(files: readonly SourceFile[], report: Report): AsyncGenerator<Source> {
  for (const file of files) {
    const agents = new Map<string, Row[]>()
    const rows = file.name.endsWith('.jsonl') ? jsonlRows(file) : trackedRows(file, report)
    for await (const row of rows) {
      const id = textOf(row.fields?.['agent']) ?? textOf(row.fields?.['agent_id'])
      if (id === undefined) report.damaged(file, { ...known({ line: row.line }), reason: row.damaged ?? 'no agent is named' })
      else agents.set(id, [...(agents.get(id) ?? []), row])
    }
    for (const [id, own] of agents) yield taskOf(file, id, own)
  }
}

async function* trackedRows(file: SourceFile, report: Report): AsyncGenerator<Row> {
  const { agents, ...totals } = (await documentOf(file, report)) ?? {}
  report.note(file, `totals: ${JSON.stringify(totals)}`)
  for (const agent of Array.isArray(agents) ? (agents as unknown[]) : []) yield rowFrom(file, JSON.stringify(agent), agent)
}

function taskOf(file: SourceFile, id: string, rows: readonly Row[]): Source {
  const first = rows[0]?.fields ?? {}
  return {
    stream: streamOf(id, 'task'),
    file,
    task: true,
    endsTurns: true,
    head: { session: { source: { kind: 'zeroclaw', path: file.path, id } }, ...known({ createdAt: timeOf(first['started_at']) }) },
    rows: async function* () {
      yield* rows
    },
    reader: () => ({ read: reader(id) }),
  }
}

function reader(taskId: string): Reader {
  let begun = false
  const begin = (record: Taken, at: { at?: number }): Moment[] => {
    if (begun) return []
    begun = true
    const agent = record.text('agent_type')
    return [
      { kind: 'event', type: 'task.enqueued', data: known({ taskId, agent }), ...at },
      { kind: 'event', type: 'task.started', data: {}, ...at },
    ]
  }
  return (record) => {
    record.drop('agent', 'agent_id', 't')
    const moments = begin(record, known({ at: record.time('started_at') }))
    const event = record.take('event')
    const status = record.take('status')
    const ended = known({ at: record.time('completed_at') })
    if (event === 'agent_stop') return [...moments, record.take('success') === false ? failed(ended) : completed(ended)]
    if (status === 'completed') return [...moments, completed(ended)]
    if (status === 'failed') return [...moments, failed(ended)]
    return moments
  }
}

const completed = (at: { at?: number }): Moment => ({ kind: 'event', type: 'task.completed', data: {}, ...at })
const failed = (at: { at?: number }): Moment => ({
  kind: 'event',
  type: 'task.failed',
  data: { error: { message: 'the agent did not succeed' } },
  ...at,
})

/** How a session ended, and nothing of what was said in it. */
export async function* leftOvers(files: readonly SourceFile[], report: Report): AsyncGenerator<Source> {
  for (const file of files) {
    const document = await documentOf(file, report)
    const id = textOf(document?.['session_id'])
    if (document === undefined || id === undefined) {
      report.note(file, 'a checkpoint of modes and counts; there is no session in it')
      continue
    }
    const { session_id: _, ...extra } = document
    const createdAt = timeOf(document['ended_at'])
    yield {
      stream: streamOf(id),
      file,
      endsTurns: true,
      head: {
        session: { agent: 'zeroclaw', source: { kind: 'zeroclaw', path: file.path, id }, extra: isFields(extra) ? extra : {} },
        ...known({ createdAt }),
      },
      rows: async function* () {
        // How it ended is all there is.
      },
      reader: () => ({ read: () => [] }),
    }
  }
}
