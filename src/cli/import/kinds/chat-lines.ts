/** Lines with a role, a content and a time, and calls between them: what many small agents write. */
import { lineOf } from '../chat.js'
import { known, type Fields } from '../fields.js'
import { fileSource, type Telling, type Reader } from '../importer.js'
import { someRow } from '../sample.js'

export const chatLines: Telling = {
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
    return lineOf(row).map((moment) => ({ ...at, ...moment }))
  }
}
