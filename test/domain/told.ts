/** What other programs wrote down of their sessions, as events: only who said what, which calls were made and what came of them. */
import type { Given } from './stream.js'

type Fields = Record<string, unknown>

/** One thing that was told; calls and outcomes are joined by `id`. */
type Said =
  | { is: 'asked' | 'said' | 'thought'; text: string }
  | { is: 'called'; id: string; name: string; input: unknown }
  | { is: 'returned'; id: string; text: string; error: boolean }

/** Events of a session in a thread `main`; each commit by itself. A turn begins with what a person asks and ends where they ask again. */
export function eventsOf(jsonl: string): Given[] {
  const events: Given[] = [['session.created'], ['thread.started', { threadId: 'main' }]]
  let turnId: string | undefined
  const begin = (text: string): void => {
    if (turnId !== undefined) events.push(['turn.completed', { turnId }])
    turnId = `t${events.length}`
    events.push(['turn.submitted', { threadId: 'main', turnId, input: [{ type: 'text', text }] }], ['turn.started', { turnId }])
  }
  for (const said of rows(jsonl).flatMap(saidIn)) {
    if (said.is === 'asked') begin(said.text)
    else if (turnId === undefined) begin('')
    const about = { turnId, itemId: `i${events.length}` }
    const content = 'text' in said ? [{ type: 'text', text: said.text }] : []
    if (said.is === 'said' || said.is === 'thought')
      events.push(['item.completed', { ...about, kind: said.is === 'said' ? 'message' : 'reasoning', content }])
    if (said.is === 'called')
      events.push(
        ['tool.requested', { turnId, callId: said.id, name: said.name, arguments: said.input ?? null }],
        ['tool.started', { turnId, callId: said.id }],
      )
    if (said.is === 'returned') events.push(['tool.finished', { turnId, callId: said.id, status: said.error ? 'error' : 'ok', content }])
  }
  return events
}

function rows(jsonl: string): Fields[] {
  return jsonl.split('\n').flatMap((line) => {
    try {
      const row: unknown = JSON.parse(line)
      return isFields(row) ? [row] : []
    } catch {
      return []
    }
  })
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const string = (value: unknown): string => (typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value))

function saidIn(row: Fields, at: number): Said[] {
  const { message, payload } = row
  if (isFields(payload)) return saidInPayload(payload, at)
  if (!isFields(message)) return []
  const { role, content, toolCallId, isError } = message
  if (role === 'toolResult') return [{ is: 'returned', id: string(toolCallId), text: string(content), error: isError === true }]
  const blocks = Array.isArray(content) ? content.filter(isFields) : [{ type: 'text', text: string(content) }]
  return blocks.flatMap((block: Fields, i): Said[] => {
    const id = string(block['id'] ?? block['tool_use_id'] ?? `${at}/${i}`)
    if (block['type'] === 'tool_use' || block['type'] === 'toolCall')
      return [{ is: 'called', id, name: string(block['name']), input: block['input'] ?? block['arguments'] }]
    if (block['type'] === 'tool_result') return [{ is: 'returned', id, text: string(block['content']), error: block['is_error'] === true }]
    if (block['type'] === 'thinking') return [{ is: 'thought', text: string(block['thinking']) }]
    if (block['type'] !== 'text') return []
    return [{ is: role === 'user' ? 'asked' : 'said', text: string(block['text']) }]
  })
}

function saidInPayload(payload: Fields, at: number): Said[] {
  const id = string(payload['call_id'] ?? `${at}`)
  switch (payload['type']) {
    case 'user_message':
      return [{ is: 'asked', text: string(payload['message']) }]
    case 'agent_message':
      return [{ is: 'said', text: string(payload['message']) }]
    case 'agent_reasoning':
      return [{ is: 'thought', text: string(payload['text']) }]
    case 'function_call':
    case 'custom_tool_call':
      return [{ is: 'called', id, name: string(payload['name']), input: payload['arguments'] ?? payload['input'] }]
    case 'function_call_output':
    case 'custom_tool_call_output':
      return [{ is: 'returned', id, text: string(payload['output']), error: false }]
    default:
      return []
  }
}
