/** A transcript as a person reads it: who said what, one short block for each item. */
import type { Transcript, TranscriptItem } from '../index.js'
import { bad, bold, dim, good, oneLine, styled, wrapped } from './terminal.js'

/** Lines of a text that are shown; the rest is said to be there. */
const LINES_MAX = 12

type Content = Extract<TranscriptItem, { type: 'input' }>['content']

export function conversation({ items }: Transcript): string {
  return items.map(block).join('\n')
}

function block(item: TranscriptItem): string {
  switch (item.type) {
    case 'input':
      return `\n${said(bold('person'), textOf(item.content))}`
    case 'output': {
      const who = item.kind === 'message' ? styled('cyan', 'model ') : dim('thinks')
      const text = `${textOf(item.content)}${item.partial === true ? ' ⋯ cut off' : ''}`
      return item.kind === 'message' ? said(who, text) : said(who, text, dim)
    }
    case 'call': {
      const { status, content } = item.outcome
      const outcome = status === 'ok' ? good(status) : bad(status)
      const [first = ''] = textOf(content).split('\n')
      return `${styled('yellow', 'tool  ')}  ${oneLine(item.name)} ${dim(short(JSON.stringify(item.arguments) ?? ''))} → ${outcome} ${dim(short(first))}`
    }
    case 'question':
      return said(bold('asks  '), `${item.question} → ${item.answer ?? 'no answer'}`)
    case 'summary':
      return said(dim('before'), textOf(item.content), dim)
    default:
      return said(dim('note  '), item.text, dim)
  }
}

function said(who: string, text: string, style: (text: string) => string = String): string {
  const lines = text.split('\n').flatMap((line) => wrapped(clean(line), 8))
  const shown = lines.slice(0, LINES_MAX).map((line, i) => `${i === 0 ? who : '      '}  ${style(line)}`)
  if (lines.length > LINES_MAX) shown.push(dim(`        … ${lines.length - LINES_MAX} more lines`))
  return shown.join('\n')
}

function textOf(content: Content): string {
  return content
    .map((part) => (part.type === 'text' ? part.text : part.type === 'json' ? JSON.stringify(part.value) : `[${part.type}]`))
    .join('\n')
}

function short(text: string): string {
  const line = oneLine(text)
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}

/** A line of somebody's text without what a terminal would obey; its spaces stay. */
function clean(line: string): string {
  return line.replaceAll('\t', '  ').replaceAll(/\p{Cc}/gu, '')
}
