/** OpenCode: a file for each session, message and part, in two arrangements: parts in folders of their messages, or in one. */
import { basename, dirname } from 'node:path'
import { documentOf } from '../document.js'
import { amountOf, countOf, isFields, known, Taken, textOf, timeOf, type Fields } from '../fields.js'
import { streamOf, type Telling, type Reader, type Source } from '../importer.js'
import { named, text, type Moment, type Part } from '../moments.js'
import type { Report } from '../report.js'
import { rowFrom, type Row } from '../rows.js'
import { hasAll } from '../sample.js'
import type { SourceFile } from '../source-file.js'

export const opencode: Telling = {
  kind: 'opencode',
  says: 'OpenCode storage (session, message and part trees, old and new)',
  recognises: ({ file, names }) => {
    const [folder, around] = [basename(dirname(file.path)), basename(dirname(dirname(file.path)))]
    if (around === 'session') return hasAll(names, 'id', 'time')
    if (around === 'message') return hasAll(names, 'id', 'role')
    return (around === 'part' || folder === 'part') && hasAll(names, 'id', 'type')
  },
  async *sessions(files, report) {
    const trees = new Map<string, Tree>()
    for (const file of files) put(trees, file)
    for (const tree of trees.values()) yield* treeSessions(tree, report)
  },
}

interface Tree {
  sessions: SourceFile[]
  messages: Map<string, SourceFile[]>
  parts: SourceFile[]
}

function put(trees: Map<string, Tree>, file: SourceFile): void {
  const folder = dirname(file.path)
  const isFlat = basename(folder) === 'part'
  const root = isFlat ? dirname(folder) : dirname(dirname(folder))
  const tree: Tree = trees.get(root) ?? { sessions: [], messages: new Map(), parts: [] }
  trees.set(root, tree)
  const what = isFlat ? 'part' : basename(dirname(folder))
  if (what === 'session') tree.sessions.push(file)
  else if (what === 'part') tree.parts.push(file)
  else tree.messages.set(basename(folder), [...(tree.messages.get(basename(folder)) ?? []), file])
}

async function* treeSessions(tree: Tree, report: Report): AsyncGenerator<Source> {
  const parts = new Map<string, SourceFile[]>()
  for (const file of tree.parts) {
    const message = await messageOf(file, report)
    parts.set(message, [...(parts.get(message) ?? []), file])
  }
  const told = new Set<string>()
  for (const file of tree.sessions) {
    const session = await documentOf(file, report)
    const id = textOf(session?.['id'])
    if (session === undefined || id === undefined) continue
    told.add(id)
    yield sourceOf(file, id, session, tree.messages.get(id) ?? [], parts, report)
  }
  for (const [id, files] of tree.messages) {
    const [first] = files
    if (told.has(id) || first === undefined) continue
    report.note(first, `session ${id} has messages and no file of its own`)
    yield sourceOf(first, id, {}, files, parts, report)
  }
}

/** The message that a part belongs to: its folder's name, or what it says itself. */
async function messageOf(file: SourceFile, report: Report): Promise<string> {
  const folder = basename(dirname(file.path))
  return folder === 'part' ? (textOf((await documentOf(file, report))?.['messageID']) ?? '') : folder
}

function sourceOf(
  file: SourceFile,
  id: string,
  given: Fields,
  messages: readonly SourceFile[],
  parts: ReadonlyMap<string, SourceFile[]>,
  report: Report,
): Source {
  const record = new Taken(given)
  record.drop('id')
  const time = record.inner('time')
  const parent = record.text('parentID')
  const createdAt = time?.time('created')
  time?.drop('updated')
  const session = known({
    agent: 'opencode',
    title: record.text('title'),
    workspace: record.text('directory'),
    project: record.text('projectID'),
    parent: parent === undefined ? undefined : { stream: streamOf(parent) },
    source: known({ kind: 'opencode', path: file.path, id, version: record.text('version') }),
    extra: record.rest(),
  })
  return {
    stream: streamOf(id),
    file,
    endsTurns: false,
    head: { session, ...known({ createdAt }) },
    rows: () => rowsOf(messages, parts, report),
    reader: () => ({ read: reader() }),
  }
}

/** Messages by the time they were made, each with its parts behind it in the order of their files. */
async function* rowsOf(files: readonly SourceFile[], parts: ReadonlyMap<string, SourceFile[]>, report: Report): AsyncGenerator<Row> {
  const messages: { file: SourceFile; message: Fields; at: number }[] = []
  for (const file of files) {
    const message = await documentOf(file, report)
    if (message === undefined) continue
    const time = message['time']
    messages.push({ file, message, at: (isFields(time) ? timeOf(time['created']) : undefined) ?? 0 })
  }
  for (const { file, message } of messages.toSorted((a, b) => a.at - b.at)) {
    const own: PartFile[] = []
    for (const part of parts.get(textOf(message['id']) ?? '') ?? []) {
      const value = await documentOf(part, report)
      if (value !== undefined) own.push({ file: part, value })
    }
    // What was asked is told by a message's parts together; what was answered by each.
    const isUser = message['role'] === 'user'
    const whole = isUser ? { ...message, parts: own.map(({ value }) => value) } : message
    yield { ...rowFrom(file, JSON.stringify(whole), whole), of: 'message' }
    if (!isUser) for (const { file: from, value } of own) yield { ...rowFrom(from, JSON.stringify(value), value), of: 'part' }
    const end = isUser ? undefined : endOf(message)
    if (end !== undefined) yield { ...rowFrom(file, JSON.stringify(end), end), of: 'end' }
  }
}

