/** The entries of a CodeWhale session, one behind the other: messages of several blocks each, and summaries. */
import type { RecordedEvent } from '../../../index.js'
import { inWords, isFields, known, textOf, uuidFor, type ContentPart, type Fields } from '../content.js'
import type { About } from '../exporter.js'
import { endThatIsLost, inputOf, isEnd, isFailure, isQuiet, timeOf } from '../told.js'

export interface Entry extends Fields {
  id: string
  kind: string
  message?: { role: string; content: Fields[] }
}

type Message = Entry & { message: { role: string; content: Fields[] } }

/** Fields of an entry, which stand beside its first event in the journal. */
const OF_ENTRY = new Set(['id', 'parent_id', 'kind', 'spawn_depth', 'created_at', 'message'])

export class CodewhaleEntries {
  readonly #about: About
  /** What the journal keeps beside its fields is of this format. */
  readonly #isOwn: boolean
  readonly #ids = new Set<string>()
  #last: string | undefined
  /** The message that is being put together, of the model or of outcomes. */
  #open: Message | undefined

  constructor(about: About) {
    this.#about = about
    this.#isOwn = about.source.kind === 'codewhale'
  }

  take(event: RecordedEvent): Entry[] {
    const data = event.data as Fields
    switch (event.type) {
      case 'turn.submitted':
      case 'turn.steered':
        if (event.type === 'turn.steered') this.#about.losses.add('input while a turn ran, told as a prompt')
        return [...this.flush(), this.#message(event, 'user', this.#blocks(inputOf(data)))]
      case 'item.completed':
        return this.#item(event, data)
      case 'tool.requested': {
        const { callId: id, name, arguments: input } = data
        return this.#add(event, 'assistant', [{ type: 'tool_use', id, name, input: input ?? {} }])
      }
      case 'tool.finished':
        return this.#add(event, 'user', [this.#outcome(data)])
      case 'tool.unknown':
        this.#about.losses.add('a call whose outcome nobody knows, left without one')
        return []
      case 'thread.compacted':
        return [...this.flush(), this.#compaction(event, data)]
      case 'session.updated':
        return this.#session(event, data)
      default:
        return this.#ended(event, data)
    }
  }

  /** The message that nothing more comes to. */
  flush(): Entry[] {
    const open = this.#open
    this.#open = undefined
    return open === undefined ? [] : [open]
  }

  #ended(event: RecordedEvent, data: Fields): Entry[] {
    const { losses } = this.#about
    if (!isEnd(event)) {
      // That it was put away stands in what is known of the session.
      if (!isQuiet(event) && event.type !== 'session.archived') losses.add(`an event ${event.type}`)
      return []
    }
    losses.add('what a turn took, of which the sum is told', data['usage'] === undefined ? 0 : 1)
    if (!this.#isOwn) losses.add(endThatIsLost(event) ?? '', endThatIsLost(event) === undefined ? 0 : 1)
    if (event.type === 'turn.cancelled' && endThatIsLost(event) === undefined) losses.add('that a turn was cancelled')
    if (event.type !== 'turn.failed') return this.flush()
    losses.add('a turn that failed, whose error is told as what the model said')
    const message = isFields(data['error']) ? textOf(data['error']['message']) : undefined
    return [...this.#add(event, 'assistant', [{ type: 'text', text: message ?? 'failed' }]), ...this.flush()]
  }

  #item(event: RecordedEvent, data: Fields): Entry[] {
    const { losses, session } = this.#about
    losses.add('that another model answered', typeof data['model'] === 'string' && data['model'] !== session.model ? 1 : 0)
    const parts = (data['content'] ?? []) as ContentPart[]
    if (data['kind'] !== 'reasoning') return this.#add(event, 'assistant', this.#blocks(parts))
    return this.#add(event, 'assistant', [{ type: 'thinking', thinking: parts.map((part) => inWords(part, losses)).join('\n') }])
  }

  /** The other program takes a text, and beside it the blocks where there is more to an outcome than that. */
  #outcome(data: Fields): Fields {
    const blocks = this.#blocks(data['content'])
    const said = blocks.map((block) => textOf(block['text']) ?? (block['type'] === 'text' ? '' : `[${String(block['type'])}]`)).join('\n')
    const isPlain = blocks.every(({ type }) => type === 'text') && blocks.length < 2
    const failed = isFailure(data, this.#about.losses)
    return {
      type: 'tool_result',
      tool_use_id: data['callId'],
      content: said,
      ...(failed ? { is_error: true } : {}),
      ...(isPlain ? {} : { content_blocks: blocks }),
    }
  }

  #compaction(event: RecordedEvent, data: Fields): Entry {
    const { losses } = this.#about
    losses.add('how much of the conversation a summary stands for', data['throughTurnId'] === undefined ? 0 : 1)
    const summary = textOf(data['summary']) ?? ((data['content'] ?? []) as ContentPart[]).map((part) => inWords(part, losses)).join('\n')
    const { tokensBefore, tokensAfter, model } = data
    return this.#entry(event, 'compaction', known({ summary, tokens_before: tokensBefore, tokens_after: tokensAfter, model }))
  }

  /** Entries that were kept as they are go back as they are; titles and models stand in what is known of the session. */
  #session(event: RecordedEvent, data: Fields): Entry[] {
    const extra = isFields(data['extra']) ? data['extra'] : {}
    const record = extra['record']
    const kind = isFields(record) ? textOf(record['kind']) : undefined
    if (this.#isOwn && isFields(record) && kind !== undefined)
      return [...this.flush(), this.#entry({ ...event, data: { extra: record } }, kind, {})]
    for (const what of Object.keys(extra)) this.#about.losses.add(`what is kept raw: ${what}`)
    return []
  }

  /** Blocks of the message that is open; one of the other role, or that began another entry, is told after it. */
  #add(event: RecordedEvent, role: string, blocks: Fields[]): Entry[] {
    const extra = this.#extra(event)
    const own = Object.fromEntries(Object.entries(extra).filter(([name]) => !OF_ENTRY.has(name)))
    const said = blocks.map((block, i) => (i === 0 ? { ...block, ...own } : block))
    const open = this.#open
    if (open?.message.role === role && extra['id'] === undefined) {
      open.message.content.push(...said)
      return []
    }
    const before = this.flush()
    this.#open = this.#message(event, role, said)
    return before
  }

  #message(event: RecordedEvent, role: string, content: Fields[]): Message {
    const { message: inner } = this.#extra(event)
    return { ...this.#entry(event, 'message', {}), message: { ...(isFields(inner) ? inner : {}), role, content } }
  }

  #entry(event: RecordedEvent, kind: string, fields: Fields): Entry {
    const { id: given, parent_id: before, message: _, ...rest } = this.#extra(event)
    const used = textOf(given)
    const id = used !== undefined && !this.#ids.has(used) ? used : uuidFor(`${event.stream}/${event.version}/${this.#ids.size}`)
    const named = textOf(before)
    const parent = named !== undefined && this.#ids.has(named) ? named : this.#last
    this.#ids.add(id)
    this.#last = id
    const own = kind === 'message' ? {} : rest
    return {
      ...own,
      id,
      ...known({ parent_id: parent }),
      kind,
      ...fields,
      created_at: new Date(timeOf(event)).toISOString(),
      spawn_depth: 0,
    }
  }

  /** What stands beside an event and is of this format. */
  #extra({ data }: { data: unknown }): Fields {
    const extra = isFields(data) && isFields(data['extra']) ? data['extra'] : undefined
    if (extra === undefined) return {}
    if (this.#isOwn) return extra
    this.#about.losses.add('what is kept beside an event')
    return {}
  }

  #blocks(content: unknown): Fields[] {
    return ((content ?? []) as ContentPart[]).map((part) => {
      if (part.type === 'text') return { ...part }
      if (part.type === 'image' && part.url !== undefined) return { type: 'image_url', image_url: { url: part.url } }
      if (part.type === 'json' && this.#isOwn && isFields(part.value)) return part.value
      return { type: 'text', text: inWords(part, this.#about.losses) }
    })
  }
}
