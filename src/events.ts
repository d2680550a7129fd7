/**
 * Today's shape of every built-in event. Objects stay open: what a writer knows and this catalogue does not is kept, in
 * place; what has no place at all goes into `extra`. Shapes of the past stand with the steps that bring them here, in
 * `upcasters/`.
 *
 * `threadId` and `attempt` are optional where `append` fills them in from what is open; on the disk they are there.
 */
import { z } from 'zod'
import { defineEvents } from './define.js'

const id = z.string().min(1)
const text = z.string().optional()
const count = z.number().int().nonnegative().optional()
const amount = z.number().nonnegative().optional()
const flag = z.boolean().optional()
const texts = z.array(z.string()).optional()
const attempt = z.number().int().positive().optional()
const extra = z.record(z.string(), z.unknown()).optional()

/** Where bytes lie that are not in the journal. */
const reference = { url: text, path: text, name: text, mediaType: text, digest: text, bytes: count }

/** A piece of content: what a person typed, a model said, a tool gave back. */
export const contentPart = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('image'), ...reference }),
  z.looseObject({ type: z.literal('file'), ...reference }),
  z.looseObject({ type: z.literal('json'), value: z.unknown() }),
])
const content = z.array(contentPart)

/** What model calls took. `cost` is in `currency`, in US dollars where none is named. */
const usage = z.looseObject({
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  reasoningTokens: count,
  totalTokens: count,
  cost: amount,
  currency: text,
})
const failure = z.looseObject({ message: z.string(), code: text, kind: text, retryable: flag })
/** A path, or more of it. */
const worktree = z.union([z.string(), z.looseObject({ path: text, branch: text, repository: text, commit: text })])
/** What something came from: a session, perhaps down to a call in it. */
const parent = z.looseObject({ stream: id, threadId: text, turnId: text, callId: text, position: count })

/** Who works on it and with what; in a session, thread, turn, item or task, each overriding the one around it. */
const worker = { agent: text, model: text, provider: text, mode: text }
const place = { workspace: text, worktree: worktree.optional() }

const sessionData = z.looseObject({
  title: text,
  ...worker,
  ...place,
  /** The system prompt. */
  instructions: text,
  parent: parent.optional(),
  /** Where an import found it. */
  source: z.looseObject({ kind: text, path: text, id: text, version: text }).optional(),
  project: text,
  pinned: flag,
  tags: texts,
  extra,
})
const put = z.looseObject({ reason: text, by: text, extra })
const thread = z.looseObject({ threadId: id, extra })
const turn = z.looseObject({ turnId: id, threadId: text, attempt, extra })
const ended = turn.extend({ ...worker, usage: usage.optional(), durationMs: amount })
const item = turn.extend({ itemId: id })
const call = turn.extend({ callId: id })
const approval = turn.extend({ approvalId: id, callId: text })
const input = turn.extend({ inputId: id, callId: text })
const task = z.looseObject({ taskId: id, attempt, extra })
const question = { question: text, options: texts }

