/** pi's transcripts: a session row, then a row for each message, change of model or thinking, and compaction. */
import { count, image, type Moment, type Part, type Story } from './moments.js'
import { isFields, text, time, whole, type Fields, type Row } from './rows.js'

export class PiReader {
  readonly story: Story

  constructor(fallbackId: string) {
    this.story = { id: fallbackId, agent: 'pi', moments: [], rows: 0, skipped: {} }
  }

  read({ fields, reason }: Row): void {
    this.story.rows += 1
    if (fields === undefined) return this.#skip(reason)
    const kind = text(fields['type']) ?? 'no type'
    if (kind === 'session') return this.#session(fields)
    if (kind !== 'message') return this.#skip(kind)
    const { message } = fields
    if (!isFields(message)) return this.#skip('message row without a message')
    this.#message(message, time(fields['timestamp']))
  }

  #session(fields: Fields): void {
    this.story.id = text(fields['id']) ?? this.story.id
    const workspace = text(fields['cwd'])
    if (workspace !== undefined) this.story.workspace = workspace
  }

  #message(message: Fields, at: { at?: number }): void {
    const role = text(message['role']) ?? 'nobody'
    if (role === 'user') return this.#happens({ kind: 'prompted', input: partsOf(message['content']), ...at })
    if (role === 'assistant') return this.#assistant(message, at)
    if (role !== 'toolResult') return this.#skip(`message of ${role}`)
    const callId = text(message['toolCallId'])
    const status = message['isError'] === true ? 'error' : 'ok'
    this.#happens({ kind: 'returned', ...(callId === undefined ? {} : { callId }), status, content: partsOf(message['content']), ...at })
  }

  #assistant(message: Fields, at: { at?: number }): void {
    for (const block of Array.isArray(message['content']) ? message['content'] : [message['content']]) this.#block(block, at)
    this.#measure(message, at)
    const stop = message['stopReason']
    if (stop === 'stop' || stop === 'length') this.#happens({ kind: 'ended', how: 'completed', reason: stop, ...at })
    if (stop === 'aborted') this.#happens({ kind: 'ended', how: 'cancelled', reason: text(message['errorMessage']) ?? stop, ...at })
    if (stop === 'error') this.#happens({ kind: 'ended', how: 'failed', reason: text(message['errorMessage']) ?? stop, ...at })
  }

  #block(block: unknown, at: { at?: number }): void {
    const said = isFields(block) && block['type'] === 'text' ? block['text'] : block
    if (typeof said === 'string') return said === '' ? undefined : this.#happens({ kind: 'said', text: said, ...at })
    if (!isFields(block)) return this.#skip(`${typeof block} for a block`)
    const thought = block['type'] === 'thinking' ? text(block['thinking']) : undefined
    const callId = block['type'] === 'toolCall' ? text(block['id']) : undefined
    if (thought !== undefined) this.#happens({ kind: 'reasoned', text: thought, ...at })
    else if (callId !== undefined)
      this.#happens({ kind: 'called', callId, name: text(block['name']) ?? 'unnamed', arguments: block['arguments'] ?? {}, ...at })
    else this.#skip(`block ${String(block['type'])}`)
  }

  #measure(message: Fields, at: { at?: number }): void {
    const { usage } = message
    if (!isFields(usage)) return
    const model = text(message['model'])
    const input = whole(usage['input']) + whole(usage['cacheRead']) + whole(usage['cacheWrite'])
    this.#happens({ kind: 'measured', ...(model === undefined ? {} : { model }), tokens: { input, output: whole(usage['output']) }, ...at })
  }

  #happens(moment: Moment): void {
    this.story.moments.push(moment)
  }

  #skip(reason: string): void {
    count(this.story.skipped, reason)
  }
}

function partsOf(content: unknown): Part[] {
  return (Array.isArray(content) ? content : [content]).flatMap((block: unknown): Part[] => {
    const said = isFields(block) && block['type'] === 'text' ? block['text'] : block
    if (typeof said === 'string') return said === '' ? [] : [{ type: 'text', text: said }]
    if (isFields(block) && block['type'] === 'image') return [image(block['mimeType'])]
    return block === undefined || block === null ? [] : [{ type: 'json', value: block }]
  })
}
