/** What the events of a runtime thread tell. */
import { amountOf, countOf, known, parsed, Taken, textOf, type Fields } from '../../fields.js'
import type { Reading } from '../../importer.js'
import { text, type End, type Moment, type Outcome, type Usage } from '../../moments.js'
import { aboutThread, type Records } from './records.js'

const ENDS = new Map<unknown, End>([
  ['completed', 'completed'],
  ['failed', 'failed'],
  ['interrupted', 'interrupted'],
  ['canceled', 'cancelled'],
])
const TOOLS = new Set<unknown>(['tool_call', 'file_change', 'command_execution'])

export class RuntimeReader implements Reading {
  readonly #records: Records
  /** Turns that began and have no end in the log. */
  readonly #running = new Set<string>()
  /** Calls without an outcome in the log, and whether they are the runtime's own kind. */
  readonly #calls = new Map<string, 'item' | 'dynamic'>()

  constructor(records: Records) {
    this.#records = records
  }

  readonly read = (row: Taken): Moment[] => {
    const at = known({ at: row.time('timestamp') })
    const event = row.text('event') ?? ''
    const turn = row.text('turn_id')
    row.drop('schema_version', 'seq', 'thread_id')
    const payload = row.inner('payload') ?? new Taken({})
    return this.#tell(event, payload, { turn, item: row.text('item_id') }).map((moment) => ({ ...at, ...moment }))
  }

