/** Lines with a role, a content and a time, and calls between them: what many small agents write. */
import { chatOf } from '../chat.js'
import { partsOf } from '../content.js'
import { known, parsed, Taken, type Fields } from '../fields.js'
import { fileSource, type Importer, type Reader } from '../importer.js'
import type { Moment } from '../moments.js'
import { someRow } from '../sample.js'

export const chatLines: Importer = {
  kind: 'chat',
  says: 'lines of role and content with a time, as many small agents write them (JSONL)',
  recognises: (sample) => someRow(sample, isRow),
  async *sessions(files) {
    for (const file of files) yield fileSource('chat', file, { reader })
  },
}

const isRow = ({ role, content, message, timestamp, created_at: created, type }: Fields): boolean =>
  typeof role === 'string' &&
  (content !== undefined || typeof message === 'string') &&
  (timestamp !== undefined || created !== undefined) &&
  type === undefined

function reader(): Reader {
  return (row) => {
    const at = known({ at: row.time('timestamp') ?? row.time('created_at') })
    return momentsOf(row).map((moment) => ({ ...at, ...moment }))
  }
}

function momentsOf(row: Taken): Moment[] {
  switch (row.see('type')) {
    case 'tool_call':
    case 'function_call': {
      row.drop('type')
      const name = row.inner('function')?.text('name') ?? row.text('name') ?? 'unnamed'
      return [{ kind: 'called', name, arguments: parsed(row.take('arguments')) ?? {}, ...known({ callId: row.text('call_id') }) }]
    }
    case 'tool_result':
    case 'function_result':
      row.drop('type')
      return [
        {
          kind: 'returned',
          status: 'ok',
          content: partsOf(row.take('result')),
          ...known({ callId: row.text('call_id'), name: row.text('name') }),
        },
      ]
    default:
      if (row.see('content') !== undefined || typeof row.see('message') !== 'string') return chatOf(row)
      return chatOf(said(row))
  }
}

/** Some versions call the content a message. */
function said(row: Taken): Taken {
  const { message, ...rest } = row.all
  row.drop(...Object.keys(row.all).filter((key) => key !== 'timestamp' && key !== 'created_at'))
  return new Taken({ ...rest, content: message })
}
