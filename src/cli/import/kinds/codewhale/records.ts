/** Records of CodeWhale's runtime: what a thread is, and what it holds. */
import { known, Taken, timeOf, type Fields } from '../../fields.js'
import { streamOf } from '../../importer.js'
import type { SessionFields } from '../../moments.js'

/** Records of one thread. */
export interface Records {
  thread: Fields | undefined
  turns: Map<string, Fields>
  items: Map<string, Fields>
}

export function aboutThread(thread: Fields): { session: SessionFields; createdAt: number | undefined; isArchived: boolean } {
  const record = new Taken(thread)
  record.drop('schema_version', 'id', 'created_at', 'updated_at', 'latest_turn_id', 'archived')
  const parent = record.text('session_id')
  const fields = {
    title: record.text('title'),
    model: record.text('model'),
    provider: record.text('model_provider'),
    workspace: record.text('workspace'),
    mode: record.text('mode'),
    instructions: record.text('system_prompt'),
    parent: parent === undefined ? undefined : { stream: streamOf(parent) },
  }
  return {
    session: known({ ...fields, extra: record.rest() }),
    createdAt: timeOf(thread['created_at']),
    isArchived: thread['archived'] === true,
  }
}
