/** stream-json: what an agent's process writes while it works, a result at the end of each turn. */
import { blockOf, saidByUser, usageOf } from '../../blocks.js'
import { blocksOf } from '../../content.js'
import type { Taken } from '../../fields.js'
import { isFields, known, steady } from '../../fields.js'
import type { Reader } from '../../importer.js'
import { text, type Moment } from '../../moments.js'

export function streamReader(): Reader {
  const unchanged = steady()
  return (row) => {
    unchanged(row, 'session_id', 'cwd', 'parent_tool_use_id')
    const at = known({ at: row.time('timestamp') })
    return momentsOf(row).map((moment) => ({ ...at, ...moment }))
  }
}

function momentsOf(row: Taken): Moment[] {
  switch (row.see('type')) {
    case 'system':
      return row.see('subtype') === 'init' ? initOf(row) : []
    case 'user':
      return userOf(row)
    case 'assistant':
      return assistantOf(row)
    case 'result':
      return resultOf(row)
    case 'user_message': {
      const said = row.text('message')
      row.drop('type')
      return said === undefined ? [] : [{ kind: 'prompted', input: text(said) }]
    }
    default:
      return []
  }
}

function initOf(row: Taken): Moment[] {
  row.drop('type', 'subtype')
  return [{ kind: 'session', data: known({ model: row.text('model'), workspace: row.text('cwd') }) }]
}

function userOf(row: Taken): Moment[] {
  const message = row.inner('message')
  if (message === undefined) return []
  row.drop('type')
  message.drop('role')
  const { outcomes, input } = saidByUser(message.take('content'))
  return input.length === 0 ? outcomes : [...outcomes, { kind: 'prompted', input }]
}

function assistantOf(row: Taken): Moment[] {
  const message = row.inner('message')
  if (message === undefined) return []
  row.drop('type')
  message.drop('role', 'type', 'stop_sequence', 'usage')
  const about = known({ model: message.text('model'), stopReason: message.text('stop_reason') })
  return blocksOf(message.take('content')).map((block) => blockOf(block, about))
}

/** The end of a turn; its text is that of the last message. */
function resultOf(row: Taken): Moment[] {
  const isError = row.take('is_error') === true
  const subtype = row.text('subtype')
  row.drop('type', ...(isError ? [] : ['result']))
  const used = row.take('usage')
  const measured: Moment[] = isFields(used)
    ? [{ kind: 'measured', usage: known({ ...usageOf(used), cost: row.amount('total_cost_usd') }) }]
    : []
  const reason = isError ? (row.text('result') ?? subtype) : subtype
  return [
    ...measured,
    { kind: 'ended', how: isError ? 'failed' : 'completed', ...known({ reason, durationMs: row.amount('duration_ms') }) },
  ]
}
