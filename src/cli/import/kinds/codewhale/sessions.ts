/** Saved sessions of CodeWhale, with what lies around them: checkpoint, queue, receipts of approvals, goal. */
import { basename, dirname } from 'node:path'
import { documentOf } from '../../document.js'
import { isFields, known, Taken, textOf, timeOf, type Fields } from '../../fields.js'
import { fileId, streamOf, type Source } from '../../importer.js'
import type { SessionFields } from '../../moments.js'
import { piecesOf } from '../../pieces.js'
import type { Report } from '../../report.js'
import { jsonlRows, type Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'
import { reading } from './messages.js'

/** The newest shapes that are known. */
const SESSION_SCHEMA = 1
const LISTS = ['messages', 'journal', 'journal.entries', 'entries']

/** A saved session as it was first looked at. */
export interface Saved {
  file: SourceFile
  id: string
  /** Members that are no list of messages or entries. */
  members: Fields
  messages: number
  entries: number
  updatedAt: number
}

interface Beside {
  checkpoints: Map<string, Saved>
  queues: Map<string, SourceFile>
  receipts: Map<string, SourceFile>
  goals: Map<string, Fields>
  owners: Fields
}

export async function* savedSessions(files: readonly SourceFile[], report: Report): AsyncGenerator<Source> {
  const sessions: Saved[] = []
  const beside: Beside = { checkpoints: new Map(), queues: new Map(), receipts: new Map(), goals: new Map(), owners: {} }
  for (const file of files) {
    const saved = await sorted(file, beside, report)
    if (saved !== undefined) sessions.push(saved)
  }
  for (const saved of sessions) yield sourceOf(saved, beside, report)
  const there = new Set(sessions.map(({ id }) => id))
  for (const [id, checkpoint] of beside.checkpoints) {
    if (there.has(id)) continue
    report.note(checkpoint.file, 'a checkpoint without its session, which is taken from it')
    yield sourceOf(checkpoint, { ...beside, checkpoints: new Map() }, report)
  }
  for (const [id, file] of beside.queues) {
    if (!there.has(id)) report.damaged(file, { reason: `prompts that wait for session ${id}, which is not there; not taken in` })
  }
}

/** Puts a file where it belongs; a session, or a tree that was exported, is given back. */
async function sorted(file: SourceFile, beside: Beside, report: Report): Promise<Saved | undefined> {
  const folder = basename(dirname(file.path))
  if (file.name.startsWith('.tmp')) report.note(file, 'a temporary file that a crash left; its session was never saved')
  else if (file.name === 'session_boot_owners.json') {
    beside.owners = { ...beside.owners, ...(await documentOf(file, report)) }
    report.note(file, 'which process made which session, kept with the sessions')
  } else if (file.name === 'approval_receipts.jsonl') beside.receipts.set(folder, file)
  else if (folder === '.goals') {
    const goal = await documentOf(file, report)
    if (goal !== undefined) beside.goals.set(file.name.replace(/\.json$/, ''), goal)
    report.note(file, 'a goal, kept with its session')
  } else if (file.name === 'offline_queue.json') {
    const session = textOf((await documentOf(file, report))?.['session_id'])
    if (session === undefined) report.damaged(file, { reason: 'prompts that wait, and no session is named; not taken in' })
    else beside.queues.set(session, file)
  } else {
    const saved = await lookAt(file, report)
    if (folder !== 'checkpoints' || saved === undefined) return saved
    const other = beside.checkpoints.get(saved.id)
    if (other === undefined || other.messages < saved.messages) beside.checkpoints.set(saved.id, saved)
  }
  return undefined
}

async function lookAt(file: SourceFile, report: Report): Promise<Saved | undefined> {
  const saved: Saved = { file, id: fileId('codewhale', file), members: {}, messages: 0, entries: 0, updatedAt: 0 }
  const ids = new Set<string>()
  let isDamaged = false
  for await (const piece of piecesOf(file, LISTS)) {
    if (piece.damaged !== undefined) {
      isDamaged = true
      report.damaged(file, { ...known({ offset: piece.offset }), reason: piece.damaged })
    } else if (piece.of === 'messages') saved.messages += 1
    else if (piece.of.endsWith('entries')) {
      saved.entries += 1
      judge(piece.fields ?? {}, ids, (reason) => report.damaged(file, { ...known({ offset: piece.offset }), reason }))
    } else saved.members[piece.of] = piece.fields ?? piece.value
  }
  const version = saved.members['schema_version'] ?? saved.members['format_version']
  if (typeof version === 'number' && version > SESSION_SCHEMA) {
    report.damaged(file, { reason: `schema ${version} is newer than ${SESSION_SCHEMA}, the newest that is known; left untouched` })
    return undefined
  }
  const metadata = isFields(saved.members['metadata']) ? saved.members['metadata'] : {}
  saved.id = textOf(metadata['id']) ?? saved.id
  saved.updatedAt = timeOf(metadata['updated_at']) ?? 0
  return isDamaged && saved.messages + saved.entries === 0 ? undefined : saved
}

/** An entry of a tree follows one that came before it, and has a name of its own. */
function judge({ id, parent_id: parent }: Fields, ids: Set<string>, damaged: (reason: string) => void): void {
  if (typeof parent === 'string' && !ids.has(parent))
    damaged(`entry ${String(id)} follows ${parent}, which is not there; taken where it stands`)
  if (typeof id === 'string' && ids.has(id)) damaged(`a second entry by the name of ${id}`)
  if (typeof id === 'string') ids.add(id)
}

function sourceOf(saved: Saved, beside: Beside, report: Report): Source {
  const { id, file } = saved
  const checkpoint = beside.checkpoints.get(id)
  const isAhead = checkpoint !== undefined && saved.entries === 0 && checkpoint.messages > saved.messages
  if (checkpoint !== undefined)
    report.note(
      checkpoint.file,
      isAhead
        ? 'newer than its session: what it has more is taken, as far as it came'
        : 'no newer than its session; nothing of it is taken',
    )
  const queue = beside.queues.get(id)
  const receipts = beside.receipts.get(id)
  const metadata = isFields(saved.members['metadata']) ? saved.members['metadata'] : {}
  const isArchived = metadata['archived'] === true
  return {
    stream: streamOf(id),
    file,
    endsTurns: isAhead,
    head: {
      session: { ...fieldsOf(saved, beside, report), source: { kind: 'codewhale', path: file.path, id } },
      ...known({ createdAt: timeOf(metadata['created_at']) }),
      ...(isArchived ? { put: { how: 'archived' as const } } : {}),
    },
    rows: () => rowsOf(saved, { checkpoint: isAhead ? checkpoint : undefined, queue, receipts }),
    reader: () => ({ read: reading() }),
  }
}

function fieldsOf({ file, id, members }: Saved, { goals, owners }: Beside, report: Report): SessionFields {
  const record = new Taken(members)
  record.drop('schema_version', 'format_version')
  const metadata = record.inner('metadata') ?? new Taken({})
  metadata.drop('id', 'message_count', 'created_at', 'archived')
  const parent = metadata.text('parent_session_id')
  const goal = goals.get(id)
  const owner = Object.hasOwn(owners, id) ? owners[id] : undefined
  const fields = {
    agent: 'codewhale',
    title: metadata.text('title'),
    model: metadata.text('model'),
    provider: metadata.text('model_provider'),
    workspace: metadata.text('workspace'),
    mode: metadata.text('mode'),
    instructions: record.text('system_prompt'),
    parent: parent === undefined ? undefined : { stream: streamOf(parent) },
  }
  const rest = record.rest()
  if (rest !== undefined) report.extra(file, `session: ${Object.keys(rest).join(', ')}`)
  const extra = known({ ...rest, goal, owner })
  return known({ ...fields, extra: Object.keys(extra).length === 0 ? undefined : extra })
}

interface Around {
  checkpoint: Saved | undefined
  queue: SourceFile | undefined
  receipts: SourceFile | undefined
}

/** The tree where there is one, else the messages; those that a checkpoint has more; prompts that wait. Receipts come first, to be told with their calls. */
async function* rowsOf({ file, entries, messages }: Saved, { checkpoint, queue, receipts }: Around): AsyncGenerator<Row> {
  if (receipts !== undefined) for await (const row of jsonlRows(receipts)) yield { ...row, of: 'receipt' }
  const of = entries > 0 ? 'entries' : 'messages'
  for await (const piece of piecesOf(file, LISTS)) {
    if (piece.of.endsWith(of) && piece.damaged === undefined) yield { ...piece, of }
  }
  let more = 0
  for await (const piece of checkpoint === undefined ? [] : piecesOf(checkpoint.file, LISTS)) {
    if (piece.of !== 'messages' || piece.damaged !== undefined) continue
    more += 1
    if (more > messages) yield piece
  }
  for await (const piece of queue === undefined ? [] : piecesOf(queue, ['messages'])) {
    if (piece.damaged === undefined && (piece.of === 'messages' || piece.of === 'draft') && piece.fields !== undefined)
      yield { ...piece, of: piece.of === 'draft' ? 'draft' : 'queue' }
  }
}
