/** Grok: a chat history without times, and a summary beside it that says what the session is called. */
import { basename, dirname, resolve } from 'node:path'
import { blocksOf, partsOf, textIn } from '../content.js'
import { documentOf } from '../document.js'
import { isFields, known, parsed, Taken, textOf, type Fields } from '../fields.js'
import { fileSource, type Telling, type Reader, type Source } from '../importer.js'
import type { Moment } from '../moments.js'
import type { Report } from '../report.js'
import { hasAll, someRow } from '../sample.js'
import type { SourceFile } from '../source-file.js'

export const grok: Telling = {
  kind: 'grok',
  says: 'Grok CLI sessions (chat_history.jsonl and summary.json)',
  recognises: (sample) => hasAll(sample.names, 'info', 'session_summary') || someRow(sample, isRow),
  async *sessions(files, report) {
    const summaries = new Map(files.filter(isSummary).map((file) => [dirname(file.path), file]))
    for (const file of files) if (!isSummary(file)) yield await sourceOf(file, summaries.get(dirname(file.path)), report)
    const told = new Set(files.filter((file) => !isSummary(file)).map(({ path }) => dirname(path)))
    for (const [folder, file] of summaries)
      if (!told.has(folder)) report.note(file, 'a summary without its chat history; there is nothing to take in')
  },
}

const isSummary = ({ name }: SourceFile): boolean => name === 'summary.json'

function isRow({ type, content, prompt_index: index, synthetic_reason: synthetic, model_id: model, tool_calls: calls }: Fields): boolean {
  return (
    (type === 'user' && Array.isArray(content) && (index !== undefined || synthetic !== undefined)) ||
    (type === 'assistant' && (model !== undefined || Array.isArray(calls)) && typeof content === 'string')
  )
}

async function sourceOf(file: SourceFile, summary: SourceFile | undefined, report: Report): Promise<Source> {
  const about = new Taken((summary === undefined ? undefined : await documentOf(summary, report)) ?? {})
  if (summary !== undefined) report.note(summary, 'what is known of a session, kept with it')
  const info = about.inner('info') ?? new Taken({})
  const createdAt = about.time('created_at')
  about.drop('updated_at', 'last_active_at', 'num_messages', 'num_chat_messages')
  if (about.see('session_summary') === about.see('generated_title')) about.drop('session_summary')
  const session = known({
    title: about.text('generated_title'),
    agent: about.text('agent_name'),
    model: about.text('current_model_id'),
    workspace: info.text('cwd'),
    parent: parentOf(about),
  })
  // Files of all sessions have one name; the folder is the session's.
  const id = info.text('id') ?? (file.name === 'chat_history.jsonl' ? basename(dirname(resolve(file.path))) : undefined)
  return fileSource('grok', file, { ...known({ id, createdAt }), session: known({ ...session, extra: about.rest() }), reader })
}

function parentOf(about: Taken): { stream: string } | undefined {
  const parent = about.text('parent_session_id')
  return parent === undefined ? undefined : { stream: `session-${parent}` }
}

function reader(): Reader {
  return (row) => {
    switch (row.see('type')) {
      case 'user':
        return userOf(row)
      case 'assistant':
        return assistantOf(row)
      case 'reasoning': {
        row.drop('type')
        return [{ kind: 'reasoned', text: textIn(row.take('summary')) }]
      }
      case 'tool_result':
        row.drop('type')
        return [
          {
            kind: 'returned',
            status: row.take('is_error') === true ? 'error' : 'ok',
            content: partsOf(row.take('content')),
            ...known({ callId: row.text('tool_call_id') }),
          },
        ]
      case 'backend_tool_call':
        return backendOf(row)
      case 'system': {
        const instructions = row.text('content')
        row.drop('type')
        return instructions === undefined ? [] : [{ kind: 'session', data: { instructions } }]
      }
      default:
        return []
    }
  }
}

function userOf(row: Taken): Moment[] {
  row.drop('type')
  const input = partsOf(row.take('content'))
  if (row.see('synthetic_reason') !== undefined) return [{ kind: 'steered', input, role: row.text('synthetic_reason') ?? 'context' }]
  const before: Moment[] =
    row.see('prior_turn_interrupt') === undefined
      ? []
      : [{ kind: 'noted', what: 'interrupt', extra: { prior_turn_interrupt: row.take('prior_turn_interrupt') } }]
  return [...before, { kind: 'prompted', input }]
}

function assistantOf(row: Taken): Moment[] {
  row.drop('type')
  const model = row.text('model_id')
  const said = row.text('content')
  const calls = blocksOf(row.take('tool_calls')).map((given): Moment => {
    const call = new Taken(isFields(given) ? given : {})
    return {
      kind: 'called',
      name: call.text('name') ?? 'unnamed',
      arguments: parsed(call.take('arguments')) ?? {},
      ...known({ callId: call.text('id'), extra: call.rest() }),
    }
  })
  return [...(said === undefined ? [] : [{ kind: 'said' as const, text: said, ...known({ model }) }]), ...calls]
}

/** A call that the provider ran itself: it is told when it is over. */
function backendOf(row: Taken): Moment[] {
  const call = row.inner('kind')
  if (call === undefined) return []
  row.drop('type')
  const callId = textOf(call.take('id'))
  const name = call.text('tool_type') ?? 'unnamed'
  const status = call.text('status') === 'completed' ? 'ok' : 'error'
  return [
    { kind: 'called', name, arguments: call.take('action') ?? {}, ...known({ callId }) },
    { kind: 'returned', name, status, content: [], ...known({ callId }) },
  ]
}
