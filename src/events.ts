/**
 * Today's shape of every built-in event. Objects stay open: what a writer knows and this catalogue does not is kept.
 * Shapes of the past stand with the steps that bring them here, in `upcasters/`.
 */
import { z } from 'zod'
import { defineEvents } from './define.js'

const id = z.string().min(1)
const text = z.string().optional()
const count = z.number().int().nonnegative().optional()
const extra = z.record(z.string(), z.unknown()).optional()

/** A piece of content. Bytes are stored elsewhere and referred to. */
export const contentPart = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('image'), url: text, path: text, mediaType: text, digest: text }),
  z.looseObject({ type: z.literal('file'), url: text, path: text, name: text, mediaType: text, digest: text }),
  z.looseObject({ type: z.literal('json'), value: z.unknown() }),
])
const content = z.array(contentPart)

const usage = z.looseObject({ inputTokens: count, outputTokens: count, cacheReadTokens: count, cacheWriteTokens: count, reasoningTokens: count, cost: z.number().optional() })
const failure = z.looseObject({ message: z.string(), code: text })
const worktree = z.looseObject({ path: text, branch: text, repository: text })
const parent = z.looseObject({ stream: id, threadId: text, turnId: text, position: count })
const attempt = z.number().int().positive().optional()

const sessionData = z.looseObject({ title: text, agent: text, workspace: text, worktree: worktree.optional(), model: text, provider: text, parent: parent.optional(), tags: z.array(z.string()).optional(), extra })
const reason = z.looseObject({ reason: text, extra })

const thread = z.looseObject({ threadId: id, extra })
const turn = z.looseObject({ turnId: id, threadId: text, attempt, extra })
const item = z.looseObject({ turnId: id, threadId: text, attempt, itemId: id, extra })
const call = z.looseObject({ turnId: id, threadId: text, attempt, callId: id, extra })
const task = z.looseObject({ taskId: id, attempt, extra })

export const events = defineEvents({
  'session.created': { schema: 1, data: sessionData },
  'session.updated': { schema: 1, data: sessionData },
  'session.archived': { schema: 1, data: reason },
  'session.restored': { schema: 1, data: reason },
  'session.deleted': { schema: 1, data: reason },

  'thread.started': { schema: 1, data: thread.extend({ title: text, model: text }) },
  /** A thread that begins as another one was at the end of a turn. */
  'thread.forked': { schema: 1, data: thread.extend({ from: id, throughTurnId: text, title: text }) },
  /** What lies before is replaced by a summary in the next prompt; up to the end of `throughTurnId`, or up to here. */
  'thread.compacted': { schema: 1, data: thread.extend({ summary: z.string(), throughTurnId: text, tokensBefore: count, tokensAfter: count }) },
  /** What comes after a turn, or an item, is hidden. */
  'thread.truncated': { schema: 1, data: thread.extend({ afterTurnId: text, afterItemId: text, reason: text }) },
  'thread.closed': { schema: 1, data: thread.extend({ reason: text }) },

  'turn.submitted': { schema: 1, data: z.looseObject({ threadId: id, turnId: id, input: content, model: text, priority: z.number().optional(), attachments: content.optional(), extra }) },
  'turn.started': { schema: 1, data: turn.extend({ model: text, provider: text, agent: text }) },
  'turn.steered': { schema: 1, data: turn.extend({ input: content.optional() }) },
  /** Since schema 2 all that was used stands in one place; before, two counts stood beside the rest and named no cache. */
  'turn.completed': { schema: 2, data: turn.extend({ usage: usage.optional(), stopReason: text, model: text, provider: text }) },
  'turn.failed': { schema: 1, data: turn.extend({ error: failure, usage: usage.optional() }) },
  'turn.cancelled': { schema: 1, data: turn.extend({ reason: text, by: text, usage: usage.optional() }) },
  'turn.interrupted': { schema: 1, data: turn.extend({ cause: text, reason: text }) },

  'item.started': { schema: 1, data: item.extend({ kind: z.string().min(1), role: text }) },
  'item.delta': { schema: 1, data: item.extend({ text }) },
  'item.completed': { schema: 1, data: item.extend({ kind: text, role: text, content: content.optional(), model: text }) },

  'tool.requested': { schema: 1, data: call.extend({ name: z.string(), arguments: z.unknown() }) },
  'tool.started': { schema: 1, data: call },
  /** Since schema 2 an outcome has a status (`ok` where none is named) and content of every kind; before, a text and whether it was an error. */
  'tool.finished': { schema: 2, data: call.extend({ status: z.enum(['ok', 'error', 'denied', 'cancelled', 'not-run']).optional(), content: content.optional(), durationMs: z.number().nonnegative().optional() }) },
  'tool.unknown': { schema: 1, data: call.extend({ cause: text }) },

  'approval.requested': { schema: 1, data: call.extend({ callId: text, approvalId: id, question: text, options: z.array(z.string()).optional() }) },
  'approval.resolved': { schema: 1, data: call.extend({ callId: text, approvalId: id, decision: z.string(), by: text }) },
  'input.requested': { schema: 1, data: turn.extend({ inputId: id, question: text, options: z.array(z.string()).optional() }) },
  'input.resolved': { schema: 1, data: turn.extend({ inputId: id, answer: content.optional(), by: text }) },

  'task.enqueued': { schema: 1, data: task.extend({ title: text, prompt: text, agent: text, workspace: text, session: text, priority: z.number().optional(), dependencies: z.array(z.string()).optional() }) },
  'task.started': { schema: 1, data: task.extend({ worker: text }) },
  'task.progressed': { schema: 1, data: task.extend({ summary: text, percent: z.number().optional() }) },
  'task.completed': { schema: 1, data: task.extend({ summary: text, result: z.unknown().optional() }) },
  'task.failed': { schema: 1, data: task.extend({ error: failure.optional() }) },
  'task.cancelled': { schema: 1, data: task.extend({ reason: text, by: text }) },
  'task.interrupted': { schema: 1, data: task.extend({ cause: text, reason: text }) },
  'task.retried': { schema: 1, data: task.extend({ reason: text }) },
})

export type ContentPart = z.infer<typeof contentPart>
export type Usage = z.infer<typeof usage>
