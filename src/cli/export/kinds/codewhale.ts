/** CodeWhale: one document, with what is known of the session, its messages, and the tree that they are the last branch of. */
import type { OpenedJournal } from '../../command.js'
import { isFields, isUuid, known, textOf, uuidFor, type Fields } from '../content.js'
import type { About, Exported, Exporter, What } from '../exporter.js'
import { Losses } from '../losses.js'
import { openThread, type OpenedThread } from '../run-thread.js'
import { CodewhaleEntries, type Entry } from './codewhale-entries.js'

/** Of the document, and of the tree in it. */
const SCHEMA = 1

export const codewhale: Exporter = {
  kind: 'codewhale',
  says: `a CodeWhale session, schema ${SCHEMA} (~/.codewhale/sessions/<id>.json)`,
  takes: 'a thread',
  open: exported,
}

async function exported(journal: OpenedJournal, what: What): Promise<Exported | string> {
  const found = await openThread(journal, what)
  if (typeof found === 'string') return found
  const { about } = found
  const id = idOf(about)
  return { name: `${id}.json`, lines: linesOf(found, id), losses: about.losses }
}

/** A session that comes from CodeWhale goes back under its name; others get one of the same form. */
function idOf({ source, stream, losses }: About): string {
  const id = textOf(source.id) ?? stream
  if (source.kind === 'codewhale' || isUuid(id)) return id
  losses.add('the name of the session, for which another had to be made')
  return uuidFor(stream)
}

/**
 * What stands first in the document says how many messages there are: the thread is read once to count them, once for the messages and
 * once for the tree, so that no session has to fit into memory.
 */
async function* linesOf(found: OpenedThread, id: string): AsyncGenerator<string> {
  const { about } = found
  let messages = 0
  let leaf: string | undefined
  for await (const entry of entriesOf(found, about.losses)) {
    if (entry.kind === 'message') messages += 1
    leaf = entry.id
  }
  const rest = restOf(about)
  yield `{"schema_version":${SCHEMA},"metadata":${JSON.stringify(metadataOf(about, id, messages, rest['metadata']))},"messages":[`
  yield* listOf(found, ({ kind, message }) => (kind === 'message' ? message : undefined))
  yield '],'
  if (leaf !== undefined) {
    yield '"journal":{"entries":['
    yield* listOf(found, (entry) => entry)
    yield `],"leaf_id":${JSON.stringify(leaf)},"schema_version":${SCHEMA},"spawn_depth":0},"leaf_id":${JSON.stringify(leaf)},`
  }
  const { metadata: _, ...members } = rest
  for (const [name, value] of Object.entries(members)) yield `${JSON.stringify(name)}:${JSON.stringify(value)},`
  yield `"system_prompt":${JSON.stringify(textOf(about.begun['instructions']) ?? null)}}`
}

/** Something of each entry that has it, with commas between. */
async function* listOf(found: OpenedThread, of: (entry: Entry) => unknown): AsyncGenerator<string> {
  let comma = ''
  for await (const entry of entriesOf(found, new Losses())) {
    const value = of(entry)
    if (value === undefined) continue
    yield `${comma}${JSON.stringify(value)}`
    comma = ','
  }
}

async function* entriesOf({ about, events }: OpenedThread, losses: Losses): AsyncGenerator<Entry> {
  const entries = new CodewhaleEntries({ ...about, losses })
  for await (const event of events(losses)) yield* entries.take(event)
  yield* entries.flush()
}

/** Members that only CodeWhale knows, as they came from there. */
function restOf({ begun, source, losses }: About): Fields {
  const extra = isFields(begun['extra']) ? begun['extra'] : undefined
  if (extra === undefined) return {}
  if (source.kind !== 'codewhale') {
    losses.add('what stands beside the session')
    return {}
  }
  const { goal, owner, journal: _, leaf_id: __, messages: ___, ...rest } = extra
  losses.add('a goal, which has a file of its own', goal === undefined ? 0 : 1)
  losses.add('which process made the session, which has a file of its own', owner === undefined ? 0 : 1)
  return rest
}

function metadataOf({ begun, session, createdAt }: About, id: string, messages: number, rest: unknown): Fields {
  const { input, output } = session.tokens
  return {
    ...known({ total_tokens: input + output, updated_at: new Date(session.lastActivity).toISOString(), ...(isFields(rest) ? rest : {}) }),
    ...known({
      id,
      title: session.title ?? 'New Session',
      created_at: new Date(createdAt).toISOString(),
      message_count: messages,
      model: session.model ?? 'unknown',
      model_provider: session.provider,
      workspace: session.workspace ?? '/',
      mode: textOf(begun['mode']),
      parent_session_id: session.parent?.stream.replace(/^session-/, ''),
      archived: session.status === 'archived' ? true : undefined,
    }),
  }
}
