/** A transcript as a person reads it: a line for each turn, then who said what; thoughts and calls folded, interruptions and approvals marked. */
import type { ThreadState, Transcript, TranscriptItem, TurnRow } from '../index.js'
import { contentText } from './content-text.js'
import { code, paragraphs } from './markdown-screen.js'
import { bad, bold, dim, good, numberOf, oneLine, screenWidth, shortened, styled, wide } from './terminal.js'
import { time } from './view-tables.js'
import { hiddenTurns } from './whole-session.js'

/** Lines of a thought that are shown folded; the rest is said to be there. */
const LINES_MAX = 3
/** Where what was said begins; before it stands who said it. */
const INDENT = 10

type Of<T extends TranscriptItem['type']> = Extract<TranscriptItem, { type: T }>

/** `whole` unfolds everything. */
export function conversation(transcript: Transcript, thread: ThreadState | undefined, turns: readonly TurnRow[], whole: boolean): string[] {
  const { threadId, status, continues, items, queue, unresolved } = transcript
  const rows = new Map(turns.map((turn) => [turn.turnId, turn]))
  const lines = [bold(`Thread ${oneLine(threadId)}`) + (status === 'closed' ? dim('  closed') : '')]
  if (continues !== undefined)
    lines.push(...told(dim('note'), `goes on from thread ${oneLine(continues.threadId)} of ${oneLine(continues.session)}`))
  if (unresolved.length > 0)
    lines.push(
      ...told(bad('odd'), `cut at a turn or an item that is not there, at position ${unresolved.join(', ')}: nothing is hidden for that`),
    )
  const hidden = hiddenTurns(transcript, thread, turns)
  if (hidden > 0)
    lines.push(
      ...told(
        dim('hidden'),
        `${numberOf(hidden, 'turn')} that a compaction summed up, or that somebody went back behind; turnlog show --all has them`,
      ),
    )
  let turn = ''
  for (const item of items) {
    if ('turnId' in item && item.turnId !== '' && item.turnId !== turn) {
      turn = item.turnId
      lines.push('', headingOf(turn, rows.get(turn)))
    }
    lines.push(...block(item, whole))
  }
  for (const { turnId, content } of queue) lines.push('', ruled(`${oneLine(turnId)}  waits`), ...told(bold('person'), contentText(content)))
  return lines
}

function headingOf(turnId: string, row: TurnRow | undefined): string {
  if (row === undefined) return ruled(oneLine(turnId))
  const attempts = row.attempts > 1 ? [`${row.attempts} attempts`] : []
  return ruled([oneLine(turnId), row.status, ...attempts, time(row.startedAt ?? row.submittedAt)].join('  '))
}

function ruled(text: string): string {
  return dim(`── ${text} ${'─'.repeat(Math.max(0, screenWidth() - wide(text) - 4))}`)
}

function block(item: TranscriptItem, whole: boolean): string[] {
  switch (item.type) {
    case 'input':
      return [
        '',
        ...told(
          bold(item.role === undefined || item.role === 'user' ? 'person' : oneLine(item.role)),
          contentText(item.content),
          item.steered === true ? 'while it ran' : undefined,
        ),
      ]
    case 'output':
      return ['', ...output(item, whole)]
    case 'call':
      return call(item, whole)
    case 'question':
      return told(styled('magenta', item.asks === 'approval' ? 'approval' : 'question'), `${item.question} → ${item.answer ?? 'no answer'}`)
    case 'summary':
      return ['', ...told(dim('before'), contentText(item.content))]
    default:
      return told(bad(item.about === 'interrupted' ? 'stopped' : item.about), item.text)
  }
}

function output({ kind, content, partial }: Of<'output'>, whole: boolean): string[] {
  const isMessage = kind === 'message'
  const lines = told(
    isMessage ? styled('cyan', 'model') : dim(kind === 'reasoning' ? 'thinks' : oneLine(kind).slice(0, INDENT - 2)),
    contentText(content),
  )
  const shown = isMessage || whole ? lines : folded(lines)
  return partial === true ? [...shown, ...told(bad('cut off'), 'it was streamed this far')] : shown
}

function folded(lines: readonly string[]): string[] {
  const shown = lines.slice(0, LINES_MAX)
  const more = lines.length - shown.length
  return more === 0 ? shown : [...shown, dim(`${' '.repeat(INDENT)}… ${numberOf(more, 'more line')}`)]
}

/** A call on one line; whole, its arguments and what came of it are below. */
function call({ name, arguments: given, outcome: { status, content }, pending }: Of<'call'>, whole: boolean): string[] {
  const marked = pending === true ? styled('yellow', 'runs') : status === 'ok' ? good(status) : bad(status)
  const lead = `${styled('yellow', 'tool')}${' '.repeat(INDENT - 4)}${oneLine(name)}`
  const text = contentText(content)
  if (whole)
    return [
      `${lead} → ${marked}`,
      ...argumentsOf(given).flatMap((line) => code(line, INDENT + 2)),
      ...(text === '' ? [] : code(text, INDENT + 2).map(dim)),
    ]
  const room = screenWidth() - wide(lead) - wide(marked) - 6
  const words = shortened(oneLine(argumentsOf(given).join(', ')), Math.max(12, Math.floor(room * (text === '' ? 1 : 0.6))))
  const rest = shortened(oneLine(text), Math.max(0, room - wide(words)))
  return [[lead, ...(words === '' ? [] : [dim(words)]), '→', marked, ...(rest === '' ? [] : [dim(rest)])].join(' ')]
}

/** As a person would say them: names and values, not JSON. */
function argumentsOf(given: unknown): string[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given === undefined ? [] : [JSON.stringify(given)]
  return Object.entries(given).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
}

/** Who, and beside it what; without any content that it was empty. */
function told(who: string, text: string, remark?: string): string[] {
  const said = text.trim() === '' ? [dim('(nothing)')] : paragraphs(text, INDENT)
  const lines = remark === undefined ? said : [dim(`(${remark})`), ...said]
  return lines.map(
    (line, i) => (i === 0 ? who + ' '.repeat(Math.max(1, INDENT - wide(who))) : line === '' ? '' : ' '.repeat(INDENT)) + line,
  )
}
