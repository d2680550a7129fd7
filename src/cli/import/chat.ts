/** Messages as chat interfaces have them: a role, a content, calls beside it, and an outcome as a message of its own. */
import { blocksOf, partsOf, textIn } from './content.js'
import { isFields, known, parsed, Taken } from './fields.js'
import type { Moment } from './moments.js'

/** What a message tells. `turnId`: what a prompt's turn is called. Roles that are none of a conversation give nothing. */
export function chatOf(message: Taken, about: { at?: number; turnId?: string } = {}): Moment[] {
  const at = known({ at: about.at })
  switch (message.see('role')) {
    case 'user':
      message.drop('role')
      return [
        { kind: 'prompted', input: partsOf(contentOf(message)), ...known({ turnId: about.turnId, model: message.text('model') }), ...at },
      ]
    case 'assistant':
      message.drop('role')
      return assistantOf(message).map((moment) => ({ ...at, ...moment }))
    case 'tool':
      message.drop('role')
      return [{ ...outcomeOf(message), ...at }]
    default:
      return []
  }
}

/** Some versions call the content a message. */
function contentOf(message: Taken): unknown {
  return message.take(message.see('content') === undefined ? 'message' : 'content')
}

function assistantOf(message: Taken): Moment[] {
  const model = message.text('model')
  const reasoning = message.text('reasoning_content') ?? message.text('reasoning')
  if (message.see('reasoning') === reasoning) message.drop('reasoning')
  const moments: Moment[] = reasoning === undefined ? [] : [{ kind: 'reasoned', text: reasoning, ...known({ model }) }]
  const said = textIn(contentOf(message))
  if (said !== '') moments.push({ kind: 'said', text: said, ...known({ model, stopReason: message.text('finish_reason') }) })
  const calls = parsed(message.take('tool_calls'))
  for (const call of blocksOf(calls)) moments.push(callOf(call))
  return moments
}

function callOf(given: unknown): Moment {
  if (!isFields(given)) return { kind: 'showed', content: [{ type: 'json', value: given }] }
  const call = new Taken(given)
  const inner = call.inner('function') ?? call
  const callId = call.text('id') ?? call.text('call_id') ?? call.text('tool_call_id')
  call.drop('type')
  if (call.see('call_id') === callId) call.drop('call_id')
  const name = inner.text('name') ?? 'unnamed'
  const args = parsed(inner.take(inner.see('arguments') === undefined ? 'args' : 'arguments')) ?? {}
  return { kind: 'called', name, arguments: args, ...known({ callId, extra: call.rest() }) }
}

function outcomeOf(message: Taken): Moment {
  const isError = message.take('is_error') === true || message.see('finish_reason') === 'error'
  message.drop('finish_reason')
  const name = message.text('tool_name') ?? message.text('name')
  return {
    kind: 'returned',
    status: isError ? 'error' : 'ok',
    content: partsOf(message.take('content')),
    ...known({ callId: message.text('tool_call_id'), name }),
  }
}

/** What a line of a chat tells: a message, or a call or its outcome, which stand between the messages. */
export function lineOf(row: Taken): Moment[] {
  switch (row.see('type')) {
    case 'tool_call':
    case 'function_call': {
      row.drop('type')
      const name = row.inner('function')?.text('name') ?? row.text('name') ?? 'unnamed'
      return [{ kind: 'called', name, arguments: parsed(row.take('arguments')) ?? {}, ...known({ callId: row.text('call_id') }) }]
    }
    case 'tool_result':
    case 'function_result':
      row.drop('type')
      return [
        {
          kind: 'returned',
          status: 'ok',
          content: partsOf(row.take('result')),
          ...known({ callId: row.text('call_id'), name: row.text('name') }),
        },
      ]
    default:
      return chatOf(row)
  }
}
