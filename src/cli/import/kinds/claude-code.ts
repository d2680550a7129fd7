/** Claude Code: a row for each message, an array of blocks in each; sub-agents in files of their own, or on the side. */
import { basename, dirname } from 'node:path'
import { blockOf, callOf, outcomeOf, saidByUser, usageOf } from '../blocks.js'
import { blocksOf, textIn } from '../content.js'
import { documentOf } from '../document.js'
import { countOf, isFields, known, steady, textOf, Taken, type Fields } from '../fields.js'
import { streamOf, type Telling, type Reader, type Source } from '../importer.js'
import { named, type Moment, type Part } from '../moments.js'
import { piecesOf } from '../pieces.js'
import type { Report } from '../report.js'
import { jsonlRows, type Row } from '../rows.js'
import { hasAll, someRow, type Sample } from '../sample.js'
import type { SourceFile } from '../source-file.js'

export const claudeCode: Telling = {
  kind: 'claude-code',
  says: 'Claude Code transcripts (projects/*/*.jsonl, sub-agents beside them) and web exports',
  recognises: (sample) => someRow(sample, isRow) || hasAll(sample.names, 'loglines') || isMeta(sample),
  async *sessions(files, report) {
    const beside = new Map<string, Fields>()
    for (const file of files.filter(isBeside)) {
      const meta = await documentOf(file, report)
      if (meta !== undefined) beside.set(nameOf(file), meta)
      report.note(file, 'what is known of a transcript, kept with its session')
    }
    for (const file of files) if (!isBeside(file)) yield await sourceOf(file, beside.get(nameOf(file)), report)
  },
}

const isBeside = ({ name }: SourceFile): boolean => /\.meta(data)?\.json$/.test(name)
const nameOf = ({ path }: SourceFile): string => path.replace(/(\.meta(data)?)?\.jsonl?$/, '')

function isRow({ type, message, parts }: Fields): boolean {
  return (type === 'user' || type === 'assistant') && isFields(message) && parts === undefined && message['parts'] === undefined
}

/** `agent-….meta.json`, and the metadata of a checkpoint beside the transcript in it. */
function isMeta({ file, names }: Sample): boolean {
  return isBeside(file) && (names.has('agentType') || hasAll(names, 'checkpoint_id', 'strategy'))
}

const rowsOf = (file: SourceFile): AsyncIterable<Row> => (file.name.endsWith('.json') ? piecesOf(file, ['loglines']) : jsonlRows(file))

async function sourceOf(file: SourceFile, beside: Fields | undefined, report: Report): Promise<Source> {
  const seen = await look(file)
  const isAgent = seen.onlySide || file.name.startsWith('agent-')
  const name = file.name.replace(/\.jsonl?$/, '')
  const id = isAgent || /^[\da-f]{8}-[\da-f]{4}-/.test(name) ? name : (seen.session ?? `claude-code-${name}`)
  const parent = isAgent ? parentOf(file, seen.session, id) : undefined
  if (isAgent && parent === undefined) report.note(file, 'a sub-agent whose session is not named')
  return {
    stream: streamOf(id),
    file,
    endsTurns: false,
    head: {
      session: known({
        agent: textOf(beside?.['agentType']) ?? 'claude-code',
        extra: beside,
        workspace: seen.workspace,
        parent,
        source: known({ kind: 'claude-code', path: file.path, id: seen.session ?? id, version: seen.version }),
      }),
      ...known({ createdAt: seen.at }),
    },
    rows: () => rowsOf(file),
    reader: () => ({ read: reader(isAgent) }),
  }
}

/** The session that a sub-agent works for: the folder around it, or what its rows say. */
function parentOf(file: SourceFile, session: string | undefined, own: string): { stream: string } | undefined {
  const folder = dirname(file.path)
  const id = basename(folder) === 'subagents' ? basename(dirname(folder)) : session
  return id === undefined || id === own ? undefined : { stream: streamOf(id) }
}

interface Seen {
  session?: string
  workspace?: string
  version?: string
  at?: number
  onlySide: boolean
}

/** Rows up to the first message of the session itself; a file of nothing but side rows is looked at to its end. */
async function look(file: SourceFile): Promise<Seen> {
  const seen: Seen = { onlySide: false }
  for await (const { fields } of rowsOf(file)) {
    if (fields === undefined) continue
    const row = new Taken(fields)
    seen.session ??= row.text('sessionId') as string
    seen.workspace ??= row.text('cwd') as string
    seen.version ??= row.text('version') as string
    seen.at ??= row.time('timestamp') as number
    if (!isRow(fields)) continue
    seen.onlySide = fields['isSidechain'] === true
    if (!seen.onlySide) break
  }
  return seen
}

const STEADY = [
  'sessionId',
  'cwd',
  'version',
  'gitBranch',
  'userType',
  'entrypoint',
  'slug',
  'isSidechain',
  'agentId',
  'permissionMode',
  'project',
]

/** `side`: side rows are the session itself. */
function reader(side: boolean): Reader {
  const unchanged = steady()
  const measured = new Set<string>()
  const threads = new Side()
  const turns = new Turns()
  let boundary: Fields | undefined
  return (row) => {
    unchanged(row, ...STEADY)
    const thread = side || row.see('isSidechain') !== true ? undefined : threads.of(row)
    const [at, ids] = [row.time('timestamp'), idsOf(row)]
    const moments = momentsOf(row, measured, turns, thread === undefined)
    if (row.see('subtype') === 'compact_boundary')
      boundary = isFields(row.see('compactMetadata')) ? (row.see('compactMetadata') as Fields) : {}
    const told = moments.map((moment) => (moment.kind === 'compacted' ? { ...moment, ...aboutCompaction(boundary) } : moment))
    return named(told, ids).map((moment) => ({ ...known({ at, thread }), ...moment }))
  }
}

