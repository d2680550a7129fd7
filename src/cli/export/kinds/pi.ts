/** pi: a header, then entries that each name the one before; a message of the model holds its thoughts, text and calls. */
import type { RecordedEvent, Usage } from '../../../index.js'
import { argumentsOf, bytesOf, idFor, inWords, isFields, textOf, type ContentPart, type Fields } from '../content.js'
import type { About, ThreadFormat, Writer } from '../exporter.js'
import { endThatIsLost, inputOf, isEnd, isFailure, isQuiet, timeOf } from '../told.js'
import { usageWithoutCaches } from '../usage.js'

export const pi: ThreadFormat = {
  kind: 'pi',
  says: 'a pi session, format 3 (~/.pi/agent/sessions/<folder>/<time>_<id>.jsonl)',
  begin: (about) => new Session(about),
}

/** Fields of a block, which stand beside it in the journal. */
const OF_BLOCK = new Set(['thinkingSignature', 'textSignature', 'thoughtSignature', 'redacted'])

class Session implements Writer {
  readonly name: string
  readonly #about: About
  /** What the journal keeps beside its fields is of this format. */
  readonly #isOwn: boolean
  readonly #ids = new Set<string>()
  readonly #tools = new Map<string, string>()
  #begun = false
  #last: string | null = null
  #api = 'unknown'
  #model: { model: string; provider: string }
  /** The model's message that is being put together. */
  #answer: { entry: Fields; message: Fields; content: Fields[] } | undefined
  /** The last answer of the turn, and the entries behind it: what the turn took is told with it. */
  #held: Fields[] = []

  constructor(about: About) {
    const { source, session, createdAt } = about
    this.#about = about
    this.#isOwn = source.kind === 'pi' || source.kind === 'openclaw'
    this.#model = { model: session.model ?? 'unknown', provider: session.provider ?? 'unknown' }
    this.name = `${isoOf(createdAt).replaceAll(/[:.]/g, '-')}_${this.#id}.jsonl`
    if (textOf(source.id) === undefined) about.losses.add('the name of the session, for which its stream stands')
  }

  get #id(): string {
    return textOf(this.#about.source.id) ?? this.#about.stream
  }

