/** Droid (Factory): the session store, and what it streams as JSON. */
import { blockOf, saidByUser, usageOf } from '../blocks.js'
import { blocksOf, partsOf } from '../content.js'
import type { Taken } from '../fields.js'
import { isFields, known, steady, textOf, type Fields } from '../fields.js'
import { fileSource, firstRow, type Telling, type Reader } from '../importer.js'
import { named, type Moment } from '../moments.js'
import { jsonlRows } from '../rows.js'
import { someRow } from '../sample.js'

export const droid: Telling = {
  kind: 'droid',
  says: 'Droid (Factory) sessions and stream-json output (JSONL)',
  recognises: (sample) => someRow(sample, isRow),
  async *sessions(files) {
    for (const file of files) {
      const first = await firstRow(
        jsonlRows(file),
        ({ type, session_id: a, sessionId: b }) => type === 'session_start' || a !== undefined || b !== undefined,
      )
      const id = first.see('type') === 'session_start' ? first.text('id') : (first.text('session_id') ?? first.text('sessionId'))
      const session = known({ title: first.text('title'), workspace: first.text('cwd'), model: first.text('model') })
      yield fileSource('droid', file, { ...known({ id, createdAt: first.time('timestamp') }), session, reader })
    }
  },
}

function isRow({ type, id, cwd, title, role, text: said, toolName, toolCallId, toolId, timestamp }: Fields): boolean {
  if (type === 'session_start') return typeof id === 'string' && (cwd !== undefined || title !== undefined)
  if (type === 'message') return typeof role === 'string' && typeof said === 'string' && timestamp !== undefined
  return type === 'tool_call' && typeof toolName === 'string' && (toolCallId !== undefined || toolId !== undefined)
}

function reader(): Reader {
  const unchanged = steady()
  return (row) => {
    unchanged(row, 'session_id', 'sessionId')
    const at = known({ at: row.time('timestamp') })
    return momentsOf(row).map((moment) => ({ ...at, ...moment }))
  }
}

function momentsOf(row: Taken): Moment[] {
  const type = row.see('type')
  switch (type) {
    case 'session_start':
      row.drop('type', 'id', 'cwd', 'title')
      if (row.see('sessionTitle') === row.see('title')) row.drop('sessionTitle')
      return []
    case 'message':
      return messageOf(row)
    case 'tool_call':
      row.drop('type', 'toolId')
      return [
        {
          kind: 'called',
          name: row.text('toolName') ?? 'unnamed',
          arguments: row.take('parameters') ?? {},
          ...known({ callId: row.text('toolCallId') ?? row.text('id') }),
        },
      ]
    case 'tool_result':
      row.drop('type', 'toolId')
      return [outcomeOf(row)]
    case 'completion':
      return completionOf(row)
    default:
      return []
  }
}

function messageOf(row: Taken): Moment[] {
  const message = row.inner('message') ?? row
  const role = message.text('role')
  const ids = known({ id: textOf(row.see('id')), parentId: textOf(row.see('parentId')) })
  row.drop('type', 'id', 'parentId')
  const content = message.take('content') ?? message.take('text')
  const moments = role === 'assistant' ? blocksOf(content).map((block) => blockOf(block, {})) : userMoments(content, textOf(ids.id))
  return named(moments, ids)
}

function userMoments(content: unknown, turnId: string | undefined): Moment[] {
  const { outcomes, input } = saidByUser(content)
  return input.length === 0 ? outcomes : [...outcomes, { kind: 'prompted', input, ...known({ turnId }) }]
}

function outcomeOf(row: Taken): Moment {
  const value = row.take('value')
  const exitCode = isFields(value) ? value['exitCode'] : undefined
  const isError = row.take('isError') === true || (typeof exitCode === 'number' && exitCode !== 0)
  return {
    kind: 'returned',
    status: isError ? 'error' : 'ok',
    content: partsOf(value),
    ...known({ callId: row.text('toolCallId') ?? row.text('id') }),
  }
}

function completionOf(row: Taken): Moment[] {
  row.drop('type')
  const said = row.text('finalText')
  const used = row.take('usage')
  return [
    ...(said === undefined ? [] : [{ kind: 'said' as const, text: said }]),
    ...(isFields(used) ? [{ kind: 'measured' as const, usage: usageOf(used) }] : []),
    { kind: 'ended', how: 'completed' },
  ]
}
