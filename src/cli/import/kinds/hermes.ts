/** Hermes Agent: one document for each session, with messages as chat interfaces have them. */
import { chatOf } from '../chat.js'
import { known, Taken, type Fields } from '../fields.js'
import { fileSource, type Telling } from '../importer.js'
import { piecesOf } from '../pieces.js'
import type { Row } from '../rows.js'
import { hasAll } from '../sample.js'
import type { SourceFile } from '../source-file.js'

export const hermes: Telling = {
  kind: 'hermes',
  says: 'Hermes Agent sessions (session_*.json)',
  recognises: (sample) =>
    hasAll(sample.names, 'session_id', 'session_start', 'messages') || hasAll(sample.names, 'session_id', 'session_start', 'platform'),
  async *sessions(files, report) {
    for (const file of files) {
      const members: Fields = {}
      for await (const piece of piecesOf(file, ['messages'])) {
        if (piece.damaged !== undefined) report.damaged(file, { ...known({ offset: piece.offset }), reason: piece.damaged })
        else if (piece.of !== 'messages') members[piece.of] = piece.fields ?? piece.value
      }
      const head = new Taken(members)
      head.drop('message_count', 'last_updated')
      const id = head.text('session_id')
      const createdAt = head.time('session_start')
      const workspace = head.text('cwd') ?? head.inner('model_config')?.text('cwd')
      const session = known({ model: head.text('model'), instructions: head.text('system_prompt'), workspace, extra: head.rest() })
      yield fileSource('hermes', file, {
        ...known({ id, createdAt }),
        session,
        rows: () => messagesIn(file),
        reader: () => (record) => chatOf(record),
      })
    }
  },
}

async function* messagesIn(file: SourceFile): AsyncGenerator<Row> {
  for await (const piece of piecesOf(file, ['messages'])) if (piece.of === 'messages' && piece.damaged === undefined) yield piece
}
