/** Markdown as a terminal can show it: paragraphs that fit, lists that hang, code as it is. What the marks say is shown, nothing is obeyed. */
import { bold, broken, clean, dim, screenWidth, styled, wrapped } from './terminal.js'

const FENCE = /^\s*(`{3,}|~{3,})/

/** Lines of a text that may be markdown, to stand `indent` from the left. */
export function paragraphs(text: string, indent: number): string[] {
  const shown: string[] = []
  let fence: string | undefined
  for (const line of text
    .trimEnd()
    .split(/\r\n?|\n/)
    .map(clean)) {
    const mark = FENCE.exec(line)?.[1]
    if (fence === undefined && mark !== undefined) fence = mark
    else if (fence !== undefined && mark?.startsWith(fence) === true && line.trim() === mark) fence = undefined
    else if (fence !== undefined) shown.push(...codeLine(line, indent))
    else shown.push(...prose(line, indent))
  }
  return shown
}

/** A text that is no markdown, with its indentation. */
export function code(text: string, indent: number): string[] {
  return text
    .trimEnd()
    .split(/\r\n?|\n/)
    .flatMap((line) => broken(clean(line), screenWidth() - indent).map((part) => ' '.repeat(indent) + part))
}

function codeLine(line: string, indent: number): string[] {
  return broken(line, screenWidth() - indent - 2).map((part) => `  ${styled('cyan', part)}`)
}

function prose(line: string, indent: number): string[] {
  if (line.trim() === '') return ['']
  const heading = /^ {0,3}#{1,6} +(.*?)#* *$/.exec(line)?.[1]
  if (heading !== undefined) return wrapped(heading, indent).map(bold)
  if (/^ {0,3}([-*_] *){3,}$/.test(line)) return [dim('─'.repeat(3))]
  if (/^\s*\|.*\|\s*$/.test(line)) return broken(line, screenWidth() - indent)
  const [lead = '', mark = ''] = /^\s*(?:([-*+>]|\d{1,3}[.)])\s+)?/.exec(line) ?? []
  const shown = mark === '' ? lead : lead.replace(/[*+-]/, '•').replace('>', '│')
  const hanging = mark === '>' ? shown : ' '.repeat(lead.length)
  return wrapped(line.slice(lead.length), indent + lead.length).map((part, i) => (i === 0 ? shown : hanging) + spans(part))
}

/** Marks within a line; one that a line's end cut in two is shown as it stands. */
function spans(text: string): string {
  return text.replaceAll(/`([^`]+)`|\*\*([^*]+)\*\*/g, (_, quoted: string | undefined, strong: string | undefined) =>
    quoted === undefined ? bold(strong ?? '') : styled('cyan', quoted),
  )
}
