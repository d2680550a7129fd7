/** Qwen Code: Claude Code's rows with Gemini's parts in them. */
import { isFields, known, steady, Taken, textOf, type Fields } from '../fields.js'
import { fileSource, firstRow, type Telling, type Reader } from '../importer.js'
import { Branches } from '../branches.js'
import { named, type Moment, type Part } from '../moments.js'
import { jsonlRows } from '../rows.js'
import { someRow } from '../sample.js'
import { geminiParts } from './gemini.js'

export const qwen: Telling = {
  kind: 'qwen',
  says: 'Qwen Code chats (JSONL)',
  recognises: (sample) => someRow(sample, isRow),
  async *sessions(files) {
    for (const file of files) {
      const first = await firstRow(jsonlRows(file), ({ sessionId }) => typeof sessionId === 'string')
      const id = /^[\da-f-]{32,36}\.jsonl$/.test(file.name) ? file.name.slice(0, -'.jsonl'.length) : undefined
      const session = known({ workspace: first.text('cwd') })
      yield fileSource('qwen', file, { ...known({ id, createdAt: first.time('timestamp') }), session, reader })
    }
  },
}

const isRow = ({ uuid, sessionId, message, systemPayload }: Fields): boolean =>
  typeof uuid === 'string' &&
  typeof sessionId === 'string' &&
  ((isFields(message) && Array.isArray(message['parts'])) || isFields(systemPayload))

function reader(): Reader {
  const unchanged = steady()
  const branches = new Branches()
  return (row) => {
    unchanged(row, 'sessionId', 'cwd', 'version', 'gitBranch')
    const at = known({ at: row.time('timestamp') })
    const [uuid, parent] = [textOf(row.see('uuid')), textOf(row.see('parentUuid'))]
    const isPrompt = row.see('type') === 'user'
    const { thread, before } = branches.next(uuid, parent, isPrompt)
    const moments = momentsOf(row, uuid)
    if (moments.length > 0) row.drop('uuid', 'parentUuid', 'type')
    const ids = known({ uuid, parentUuid: parent })
    return [...before, ...named(moments, ids)].map((moment) => ({ ...known({ thread }), ...at, ...moment }))
  }
}

function momentsOf(row: Taken, turnId: string | undefined): Moment[] {
  const message = row.inner('message')
  const model = row.text('model')
  const parts = geminiParts(message?.take('parts'))
  message?.drop('role')
  switch (row.see('type')) {
    case 'user':
      row.inner('systemPayload')?.drop('displayText')
      return [{ kind: 'prompted', input: parts, ...known({ turnId }) }]
    case 'assistant':
      return [...parts.map((part) => partSaid(part, model)), ...measuredIn(row, model)]
    case 'tool_result':
      return parts.map(outcomeOf)
    default: {
      const title = row.inner('systemPayload')?.text('customTitle')
      return title === undefined ? [] : [{ kind: 'titled', title }]
    }
  }
}

function partSaid(part: Part, model: string | undefined): Moment {
  if (part.type === 'text')
    return { kind: 'thought' in part && part.thought === true ? 'reasoned' : 'said', text: part.text, ...known({ model }) }
  const call =
    part.type === 'json' && isFields(part.value) && isFields(part.value['functionCall']) ? new Taken(part.value['functionCall']) : undefined
  if (call === undefined) return { kind: 'showed', content: [part] }
  return {
    kind: 'called',
    name: call.text('name') ?? 'unnamed',
    arguments: call.take('args') ?? {},
    ...known({ callId: call.text('id'), extra: call.rest() }),
  }
}

function outcomeOf(part: Part): Moment {
  const response =
    part.type === 'json' && isFields(part.value) && isFields(part.value['functionResponse'])
      ? new Taken(part.value['functionResponse'])
      : new Taken({})
  const given = response.take('response')
  const output = isFields(given) ? textOf(given['output']) : undefined
  const isError = isFields(given) && given['error'] !== undefined
  const content: Part[] = [
    output === undefined ? (given === undefined ? part : { type: 'json', value: given }) : { type: 'text', text: output },
  ]
  return {
    kind: 'returned',
    status: isError ? 'error' : 'ok',
    content,
    ...known({ callId: response.text('id'), name: response.text('name') }),
  }
}

function measuredIn(row: Taken, model: string | undefined): Moment[] {
  const used = row.inner('usageMetadata')
  if (used === undefined) return []
  const usage = known({
    inputTokens: used.count('promptTokenCount'),
    outputTokens: used.count('candidatesTokenCount'),
    cacheReadTokens: used.count('cachedContentTokenCount'),
    reasoningTokens: used.count('thoughtsTokenCount'),
    totalTokens: used.count('totalTokenCount'),
  })
  return [{ kind: 'measured', usage, ...known({ model }) }]
}
