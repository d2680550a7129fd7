/** Gemini CLI: one document with a list of messages, or lines with changes of what stood before (`$set`, `$rewindTo`). */
import { blocksOf, partsOf, textIn } from '../content.js'
import { countOf, isFields, known, Taken, textOf, type Fields } from '../fields.js'
import { fileSource, firstRow, type Telling, type Reader, type Source } from '../importer.js'
import { named, type Moment, type Part, type Usage } from '../moments.js'
import { piecesOf } from '../pieces.js'
import { jsonlRows, type Row } from '../rows.js'
import { hasAll, someRow } from '../sample.js'
import type { SourceFile } from '../source-file.js'
import type { Report } from '../report.js'

export const gemini: Telling = {
  kind: 'gemini',
  says: 'Gemini CLI chats (one JSON document, or JSONL with $set and $rewindTo) and recorded responses',
  recognises: (sample) =>
    hasAll(sample.names, 'sessionId', 'messages') ||
    hasAll(sample.names, 'history', 'lastUpdated') ||
    someRow(
      sample,
      ({ sessionId, projectHash, method, response }) =>
        (sessionId !== undefined && projectHash !== undefined) || (typeof method === 'string' && Array.isArray(response)),
    ),
  async *sessions(files, report) {
    for (const file of files) yield await ((await isLines(file)) ? linesOf(file) : documentSource(file, report))
  },
}

/** Whether the first line is a record of its own. */
async function isLines(file: SourceFile): Promise<boolean> {
  for await (const { fields, line } of jsonlRows(file))
    return line === 1 && fields !== undefined && fields['messages'] === undefined && fields['history'] === undefined
  return false
}

async function linesOf(file: SourceFile): Promise<Source> {
  const head = await firstRow(jsonlRows(file), ({ sessionId }) => typeof sessionId === 'string')
  return fileSource('gemini', file, { ...known({ id: head.text('sessionId'), createdAt: head.time('startTime') }), reader })
}

async function documentSource(file: SourceFile, report: Report): Promise<Source> {
  const members: Fields = {}
  for await (const piece of piecesOf(file, ['messages', 'history'])) {
    if (piece.damaged !== undefined) report.damaged(file, { ...known({ offset: piece.offset }), reason: piece.damaged })
    else if (!isMessage(piece.of)) members[piece.of] = piece.fields ?? piece.value
  }
  const head = new Taken(members)
  const id = head.text('sessionId')
  const createdAt = head.time('startTime') ?? head.time('start_time')
  const session = known({ title: head.text('summary'), project: head.text('projectHash'), extra: head.rest() })
  return fileSource('gemini', file, { ...known({ id, createdAt }), session, rows: () => messagesIn(file), reader })
}

const isMessage = (of: string): boolean => of === 'messages' || of === 'history'

async function* messagesIn(file: SourceFile): AsyncGenerator<Row> {
  for await (const piece of piecesOf(file, ['messages', 'history'])) if (isMessage(piece.of) && piece.damaged === undefined) yield piece
}

function reader(): Reader {
  /** The turn that each message is in. */
  const turns = new Map<string, string>()
  let turn: string | undefined
  return (row) => {
    if (row.see('$rewindTo') !== undefined) return rewind(row, turns)
    if (row.see('$set') !== undefined) return changesOf(row)
    if (row.see('method') !== undefined) return recordedOf(row)
    const id = row.text('id')
    const at = known({ at: row.time('timestamp') ?? row.time('ts') })
    const moments = messageOf(row, id)
    if (moments.some(({ kind }) => kind === 'prompted')) turn = id
    if (id !== undefined && turn !== undefined) turns.set(id, turn)
    return named(moments, known({ id })).map((moment) => ({ ...at, ...moment }))
  }
}

/** Messages behind the one that is named, and that one, are taken back. */
function rewind(row: Taken, turns: ReadonlyMap<string, string>): Moment[] {
  const target = textOf(row.take('$rewindTo'))
  const turn = target === undefined ? undefined : turns.get(target)
  const ids = [...new Set(turns.values())]
  const before = turn === undefined ? undefined : ids[ids.indexOf(turn) - 1]
  return [{ kind: 'rewound', reason: '$rewindTo', ...known({ to: before }), extra: { rewindTo: target ?? null } }]
}

function changesOf(row: Taken): Moment[] {
  const set = row.inner('$set')
  set?.drop('lastUpdated')
  const title = set?.text('summary')
  return title === undefined ? [] : [{ kind: 'titled', title }]
}

