/** Claude Code: a row for each block of what was said, each naming the row before it. */
import type { RecordedEvent, Usage } from '../../../index.js'
import { argumentsOf, idFor, inWords, isFields, isUuid, known, textOf, uuidFor, type ContentPart, type Fields } from '../content.js'
import type { About, ThreadFormat, Writer } from '../exporter.js'
import { endThatIsLost, inputOf, isEnd, isFailure, isQuiet, timeOf } from '../told.js'
import { blocksOf } from './claude-blocks.js'
import { usageWithoutCaches } from '../usage.js'

export const claudeCode: ThreadFormat = {
  kind: 'claude-code',
  says: 'a Claude Code transcript (~/.claude/projects/<folder>/<id>.jsonl)',
  begin: (about) => new Transcript(about),
}

/** Fields that an import keeps where they change, and that every row has. */
const STEADY = ['cwd', 'version', 'gitBranch', 'userType', 'entrypoint', 'slug', 'permissionMode', 'project'] as const
/** Fields of a block, which stand beside it in the journal. */
const OF_BLOCK = new Set(['signature', 'cache_control', 'citations'])

class Transcript implements Writer {
  readonly name: string
  readonly #about: About
  readonly #id: string
  /** What the journal keeps beside its fields is of this format. */
  readonly #isOwn: boolean
  readonly #steady: Fields
  readonly #uuids = new Set<string>()
  #last: string | null = null
  #model: string
  /** The row of the last answer in the turn: what the turn took is told with it. Rows behind it wait. */
  #held: Fields[] = []
  #hasBoundary = false

  constructor(about: About) {
    const { source, session, stream, losses } = about
    this.#about = about
    this.#isOwn = source.kind === 'claude-code'
    this.#model = session.model ?? 'unknown'
    // The rows of a sub-agent bear the name of the session that it works for; taken out, it is a session of its own.
    const id = (session.parent === undefined ? textOf(source.id) : undefined) ?? stream
    this.#id = isUuid(id) ? id : uuidFor(stream)
    if (this.#id !== id) losses.add('the name of the session, for which another had to be made')
    this.name = `${this.#id}.jsonl`
    this.#steady = known({
      userType: 'external',
      cwd: session.workspace ?? '/',
      version: (this.#isOwn ? textOf(source.version) : undefined) ?? '2.0.0',
    })
    if (session.parent !== undefined) losses.add('the session that this one works for')
  }

