/** Kimi Code: a wire of what went through each agent of a session, and a state beside it that knows the agents. */
import { basename, dirname, join } from 'node:path'
import { partsOf } from '../content.js'
import { documentOf } from '../document.js'
import { known, steady, Taken, textOf, type Fields } from '../fields.js'
import { fileId, fileSource, firstRow, streamOf, type Telling, type Reader, type Source } from '../importer.js'
import { named, type Moment } from '../moments.js'
import type { Report } from '../report.js'
import { jsonlRows } from '../rows.js'
import { hasAll, someRow } from '../sample.js'
import type { SourceFile } from '../source-file.js'

export const kimi: Telling = {
  kind: 'kimi',
  says: 'Kimi Code sessions (wire.jsonl of each agent, and state.json)',
  recognises: (sample) => hasAll(sample.names, 'agents', 'workDir') || someRow(sample, isRow),
  async *sessions(files, report) {
    const states = new Map<string, Fields>()
    for (const file of files.filter(isState)) {
      const state = await documentOf(file, report)
      if (state !== undefined) states.set(file.path, state)
      report.note(file, 'what is known of a session, kept with it')
    }
    for (const file of files) if (!isState(file)) yield await sourceOf(file, states, report)
  },
}

const isState = ({ name }: SourceFile): boolean => name.endsWith('state.json')
const isRow = ({ type, protocol_version: protocol, time }: Fields): boolean =>
  (type === 'metadata' && protocol !== undefined) ||
  (typeof type === 'string' && /^(turn|context|llm)\.[a-z_]+$/.test(type) && typeof time === 'number')

/** `sessions/<dir>/<session>/agents/<agent>/wire.jsonl`, or a wire with its state beside it. */
async function sourceOf(file: SourceFile, states: ReadonlyMap<string, Fields>, report: Report): Promise<Source> {
  const agents = dirname(dirname(file.path))
  const isInTree = basename(agents) === 'agents'
  const agent = isInTree ? basename(dirname(file.path)) : (/agent-\d+/.exec(file.name)?.[0] ?? 'main')
  const folder = dirname(agents)
  const state = isInTree
    ? states.get(join(folder, 'state.json'))
    : states.get(
        file.path.replace(/(small)?\.jsonl$/, (_, small: string | undefined) => (small === undefined ? '.state.json' : 'state.json')),
      )
  const id = isInTree ? basename(folder) : fileId('kimi', file)
  const about = new Taken(state ?? {})
  const head = await firstRow(jsonlRows(file), ({ type }) => type === 'metadata')
  about.drop('createdAt', 'updatedAt', 'lastPrompt')
  const session =
    agent === 'main'
      ? known({ title: about.text('title'), workspace: about.text('workDir'), extra: about.rest() })
      : known({ parent: isInTree ? { stream: streamOf(id) } : undefined })
  if (agent !== 'main' && !isInTree) report.note(file, 'a sub-agent whose session is not named')
  return fileSource('kimi', file, {
    id: agent === 'main' ? id : `${id}${isInTree ? `-${agent}` : ''}`,
    ...known({ createdAt: head.time('created_at') }),
    session,
    reader,
  })
}

function reader(): Reader {
  const unchanged = steady()
  const turn = new Turn()
  return (row) => {
    unchanged(row, 'agentId')
    const at = known({ at: row.time('time') })
    const type = row.text('type') ?? ''
    if (type === 'metadata') row.drop('protocol_version', 'created_at')
    const moments = turn.tell(type, row) ?? [{ kind: 'noted' as const, what: type, extra: { event: type } }]
    return moments.map((moment) => ({ ...at, ...moment }))
  }
}

class Turn {
  #asked = ''
  #running = false

