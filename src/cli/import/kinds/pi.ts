/** pi: a session row, then a tree of messages, changes of model and thinking, compactions. */
import { blocksOf, partsOf } from '../content.js'
import { Branches } from '../branches.js'
import { amountOf, countOf, isFields, known, steady, Taken, textOf, type Fields } from '../fields.js'
import { fileId, streamOf, type Telling, type Reader, type Source } from '../importer.js'
import { named, type Moment } from '../moments.js'
import { jsonlRows } from '../rows.js'
import { someRow } from '../sample.js'
import type { SourceFile } from '../source-file.js'

export const pi: Telling = {
  kind: 'pi',
  says: 'pi sessions (a tree of entries, JSONL)',
  recognises: (sample) => someRow(sample, isRow),
  async *sessions(files) {
    for (const file of files) yield await sessionOf('pi', file)
  },
}

function isRow({ type, id, cwd, version, createdAt, message, timestamp }: Fields): boolean {
  if (type === 'session')
    return typeof id === 'string' && (typeof cwd === 'string' || typeof version === 'number') && createdAt === undefined
  return type === 'message' && isFields(message) && typeof timestamp === 'string' && ROLES.has(message['role'])
}
const ROLES = new Set<unknown>(['toolResult', 'bashExecution'])

export async function sessionOf(kind: string, file: SourceFile): Promise<Source> {
  const header = await headerOf(file)
  const id = header.text('id') ?? fileId(kind, file)
  const parent = header.text('parentSession')
  return {
    stream: streamOf(id),
    file,
    endsTurns: false,
    head: {
      session: known({
        agent: kind,
        model: header.text('modelId'),
        provider: header.text('provider'),
        workspace: header.text('cwd'),
        parent: parent === undefined ? undefined : { stream: streamOf(parent.replace(/^.*_|\.jsonl$/g, '')) },
        source: known({ kind, path: file.path, id, version: JSON.stringify(header.see('version')) }),
      }),
      ...known({ createdAt: header.time('timestamp') }),
    },
    rows: () => jsonlRows(file),
    reader: () => ({ read: piReader() }),
  }
}

async function headerOf(file: SourceFile): Promise<Taken> {
  for await (const { fields } of jsonlRows(file)) if (fields?.['type'] === 'session') return new Taken(fields)
  return new Taken({})
}

export function piReader(): Reader {
  const branches = new Branches()
  const unchanged = steady()
  return (row) => {
    const type = row.see('type')
    if (type === 'session') {
      row.drop('type', 'id', 'timestamp', 'cwd', 'version', 'parentSession', 'modelId', 'provider')
      return []
    }
    const [id, parentId] = [textOf(row.see('id')), textOf(row.see('parentId'))]
    const message = row.see('message')
    const begins = type === 'message' && isFields(message) && message['role'] === 'user'
    const { thread, before } = branches.next(id, parentId, begins)
    const inner = row.inner('message')
    if (inner !== undefined) unchanged(inner, 'api')
    const moments = momentsOf(row, id, branches)
    if (moments.length > 0) row.drop('type', 'id', 'parentId')
    const at = row.time('timestamp')
    const ids = id === undefined ? {} : known({ id, parentId })
    return [...before, ...named(moments, ids)].map((moment) => ({ ...known({ at, thread }), ...moment }))
  }
}

function momentsOf(row: Taken, id: string | undefined, branches: Branches): Moment[] {
  switch (row.see('type')) {
    case 'message':
      return messageOf(row, id)
    case 'compaction':
      return [compactionOf(row, branches)]
    case 'model_change':
      return [{ kind: 'session', data: known({ model: row.text('modelId'), provider: row.text('provider') }) }]
    case 'session_info': {
      const title = row.text('name')
      return title === undefined ? [] : [{ kind: 'titled', title }]
    }
    default:
      return []
  }
}