function messageOf(row: Taken, id: string | undefined): Moment[] {
  const kind = row.see('type') ?? row.see('role')
  if (kind === 'user') {
    row.drop('type', 'role', 'displayContent')
    return [{ kind: 'prompted', input: geminiParts(row.take('content') ?? row.take('parts')), ...known({ turnId: id }) }]
  }
  if (kind !== 'gemini' && kind !== 'model') return []
  row.drop('type', 'role')
  const model = row.text('model')
  const thoughts = blocksOf(row.take('thoughts')).map(thoughtOf)
  const said = geminiParts(row.take('content') ?? row.take('parts')).map((part): Moment =>
    part.type === 'text' ? { kind: 'said', text: part.text, ...known({ model }) } : { kind: 'showed', content: [part] },
  )
  const calls = blocksOf(row.take('toolCalls')).flatMap(callOf)
  const used = row.inner('tokens')
  return [
    ...thoughts,
    ...said,
    ...calls,
    ...(used === undefined ? [] : [{ kind: 'measured' as const, ...known({ model }), usage: tokensOf(used) }]),
  ]
}

function thoughtOf(given: unknown): Moment {
  if (!isFields(given)) return { kind: 'reasoned', text: String(given) }
  const thought = new Taken(given)
  const said = [thought.text('subject'), thought.text('description')].filter((part) => part !== undefined).join(': ')
  return { kind: 'reasoned', text: said, ...known({ at: thought.time('timestamp'), extra: thought.rest() }) }
}

function callOf(given: unknown): Moment[] {
  if (!isFields(given)) return [{ kind: 'showed', content: [{ type: 'json', value: given }] }]
  const call = new Taken(given)
  const callId = call.text('id')
  const name = call.text('name') ?? 'unnamed'
  const args = call.take('args') ?? {}
  const status = call.text('status')
  const content = blocksOf(call.take('result')).map(resultOf)
  call.drop('displayName')
  // What the person saw is kept where it is something else.
  if (call.see('resultDisplay') === textIn(content)) call.drop('resultDisplay')
  const at = known({ at: call.time('timestamp') })
  const called: Moment = {
    kind: 'called',
    name,
    arguments: args,
    ...known({ callId, title: call.text('description'), extra: call.rest() }),
    ...at,
  }
  if (status === undefined) return [called]
  const how = status === 'error' ? 'error' : status === 'cancelled' ? 'cancelled' : 'ok'
  return [called, { kind: 'returned', name, status: how, content, ...known({ callId }), ...at }]
}

function resultOf(result: unknown): Part {
  const response = isFields(result) && isFields(result['functionResponse']) ? result['functionResponse']['response'] : undefined
  const output = isFields(response) ? textOf(response['output']) : undefined
  return output === undefined ? { type: 'json', value: result } : { type: 'text', text: output }
}

/** A response that was recorded for tests: pieces of what the model said. */
function recordedOf(row: Taken): Moment[] {
  row.drop('method')
  return blocksOf(row.take('response')).flatMap((response): Moment[] => {
    const candidates = isFields(response) ? blocksOf(response['candidates']) : []
    const said = candidates.flatMap((candidate) =>
      isFields(candidate) && isFields(candidate['content']) ? geminiParts(candidate['content']['parts']) : [],
    )
    return said.flatMap((part): Moment[] => (part.type === 'text' && part.text !== '' ? [{ kind: 'said', text: part.text }] : []))
  })
}

/** Parts as Gemini's API has them. */
export function geminiParts(given: unknown): Part[] {
  return blocksOf(given).flatMap((part): Part[] => {
    if (!isFields(part)) return partsOf(part)
    const data = part['inlineData']
    if (isFields(data))
      return [
        {
          type: 'image',
          ...known({
            mediaType: textOf(data['mimeType']),
            url: textOf(data['data']) === undefined ? undefined : `data:${textOf(data['mimeType']) ?? ''};base64,${String(data['data'])}`,
          }),
        },
      ]
    return typeof part['text'] === 'string' && part['type'] === undefined
      ? [{ ...part, type: 'text', text: part['text'] }]
      : [{ type: 'json', value: part }]
  })
}

function tokensOf(used: Taken): Usage {
  if (used.see('tool') === 0) used.drop('tool')
  return known({
    inputTokens: countOf(used.take('input')),
    outputTokens: countOf(used.take('output')),
    cacheReadTokens: countOf(used.take('cached')),
    reasoningTokens: countOf(used.take('thoughts')),
    totalTokens: countOf(used.take('total')),
  })
}