  tell(type: string, row: Taken): Moment[] | undefined {
    switch (type) {
      case 'turn.prompt':
        return this.#prompt(row)
      case 'turn.steer':
        return [{ kind: 'steered', input: partsOf(row.take('input')), ...known({ role: row.inner('origin')?.text('kind') }) }]
      case 'context.append_message':
        return this.#message(row.inner('message') ?? new Taken({}))
      case 'context.append_loop_event':
        return this.#loop(row.inner('event') ?? new Taken({}))
      case 'turn.cancel':
        return this.#end({ kind: 'ended', how: 'cancelled' })
      case 'turn.ended':
        row.drop('turnId')
        return this.#end({
          kind: 'ended',
          how: row.see('reason') === 'completed' ? 'completed' : 'cancelled',
          ...known({ reason: row.text('reason'), durationMs: row.amount('durationMs') }),
        })
      case 'usage.record':
        return measuredIn(row)
      case 'context.apply_compaction':
        return [
          {
            kind: 'compacted',
            ...known({ summary: row.text('summary'), tokensBefore: row.count('tokensBefore'), tokensAfter: row.count('tokensAfter') }),
          },
        ]
      case 'permission.record_approval_result':
        return approvalOf(row)
      case 'config.update':
        return configOf(row)
      default:
        return undefined
    }
  }

  #prompt(row: Taken): Moment[] {
    const input = partsOf(row.take('input'))
    this.#asked = JSON.stringify(input)
    this.#running = true
    const origin = row.inner('origin')
    if (origin?.see('kind') === 'user') origin.drop('kind')
    return [{ kind: 'prompted', input }]
  }

  /** The prompt again, or what the program says in the user's place. */
  #message(message: Taken): Moment[] | undefined {
    const role = message.text('role')
    const input = partsOf(message.take('content'))
    const origin = message.inner('origin')?.text('kind')
    if (role === 'user' && JSON.stringify(input) === this.#asked) return []
    return role === 'user'
      ? [{ kind: 'steered', input, ...known({ role: origin }) }]
      : [{ kind: 'showed', content: input, ...known({ role }) }]
  }

  #loop(event: Taken): Moment[] | undefined {
    event.drop('turnId', 'step')
    const ids = known({ uuid: event.text('uuid'), stepUuid: event.text('stepUuid'), parentUuid: event.text('parentUuid') })
    const moments = this.#happened(event.text('type'), event)
    return moments === undefined ? undefined : named(moments, ids)
  }

  #happened(type: string | undefined, event: Taken): Moment[] | undefined {
    if (type === 'content.part') return partOf(event)
    if (type === 'tool.call')
      return [
        {
          kind: 'called',
          name: event.text('name') ?? 'unnamed',
          arguments: event.take('args') ?? {},
          ...known({ callId: event.text('toolCallId'), title: event.text('description') }),
        },
      ]
    if (type === 'tool.result') return [outcomeOf(event)]
    if (type === 'step.end') {
      // What a step took is recorded once more, for its turn.
      event.drop('usage')
      if (event.see('finishReason') === 'end_turn') return this.#end({ kind: 'ended', how: 'completed', reason: 'end_turn' })
    }
    return type === undefined ? undefined : [{ kind: 'noted', what: type, extra: { event: type } }]
  }

  #end(end: Moment): Moment[] | undefined {
    const was = this.#running
    this.#running = false
    return was ? [end] : [{ kind: 'noted', what: 'end', extra: { ended: textOf((end as { how?: string }).how) ?? '' } }]
  }
}

function partOf(event: Taken): Moment[] {
  const part = event.inner('part') ?? new Taken({})
  const type = part.text('type')
  const said = part.text(type === 'think' ? 'think' : 'text')
  if (said === undefined) return [{ kind: 'showed', content: [{ type: 'json', value: part.all }] }]
  return [{ kind: type === 'think' ? 'reasoned' : 'said', text: said }]
}

function outcomeOf(event: Taken): Moment {
  const result = event.inner('result') ?? new Taken({})
  const isError = result.take('isError') === true || result.take('is_error') === true
  return {
    kind: 'returned',
    status: isError ? 'error' : 'ok',
    content: partsOf(result.take('output')),
    ...known({ callId: event.text('toolCallId') }),
  }
}

function measuredIn(row: Taken): Moment[] {
  const used = row.inner('usage') ?? new Taken({})
  const [other, read, created] = [used.count('inputOther') ?? 0, used.count('inputCacheRead') ?? 0, used.count('inputCacheCreation') ?? 0]
  const usage = {
    inputTokens: other + read + created,
    cacheReadTokens: read,
    cacheWriteTokens: created,
    ...known({ outputTokens: used.count('output') }),
  }
  row.drop('usageScope')
  return [{ kind: 'measured', usage, ...known({ model: row.text('model') }) }]
}

/** An answer is recorded when it was given; the question is not. */
function approvalOf(row: Taken): Moment[] {
  const callId = row.text('toolCallId') ?? 'call'
  const askId = `may-${callId}`
  const result = row.inner('result') ?? new Taken({})
  row.drop('turnId')
  return [
    {
      kind: 'asked',
      askId,
      callId,
      ...known({ name: row.text('toolName'), question: row.text('action') }),
      inferred: 'the question of an answer',
    },
    {
      kind: 'answered',
      askId,
      decision: result.text('decision') ?? 'unknown',
      ...known({ remember: result.take('scope') === 'session' ? true : undefined }),
    },
  ]
}

function configOf(row: Taken): Moment[] {
  const fields = known({ model: row.text('modelAlias'), workspace: row.text('cwd'), instructions: row.text('systemPrompt') })
  return Object.keys(fields).length === 0 ? [] : [{ kind: 'session', data: fields }]
}
