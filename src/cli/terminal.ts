/** What a person sees: colours and tables that fit on a terminal, plain text everywhere else. */
import { stripVTControlCharacters, styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colours only on a terminal, and not where NO_COLOR asks for none. */
const colours = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''

export function styled(style: Style, text: string): string {
  return colours ? styleText(style, text, { validateStream: false }) : text
}

export const good = (text: string): string => styled('green', text)
export const bad = (text: string): string => styled('red', text)
export const dim = (text: string): string => styled('dim', text)
export const bold = (text: string): string => styled('bold', text)

export function print(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** A sentence, in lines that fit where there is a terminal. */
export function say(text: string): void {
  print(process.stdout.isTTY ? wrapped(text, 0).join('\n') : text)
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

/** No column gets narrower to make room. */
const COLUMN_MIN = 6

/** Columns that fit: whichever is the widest gives way where the terminal ends. The first row is the heading. Cells may be styled. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => wide(row[column] ?? ''))))
  const room = screenWidth() - 2 * (widths.length - 1)
  for (let over = widths.reduce((sum, width) => sum + width, 0) - room; over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] as number) > COLUMN_MIN) widths[widest] = (widths[widest] as number) - 1
  }
  return cells.map((row, i) => rowLine(row, widths, i === 0)).join('\n')
}

/** A paragraph in lines of the terminal's width, or of what one likes to read where that is wider. */
export function wrapped(text: string, indent: number): string[] {
  const room = Math.max(20, Math.min(screenWidth(), 120) - indent)
  const lines: string[] = []
  let current = ''
  for (const word of text.split(/(?<= )/).flatMap((one) => (wide(one.trimEnd()) > room ? broken(one, room) : [one]))) {
    if (current !== '' && wide(current) + wide(word.trimEnd()) > room) {
      lines.push(current.trimEnd())
      current = ''
    }
    current += word
  }
  return [...lines, current.trimEnd()]
}

/** What a word, or a mark, stands before: the lines of the text go on under its first. */
export function hanging(lead: string, text: string, indent: number): string[] {
  return wrapped(text, indent).map((line, i) => (i === 0 ? lead + ' '.repeat(Math.max(1, indent - wide(lead))) : ' '.repeat(indent)) + line)
}

/** A line in pieces that fit; nothing of it is lost. */
export function broken(line: string, width: number): string[] {
  const pieces: string[] = []
  let [piece, room] = ['', width]
  for (const character of line) {
    room -= wide(character)
    if (room < 0 && piece !== '') {
      pieces.push(piece)
      ;[piece, room] = ['', width - wide(character)]
    }
    piece += character
  }
  return [...pieces, piece]
}

/** As much of a line as fits, and a mark where something is left out. */
export function shortened(line: string, width: number): string {
  if (wide(line) <= width) return line
  return width < 1 ? '' : `${broken(line, width - 1)[0] ?? ''}…`
}

export function screenWidth(): number {
  return process.stdout.columns ?? 120
}

/** Somebody's text, safe to print: one line, and nothing that a terminal would obey. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ')
}

/** A line of somebody's text without what a terminal would obey; its spaces stay. */
export function clean(line: string): string {
  return line.replaceAll('\t', '    ').replaceAll(/\p{Cc}/gu, '')
}

/** How many of something, in words. */
export function numberOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length, Math.floor(Math.log2(count) / 10))
  return `${(count / 1024 ** power).toFixed(1)} ${units[power - 1]}`
}

function rowLine(row: string[], widths: number[], heading: boolean): string {
  const padded = row.map((cell, column) => {
    const width = widths[column] as number
    const fitting = wide(cell) > width ? shortened(stripVTControlCharacters(cell), width) : cell
    return fitting + ' '.repeat(Math.max(0, width - wide(fitting)))
  })
  const text = padded.join('  ').trimEnd()
  return heading ? dim(text) : text
}

/** Columns that a text takes: two for what East Asia writes and for pictures, none for what stands on the letter before. */
export function wide(text: string): number {
  let columns = 0
  for (const character of stripVTControlCharacters(text))
    columns += NARROW.test(character) ? 1 : NONE.test(character) ? 0 : TWO.test(character) ? 2 : 1
  return columns
}

const NARROW = /[ -~]/
const NONE = /\p{Mn}|\p{Me}|[\u{200B}-\u{200D}]/u
const TWO =
  /[\u{1100}-\u{115F}\u{2E80}-\u{A4CF}\u{AC00}-\u{D7A3}\u{F900}-\u{FAFF}\u{FE30}-\u{FE6F}\u{FF00}-\u{FF60}\u{FFE0}-\u{FFE6}\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u
