/** What is looked for, and the words around it where it was found. */
import { oneLine } from '../terminal.js'

/** Characters that are kept on each side of a match. */
export const AROUND = 120

/** A match with what stands around it, each on one line. */
export interface Excerpt {
  before: string
  match: string
  after: string
}

export class Pattern {
  /** Characters of a text that a match and what is shown of its surroundings can take. */
  readonly reach: number
  readonly #finds: RegExp

  /** Upper and lower case are the same, and so is any white space. */
  constructor(text: string) {
    const parts = text
      .trim()
      .split(/\s+/)
      .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\/-]/g, (mark) => (mark === '-' ? String.raw`\x2d` : `\\${mark}`)))
    this.#finds = new RegExp(parts.join(String.raw`\s+`), 'iu')
    this.reach = text.length + AROUND * 2
  }

  find(text: string): Excerpt | undefined {
    const found = this.#finds.exec(text)
    if (found === null) return undefined
    const [from, to] = [found.index, found.index + found[0].length]
    const start = from > AROUND ? from - AROUND : 0
    return {
      before: `${start > 0 ? '…' : ''}${whole(text.slice(start, from))}`,
      match: oneLine(found[0]),
      after: `${whole(text.slice(to, to + AROUND))}${to + AROUND < text.length ? '…' : ''}`,
    }
  }
}

/** On one line, without half a character where it was cut. */
function whole(text: string): string {
  return oneLine(text.replace(/^[\u{DC00}-\u{DFFF}]/u, '').replace(/[\u{D800}-\u{DBFF}]$/u, ''))
}

/** As much of an excerpt as there is room for; the match stays, and its surroundings give way evenly. */
export function fitted({ before, match, after }: Excerpt, room: number): Excerpt {
  const [left, hit, right] = [before, match, after].map((text) => Array.from(text)) as [string[], string[], string[]]
  if (hit.length >= room) return { before: '', match: `${hit.slice(0, room - 1).join('')}…`, after: '' }
  const free = room - hit.length
  const most = Math.max(Math.floor(free / 3), free - right.length)
  const shown = Math.min(left.length, most)
  return { before: tail(left, shown), match, after: head(right, free - shown) }
}

function tail(text: readonly string[], most: number): string {
  return text.length <= most ? text.join('') : most === 0 ? '' : `…${text.slice(text.length - most + 1).join('')}`
}

function head(text: readonly string[], most: number): string {
  return text.length <= most ? text.join('') : most === 0 ? '' : `${text.slice(0, most - 1).join('')}…`
}
