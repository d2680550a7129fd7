/** Markdown: a session as a person likes to read it, with the content of `show`: a heading for each turn, calls and thoughts folded. */
import type { SessionState, Transcript, TranscriptItem, TurnRow } from '../../../index.js'
import { contentText } from '../../content-text.js'
import type { OpenedJournal } from '../../command.js'
import { numberOf } from '../../terminal.js'
import { time } from '../../view-tables.js'
import { hiddenTurns, wholeSession, type WholeSession } from '../../whole-session.js'
import { noSession, type Exported, type Exporter, type What } from '../exporter.js'
import { Losses } from '../losses.js'
import { code, fenced, folded, html, inline, prose, quoted } from '../markdown-text.js'

export const markdown: Exporter = {
  kind: 'markdown',
  says: 'a transcript to read: what `show` shows, with a heading for each turn and tool calls folded',
  takes: 'a session',
  async open(journal: OpenedJournal, { stream = '', thread }: What): Promise<Exported | string> {
    const whole = await wholeSession(journal, stream)
    if (whole.session === undefined) return noSession(stream)
    if (whole.session.status === 'deleted') return `${stream} is deleted`
    const transcripts = whole.transcripts.filter(({ threadId }) => thread === undefined || threadId === thread)
    if (thread !== undefined && transcripts.length === 0)
      return `${stream} has no thread ${thread}; it has ${whole.threads.map(({ threadId }) => threadId).join(', ') || 'none'}`
    const lines = linesOf({ ...whole, transcripts })
    return { name: `${encodeURIComponent(stream)}.md`, lines, losses: new Losses() }
  },
}

async function* linesOf({ session, threads, turns, transcripts, gaps }: WholeSession): AsyncGenerator<string> {
  yield* head(session)
  for (const { firstPosition, lastPosition = firstPosition, reason } of gaps)
    yield* [
      '',
      `> ⚠ **lost**: positions ${firstPosition} to ${lastPosition} of the journal, and with them perhaps a part of this session: ${inline(reason)}`,
    ]
  const rows = new Map(turns.map((turn) => [turn.turnId, turn]))
  for (const transcript of transcripts) {
    const thread = threads.find(({ threadId }) => threadId === transcript.threadId)
    yield* threadLines(transcript, rows, hiddenTurns(transcript, thread, turns))
  }
}

function* head({
  id,
  title,
  status,
  agent,
  model,
  workspace,
  createdAt,
  lastActivity,
  turns,
  calls,
  tokens,
}: SessionState): Generator<string> {
  yield `# ${inline(title ?? id)}`
  yield ''
  const facts: [string, string | undefined][] = [
    ['session', code(id)],
    ['status', status],
    ['agent', agent && inline(agent)],
    ['model', model && inline(model)],
    ['workspace', workspace && code(workspace)],
    ['began', time(createdAt)],
    ['last activity', time(lastActivity)],
    ['turns', `${turns}, with ${calls} tool calls`],
    ['tokens', `${tokens.input} in, ${tokens.output} out`],
  ]
  for (const [name, value] of facts) if (value !== undefined) yield `- ${name}: ${value}`
}

function* threadLines(
  { threadId, status, continues, items, queue, unresolved }: Transcript,
  rows: ReadonlyMap<string, TurnRow>,
  hidden: number,
): Generator<string> {
  yield* ['', `## Thread ${code(threadId)}${status === 'closed' ? ' (closed)' : ''}`]
  if (continues !== undefined) yield* ['', `> Goes on from thread ${code(continues.threadId)} of ${code(continues.session)}.`]
  if (unresolved.length > 0)
    yield* ['', `> ⚠ Cut at a turn or an item that is not there, at position ${unresolved.join(', ')}: nothing is hidden for that.`]
  if (hidden > 0)
    yield* [
      '',
      `> Not here: ${numberOf(hidden, 'turn')} that a compaction summed up, or that somebody went back behind; the journal has them.`,
    ]
  let turn = ''
  let count = 0
  for (const item of items) {
    if ('turnId' in item && item.turnId !== '' && item.turnId !== turn) {
      turn = item.turnId
      count += 1
      yield* ['', `### ${count}. ${headingOf(turn, rows.get(turn))}`]
    }
    yield ''
    yield* itemLines(item)
  }
  for (const { turnId, content } of queue) yield* ['', `### Waiting: ${code(turnId)}`, '', ...quoted(contentText(content))]
}

function headingOf(turnId: string, row: TurnRow | undefined): string {
  if (row === undefined) return code(turnId)
  const attempts = row.attempts > 1 ? `, ${row.attempts} attempts` : ''
  return `${code(turnId)} ${row.status}${attempts}, ${time(row.startedAt ?? row.submittedAt)}`
}

function* itemLines(item: TranscriptItem): Generator<string> {
  switch (item.type) {
    case 'input':
      yield* [
        `**${item.role === undefined || item.role === 'user' ? 'Person' : inline(item.role)}**${item.steered === true ? ' (while the turn ran)' : ''}`,
        '',
      ]
      yield* quoted(contentText(item.content))
      return
    case 'output': {
      const text = contentText(item.content)
      if (item.kind === 'message') yield* ['**Model**', '', ...prose(text)]
      else yield* folded(item.kind === 'reasoning' ? 'Thinks' : html(item.kind), quoted(text))
      if (item.partial === true) yield* ['', '> ⚠ **cut off here**']
      return
    }
    case 'call':
      yield* callLines(item)
      return
    case 'question':
      yield `> **${item.asks === 'approval' ? 'Approval' : 'Question'}**: ${inline(item.question)} → **${item.answer === undefined ? 'no answer' : inline(item.answer)}**`
      return
    case 'summary':
      yield* ['**What came before, in short**', '', ...quoted(contentText(item.content))]
      return
    default:
      yield `> ⚠ **${item.about}**: ${inline(item.text)}`
  }
}

function callLines({ name, arguments: given, outcome }: Extract<TranscriptItem, { type: 'call' }>): string[] {
  const result = contentText(outcome.content)
  return folded(`Tool <code>${html(name)}</code> → ${outcome.status}`, [
    ...fenced(JSON.stringify(given, undefined, 2) ?? '', 'json'),
    ...(result === '' ? [] : ['', ...fenced(result)]),
  ])
}
