/** Codex: rollouts of every age. Today's rows wrap what they say in a payload; the oldest are items of the model's API as they were, as lines or in one document. */
import { lineOf } from '../../chat.js'
import { isFields, known, steady, Taken, type Fields } from '../../fields.js'
import { fileSource, firstRow, streamOf, type Telling, type Reader, type Source } from '../../importer.js'
import type { Moment, SessionFields } from '../../moments.js'
import { piecesOf } from '../../pieces.js'
import type { Report } from '../../report.js'
import { jsonlRows, type Row } from '../../rows.js'
import { hasAll, sampleOf, someRow, type Sample } from '../../sample.js'
import type { SourceFile } from '../../source-file.js'
import { Rollout } from './rollout.js'

export const codex: Telling = {
  kind: 'codex',
  says: 'Codex rollouts (sessions/*/rollout-*.jsonl, and rollout-*.json of old)',
  recognises: (sample) => isDocument(sample) || someRow(sample, (row) => isWrapped(row) || isHeader(row) || isState(row) || isBare(row)),
  async *sessions(files, report) {
    for (const file of files) yield await (isDocument(await sampleOf(file)) ? documentOf(file, report) : linesOf(file))
  },
}

const TYPES = new Set<unknown>(['session_meta', 'turn_context', 'response_item', 'event_msg', 'compacted', 'world_state'])
const isWrapped = ({ type, payload }: Fields): boolean => TYPES.has(type) && isFields(payload)

/** The first row of a rollout from before there were payloads. */
const isHeader = ({ type, id, timestamp, instructions }: Fields): boolean =>
  type === undefined && typeof id === 'string' && typeof timestamp === 'string' && instructions !== undefined

/** Stood between the items once, and says nothing. */
const isState = ({ record_type: record }: Fields): boolean => record === 'state'

const isBare = ({ type, role, content, call_id: callId, name, output }: Fields): boolean =>
  (type === 'message' && typeof role === 'string' && isInputOrOutput(content)) ||
  (typeof callId === 'string' &&
    ((type === 'function_call' && typeof name === 'string') || (type === 'function_call_output' && output !== undefined)))

const isInputOrOutput = (content: unknown): boolean =>
  Array.isArray(content) && content.some((block) => isFields(block) && (block['type'] === 'input_text' || block['type'] === 'output_text'))

const isDocument = ({ names, members }: Sample): boolean => {
  const session = members.get('session')
  return hasAll(names, 'session', 'items') && isFields(session) && isHeader({ instructions: '', ...session })
}

async function linesOf(file: SourceFile): Promise<Source> {
  const head = await firstRow(jsonlRows(file), (row) => row['type'] === 'session_meta' || isHeader(row))
  return sourceOf(file, head.inner('payload') ?? head, () => jsonlRows(file))
}

async function documentOf(file: SourceFile, report: Report): Promise<Source> {
  const members: Fields = {}
  for await (const piece of piecesOf(file, ['items'])) {
    if (piece.damaged !== undefined) report.damaged(file, { ...known({ offset: piece.offset }), reason: piece.damaged })
    else if (piece.of !== 'items') members[piece.of] = piece.fields ?? piece.value
  }
  const document = new Taken(members)
  const session = document.inner('session') ?? new Taken({})
  const source = sourceOf(file, session, () => itemsIn(file))
  const extra = document.rest()
  if (extra !== undefined) source.head.session.extra = extra
  return source
}

async function* itemsIn(file: SourceFile): AsyncGenerator<Row> {
  for await (const piece of piecesOf(file, ['items'])) if (piece.of === 'items' && piece.damaged === undefined) yield piece
}

function sourceOf(file: SourceFile, meta: Taken, rows: () => AsyncIterable<Row>): Source {
  const id = meta.text('id')
  const createdAt = meta.time('timestamp')
  return fileSource('codex', file, { ...known({ id, createdAt }), session: sessionOf(meta), endsTurns: true, rows, reader })
}

function sessionOf(meta: Taken): SessionFields {
  const parent = parentOf(meta)
  return known({
    workspace: meta.text('cwd'),
    provider: meta.text('model_provider'),
    instructions: meta.inner('base_instructions')?.text('text') ?? meta.text('instructions'),
    parent: parent === undefined ? undefined : { stream: streamOf(parent) },
  })
}

/** The session it was forked from, or whose sub-agent it is; versions say the latter in different places. */
function parentOf(meta: Taken): string | undefined {
  const spawned = meta.inner('source')?.inner('subagent')?.inner('thread_spawn')
  return meta.text('forked_from_id') ?? meta.text('parent_thread_id') ?? spawned?.text('parent_thread_id')
}

function reader(): Reader {
  const rollout = new Rollout()
  const unchanged = steady()
  let hasMeta = false
  return (row) => {
    unchanged(row, 'ordinal')
    const at = known({ at: row.time('timestamp') ?? row.time('created_at') })
    const payload = row.inner('payload')
    const type = row.see('type')
    if (payload === undefined) return isHeader(row.all) ? begin(row, at) : bare(row, rollout).map((moment) => ({ ...at, ...moment }))
    if (type === 'session_meta' && !hasMeta) {
      hasMeta = true
      row.drop('type')
      return begin(payload, at)
    }
    const moments = rollout.tell(type, payload)
    if (moments.length > 0) row.drop('type')
    return moments.map((moment) => ({ ...at, ...moment }))
  }
}

/** What is known of the session was taken before; the rest of it is kept. */
function begin(meta: Taken, at: { at?: number }): Moment[] {
  sessionOf(meta)
  meta.drop('id', 'timestamp')
  if (meta.see('session_id') === meta.see('id')) meta.drop('session_id')
  return [{ kind: 'session', data: {}, ...at }]
}

/** A row without a payload: an item as it was, or a line of a chat. */
function bare(row: Taken, rollout: Rollout): Moment[] {
  if (isState(row.all)) row.drop('record_type')
  if (isState(row.all) || TYPES.has(row.see('type'))) return []
  if (isBare(row.all) || row.see('type') === 'reasoning') return rollout.item(row)
  return lineOf(row).map((moment) => (moment.kind === 'prompted' ? { ...moment, unended: true } : moment))
}