function aboutCompaction(boundary: Fields | undefined): object {
  return known({ trigger: textOf(boundary?.['trigger']), tokensBefore: countOf(boundary?.['preTokens']) })
}

/** What a row is called, which one it follows, and the model's message that it is a part of. */
function idsOf(row: Taken): Fields {
  const [uuid, parentUuid, messageId] = [row.see('uuid'), row.see('parentUuid'), row.inner('message')?.see('id')].map(textOf)
  const ids = known({ uuid, parentUuid, messageId })
  if (row.see('message') === undefined) return {}
  row.drop('uuid', 'parentUuid')
  return ids
}

function momentsOf(row: Taken, measured: Set<string>, turns: Turns, isMain: boolean): Moment[] {
  const kind = row.see('type')
  if (kind === 'user') return userOf(row, turns, isMain)
  if (kind === 'assistant') return assistantOf(row, measured, turns)
  if (kind === 'tool_use') return [callOf(row)]
  if (kind === 'tool_result') return [outcomeOf(row, 'output')]
  const title = row.text('summary') ?? row.text('customTitle') ?? row.text('aiTitle')
  if (title !== undefined) {
    row.drop('type')
    return [{ kind: 'titled', title }]
  }
  if (row.see('subtype') !== 'turn_duration' || !turns.running) return []
  row.drop('type', 'subtype')
  turns.running = false
  return [known({ kind: 'ended' as const, how: 'completed' as const, durationMs: row.amount('durationMs') })]
}

function userOf(row: Taken, turns: Turns, isMain: boolean): Moment[] {
  const message = row.inner('message')
  if (message === undefined) return []
  row.drop('type')
  message.drop('role')
  const { outcomes: moments, input } = saidByUser(message.take('content'))
  const [first] = input
  if (first === undefined) return moments
  if (first.type === 'text' && first.text.startsWith('[Request interrupted by user')) {
    const was = turns.running
    turns.running = false
    return [...moments, was ? { kind: 'ended', how: 'cancelled', reason: first.text } : { kind: 'steered', input, role: 'notice' }]
  }
  if (row.see('isCompactSummary') === true) return [...moments, { kind: 'compacted', ...summaryOf(input) }]
  if (row.see('isMeta') === true || moments.length > 0)
    return [...moments, { kind: 'steered', input, role: row.see('isMeta') === true ? 'meta' : 'user' }]
  const turnId = textOf(row.see('uuid'))
  const back = isMain ? turns.begin(turnId, textOf(row.see('parentUuid'))) : []
  return [...back, known({ kind: 'prompted' as const, input, turnId })]
}

/** A text is told as one; what holds more than text, as it is. */
function summaryOf(content: Part[]): { summary: string } | { content: Part[] } {
  return content.every(({ type }) => type === 'text') ? { summary: textIn(content) } : { content }
}

function assistantOf(row: Taken, measured: Set<string>, turns: Turns): Moment[] {
  const message = row.inner('message')
  if (message === undefined) return []
  row.drop('type')
  message.drop('role', 'type', 'stop_sequence')
  turns.running = true
  turns.add(textOf(row.see('uuid')))
  const model = message.text('model')
  const stopReason = message.text('stop_reason')
  const moments = blocksOf(message.take('content')).map((block) => blockOf(block, known({ model, stopReason })))
  return [...moments, ...measuredIn(message, measured, model)]
}

/** Rows of one message repeat its usage; it counts once. */
function measuredIn(message: Taken, measured: Set<string>, model: string | undefined): Moment[] {
  const id = message.text('id')
  if (id !== undefined && measured.has(id)) message.drop('usage')
  const used = id !== undefined && measured.has(id) ? undefined : message.inner('usage')
  if (used === undefined) return []
  if (id !== undefined) measured.add(id)
  if (measured.size > 1000) measured.delete(measured.keys().next().value as string)
  used.drop('input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens')
  return [known({ kind: 'measured' as const, model, usage: usageOf(used.all) })]
}

/** Side agents whose rows stand in the session's own file: each is a thread. */
class Side {
  readonly #threads = new Map<string, string>()
  #count = 0

  of(row: Taken): string {
    const uuid = textOf(row.see('uuid'))
    const agent = textOf(row.see('agentId'))
    const thread =
      agent === undefined ? (this.#threads.get(textOf(row.see('parentUuid')) ?? '') ?? `side-${(this.#count += 1)}`) : `agent-${agent}`
    if (uuid !== undefined) this.#threads.set(uuid, thread)
    if (this.#threads.size > 10_000) this.#threads.delete(this.#threads.keys().next().value as string)
    return thread
  }
}

/** Which turn each row belongs to, as far back as anybody goes; a prompt that follows a row of an earlier turn hides what came between. */
class Turns {
  running = false
  readonly #turns = new Map<string, string | undefined>()
  #turn: string | undefined

  begin(uuid: string | undefined, parent: string | undefined): Moment[] {
    const earlier = parent === undefined ? undefined : this.#turns.get(parent)
    const back: Moment[] =
      earlier === undefined || earlier === this.#turn ? [] : [{ kind: 'rewound', to: earlier, reason: 'the person went back' }]
    this.running = true
    this.#turn = uuid
    this.add(uuid)
    return back
  }

  add(uuid: string | undefined): void {
    if (uuid === undefined) return
    this.#turns.set(uuid, this.#turn)
    if (this.#turns.size > 20_000) this.#turns.delete(this.#turns.keys().next().value as string)
  }
}