  write(event: RecordedEvent): object[] {
    const header = this.#begun ? [] : [this.#header()]
    this.#begun = true
    const all = [...this.#held, ...this.#entries(event, event.data as Fields)]
    const from = isEnd(event) ? all.length : Math.max(0, all.findLastIndex(isAnswer))
    this.#held = all.slice(from)
    return [...header, ...all.slice(0, from)]
  }

  end(): object[] {
    return [...this.#held, ...this.#flush('toolUse')]
  }

  #header(): Fields {
    const { session, createdAt, losses } = this.#about
    if (session.parent !== undefined) losses.add('the session that this one works for')
    return { type: 'session', version: 3, id: this.#id, timestamp: isoOf(createdAt), cwd: session.workspace ?? '/' }
  }

  #entries(event: RecordedEvent, data: Fields): Fields[] {
    switch (event.type) {
      case 'turn.submitted':
      case 'turn.steered':
        if (event.type === 'turn.steered') this.#about.losses.add('input while a turn ran, told as a prompt')
        return [
          ...this.#flush('toolUse'),
          this.#message(event, { role: 'user', content: this.#blocks(inputOf(data)), timestamp: timeOf(event) }),
        ]
      case 'item.completed':
        return this.#item(event, data)
      case 'tool.requested': {
        this.#tools.set(String(data['callId']), String(data['name']))
        const input = argumentsOf(data['arguments'], this.#about.losses)
        return this.#say(event, { type: 'toolCall', id: data['callId'], name: data['name'], arguments: input })
      }
      case 'tool.finished':
        return [...this.#flush('toolUse'), this.#outcome(event, data)]
      case 'tool.unknown':
        this.#about.losses.add('a call whose outcome nobody knows, left without one')
        return []
      case 'thread.compacted':
        return [...this.#flush('toolUse'), this.#compaction(event, data)]
      case 'session.updated':
        return this.#session(event, data)
      default:
        return this.#ended(event, data)
    }
  }

  #ended(event: RecordedEvent, data: Fields): Fields[] {
    const how = /^turn\.(completed|failed|cancelled|interrupted)$/.exec(event.type)?.[1]
    if (how === undefined) {
      if (!isQuiet(event)) this.#about.losses.add(`an event ${event.type}`)
      return []
    }
    const reason = how === 'failed' && isFields(data['error']) ? textOf(data['error']['message']) : textOf(data['reason'])
    if (!this.#isOwn) this.#about.losses.add(endThatIsLost(event) ?? '', endThatIsLost(event) === undefined ? 0 : 1)
    const byPrompt = how === 'cancelled' && reason === 'the next prompt came'
    if (this.#answer === undefined && (how === 'failed' || (how === 'cancelled' && !byPrompt))) this.#begin(event)
    this.#measure(data['usage'] as Usage | undefined)
    if (how === 'interrupted') return this.#flush('toolUse')
    if (how === 'completed') return this.#flush(data['stopReason'] === 'length' ? 'length' : 'stop')
    if (this.#answer !== undefined && !byPrompt) this.#answer.message['errorMessage'] = reason ?? how
    return this.#flush(byPrompt ? 'toolUse' : how === 'failed' ? 'error' : 'aborted')
  }

  /** What the turn took goes into its last answer. */
  #measure(usage: Usage | undefined): void {
    if (usage === undefined) return
    const { losses } = this.#about
    const answer = this.#answer?.message ?? this.#held.findLast(isAnswer)?.['message']
    if (!isFields(answer)) return losses.add('what a turn took in which nothing was answered')
    answer['usage'] = usageOf(usage)
    losses.add('tokens of reasoning, which are not told apart', (usage.reasoningTokens ?? 0) > 0 ? 1 : 0)
  }

  #item(event: RecordedEvent, data: Fields): Fields[] {
    const parts = (data['content'] ?? []) as ContentPart[]
    const { losses } = this.#about
    if (data['kind'] === 'reasoning')
      return this.#say(event, { type: 'thinking', thinking: parts.map((part) => inWords(part, losses)).join('\n') })
    return parts.flatMap((part, i) =>
      this.#say(
        event,
        this.#isOwnBlock(part) ?? { ...(part.type === 'text' ? part : { type: 'text', text: inWords(part, losses) }) },
        i > 0,
      ),
    )
  }

  #isOwnBlock(part: ContentPart): Fields | undefined {
    return part.type === 'json' && this.#isOwn && isFields(part.value) ? part.value : undefined
  }

  /** A block of the model's message; an event that says what its entry was called began another one. */
  #say(event: RecordedEvent, block: Fields, goesOn = false): Fields[] {
    const before = !goesOn && textOf(this.#extra(event)['id']) !== undefined ? this.#flush('toolUse') : []
    const { message, content } = this.#answer ?? this.#begin(event)
    const data = event.data as Fields
    const model = textOf(data['model'])
    if (model !== undefined) message['model'] = model
    const provider = textOf(data['provider'])
    if (provider !== undefined) message['provider'] = provider
    const extra = isFields(data['extra']) && this.#isOwn ? data['extra'] : {}
    content.push({ ...block, ...Object.fromEntries(Object.entries(extra).filter(([name]) => OF_BLOCK.has(name))) })
    return before
  }

  #begin(event: RecordedEvent): { message: Fields; content: Fields[] } {
    const content: Fields[] = []
    const message: Fields = {
      role: 'assistant',
      content,
      api: this.#api,
      ...this.#model,
      usage: usageOf({}),
      stopReason: 'stop',
      timestamp: timeOf(event),
    }
    const entry = this.#message(event, message)
    this.#answer = { entry, message: entry['message'] as Fields, content }
    return this.#answer
  }

  #flush(stopReason: string): Fields[] {
    const answer = this.#answer
    this.#answer = undefined
    if (answer === undefined) return []
    const calls = answer.content.some(({ type }) => type === 'toolCall')
    answer.message['stopReason'] = stopReason === 'toolUse' && !calls ? 'stop' : stopReason
    return [answer.entry]
  }

