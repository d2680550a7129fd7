/** Claude Code's transcripts: a row for each message, an array of blocks in each. Rows of other kinds are counted, not played. */
import { count, image, type Moment, type Part, type Story } from './moments.js'
import { isFields, text, time, whole, type Fields, type Row } from './rows.js'

export class ClaudeCodeReader {
  readonly story: Story
  readonly #playSidechain: boolean
  readonly #measured = new Set<string>()
  #calls = 0

  /** `playSidechain`: the file holds nothing but a side agent's own conversation, so that this is the session. */
  constructor(fallbackId: string, playSidechain: boolean) {
    this.story = { id: fallbackId, agent: 'claude-code', moments: [], rows: 0, skipped: {} }
    this.#playSidechain = playSidechain
  }

  read({ fields, reason }: Row): void {
    this.story.rows += 1
    if (fields === undefined) return this.#skip(reason)
    if (text(fields['sessionId']) !== undefined && this.story.moments.length === 0) this.story.id = fields['sessionId'] as string
    const workspace = text(fields['cwd'])
    if (workspace !== undefined) this.story.workspace ??= workspace
    if (fields['isSidechain'] === true && !this.#playSidechain) return this.#skip('sidechain')
    this.#row(fields, time(fields['timestamp']))
  }

  #row(fields: Fields, at: { at?: number }): void {
    const kind = text(fields['type']) ?? 'no type'
    const title = text(fields['summary']) ?? text(fields['customTitle']) ?? text(fields['aiTitle'])
    if (kind === 'user') return this.#user(fields, at)
    if (kind === 'assistant') return this.#assistant(fields, at)
    if (kind === 'tool_use') return this.#call(fields, at)
    if (kind === 'tool_result') return this.#outcome(fields, fields['output'], at)
    if (title !== undefined) return this.#happens({ kind: 'titled', title, ...at })
    const subtype = text(fields['subtype'])
    if (subtype === 'turn_duration') return this.#happens({ kind: 'ended', how: 'completed', ...at })
    this.#skip(subtype === undefined ? kind : `${kind}/${subtype}`)
  }

  #user(fields: Fields, at: { at?: number }): void {
    const { message } = fields
    if (!isFields(message)) return this.#skip('user row without a message')
    const input: Part[] = []
    for (const block of blocksOf(message['content'])) {
      if (isFields(block) && block['type'] === 'tool_result') this.#outcome(block, block['content'], at)
      else input.push(partOf(block))
    }
    const [first] = input
    if (first === undefined) return message['content'] === undefined ? this.#skip('user row without content') : undefined
    if (first.type === 'text' && first.text.startsWith('[Request interrupted by user')) {
      return this.#happens({ kind: 'ended', how: 'cancelled', reason: first.text, ...at })
    }
    const injected = fields['isMeta'] === true || fields['isCompactSummary'] === true
    this.#happens({ kind: injected ? 'steered' : 'prompted', input, ...at })
  }

  #assistant(fields: Fields, at: { at?: number }): void {
    const { message } = fields
    if (!isFields(message)) return this.#skip('assistant row without a message')
    for (const block of blocksOf(message['content'])) this.#block(block, at)
    this.#measure(message, at)
  }

  #block(block: unknown, at: { at?: number }): void {
    const kind = isFields(block) ? block['type'] : typeof block
    if (typeof block === 'string') this.#happens({ kind: 'said', text: block, ...at })
    else if (!isFields(block)) this.#skip(`${String(kind)} for a block`)
    else if (kind === 'text' && text(block['text']) !== undefined) this.#happens({ kind: 'said', text: block['text'] as string, ...at })
    else if (kind === 'thinking' && text(block['thinking']) !== undefined)
      this.#happens({ kind: 'reasoned', text: block['thinking'] as string, ...at })
    else if (kind === 'tool_use') this.#call(block, at)
    else this.#skip(`block ${String(kind)}`)
  }

  #call(fields: Fields, at: { at?: number }): void {
    this.#calls += 1
    const callId = text(fields['id']) ?? `call-${this.#calls}`
    this.#happens({ kind: 'called', callId, name: text(fields['name']) ?? 'unnamed', arguments: fields['input'] ?? {}, ...at })
  }

  #outcome(fields: Fields, content: unknown, at: { at?: number }): void {
    const callId = text(fields['tool_use_id'])
    const status = fields['is_error'] === true ? 'error' : 'ok'
    this.#happens({ kind: 'returned', ...(callId === undefined ? {} : { callId }), status, content: blocksOf(content).map(partOf), ...at })
  }

  /** Rows of one message repeat its usage; it counts once. */
  #measure(message: Fields, at: { at?: number }): void {
    const { usage } = message
    const id = text(message['id'])
    if (!isFields(usage) || (id !== undefined && this.#measured.has(id))) return
    if (id !== undefined) this.#measured.add(id)
    const input = whole(usage['input_tokens']) + whole(usage['cache_creation_input_tokens']) + whole(usage['cache_read_input_tokens'])
    const model = text(message['model'])
    this.#happens({
      kind: 'measured',
      ...(model === undefined ? {} : { model }),
      tokens: { input, output: whole(usage['output_tokens']) },
      ...at,
    })
  }

  #happens(moment: Moment): void {
    this.story.moments.push(moment)
  }

  #skip(reason: string): void {
    count(this.story.skipped, reason)
  }
}

function blocksOf(content: unknown): unknown[] {
  if (Array.isArray(content)) return content
  return content === undefined || content === null || content === '' ? [] : [content]
}

/** Text as text; an image by its kind, without its bytes; the rest as it came. */
function partOf(block: unknown): Part {
  if (typeof block === 'string') return { type: 'text', text: block }
  if (!isFields(block)) return { type: 'json', value: block }
  if (block['type'] === 'text' && typeof block['text'] === 'string') return { type: 'text', text: block['text'] }
  if (block['type'] === 'image') return image(isFields(block['source']) ? block['source']['media_type'] : undefined)
  return { type: 'json', value: block }
}
