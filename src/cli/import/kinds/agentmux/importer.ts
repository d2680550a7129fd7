/** agentmux: zones of files in filestore.db, each with what an agent streamed; the same stream as NDJSON. */
import { dirname } from 'node:path'
import { isFields, known, type Fields } from '../../fields.js'
import { fileId, streamOf, type Telling, type Source } from '../../importer.js'
import type { Report } from '../../report.js'
import { jsonlRows, type Row } from '../../rows.js'
import { hasAll, someRow } from '../../sample.js'
import { isDatabase, type SourceFile } from '../../source-file.js'
import { openDatabase } from '../../sqlite.js'
import { streamReader } from './stream.js'
import { zonesOf, type Zone } from './zones.js'

export const agentmux: Telling = {
  kind: 'agentmux',
  says: 'agentmux: filestore.db with its zones and archives, and stream-json output (NDJSON)',
  recognises: (sample) =>
    hasAll(sample.tables, 'db_wave_file', 'db_file_data') ||
    (someRow(sample, isStream) && !someRow(sample, ({ sessionId }) => sessionId !== undefined)),
  accompanies: ({ path, name }, folders) => folders.has(dirname(path)) && name.endsWith('.flag'),
  async *sessions(files, report) {
    for (const file of files) {
      if (file.name.endsWith('.flag')) report.note(file, 'says that a migration was done; there is no session in it')
      else if (isDatabase(file)) yield* zones(file, report)
      else yield sourceOf(file, fileId('agentmux', file), () => jsonlRows(file))
    }
  },
}

function isStream({ type, subtype, session_id: session, message }: Fields): boolean {
  if (type === 'system' && subtype === 'agentmux_session_outcome') return true
  return (
    (type === 'result' && typeof subtype === 'string' && typeof session === 'string') ||
    (type === 'assistant' && typeof session === 'string' && isFields(message))
  )
}

async function* zones(file: SourceFile, report: Report): AsyncGenerator<Source> {
  try {
    await using database = await openDatabase(file)
    for (const zone of zonesOf(file, database, report)) yield sourceOf(file, zone.name, () => zone.rows(), zone)
  } catch (error) {
    report.failed(file, error)
  }
}

function sourceOf(file: SourceFile, id: string, rows: () => AsyncIterable<Row>, zone?: Zone): Source {
  return {
    stream: streamOf(id),
    file,
    endsTurns: true,
    head: {
      session: known({ agent: 'agentmux', source: { kind: 'agentmux', path: file.path, id }, extra: zone?.extra }),
      ...known({ createdAt: zone?.createdAt }),
      ...(zone?.isArchive === true ? { put: { how: 'archived' as const, reason: 'an archive of its zone' } } : {}),
    },
    rows,
    reader: () => ({ read: streamReader() }),
  }
}