  /** Turns whose record says how they ended, and whose log does not. */
  readonly closing = (): Moment[] =>
    [...this.#running].flatMap((id): Moment[] => {
      const turn = this.#records.turns.get(id)
      const how = ENDS.get(turn?.['status'])
      if (turn === undefined || how === undefined) return []
      const open = [...this.#calls].flatMap(([callId, kind]): Moment[] =>
        kind === 'dynamic'
          ? [{ kind: 'returned', callId, status: 'cancelled', content: [], inferred: 'the outcome of a call that was never resolved' }]
          : [],
      )
      const at = known({ at: new Taken(turn).time('ended_at') })
      return [
        ...open,
        { kind: 'ended', how, ...known({ reason: textOf(turn['error']) }), inferred: 'the end of a turn, from its record', ...at },
      ]
    })

  #tell(event: string, payload: Taken, { turn, item }: { turn: string | undefined; item: string | undefined }): Moment[] {
    const [family, what] = event.split('.')
    switch (family) {
      case 'thread':
        return threadOf(payload, what)
      case 'turn':
        return this.#turn(what, payload, turn)
      case 'item':
        return this.#item(what, payload, item)
      case 'tool_call':
        return this.#call(what, payload)
      case 'approval':
        return this.#approval(what, payload)
      case 'user_input':
        return inputOf(what, payload)
      default:
        return [{ kind: 'noted', what: event, extra: { event } }]
    }
  }

  #turn(what: string | undefined, payload: Taken, turnId: string | undefined): Moment[] {
    const record = payload.inner('turn') ?? new Taken({})
    record.drop('schema_version', 'id', 'thread_id', 'status', 'created_at', 'started_at', 'ended_at', 'item_ids', 'steer_count')
    if (what === 'started') {
      if (turnId !== undefined) this.#running.add(turnId)
      record.drop('usage', 'duration_ms', 'error')
      const asked = this.#asked(turnId) ?? record.text('input_summary') ?? ''
      record.drop('input_summary')
      return [{ kind: 'prompted', input: text(asked), ...known({ turnId }) }]
    }
    if (what === 'steered') return [{ kind: 'steered', input: text(payload.text('input') ?? payload.text('text') ?? '') }]
    if (what !== 'completed') return [{ kind: 'noted', what: 'turn', extra: { event: `turn.${what ?? ''}` } }]
    if (turnId !== undefined) this.#running.delete(turnId)
    record.drop('input_summary')
    const how = ENDS.get(record.see('status')) ?? 'completed'
    const used = record.inner('usage')
    const measured: Moment[] = used === undefined ? [] : [{ kind: 'measured', usage: usageOf(used) }]
    return [
      ...measured,
      { kind: 'ended', how, ...known({ turnId, reason: record.text('error'), durationMs: record.amount('duration_ms') }) },
    ]
  }

  /** What the person asked stands in an item of the turn. */
  #asked(turnId: string | undefined): string | undefined {
    const item = [...this.#records.items.values()].find((one) => one['turn_id'] === turnId && one['kind'] === 'user_message')
    return textOf(item?.['detail']) ?? textOf(item?.['summary'])
  }

  #item(what: string | undefined, payload: Taken, itemId = 'item'): Moment[] {
    if (what === 'delta') {
      const of = payload.see('kind') === 'agent_reasoning' ? 'reasoning' : 'message'
      payload.drop('kind')
      return [{ kind: 'streamed', item: itemId, of, text: payload.text('delta') ?? '' }]
    }
    const item = payload.inner('item') ?? new Taken({})
    const kind = item.see('kind')
    const said = item.text('detail') ?? item.text('summary') ?? ''
    item.drop('schema_version', 'id', 'turn_id', 'status', 'summary', 'started_at', 'ended_at')
    if (kind !== 'user_message' || what !== 'started') item.drop('kind')
    if (TOOLS.has(kind)) return this.#tool(what, item, itemId, said)
    if (kind === 'user_message') {
      item.drop('kind')
      return []
    }
    if (what === 'started') return []
    if (kind === 'agent_message' || kind === 'agent_reasoning')
      return [{ kind: kind === 'agent_message' ? 'said' : 'reasoned', text: said, item: itemId }]
    if (kind === 'context_compaction') return [{ kind: 'compacted', summary: said }]
    return [{ kind: 'noted', what: 'item', extra: { event: `item.${what ?? ''}`, item: known({ kind: textOf(kind), text: said }) } }]
  }

  #tool(what: string | undefined, item: Taken, itemId: string, said: string): Moment[] {
    const metadata = item.inner('metadata') ?? new Taken({})
    const callId = metadata.text('call_id') ?? itemId
    const name = metadata.text('tool') ?? metadata.text('tool_name') ?? 'unnamed'
    const args = parsed(metadata.take('input') ?? metadata.take('arguments')) ?? {}
    const called: Moment[] = this.#calls.has(callId) ? [] : [{ kind: 'called', callId, name, arguments: args }]
    this.#calls.set(callId, 'item')
    if (what === 'started') return called
    this.#calls.delete(callId)
    const status: Outcome = what === 'completed' ? 'ok' : what === 'failed' ? 'error' : 'cancelled'
    return [...called, { kind: 'returned', callId, status, content: text(said) }]
  }

  #call(what: string | undefined, payload: Taken): Moment[] {
    const callId = payload.text('call_id') ?? 'call'
    if (what === 'requested') {
      this.#calls.set(callId, 'dynamic')
      return [{ kind: 'called', callId, name: payload.text('tool') ?? 'unnamed', arguments: parsed(payload.take('arguments')) ?? {} }]
    }
    this.#calls.delete(callId)
    const status: Outcome =
      what === 'timeout' ? 'timed-out' : what === 'canceled' ? 'cancelled' : payload.take('success') === false ? 'error' : 'ok'
    const result = payload.take('result') ?? payload.take('content')
    return [
      {
        kind: 'returned',
        callId,
        status,
        content: result === undefined ? [] : typeof result === 'string' ? text(result) : [{ type: 'json', value: result }],
      },
    ]
  }

  /** Who is asked about a call that the log has not told yet hears of it with the question. */
  #approval(what: string | undefined, payload: Taken): Moment[] {
    const askId = payload.text('approval_id') ?? payload.text('id') ?? 'approval'
    if (payload.see('id') === askId) payload.drop('id')
    if (what !== 'required')
      return [
        {
          kind: 'answered',
          askId,
          decision: payload.text('decision') ?? what ?? 'unknown',
          ...known({ remember: payload.take('remember') === true ? true : undefined }),
        },
      ]
    const name = payload.text('tool_name') ?? 'unnamed'
    const called: Moment[] = this.#calls.has(askId)
      ? []
      : [{ kind: 'called', callId: askId, name, arguments: {}, inferred: 'the arguments of a call, of which the log tells when it ended' }]
    this.#calls.set(askId, 'item')
    return [...called, { kind: 'asked', askId, callId: askId, name, ...known({ question: payload.text('description') }) }]
  }
}

function threadOf(payload: Taken, what: string | undefined): Moment[] {
  const thread = payload.take('thread')
  if (what === 'forked') return [{ kind: 'noted', what: 'thread', extra: { event: 'thread.forked', thread: thread ?? null } }]
  return [{ kind: 'session', data: aboutThread((thread ?? {}) as Fields).session }]
}

function inputOf(what: string | undefined, payload: Taken): Moment[] {
  const inputId = payload.text('input_id') ?? payload.text('id') ?? 'input'
  if (what === 'required')
    return [{ kind: 'questioned', inputId, ...known({ question: payload.text('question') ?? payload.text('prompt') }) }]
  return [{ kind: 'replied', inputId, ...known({ answer: payload.text('answer'), declined: what === 'canceled' ? true : undefined }) }]
}

function usageOf(used: Taken): Usage {
  return known({
    inputTokens: countOf(used.take('input_tokens')),
    outputTokens: countOf(used.take('output_tokens')),
    cacheReadTokens: countOf(used.take('cache_read_tokens')),
    reasoningTokens: countOf(used.take('reasoning_tokens')),
    cost: amountOf(used.take('cost_usd')),
  })
}
