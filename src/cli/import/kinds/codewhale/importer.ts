/** CodeWhale, once DeepSeek-TUI: saved sessions and their trees, checkpoints, the offline queue, the runtime's threads, tasks. */
import { basename, dirname } from 'node:path'
import type { Fields } from '../../fields.js'
import type { Telling } from '../../importer.js'
import { hasAll, someRow, type Sample } from '../../sample.js'
import type { SourceFile } from '../../source-file.js'
import { runtimeSessions } from './runtime.js'
import { savedSessions } from './sessions.js'
import { tasks } from './tasks.js'

export const codewhale: Telling = {
  kind: 'codewhale',
  says: 'CodeWhale and DeepSeek-TUI: sessions of every schema, trees, checkpoints, offline queue, receipts, runtime threads, tasks',
  recognises: (sample) => isDocument(sample) || someRow(sample, isEvent) || someRow(sample, isReceipt),
  accompanies: ({ path, name }, folders) =>
    folders.has(dirname(path)) && (name.startsWith('.tmp') || (basename(dirname(path)) === 'sessions' && name.endsWith('.json'))),
  async *sessions(files, report) {
    const runtime = files.filter(isRuntime)
    const work = files.filter((file) => !isRuntime(file) && isTask(file))
    const saved = files.filter((file) => !isRuntime(file) && !isTask(file))
    yield* savedSessions(saved, report)
    yield* runtimeSessions(runtime, report)
    yield* tasks(work, report)
  },
}

const isEvent = ({ seq, thread_id: thread, event, schema_version: version }: Fields): boolean =>
  typeof thread === 'string' && typeof event === 'string' && seq !== undefined && version !== undefined
const isReceipt = ({ phase, approval_id: approval, tool_call_id: call }: Fields): boolean =>
  typeof phase === 'string' && approval !== undefined && call !== undefined

function isDocument({ file, names }: Sample): boolean {
  if (hasAll(names, 'format_version', 'entries')) return true
  if (file.name === 'session_boot_owners.json') return true
  if (file.name === 'queue.json' && basename(dirname(file.path)) === 'tasks') return names.has('queue')
  if (!names.has('schema_version')) return false
  return (
    hasAll(names, 'metadata', 'messages') ||
    hasAll(names, 'session_id', 'messages') ||
    hasAll(names, 'objective', 'status') ||
    names.has('next_seq') ||
    names.has('metadata') ||
    /^(thr|turn|item|task)_/.test(file.name)
  )
}

const isRuntime = ({ path, name }: SourceFile): boolean =>
  /^(thr|turn|item)_/.test(name) || (name === 'state.json' && basename(dirname(path)) === 'runtime')
const isTask = ({ path, name }: SourceFile): boolean =>
  name.startsWith('task_') || (name === 'queue.json' && basename(dirname(path)) === 'tasks')
