/** Somebody's text within a markdown document: it stays what it is, and cannot change what stands around it. */

/** On one line, with nothing in it that markdown or HTML would take for a mark. */
export function inline(text: string): string {
  return html(text).replaceAll(/[\\`*_[\]]/g, String.raw`\$&`)
}

/** The same within HTML, where markdown has no marks. */
export function html(text: string): string {
  return text
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
}

/** An id or a path, as it is. */
export function code(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ')
  const marks = '`'.repeat(longest(line) + 1)
  const room = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${marks}${room}${line}${room}${marks}`
}

/** A text that is no markdown, line for line. */
export function fenced(text: string, language = ''): string[] {
  const fence = '`'.repeat(Math.max(3, longest(text) + 1))
  return [`${fence}${language}`, ...lines(text), fence]
}

/** What somebody wrote, who may have written markdown. */
export function quoted(text: string): string[] {
  return prose(text).map((line) => (line === '' ? '>' : `> ${line}`))
}

/** A model's markdown: a block of code that it left open is closed, its headings stay below ours, and its HTML is shown, not obeyed. */
export function prose(text: string): string[] {
  let open: string | undefined
  const shown = lines(text).map((line) => {
    const fence = /^\s*(`{3,}(?=[^`]*$)|~{3,})/.exec(line)?.[1]
    const closes = open !== undefined && fence?.startsWith(open) === true && line.trim() === fence
    if (open === undefined && fence !== undefined) open = fence
    else if (closes) open = undefined
    else if (open === undefined) return withoutMarks(line)
    return line
  })
  return open === undefined ? shown : [...shown, open]
}

/** Lines that are shown when somebody asks. */
export function folded(summary: string, inside: readonly string[]): string[] {
  return ['<details>', `<summary>${summary}</summary>`, '', ...inside, '', '</details>']
}

function withoutMarks(line: string): string {
  return line
    .replace(/^( {0,3})(#{1,6})(?=\s|$)/, (_, indent: string, marks: string) => `${indent}${'#'.repeat(Math.min(6, marks.length + 3))}`)
    .replaceAll(/(`+)[^`]*\1(?!`)|<(?=[A-Za-z/!?])/g, (mark, span: string | undefined) => (span === undefined ? '&lt;' : mark))
}

function lines(text: string): string[] {
  return text.split(/\r\n?|\n/).map((line) =>
    line
      .replaceAll('\t', '    ')
      .replaceAll(/\p{Cc}/gu, '')
      .trimEnd(),
  )
}

/** Backticks in the longest row of them. */
function longest(text: string): number {
  return Math.max(0, ...Array.from(text.matchAll(/`+/g), ([marks]) => marks.length))
}
