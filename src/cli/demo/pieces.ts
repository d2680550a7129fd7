/** Cuts a text into what a model would stream: pieces that end behind a space where there is one, and never inside a character. */

/** Most pieces of one text; a longer text gets longer pieces. */
const PIECES_MAX = 24
const PIECE_CHARACTERS = 24

export function pieces(text: string): string[] {
  const characters = Array.from(text)
  const length = Math.max(PIECE_CHARACTERS, Math.ceil(characters.length / PIECES_MAX))
  const cut: string[] = []
  for (let at = 0; at < characters.length;) {
    const space = characters.lastIndexOf(' ', at + length - 1)
    const end = space < at + length / 2 || at + length >= characters.length ? at + length : space + 1
    cut.push(characters.slice(at, end).join(''))
    at = end
  }
  return cut
}
