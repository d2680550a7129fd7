/** What a person sees: colours and tables that fit on a terminal, plain text everywhere else. */
import { stripVTControlCharacters, styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colours only on a terminal, and not where NO_COLOR asks for none. */
const colours = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''

export function styled(style: Style, text: string): string {
  return colours ? styleText(style, text) : text
}

export const good = (text: string): string => styled('green', text)
export const bad = (text: string): string => styled('red', text)
export const dim = (text: string): string => styled('dim', text)
export const bold = (text: string): string => styled('bold', text)

export function print(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** JSON on one line; bytes as base64. */
export function printJson(value: unknown): void {
  // The value is looked up where it stands: a Buffer would turn itself into a list of numbers first.
  const replace = function (this: Record<string, unknown>, key: string, given: unknown): unknown {
    const own = this[key]
    return own instanceof Uint8Array ? { base64: Buffer.from(own).toString('base64') } : given
  }
  print(JSON.stringify(value, replace))
}

/** Columns that fit: the widest column gives way where the terminal ends. The first row is the heading. Cells may be styled. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => wide(row[column] ?? ''))))
  const room = (process.stdout.columns ?? 120) - 2 * (widths.length - 1)
  const over = widths.reduce((sum, width) => sum + width, 0) - room
  const widest = widths.indexOf(Math.max(...widths))
  if (over > 0) widths[widest] = Math.max(12, (widths[widest] as number) - over)
  return cells.map((row, i) => line(row, widths, i === 0)).join('\n')
}

/** A paragraph in lines of the terminal's width, or of what one likes to read where that is wider. */
export function wrapped(text: string, indent: number): string[] {
  const room = Math.max(20, Math.min(process.stdout.columns ?? 120, 120) - indent)
  const lines: string[] = []
  let current = ''
  for (const word of text.split(/(?<= )/)) {
    if (current !== '' && wide(current) + wide(word.trimEnd()) > room) {
      lines.push(current.trimEnd())
      current = ''
    }
    current += word
  }
  return [...lines, current.trimEnd()]
}

/** Somebody's text, safe to print: one line, and nothing that a terminal would obey. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ')
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length, Math.floor(Math.log2(count) / 10))
  return `${(count / 1024 ** power).toFixed(1)} ${units[power - 1]}`
}

function line(row: string[], widths: number[], heading: boolean): string {
  const padded = row.map((cell, column) => {
    const width = widths[column] as number
    const fitting = wide(cell) > width ? `${stripVTControlCharacters(cell).slice(0, width - 1)}…` : cell
    return fitting + ' '.repeat(Math.max(0, width - wide(fitting)))
  })
  const text = padded.join('  ').trimEnd()
  return heading ? dim(text) : text
}

/** Characters that are seen. */
export function wide(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length
}
