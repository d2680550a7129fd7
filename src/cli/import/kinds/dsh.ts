/** DeepSeek Harness: numbered events, with what was streamed packed into rows of chunks. */
import { blocksOf, partsOf } from '../content.js'
import { countOf, isFields, known, parsed, Taken } from '../fields.js'
import { fileSource, firstRow, streamOf, type Telling, type Reader } from '../importer.js'
import { named, type Moment } from '../moments.js'
import { jsonlRows, type Row } from '../rows.js'
import { someRow } from '../sample.js'
import type { SourceFile } from '../source-file.js'

/** The newest version of the header that is known. */
const VERSION = 3

export const dsh: Telling = {
  kind: 'dsh',
  says: 'DeepSeek Harness session logs (JSONL, v0 to v3)',
  recognises: (sample) =>
    someRow(sample, ({ type, createdAt, version }) => type === 'session' && createdAt !== undefined && version !== undefined),
  async *sessions(files, report) {
    for (const file of files) {
      const header = await firstRow(jsonlRows(file), ({ type }) => type === 'session')
      const version = countOf(header.see('version')) ?? 0
      if (version > VERSION) {
        report.damaged(file, { line: 1, reason: `version ${version} is newer than ${VERSION}, the newest that is known; left untouched` })
        continue
      }
      // A template stands for an id that was not filled in.
      const given = header.text('id')
      const id = given?.includes('{{') === true ? undefined : given
      const parent = header.text('parentSession')
      const session = known({
        workspace: header.text('cwd'),
        mode: header.text('agentPreset'),
        parent: parent === undefined ? undefined : { stream: streamOf(parent) },
        extra: given === id ? undefined : { id: given },
      })
      yield fileSource('dsh', file, {
        ...known({ id, createdAt: header.time('createdAt') }),
        session,
        endsTurns: true,
        rows: () => rowsOf(file),
        reader,
      })
    }
  },
}

/** Families of events that are known, whatever comes behind. */
const FAMILIES =
  /^(session|turn|step|system|user|assistant|request|tool|tool-workflow|agent|subagent|permission|sandbox|approval|command|goal|plan|compaction|hook|memory|todo|skill|mcp|fork|workspace|question|input)(\/|$)|^(text|reasoning|tool-call)-chunks$/

/** Numbers have no gaps, and an event that nobody knows says so if it may be passed over. */
async function* rowsOf(file: SourceFile): AsyncGenerator<Row> {
  let next: number | undefined
  for await (const row of jsonlRows(file)) {
    const seq = countOf(row.fields?.['seq'])
    const type = row.fields?.['type']
    if (seq !== undefined && next !== undefined && seq !== next)
      yield { ...row, damaged: `event ${seq} follows ${next - 1}: what lay between is not there` }
    else if (typeof type === 'string' && !FAMILIES.test(type) && row.fields?.['ignorable'] !== true)
      yield { ...row, damaged: `an event ${type}, which is not known and may not be passed over; kept raw` }
    else yield row
    if (seq !== undefined) next = seq + 1
  }
}

function reader(): Reader {
  const open = new Open()
  return (row) => {
    const at = known({ at: row.time('time') })
    const type = row.text('type') ?? ''
    row.drop('seq', 'surfaceOp')
    if (type === 'session') {
      row.drop('version', 'id', 'createdAt', 'cwd', 'agentPreset', 'parentSession', 'isSeeded')
      if (row.see('delegationDepth') === 0) row.drop('delegationDepth')
      return []
    }
    const data = row.inner('data') ?? new Taken({})
    const moments = open.tell(type, data) ?? [{ kind: 'noted' as const, what: type, extra: { event: type } }]
    return moments.map((moment) => ({ ...at, ...moment }))
  }
}

class Open {
  /** Calls that were told, so that the message that repeats them does not tell them again. */
  readonly #calls = new Set<string>()