export const events = defineEvents({
  'session.created': { schema: 1, data: sessionData },
  /** Fields that are there take the place of those before. */
  'session.updated': { schema: 1, data: sessionData },
  'session.archived': { schema: 1, data: put },
  'session.restored': { schema: 1, data: put },
  'session.deleted': { schema: 1, data: put },

  /** `parent`: the call that a sub-agent's thread works for, say. */
  'thread.started': {
    schema: 1,
    data: thread.extend({ title: text, kind: text, ...worker, instructions: text, parent: parent.optional() }),
  },
  /** A thread that begins as another one, `from`, is at the end of a turn, or now. `fromSession`: it lies in that session. */
  'thread.forked': {
    schema: 1,
    data: thread.extend({ from: id.optional(), fromSession: text, throughTurnId: text, title: text, reason: text }),
  },
  /** What lies before is replaced by a summary in the next prompt: up to the end of `throughTurnId`, or up to now. */
  'thread.compacted': {
    schema: 1,
    data: thread.extend({
      summary: text,
      content: content.optional(),
      throughTurnId: text,
      tokensBefore: count,
      tokensAfter: count,
      model: text,
      trigger: text,
    }),
  },
  /** What comes after a turn's end is hidden, or after an item of it (of the turn that runs where none is named); all where neither is named. */
  'thread.truncated': { schema: 1, data: thread.extend({ afterTurnId: text, afterItemId: text, reason: text }) },
  'thread.closed': { schema: 1, data: thread.extend({ reason: text }) },

  'turn.submitted': {
    schema: 1,
    data: z.looseObject({
      threadId: id,
      turnId: id,
      input: content,
      attachments: content.optional(),
      role: text,
      ...worker,
      ...place,
      priority: z.number().optional(),
      parent: parent.optional(),
      extra,
    }),
  },
  'turn.started': { schema: 1, data: turn.extend({ ...worker, ...place }) },
  'turn.steered': { schema: 1, data: turn.extend({ input: content.optional(), attachments: content.optional(), role: text }) },
  /** Since schema 2 what was used stands in one place, with room for caches and cost; before, two counts stood beside the rest. */
  'turn.completed': { schema: 2, data: ended.extend({ stopReason: text }) },
  'turn.failed': { schema: 1, data: ended.extend({ error: failure }) },
  'turn.cancelled': { schema: 1, data: ended.extend({ reason: text, by: text }) },
  'turn.interrupted': { schema: 1, data: ended.extend({ cause: text, reason: text }) },

  'item.started': { schema: 1, data: item.extend({ kind: z.string().min(1), role: text, ...worker }) },
  'item.delta': { schema: 1, data: item.extend({ text, content: content.optional() }) },
  'item.completed': {
    schema: 1,
    data: item.extend({ kind: text, role: text, content: content.optional(), ...worker, usage: usage.optional(), stopReason: text }),
  },

  'tool.requested': { schema: 1, data: call.extend({ name: z.string(), arguments: z.unknown(), itemId: text, title: text }) },
  'tool.started': { schema: 1, data: call.extend({ worker: text }) },
  /** Since schema 2 an outcome has a status (`ok` where none is named) and content of every kind; before, a text and whether it was an error. */
  'tool.finished': {
    schema: 2,
    data: call.extend({
      status: z.enum(['ok', 'error', 'denied', 'cancelled', 'timed-out', 'not-run']).optional(),
      content: content.optional(),
      durationMs: amount,
    }),
  },
  'tool.unknown': { schema: 1, data: call.extend({ cause: text, reason: text }) },

  'approval.requested': { schema: 1, data: approval.extend({ ...question, name: text, reason: text }) },
  'approval.resolved': { schema: 1, data: approval.extend({ decision: text, by: text, reason: text, remember: flag }) },
  'input.requested': { schema: 1, data: input.extend(question) },
  'input.resolved': { schema: 1, data: input.extend({ answer: z.union([z.string(), content]).optional(), declined: flag, by: text }) },

  'task.enqueued': {
    schema: 1,
    data: task.extend({
      title: text,
      prompt: text,
      input: content.optional(),
      ...worker,
      ...place,
      session: text,
      parent: parent.optional(),
      priority: z.number().optional(),
      dependencies: texts,
    }),
  },
  'task.started': { schema: 1, data: task.extend({ worker: text, session: text, threadId: text, turnId: text }) },
  'task.progressed': { schema: 1, data: task.extend({ summary: text, percent: z.number().optional() }) },
  'task.completed': { schema: 1, data: task.extend({ summary: text, result: z.unknown().optional(), usage: usage.optional() }) },
  'task.failed': { schema: 1, data: task.extend({ error: failure.optional(), usage: usage.optional() }) },
  'task.cancelled': { schema: 1, data: task.extend({ reason: text, by: text }) },
  'task.interrupted': { schema: 1, data: task.extend({ cause: text, reason: text }) },
  /** Back into the queue; `attempt` is the one that comes next. */
  'task.retried': { schema: 1, data: task.extend({ reason: text, by: text }) },
})

export type ContentPart = z.infer<typeof contentPart>
export type Usage = z.infer<typeof usage>
