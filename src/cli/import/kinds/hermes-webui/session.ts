/** One Hermes WebUI session: its messages, and what its journals know of turns that never made it into them. */
import { chatOf } from '../../chat.js'
import type { Taken } from '../../fields.js'
import { known, textOf, timeOf } from '../../fields.js'
import { streamOf, type Reader, type Source } from '../../importer.js'
import type { Moment } from '../../moments.js'
import { piecesOf } from '../../pieces.js'
import type { Report } from '../../report.js'
import type { Row } from '../../rows.js'
import type { SourceFile } from '../../source-file.js'
import { isTerminal, RunReader, runRows, summaryOf, turnMoments, turnsOf, type JournalTurn } from './journals.js'
import { createdAt, isArchived, isMessage, pendingOf, sessionFields, type Sidecar } from './sidecar.js'

export interface Known {
  id: string
  /** What its messages are taken from: sidecar or backup. */
  body: Sidecar | undefined
  shards: SourceFile[]
  runs: SourceFile[]
}

export function sourceOf({ id, body, shards, runs }: Known, report: Report): Source {
  const file = body?.file ?? shards[0] ?? (runs as [SourceFile])[0]
  const session = {
    agent: 'hermes-webui',
    ...(body === undefined ? {} : sessionFields(body, report)),
    source: { kind: 'hermes-webui', path: file.path, id },
  }
  return {
    stream: streamOf(id),
    file,
    endsTurns: true,
    head: {
      session,
      ...known({ createdAt: body === undefined ? undefined : createdAt(body) }),
      ...(body !== undefined && isArchived(body) ? { put: { how: 'archived' as const } } : {}),
    },
    rows: () => rowsOf({ id, body, shards, runs }, report),
    reader: () => ({ read: reader() }),
  }
}

/** The message and the journal may differ in when they say that a prompt came. */
const SAME_PROMPT_MS = 30_000

/** Messages in their order, with each turn's journal around its messages, and turns that have none where their time is. */
async function* rowsOf({ body, shards, runs, id }: Known, report: Report): AsyncGenerator<Row> {
  const { turns, others } = await turnsOf(shards)
  yield* others
  const toldRuns = new Set<SourceFile>()
  const runOf = (turn: JournalTurn): SourceFile | undefined => runs.find(({ name }) => name === `${turn.run}.jsonl`)
  async function* untold(until: number): AsyncGenerator<Row> {
    while (turns.length > 0 && (turns[0] as JournalTurn).at < until) yield* turnAlone(turns.shift() as JournalTurn)
  }
  async function* turnAlone(turn: JournalTurn): AsyncGenerator<Row> {
    const run = runOf(turn)
    if (run !== undefined) toldRuns.add(run)
    yield* turn.rows.filter((row) => !isTerminal(row))
    if (run !== undefined) yield* runRows(run, report)
    yield* turn.rows.filter(isTerminal)
  }
  let open: Row[] = []
  for await (const message of body === undefined ? [] : messagesOf(body)) {
    const { fields = {} } = message
    if (fields['role'] === 'user') {
      yield* open
      const at = timeOf(fields['timestamp']) ?? 0
      const same = turns.find((turn) => turn.content === textOf(fields['content']) && Math.abs(turn.at - at) <= SAME_PROMPT_MS)
      yield* untold(same?.at ?? at - SAME_PROMPT_MS)
      open = []
      if (same !== undefined) {
        turns.splice(turns.indexOf(same), 1)
        const run = runOf(same)
        if (run !== undefined) {
          toldRuns.add(run)
          report.note(run, `the run of turn ${same.id} (${await summaryOf(run)}): what it streamed is in the session's messages`)
        }
        yield* same.rows.filter((row) => !isTerminal(row))
        open = same.rows.filter(isTerminal)
        yield { ...message, of: 'told' }
        continue
      }
    }
    yield message
  }
  yield* open
  const pending = body === undefined ? undefined : pendingOf(body)
  if (pending !== undefined && body !== undefined && !turns.some(({ content }) => content === pending.content)) {
    const fields = {
      role: 'user',
      content: pending.content,
      timestamp: pending.at ?? null,
      attachments: pending.attachments ?? null,
      pending: true,
    }
    yield { file: body.file, raw: JSON.stringify(fields), fields, of: 'pending' }
  }
  yield* untold(Number.POSITIVE_INFINITY)
  for (const run of runs) if (!toldRuns.has(run)) yield* runRows(run, report)
  if (body === undefined && shards.length === 0 && runs.length === 0) report.note({ path: id }, 'nothing to take in')
}

async function* messagesOf({ file }: Sidecar): AsyncGenerator<Row> {
  for await (const piece of piecesOf(file, ['messages', 'rows'])) {
    // What is damaged in the document was told when it was first looked at.
    if (isMessage(piece) && piece.damaged === undefined) yield { ...piece, of: 'message' }
  }
}

function reader(): Reader {
  const run = new RunReader()
  return (record, { of }) => {
    if (of === 'run') return run.read(record)
    if (of === undefined) return turnMoments(record)
    const at = record.time('timestamp')
    if (of === 'told') {
      record.drop('role', 'content')
      return []
    }
    if (record.see('role') === 'assistant' && record.see('_error') === true) return markerOf(record, at)
    // How a turn ended is in the journal alone; where that does not know the turn, its last message says it is over.
    return chatOf(record, known({ at })).map((moment) =>
      moment.kind === 'prompted' && of === 'message' ? { ...moment, unended: true as const } : moment,
    )
  }
}

/** A message that the program put there to say that the turn broke off. */
function markerOf(record: Taken, at: number | undefined): Moment[] {
  const reason = record.text('interruption_cause') ?? record.text('content') ?? 'error'
  const isInterruption = record.take('type') === 'interrupted'
  record.drop('role', '_error')
  return [{ kind: 'ended', how: isInterruption ? 'interrupted' : 'failed', reason, ...known({ at }) }]
}