/** A summary stands for what lies before the first entry that is kept; a turn is kept whole. */
function compactionOf(row: Taken, branches: Branches): Moment {
  const kept = textOf(row.see('firstKeptEntryId'))
  const keepsNothing = kept !== undefined && kept === row.see('id')
  const through = kept === undefined || keepsNothing ? undefined : branches.turnBefore(kept)
  const inferred = through === undefined && !keepsNothing ? 'that a summary stands for all that lies before it' : undefined
  const about = { summary: row.text('summary'), tokensBefore: row.count('tokensBefore'), through, inferred }
  return known({ kind: 'compacted' as const, ...about })
}

function messageOf(row: Taken, id: string | undefined): Moment[] {
  const message = row.inner('message')
  if (message === undefined) return []
  const role = message.see('role')
  if (role === 'user') {
    message.drop('role', 'timestamp')
    return [known({ kind: 'prompted' as const, input: partsOf(message.take('content')), turnId: id })]
  }
  if (role === 'toolResult') return [resultOf(message)]
  return role === 'assistant' ? assistantOf(message) : []
}

function resultOf(message: Taken): Moment {
  message.drop('role', 'timestamp')
  const status = message.take('isError') === true ? 'error' : 'ok'
  return known({
    kind: 'returned' as const,
    callId: message.text('toolCallId'),
    name: message.text('toolName'),
    status,
    content: partsOf(message.take('content')),
  }) as Moment
}

function assistantOf(message: Taken): Moment[] {
  message.drop('role', 'timestamp')
  const about = known({ model: message.text('model'), provider: message.text('provider') })
  const moments = blocksOf(message.take('content')).flatMap((block) => blockOf(block, about))
  const used = message.take('usage')
  if (isFields(used)) moments.push(known({ kind: 'measured' as const, model: about.model, usage: usageOf(used) }))
  const stop = message.text('stopReason')
  const error = message.text('errorMessage')
  if (stop === 'stop' || stop === 'length') moments.push({ kind: 'ended', how: 'completed', reason: stop })
  else if (stop === 'aborted') moments.push({ kind: 'ended', how: 'cancelled', reason: error ?? stop })
  else if (stop === 'error') moments.push({ kind: 'ended', how: 'failed', reason: error ?? stop })
  return moments
}

function usageOf(used: Fields): Extract<Moment, { kind: 'measured' }>['usage'] {
  const [cacheReadTokens, cacheWriteTokens] = [countOf(used['cacheRead']), countOf(used['cacheWrite'])]
  return known({
    inputTokens: (countOf(used['input']) ?? 0) + (cacheReadTokens ?? 0) + (cacheWriteTokens ?? 0),
    outputTokens: countOf(used['output']),
    cacheReadTokens,
    cacheWriteTokens,
    cost: amountOf(isFields(used['cost']) ? used['cost']['total'] : undefined),
  })
}

function blockOf(block: unknown, about: { model?: string; provider?: string }): Moment[] {
  if (typeof block === 'string') return block === '' ? [] : [{ kind: 'said', text: block, ...about }]
  if (!isFields(block)) return [{ kind: 'showed', content: [{ type: 'json', value: block }] }]
  const fields = new Taken(block)
  const said = block['type'] === 'text' ? fields.text('text') : undefined
  const thought = block['type'] === 'thinking' ? fields.text('thinking') : undefined
  const callId = block['type'] === 'toolCall' ? fields.text('id') : undefined
  if (said === undefined && thought === undefined && callId === undefined) {
    return block['text'] === '' || block['thinking'] === '' ? [] : [{ kind: 'showed', content: [{ type: 'json', value: block }] }]
  }
  fields.drop('type')
  if (callId !== undefined) {
    const called = { kind: 'called' as const, callId, name: fields.text('name') ?? 'unnamed', arguments: fields.take('arguments') ?? {} }
    return [{ ...called, ...known({ extra: fields.rest() }) }]
  }
  const moment: Moment =
    said === undefined ? { kind: 'reasoned', text: thought as string, ...about } : { kind: 'said', text: said, ...about }
  return [{ ...moment, ...known({ extra: fields.rest() }) }]
}
