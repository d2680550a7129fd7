/** Finds in Markdown what can be checked: code blocks, headings, links. */

export interface CodeBlock {
  /** What stands behind the fence: `ts`, `sh`, `ts no-run: reason`. */
  info: string
  code: string
  /** Line of the first line of code, from 1. */
  line: number
}

export function codeBlocks(markdown: string): CodeBlock[] {
  return Array.from(markdown.matchAll(/^```([^\n`]*)\n([\s\S]*?)^```$/gm), (match) => ({
    info: match[1]!.trim(),
    code: match[2]!,
    line: markdown.slice(0, match.index).split('\n').length + 1,
  }))
}

/** The text without its code blocks. */
export function prose(markdown: string): string {
  return markdown.replaceAll(/^```[^\n`]*\n[\s\S]*?^```$/gm, '')
}

/** Text of the headings of one level. */
export function headings(markdown: string, level: number): string[] {
  return Array.from(prose(markdown).matchAll(/^(#+) +(.+?) *$/gm)).flatMap(([, marks, text]) => (marks!.length === level ? [text!] : []))
}

/** Anchors that the headings of any level make. */
export function anchors(markdown: string): string[] {
  return [1, 2, 3, 4, 5, 6]
    .flatMap((level) => headings(markdown, level))
    .map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    )
}

/** Targets of links that point into the repository. */
export function localLinks(markdown: string): string[] {
  return Array.from(prose(markdown).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target))
}

/** Cells of every row of the tables, without the heading rows and rules. */
export function tableRows(markdown: string): string[][] {
  const rows = prose(markdown).split('\n')
  return rows.flatMap((row, at) => (/^\|.*\|$/.test(row) && !isRule(row) && !isRule(rows[at + 1] ?? '') ? [cells(row)] : []))
}

function isRule(row: string): boolean {
  return /^\|[ :|-]+\|$/.test(row)
}

function cells(row: string): string[] {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}