  tell(type: string, data: Taken): Moment[] | undefined {
    switch (type) {
      case 'user/message':
        return promptOf(data)
      case 'assistant/message':
        return this.#message(data)
      case 'tool/call':
        return this.#call(data.text('callId'), data)
      case 'tool/ptc-dispatch-start':
      case 'tool/code-dispatch-start':
        return this.#call(data.text('subCallId'), data)
      case 'tool/ptc-dispatch':
      case 'tool/code-dispatch':
        return [dispatched(data)]
      case 'tool/result':
        return resultOf(data)
      case 'turn/end':
        return endOf(data)
      case 'session/title':
        return [{ kind: 'titled', title: data.text('title') ?? '' }]
      case 'request/context':
        return [{ kind: 'session', data: known({ model: data.text('model'), provider: data.text('provider') }) }]
      case 'approval/asked':
        return [
          {
            kind: 'asked',
            askId: data.text('id') ?? 'approval',
            ...known({ callId: data.text('callId'), name: data.text('toolName'), question: data.text('reason') }),
          },
        ]
      case 'approval/decided':
        return [{ kind: 'answered', askId: data.text('id') ?? 'approval', decision: data.text('outcome') ?? 'unknown' }]
      case 'compaction/summary':
        return [
          {
            kind: 'compacted',
            content: partsOf(data.take('summary')),
            ...known({ tokensBefore: data.count('shadowedTokenCount'), model: data.text('model') }),
          },
        ]
      default:
        return undefined
    }
  }

  #message(data: Taken): Moment[] {
    data.drop('turn', 'step', 'stream')
    const message = data.inner('message') ?? new Taken({})
    message.drop('role')
    const source = message.inner('source')
    source?.drop('kind')
    const about = known({ model: source?.text('model'), provider: source?.text('provider') })
    const moments = blocksOf(message.take('content')).flatMap((block) => this.#block(block, about))
    return named(moments, known({ id: message.text('id') }))
  }

  #block(block: unknown, about: { model?: string; provider?: string }): Moment[] {
    if (!isFields(block)) return [{ kind: 'showed', content: partsOf(block) }]
    const fields = new Taken(block)
    if (block['type'] === 'tool-call') return this.#call(fields.text('id'), fields)
    const said = fields.text('text')
    if (said === undefined) return block['text'] === '' ? [] : [{ kind: 'showed', content: [{ type: 'json', value: block }] }]
    fields.drop('type')
    return [{ kind: block['type'] === 'reasoning' ? 'reasoned' : 'said', text: said, ...about, ...known({ extra: fields.rest() }) }]
  }

  #call(callId: string | undefined, fields: Taken): Moment[] {
    fields.drop('type', 'turn', 'step', 'callId', 'id')
    const name = fields.text('name') ?? 'unnamed'
    const args = parsed(fields.take('arguments')) ?? {}
    if (callId !== undefined && this.#calls.has(callId)) return []
    if (callId !== undefined) this.#calls.add(callId)
    return [{ kind: 'called', name, arguments: args, ...known({ callId, extra: fields.rest() }) }]
  }
}

/** What a person says begins a turn; what the program says in the user's place reaches the one that runs. */
function promptOf(data: Taken): Moment[] {
  const source = data.inner('source')
  const kind = source?.text('kind')
  const id = data.text('id')
  data.drop('role', 'turn', 'step')
  const input = partsOf(data.take('content'))
  if (kind === undefined || kind === 'user') return [{ kind: 'prompted', input, ...known({ turnId: id }) }]
  return named([{ kind: 'steered', input, role: kind }], known({ id }))
}

function dispatched(data: Taken): Moment {
  const status = data.take('isError') === true ? 'error' : 'ok'
  data.drop('rootCallId', 'parentCallId', 'arguments')
  return {
    kind: 'returned',
    status,
    content: partsOf(data.take('content')),
    ...known({ callId: data.text('subCallId'), name: data.text('name') }),
  }
}

function resultOf(data: Taken): Moment[] {
  data.drop('turn', 'step')
  const message = data.inner('message') ?? new Taken({})
  message.drop('role', 'source')
  const outcomes = blocksOf(message.take('content')).map((block): Moment => {
    const fields = new Taken(isFields(block) ? block : { content: block })
    fields.drop('type')
    const status = fields.take('isError') === true ? 'error' : 'ok'
    return {
      kind: 'returned',
      status,
      content: partsOf(fields.take('content')),
      ...known({ callId: fields.text('toolCallId'), extra: fields.rest() }),
    }
  })
  return named(outcomes, known({ id: message.text('id') }))
}

function endOf(data: Taken): Moment[] {
  data.drop('turn')
  const reason = data.inner('reason')
  const kind = reason?.text('kind') ?? 'completed'
  const how =
    kind === 'completed' ? 'completed' : /abort|cancel/.test(kind) ? 'cancelled' : /error|fail/.test(kind) ? 'failed' : 'interrupted'
  return [{ kind: 'ended', how, reason: reason?.text('message') ?? kind }]
}
