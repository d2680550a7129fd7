/** GitHub Copilot CLI: events, each with its data beside it. */
import { blocksOf, partsOf } from '../content.js'
import { isFields, known, parsed, Taken, textOf, type Fields } from '../fields.js'
import { fileSource, firstRow, type Telling, type Reader } from '../importer.js'
import { named, text, type Moment } from '../moments.js'
import { jsonlRows } from '../rows.js'
import { someRow } from '../sample.js'

export const copilot: Telling = {
  kind: 'copilot',
  says: 'GitHub Copilot CLI sessions (events.jsonl)',
  recognises: (sample) => someRow(sample, isRow),
  async *sessions(files) {
    for (const file of files) {
      const start = (await firstRow(jsonlRows(file), ({ type }) => type === 'session.start')).inner('data') ?? new Taken({})
      const context = start.inner('context')
      const session = known({ model: start.text('selectedModel'), workspace: context?.text('cwd') })
      yield fileSource('copilot', file, {
        ...known({ id: start.text('sessionId'), createdAt: start.time('startTime') }),
        session,
        endsTurns: true,
        reader,
      })
    }
  },
}

const isRow = ({ type, data, id, timestamp }: Fields): boolean =>
  typeof type === 'string' && type.includes('.') && isFields(data) && id !== undefined && timestamp !== undefined

function reader(): Reader {
  const called = new Set<string>()
  let running = false
  return (row) => {
    const at = known({ at: row.time('timestamp') })
    const type = row.text('type') ?? ''
    const data = row.inner('data') ?? new Taken({})
    const ids = known({ id: textOf(row.take('id')), parentId: textOf(row.take('parentId')) })
    const moments = momentsOf(type, data, called, running) ?? [{ kind: 'noted' as const, what: type, extra: { event: type } }]
    if (moments.some(({ kind }) => kind === 'prompted' || kind === 'said' || kind === 'called')) running = true
    if (moments.some(({ kind }) => kind === 'ended')) running = false
    return named(moments, ids).map((moment) => ({ ...at, ...moment }))
  }
}

function momentsOf(type: string, data: Taken, called: Set<string>, running: boolean): Moment[] | undefined {
  switch (type) {
    case 'user.message': {
      data.drop('transformedContent')
      const attachments = partsOf(data.take('attachments'))
      return [{ kind: 'prompted', input: text(data.text('content') ?? ''), ...(attachments.length === 0 ? {} : { attachments }) }]
    }
    case 'assistant.message':
      return messageOf(data, called)
    case 'tool.execution_start':
      return callOf(data, data.text('toolName'), called)
    case 'tool.execution_complete':
      return [outcomeOf(data)]
    case 'assistant.turn_end':
      data.drop('turnId', 'model')
      return undefined
    case 'session.error':
      return running ? [{ kind: 'ended', how: 'failed', reason: data.text('message') ?? 'error' }] : undefined
    case 'abort':
    case 'session.abort':
      return running ? [{ kind: 'ended', how: 'cancelled', ...known({ reason: data.text('reason') }) }] : undefined
    case 'session.model_change':
      return [{ kind: 'session', data: known({ model: data.text('newModel') }) }]
    case 'session.shutdown':
      return running ? [{ kind: 'ended', how: 'completed', inferred: 'the end of a turn, at the end of its session' }] : undefined
    default:
      return undefined
  }
}

function messageOf(data: Taken, called: Set<string>): Moment[] {
  const model = data.text('model')
  const thought = data.text('reasoningText')
  const said = data.text('content')
  const calls = blocksOf(data.take('toolRequests')).flatMap((request): Moment[] => {
    if (!isFields(request)) return [{ kind: 'showed', content: [{ type: 'json', value: request }] }]
    const fields = new Taken(request)
    return callOf(fields, fields.text('name'), called)
  })
  const outputTokens = data.count('outputTokens')
  return [
    ...(thought === undefined ? [] : [{ kind: 'reasoned' as const, text: thought, ...known({ model }) }]),
    ...(said === undefined ? [] : [{ kind: 'said' as const, text: said, ...known({ model }) }]),
    ...calls,
    ...(outputTokens === undefined ? [] : [{ kind: 'measured' as const, usage: { outputTokens }, ...known({ model }) }]),
  ]
}

/** A call is told by the message that asks for it, or by its beginning, whichever comes first. */
function callOf(fields: Taken, name: string | undefined, called: Set<string>): Moment[] {
  fields.drop('type')
  const callId = fields.text('toolCallId')
  const args = parsed(fields.take('arguments')) ?? {}
  if (callId !== undefined && called.has(callId)) return [{ kind: 'noted', what: 'call', extra: { started: callId } }]
  if (callId !== undefined) called.add(callId)
  return [
    {
      kind: 'called',
      name: name ?? 'unnamed',
      arguments: args,
      ...known({ callId, title: fields.text('intentionSummary'), extra: fields.rest() }),
    },
  ]
}

function outcomeOf(data: Taken): Moment {
  const result = data.inner('result')
  const status = data.take('success') === false ? 'error' : 'ok'
  const content = partsOf(result?.take('content') ?? data.take('error'))
  return { kind: 'returned', status, content, ...known({ callId: data.text('toolCallId') }) }
}
