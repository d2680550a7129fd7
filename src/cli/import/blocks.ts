/** Messages as the Anthropic API has them: lists of blocks, with calls and thoughts among them, and outcomes in what the user says. */
import { blocksOf, partOf, partsOf } from './content.js'
import { countOf, isFields, known, Taken, type Fields } from './fields.js'
import type { Moment, Part, Usage } from './moments.js'

/** What a user's message holds: outcomes of calls, and what the person says. */
export function saidByUser(content: unknown): { outcomes: Moment[]; input: Part[] } {
  const outcomes: Moment[] = []
  const input: Part[] = []
  for (const block of blocksOf(content)) {
    if (isFields(block) && (block['type'] === 'tool_result' || block['type'] === 'tool-result'))
      outcomes.push(outcomeOf(new Taken(block), 'content'))
    else input.push(partOf(block))
  }
  return { outcomes, input }
}

/** What a block of a model's message tells. */
export function blockOf(block: unknown, about: { model?: string; stopReason?: string }): Moment {
  if (typeof block === 'string') return { kind: 'said', text: block, ...about }
  if (!isFields(block)) return { kind: 'showed', content: [{ type: 'json', value: block }] }
  const fields = new Taken(block)
  const said = block['type'] === 'text' ? fields.text('text') : undefined
  const thought = block['type'] === 'thinking' ? fields.text('thinking') : undefined
  if (block['type'] === 'tool_use' || block['type'] === 'tool_call') return callOf(fields)
  fields.drop('type')
  const extra = known({ extra: fields.rest() })
  if (said !== undefined) return { kind: 'said', text: said, ...about, ...extra }
  if (thought !== undefined) return { kind: 'reasoned', text: thought, ...known({ model: about.model }), ...extra }
  return { kind: 'showed', content: [{ type: 'json', value: block }] }
}

export function callOf(fields: Taken): Moment {
  fields.drop('type')
  const call = { callId: fields.text('id'), name: fields.text('name') ?? 'unnamed', arguments: fields.take('input') ?? {} }
  return { kind: 'called', ...known({ ...call, extra: fields.rest() }) }
}

export function outcomeOf(fields: Taken, content: 'content' | 'output'): Moment {
  fields.drop('type')
  const status = fields.take('is_error') === true ? 'error' : 'ok'
  const outcome = { callId: fields.text('tool_use_id'), name: fields.text('name'), status, content: partsOf(fields.take(content)) }
  return { kind: 'returned', ...known({ ...outcome, extra: fields.rest() }) } as Moment
}

export function usageOf(used: Fields): Usage {
  const cacheWriteTokens = countOf(used['cache_creation_input_tokens'])
  const cacheReadTokens = countOf(used['cache_read_input_tokens'])
  const inputTokens = (countOf(used['input_tokens']) ?? 0) + (cacheWriteTokens ?? 0) + (cacheReadTokens ?? 0)
  return known({ inputTokens, outputTokens: countOf(used['output_tokens']), cacheReadTokens, cacheWriteTokens })
}