  #outcome(event: RecordedEvent, data: Fields): Fields {
    const failed = isFailure(data, this.#about.losses)
    const callId = String(data['callId'])
    const toolName = this.#tools.get(callId) ?? 'unknown'
    this.#tools.delete(callId)
    const content = this.#blocks(data['content'])
    return this.#message(event, {
      role: 'toolResult',
      toolCallId: callId,
      toolName,
      content,
      isError: failed,
      timestamp: timeOf(event),
    })
  }

  #compaction(event: RecordedEvent, data: Fields): Fields {
    if (data['throughTurnId'] !== undefined && this.#extra(event)['firstKeptEntryId'] === undefined)
      this.#about.losses.add('how much of the conversation a summary stands for')
    const summary =
      textOf(data['summary']) ?? ((data['content'] ?? []) as ContentPart[]).map((part) => inWords(part, this.#about.losses)).join('\n')
    const entry = this.#entry(event, { type: 'compaction', summary, tokensBefore: data['tokensBefore'] ?? 0 })
    return { firstKeptEntryId: entry['id'], ...entry }
  }

  /** Entries that were kept as they are go back as they are. */
  #session(event: RecordedEvent, data: Fields): Fields[] {
    const extra = isFields(data['extra']) ? data['extra'] : {}
    const title = textOf(data['title'])
    if (title !== undefined) return [...this.#flush('toolUse'), this.#entry(event, { type: 'session_info', name: title })]
    const [model, provider] = [textOf(data['model']), textOf(data['provider'])]
    if (model !== undefined || provider !== undefined) {
      this.#model = { model: model ?? this.#model.model, provider: provider ?? this.#model.provider }
      return [
        ...this.#flush('toolUse'),
        this.#entry(event, { type: 'model_change', provider: this.#model.provider, modelId: this.#model.model }),
      ]
    }
    const record = extra['record']
    if (this.#isOwn && isFields(record) && record['type'] !== 'session')
      return [...this.#flush('toolUse'), this.#entry({ ...event, data: { extra: record } }, {})]
    for (const what of Object.keys(extra)) this.#about.losses.add(`what is kept raw: ${what}`)
    return []
  }

  #message(event: RecordedEvent, message: Fields): Fields {
    const inner = this.#extra(event)['message']
    const own = isFields(inner) ? inner : {}
    this.#api = textOf(own['api']) ?? this.#api
    const api = message['role'] === 'assistant' ? { api: this.#api } : {}
    return { ...this.#entry(event, { type: 'message' }), message: { ...own, ...message, ...api } }
  }

  #entry(event: RecordedEvent, fields: Fields): Fields {
    const { id: given, parentId, message, ...rest } = this.#extra(event)
    const used = textOf(given)
    const id = used === undefined || this.#ids.has(used) ? idFor(`${event.stream}/${event.version}/${this.#ids.size}`, 8) : used
    const before = textOf(parentId)
    const parent = before !== undefined && this.#ids.has(before) ? before : this.#last
    this.#ids.add(id)
    this.#last = id
    const raw = fields['type'] === undefined && message !== undefined ? { message } : {}
    return { ...rest, ...raw, ...fields, id, parentId: parent, timestamp: isoOf(timeOf(event)) }
  }

  /** What stands beside an event and is of this format, the fields of its block left out. */
  #extra({ data }: { data: unknown }): Fields {
    const extra = isFields(data) && isFields(data['extra']) ? data['extra'] : undefined
    if (extra === undefined) return {}
    if (this.#isOwn) return Object.fromEntries(Object.entries(extra).filter(([name]) => !OF_BLOCK.has(name)))
    this.#about.losses.add('what is kept beside an event')
    return {}
  }

  #blocks(content: unknown): Fields[] {
    return ((content ?? []) as ContentPart[]).map((part) => {
      const bytes = bytesOf(part)
      if (bytes !== undefined) return { type: 'image', data: bytes.data, mimeType: bytes.mediaType }
      return this.#isOwnBlock(part) ?? (part.type === 'text' ? { ...part } : { type: 'text', text: inWords(part, this.#about.losses) })
    })
  }
}

const isAnswer = ({ message }: Fields): boolean => isFields(message) && message['role'] === 'assistant'

function usageOf(usage: Usage): Fields {
  const { cost, ...counts } = usageWithoutCaches(usage)
  const totalTokens = counts.input + counts.output + counts.cacheRead + counts.cacheWrite
  return { ...counts, totalTokens, cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: cost } }
}

const isoOf = (at: number): string => new Date(at).toISOString()
