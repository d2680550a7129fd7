/** What the records of a saved session tell: messages, entries of a tree, receipts of approvals, prompts that wait. */
import { blockOf, saidByUser } from '../../blocks.js'
import { Branches } from '../../branches.js'
import { blocksOf } from '../../content.js'
import { known, Taken, textOf, type Fields } from '../../fields.js'
import type { Reader } from '../../importer.js'
import { named, text, type Moment } from '../../moments.js'

export function reading(): Reader {
  const receipts = new Map<string, Fields[]>()
  const branches = new Branches()
  return (record, { of }) => {
    switch (of) {
      case 'receipt': {
        const call = textOf(record.see('tool_call_id'))
        if (call === undefined) return []
        receipts.set(call, [...(receipts.get(call) ?? []), record.all])
        record.drop(...Object.keys(record.all))
        return []
      }
      case 'queue':
        return [{ kind: 'prompted', input: text(record.text('display') ?? ''), queued: true }]
      case 'draft':
        return [{ kind: 'noted', what: 'draft', extra: { draft: record.text('display') ?? null } }]
      case 'entries':
        return entryOf(record, branches, receipts)
      default:
        return messageOf(record, undefined, receipts)
    }
  }
}

function entryOf(record: Taken, branches: Branches, receipts: ReadonlyMap<string, Fields[]>): Moment[] {
  const [id, parent] = [textOf(record.see('id')), textOf(record.see('parent_id'))]
  const kind = textOf(record.see('kind'))
  const message = record.inner('message')
  const begins =
    kind === 'user' || (kind === 'message' && message?.see('role') === 'user' && saidByUser(message.see('content')).input.length > 0)
  const { thread, before } = branches.next(id, parent, begins)
  const told = tellEntry(record, kind, message, id, receipts)
  const ids = known({ id, parent_id: parent })
  if (told.length > 0) record.drop('id', 'parent_id', 'kind')
  const at = record.time('created_at')
  record.drop('spawn_depth')
  return [...before, ...named(told, ids)].map((moment) => ({ ...known({ at, thread }), ...moment }))
}

function tellEntry(
  record: Taken,
  kind: string | undefined,
  message: Taken | undefined,
  id: string | undefined,
  receipts: ReadonlyMap<string, Fields[]>,
): Moment[] {
  switch (kind) {
    case 'message':
      return message === undefined ? [] : messageOf(message, id, receipts)
    case 'user':
      return [{ kind: 'prompted', input: text(record.text('text') ?? ''), ...known({ turnId: id }) }]
    case 'assistant':
      return [{ kind: 'said', text: record.text('text') ?? '' }]
    case 'compaction': {
      const about = {
        summary: record.text('summary'),
        tokensBefore: record.count('tokens_before'),
        tokensAfter: record.count('tokens_after'),
        model: record.text('model'),
      }
      return [{ kind: 'compacted', ...known(about) }]
    }
    default:
      return []
  }
}

function messageOf(message: Taken, turnId: string | undefined, receipts: ReadonlyMap<string, Fields[]>): Moment[] {
  const role = message.see('role')
  if (role !== 'user' && role !== 'assistant') return []
  message.drop('role')
  const content = message.take('content')
  if (role === 'assistant') return blocksOf(content).flatMap((block) => withReceipts(blockOf(block, {}), receipts))
  const { outcomes, input } = saidByUser(content)
  return input.length === 0 ? outcomes : [...outcomes, { kind: 'prompted', input, ...known({ turnId }) }]
}

/** A call with what a person was asked about it, and said. */
function withReceipts(moment: Moment, receipts: ReadonlyMap<string, Fields[]>): Moment[] {
  if (moment.kind !== 'called' || moment.callId === undefined) return [moment]
  return [moment, ...(receipts.get(moment.callId) ?? []).map((receipt) => receiptOf(new Taken(receipt)))]
}

function receiptOf(receipt: Taken): Moment {
  const askId = receipt.text('approval_id') ?? 'approval'
  const at = known({ at: receipt.time('created_at') })
  if (receipt.see('phase') === 'asked')
    return { kind: 'asked', askId, ...known({ callId: receipt.text('tool_call_id'), name: receipt.text('tool_name') }), ...at }
  const outcome = receipt.inner('outcome')
  return { kind: 'answered', askId, decision: outcome?.text('outcome') ?? 'unknown', ...at }
}