interface PartFile {
  file: SourceFile
  value: Fields
}

/** How an answer ended, where its message says so. */
function endOf({ error, finish, time, tokens, cost, modelID }: Fields): Fields | undefined {
  const completed = isFields(time) ? time['completed'] : undefined
  if (error === undefined && finish === undefined && completed === undefined && tokens === undefined) return undefined
  return known({ error, finish, completed, tokens, cost, modelID })
}

function reader(): Reader {
  return (record, { of }) => {
    if (of === 'end') return endTold(record)
    if (of === 'part') return partOf(record)
    const time = record.inner('time')
    const at = known({ at: time?.time('created') })
    const id = record.text('id')
    time?.drop('completed')
    record.drop('sessionID', 'parentID', 'error', 'finish', 'tokens', 'cost')
    const role = record.text('role')
    const model = record.inner('model')
    const about = known({
      model: record.text('modelID') ?? model?.text('modelID'),
      provider: record.text('providerID') ?? model?.text('providerID'),
    })
    model?.drop('modelID', 'providerID')
    if (role !== 'user')
      return [{ kind: 'session', data: about, ...at, ...known({ extra: id === undefined ? undefined : { message: id } }) }]
    return [{ kind: 'prompted', input: inputOf(record), ...known({ turnId: id }), ...about, ...at }]
  }
}

function inputOf(record: Taken): Part[] {
  const given = record.take('parts')
  const parts = (Array.isArray(given) ? (given as unknown[]) : []).map((part): Part => {
    if (!isFields(part)) return { type: 'json', value: part }
    if (part['type'] === 'text') return { type: 'text', text: textOf(part['text']) ?? '', ...known({ id: textOf(part['id']) }) }
    return part['type'] === 'file' ? fileOf(new Taken(part)) : { type: 'json', value: part }
  })
  const summary = record.inner('summary')
  if (parts.length > 0) return parts
  return text(summary?.text('body') ?? summary?.text('title') ?? '')
}

function fileOf(part: Taken): Part {
  return { type: 'file', ...known({ name: part.text('filename'), mediaType: part.text('mime'), url: part.text('url') }) }
}

function partOf(part: Taken): Moment[] {
  const time = part.inner('time')
  const at = known({ at: time?.time('start') })
  time?.drop('end')
  part.drop('sessionID', 'messageID')
  return named(happened(part, at), known({ id: part.text('id') }))
}

function happened(part: Taken, at: { at?: number }): Moment[] {
  const type = part.text('type')
  const said = part.text('text')
  if (type === 'text' && said !== undefined) return [{ kind: 'said', text: said, ...at }]
  if (type === 'reasoning' && said !== undefined) return [{ kind: 'reasoned', text: said, ...at }]
  if (type === 'tool') return toolOf(part)
  if (type === 'file') return [{ kind: 'showed', content: [fileOf(part)], ...at }]
  return [{ kind: 'noted', what: type ?? 'part', extra: { part: type ?? null }, ...at }]
}

function toolOf(part: Taken): Moment[] {
  const state = part.inner('state') ?? new Taken({})
  const time = state.inner('time')
  const [start, end] = [time?.time('start'), time?.time('end')]
  const callId = part.text('callID')
  const name = part.text('tool') ?? 'unnamed'
  const status = state.text('status')
  const called: Moment = {
    kind: 'called',
    name,
    arguments: state.take('input') ?? {},
    ...known({ callId, at: start, title: state.text('title') }),
  }
  if (status === 'pending' || status === 'running') return [called]
  const isError = status === 'error'
  const output = isError ? (state.text('error') ?? state.text('output')) : state.text('output')
  return [
    called,
    {
      kind: 'returned',
      name,
      status: isError ? 'error' : 'ok',
      content: output === undefined ? [] : text(output),
      ...known({ callId, at: end }),
    },
  ]
}

function endTold(end: Taken): Moment[] {
  const used = end.inner('tokens')
  const cache = used?.inner('cache')
  const cost = end.take('cost')
  const usage = known({
    inputTokens: used?.count('input'),
    outputTokens: used?.count('output'),
    reasoningTokens: used?.count('reasoning'),
    cacheReadTokens: countOf(cache?.take('read')),
    cacheWriteTokens: countOf(cache?.take('write')),
    cost: amountOf(cost),
  })
  const measured: Moment[] =
    used === undefined
      ? []
      : [{ kind: 'measured', usage, ...known({ model: end.text('modelID'), extra: isFields(cost) ? { cost } : undefined }) }]
  const error = end.inner('error')
  const at = known({ at: end.time('completed') })
  if (error !== undefined) {
    const name = error.text('name') ?? 'error'
    return [
      ...measured,
      {
        kind: 'ended',
        how: /abort/i.test(name) ? 'cancelled' : 'failed',
        reason: error.inner('data')?.text('message') ?? name,
        extra: { error: name },
        ...at,
      },
    ]
  }
  const finish = end.text('finish')
  return finish === undefined || finish === 'tool-calls'
    ? measured
    : [...measured, { kind: 'ended', how: 'completed', reason: finish, ...at }]
}
