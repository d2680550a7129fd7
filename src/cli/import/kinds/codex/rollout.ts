/** What a Codex rollout tells, in which much is said twice: once as the model's API has it, once as an event for the screen. */
import { lineOf } from '../../chat.js'
import { blocksOf, partsOf, textIn } from '../../content.js'
import { countOf, isFields, known, parsed, type Taken } from '../../fields.js'
import { text, type Moment, type Usage } from '../../moments.js'

export class Rollout {
  /** What was said last, by the model or the person, so that the other form of it is not told again. */
  readonly #last = new Map<string, string>()
  /** The rollout says when turns end. */
  #ends = false
  #prompted = false

  tell(type: unknown, payload: Taken): Moment[] {
    if (type === 'response_item') return this.item(payload)
    if (type === 'event_msg') return this.#event(payload)
    if (type === 'turn_context') return [{ kind: 'session', data: known({ model: payload.text('model'), workspace: payload.text('cwd') }) }]
    return type === 'compacted' ? [{ kind: 'compacted', ...known({ summary: payload.text('message') }) }] : []
  }

  /** An item as the model's API has it. */
  item(item: Taken): Moment[] {
    const type = item.text('type') ?? (item.see('role') === undefined ? undefined : 'message')
    const callId = item.text('call_id')
    switch (type) {
      case 'message':
        return this.#message(item)
      case 'reasoning':
        return this.#once('reasoning', textIn(item.take('summary')), (said) => ({ kind: 'reasoned', text: said }))
      case 'function_call':
      case 'custom_tool_call':
      case 'local_shell_call':
      case 'tool_search_call':
      case 'web_search_call':
        return callOf(item, type, callId)
      case 'function_call_output':
      case 'custom_tool_call_output':
      case 'tool_search_output':
        return [outcomeOf(item, callId)]
      case 'tool_call':
      case 'tool_result':
        return lineOf(item)
      default:
        return [{ kind: 'noted', what: 'item', extra: known({ item: type, callId }) }]
    }
  }

  #message(item: Taken): Moment[] {
    const role = item.text('role')
    const content = item.take('content')
    const said = textIn(content)
    if (role === 'assistant') return this.#once('assistant', said, (text_) => ({ kind: 'said', text: text_ }))
    if (role !== 'user' || isContext(said))
      return [{ kind: 'steered', input: partsOf(content), role: role === 'user' ? 'context' : (role ?? 'unknown') }]
    return this.#once('user', firstText(content), () => this.#prompt(partsOf(content)))
  }

  #event(event: Taken): Moment[] {
    const type = event.text('type')
    switch (type) {
      case 'user_message': {
        const said = event.text('message') ?? ''
        event.drop('kind')
        return this.#once('user', said, () => this.#prompt(text(said)))
      }
      case 'agent_message':
        return this.#once('assistant', event.text('message') ?? '', (said) => ({ kind: 'said', text: said }))
      case 'agent_reasoning':
        return this.#once('reasoning', event.text('text') ?? '', (said) => ({ kind: 'reasoned', text: said }))
      case 'token_count':
        return measuredIn(event)
      case 'task_started':
      case 'turn_started':
        this.#ends = true
        return [{ kind: 'noted', what: 'turn', extra: { event: type } }]
      case 'task_complete':
      case 'turn_complete':
      case 'turn.completed':
        return this.#end(event, 'completed')
      case 'turn_aborted':
        return this.#end(event, 'cancelled')
      default:
        return [{ kind: 'noted', what: 'event', extra: known({ event: type }) }]
    }
  }

  #prompt(input: Extract<Moment, { kind: 'prompted' }>['input']): Moment {
    this.#prompted = true
    this.#last.delete('assistant')
    return { kind: 'prompted', input, ...(this.#ends ? {} : { unended: true as const }) }
  }

  /** Some versions say that a turn ended of which they told nothing. */
  #end(event: Taken, how: 'completed' | 'cancelled'): Moment[] {
    this.#ends = true
    const used = event.inner('usage')
    const measured: Moment[] = used === undefined ? [] : [{ kind: 'measured', usage: usageOf(used) }]
    const about = known({ reason: event.text('reason'), durationMs: event.amount('duration_ms') })
    event.drop('last_agent_message')
    this.#last.clear()
    if (!this.#prompted) return [...measured, { kind: 'noted', what: 'end', extra: { ended: how } }]
    this.#prompted = false
    return [...measured, { kind: 'ended', how, ...about }]
  }

  #once(who: string, said: string, tell: (said: string) => Moment): Moment[] {
    if (said === '') return []
    if (this.#last.get(who) === said) {
      this.#last.delete(who)
      return []
    }
    this.#last.set(who, said)
    return [tell(said)]
  }
}

/** What the program puts before a prompt, in the person's name. */
const isContext = (said: string): boolean =>
  /^\s*(<(environment_context|user_instructions|permissions|INSTRUCTIONS)|# AGENTS\.md)/.test(said)

function firstText(content: unknown): string {
  const part = partsOf(content).find(({ type }) => type === 'text')
  return part?.type === 'text' ? part.text : JSON.stringify(content)
}

function callOf(item: Taken, type: string, callId: string | undefined): Moment[] {
  const id = callId ?? item.text('id')
  const input = item.take('arguments') ?? item.take('input') ?? item.take('action') ?? {}
  const name = item.text('name') ?? (type === 'local_shell_call' ? 'shell' : type.replace(/_call$/, ''))
  const called: Moment = { kind: 'called', name, arguments: parsed(input), ...known({ callId: id, title: item.text('summary') }) }
  if (type !== 'web_search_call') return [called]
  return [
    called,
    {
      kind: 'returned',
      status: 'ok',
      content: [],
      ...known({ callId: id }),
      inferred: 'the outcome of a search, of which nothing else is said',
    },
  ]
}

function outcomeOf(item: Taken, callId: string | undefined): Moment {
  const given = parsed(item.take('output'))
  const output = isFields(given) && ('output' in given || 'content' in given) ? (given['output'] ?? given['content']) : given
  const metadata = isFields(given) && isFields(given['metadata']) ? given['metadata'] : {}
  const isError = (isFields(given) && given['success'] === false) || (countOf(metadata['exit_code']) ?? 0) > 0
  const seconds = typeof metadata['duration_seconds'] === 'number' ? metadata['duration_seconds'] : undefined
  return {
    kind: 'returned',
    status: isError ? 'error' : 'ok',
    content: output === undefined ? blocksOf(item.take('tools')).map((value) => ({ type: 'json', value })) : partsOf(output),
    ...known({
      callId,
      durationMs: seconds === undefined || seconds < 0 ? undefined : seconds * 1000,
      extra: Object.keys(metadata).length === 0 ? undefined : { metadata },
    }),
  }
}

/** Each count tells what the last call took, and all of them together. */
function measuredIn(event: Taken): Moment[] {
  const info = event.inner('info')
  const used = info?.inner('last_token_usage')
  if (info === undefined) return [{ kind: 'noted', what: 'tokens', extra: { event: 'token_count' } }]
  info.drop('total_token_usage')
  return [{ kind: 'measured', usage: usageOf(used ?? info) }]
}

function usageOf(used: Taken): Usage {
  return known({
    inputTokens: used.count('input_tokens') ?? used.count('prompt'),
    outputTokens: used.count('output_tokens') ?? used.count('completion'),
    cacheReadTokens: used.count('cached_input_tokens'),
    cacheWriteTokens: used.count('cache_write_input_tokens'),
    reasoningTokens: used.count('reasoning_output_tokens'),
    totalTokens: used.count('total_tokens'),
  })
}
