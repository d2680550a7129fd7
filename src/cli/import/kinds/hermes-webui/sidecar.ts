/** The sidecar of a Hermes WebUI session: what is known of it, and its messages, of which there may be more in the backup. */
import { known, Taken, timeOf, type Fields } from '../../fields.js'
import { piecesOf, type Piece } from '../../pieces.js'
import type { Report } from '../../report.js'
import type { SourceFile } from '../../source-file.js'
import type { SessionFields } from '../../moments.js'
import { streamOf } from '../../importer.js'

export interface Sidecar {
  file: SourceFile
  /** Every member but the messages. */
  members: Fields
  messages: number
  damaged: boolean
}

/** What stands in a sidecar; messages are counted and read again when they are needed. */
export async function sidecarOf(file: SourceFile, report: Report): Promise<Sidecar> {
  const members: [string, unknown][] = []
  let messages = 0
  let damaged = false
  for await (const piece of piecesOf(file, ['messages', 'rows'])) {
    if (piece.damaged !== undefined) {
      damaged = true
      report.damaged(file, { ...known({ offset: piece.offset }), reason: piece.damaged })
    } else if (isMessage(piece)) messages += 1
    else members.push([piece.of, piece.fields ?? piece.value])
  }
  return { file, members: Object.fromEntries(members), messages, damaged }
}

export const isMessage = ({ of }: Piece): boolean => of === 'messages' || of === 'rows'

/** A list that was shortened on purpose is not put back. */
export function wasShortened({ members }: Sidecar): boolean {
  return [
    'clear_generation',
    'intentional_shrink_generation',
    'truncation_watermark',
    'truncation_boundary',
    'compression_anchor_summary',
  ].some((name) => members[name] !== undefined && members[name] !== null)
}

/** Members that say nothing of the session: what they hold has its place elsewhere. */
const TAKEN_ELSEWHERE = [
  'session_id',
  'message_count',
  'created_at',
  'updated_at',
  'tool_calls',
  'pending_user_message',
  'pending_started_at',
  'pending_attachments',
]

/** Characters of the members without a place that are kept. */
const EXTRA_MAX = 512 * 1024

export function sessionFields({ file, members }: Sidecar, report: Report): SessionFields {
  const record = new Taken(members)
  record.drop(...TAKEN_ELSEWHERE)
  const path = record.text('worktree_path')
  const worktree =
    path === undefined ? undefined : known({ path, branch: record.text('worktree_branch'), repository: record.text('worktree_repo_root') })
  const parent = record.text('parent_session_id')
  const fields = {
    title: record.text('title'),
    model: record.text('model'),
    provider: record.text('model_provider'),
    workspace: record.text('workspace'),
    project: record.text('project_id'),
    mode: record.text('mode') ?? record.text('personality'),
    worktree,
    parent: parent === undefined ? undefined : { stream: streamOf(parent) },
    pinned: record.take('pinned') === true ? true : undefined,
  }
  record.drop('archived')
  for (const [name, value] of Object.entries(members)) if (value === false || value === 0) record.drop(name)
  const extra = record.rest()
  if (extra === undefined) return known(fields)
  report.extra(file, `session: ${Object.keys(extra).slice(0, 12).join(', ')}`)
  if (JSON.stringify(extra).length <= EXTRA_MAX) return known({ ...fields, extra })
  report.note(file, `what is known beside the messages takes more than ${EXTRA_MAX} characters and is left in the source`)
  return known(fields)
}

export function createdAt({ members }: Sidecar): number | undefined {
  return timeOf(members['created_at'])
}

export const isArchived = ({ members }: Sidecar): boolean => members['archived'] === true

/** A prompt that was accepted and of which nothing came back. */
export function pendingOf({ members }: Sidecar): { content: string; at: number | undefined; attachments: unknown } | undefined {
  const content = members['pending_user_message']
  if (typeof content !== 'string' || content === '') return undefined
  return { content, at: timeOf(members['pending_started_at']), attachments: members['pending_attachments'] }
}

export const isSidecar = (names: ReadonlySet<string>): boolean =>
  names.has('session_id') && names.has('messages') && !names.has('session_start')