  write(event: RecordedEvent): object[] {
    const rows = this.#rows(event, event.data as Fields)
    const all = [...this.#held, ...rows]
    const from = isEnd(event)
      ? all.length
      : Math.max(
          0,
          all.findLastIndex(({ type }) => type === 'assistant'),
        )
    this.#held = all.slice(from)
    return all.slice(0, from)
  }

  end(): object[] {
    return this.#held
  }

  #rows(event: RecordedEvent, data: Fields): Fields[] {
    const { losses } = this.#about
    switch (event.type) {
      case 'turn.submitted':
        return [this.#user(event, this.#blocks(inputOf(data)))]
      case 'turn.steered':
        return [this.#steered(event, data)]
      case 'item.completed':
        return this.#items(event, data)
      case 'tool.requested':
        return [
          this.#assistant(event, {
            type: 'tool_use',
            id: data['callId'],
            name: data['name'],
            input: argumentsOf(data['arguments'], this.#about.losses),
          }),
        ]
      case 'tool.finished':
        return [this.#outcome(event, data)]
      case 'tool.unknown':
        losses.add('a call whose outcome nobody knows, left without one')
        return []
      case 'thread.compacted':
        return this.#compaction(event, data)
      case 'session.updated':
        return this.#session(event, data)
      default:
        return this.#ended(event, data)
    }
  }

  #ended(event: RecordedEvent, data: Fields): Fields[] {
    const { losses } = this.#about
    if (!isEnd(event)) {
      if (!isQuiet(event)) losses.add(`an event ${event.type}`)
      return []
    }
    this.#measure(data['usage'] as Usage | undefined)
    const reason = textOf(data['reason'])
    if (!this.#isOwn) losses.add(endThatIsLost(event) ?? '', endThatIsLost(event) === undefined ? 0 : 1)
    if (event.type === 'turn.completed' && typeof data['durationMs'] === 'number')
      return [this.#row(event, { type: 'system', subtype: 'turn_duration', durationMs: data['durationMs'], isMeta: false })]
    if (event.type === 'turn.cancelled' && reason !== 'the next prompt came')
      return [
        this.#user(event, [
          { type: 'text', text: reason?.startsWith('[Request interrupted') === true ? reason : '[Request interrupted by user]' },
        ]),
      ]
    if (event.type !== 'turn.failed') return []
    const message = isFields(data['error']) ? textOf(data['error']['message']) : undefined
    losses.add('a turn that failed, whose error is told as what the model said')
    return [this.#assistant(event, { type: 'text', text: message ?? 'failed' }, { isApiErrorMessage: true })]
  }

  /** What the turn took goes into the row of its last answer. */
  #measure(usage: Usage | undefined): void {
    const message = this.#held.findLast(({ type }) => type === 'assistant')?.['message']
    if (usage === undefined) return
    if (!isFields(message)) return this.#about.losses.add('what a turn took in which nothing was answered')
    const { input, output, cacheRead, cacheWrite, cost } = usageWithoutCaches(usage)
    this.#about.losses.add('what a turn cost', cost > 0 ? 1 : 0)
    this.#about.losses.add('tokens of reasoning, which are not told apart', (usage.reasoningTokens ?? 0) > 0 ? 1 : 0)
    const counts = {
      input_tokens: input,
      output_tokens: output,
      cache_read_input_tokens: cacheRead,
      cache_creation_input_tokens: cacheWrite,
    }
    message['usage'] = counts
  }

  #items(event: RecordedEvent, data: Fields): Fields[] {
    const parts = (data['content'] ?? []) as ContentPart[]
    if (data['kind'] === 'reasoning') {
      const said = parts.map((part) => inWords(part, this.#about.losses)).join('\n')
      if (!this.#isOwn) this.#about.losses.add('the signature of a thought')
      return [this.#assistant(event, { type: 'thinking', thinking: said, signature: '' })]
    }
    return blocksOf(parts, this.#isOwn, this.#about.losses).map((block) => this.#assistant(event, block))
  }

  #assistant(event: RecordedEvent, block: Fields, more: Fields = {}): Fields {
    const data = event.data as Fields
    const { own, inBlock } = this.#extra(data)
    this.#model = textOf(data['model']) ?? this.#model
    const message = {
      id: textOf(own['messageId']) ?? `msg_${idFor(`${event.stream}/${event.version}`, 24)}`,
      type: 'message',
      role: 'assistant',
      model: this.#model,
      content: [{ ...block, ...inBlock }],
      stop_reason: textOf(data['stopReason']) ?? null,
      stop_sequence: null,
    }
    return this.#row(event, { type: 'assistant', message, ...more })
  }

  #steered(event: RecordedEvent, data: Fields): Fields {
    const { role } = data
    if (role !== 'meta' && role !== 'notice') this.#about.losses.add('input while a turn ran, told as said by the program')
    return this.#user(event, this.#blocks(inputOf(data)), role === 'notice' ? {} : { isMeta: true })
  }

  #outcome(event: RecordedEvent, data: Fields): Fields {
    const failed = isFailure(data, this.#about.losses)
    const blocks = this.#blocks(data['content'])
    const [only] = blocks
    const content = blocks.length === 1 && only?.['type'] === 'text' ? only['text'] : blocks
    const block = { tool_use_id: data['callId'], type: 'tool_result', content, ...(failed ? { is_error: true } : {}) }
    return this.#user(event, [block])
  }

  #user(event: RecordedEvent, blocks: Fields[], more: Fields = {}): Fields {
    const [only] = blocks
    const isText = blocks.length === 1 && only?.['type'] === 'text' && Object.keys(only).length === 2
    return this.#row(event, { type: 'user', message: { role: 'user', content: isText ? only['text'] : blocks }, ...more })
  }

  #compaction(event: RecordedEvent, data: Fields): Fields[] {
    if (data['throughTurnId'] !== undefined) this.#about.losses.add('how much of the conversation a summary stands for')
    const boundary = known({ trigger: data['trigger'] ?? 'manual', preTokens: data['tokensBefore'] })
    const rows: Fields[] = this.#hasBoundary
      ? []
      : [
          this.#row(
            { ...event, data: {} },
            {
              type: 'system',
              subtype: 'compact_boundary',
              content: 'Conversation compacted',
              compactMetadata: boundary,
            },
          ),
        ]
    this.#hasBoundary = false
    const blocks = data['content'] === undefined ? [{ type: 'text', text: textOf(data['summary']) ?? '' }] : this.#blocks(data['content'])
    return [...rows, this.#user(event, blocks, { isCompactSummary: true, isVisibleInTranscriptOnly: true })]
  }

  /** Rows that were kept as they are go back as they are. */
  #session(event: RecordedEvent, data: Fields): Fields[] {
    const extra = isFields(data['extra']) ? data['extra'] : {}
    const title = textOf(data['title'])
    if (title !== undefined)
      return [
        known({
          type: 'summary',
          summary: title,
          leafUuid: (this.#isOwn ? textOf(extra['leafUuid']) : undefined) ?? this.#last ?? undefined,
        }),
      ]
    const record = extra['record']
    if (this.#isOwn && isFields(record) && isSound(record)) return [this.#raw(event, record)]
    for (const what of Object.keys(extra)) this.#about.losses.add(`what is kept raw: ${what}`)
    return []
  }

  #raw(event: RecordedEvent, record: Fields): Fields {
    this.#remember(record)
    if (record['subtype'] === 'compact_boundary') this.#hasBoundary = true
    const used = textOf(record['uuid'])
    if (used === undefined) return record
    return { ...this.#steady, ...record, sessionId: this.#id, uuid: this.#name(event, used), timestamp: isoOf(event) }
  }

  /** A row's own name, or a new one where it is taken; rows behind it follow it. */
  #name(event: RecordedEvent, given: string | undefined): string {
    const isFree = given !== undefined && !this.#uuids.has(given)
    const uuid = isFree ? given : uuidFor(`${event.stream}/${event.version}/${this.#uuids.size}`)
    this.#uuids.add(uuid)
    this.#last = uuid
    return uuid
  }

  #row(event: RecordedEvent, fields: Fields): Fields {
    const { own } = this.#extra(event.data as Fields)
    const { uuid: given, parentUuid, messageId: _, message: inner, ...rest } = own
    this.#remember(rest)
    const before = textOf(parentUuid)
    const parent = before !== undefined && this.#uuids.has(before) ? before : this.#last
    const uuid = this.#name(event, textOf(given))
    const { usage, ...about } = isFields(inner) ? inner : {}
    this.#about.losses.add('what single messages took, beside the sum of their turn', usage === undefined ? 0 : 1)
    const message = isFields(fields['message']) ? { message: { ...about, ...fields['message'] } } : {}
    return {
      parentUuid: parent,
      ...this.#steady,
      ...rest,
      sessionId: this.#id,
      isSidechain: false,
      ...fields,
      ...message,
      uuid,
      timestamp: isoOf(event),
    }
  }

  /** What stands beside an event and is of this format: fields of the row, and of its block. */
  #extra({ extra }: Fields): { own: Fields; inBlock: Fields } {
    if (!isFields(extra)) return { own: {}, inBlock: {} }
    if (!this.#isOwn) {
      this.#about.losses.add('what is kept beside an event')
      return { own: {}, inBlock: {} }
    }
    const entries = Object.entries(extra)
    return {
      own: Object.fromEntries(entries.filter(([name]) => !OF_BLOCK.has(name))),
      inBlock: Object.fromEntries(entries.filter(([name]) => OF_BLOCK.has(name))),
    }
  }

  #blocks(content: unknown): Fields[] {
    return blocksOf(content, this.#isOwn, this.#about.losses)
  }

  #remember(row: Fields): void {
    for (const name of STEADY) if (row[name] !== undefined) this.#steady[name] = row[name]
  }
}

const isoOf = (event: RecordedEvent): string => new Date(timeOf(event)).toISOString()

/** Whether Claude Code reads a row: a message is an object. */
const isSound = ({ type, message }: Fields): boolean => (type !== 'user' && type !== 'assistant') || isFields(message)
