/** zeroclaw's traces: what a model answered, turn by turn, as a script. */
import { blocksOf } from '../../content.js'
import { isFields, known, Taken } from '../../fields.js'
import { fileId, streamOf, type Reader, type Source } from '../../importer.js'
import { text, type Moment } from '../../moments.js'
import { piecesOf } from '../../pieces.js'
import type { Report } from '../../report.js'
import type { Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'

export async function* traces(files: readonly SourceFile[], report: Report): AsyncGenerator<Source> {
  for (const file of files) {
    const members: Record<string, unknown> = {}
    for await (const piece of piecesOf(file, ['turns'])) {
      if (piece.damaged !== undefined) report.damaged(file, { ...known({ offset: piece.offset }), reason: piece.damaged })
      else if (piece.of !== 'turns') members[piece.of] = piece.fields ?? piece.value
    }
    const { model_name: model, ...extra } = members
    const session = {
      agent: 'zeroclaw',
      source: { kind: 'zeroclaw', path: file.path },
      model: typeof model === 'string' ? model : undefined,
      extra,
    }
    yield {
      stream: streamOf(fileId('zeroclaw', file)),
      file,
      endsTurns: true,
      head: { session: known(session) },
      rows: () => turns(file),
      reader: () => ({ read: reader() }),
    }
  }
}

async function* turns(file: SourceFile): AsyncGenerator<Row> {
  for await (const piece of piecesOf(file, ['turns'])) if (piece.of === 'turns' && piece.damaged === undefined) yield piece
}

/** A trace has no outcomes of its calls: the next step follows them. */
function reader(): Reader {
  return (turn) => {
    const steps = blocksOf(turn.take('steps')).flatMap((step) => stepOf(step))
    return [{ kind: 'prompted', input: text(turn.text('user_input') ?? '') }, ...steps, { kind: 'ended', how: 'completed' }]
  }
}

function stepOf(step: unknown): Moment[] {
  const response = isFields(step) && isFields(step['response']) ? new Taken(step['response']) : undefined
  if (response === undefined) return [{ kind: 'showed', content: [{ type: 'json', value: step }] }]
  response.drop('type')
  const usage: Moment = {
    kind: 'measured',
    usage: known({ inputTokens: response.count('input_tokens'), outputTokens: response.count('output_tokens') }),
  }
  const said = response.text('content')
  const calls = blocksOf(response.take('tool_calls')).map((call): Moment => {
    const fields = new Taken(isFields(call) ? call : {})
    return {
      kind: 'called',
      name: fields.text('name') ?? 'unnamed',
      arguments: fields.take('arguments') ?? {},
      ...known({ callId: fields.text('id'), extra: fields.rest() }),
    }
  })
  const lost = calls.map((call): Moment => ({
    kind: 'lost',
    callId: (call as { callId?: string }).callId ?? '',
    cause: 'a trace does not hold outcomes',
  }))
  return [
    ...(said === undefined ? [] : [{ kind: 'said' as const, text: said, ...known({ extra: response.rest() }) }]),
    ...calls,
    ...lost,
    usage,
  ]
}
